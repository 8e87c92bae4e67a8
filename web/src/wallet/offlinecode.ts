// The offline code (docs/formats.md 3.2): a key-binding token of SD-CWT's shape, written by hand, because a phone needs eighty lines
// of CBOR and no library. Everything is of the one spelling that readers take: definite lengths, shortest heads, keys ascending.

export function base64url(b: Uint8Array): string {
  let s = ''
  for (const one of b) s += String.fromCharCode(one)
  return btoa(s).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
export function fromBase64url(s: string): Uint8Array {
  return Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** RFC 4648 §6, without padding; the spare bits are zero. */
export function base32(b: Uint8Array): string {
  let out = ''
  let bits = 0
  let value = 0
  for (const one of b) {
    value = (value << 8) | one
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += alphabet[(value >>> bits) & 31] ?? ''
      value &= (1 << bits) - 1
    }
  }
  return bits ? out + (alphabet[(value << (5 - bits)) & 31] ?? '') : out
}

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) { out.set(p, at); at += p.length }
  return out
}

// The head of an item: its major type and a number, in the fewest bytes (RFC 8949 §4.2.1).
function head(major: number, n: number): number[] {
  const m = major << 5
  if (n < 24) return [m | n]
  if (n < 0x100) return [m | 24, n]
  if (n < 0x10000) return [m | 25, n >> 8, n & 255]
  if (n < 0x100000000) return [m | 26, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]
  throw new RangeError('a number beyond 32 bits has no place in a code')
}
const bytes = (b: Uint8Array): Uint8Array => join(head(2, b.length), b)
const text = (s: string): Uint8Array => { const b = new TextEncoder().encode(s); return join(head(3, b.length), b) }

const typ = [0x10, ...head(0, 294)] // 16: 294, application/kb+cwt

/** The code for a token: a proof of this moment by the device's key, made out to a scene, around it. */
export async function proof(cwt: Uint8Array, key: CryptoKey, audience: string, seconds: number): Promise<string> {
  const header = join([0xa3, 0x01, 0x26, 0x0d], cwt, typ) // {1: -7 (ES256), 13: cwt, 16: 294}
  const payload = join([0xa3, 0x03], text(audience), [0x06], head(0, seconds), [0x07], bytes(crypto.getRandomValues(new Uint8Array(8))))
  // Sig_structure of COSE_Sign1, RFC 9052 §4.4.
  const signed = join([0x84], text('Signature1'), bytes(header), [0x40], bytes(payload))
  const signature = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, signed as Uint8Array<ArrayBuffer>))
  return 'SC2' + base32(join([0xd2, 0x84], bytes(header), [0xa0], bytes(payload), bytes(signature)))
}
