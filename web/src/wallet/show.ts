import { Trouble, call, request, troubleOf } from '../kit/api'
import { awake } from '../kit/awake'
import type { Text } from '../kit/text'
import { isCare } from '../kit/ui'
import { type Order, away, readClock, signedOut } from './data'
import { type Moment, around, now, since } from './moment'
import type { Taken } from './offline'

// One showing: a code that is always alive, of the online kind while the server answers and of the offline kind while it does not.
// It knows nothing of how it is drawn.

export interface Shown {
  readonly kind: 'online' | 'offline'
  readonly text: string
  /** Milliseconds that it lives, and after which the next is asked for. */
  readonly life: number
  readonly renew: number
  readonly from: Moment
  /** Where the server draws it. */
  readonly svg?: string
}
/** What a scan came to, as the server told. */
export interface Scanned {
  readonly verification?: string
  readonly at?: string
  readonly party: Text
  readonly purpose?: string
  readonly fields: readonly string[]
  readonly outcome: string
  readonly reasons?: readonly string[]
}
export type End = { readonly how: 'scanned'; readonly scanned: Scanned } | { readonly how: 'over' } | { readonly how: 'signed-out' } | { readonly how: 'refused'; readonly error: Trouble }

interface Answer {
  readonly show: string
  readonly code: string
  readonly expires_at: string
  readonly renew_in: number
  readonly fields: readonly string[]
  readonly svg: string
}
interface Look {
  readonly id: string
  readonly at: string
  readonly identifier: string
  readonly party_name: string
  readonly party_name_en?: string
  readonly purpose: string
  readonly fields: readonly string[] | null
  readonly outcome: string
  readonly reasons: readonly string[] | null
  readonly via: string
}

export class Show {
  /** Absent while it could not be opened: then the code is offline. */
  id: string | undefined
  fields: readonly string[]
  code: Shown | undefined
  /** Renewals that failed since the last good one. */
  tries = 0
  /** The counter has no network, so she shows the offline kind although there is one. */
  forced = false
  /** There is no offline code for this. */
  bare = false
  end: End | undefined
  /** Events come in; while not, the page looks for itself. */
  told = false
  /** When it was opened, on the server's clock. */
  openedAt = Date.now()
  private readonly listeners = new Set<() => void>()
  private timer = 0
  private busy = false
  private nextTry = 0
  private polled = now()
  private taken: Taken | undefined

  private constructor(readonly order: Order) { this.fields = order.fields }

  /** Opens a showing; what the server refuses is thrown. Without an answer, the offline kind is looked for. */
  static async open(order: Order): Promise<Show> {
    const show = new Show(order)
    try {
      await show.ask()
    } catch (e) {
      if (!away(e)) throw e
      show.tries = 1
      if (!(await show.offline())) throw e
      show.later(e)
    }
    show.begin()
    return show
  }

  /** Shows the offline kind at once, for a counter that has no network. */
  static async offline(order: Order): Promise<Show | undefined> {
    const show = new Show(order)
    show.forced = true
    if (!(await show.offline())) return undefined
    show.begin()
    return show
  }

  private begin(): void {
    awake(true)
    this.timer = window.setInterval(this.tick, 250)
    document.addEventListener('visibilitychange', this.tick)
    window.addEventListener('pageshow', this.tick)
    window.addEventListener('online', this.online)
  }

  watch(tell: () => void): () => void {
    this.listeners.add(tell)
    return () => { this.listeners.delete(tell) }
  }
  tell(): void { for (const one of this.listeners) one() }

  /** Milliseconds that the code on the screen has to live. */
  left(): number { return this.code ? this.code.life - since(this.code.from) : 0 }

  /** Everybody comes back at once when a city's network does, so not all in the same second. */
  private readonly online = (): void => { this.nextTry = Date.now() + Math.random() * 2000 }

  private later(e: unknown): void {
    const wait = Math.max(e instanceof Trouble ? e.wait : 0, Math.min(15, 2 ** (this.tries - 1)))
    this.nextTry = Date.now() + around(wait * 1000)
  }

  /** Asks the server for a code: the first of a show, or the next. */
  private async ask(): Promise<void> {
    const from = now()
    let r: Response
    if (this.id) {
      r = await request('POST', `/v1/wallet/shows/${this.id}/codes`, { timeout: 8000 })
    } else {
      const { holding, view, fields, purpose } = this.order
      const body = { identifier: holding.identifier, ...(view ? { view } : { fields }), ...(purpose ? { purpose } : {}) }
      const open = (lifetime?: number): Promise<Response> => request('POST', '/v1/wallet/shows', { body: { ...body, ...(lifetime ? { lifetime } : {}) }, timeout: 10_000 })
      // Care mode: who is slow has three minutes for each code, where the deployment allows it.
      r = await (isCare() ? open(180).catch((e: unknown) => { if (e instanceof Trouble && e.code === 'lifetime-out-of-range') return open(); throw e }) : open())
    }
    readClock(r, from.wall)
    const date = Date.parse(r.headers.get('Date') ?? '')
    let a: Answer
    try { a = (await r.json()) as Answer } catch (e) { throw new Trouble('offline', 0, troubleOf(e).title, troubleOf(e).next) }
    if (this.end) return
    if (!this.id) this.openedAt = isNaN(date) ? from.wall : date
    // The Date header drops fractions of a second, so a second is taken off.
    const life = isNaN(date) ? a.renew_in * 1333 : Date.parse(a.expires_at) - date - 1000
    this.id = a.show
    this.fields = a.fields
    this.code = { kind: 'online', text: a.code, life, renew: Math.min(a.renew_in * 1000, life * 0.9), from, svg: a.svg }
    this.tries = 0
    this.nextTry = 0
    this.taken = undefined
    this.tell()
  }

