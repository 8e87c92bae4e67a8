/**
 * Unpacks zlib (RFC 1950, RFC 1951). The decompressors of browsers and of Node differ in what they make of bytes behind the
 * end, and none stops at a bound; a few kilobytes can claim to be gigabytes. So a status list, of which every byte is signed,
 * is unpacked here: to a bound, to the checksum, and to the last byte.
 */

/** What is packed is broken, or larger than the bound. */
export class InflateFault extends Error {
  override readonly name = 'InflateFault'
}

const lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const distanceBase = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]
const distanceExtra = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]
const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** A Huffman code: how many symbols have each length, and the symbols in order of their codes (RFC 1951 §3.2.2). */
interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

function makeCode(lengths: Uint8Array): Code {
  const counts = new Uint16Array(16)
  for (const l of lengths) counts[l] = (counts[l] ?? 0) + 1
  counts[0] = 0
  const offsets = new Uint16Array(16)
  let left = 1
  let used = 0
  for (let l = 1; l < 16; l++) {
    const n = counts[l] ?? 0
    left = left * 2 - n
    if (left < 0) throw new InflateFault('code oversubscribed')
    offsets[l] = used
    used += n
  }
  // Incomplete codes are allowed where there is nothing to choose: none, or one symbol of one bit.
  if (left > 0 && used > 0 && !(used === 1 && counts[1] === 1)) throw new InflateFault('code incomplete')
  const symbols = new Uint16Array(used)
  lengths.forEach((l, symbol) => {
    if (l === 0) return
    const at = offsets[l] ?? 0
    symbols[at] = symbol
    offsets[l] = at + 1
  })
  return { counts, symbols }
}

const fixed = ((): { literals: Code; distances: Code } => {
  const lengths = new Uint8Array(288).fill(8)
  lengths.fill(9, 144, 256)
  lengths.fill(7, 256, 280)
  return { literals: makeCode(lengths), distances: makeCode(new Uint8Array(32).fill(5)) }
})()

class Inflater {
  private at = 2
  private held = 0
  private bits = 0
  private out: Uint8Array<ArrayBuffer>
  private size = 0

  constructor(
    private readonly data: Uint8Array,
    private readonly limit: number,
  ) {
    this.out = new Uint8Array(Math.min(limit, 1 << 16))
  }

  run(): Uint8Array<ArrayBuffer> {
    const [cmf = 0, flg = 0] = this.data
    if (this.data.length < 2 || (cmf & 15) !== 8 || cmf >> 4 > 7 || ((cmf << 8) | flg) % 31 !== 0 || flg & 32) {
      throw new InflateFault('not a zlib container')
    }
    for (let last = 0; last === 0; ) {
      last = this.take(1)
      const kind = this.take(2)
      if (kind === 0) this.stored()
      else if (kind === 1) this.block(fixed.literals, fixed.distances)
      else if (kind === 2) this.dynamic()
      else throw new InflateFault('kind of block')
    }
    const sum = this.data.subarray(this.at)
    if (sum.length !== 4) throw new InflateFault('bytes behind the end, or no checksum')
    const out = this.out.slice(0, this.size)
    if (new DataView(sum.buffer, sum.byteOffset).getUint32(0) !== adler32(out)) throw new InflateFault('checksum')
    return out
  }

  private take(n: number): number {
    while (this.bits < n) {
      const b = this.data[this.at++]
      if (b === undefined) throw new InflateFault('cut off')
      this.held |= b << this.bits
      this.bits += 8
    }
    const v = this.held & ((1 << n) - 1)
    this.held >>>= n
    this.bits -= n
    return v
  }

  private symbol({ counts, symbols }: Code): number {
    let code = 0
    let first = 0
    let index = 0
    for (let l = 1; l < 16; l++) {
      code |= this.take(1)
      const n = counts[l] ?? 0
      if (code - n < first) return symbols[index + code - first] ?? 0
      index += n
      first = (first + n) << 1
      code <<= 1
    }
    throw new InflateFault('no such code')
  }

  private room(n: number): void {
    if (this.size + n > this.limit) throw new InflateFault('larger than the bound')
    if (this.size + n <= this.out.length) return
    const larger = new Uint8Array(Math.min(this.limit, Math.max(2 * this.out.length, this.size + n)))
    larger.set(this.out)
    this.out = larger
  }

  private stored(): void {
    this.held = 0
    this.bits = 0
    const [a = 0, b = 0, c = 0, d] = this.data.subarray(this.at, this.at + 4)
    const n = a | (b << 8)
    if (d === undefined || (n ^ 0xffff) !== (c | (d << 8))) throw new InflateFault('stored block')
    const bytes = this.data.subarray(this.at + 4, this.at + 4 + n)
    if (bytes.length !== n) throw new InflateFault('cut off')
    this.room(n)
    this.out.set(bytes, this.size)
    this.size += n
    this.at += 4 + n
  }

  private dynamic(): void {
    const literals = this.take(5) + 257
    const distances = this.take(5) + 1
    const codes = this.take(4) + 4
    if (literals > 286 || distances > 30) throw new InflateFault('too many codes')
    const lengths = new Uint8Array(19)
    for (let i = 0; i < codes; i++) lengths[order[i] ?? 0] = this.take(3)
    const code = makeCode(lengths)
    const all = new Uint8Array(literals + distances)
    for (let i = 0; i < all.length; ) {
      const symbol = this.symbol(code)
      if (symbol < 16) {
        all[i++] = symbol
        continue
      }
      if (symbol === 16 && i === 0) throw new InflateFault('nothing to repeat')
      const value = symbol === 16 ? (all[i - 1] ?? 0) : 0
      const times = symbol === 16 ? 3 + this.take(2) : symbol === 17 ? 3 + this.take(3) : 11 + this.take(7)
      if (i + times > all.length) throw new InflateFault('too many lengths')
      all.fill(value, i, i + times)
      i += times
    }
    this.block(makeCode(all.subarray(0, literals)), makeCode(all.subarray(literals)))
  }

  private block(literals: Code, distances: Code): void {
    for (;;) {
      const symbol = this.symbol(literals)
      if (symbol === 256) return
      if (symbol < 256) {
        this.room(1)
        this.out[this.size++] = symbol
        continue
      }
      const base = lengthBase[symbol - 257]
      if (base === undefined) throw new InflateFault('length')
      const length = base + this.take(lengthExtra[symbol - 257] ?? 0)
      const far = this.symbol(distances)
      const start = distanceBase[far]
      if (start === undefined) throw new InflateFault('distance')
      const distance = start + this.take(distanceExtra[far] ?? 0)
      if (distance > this.size) throw new InflateFault('distance before the beginning')
      this.room(length)
      for (let i = 0; i < length; i++, this.size++) this.out[this.size] = this.out[this.size - distance] ?? 0
    }
  }
}

function adler32(data: Uint8Array): number {
  let a = 1
  let b = 0
  for (let i = 0; i < data.length; ) {
    for (const end = Math.min(data.length, i + 3800); i < end; i++) {
      a += data[i] ?? 0
      b += a
    }
    a %= 65521
    b %= 65521
  }
  return ((b << 16) | a) >>> 0
}

/** Unpacks a zlib container of at most `limit` bytes. Anything wrong is an {@link InflateFault}. */
export function inflate(data: Uint8Array, limit: number): Uint8Array<ArrayBuffer> {
  return new Inflater(data, limit).run()
}
