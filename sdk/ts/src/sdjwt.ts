import { compareCodePoints, decodeBase64url, decodeUtf8, encodeBase64url, utf8, utf8Length } from './bytes.js'
import { Fault, Refusal } from './errors.js'
import { type HashName, digest, isHash } from './hash.js'
import { type JsonNode, type JsonObject, parseJson, textOf } from './json.js'
import { type Jws, parseJws } from './jws.js'

/** The `typ` of a certificate. */
export const typeCertificate = 'dc+sd-jwt'

const maxSize = 256 << 10
const maxDisclosures = 512
const maxDepth = 16 // of one disclosure
const maxNesting = 32 // of disclosures within disclosures, all levels counted

/** One thing that the holder chose to show. */
interface Disclosure {
  readonly name: string // "" for an element of an array
  readonly element: boolean
  readonly value: JsonNode
  readonly digest: string
  used: boolean
  top: boolean
}

/** An SD-JWT (RFC 9901) whose disclosures fit the signed token. Nothing of it is trusted yet. */
export interface SdJwt {
  readonly token: Jws
  readonly hash: HashName
  /** The processed payload: what the issuer signed openly and what the holder disclosed. */
  readonly claims: ReadonlyMap<string, JsonNode>
  /** Disclosed claims of the top level, in the order of the text. */
  readonly disclosed: readonly string[]
  /** Claims of the top level that are disclosable, or have something disclosable inside, as far as can be seen. */
  readonly disclosable: ReadonlySet<string>
  /** The key-binding JWT, "" when there is none. */
  readonly keyBinding: string
  /** What `sd_hash` covers: issuer's JWT and disclosures, up to the last ~. */
  readonly covered: string
}

const malformed = (why: string): Refusal => new Refusal('presentation-malformed', why)
const disclosureMalformed = (why: string): Refusal => new Refusal('disclosure-malformed', why)

/**
 * Takes a presentation apart and applies all of RFC 9901 §7.1 that needs no key: a known hash, well-formed disclosures,
 * each referenced exactly once, no digest and no name twice.
 */
export async function parseSdJwt(text: string): Promise<SdJwt> {
  if (utf8Length(text) > maxSize) throw malformed('too large')
  const [jwt, ...rest] = text.split('~')
  const keyBinding = rest.pop()
  if (jwt === undefined || keyBinding === undefined) throw malformed('a JWT without ~ is not an SD-JWT')
  let token: Jws
  try {
    token = parseJws(jwt, typeCertificate)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw e.kind === 'algorithm' ? new Refusal('algorithm-not-allowed', e.message) : malformed(e.message)
  }
  if (rest.length > maxDisclosures) throw malformed(`more than ${maxDisclosures} disclosures`)
  const read = rest.map(readDisclosure)
  const payload = new Map(token.payload.members)
  const hash = readHash(payload)
  const disclosures: Disclosure[] = []
  for (const d of read) disclosures.push({ ...d, digest: await digestOf(hash, d.encoded), used: false, top: false })
  const processor = new Processor(disclosures)
  const claims = processor.object(payload, '', 0)
  if (disclosures.some((d) => !d.used)) throw new Refusal('disclosure-unknown', 'the issuer signed no digest of a disclosure')
  return {
    token,
    hash,
    claims,
    disclosed: disclosures.filter((d) => d.top).map((d) => d.name),
    disclosable: new Set([...processor.holes, ...disclosures.filter((d) => d.top).map((d) => d.name)]),
    keyBinding,
    covered: text.slice(0, text.lastIndexOf('~') + 1),
  }
}

/** The digest of a text as it stands in a token. */
export async function digestOf(hash: HashName, text: string): Promise<string> {
  return encodeBase64url(await digest(hash, utf8(text)))
}

function readHash(payload: Map<string, JsonNode>): HashName {
  const node = payload.get('_sd_alg')
  if (node === undefined) return 'sha-256'
  payload.delete('_sd_alg')
  const name = textOf(node)
  if (!isHash(name)) throw new Refusal('algorithm-not-allowed', '_sd_alg is not on the list')
  return name
}

function readDisclosure(encoded: string): Pick<Disclosure, 'name' | 'element' | 'value'> & { encoded: string } {
  const bytes = decodeBase64url(encoded)
  const text = bytes && decodeUtf8(bytes)
  let node: JsonNode | undefined
  try {
    node = text === undefined ? undefined : parseJson(text, maxDepth)
  } catch {
    node = undefined // the fault could quote a person's data
  }
  if (node === undefined) throw disclosureMalformed('not strict JSON in canonical base64url')
  const parts = node.kind === 'array' ? node.elements : []
  const [salt, second, third] = parts
  const value = third ?? second
  if (parts.length < 2 || parts.length > 3 || value === undefined) throw disclosureMalformed('want [salt, name, value] or [salt, value]')
  if (salt?.kind !== 'string') throw disclosureMalformed('the salt is not a string')
  if (third === undefined) return { encoded, name: '', element: true, value }
  const name = textOf(second)
  if (!name) throw disclosureMalformed('the name is not a string')
  // These names steer the format (RFC 9901 §7.1 3.c.ii, §4.1.1).
  if (name === '_sd' || name === '...' || name === '_sd_alg') throw disclosureMalformed('reserved name')
  return { encoded, name, element: false, value }
}

