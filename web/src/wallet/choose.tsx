import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { pick, say } from '../kit/text'
import { Button, Failure, Heading } from '../kit/ui'
import { type Catalogue, inOrder, labels, typeOf } from '../kit/values'
import { shared } from '../strings/shared'
import { wallet } from '../strings/wallet'
import { Face, Note } from './cards'
import { type Holding, type Order, type View, ended, firstView, stateOf } from './data'
import { later } from './later'

const Contents = later(() => import('./contents').then((m) => m.Contents))
const Narrow = later(() => import('./narrow').then((m) => m.Narrow), true)
const StepUp = later(() => import('./stepup').then((m) => m.StepUp))

// What shows least stands first, and everything last.
const inSight = (h: Holding): readonly View[] => { const first = firstView(h); return [...h.views].sort((a, b) => (a === first ? -1 : b === first ? 1 : a.fields.length - b.fields.length)) }

/** What they may see, and for what: everything in sight, the code one tap away. */
export function Choose({ c, h, away, views, error, busy, prove, proved, show, back }: {
  c: Catalogue
  h: Holding
  /** The server is away: only what is at hand can be shown. */
  away: boolean
  views: readonly string[]
  error: unknown
  busy: boolean
  /** She has to prove first that it is she. */
  prove: boolean
  proved: () => void
  show: (o: Order) => void
  back: () => void
}): JSX.Element {
  const type = typeOf(c, h.type, h.version)
  const possible = (name: string): boolean => !away || views.includes(name)
  const first = away ? h.views.find((v) => views.includes(v.name)) : firstView(h)
  const [picked, pickView] = useState(first?.name ?? '')
  const [own, setOwn] = useState<readonly string[]>([])
  const [purpose, setPurpose] = useState('')
  const [open, setOpen] = useState(false)
  const every = inOrder(type, [...new Set(h.views.flatMap((v) => v.fields))])
  const view = h.views.find((v) => v.name === picked)
  const fields = view ? view.fields : own
  const submit = (): void => { if (fields.length) show({ holding: h, ...(view ? { view: view.name } : {}), fields, purpose }) }
  return (
    <>
      <div class="w-bar"><Button kind="quiet" onClick={back}>‹ {say(shared.back)}</Button></div>
      <div class="w-face"><Face c={c} h={h} /></div>
      {ended(h) && <Note name="ended" />}
      {!ended(h) && stateOf(h) !== 'valid' && <Note name="notValidNow" />}
      {error !== undefined && <Failure error={error} />}
      {prove && <StepUp done={proved} what="show" />}
      {!ended(h) && !prove && (
        <form onSubmit={(e) => { e.preventDefault(); submit() }}>
          <fieldset class="w-views">
            <legend><Heading>{say(wallet.whatToShow)}</Heading></legend>
            {inSight(h).map((v) => (
              <label key={v.name} class={possible(v.name) ? '' : 'not'}>
                <input type="radio" name="view" value={v.name} checked={picked === v.name} disabled={!possible(v.name)} onChange={() => pickView(v.name)} />
                <span class="grow"><strong>{pick(v.label)}</strong><span class="small">{possible(v.name) ? labels(type, v.fields) : say(wallet.notAtHand)}</span></span>
              </label>
            ))}
            {!away && (
              <label>
                <input type="radio" name="view" value="" checked={picked === ''} onChange={() => pickView('')} />
                <span class="grow"><strong>{say(wallet.ownChoice)}</strong><span class="small">{labels(type, own)}</span></span>
              </label>
            )}
          </fieldset>
          <Narrow type={type} every={picked === '' && !away ? every : undefined} own={own} setOwn={setOwn} purpose={purpose} setPurpose={setPurpose} />
          <div class="w-dock">
            <Button kind="main" type="submit" busy={busy} disabled={fields.length === 0}>{say(wallet.showCode)} <span class="w-count">{say(wallet.fieldsCount, { n: fields.length })}</span></Button>
            {fields.length === 0 && <p class="small">{say(wallet.chooseOne)}</p>}
          </div>
        </form>
      )}
      {!away && !prove && (
        <details class="w-contents" onToggle={(e) => setOpen(e.currentTarget.open)}>
          <summary>{say(wallet.contents)}</summary>
          {open && <Contents h={h} />}
        </details>
      )}
    </>
  )
}
