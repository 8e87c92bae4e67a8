import { type Bytes, concat, decodeBase64url, encodeBase64url, hex, sameBytes, utf8, utf8Length } from './bytes.js'
import { decompress, onCurve, scalarInRange, signatureInRange } from './curve.js'
import { Fault } from './errors.js'
import { type JsonNode, depthOf, parseJson, textOf } from './json.js'
import { type Table, digestFor, pointOf, signMessage, tableOf, verifyDigest } from './sm2.js'

/** The two algorithms: SM2 over SM3 (docs/profile-sm.md), and ECDSA on P-256 over SHA-256. */
export type Algorithm = 'SGD_SM3_SM2' | 'ES256'

/** A public key as JWK (RFC 7517). */
export interface PublicJwk {
  kty: 'EC'
  crv: 'sm2p256v1' | 'P-256'
  x: string
  y: string
  kid?: string
  use?: string
  alg?: string
}

/** A private key as JWK, as `showcard keygen --out` makes it. */
export interface PrivateJwk extends PublicJwk {
  d: string
}

const maxJwk = 8 << 10

/** A public key. The key knows its one algorithm; no text is ever asked which it would like. Two keys are the same when their points are. */
export class PublicKey {
  readonly algorithm: Algorithm
  readonly x: Bytes
  readonly y: Bytes
  /** The `kid` that the key was given, if any. */
  readonly kid: string | undefined
  #imported: Promise<CryptoKey> | undefined
  #uses = 0
  #table: Table | undefined

  private constructor(algorithm: Algorithm, x: Bytes, y: Bytes, kid: string | undefined) {
    this.algorithm = algorithm
    this.x = x
    this.y = y
    this.kid = kid
  }

  /** A point, with both coordinates or with the sign of y alone. Off the curve it is a {@link Fault}. */
  static fromPoint(algorithm: Algorithm, x: Uint8Array, y: Uint8Array | boolean, kid?: string): PublicKey {
    const sm = algorithm === 'SGD_SM3_SM2'
    const whole = typeof y === 'boolean' ? (x.length === 32 ? decompress(sm, x, y) : undefined) : y
    if (x.length !== 32 || whole?.length !== 32 || !onCurve(sm, x, whole)) throw new Fault('malformed', 'point off the curve')
    return new PublicKey(algorithm, concat(x), concat(whole), kid)
  }

  /** Reads a JWK, given as JSON text or as an object that was made by this program. */
  static fromJwk(jwk: string | PublicJwk): PublicKey {
    return PublicKey.fromNode(parseJwk(typeof jwk === 'string' ? jwk : JSON.stringify(jwk)))
  }

  /** Reads a JWK that was read strictly before. Kinds that nobody here has a use for are `unsupported`: a set steps over them. */
  static fromNode(node: JsonNode): PublicKey {
    if (utf8Length(node.raw) > maxJwk) throw new Fault('malformed', 'JWK too large')
    if (node.kind !== 'object') throw new Fault(node.kind === 'null' ? 'unsupported' : 'malformed', 'JWK is no object')
    if (depthOf(node) > 4) throw new Fault('malformed', 'JWK too deep')
    const text: Record<string, string> = {}
    for (const [name, value] of node.members) {
      if (name === 'd') throw new Fault('malformed', 'private key where a public one belongs')
      if (!['kty', 'crv', 'x', 'y', 'kid', 'use', 'alg'].includes(name)) continue
      if (value.kind !== 'string') throw new Fault('malformed', `${name} is not a string`)
      text[name] = value.text
    }
    const { kty, crv, x = '', y = '', kid, use, alg } = text
    if (kty !== 'EC') throw new Fault('unsupported', 'kind of key')
    forVerifying(use, node.members.get('key_ops'))
    const algorithm = crv === 'sm2p256v1' ? 'SGD_SM3_SM2' : crv === 'P-256' ? 'ES256' : undefined
    if (algorithm === undefined) throw new Fault('unsupported', 'curve')
    if (alg && alg !== algorithm) throw new Fault('malformed', 'alg is not of the curve')
    const [a, b] = [x, y].map((c) => (c.length === 43 ? decodeBase64url(c) : undefined))
    if (!a || !b) throw new Fault('malformed', 'coordinate is not 32 bytes of base64url')
    const key = PublicKey.fromPoint(algorithm, a, b, kid || undefined)
    if (kid && utf8Length(kid) > 256) throw new Fault('malformed', 'kid too long')
    return key
  }

  /** What makes two keys the same key. */
  get identity(): string {
    return `${this.algorithm} ${hex(this.x)}${hex(this.y)}`
  }

  /** Compares points, not ids. */
  equals(other: PublicKey): boolean {
    return this.identity === other.identity
  }

  /** The key id: its own, or else the RFC 7638 thumbprint, with SHA-256 for both algorithms. */
  async id(): Promise<string> {
    return this.kid ?? this.thumbprint()
  }

