import './more.css'
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Trouble, call, troubleOf } from '../kit/api'
import { current } from '../kit/prefs'
import { speak } from '../kit/speech'
import { type Text, pick, say } from '../kit/text'
import { Button, Facts, Failure, Notice } from '../kit/ui'
import { type TypeDescription, labels } from '../kit/values'
import { walletlive as words } from '../strings/walletlive'
import { purposeName } from './purposes'
import { around } from './moment'
import type { Show } from './show'

// What happens to a showing while it is shown: who scanned, and who asks for more. The server tells it (server-sent events); a
// browser or a network that has none asks.

interface Ask {
  readonly id: string
  readonly show: string
  readonly party_name: Text
  readonly purpose: string
  readonly shown: readonly string[]
  readonly asked: readonly string[]
  readonly left: number
}
interface Scan {
  readonly show: string
  readonly verification: string
  readonly at: string
  readonly party_name: Text
  readonly purpose: string
  readonly fields: readonly string[]
  readonly outcome: string
  readonly reasons: readonly string[]
}
interface Snapshot {
  readonly asks: readonly Ask[]
  readonly shows: readonly { readonly show: string }[]
}

interface Told {
  ask: (a: Ask) => void
  /** An ask is over; with a word when it was answered, here or on another device. */
  closed: (id: string, answer: string) => void
  none: () => void
}

/** Listens until it is told to stop. */
function listen(show: Show, told: Told): () => void {
  let over = false
  let source: EventSource | undefined
  let timer = 0
  const here = (o: { show?: string }): boolean => o.show === show.id
  const scanned = (s: Scan): void => { if (here(s)) show.stop({ how: 'scanned', scanned: { ...s, party: s.party_name } }) }
  const snapshot = (s: Snapshot): void => {
    show.told = true
    const one = s.asks.find(here)
    if (one) told.ask(one)
    else told.none()
    if (!s.shows.some(here)) void show.finish()
  }
  const handlers: Record<string, (data: never) => void> = {
    snapshot,
    ask: (a: Ask) => { if (here(a)) told.ask(a) },
    'ask-closed': (d: { ask: string; answer?: string }) => told.closed(d.ask, d.answer ?? ''),
    scanned,
    'show-closed': (d: { show: string }) => { if (here(d)) void show.finish() },
    // A key was killed: was it ours? Then its codes are of no use any more.
    devices: () => { void import('./offline').then((m) => m.look()).catch(() => undefined) },
    // She may act for a company no more, perhaps for this one.
    agency: () => { show.recheck(); void import('./offline').then((m) => m.look()).catch(() => undefined) },
  }
  const again = (act: () => void, ms: number): void => { timer = window.setTimeout(() => { if (!over) act() }, around(ms)) }
  const poll = (): void => {
    if (document.hidden) return again(poll, 2000)
    call<{ asks: Ask[] }>('GET', '/v1/wallet/asks', { timeout: 8000 }).then(({ asks }) => { const one = asks.find(here); if (one && !over) told.ask(one) }, () => undefined).finally(() => again(poll, 2500))
  }
  const connect = (): void => {
    if (!('EventSource' in window)) return poll()
    source = new EventSource('/v1/wallet/events')
    for (const [name, act] of Object.entries(handlers)) {
      source.addEventListener(name, (e) => { if (!over) act(JSON.parse((e as MessageEvent<string>).data) as never) })
    }
    source.onerror = () => {
      show.told = false // the page looks for itself until events come again
      if (source?.readyState === EventSource.CLOSED) again(connect, 5000)
    }
  }
  connect()
  return () => {
    over = true
    show.told = false
    window.clearTimeout(timer)
    source?.close()
  }
}

type State = { readonly ask: Ask; readonly until: number; readonly sending?: boolean; readonly error?: unknown } | { readonly said: 'yes' | 'no' | 'late' } | undefined

