import { type Bytes, concat, decodeUtf8 } from '../bytes.js'
import { Fault, Refusal } from '../errors.js'
import type { PublicKey } from '../keys.js'
import { Heads, toBeSigned } from '../offline/cbor.js'
import { algorithms } from '../offline/token.js'
import { IndexSet, checkSets, malformed } from './set.js'

/** The media type of a bundle, which is also its `typ`. */
export const bundleType = 'application/showcard-bundle+cbor'

const maxSize = 4 << 20
const maxListSize = 1 << 24
const maxRoots = 128
const maxMembers = 1 << 12 // of a map
const maxIssuer = 2048
const lastHour = Math.floor(253402300799 / 3600)
const tagSign1 = 18

/** A trust list, and the roots that lead to it. Both are signed documents of their own. */
export interface BundledTrust {
  readonly roots: readonly Uint8Array[]
  readonly list: string
}

/** Offline codes that were revoked before their end: all of them, or those behind a number. */
export interface BundledSerials {
  readonly from: number
  readonly head: number
  /** Eight bytes each, ascending, by the hour since 1970 in which the last of them has ended. */
  readonly hours: ReadonlyMap<number, Uint8Array>
}

/** A status list: whole, or what entries have become since a number. */
export interface BundledList {
  readonly from: number
  readonly seq: number
  readonly size: number
  readonly sets: readonly { readonly status: number; readonly indices: IndexSet }[]
}

/** What a bundle says. */
export interface Bundle {
  readonly issuer: string
  /** Seconds since 1970. */
  readonly issuedAt: number
  readonly trust: BundledTrust | undefined
  readonly serials: BundledSerials
  readonly lists: ReadonlyMap<string, BundledList>
}

/** A bundle that was read and is not trusted yet. */
export interface UnverifiedBundle {
  /** Of its signer; `undefined` when it is no text, and so nobody's. */
  readonly kid: string | undefined
  readonly said: Bundle
  /** Checks the signature, by the algorithm of the key. */
  verify(key: PublicKey): Promise<void>
}

/** Reads a bundle and checks its form, to the last entry. It verifies nothing. What it gives are views of the data, which must stay as it is. */
export function parseBundle(data: Bytes): UnverifiedBundle {
  try {
    return parse(data)
  } catch (e) {
    if (!(e instanceof Refusal)) throw e
    throw e.code === 'bundle-malformed' ? e : new Refusal('bundle-malformed', e.message, { cause: e }) // of CBOR
  }
}

function parse(data: Bytes): UnverifiedBundle {
  if (data.length > maxSize) throw malformed(`${data.length} bytes`)
  const envelope = new Reader(data)
  envelope.tag(tagSign1)
  envelope.array(4)
  const header = envelope.bytes()
  if (envelope.map() !== 0) throw malformed('a header that is not protected')
  const payload = envelope.bytes()
  const signature = envelope.bytes()
  envelope.end()

  const h = new Reader(header)
  if (h.map() !== 3) throw malformed('the headers are not alg, kid and typ')
  h.label(1)
  const algorithm = h.integer()
  h.label(4)
  const kid = decodeUtf8(h.bytes())
  h.label(16)
  if (h.text() !== bundleType) throw malformed('typ')
  h.end()
  return {
    kid,
    said: readClaims(new Reader(payload)),
    async verify(key) {
      if (algorithm !== algorithms[key.algorithm]) throw new Refusal('bundle-signature-invalid', 'the key is of another algorithm')
      try {
        await key.verify(toBeSigned(header, payload), signature)
      } catch (e) {
        if (!(e instanceof Fault)) throw e
        throw new Refusal('bundle-signature-invalid', e.message)
      }
    },
  }
}

/** CBOR of which is known what comes next. Whatever else comes is malformed, before anything is made of it. */
class Reader extends Heads {
  private expect(...majors: number[]): { major: number; n: number } {
    const { major, n } = this.head()
    if (!majors.includes(major)) throw malformed('an item of another kind')
    return { major, n }
  }

  tag(number: number): void {
    if (this.expect(6).n !== number) throw malformed('tag')
  }

  array(length: number): void {
    if (this.expect(4).n !== length) throw malformed('length of an array')
  }

  arrayOf(most: number): number {
    const { n } = this.expect(4)
    if (n > most) throw malformed('length of an array')
    return n
  }

  map(most = maxMembers): number {
    const { n } = this.expect(5)
    if (n > most) throw malformed('length of a map')
    return n
  }

  integer(): number {
    const { major, n } = this.expect(0, 1)
    if (n >= 2 ** 63) throw malformed('an integer of more than 63 bits')
    return major === 0 ? n : -1 - n
  }

  label(number: number): void {
    if (this.integer() !== number) throw malformed('label')
  }

  /** A number that is not below zero. */
  number(most: number): number {
    const { n } = this.expect(0)
    if (n > most) throw malformed('a number that is too large')
    return n
  }

  bytes(): Uint8Array {
    return this.take(this.expect(2).n)
  }

