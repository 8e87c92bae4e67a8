import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Verification } from '@showcard/sdk'
import { Sign, wordOf } from '../kit/outcome'
import { type Pair, pick, say, when } from '../kit/text'
import { Button, Facts, Failure, Notice, useAction } from '../kit/ui'
import { type Catalogue, type TypeDescription, Value, fieldOf, inOrder, labels, typeOf } from '../kit/values'
import { asTrouble, leave } from '../kit/workstation'
import { check } from '../strings/check'
import { ChecksOffline, ChecksOnline } from './checks'
import type { Desk, Shown } from './desk'
import { Portrait } from './portrait'
import type { Standby } from './standby'
import { PastOnes } from './states'

interface Props { desk: Desk; shown: Shown; types: Catalogue | undefined; standby: Standby; left: number; next: () => void; refocus: () => void }

/** One word, large, in colour and shape; then why and what to do; then what the clerk may see. */
export function AnswerView({ desk, shown, types, standby, left, next, refocus }: Props): JSX.Element {
  const { answer, offline, mark, reasons } = shown
  const took = useTook(shown)
  const at = useRef<HTMLElement>(null)
  useEffect(() => { // into sight, and not further than that
    const top = at.current?.getBoundingClientRect().top ?? 0
    if (top < 0 || top > innerHeight * 0.55) at.current?.scrollIntoView({ block: 'start' })
  }, [mark]) // also when the clerk's word has changed it
  const version = Number(/\/(\d+)$/.exec(answer?.vct ?? '')?.[1]) || undefined
  const type = types && typeOf(types, answer?.type ?? offline?.type, version)
  return (
    <section ref={at} class={`c-answer panel ${mark}`} id="result" data-outcome={mark} data-ms={took ?? ''} aria-labelledby="word">
      <div class="c-outcome">
        <Sign mark={mark} />
        <h2 id="word">{say(wordOf(mark))}</h2>
        {type && <p class="c-type">{say(type.name)}</p>}
      </div>
      <p class="sr" role="alert">{[say(wordOf(mark)), ...reasons.map((r) => pick(r.title))].join(' ')}</p>
      {reasons.length > 0 && <ul class="c-reasons" id="reasons">{reasons.map((r) => <li key={r.code}><strong>{pick(r.title)}</strong><span>{pick(r.next)}</span></li>)}</ul>}
      {shown.again && <Button id="ask-again" onClick={shown.again}>{say(check.askAgain)}</Button>}
      {shown.turnedAway && <Button kind="quiet" onClick={() => { void leave().finally(() => location.reload()) }}>{say(check.enrolAgain)}</Button>}
      {answer && <Online desk={desk} answer={answer} types={types} type={type} refocus={refocus} />}
      {offline && (
        <>
          {offline.status.asOf && <Notice tone="warn"><p>{say(check.offlineAnswer, { at: when(offline.status.asOf) })} {offline.fields && say(check.offlineMasked)}</p></Notice>}
          {offline.fields && <div id="claims"><Facts rows={offline.fields.map((f) => [pick(f.label), types ? <Value of={types} field={fieldOf(type, f.name)} value={f.value} /> : String(f.value)])} /></div>}
          {shown.waits && <Waits name={shown.waits} valid={mark === 'valid'} standby={standby} refocus={refocus} />}
        </>
      )}
      <div class="c-foot">
        <Button kind="main" id="next" onClick={next}>{say(check.next)}</Button>
        <p class="small"><span id="clearing">{say(check.clearing, { n: left })}</span>{took !== undefined && <span id="took">{say(check.took, { n: took })}</span>}</p>
      </div>
      {answer && <Receipt desk={desk} answer={answer} />}
      {answer && <ChecksOnline answer={answer} />}
      {offline && <ChecksOffline result={offline} />}
      <PastOnes desk={desk} types={types} />
    </section>
  )
}

/** From the scan until the answer was on the screen. */
function useTook(shown: Shown): number | undefined {
  const [took, set] = useState<number>()
  useEffect(() => {
    if (shown.began === undefined) return
    const began = shown.began
    const frame = requestAnimationFrame(() => set(Math.round(performance.now() - began)))
    return () => cancelAnimationFrame(frame)
  }, [])
  return took
}

const consents: Record<string, Pair> = { yes: check.consentYes, no: check.consentNo, lapsed: check.consentLapsed, refused: check.consentRefused }

function Online({ desk, answer, types, type, refocus }: { desk: Desk; refocus: () => void; answer: Verification; types: Catalogue | undefined; type: TypeDescription | undefined }): JSX.Element {
  const { claims = {}, live, live_at, consent } = answer
  const row = (n: string, v: unknown): [string, JSX.Element] => {
    const field = fieldOf(type, n)
    return [say(field.l), types ? <Value of={types} field={field} value={v} /> : <>{String(v)}</>]
  }
  const asked = consent && consents[consent.answer]
  const shown = inOrder(type, Object.keys(claims)).filter((n) => n !== 'portrait_digest') // the picture itself stands beside
  return (
    <>
      {asked && <Notice><p id="consent">{say(asked, { what: labels(type, consent.asked) })}</p></Notice>}
      <div class="c-split">
        {answer.portrait && <Portrait desk={desk} answer={answer} refocus={refocus} />}
        <div class="c-facts">
          {shown.length > 0 && <div id="claims"><h3>{say(check.facts)}</h3><Facts rows={shown.map((n) => row(n, claims[n]))} /></div>}
          {live && <div id="live"><h3>{say(check.live)} <span class="small">{live_at && say(check.asOf, { at: when(live_at) })}</span></h3><Facts rows={inOrder(type, Object.keys(live)).map((n) => row(n, live[n]))} /></div>}
        </div>
      </div>
    </>
  )
}

/** What was signed about the check, for the file. */
function Receipt({ desk, answer }: { desk: Desk; answer: Verification }): JSX.Element {
  const action = useAction()
  const receipt = (): void => action.run(async () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(await desk.w.client.receipt(answer.id), null, 1)], { type: 'application/json' }))
    const a = document.createElement('a')
    a.href = url
    a.download = `receipt-${answer.id}.json`
    a.click()
    setTimeout(() => URL.revokeObjectURL(url), 1000)
  })
  return (
    <div class="c-receipt">
      {action.error !== undefined && <Failure error={asTrouble(action.error)} />}
      <Button kind="quiet" id="receipt" busy={action.busy} onClick={receipt}>{say(check.receipt)}</Button>
    </div>
  )
}

function Waits({ name, valid, standby, refocus }: { name: string; valid: boolean; standby: Standby; refocus: () => void }): JSX.Element {
  const [done, set] = useState(false)
  return (
    <div class="c-waits">
      <p class="small" id="waits">{say(check.waits)}</p>
      {valid && !done && <Button kind="quiet" onClick={() => { void standby.compared(name).then(() => { set(true); refocus() }) }}>{say(check.compareCard)}</Button>}
      {done && <p class="is yes" role="status">{say(check.compareCardDone)}</p>}
    </div>
  )
}
