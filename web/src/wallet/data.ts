import { Trouble, request } from '../kit/api'
import type { Text } from '../kit/text'
import { type Catalogue, type TypeDescription, typeOf } from '../kit/values'

// What the API says of a person's certificates, as far as this page reads it.

export interface View {
  readonly name: string
  readonly label: Text
  readonly fields: readonly string[]
}
export interface Holding {
  readonly identifier: string
  readonly type: string
  readonly version: number
  readonly name: Text
  readonly issuer: Text
  readonly state: string
  readonly valid_until: string
  readonly acting?: string
  readonly card: { readonly background: string; readonly background_end?: string; readonly text_color: string; readonly logo_text: Text }
  readonly views: readonly View[]
  readonly fields: readonly { readonly field: string; readonly label: Text; readonly value: unknown }[]
}
/** What she chose to show, of what, and for what. */
export interface Order {
  readonly holding: Holding
  readonly view?: string
  readonly fields: readonly string[]
  readonly purpose: string
}

/** Seconds by which this device's clock is ahead of the server's; undefined until an answer told. */
export const clock: { ahead: number | undefined; at: number } = { ahead: undefined, at: 0 }

// Two seconds of network and the Date header's missing fraction are no wrong clock; offline proofs allow sixty behind and ten ahead.
export const clockWrong = (): boolean => clock.ahead !== undefined && (clock.ahead > 8 || clock.ahead < -45)

/** Reads the clock of the server from an answer that was asked for at `asked`. */
export function readClock(r: Response, asked: number): void {
  const said = Date.parse(r.headers.get('Date') ?? '')
  if (isNaN(said)) return
  clock.ahead = ((asked + Date.now()) / 2 - said - 500) / 1000
  clock.at = Date.now() - performance.now()
}

/** The right time, as well as this page knows it. Somebody may have set the clock since: then what was measured is worth nothing. */
export function rightTime(): number {
  const moved = Math.abs(Date.now() - performance.now() - clock.at)
  return Date.now() - (clock.ahead !== undefined && clockWrong() && moved < 2000 ? clock.ahead * 1000 : 0)
}

/** Asks for her certificates, what can be used first, and her own before those of companies. */
export async function holdings(reveal = false): Promise<Holding[]> {
  const asked = Date.now()
  const r = await request('GET', `/v1/wallet/holdings${reveal ? '?reveal=true' : ''}`, { timeout: 10_000 })
  readClock(r, asked)
  const rank = (h: Holding): number => (ended(h) ? 4 : stateOf(h) === 'valid' ? 0 : 2) + (h.acting ? 1 : 0) + (h.type === 'resident-id' ? -0.5 : 0)
  return ((await r.json()) as { holdings: Holding[] }).holdings.sort((a, b) => rank(a) - rank(b) || a.type.localeCompare(b.type))
}

export type State = 'valid' | 'suspended' | 'expired' | 'withdrawn' | 'cancelled' | 'lapsed' | 'transferred' | 'revoked'
const states: readonly State[] = ['valid', 'suspended', 'expired', 'withdrawn', 'cancelled', 'lapsed', 'transferred', 'revoked']

/** The state that a person sees: what is valid but past its last day is expired (Beijing's day is the same on her phone, or nearly). */
export function stateOf(h: Holding): State {
  const d = new Date(rightTime())
  const today = `${d.getFullYear()}-${`0${d.getMonth() + 1}`.slice(-2)}-${`0${d.getDate()}`.slice(-2)}`
  if (h.state === 'valid' && /^\d{4}-/.test(h.valid_until) && h.valid_until < today) return 'expired'
  return states.find((s) => s === h.state) ?? 'valid'
}
export const ended = (h: Holding): boolean => !['valid', 'suspended', 'expired'].includes(stateOf(h))

/** The values that tell one card from another: whose it is, and which. Both are plain text. */
export function face(c: Catalogue, h: Holding): (string | undefined)[] {
  return (typeOf(c, h.type, h.version)?.face ?? []).map((name) => {
    const found = h.fields.find((f) => f.field === name)
    return found && String(found.value)
  })
}

export const describe = (c: Catalogue, h: Holding): TypeDescription | undefined => typeOf(c, h.type, h.version)

/** Everything is never the default: first what says who she is, else what shows least. */
export function firstView(h: Holding): View | undefined {
  return h.views.find((v) => v.name === 'identity') ?? [...h.views].sort((a, b) => a.fields.length - b.fields.length)[0]
}

export const signedOut = (e: unknown): boolean => e instanceof Trouble && e.status === 401
/** There was no answer, or none that came from the service itself. */
export const away = (e: unknown): boolean => e instanceof Trouble && (e.status === 0 || e.status >= 500) && e.code !== 'page'

// Which showings ended elsewhere: other tabs of this browser are told by storage.
export const leftKey = 'showcard.left'
