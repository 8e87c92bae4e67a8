import { Bundles, OfflineChecker, type OfflineReport, type OfflineResult, Refusal, ReplayMemory, type SettledCheck, offlineReport } from '@showcard/sdk'
import { unreachable } from '../kit/api'
import { config } from '../kit/config'
import { all, drop, load, store } from '../kit/idb'
import { type Workstation, asTrouble } from '../kit/workstation'

// A counter without a network (docs/offline.md): what it takes along, what it checked meanwhile, and the way back. The bundle and the
// checks that wait lie in the drawer `desk` of this browser; both are believed only as far as they are signed.

const rootsName = 'roots'
const waitsName = 'waits:'
const oddName = 'odd:'
const warnAfter = 3_600_000 // the older the bundle, the more was revoked since
const refuseAfter = 86_400_000 // and then it says nothing
const mostAtOnce = 200

/** A check that waits to be settled. It holds a code: it is dropped when it was settled. */
interface Waiting extends OfflineReport { readonly name: string }

/** A check that was settled and is at odds, or was refused: kept until somebody has looked at it. Nothing of a person is in it. */
export interface Odd {
  readonly name: string
  readonly at: Date
  readonly said: string
  readonly settled: SettledCheck
}

// What this page knows and no disk does: it outlives a change of settings.
const replay = new ReplayMemory()
const page: { waits: readonly Waiting[]; odd: readonly Odd[]; roots?: string | undefined } = { waits: [], odd: [] }

export type Age = 'none' | 'fresh' | 'old' | 'expired'

export class Standby {
  /** Whether the server answered last. */
  online = navigator.onLine
  /** How far this device's clock is ahead of the server's, in ms, as far as the last answer told. */
  ahead = 0
  waiting = 0
  /** Whether the first round is over: before it, nothing is known and nothing is wrong. */
  settled = false
  /** Why there is no bundle, or none that is new. */
  trouble: unknown
  /** Checks that could not be written down: they wait in this page only. */
  unsaved = 0
  /** Called after every change. */
  changed: () => void = () => undefined
  #bundles: Bundles | undefined
  #checker: OfflineChecker | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #busy = false
  #over = false

  constructor(readonly w: Workstation, readonly wanted: boolean) {}

  /** What was settled and is at odds. */
  get odd(): readonly Odd[] { return page.odd }

