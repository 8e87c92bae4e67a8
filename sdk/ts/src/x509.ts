import { hex } from './bytes.js'
import { Fault } from './errors.js'
import { PublicKey } from './keys.js'

/** One element of DER: its tag and its content. */
interface Element {
  readonly tag: number
  readonly content: Uint8Array
}

/** Reads the elements that lie side by side. Only the shortest lengths are DER. */
function elements(data: Uint8Array, most: number): Element[] {
  const out: Element[] = []
  for (let at = 0; at < data.length && out.length < most; ) {
    const tag = data[at] ?? 0
    let length = data[at + 1]
    let start = at + 2
    if (length === undefined || (tag & 31) === 31) throw new Fault('malformed', 'certificate is not DER')
    if (length > 0x7f) {
      const count = length & 0x7f
      const bytes = data.subarray(start, start + count)
      length = bytes.reduce((n, b) => n * 256 + b, 0)
      if (count === 0 || count > 3 || bytes.length !== count || bytes[0] === 0 || length < 0x80) throw new Fault('malformed', 'certificate is not DER')
      start += count
    }
    const content = data.subarray(start, start + length)
    if (content.length !== length) throw new Fault('malformed', 'certificate is cut off')
    out.push({ tag, content })
    at = start + length
  }
  return out
}

function inside(element: Element | undefined, tag: number, most = 16): Element[] {
  if (element?.tag !== tag) throw new Fault('malformed', 'certificate has another shape')
  return elements(element.content, most)
}

const sequence = 0x30
const ecPublicKey = '2a8648ce3d0201' // 1.2.840.10045.2.1
const curves: ReadonlyMap<string, 'SGD_SM3_SM2' | 'ES256'> = new Map([
  ['2a811ccf5501822d', 'SGD_SM3_SM2'], // 1.2.156.10197.1.301
  ['2a8648ce3d030107', 'ES256'], // 1.2.840.10045.3.1.7
])

/**
 * The key of a certificate, DER. It says nothing of whether the certificate is to be trusted: that is the trust list's to
 * say, which must have the key.
 */
export function certificateKey(der: Uint8Array): PublicKey {
  const [certificate, ...behind] = elements(der, 2)
  if (behind.length > 0) throw new Fault('malformed', 'bytes behind the certificate')
  const [tbs] = inside(certificate, sequence)
  const parts = inside(tbs, sequence)
  // version [0] may be absent; then serial, algorithm, issuer, validity, subject, key (RFC 5280 §4.1).
  const [identifier, bits] = inside(parts[parts[0]?.tag === 0xa0 ? 6 : 5], sequence)
  const [kind, curve] = inside(identifier, sequence)
  const algorithm = curve?.tag === 6 ? curves.get(hex(curve.content)) : undefined
  if (kind?.tag !== 6 || hex(kind.content) !== ecPublicKey || !algorithm) throw new Fault('unsupported', 'key of the certificate')
  const point = bits?.tag === 3 ? bits.content : new Uint8Array()
  if (point.length !== 66 || point[0] !== 0 || point[1] !== 4) throw new Fault('malformed', 'point of the certificate')
  return PublicKey.fromPoint(algorithm, point.subarray(2, 34), point.subarray(34))
}