  text(): string {
    const text = decodeUtf8(this.take(this.expect(3).n))
    if (text === undefined) throw malformed('text that is not UTF-8')
    return text
  }

  end(): void {
    if (!this.done) throw malformed('bytes behind the end')
  }
}

// In the order of their bytes.
const labels = { iss: 1, iat: 6, trust: -65538, serials: -65539, lists: -65540 }
const order = Object.values(labels)

function readClaims(r: Reader): Bundle {
  let [issuer, issuedAt] = ['', -1]
  let trust: BundledTrust | undefined
  let serials: BundledSerials | undefined
  let lists: ReadonlyMap<string, BundledList> = new Map()
  let before = -1
  for (let left = r.map(); left > 0; left--) {
    const label = r.integer()
    const place = order.indexOf(label)
    if (place <= before) throw malformed('a claim that is not in its place')
    before = place
    if (label === labels.iss) issuer = readIssuer(r)
    else if (label === labels.iat) issuedAt = r.number(lastHour * 3600 - 1)
    else if (label === labels.trust) trust = readTrust(r)
    else if (label === labels.serials) serials = readSerials(r)
    else lists = readLists(r)
  }
  r.end()
  if (issuer === '' || issuedAt < 0 || !serials) throw malformed('a claim is missing')
  return { issuer, issuedAt, trust, serials, lists }
}

function readIssuer(r: Reader): string {
  const issuer = r.text()
  if (issuer === '' || new TextEncoder().encode(issuer).length > maxIssuer) throw malformed('iss')
  return issuer
}

function readTrust(r: Reader): BundledTrust {
  r.array(2)
  const roots: Uint8Array[] = []
  for (let left = r.arrayOf(maxRoots); left > 0; left--) roots.push(r.bytes())
  const list = r.text()
  if (list === '') throw malformed('trust without a list')
  return { roots, list }
}

function readSerials(r: Reader): BundledSerials {
  r.array(3)
  const { from, upTo: head } = readNumbers(r)
  const hours = new Map<number, Uint8Array>()
  let last = -1
  for (let left = r.map(); left > 0; left--) {
    const hour = r.number(lastHour - 1)
    if (hour <= last) throw malformed('hours are out of order')
    last = hour
    const all = r.bytes()
    if (all.length === 0 || all.length % 8 !== 0) throw malformed('serials are not eight bytes each')
    for (let at = 8; at < all.length; at += 8) if (compareSerials(all, at - 8, all, at) >= 0) throw malformed('serials are out of order')
    hours.set(hour, all)
  }
  if (hours.size > 1) checkOnce([...hours.values()])
  return { from, head, hours }
}

function readNumbers(r: Reader): { from: number; upTo: number } {
  const from = r.number(Number.MAX_SAFE_INTEGER)
  const upTo = r.number(Number.MAX_SAFE_INTEGER)
  if (from > upTo) throw malformed('numbers run backwards')
  return { from, upTo }
}

/** Compares eight bytes with eight bytes. */
export function compareSerials(a: Uint8Array, i: number, b: Uint8Array, j: number): number {
  for (let k = 0; k < 8; k++) {
    const order = (a[i + k] ?? 0) - (b[j + k] ?? 0)
    if (order !== 0) return order
  }
  return 0
}

/** Refuses a serial that stands at two hours. */
function checkOnce(hours: readonly Uint8Array[]): void {
  const all = concat(...hours)
  const view = new DataView(all.buffer)
  const serials = new BigUint64Array(all.length / 8)
  for (let i = 0; i < serials.length; i++) serials[i] = view.getBigUint64(8 * i)
  serials.sort()
  for (let i = 1; i < serials.length; i++) if (serials[i] === serials[i - 1]) throw malformed('a serial twice')
}

function readLists(r: Reader): ReadonlyMap<string, BundledList> {
  const lists = new Map<string, BundledList>()
  let last = ''
  const count = r.map()
  if (count === 0) throw malformed('no lists')
  for (let left = count; left > 0; left--) {
    const name = r.text()
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) throw malformed('name of a list')
    // By their bytes, of which the length is the first.
    if (name.length < last.length || (name.length === last.length && name <= last)) throw malformed('names are out of order')
    last = name
    lists.set(name, readList(r))
  }
  return lists
}

function readList(r: Reader): BundledList {
  r.array(4)
  const { from, upTo: seq } = readNumbers(r)
  const size = r.number(maxListSize)
  if (size === 0) throw malformed('a list without entries')
  const sets: { status: number; indices: IndexSet }[] = []
  let last = from === 0 ? 0 : -1 // a whole list has no set of those that are valid
  for (let left = r.map(); left > 0; left--) {
    const status = r.number(3)
    if (status <= last) throw malformed('a set that is not in its place')
    last = status
    r.array(3)
    const k = r.number(Number.MAX_SAFE_INTEGER)
    const n = r.number(Number.MAX_SAFE_INTEGER)
    sets.push({ status, indices: new IndexSet(k, n, r.bytes(), size) })
  }
  checkSets(sets.map((s) => s.indices))
  return { from, seq, size, sets }
}