  /** Takes a code of the stock, or signs anew what it took: one of the stock is good for one showing. */
  private async offline(): Promise<boolean> {
    const { holding, view, purpose } = this.order
    if (!view) { this.bare = true; return false }
    try {
      const m = await import('./offline')
      if (!this.taken || m.spent(this.taken)) this.taken = await m.take(holding.identifier, view)
      if (!this.taken) { this.bare = true; return false }
      const from = now()
      const text = await m.prove(this.taken, purpose || 'any')
      if (this.end) return false
      // A proof may be sixty seconds old; signed anew every fifteen, it never is.
      this.code = { kind: 'offline', text, life: 20_000, renew: 15_000, from }
      this.bare = false
      this.tell()
      return true
    } catch {
      this.bare = true
      return false
    }
  }

  readonly tick = (): void => {
    if (this.end) return
    if (this.code && this.left() <= 0) this.code = undefined
    this.tell()
    // Nobody looks at a hidden page, and the list of open apps should not show a code: it is drawn by who watches.
    if (document.hidden || this.busy) return
    const due = !this.code || since(this.code.from) >= this.code.renew
    if (this.code?.kind === 'offline') {
      if (due) this.run(async () => { await this.offline() })
      else if (!this.forced && Date.now() >= this.nextTry) this.run(() => this.renew())
    } else if (due && (Date.now() >= this.nextTry || (!this.code && this.tries > 0 && !this.bare))) {
      this.run(() => this.renew())
    } else if (this.id && since(this.polled) >= (this.told ? 20_000 : 2000)) {
      this.run(() => this.poll())
    }
  }

  private run(act: () => Promise<void>): void {
    this.busy = true
    act().catch((e: unknown) => this.stop({ how: 'refused', error: troubleOf(e) })).finally(() => { this.busy = false })
  }

  private async renew(): Promise<void> {
    if (this.forced) { if (!(await this.offline())) this.later(undefined); return }
    try {
      await this.ask()
    } catch (e) {
      if (this.end) return
      const code = e instanceof Trouble ? e.code : ''
      if (signedOut(e)) return this.stop({ how: 'signed-out' })
      if (code === 'show-closed') return this.finish()
      if (code === 'show-unknown') return this.stop({ how: 'over' })
      if (!away(e) && !(e instanceof Trouble && e.passing)) return this.stop({ how: 'refused', error: troubleOf(e) })
      this.tries++
      this.later(e)
      // The code on the screen is good until its end; only then the other kind takes its place.
      if (away(e) && (!this.code || this.left() < 3000)) await this.offline()
      this.tell()
    }
  }

  private async poll(): Promise<void> {
    this.polled = now()
    try {
      const state = await call<{ open: boolean }>('GET', `/v1/wallet/shows/${this.id ?? ''}`, { timeout: 8000 })
      if (!state.open) await this.finish()
    } catch (e) {
      if (signedOut(e)) this.stop({ how: 'signed-out' })
      else if (e instanceof Trouble && e.status === 404) this.stop({ how: 'over' })
      this.polled = now() // anything else can wait: the code on the screen is good until it ends
    }
  }

  /** The show takes no more scans. Who looked, if anybody? */
  async finish(): Promise<void> {
    if (this.end) return
    try {
      const { looks } = await call<{ looks: Look[] }>('GET', '/v1/wallet/history?limit=10', { timeout: 8000 })
      const l = looks.find((one) => one.identifier === this.order.holding.identifier && one.via === 'code' && Date.parse(one.at) >= this.openedAt - 2000)
      this.stop(l ? { how: 'scanned', scanned: { verification: l.id, at: l.at, party: { zh: l.party_name, en: l.party_name_en ?? l.party_name }, purpose: l.purpose, fields: l.fields ?? [], outcome: l.outcome, reasons: l.reasons ?? [] } } : { how: 'over' })
    } catch (e) {
      if (signedOut(e)) this.stop({ how: 'signed-out' })
      else { this.tries++; this.later(e) }
    }
  }

  /** Ends it on this page. */
  stop(end: End): void {
    if (this.end) return
    this.end = end
    this.code = undefined
    window.clearInterval(this.timer)
    document.removeEventListener('visibilitychange', this.tick)
    window.removeEventListener('pageshow', this.tick)
    window.removeEventListener('online', this.online)
    awake(false)
    this.tell()
  }

  /** She closes it: none of its codes works any more. It dies by itself within its lifetime if the server does not hear of it. */
  close(): void {
    this.stop({ how: 'over' })
    if (this.id) request('DELETE', `/v1/wallet/shows/${this.id}`).catch(() => undefined)
  }

  /** Something may have ended the right to show this: the next code is asked for now. */
  recheck(): void {
    if (this.code?.kind === 'online') this.code = { ...this.code, renew: 0 }
    this.nextTry = 0
    this.tick()
  }

  /** The counter has no network, or has one after all. */
  async force(on: boolean): Promise<boolean> {
    this.forced = on
    if (on) return this.offline()
    this.code = undefined
    this.tries = 0
    this.nextTry = 0
    this.tick()
    return true
  }
}
