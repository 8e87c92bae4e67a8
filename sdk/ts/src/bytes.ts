/** Bytes that lie in memory of their own, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const values = new Int8Array(128).fill(-1)
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i

/**
 * Reads canonical base64url only (RFC 4648 §5): no padding, no line breaks, spare bits zero. Otherwise two texts could
 * carry one signature. Anything else is `undefined`.
 */
export function decodeBase64url(text: string): Bytes | undefined {
  if (text.length % 4 === 1) return undefined
  const out = new Uint8Array(Math.floor((text.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    const v = c < 128 ? (values[c] ?? -1) : -1
    if (v < 0) return undefined
    held = ((held << 6) | v) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (held >> bits) & 0xff
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? out : undefined
}

/** Writes base64url without padding. */
export function encodeBase64url(bytes: Uint8Array): string {
  let out = ''
  let bits = 0
  let held = 0
  for (const b of bytes) {
    held = ((held << 8) | b) & 0xffff
    bits += 8
    while (bits >= 6) {
      bits -= 6
      out += alphabet.charAt((held >> bits) & 63)
    }
  }
  return bits > 0 ? out + alphabet.charAt((held << (6 - bits)) & 63) : out
}

/** Reads padded standard base64, which stands in `x5c` alone (RFC 7515 §4.1.6). */
export function decodeBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || /[-_]/.test(text)) return undefined
  return decodeBase64url(text.replace(/={1,2}$/, '').replaceAll('+', '-').replaceAll('/', '_'))
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Reads UTF-8; `undefined` when it is not valid. A byte order mark stays what it is: a character. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** Writes UTF-8. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes
}

/** The length of a text in UTF-8, which is how the formats count. */
export function utf8Length(text: string): number {
  let n = text.length
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0x7f) n += c > 0x7ff && (c < 0xd800 || c > 0xdfff) ? 2 : 1
  }
  return n
}

/** A text with half of a surrogate pair in it has no UTF-8. */
export function wellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?:[^\ud800-\udbff]|^)[\udc00-\udfff]/.test(text) // Safari 16.3 cannot look behind
}

/** Joins pieces. */
export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

/** Compares bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i])
}

/** Writes hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let out = ''
  for (const b of bytes) out += b.toString(16).padStart(2, '0')
  return out
}

/** Reads hexadecimal of an even number of digits that was made by {@link hex} or a library. */
export function unhex(text: string): Bytes {
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

/** Orders texts by code points, which is the order of their UTF-8. */
export function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const surrogates = (x >= 0xd800 && x <= 0xdfff ? 1 : 0) - (y >= 0xd800 && y <= 0xdfff ? 1 : 0)
    return surrogates !== 0 ? surrogates : x - y
  }
  return a.length - b.length
}
