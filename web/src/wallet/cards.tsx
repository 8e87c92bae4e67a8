import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { call } from '../kit/api'
import { kept } from '../kit/prefs'
import { type Text, pick, say } from '../kit/text'
import { Button, Empty, Failure, Heading, Loading, useLoad } from '../kit/ui'
import type { Catalogue } from '../kit/values'
import { wallet } from '../strings/wallet'
import { type Holding, clockWrong, ended, face, stateOf } from './data'
import { later } from './later'
import type { Session } from './session'

export const Note = later(() => import('./notes').then((m) => m.Note), true)
const Clock = later(() => import('./notes').then((m) => m.Clock), true)

const colour = (c: string | undefined): string => (/^#[0-9a-f]{6}$/i.test(c ?? '') ? (c as string) : '')
const marks = { valid: '✓', suspended: '‖', expired: '!', withdrawn: '✕', cancelled: '✕', lapsed: '✕', transferred: '✕', revoked: '✕' }

/** The colours of a certificate, as its department gave them. */
export function paint(h: Holding): JSX.CSSProperties {
  const from = colour(h.card.background)
  if (!from || ended(h)) return {}
  return { backgroundImage: `linear-gradient(135deg, ${from}, ${colour(h.card.background_end) || from})`, backgroundColor: from, color: colour(h.card.text_color) || '#ffffff' }
}

/** What a certificate looks like. */
export function Face({ c, h, note }: { c: Catalogue; h: Holding; note?: JSX.Element | false | undefined }): JSX.Element {
  const state = stateOf(h)
  const [whose, which] = face(c, h)
  return (
    <span class={`w-card${ended(h) ? ' over' : ''}`} style={paint(h)}>
      <span class="w-card-top">
        <strong>{pick(h.name)}</strong>
        <span class={`w-badge ${ended(h) ? 'ended' : state}`}><span aria-hidden="true">{marks[state]} </span>{say(wallet[state])}</span>
      </span>
      <span class="w-card-who">{whose && <span class="w-card-name">{whose}</span>}{which && <span class="w-card-number">{which}</span>}</span>
      <span class="w-card-foot">
        <span>{pick(h.issuer)}</span>
        <span>{!h.valid_until || h.valid_until === 'long-term' ? say(wallet.longTerm) : say(wallet.until, { day: h.valid_until })}</span>
      </span>
      {(h.acting || note) && <span class="w-card-note">{h.acting && <span>{say(wallet.acting)}</span>}{note}</span>}
    </span>
  )
}

/** Her certificates, each a button. */
export function Cards({ session, choose, atHand, reload, children }: {
  session: Extract<Session, { all: unknown }>
  choose: (h: Holding) => void
  atHand: ReadonlyMap<string, number>
  reload: () => void
  children?: JSX.Element | false | undefined
}): JSX.Element {
  const { all, catalogue, me, phase } = session
  const offline = (h: Holding): boolean => [...atHand.keys()].some((k) => k.startsWith(`${h.identifier}/`))
  return (
    <>
      <div class="w-hello"><Heading>{me.name ? say(wallet.hello, { name: me.name }) : say(wallet.title)}</Heading><Chip on={phase === 'in'} /></div>
      {phase === 'away' && <Note name="awayNote" />}
      {clockWrong() && <Clock />}
      {all.length === 0 && <Empty><p><strong>{say(wallet.none)}</strong></p><p>{say(wallet.noneNext)}</p><Button kind="quiet" onClick={reload}>{say(wallet.reload)}</Button></Empty>}
      <ul class="w-cards">
        {all.map((h) => (
          <li key={h.identifier}>
            <button type="button" class="w-pick" onClick={() => choose(h)}><Face c={catalogue} h={h} note={offline(h) && <span>{say(wallet.worksOffline)}</span>} /></button>
          </li>
        ))}
      </ul>
      {children}
    </>
  )
}

/** Says of which kind codes are at the moment. */
export function Chip({ on, code = false }: { on: boolean; code?: boolean }): JSX.Element {
  return <span class={`w-chip ${on ? 'on' : 'off'}`} role="status"><span class="w-dot" aria-hidden="true" />{say(code ? (on ? wallet.onlineCode : wallet.offlineCode) : on ? wallet.online : wallet.offline)}</span>
}

/** Where she has been when her session ended: she comes back to it. */
const backTo = 'back'
/** That everything of hers was erased: the page says so once it has begun anew. */
export const erasedKey = 'erased'
export function comeBack(): void {
  const to = kept.get(backTo)
  if (!to) return
  kept.drop(backTo)
  if (!location.hash) location.hash = to
}

interface Provider { readonly id: string; readonly name: Text }

export function SignIn({ why }: { why?: 'elsewhere' | 'over' | undefined }): JSX.Element {
  const list = useLoad(() => call<{ providers: Provider[] }>('GET', '/v1/sign-in/providers'), [])
  const [left, leave] = useState('')
  const [erased] = useState(() => { const was = kept.get(erasedKey); kept.drop(erasedKey); return was })
  useEffect(() => { if (why === 'over' && /^#(choose|history|corrections|reviews|companies)/.test(location.hash)) kept.set(backTo, location.hash) }, [])
  return (
    <section class="w-signin">
      <div class="w-fan" aria-hidden="true"><span /><span /><span /></div>
      <Heading>{say(wallet.title)}</Heading>
      {erased && <Note name="erased" tone="good" />}
      {why && <Note name={why === 'elsewhere' ? 'leftElsewhere' : 'sessionOver'} />}
      <p class="lead">{say(wallet.signInLead)}</p>
      {list.busy && !list.data && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      <ul class="w-providers">
        {list.data?.providers.map((p) => (
          <li key={p.id}><a class="button main" href={`/v1/sign-in/${encodeURIComponent(p.id)}`} aria-busy={left === p.id || undefined} onClick={() => leave(p.id)}>{left === p.id && <span class="spinner" aria-hidden="true" />}{say(wallet.signInWith, { name: pick(p.name) })}</a></li>
        ))}
      </ul>
      {list.data?.providers.length === 0 && <Note name="noProvider" tone="bad" />}
    </section>
  )
}
