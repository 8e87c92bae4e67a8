import { type Bytes, concat, decodeUtf8 } from '../bytes.js'
import { Refusal } from '../errors.js'

/**
 * CBOR as an offline code has it: one spelling of a value only (RFC 8949 §4.2.1), so that what was signed, what was shown and
 * what is remembered are the same bytes. Definite lengths, shortest heads, keys in ascending order and once, eight levels, no item that
 * the format has no use for. Nothing is copied, and nothing is made larger than the input.
 */
export type Item =
  | { readonly kind: 'int'; readonly value: number; readonly raw: Uint8Array }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly raw: Uint8Array }
  | { readonly kind: 'text'; readonly text: string; readonly bytes: Uint8Array; readonly raw: Uint8Array }
  | { readonly kind: 'array'; readonly items: readonly Item[]; readonly raw: Uint8Array }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Item, Item])[]; readonly raw: Uint8Array }
  | { readonly kind: 'sign1'; readonly content: Item; readonly raw: Uint8Array }
  | { readonly kind: 'true' | 'false' | 'null'; readonly raw: Uint8Array }

const maxDepth = 8
const tagSign1 = 18
const largest = 2 ** 63 - 1024 // of 63 bits, the last that a number holds

const lengthFault = (why: string): Refusal => new Refusal('offline-cbor-length', why)
const itemFault = (why: string): Refusal => new Refusal('offline-cbor-item', why)

/** Reads one item and nothing after it. */
export function scan(data: Uint8Array): Item {
  const scanner = new Scanner(data)
  const item = scanner.item(0)
  if (!scanner.done) throw lengthFault('bytes behind the end')
  return item
}

/** Reads data from head to head: what is below every reader of the one spelling. */
export class Heads {
  protected at = 0

  constructor(protected readonly data: Uint8Array) {}

  get done(): boolean {
    return this.at === this.data.length
  }

  protected get rest(): number {
    return this.data.length - this.at
  }

  /**
   * The first byte of an item and the argument behind it. Beyond 2^53 the argument is not exact, and too large for anything; but what has
   * more than 63 bits is told from what has not.
   */
  protected head(): { major: number; n: number } {
    const first = this.data[this.at]
    if (first === undefined) throw lengthFault('ends too early')
    this.at++
    const [major, info] = [first >> 5, first & 31]
    if (info < 24) return { major, n: info }
    // Also a break (0xff): it ends an indefinite length, which never began.
    if (info === 31 && major !== 0 && major !== 1 && major !== 6) throw new Refusal('offline-cbor-indefinite', 'indefinite length')
    if (info > 27) throw itemFault('reserved head')
    if (major === 7) throw itemFault('a float, or a simple value of two bytes')
    const size = 1 << (info - 24)
    if (this.rest < size) throw lengthFault('ends too early')
    const wide = size === 8 && (this.data[this.at] ?? 0) > 0x7f
    let n = 0
    for (const end = this.at + size; this.at < end; this.at++) n = n * 256 + (this.data[this.at] ?? 0)
    if (n < ([24, 0x100, 0x10000, 0x100000000][info - 24] ?? 0)) throw new Refusal('offline-cbor-spelling', 'a number is not in its shortest form')
    return { major, n: wide ? Infinity : Math.min(n, largest) }
  }

  /** The content of a string, which is a view of the data. */
  protected take(n: number): Uint8Array {
    if (n > this.rest) throw lengthFault('a string longer than the data')
    this.at += n
    return this.data.subarray(this.at - n, this.at)
  }
}

class Scanner extends Heads {
  item(depth: number): Item {
    const start = this.at
    const { major, n } = this.head()
    const raw = (): Uint8Array => this.data.subarray(start, this.at)
    if (major < 2) {
      if (n > largest) throw itemFault('an integer of more than 63 bits')
      return { kind: 'int', value: major === 0 ? n : -1 - n, raw: raw() }
    }
    if (major < 4) {
      const bytes = this.take(n)
      if (major === 2) return { kind: 'bytes', bytes, raw: raw() }
      const text = decodeUtf8(bytes)
      if (text === undefined) throw itemFault('text that is not UTF-8')
      return { kind: 'text', text, bytes, raw: raw() }
    }
    if (major === 7) {
      const kind = ({ 20: 'false', 21: 'true', 22: 'null' } as const)[n as 20 | 21 | 22]
      if (kind === undefined) throw itemFault('simple value')
      return { kind, raw: raw() }
    }
    if (depth === maxDepth) throw new Refusal('offline-cbor-nesting', `more than ${maxDepth} levels`)
    if (major === 6) {
      if (n !== tagSign1) throw itemFault('tag')
      return { kind: 'sign1', content: this.item(depth + 1), raw: raw() }
    }
    // Every item has a byte at least. Compared before anything is made.
    if (n > this.rest) throw lengthFault('more members than data')
    if (major === 4) {
      const items: Item[] = []
      while (items.length < n) items.push(this.item(depth + 1))
      return { kind: 'array', items, raw: raw() }
    }
    const entries: (readonly [Item, Item])[] = []
    for (let last: Item | undefined; entries.length < n; ) {
      const key = this.item(depth + 1)
      const order = last ? compareBytes(last.raw, key.raw) : -1
      if (order === 0) throw new Refusal('offline-cbor-duplicate', 'a key twice')
      if (order > 0) throw new Refusal('offline-cbor-spelling', 'keys are out of order')
      entries.push([key, this.item(depth + 1)])
      last = key
    }
    return { kind: 'map', entries, raw: raw() }
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = (a[i] ?? 0) - (b[i] ?? 0)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** The value of an integer key in a map. */
export function entry(item: Item | undefined, label: number): Item | undefined {
  if (item?.kind !== 'map') return undefined
  return item.entries.find(([k]) => k.kind === 'int' && k.value === label)?.[1]
}

/** Whether an item is a map that has these integer keys and no other. */
export function hasExactly(item: Item | undefined, ...labels: number[]): boolean {
  return item?.kind === 'map' && item.entries.length === labels.length && labels.every((l) => entry(item, l) !== undefined)
}

/** The Sig_structure of a COSE_Sign1 (RFC 9052 §4.4): what is signed, so that a signature made for one purpose cannot be carried to another. */
export function toBeSigned(protectedHeader: Uint8Array, payload: Uint8Array): Bytes {
  const context = new TextEncoder().encode('Signature1')
  return concat(Uint8Array.of(0x84), head(3, context.length), context, head(2, protectedHeader.length), protectedHeader, Uint8Array.of(0x40), head(2, payload.length), payload)
}

function head(major: number, n: number): Uint8Array {
  if (n < 24) return Uint8Array.of((major << 5) | n)
  if (n < 0x100) return Uint8Array.of((major << 5) | 24, n)
  if (n < 0x10000) return Uint8Array.of((major << 5) | 25, n >> 8, n & 0xff)
  return Uint8Array.of((major << 5) | 26, n >>> 24, (n >> 16) & 0xff, (n >> 8) & 0xff, n & 0xff)
}
