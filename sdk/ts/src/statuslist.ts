import { type Bytes, decodeBase64url, utf8Length } from './bytes.js'
import { Fault, Refusal } from './errors.js'
import { InflateFault, inflate } from './inflate.js'
import { type JsonNode, integerOf, textOf } from './json.js'
import { type Jws, parseJws, verifyJws } from './jws.js'
import type { PublicKey } from './keys.js'

/** The state of a certificate: what the standard defines (Token Status List §7.1), and the rest by number. */
export const Status = { valid: 0, invalid: 1, suspended: 2 } as const

/** Where a certificate's status stands. */
export interface StatusReference {
  readonly idx: number
  readonly uri: string
}

const maxUri = 2048
const maxEntries = 1 << 24
const maxDate = 253402300799
const skew = 60
const maxTtl = 366 * 24 * 3600

const malformed = (why: string): Refusal => new Refusal('status-list-invalid', why)

/** Reads the value of a `status` claim. `undefined`: it is not one. Other mechanisms beside `status_list` are ignored. */
export function readReference(claim: JsonNode): StatusReference | undefined {
  const list = claim.kind === 'object' ? claim.members.get('status_list') : undefined
  if (list?.kind !== 'object') return undefined
  const idx = list.members.get('idx')
  const uri = textOf(list.members.get('uri'))
  // A number of any other form than digits is no index; its size is held against the list later.
  if (idx?.kind !== 'number' || !/^[0-9]+$/.test(idx.raw) || BigInt(idx.raw) >= 1n << 64n) return undefined
  return uri && utf8Length(uri) <= maxUri ? { idx: Number(idx.raw), uri } : undefined
}

/** A status list that was verified. */
export class StatusList {
  constructor(
    readonly subject: string,
    /** The moment whose states it shows, and when it ends, in seconds since 1970. */
    readonly issuedAt: number,
    readonly expires: number | undefined,
    /** How many seconds to keep it before asking again; 0: no hint. */
    readonly ttl: number,
    private readonly bits: number,
    private readonly data: Bytes,
  ) {}

  /** The number of entries. */
  get size(): number {
    return (this.data.length * 8) / this.bits
  }

  /** The status at an index, packed from the low end of each byte (§4.1). `undefined`: past the end. */
  get(index: number): number | undefined {
    const each = 8 / this.bits
    const byte = index < this.size ? this.data[Math.floor(index / each)] : undefined
    return byte === undefined ? undefined : (byte >> ((index % each) * this.bits)) & ((1 << this.bits) - 1)
  }
}

/** A status list token that was read and is not trusted yet. */
export interface UnverifiedStatusList {
  readonly kid: string
  readonly issuedAt: number
  /** Checks signature, subject and dates, and only then unpacks the list. */
  verify(key: PublicKey, uri: string, now?: number): Promise<StatusList>
}

/** Reads the JWT form of a status list token (§5.1). */
export function parseStatusList(text: string): UnverifiedStatusList {
  let jws: Jws
  try {
    jws = parseJws(text, 'statuslist+jwt')
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw malformed(e.message)
  }
  const claims = jws.payload.members
  const list = claims.get('status_list')
  const subject = textOf(claims.get('sub'))
  const iat = integerOf(claims.get('iat'))
  const exp = integerOf(claims.get('exp'))
  const ttl = integerOf(claims.get('ttl'))
  if (!subject || utf8Length(subject) > maxUri) throw malformed('sub')
  if (iat === undefined || iat <= 0 || iat > maxDate) throw malformed('iat')
  if (claims.has('exp') && (exp === undefined || exp <= iat || exp > maxDate)) throw malformed('exp')
  if (claims.has('ttl') && (ttl === undefined || ttl <= 0)) throw malformed('ttl')
  if (list?.kind !== 'object') throw malformed('no status_list')
  const bits = integerOf(list.members.get('bits'))
  const packed = decodeBase64url(textOf(list.members.get('lst')) ?? '=')
  const aggregation = list.members.get('aggregation_uri')
  if (bits === undefined || ![1, 2, 4, 8].includes(bits)) throw malformed('bits')
  if (!packed) throw malformed('lst is not canonical base64url')
  if (aggregation && utf8Length(textOf(aggregation) ?? 'x'.repeat(maxUri + 1)) > maxUri) throw malformed('aggregation_uri')
  return {
    kid: jws.header.kid,
    issuedAt: iat,
    async verify(key, uri, now = Date.now()) {
      try {
        await verifyJws(jws, key)
      } catch (e) {
        if (!(e instanceof Fault)) throw e
        throw malformed(e.message)
      }
      if (subject !== uri) throw new Refusal('status-list-wrong-signer', 'the list is about another one than the certificate names')
      if (exp !== undefined && now >= exp * 1000) throw new Refusal('status-stale', 'the list has expired')
      if (iat * 1000 > now + skew * 1000) throw new Refusal('status-unavailable', 'the list is of the future')
      return new StatusList(subject, iat, exp, Math.min(ttl ?? 0, maxTtl), bits, unpack(bits, packed))
    },
  }
}

function unpack(bits: number, packed: Uint8Array): Bytes {
  try {
    const data = inflate(packed, (maxEntries * bits) / 8)
    if (data.length > 0) return data
  } catch (e) {
    if (!(e instanceof InflateFault)) throw e
    throw malformed(e.message)
  }
  throw malformed('a list without entries')
}
