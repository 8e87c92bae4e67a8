import { type Bytes, decodeBase64, decodeBase64url, decodeUtf8, encodeBase64url, utf8, utf8Length } from './bytes.js'
import { Fault } from './errors.js'
import { type JsonNode, type JsonObject, parseJson, textOf } from './json.js'
import type { PublicKey, Signer } from './keys.js'

/** What is read of a protected header. */
export interface JwsHeader {
  readonly alg: string
  readonly typ: string
  readonly kid: string
  /** DER, leaf first; empty when there is none. */
  readonly x5c: readonly Bytes[]
}

/** A JWS in compact form (RFC 7515 §7.1) that was read and is not trusted yet. */
export interface Jws {
  readonly header: JwsHeader
  readonly payload: JsonObject
  /** Signing input and signature. */
  readonly signed: string
  readonly signature: Bytes
}

/** Bounds of docs/formats.md §1, in characters. */
const maxJws = 4 << 20
const maxHeader = 16 << 10
const maxDepth = 16
const maxChain = 8

// crit and b64 change what is signed; jwk, jku and x5u let a token bring its own key.
const refusedHeaders = new Set(['crit', 'b64', 'jwk', 'jku', 'x5u', 'zip', 'enc'])
// The last two are foreign names of the first: known, and good for no key of the profile (docs/profile-sm.md §7).
const knownAlgorithms = new Set(['SGD_SM3_SM2', 'ES256', 'SM2', 'SM2SM3'])

/** Takes a compact JWS apart and checks its form and that its `typ` is the wanted one. It does not trust it. */
export function parseJws(text: string, typ: string): Jws {
  if (utf8Length(text) > maxJws) throw new Fault('malformed', 'token too large')
  const [head, body, tail, ...more] = text.split('.')
  if (head === undefined || body === undefined || tail === undefined || more.length > 0) {
    throw new Fault('malformed', 'want header.payload.signature')
  }
  if (head.length > maxHeader) throw new Fault('malformed', 'header too large')
  const header = readHeader(readObject(head, 4, 'header'))
  if (header.typ !== typ) throw new Fault('type', `typ is not ${typ}`)
  const payload = readObject(body, maxDepth, 'payload')
  const signature = decodeBase64url(tail)
  if (!signature) throw new Fault('malformed', 'signature is not canonical base64url')
  return { header, payload, signed: `${head}.${body}`, signature }
}

function readObject(part: string, depth: number, what: string): JsonObject {
  const bytes = decodeBase64url(part)
  const text = bytes && decodeUtf8(bytes)
  if (text?.[0] !== '{') throw new Fault('malformed', `${what} is not a JSON object in canonical base64url`)
  return strictObject(text, depth, what)
}

/** Reads an object strictly, with a {@link Fault} that quotes nothing. */
export function strictObject(text: string, depth: number, what: string): JsonObject {
  let node: JsonNode
  try {
    node = parseJson(text, depth)
  } catch {
    throw new Fault('malformed', `${what} is not strict JSON`)
  }
  if (node.kind !== 'object') throw new Fault('malformed', `${what} is no object`)
  return node
}

function readHeader(object: JsonObject): JwsHeader {
  let [alg, typ, kid] = ['', '', '']
  let chain: readonly string[] | undefined
  for (const [name, node] of object.members) {
    if (refusedHeaders.has(name)) throw new Fault('malformed', `header ${name} is not accepted`)
    if (name === 'x5c') chain = readTexts(node)
    if (name !== 'alg' && name !== 'typ' && name !== 'kid') continue
    const text = textOf(node)
    if (text === undefined) throw new Fault('malformed', `header ${name} is not a string`)
    if (name === 'alg') alg = text
    else if (name === 'typ') typ = text
    else kid = text
  }
  if (alg === '') throw new Fault('malformed', 'no alg')
  if (!knownAlgorithms.has(alg)) throw new Fault('algorithm', 'alg is not on the list')
  return { alg, typ, kid, x5c: chain ? readChain(chain) : [] }
}

function readTexts(node: JsonNode): string[] {
  if (node.kind !== 'array') throw new Fault('malformed', 'x5c')
  return node.elements.map((e) => {
    const text = textOf(e)
    if (text === undefined) throw new Fault('malformed', 'x5c')
    return text
  })
}

function readChain(chain: readonly string[]): Bytes[] {
  if (chain.length === 0 || chain.length > maxChain) throw new Fault('malformed', 'x5c')
  return chain.map((text) => {
    const der = decodeBase64(text)
    if (!der?.length) throw new Fault('malformed', 'x5c is not base64')
    return der
  })
}

/** Checks the signature. The algorithm is the key's own; a header that names another is refused before any arithmetic (RFC 8725 §3.1). */
export async function verifyJws(jws: Jws, key: PublicKey): Promise<void> {
  if (jws.header.alg !== key.algorithm) throw new Fault('algorithm', 'the trusted key is of another algorithm')
  await key.verify(utf8(jws.signed), jws.signature)
}

/** Makes a compact JWS over claims. */
export async function signJws(signer: Signer, typ: string, claims: Readonly<Record<string, unknown>>): Promise<string> {
  const part = (v: unknown): string => encodeBase64url(utf8(JSON.stringify(v)))
  const signed = `${part({ alg: signer.algorithm, typ, kid: signer.kid })}.${part(claims)}`
  return `${signed}.${encodeBase64url(await signer.sign(utf8(signed)))}`
}
