import { concat, hex, sameBytes } from '../bytes.js'
import { Fault, Refusal } from '../errors.js'
import { type Algorithm, PublicKey } from '../keys.js'
import { type Item, entry, hasExactly, scan, toBeSigned } from './cbor.js'

/** A value as it stands in an offline code: hidden, what a mask keeps and how many characters it hides, or the value. */
export type OfflineValue = null | boolean | number | string | readonly [kept: string, hidden: number]

/** One view of one certificate, by the numbers of the type's description. */
export interface OfflineView {
  readonly type: number
  readonly version: number
  readonly view: number
  /** GB/T 2260, where it was issued. */
  readonly region: string
  /** By number of the field. */
  readonly values: ReadonlyMap<number, OfflineValue>
}

/** What an offline code says. Nothing of it is trusted before {@link verifyOfflineIssuer}, and it is nobody's before {@link verifyOfflineProof}. */
export interface OfflineToken {
  /** Hexadecimal: the first eight bytes of the thumbprint of the key that signed the CWT. A hint. */
  readonly kid: string
  /** Hexadecimal: the serial of the CWT, which is what is revoked. */
  readonly serial: string
  /** Seconds since 1970. */
  readonly issuedAt: number
  readonly expires: number
  readonly device: PublicKey
  readonly view: OfflineView
  /** What the device signed around it. */
  readonly proof: {
    /** The scene that the holder picked, or the id of the checker that showed its own code first. */
    readonly audience: string
    readonly issuedAt: number
    /** Hexadecimal: drawn for each proof; checkers remember it against replay. */
    readonly serial: string
    readonly nonce: Uint8Array | undefined
  }
  readonly cwt: Sign1
  readonly kbt: Sign1
}

