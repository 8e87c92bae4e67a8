import { Refusal } from '../errors.js'

const maxShift = 24

/** A bundle is not of the form of docs/formats.md §12. */
export const malformed = (why: string): Refusal => new Refusal('bundle-malformed', why)

/**
 * Ascending indices as the gaps between them, in Golomb-Rice code: gap ÷ 2^k in unary, as ones and a zero, then the k low bits. They
 * are read where they lie and never laid out: a few bytes can stand for very many.
 */
export class IndexSet {
  constructor(
    private readonly k: number,
    readonly count: number,
    private readonly bits: Uint8Array,
    private readonly size: number,
  ) {
    // Each takes a bit of unary and k others at least.
    if (k > maxShift || count < 1 || count > Math.floor((bits.length * 8) / (k + 1))) throw malformed(`a set of ${count} entries in ${bits.length} bytes`)
  }

  /** Reads it from its beginning: each call gives the next index, and then −1. What is not of the form is thrown when it is come to. */
  cursor(): () => number {
    const { bits, k, size } = this
    const total = bits.length * 8
    let [at, next, left] = [0, 0, this.count]
    const end = (): number => {
      if (total - at >= 8) throw malformed('bytes behind a set')
      for (; at < total; at++) if (((bits[at >> 3] ?? 0) << (at & 7)) & 0x80) throw malformed('bits behind a set')
      return -1
    }
    return () => {
      if (left === 0) return end()
      left--
      let high = 0
      while (((bits[at >> 3] ?? 0) << (at & 7)) & 0x80) {
        high++
        at++
      }
      at++ // behind the data, zeros are read: it shows here
      if (at + k > total) throw malformed('a set ends too early')
      let low = 0
      for (const rest = at + k; at < rest; at++) low = (low << 1) | (((bits[at >> 3] ?? 0) >> (7 - (at & 7))) & 1)
      const index = next + high * 2 ** k + low
      if (index >= size) throw malformed('an entry behind the end of the list')
      next = index + 1
      return index
    }
  }
}

/** Reads sets to their ends, side by side, and refuses an index that is in two of them. */
export function checkSets(sets: readonly IndexSet[]): void {
  const cursors = sets.map((s) => s.cursor())
  const heads = cursors.map((next) => next())
  for (let at = leastOf(heads); at >= 0; at = leastOf(heads)) heads[at] = cursors[at]?.() ?? -1
}

/** Where the least of the heads is; −1: all are at their ends. */
function leastOf(heads: readonly number[]): number {
  let at = -1
  let least = Infinity
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i] ?? -1
    if (head < 0 || head > least) continue
    if (head === least) throw malformed('an index in two sets')
    at = i
    least = head
  }
  return at
}