/** Quick, and errs on the safe side: a backslash can spell any name. */
const mayHoldDigests = (raw: string): boolean => raw.includes('\\') || raw.includes('"_sd') || raw.includes('"..."')

/** Puts the disclosures where their digests stand (RFC 9901 §7.1 step 3). */
class Processor {
  /** Claims of the top level with a digest somewhere inside. */
  readonly holes = new Set<string>()
  private readonly byDigest = new Map<string, Disclosure>()
  private readonly seen = new Set<string>()

  constructor(disclosures: readonly Disclosure[]) {
    for (const d of disclosures) {
      if (this.byDigest.has(d.digest)) throw new Refusal('disclosure-duplicate', 'the same disclosure twice')
      this.byDigest.set(d.digest, d)
    }
  }

  object(members: ReadonlyMap<string, JsonNode>, root: string, depth: number): Map<string, JsonNode> {
    const top = depth === 0
    const digests = members.get('_sd')
    if (digests && (digests.kind !== 'array' || digests.elements.some((e) => e.kind !== 'string' && e.kind !== 'null'))) {
      throw malformed('_sd is not an array of strings')
    }
    if (members.has('...')) throw malformed('... outside of an array')
    if (members.has('_sd_alg')) throw malformed('_sd_alg below the top level')
    const out = new Map<string, JsonNode>()
    // In a fixed order, so that a token with two faults always shows the same one.
    for (const name of [...members.keys()].filter((n) => n !== '_sd').sort(compareCodePoints)) {
      const node = members.get(name)
      if (node) out.set(name, this.value(node, top ? name : root, depth + 1))
    }
    for (const one of digests?.kind === 'array' ? digests.elements : []) {
      const d = this.take(one, root)
      if (d === undefined) continue
      if (d.element) throw disclosureMalformed('an array element among the properties of an object')
      if (out.has(d.name)) throw disclosureMalformed('its name is taken')
      d.top = top
      out.set(d.name, this.value(d.value, top ? d.name : root, depth + 1))
    }
    return out
  }

  private value(node: JsonNode, root: string, depth: number): JsonNode {
    if (!mayHoldDigests(node.raw)) return node
    if (depth > maxNesting) throw malformed('nested too deep')
    if (node.kind === 'object') return object(this.object(node.members, root, depth))
    if (node.kind !== 'array') return node
    const elements = this.array(node.elements, root, depth)
    return { kind: 'array', elements, raw: `[${elements.map((e) => e.raw).join(',')}]` }
  }

  private array(elements: readonly JsonNode[], root: string, depth: number): JsonNode[] {
    const out: JsonNode[] = []
    for (const element of elements) {
      // {"...": "<digest>"} must have no other member (§4.2.4.2).
      const one = element.kind === 'object' ? element.members.get('...') : undefined
      if (one === undefined || element.kind !== 'object') {
        out.push(this.value(element, root, depth + 1))
        continue
      }
      if ((one.kind !== 'string' && one.kind !== 'null') || element.members.size !== 1) throw malformed('an array digest has one member, a string')
      const d = this.take(one, root)
      if (d === undefined) continue // not disclosed, or a decoy: §7.1 3.d
      if (!d.element) throw disclosureMalformed('a property among array elements')
      out.push(this.value(d.value, root, depth + 1))
    }
    return out
  }

  /** The disclosure of a digest, or nothing. A digest that was met before refuses the token (§7.1 step 4). */
  private take(node: JsonNode, root: string): Disclosure | undefined {
    const text = textOf(node)
    if (text === undefined) throw malformed('a digest is not a string')
    if (this.seen.has(text)) throw new Refusal('disclosure-duplicate', 'a digest twice')
    this.seen.add(text)
    if (root !== '') this.holes.add(root)
    const d = this.byDigest.get(text)
    if (d) d.used = true
    return d
  }
}

function object(members: ReadonlyMap<string, JsonNode>): JsonObject {
  const raw = [...members].map(([name, v]) => `${JSON.stringify(name)}:${v.raw}`)
  return { kind: 'object', members, raw: `{${raw.join(',')}}` }
}
