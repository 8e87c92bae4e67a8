// The citizen's page. Until the first code is on the screen a phone loads only what stands in this file and what it imports.
import '../kit/theme.css'
import './wallet.css'
import { type JSX, render } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { usePrefs } from '../kit/prefs'
import { say } from '../kit/text'
import { Failure, Loading, Page, useRoute } from '../kit/ui'
import { describe } from './data'
import { Trouble, troubleOf } from '../kit/api'
import { wallet } from '../strings/wallet'
import { Cards, SignIn, comeBack } from './cards'
import { Choose } from './choose'
import type { Holding, Order } from './data'
import { later } from './later'
import type { End, Show } from './show'
import { tellOut, useSession } from './session'

// What shows a code is fetched while she chooses.
const Code = later(() => import('./code').then((m) => m.CodeView))
const Space = later(() => import('./space').then((m) => m.Space))
const Done = later(() => import('./done').then((m) => m.Done))
const Care = later(() => import('./care').then((m) => m.Care))
const Offer = later(() => import('./devices').then((m) => m.Offer), true)

// Which certificate she was about to show outlives a reload, and the way to her provider and back, in this tab.
const chosenKey = 'showcard.chosen'
const lastChosen = (): string | null => { try { return sessionStorage.getItem(chosenKey) } catch { return null } }