/** The question over the code, and what became of it. */
export function Asks({ show, type }: { show: Show; type: TypeDescription | undefined }): JSX.Element | null {
  const [state, set] = useState<State>()
  const [left, tick] = useState(0)
  const now = useRef<State>(undefined)
  now.current = state
  const sheet = useRef<HTMLDivElement>(null)
  const asking = state && 'ask' in state ? state : undefined
  useEffect(() => listen(show, {
    ask: (ask) => {
      if (now.current && 'ask' in now.current && now.current.ask.id === ask.id) return
      set({ ask, until: performance.now() + ask.left * 1000 })
      if (current().mode === 'care') speak(words.careAsk, { party: pick(ask.party_name), what: labels(type, ask.asked) })
      if ('vibrate' in navigator) navigator.vibrate(200)
    },
    closed: (id, answer) => {
      if (!now.current || !('ask' in now.current) || now.current.ask.id !== id) return
      set(answer === 'yes' || answer === 'no' ? { said: answer } : answer === 'lapsed' ? { said: 'late' } : undefined)
    },
    none: () => { if (now.current && 'ask' in now.current) set(undefined) },
  }), [show.id])
  useEffect(() => {
    if (!asking) return undefined
    sheet.current?.focus()
    const turn = (): void => {
      const rest = Math.max(0, (asking.until - performance.now()) / 1000)
      tick(rest)
      if (rest === 0) set({ said: 'late' })
    }
    turn()
    const timer = window.setInterval(turn, 250)
    return () => window.clearInterval(timer)
  }, [asking?.ask.id])

  const answer = async (ask: Ask, word: 'yes' | 'no'): Promise<void> => {
    set((s) => (s && 'ask' in s ? { ...s, sending: true, error: undefined } : s))
    for (let tries = 0; tries < 10; tries++) {
      try {
        await call('POST', `/v1/wallet/asks/${encodeURIComponent(ask.id)}`, { body: { answer: word }, timeout: 8000 })
        return set({ said: word })
      } catch (e) {
        const t = troubleOf(e)
        if (t.code === 'consent-answered' && tries > 0) return set({ said: word }) // the answer to the first try was lost
        if (t.code === 'consent-expired') return set({ said: 'late' })
        if (!(e instanceof Trouble) || e.status !== 0) return set((s) => (s && 'ask' in s ? { ...s, sending: false, error: t } : s))
        await new Promise((resolve) => setTimeout(resolve, around(1000)))
      }
    }
    set((s) => (s && 'ask' in s ? { ...s, sending: false } : s))
  }

  if (!state) return null
  if ('said' in state) return <Notice tone={state.said === 'yes' ? 'good' : 'info'} live><p>{say(state.said === 'yes' ? words.agreed : state.said === 'no' ? words.declined : words.timeOver)}</p></Notice>
  const { ask } = state
  return (
    <div class="w-sheet" role="alertdialog" aria-modal="true" aria-labelledby="ask-title" aria-describedby="ask-what" tabIndex={-1} ref={sheet}>
      <div class="w-ask-top">
        <svg class="w-clock" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
          <circle class="track" cx="24" cy="24" r="20" /><circle class="rest" cx="24" cy="24" r="20" pathLength="100" stroke-dasharray={`${(100 * left) / Math.max(1, ask.left)} 101`} transform="rotate(-90 24 24)" />
          <text x="24" y="30" text-anchor="middle">{Math.ceil(left)}</text>
        </svg>
        <h2 id="ask-title">{say(words.asksMore, { party: pick(ask.party_name) })}<span class="sr">{say(words.secondsLeft, { n: Math.ceil(ask.left) })}</span></h2>
      </div>
      <p class="w-asked" id="ask-what">{labels(type, ask.asked)}</p>
      <Facts rows={[[say(words.asksFor), purposeName(ask.purpose)], [say(words.seenAnyway), ask.shown.length ? labels(type, ask.shown) : say(words.nothing)]]} />
      {state.error !== undefined && <Failure error={state.error} />}
      <div class="w-two">
        <Button kind="main" id="ask-yes" disabled={state.sending} onClick={() => void answer(ask, 'yes')}>{say(words.agree)}</Button>
        <Button kind="quiet" id="ask-no" disabled={state.sending} onClick={() => void answer(ask, 'no')}>{say(words.decline)}</Button>
      </div>
      <p class="small" role="status">{say(state.sending ? words.sending : words.noMeansNo)}</p>
    </div>
  )
}