  /** The RFC 7638 thumbprint. */
  async thumbprint(): Promise<string> {
    const { crv, x, y } = this.toJwk()
    const text = `{"crv":"${crv}","kty":"EC","x":"${x}","y":"${y}"}`
    return encodeBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))))
  }

  /** The bare JWK. */
  toJwk(): PublicJwk {
    return { kty: 'EC', crv: this.algorithm === 'ES256' ? 'P-256' : 'sm2p256v1', x: encodeBase64url(this.x), y: encodeBase64url(this.y) }
  }

  /**
   * Checks the 64 bytes r‖s over a message. DER, another length, and numbers out of range are the {@link Fault} `encoding`;
   * what is well formed and wrong is `signature`.
   */
  async verify(message: Uint8Array, signature: Uint8Array): Promise<void> {
    const sm = this.algorithm === 'SGD_SM3_SM2'
    if (!signatureInRange(sm, signature)) throw new Fault('encoding', 'signature is not r‖s in range')
    const good = sm ? this.#verifySM2(message, signature) : await this.#verifyES256(message, signature)
    if (!good) throw new Fault('signature', 'signature does not verify')
  }

  #verifySM2(message: Uint8Array, signature: Uint8Array): boolean {
    const point = hex(concat(uncompressed, this.x, this.y))
    if (++this.#uses === manyUses) this.#table = tableOf(point) // a key of the trust list: it will come again
    return verifyDigest(this.#table ?? point, digestFor(point, message), signature)
  }

  async #verifyES256(message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    this.#imported ??= crypto.subtle.importKey('raw', concat(uncompressed, this.x, this.y), ecdsa, false, ['verify'])
    return crypto.subtle.verify(ecdsaSha256, await this.#imported, concat(signature), concat(message))
  }
}

const manyUses = 4
const uncompressed = Uint8Array.of(4)
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' }
const ecdsaSha256 = { name: 'ECDSA', hash: 'SHA-256' }

/** Refuses keys that their owner published for something else (RFC 7517 §4.2, §4.3). */
function forVerifying(use: string | undefined, operations: JsonNode | undefined): void {
  if (use && use !== 'sig') throw new Fault('unsupported', 'use of key')
  if (operations === undefined || operations.kind === 'null') {
    if (operations) throw new Fault('unsupported', 'key_ops without verify')
    return
  }
  if (operations.kind !== 'array' || operations.elements.some((e) => e.kind !== 'string' && e.kind !== 'null')) {
    throw new Fault('malformed', 'key_ops is not a list of strings')
  }
  if (!operations.elements.some((e) => textOf(e) === 'verify')) throw new Fault('unsupported', 'key_ops without verify')
}

function parseJwk(text: string): JsonNode {
  try {
    return parseJson(text, 4)
  } catch {
    throw new Fault('malformed', 'JWK is not strict JSON')
  }
}

/** Who signs: a key in memory, in WebCrypto or in a security module. */
export interface Signer {
  readonly algorithm: Algorithm
  /** The `kid` under which others know the key. */
  readonly kid: string
  /** Returns the 64 bytes r‖s over a message. */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** Reads a private JWK, as text or object. A scalar that is not of its point is refused. The key never prints. */
export async function importSigner(jwk: string | PrivateJwk): Promise<Signer> {
  const node = parseJwk(typeof jwk === 'string' ? jwk : JSON.stringify(jwk))
  if (node.kind !== 'object') throw new Fault('malformed', 'JWK is no object')
  const members = new Map(node.members)
  const d = decodeBase64url(textOf(members.get('d')) ?? '')
  members.delete('d')
  const key = PublicKey.fromNode({ ...node, members })
  if (!d || !scalarInRange(key.algorithm !== 'ES256', d)) throw new Fault('malformed', 'not a private JWK')
  const kid = await key.id()
  if (key.algorithm === 'ES256') {
    const imported = await crypto.subtle
      .importKey('jwk', { ...key.toJwk(), d: encodeBase64url(d) }, ecdsa, false, ['sign'])
      .catch(() => { throw new Fault('malformed', 'd does not belong to x and y') })
    const probe = utf8('probe')
    const signer = cryptoKeySigner(imported, kid)
    await key.verify(probe, await signer.sign(probe)).catch(() => { throw new Fault('malformed', 'd does not belong to x and y') })
    return signer
  }
  const point = pointOf(d)
  if (!sameBytes(point, concat(uncompressed, key.x, key.y))) throw new Fault('malformed', 'd does not belong to x and y')
  return new SM2Signer(kid, hex(d), hex(point))
}

/** Signs with an ES256 key of WebCrypto, which need not be extractable. */
export function cryptoKeySigner(key: CryptoKey, kid: string): Signer {
  return {
    algorithm: 'ES256',
    kid,
    sign: async (message) => new Uint8Array(await crypto.subtle.sign(ecdsaSha256, key, concat(message))),
  }
}

class SM2Signer implements Signer {
  readonly algorithm = 'SGD_SM3_SM2'
  readonly #scalar: string
  readonly #point: string

  constructor(readonly kid: string, scalar: string, point: string) {
    this.#scalar = scalar
    this.#point = point
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    return signMessage(this.#scalar, this.#point, message)
  }
}