function App(): JSX.Element {
  const { mode } = usePrefs()
  const [session, open] = useSession()
  const [[view = '', ...rest], go] = useRoute()
  const [chosen, choose] = useState<Holding>()
  const [show, setShow] = useState<Show>()
  const [end, setEnd] = useState<{ end: End; order: Order }>()
  const [state, set] = useState<{ busy: boolean; error?: unknown; prove?: Order }>({ busy: false })
  const [atHand, setAtHand] = useState<ReadonlyMap<string, number>>(new Map())
  const signed = session.phase === 'in' || session.phase === 'away'
  const care = mode === 'care'

  const count = useCallback(() => { void import('./offline').then((m) => m.atHand()).then(setAtHand).catch(() => undefined) }, [])
  // The stock is looked after once the cards and their types are there; without a device that has one this costs nothing but a look.
  const named = 'catalogue' in session && Object.keys(session.catalogue.types).length > 0
  useEffect(() => {
    count()
    if (session.phase === 'in') comeBack()
    void import('./code').catch(() => undefined)
  }, [session.phase])
  useEffect(() => {
    if (session.phase !== 'in' || !named) return undefined
    let stop: (() => void) | undefined
    let gone = false
    void import('./offline').then((m) => {
      if (gone) return
      const of = (h: Holding): readonly string[] => describe(session.catalogue, h)?.offline ?? []
      stop = m.rounds(() => m.tend(session.all, of, (h) => describe(session.catalogue, h)?.sensitive ?? false).finally(count))
    }).catch(() => undefined)
    void import('../kit/worker').then((m) => m.takeAlong('wallet')).catch(() => undefined)
    return () => { gone = true; stop?.() }
  }, [session.phase, named])
  // A view that nothing is known of any more (a reload, another tab) begins at the cards; leaving the code closes it.
  useEffect(() => {
    if (show && view !== 'code') { show.close(); setShow(undefined) }
    if (!('all' in session)) return
    const last = view === 'choose' && !chosen ? session.all.find((h) => h.identifier === lastChosen()) : undefined
    if (last) choose(last)
    else if ((view === 'choose' && !chosen) || (view === 'code' && !show) || (view === 'done' && !end)) go()
  }, [view, signed])
  useEffect(() => { if (session.phase === 'out' && show) { show.close(); setShow(undefined) } }, [session.phase])

  const start = (order: Order): void => {
    if (state.busy) return
    set({ busy: true })
    import('./show').then((m) => m.Show.open(order)).then(
      (s) => {
        set({ busy: false })
        setShow(s)
        go('code')
        if (session.phase === 'in' && order.view && s.id) {
          const views = describe(session.catalogue, order.holding)?.offline ?? []
          void import('./offline').then((m) => m.remember(order.holding, order.view ?? '', views)).then(count).catch(() => undefined)
        }
      },
      (e: unknown) => {
        tellOut(e)
        const prove = e instanceof Trouble && e.code === 'step-up-required'
        set(prove ? { busy: false, prove: order } : { busy: false, error: troubleOf(e) })
        if (view !== 'done') return
        choose(order.holding) // what it says is said where she chose
        go(...(care ? [] : ['choose']))
      },
    )
  }
  const over = (e: End): void => {
    if (!show) return
    setShow(undefined)
    setEnd({ end: e, order: show.order })
    count()
    if (e.how === 'signed-out' || e.how === 'refused') open() // what was refused may not be hers any more
    if (e.how !== 'signed-out' && view === 'code') go('done')
  }
  const pickOne = (h: Holding): void => {
    choose(h)
    try { sessionStorage.setItem(chosenKey, h.identifier) } catch { /* full, or none */ }
    set({ busy: false })
    go('choose')
  }
  const home = (): void => { setEnd(undefined); go() }

  let part: JSX.Element
  if (session.phase === 'loading') part = <Loading />
  else if (session.phase === 'out') part = <SignIn why={session.why} />
  else if (session.phase === 'failed') part = <Failure error={session.error} again={open} />
  else if (show && view === 'code') {
    part = <Code show={show} c={session.catalogue} ended={over} close={() => { show.close(); setShow(undefined); go() }} />
  } else if (view === 'done' && end) {
    part = <Done end={end.end} order={end.order} c={session.catalogue} again={() => start(end.order)} busy={state.busy} home={home} />
  } else if (view === 'choose' && chosen) {
    const views = [...atHand.keys()].filter((k) => k.startsWith(`${chosen.identifier}/`)).map((k) => k.slice(chosen.identifier.length + 1))
    part = (
      <Choose key={chosen.identifier} c={session.catalogue} h={chosen} away={session.phase === 'away'} views={views} error={state.error} busy={state.busy} prove={state.prove !== undefined}
        proved={() => { if (state.prove) start(state.prove) }} show={start} back={home} />
    )
  } else if (view && view !== 'choose' && view !== 'code' && view !== 'done') {
    part = <Space view={view} rest={rest} go={go} session={session} changed={() => { count(); open() }} />
  } else if (care) {
    part = <Care session={session} atHand={atHand} busy={state.busy} error={state.error} prove={state.prove !== undefined} proved={() => { if (state.prove) start(state.prove) }} show={start} more={() => go('me')} />
  } else {
    part = <Cards session={session} choose={pickOne} atHand={atHand} reload={open}>{session.phase === 'in' && session.all.length > 0 && <Offer ready={atHand.size > 0} go={go} />}</Cards>
  }
  const full = show !== undefined && view === 'code'
  return (
    <Page title={wallet.title}>
      {part}
      {signed && !care && !full && <Tabs view={view} go={go} />}
    </Page>
  )
}

function Tabs({ view, go }: { view: string; go: (...to: string[]) => void }): JSX.Element {
  const at = ['history', 'look'].includes(view) ? 'history' : ['', 'choose', 'code', 'done'].includes(view) ? '' : 'me'
  const tab = (to: string, label: string, icon: string): JSX.Element => (
    <a href={to ? `#${to}` : '#'} aria-current={at === to ? 'page' : undefined} onClick={(e) => { e.preventDefault(); to ? go(to) : go() }}>
      <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d={icon} /></svg><span>{label}</span>
    </a>
  )
  return (
    <nav class="w-tabs" aria-label={say(wallet.tabs)}>
      {tab('', say(wallet.tabCards), 'M4 6h16a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 20 18H4a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 4 6zM2.5 10h19M6 14.5h5')}
      {tab('history', say(wallet.tabHistory), 'M12 3a9 9 0 1 1-8.5 6M3 4v5h5M12 7.5V12l3.5 2')}
      {tab('me', say(wallet.tabMe), 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0')}
    </nav>
  )
}

render(<App />, document.getElementById('app') as HTMLElement)
