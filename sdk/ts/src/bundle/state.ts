import { Refusal } from '../errors.js'
import { type Bundle, type BundledList, type BundledSerials, compareSerials } from './read.js'

const maxEntries = 2 ** 28
const hourSeconds = 3600

interface KnownList {
  readonly seq: number
  readonly size: number
  /** Seconds since 1970. */
  readonly asOf: number
  /** Two bits an entry, from the low end of each byte. */
  readonly packed: Uint8Array
}

/** What is known of an entry of a status list. */
export interface KnownStatus {
  readonly status: number
  /** Seconds since 1970. */
  readonly asOf: number
}

/** What a checker knows, from the bundles that it has taken over. It does not change: {@link BundleState.apply} gives the next one. */
export class BundleState {
  /** Knows nothing. */
  static readonly empty = new BundleState(undefined, 0, new Map(), new Map())

  private constructor(
    /** The moment of the newest bundle, in seconds since 1970; `undefined`: there was none. */
    readonly asOf: number | undefined,
    /** How far the revoked serials are known. */
    readonly head: number,
    private readonly hours: ReadonlyMap<number, Uint8Array>,
    private readonly known: ReadonlyMap<string, KnownList>,
  ) {}

  /** How far the status lists are known. */
  get lists(): Record<string, number> {
    return Object.fromEntries([...this.known].map(([name, l]) => [name, l.seq]))
  }

  /** How many revoked serials are known. */
  get serials(): number {
    let n = 0
    for (const all of this.hours.values()) n += all.length / 8
    return n
  }

  /** Takes a verified bundle over, or refuses it. */
  apply(b: Bundle): BundleState {
    if (b.issuedAt < (this.asOf ?? 0)) throw new Refusal('bundle-rolled-back', `of ${b.issuedAt}, known is ${this.asOf}`)
    notBehind('serials', b.serials.head, this.head)
    for (const [name, l] of b.lists) notBehind(`list ${name}`, l.seq, this.known.get(name)?.seq ?? 0)
    noGap('serials', b.serials.from, this.head)
    let entries = 0
    for (const [name, l] of b.lists) {
      const known = this.known.get(name)
      noGap(`list ${name}`, l.from, known?.seq ?? 0)
      if (l.from > 0 && known?.size !== l.size) throw new Refusal('bundle-gap', `list ${name} has another size`)
      entries += l.size
    }
    for (const [name, l] of this.known) if (!b.lists.has(name)) entries += l.size
    if (entries > maxEntries) throw new Refusal('bundle-too-large', `lists of ${entries} entries`)

    const lists = new Map(this.known)
    for (const [name, l] of b.lists) lists.set(name, applyList(this.known.get(name), l, b.issuedAt))
    return new BundleState(b.issuedAt, b.serials.head, applySerials(this.hours, b.serials, b.issuedAt), lists)
  }

  /** Whether the code of this serial, eight bytes, was revoked before its end. */
  revoked(serial: Uint8Array): boolean {
    for (const all of this.hours.values()) if (has(all, serial)) return true
    return false
  }

  /** Looks an entry of a status list up. `undefined`: the list was not taken along. */
  status(name: string, index: number): KnownStatus | undefined {
    const list = this.known.get(name)
    if (!list) return undefined
    if (!(index < list.size)) throw new Refusal('status-index-out-of-range', `${index} of ${list.size}`)
    return { status: ((list.packed[Math.floor(index / 4)] ?? 0) >> ((index % 4) * 2)) & 3, asOf: list.asOf }
  }
}

function notBehind(what: string, upTo: number, have: number): void {
  if (upTo < have) throw new Refusal('bundle-rolled-back', `${what} ${upTo}, known is ${have}`)
}

function noGap(what: string, from: number, have: number): void {
  if (from > have) throw new Refusal('bundle-gap', `${what} from ${from} on, known is ${have}`)
}

function applyList(known: KnownList | undefined, l: BundledList, asOf: number): KnownList {
  let packed = l.from > 0 && known ? known.packed : new Uint8Array(Math.ceil(l.size / 4))
  // Most lists do not change from one bundle to the next; those that do are changed beside.
  if (l.from > 0 && l.sets.length > 0) packed = packed.slice()
  for (const { status, indices } of l.sets) {
    const next = indices.cursor()
    for (let i = next(); i >= 0; i = next()) {
      const shift = (i & 3) * 2
      packed[i >> 2] = ((packed[i >> 2] ?? 0) & ~(3 << shift)) | (status << shift)
    }
  }
  return { seq: l.seq, size: l.size, asOf, packed }
}

/** What was revoked, by hour, without what may be forgotten: clocks may differ by an hour. */
function applySerials(known: ReadonlyMap<number, Uint8Array>, s: BundledSerials, asOf: number): Map<number, Uint8Array> {
  const hours = new Map(s.from > 0 ? known : [])
  for (const [hour, all] of s.hours) {
    const old = hours.get(hour)
    hours.set(hour, old ? union(old, all) : all.slice())
  }
  for (const hour of hours.keys()) if (asOf >= (hour + 1) * hourSeconds) hours.delete(hour)
  return hours
}

/** Two ascending rows of serials as one. */
function union(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  let [i, j, at] = [0, 0, 0]
  while (i < a.length || j < b.length) {
    const order = i === a.length ? 1 : j === b.length ? -1 : compareSerials(a, i, b, j)
    out.set(order <= 0 ? a.subarray(i, i + 8) : b.subarray(j, j + 8), at)
    at += 8
    if (order <= 0) i += 8
    if (order >= 0) j += 8
  }
  return out.slice(0, at)
}

function has(all: Uint8Array, serial: Uint8Array): boolean {
  let [low, high] = [0, all.length / 8]
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareSerials(all, 8 * middle, serial, 0)
    if (order === 0) return true
    if (order < 0) low = middle + 1
    else high = middle
  }
  return false
}