  get asOf(): Date | undefined { return this.#bundles?.asOf }

  age(now = Date.now()): Age {
    const at = this.asOf?.getTime()
    if (at === undefined) return 'none'
    return now - at > refuseAfter ? 'expired' : now - at > warnAfter ? 'old' : 'fresh'
  }

  start(): void {
    window.addEventListener('online', this.#now)
    window.addEventListener('offline', this.#gone)
    void this.#begin()
  }

  stop(): void {
    this.#over = true
    clearTimeout(this.#timer)
    window.removeEventListener('online', this.#now)
    window.removeEventListener('offline', this.#gone)
  }

  /** Checks an offline code by what was taken along. */
  async check(text: string, purpose: string): Promise<OfflineResult> {
    this.#checker ??= new OfflineChecker({
      trust: { current: () => this.#bundles?.current() ?? Promise.reject(new Refusal('trust-list-unavailable', 'no bundle')) },
      revoked: () => this.#bundles?.revoked(),
      replay,
    })
    return this.#checker.check(text, { audiences: ['any', purpose] })
  }

  /** Writes a check down, to be settled. What cannot be read, or was not shown by its device, is nobody's look. */
  async keep(text: string, result: OfflineResult, purpose: string): Promise<string> {
    const name = `${waitsName}${String(result.checkedAt.getTime()).padStart(15, '0')}-${result.proof ?? ''}`
    await this.#write({ ...offlineReport(text, result, purpose), name })
    return name
  }

  /** The clerk has compared the person with what she carries. */
  async compared(name: string): Promise<void> {
    const found = page.waits.find((m) => m.name === name) ?? (await load<Waiting>('desk', name).catch(() => undefined))
    if (found) await this.#write({ ...found, personCompared: true })
  }

  /** Somebody has looked at it. */
  async looked(name: string): Promise<void> {
    page.odd = page.odd.filter((o) => o.name !== name)
    this.changed()
    await drop('desk', name).catch(() => undefined)
  }

  /** What a check found out about the network. */
  saw(online: boolean): void {
    if (online === this.online) return
    this.online = online
    this.changed()
    if (!this.#over) this.#plan(online ? 0 : undefined)
  }

  readonly #now = (): void => this.#plan(0)
  readonly #gone = (): void => { this.saw(false) }

  #plan(after = this.online ? 270_000 + Math.random() * 60_000 : 5_000 + Math.random() * 2_000): void {
    clearTimeout(this.#timer)
    if (!this.#over) this.#timer = setTimeout(() => void this.#round(), after)
  }

  async #begin(): Promise<void> {
    try {
      await this.#counted()
      if (this.wanted) {
        const pinnedRoots = (await load<string>('desk', rootsName).catch(() => undefined)) ?? page.roots
        if (pinnedRoots) this.#bundles = await openBundles(this.w, pinnedRoots)
      }
    } catch (e) { this.trouble = e }
    this.changed()
    await this.#round()
  }

  /** One round: is the server there, what is new, and what waits. */
  async #round(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      await this.#ask()
      this.online = true
      this.changed()
      await this.#settle()
      if (this.#bundles) await this.#bundles.renew()
      this.trouble = undefined
    } catch (e) {
      const t = e instanceof Refusal ? undefined : asTrouble(e)
      if (t?.passing) this.online = t.status === 429
      else this.trouble = e
    } finally {
      this.#busy = false
      this.settled = true
      this.changed()
      this.#plan()
    }
  }

  /** Asks the server for next to nothing, and the time with it. */
  async #ask(): Promise<void> {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), 5_000)
    try {
      const before = Date.now()
      const r = await fetch('/v1/trust-list/roots', { cache: 'no-store', credentials: 'omit', signal: stop.signal })
      if (r.status >= 502) throw unreachable()
      const at = Date.parse(r.headers.get('Date') ?? '')
      if (!Number.isNaN(at)) this.ahead = Math.round((before + Date.now()) / 2 - at - 500) // the header has whole seconds
    } catch { throw unreachable() } finally { clearTimeout(timer) }
  }

  async #write(check: Waiting): Promise<void> {
    try {
      await store('desk', check.name, check)
      page.waits = page.waits.filter((m) => m.name !== check.name)
    } catch {
      page.waits = [...page.waits.filter((m) => m.name !== check.name), check]
    }
    await this.#counted()
    this.changed()
  }

  async #counted(): Promise<void> {
    let kept = 0
    try {
      kept = (await all<Waiting>('desk', waitsName)).size
      const odd = [...(await all<Odd>('desk', oddName)).values()]
      page.odd = [...odd, ...page.odd.filter((o) => !odd.some((k) => k.name === o.name))]
    } catch { /* no storage: what is in memory counts */ }
    this.unsaved = page.waits.length
    this.waiting = kept + this.unsaved
  }

  /** Tells the server what was checked meanwhile, the oldest first. One tab does it; if two do, a proof is counted once all the same. */
  async #settle(): Promise<void> {
    if (!this.waiting) return
    const run = (): Promise<void> => this.#push()
    await (navigator.locks ? navigator.locks.request('showcard-settle', run) : run())
  }

  async #push(): Promise<void> {
    for (;;) {
      const kept = await all<Waiting>('desk', waitsName).catch(() => new Map<string, Waiting>())
      const batch = [...kept.values(), ...page.waits].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, mostAtOnce)
      if (!batch.length) break
      const { checks } = await this.w.client.settle(batch)
      let done = 0
      for (const [i, settled] of checks.entries()) {
        const check = batch[i]
        if (!check || settled.reasons[0] === 'check-from-future') continue // it waits until the clocks agree
        if (settled.state === 'refused' || settled.conflicts.length) await this.#note(check, settled)
        await drop('desk', check.name).catch(() => undefined)
        page.waits = page.waits.filter((m) => m.name !== check.name)
        done++
      }
      await this.#counted()
      this.changed()
      if (!done) break
    }
  }

  async #note(check: Waiting, settled: SettledCheck): Promise<void> {
    const odd: Odd = { name: oddName + check.name, at: check.checkedAt, said: check.outcome, settled }
    page.odd = [...page.odd.filter((o) => o.name !== odd.name), odd]
    await store('desk', odd.name, odd).catch(() => undefined)
  }
}

async function openBundles(w: Workstation, pinnedRoots: string): Promise<Bundles> {
  const options = { baseUrl: config.publicUrl, pinnedRoots, client: w.client }
  const disk = { get: (name: string) => load<string>('desk', name), set: (name: string, text: string) => store('desk', name, text).catch(() => undefined) } // on a full disk it lives in this page
  try {
    return await Bundles.open({ ...options, store: disk })
  } catch (e) {
    if (!(e instanceof Refusal)) return Bundles.open(options) // nothing can be kept or read
    await drop('desk', 'bundles') // what is on the disk is not to be believed; the roots stay, and all is fetched anew
    return Bundles.open({ ...options, store: disk })
  }
}

// --- the trust roots -------------------------------------------------------------------------------

export interface Roots { readonly text: string; /** SHA-256 of the signed payload, hexadecimal. */ readonly fingerprint: string }

/** The roots that this workstation has pinned, or those that the server names now. */
export async function rootsHere(): Promise<Roots & { readonly pinned: boolean }> {
  const kept = (await load<string>('desk', rootsName).catch(() => undefined)) ?? page.roots
  if (kept) return { text: kept, fingerprint: await fingerprint(kept), pinned: true }
  let text: string
  try {
    const r = await fetch('/v1/trust-list/roots', { cache: 'no-store', credentials: 'omit' })
    if (!r.ok) throw unreachable()
    text = await r.text()
  } catch { throw unreachable() }
  return { text, fingerprint: await fingerprint(text), pinned: false }
}

export async function pinRoots(text: string): Promise<void> {
  page.roots = text
  await store('desk', rootsName, text).catch(() => undefined)
}

/** Forgets what was pinned and what came by it; checks that wait stay. */
export async function forgetRoots(): Promise<void> {
  page.roots = undefined
  await drop('desk', rootsName)
  await drop('desk', 'bundles')
}

async function fingerprint(text: string): Promise<string> {
  const { payload } = JSON.parse(text) as { payload: string }
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(payload)))
  return Array.from(sum, (b) => b.toString(16).padStart(2, '0')).join('')
}

