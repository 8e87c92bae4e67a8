import './more.css'
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { request } from '../kit/api'
import { type Pair, say } from '../kit/text'
import { Button, Dialog, Failure, Heading, Notice, isCare, useAction } from '../kit/ui'
import { shared } from '../strings/shared'
import { walletoffline } from '../strings/walletoffline'
import { walletspace as words } from '../strings/walletspace'
import { Companies } from './companies'
import { Consents } from './consents'
import { Corrections } from './corrections'
import { leftKey, signedOut } from './data'
import { Devices } from './devices'
import { dropDrafts } from './draft'
import { History, OneLook } from './history'
import { forget } from './offline'
import { Passkeys } from './passkeys'
import { Reviews } from './reviews'
import { Rights } from './rights'
import type { Session } from './session'

type Signed = Extract<Session, { all: unknown }>

/** Signs out, here or everywhere, and leaves nothing of hers behind. */
export async function leave(everywhere: boolean): Promise<void> {
  try { await request('POST', '/v1/sign-out', { body: { everywhere } }) } catch (e) { if (!signedOut(e)) throw e }
  await gone()
}
export async function gone(): Promise<void> {
  await forget()
  dropDrafts()
  // Other tabs of hers hear of it.
  try { localStorage.setItem(leftKey, String(Date.now())) } catch { /* they find out by themselves */ }
  location.hash = ''
  location.reload()
}

const titles: Readonly<Record<string, Pair>> = {
  history: words.history, look: words.look, devices: walletoffline.title, consents: words.consents, companies: words.toCompanies,
  corrections: words.corrections, reviews: words.reviews, passkeys: words.passkeys, data: words.data,
}

/** Everything behind the cards, one view at a time. */
export function Space({ view, rest, go, session, changed }: { view: string; rest: readonly string[]; go: (...to: string[]) => void; session: Signed; changed: () => void }): JSX.Element {
  const back = view === 'look' ? 'history' : view === 'me' ? '' : view === 'appoint' ? 'companies' : 'me'
  const bar = (view !== 'me' && view !== 'history') || isCare() ? <div class="w-bar"><Button kind="quiet" onClick={() => (back ? go(back) : go())}>‹ {say(shared.back)}</Button></div> : null
  if (session.phase === 'away' && view !== 'me') return <>{bar}<Heading>{say(titles[view] ?? words.me)}</Heading><Notice tone="warn" live><p>{say(words.needNetwork)}</p></Notice></>
  const part = (): JSX.Element => {
    switch (view) {
      case 'history': return <History c={session.catalogue} go={go} />
      case 'look': return <OneLook id={rest[0] ?? ''} go={go} />
      case 'devices': return <Devices session={session} changed={changed} />
      case 'consents': return <Consents />
      case 'companies': return <Companies session={session} appoint={rest[0]} go={go} changed={changed} />
      case 'corrections': return <Corrections session={session} about={rest} />
      case 'reviews': return <Reviews />
      case 'passkeys': return <Passkeys />
      case 'data': return <Rights />
      default: return <Menu session={session} go={go} />
    }
  }
  return <>{bar}{part()}</>
}

function Menu({ session, go }: { session: Signed; go: (...to: string[]) => void }): JSX.Element {
  const [asking, ask] = useState(false)
  const action = useAction()
  const row = (to: string, title: string, note: string): JSX.Element => (
    <li><a href={`#${to}`} onClick={(e) => { e.preventDefault(); go(to) }}><span class="grow"><strong>{title}</strong><span class="small">{note}</span></span><span aria-hidden="true">›</span></a></li>
  )
  return (
    <section class="w-me">
      <Heading>{session.me.name || say(words.me)}</Heading>
      <p class="small">{say(words.signedInAs)}</p>
      {session.phase === 'away' && <Notice tone="warn"><p>{say(words.needNetwork)}</p></Notice>}
      <h2>{say(words.groupShow)}</h2>
      <ul class="w-menu">
        {isCare() && row('history', say(words.toHistory), say(words.toHistoryNote))}
        {row('devices', say(walletoffline.title), say(words.toDevicesNote))}
        {row('companies', say(words.toCompanies), say(words.toCompaniesNote))}
      </ul>
      <h2>{say(words.groupRights)}</h2>
      <ul class="w-menu">
        {row('consents', say(words.toConsents), say(words.toConsentsNote))}
        {row('corrections', say(words.toCorrections), say(words.toCorrectionsNote))}
        {row('reviews', say(words.toReviews), say(words.toReviewsNote))}
        {row('data', say(words.toData), say(words.toDataNote))}
      </ul>
      <h2>{say(words.groupSafety)}</h2>
      <ul class="w-menu">
        {row('passkeys', say(words.toPasskeys), say(words.toPasskeysNote))}
        <li><button type="button" disabled={action.busy} onClick={() => action.run(() => leave(false))}><span class="grow"><strong>{say(words.signOut)}</strong><span class="small">{say(words.signOutNote)}</span></span></button></li>
        <li><button type="button" class="bad" onClick={() => ask(true)}><span class="grow"><strong>{say(words.everywhere)}</strong></span></button></li>
      </ul>
      {action.error !== undefined && <Failure error={action.error} />}
      {asking && (
        <Dialog title={say(words.everywhereTitle)} onClose={() => ask(false)}>
          <p>{say(words.everywhereAsk)}</p>
          <div class="row"><Button kind="quiet" onClick={() => ask(false)}>{say(shared.cancel)}</Button><Button kind="danger" busy={action.busy} onClick={() => action.run(() => leave(true))}>{say(words.everywhere)}</Button></div>
        </Dialog>
      )}
    </section>
  )
}
