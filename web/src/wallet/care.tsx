import './more.css'
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { kept } from '../kit/prefs'
import { pick, say } from '../kit/text'
import { Button, Failure, Heading } from '../kit/ui'
import { labels, typeOf } from '../kit/values'
import { shared } from '../strings/shared'
import { wallet } from '../strings/wallet'
import { walletlive as words } from '../strings/walletlive'
import { Face } from './cards'
import { type Holding, type Order, ended, firstView } from './data'
import { Clock, Note } from './notes'
import { Spoken } from './spoken'
import { StepUp } from './stepup'
import type { Session } from './session'

// 关怀版: one card, one button. What it shows is what says who she is; everything else is behind "more", in plain sight.

export function Care({ session, atHand, busy, error, prove, proved, show, more }: {
  session: Extract<Session, { all: unknown }>
  atHand: ReadonlyMap<string, number>
  busy: boolean
  error: unknown
  prove: boolean
  proved: () => void
  show: (o: Order) => void
  more: () => void
}): JSX.Element {
  const { all, catalogue, phase } = session
  const [picking, pickOne] = useState(false)
  const [at, choose] = useState(() => kept.get('care-card') ?? '')
  const able = all.filter((h) => !ended(h))
  // Only the type is remembered on the device, not which certificate.
  const h = able.find((one) => one.identifier === at) ?? able.find((one) => one.type === at) ?? able[0]
  const take = (one: Holding): void => { choose(one.identifier); kept.set('care-card', one.type); pickOne(false) }
  if (!h) return <section class="w-care"><Heading>{say(wallet.none)}</Heading><p>{say(words.careNothing)}</p><Button kind="quiet" onClick={more}>{say(wallet.careMore)}</Button></section>
  if (picking) {
    return (
      <section class="w-care">
        <Heading>{say(words.carePick)}</Heading>
        <ul class="w-cards">{able.map((one) => <li key={one.identifier}><button type="button" class="w-pick" onClick={() => take(one)}><Face c={catalogue} h={one} /></button></li>)}</ul>
        <Button kind="quiet" onClick={() => pickOne(false)}>{say(shared.back)}</Button>
      </section>
    )
  }
  const there = [...atHand.keys()].filter((k) => k.startsWith(`${h.identifier}/`)).map((k) => k.slice(h.identifier.length + 1))
  const view = (phase === 'away' && h.views.find((v) => there.includes(v.name))) || firstView(h)
  const what = labels(typeOf(catalogue, h.type, h.version), view?.fields ?? [])
  return (
    <section class="w-care">
      <Heading>{pick(h.name)}</Heading>
      {phase === 'away' && <Note name="awayNote" />}
      <Clock />
      {error !== undefined && <Failure error={error} />}
      {prove && <StepUp done={proved} what="show" />}
      <div class="w-face"><Face c={catalogue} h={h} /></div>
      <p>{say(words.careTheySee, { what })}</p>
      <div class="w-dock"><Button kind="main" busy={busy} disabled={!view} onClick={() => { if (view) show({ holding: h, view: view.name, fields: view.fields, purpose: '' }) }}>{say(words.careShow)}</Button></div>
      <Spoken text={words.careHello} values={{ name: pick(h.name) }} />
      {able.length > 1 && <Button kind="quiet" onClick={() => pickOne(true)}>{say(words.careOther)}</Button>}
      <Button kind="quiet" onClick={more}>{say(wallet.careMore)}</Button>
    </section>
  )
}
