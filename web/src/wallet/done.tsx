import './more.css'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { call } from '../kit/api'
import { Sign, markOf } from '../kit/outcome'
import { current } from '../kit/prefs'
import { hush, speak } from '../kit/speech'
import { type Text, pick, say, when } from '../kit/text'
import { Button, Facts, Failure, Heading, Notice } from '../kit/ui'
import { type Catalogue, labels, typeOf } from '../kit/values'
import { walletlive as words, walletlive } from '../strings/walletlive'
import { purposeName } from './purposes'
import type { Order } from './data'
import { Rate } from './rate'
import type { End } from './show'

/** What a reason code says, in the words of the server. */
export function Reason({ code }: { code: string }): JSX.Element {
  const [title, set] = useState<Text>()
  useEffect(() => { call<{ title: Text | string; title_zh?: string }>('GET', `/problems/${encodeURIComponent(code)}`).then((p) => set(typeof p.title === 'string' ? { zh: p.title_zh ?? p.title, en: p.title } : p.title), () => set({ zh: code, en: code })) }, [code])
  return <>{pick(title)}</>
}

/** Who scanned it, what for, and what they saw. */
export function Done({ end, order, c, again, busy, home }: { end: End; order: Order; c: Catalogue; again: () => void; busy: boolean; home: () => void }): JSX.Element {
  const care = current().mode === 'care'
  // The server's sentence is for who checks; she is told of herself.
  const dismissed = end.how === 'refused' && end.error.code === 'agency-over'
  const s = end.how === 'scanned' ? end.scanned : undefined
  const type = typeOf(c, order.holding.type, order.holding.version)
  const mark = s ? (s.outcome === 'refused' ? 'refused' : markOf(s.outcome)) : 'refused'
  useEffect(() => {
    if (s && 'vibrate' in navigator) navigator.vibrate(s.outcome === 'valid' ? [80, 60, 80] : 400)
    if (!care || !s) return undefined
    if (s.outcome === 'valid') speak(words.careDone, { party: pick(s.party) })
    else speak(words.careFailed)
    return hush
  }, [])
  return (
    <section class="w-done">
      {s ? (
        <>
          <div class="w-done-top"><Sign mark={mark} /><Heading>{say(words.scannedBy, { party: pick(s.party) })}</Heading><p class="lead">{say(walletlive[`is-${mark}`])}{s.purpose && <> · {say(words.scannedFor, { purpose: purposeName(s.purpose) })}</>}</p></div>
          <div class="panel"><Facts rows={[
            [say(words.saw), s.fields.length ? labels(type, s.fields) : say(words.sawNothing)],
            [say(words.at), when(s.at ?? Date.now(), true)],
            ...(s.reasons ?? []).map((r) => [say(words.why), <Reason code={r} />] as const),
          ]} /></div>
          {s.verification && s.outcome !== 'refused' && <Rate verification={s.verification} />}
        </>
      ) : (
        <div class="w-done-top"><Sign mark="refused" /><Heading>{say(words.showEnded)}</Heading>{dismissed ? <Notice tone="bad"><p><strong>{say(words.dismissed)}</strong> {say(words.dismissedNext)}</p></Notice> : end.how === 'refused' ? <Failure error={end.error} /> : <p class="lead">{say(words.nobodyLooked)}</p>}</div>
      )}
      <Button kind="main" onClick={home}>{say(words.toCards)}</Button>
      {!dismissed && <Button kind="quiet" busy={busy} onClick={again}>{say(words.again)}</Button>}
    </section>
  )
}