/** A COSE_Sign1 (RFC 9052 §4.2) taken apart. */
export interface Sign1 {
  readonly algorithm: number
  readonly header: Item
  readonly payload: Item
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

const maxSize = 905
const maxLifetime = 24 * 3600
const typeCwt = 293
const typeKbt = 294
const lastSecond = 253402300799
const maxInteger = Number.MAX_SAFE_INTEGER
/** The numbers of the algorithms in COSE. */
export const algorithms: Readonly<Record<Algorithm, number>> = { SGD_SM3_SM2: -65537, ES256: -7 }
const curves: ReadonlyMap<number, Algorithm> = new Map([[-65537, 'SGD_SM3_SM2'], [1, 'ES256']])
const claimView = -65537

const malformed = (why: string): Refusal => new Refusal('offline-malformed', why)
const deviceKey = (why: string): Refusal => new Refusal('offline-device-key', why)

/** Reads an offline code, the bytes behind SC2, and checks its form, from the outside in. It trusts nothing and verifies no signature. */
export function parseOffline(token: Uint8Array): OfflineToken {
  if (token.length > maxSize) throw new Refusal('offline-too-large', `${token.length} bytes`)
  const kbt = openSign1(scan(concat(token)), typeKbt, 13)
  const cwt = openSign1(entry(kbt.header, 13), typeCwt, 4)
  const kid = entry(cwt.header, 4)
  if (kid?.kind !== 'bytes' || kid.bytes.length !== 8) throw malformed('kid is not 8 bytes')
  const claims = readClaims(cwt.payload)
  return { kid: hex(kid.bytes), ...claims, proof: readProof(kbt.payload), cwt, kbt }
}

/** Checks an envelope: tag 18, four parts, the protected header with alg, typ and one label more, an empty unprotected one. */
function openSign1(item: Item | undefined, typ: number, also: number): Sign1 {
  const parts = item?.kind === 'sign1' && item.content.kind === 'array' ? item.content.items : []
  const [head, open, body, signature] = parts
  if (parts.length !== 4) throw malformed('not a tagged COSE_Sign1')
  if (head?.kind !== 'bytes' || open?.kind !== 'map' || body?.kind !== 'bytes' || signature?.kind !== 'bytes') throw malformed('the parts of a COSE_Sign1 have other types')
  const header = scan(head.bytes)
  // RFC 9052 §3.1: what is listed there must be understood, and nothing that could be is.
  if (entry(header, 2) ?? entry(open, 2)) throw new Refusal('offline-critical-header', 'critical headers are not accepted')
  if (header.kind !== 'map') throw malformed('the protected header is no map')
  const said = entry(header, 16)
  if (said?.kind !== 'int' || said.value !== typ) throw new Refusal('offline-type-wrong', `typ is not ${typ}`)
  const alg = entry(header, 1)
  if (alg?.kind !== 'int') throw malformed('no alg, or not a number')
  if (!hasExactly(header, 1, 16, also) || open.entries.length > 0) throw malformed('a header that the format does not have, or lacks')
  return { algorithm: alg.value, header, payload: scan(body.bytes), signed: toBeSigned(head.bytes, body.bytes), signature: signature.bytes }
}

function readClaims(payload: Item): Pick<OfflineToken, 'serial' | 'issuedAt' | 'expires' | 'device' | 'view'> {
  if (!hasExactly(payload, 4, 6, 7, 8, claimView)) throw malformed('the claims are not exp, iat, cti, cnf and the view')
  const serial = readSerial(payload)
  const issuedAt = seconds(entry(payload, 6))
  const expires = seconds(entry(payload, 4))
  if (issuedAt === undefined || expires === undefined) throw malformed('iat or exp')
  if (expires <= issuedAt || expires - issuedAt > maxLifetime) throw new Refusal('offline-lifetime', 'exp')
  return { serial, issuedAt, expires, device: readDevice(entry(payload, 8)), view: readView(entry(payload, claimView)) }
}

/** Type, curve, x and the sign of y: nothing else, so that one key has one spelling. */
function readDevice(cnf: Item | undefined): PublicKey {
  const key = entry(cnf, 1)
  if (key === undefined || !hasExactly(cnf, 1)) throw malformed('cnf is not one COSE_Key')
  const [kind, curve, x, sign] = [1, -1, -2, -3].map((label) => entry(key, label))
  if (!hasExactly(key, 1, -1, -2, -3) || (sign?.kind !== 'true' && sign?.kind !== 'false')) throw deviceKey('want an EC2 key with a compressed point')
  const algorithm = curve?.kind === 'int' ? curves.get(curve.value) : undefined
  if (kind?.kind !== 'int' || kind.value !== 2 || !algorithm || x?.kind !== 'bytes') throw deviceKey('kind of key')
  try {
    return PublicKey.fromPoint(algorithm, x.bytes, sign.kind === 'true')
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw deviceKey(e.message)
  }
}

function readProof(payload: Item): OfflineToken['proof'] {
  const nonce = entry(payload, 39)
  if (!hasExactly(payload, 3, 6, 7, ...(nonce ? [39] : []))) throw malformed('the claims are not aud, iat, cti and perhaps cnonce')
  const serial = readSerial(payload)
  const issuedAt = seconds(entry(payload, 6))
  if (issuedAt === undefined) throw malformed('iat')
  const audience = entry(payload, 3)
  if (audience?.kind !== 'text' || !/^[!-~]{1,64}$/.test(audience.text)) throw malformed('aud')
  if (nonce && (nonce.kind !== 'bytes' || nonce.bytes.length < 8 || nonce.bytes.length > 32)) throw malformed('cnonce is not 8 to 32 bytes')
  return { audience: audience.text, issuedAt, serial, nonce: nonce?.kind === 'bytes' ? nonce.bytes : undefined }
}

function readSerial(payload: Item): string {
  const cti = entry(payload, 7)
  if (cti?.kind !== 'bytes' || cti.bytes.length !== 8) throw malformed('cti is not 8 bytes')
  return hex(cti.bytes)
}

function seconds(item: Item | undefined): number | undefined {
  return item?.kind === 'int' && item.value > 0 && item.value <= lastSecond ? item.value : undefined
}

const numberFrom = (item: Item | undefined, from: number, to: number): number | undefined =>
  item?.kind === 'int' && item.value >= from && item.value <= to ? item.value : undefined

function readView(item: Item | undefined): OfflineView {
  if (item?.kind !== 'array' || item.items.length !== 5) throw malformed('the view is not an array of five')
  const [a, b, c, d, map] = item.items
  const [type, version, view] = [a, b, c].map((n) => numberFrom(n, 1, 255))
  if (!type || !version || !view) throw malformed('number of type, version or view')
  const region = numberFrom(d, 100000, 999999)
  if (!region) throw malformed('region')
  if (map?.kind !== 'map' || map.entries.length === 0 || map.entries.length > 64) throw malformed('the values are not a map of 1 to 64')
  const values = new Map<number, OfflineValue>()
  for (const [key, value] of map.entries) {
    const n = numberFrom(key, 1, 255)
    if (!n) throw malformed('number of a field')
    values.set(n, readValue(value))
  }
  return { type, version, view, region: String(region), values }
}

function readValue(item: Item): OfflineValue {
  switch (item.kind) {
    case 'null':
      return null
    case 'true':
    case 'false':
      return item.kind === 'true'
    case 'int':
      if (Math.abs(item.value) > maxInteger) throw malformed('an integer of more than 53 bits')
      return item.value
    case 'bytes':
    case 'text':
      return readText(item)
    case 'array': {
      const [kept, hidden] = item.items
      const n = numberFrom(hidden, 1, 1000)
      if (item.items.length !== 2 || !kept || !n) throw malformed('a value of a kind that the format does not have')
      return [readText(kept), n]
    }
    default:
      throw malformed('a value of a kind that the format does not have')
  }
}

/** UTF-8 as a text string, or UTF-16 (big-endian) as a byte string, whichever is shorter: the other is refused. */
function readText(item: Item): string {
  if (item.kind === 'text') {
    if (2 * item.text.length < item.bytes.length) throw new Refusal('offline-cbor-spelling', 'text that is shorter in UTF-16')
    return item.text
  }
  if (item.kind !== 'bytes') throw malformed('a value that is not text')
  if (item.bytes.length % 2 !== 0) throw malformed('UTF-16 of an odd length')
  let text = ''
  let utf8 = 0
  for (let i = 0; i < item.bytes.length; i += 2) {
    const unit = unitAt(item.bytes, i)
    text += String.fromCharCode(unit)
    if (unit < 0xd800 || unit > 0xdfff) {
      utf8 += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
      continue
    }
    i += 2
    const low = unitAt(item.bytes, i)
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) throw malformed('half a surrogate pair')
    text += String.fromCharCode(low)
    utf8 += 4
  }
  if (utf8 <= item.bytes.length) throw new Refusal('offline-cbor-spelling', 'text that is no longer in UTF-8')
  return text
}

function unitAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

/** Checks the authority's signature. The trusted key decides the algorithm. */
export async function verifyOfflineIssuer(token: OfflineToken, key: PublicKey): Promise<void> {
  await verifySign1(token.cwt, key, 'algorithm-not-allowed', 'signature-encoding', 'signature-invalid')
}

const age = 60
const skew = 10

/** Checks that the CWT is in force. Both clocks may be ten seconds apart. */
export function verifyOfflineDates(token: OfflineToken, now: number): void {
  if (token.issuedAt * 1000 > now + skew * 1000) throw new Refusal('offline-not-yet', 'iat of the CWT is ahead')
  if (now - skew * 1000 >= token.expires * 1000) throw new Refusal('offline-expired', 'exp of the CWT has passed')
}

/** What a checker wants of a proof. */
export interface OfflineExpectation {
  /** Those that count here: the scenes of this checker, or, when it showed its own code first, its id alone. */
  readonly audiences: readonly string[]
  /** The nonce in the checker's own code, when it showed one. */
  readonly nonce?: Uint8Array | undefined
}

/** How long before now the proof was made, in seconds: negative when the holder's clock is ahead. A window hides how far two clocks are apart; this tells. */
export function proofAge(token: OfflineToken, now: number): number {
  return now / 1000 - token.proof.issuedAt
}

/** Checks that the device that the CWT was issued to made the proof, for this checker, now. */
export async function verifyOfflineProof(token: OfflineToken, expect: OfflineExpectation, now: number): Promise<void> {
  await verifySign1(token.kbt, token.device, 'offline-proof-algorithm', 'offline-proof-encoding', 'offline-proof-invalid')
  const { audience, nonce } = token.proof
  if (!expect.audiences.includes(audience)) throw new Refusal('offline-audience-wrong', 'made for somebody else')
  if (expect.nonce && !nonce) throw new Refusal('offline-nonce-missing', 'does not answer the nonce of the checker')
  if (!sameBytes(expect.nonce ?? new Uint8Array(), nonce ?? new Uint8Array())) throw new Refusal('offline-nonce-wrong', 'answers another nonce')
  const old = proofAge(token, now)
  if (old > age) throw new Refusal('offline-proof-expired', `made ${Math.round(old)} s ago`)
  if (-old > skew) throw new Refusal('offline-proof-from-future', `ahead by ${Math.round(-old)} s`)
}

async function verifySign1(message: Sign1, key: PublicKey, algorithm: string, encoding: string, signature: string): Promise<void> {
  if (message.algorithm !== algorithms[key.algorithm]) throw new Refusal(algorithm, 'the key is of another algorithm')
  try {
    await key.verify(message.signed, message.signature)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw new Refusal(e.kind === 'encoding' ? encoding : signature, e.message)
  }
}
