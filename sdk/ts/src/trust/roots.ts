import { utf8Length, wellFormed } from '../bytes.js'
import { Fault, Refusal } from '../errors.js'
import type { JsonObject } from '../json.js'
import { type Jws, parseJws, strictObject, verifyJws } from '../jws.js'
import type { PublicKey } from '../keys.js'
import { type DatedKey, type TrustListParts, TrustList, covers, trustSkew } from './model.js'
import { Members, checkNames, malformed, readFrame, readKey, readKeys, readList } from './read.js'
import { Once, checkKeyId, checkKeys, checkList } from './validate.js'

const maxRoots = 256 << 10
const maxRootKeys = 16
const maxSigners = 64
const maxSignatures = 2 * maxRootKeys // a rotation may carry all the old and all the new

/** A root document that was read and is not trusted yet. */
interface RootsDocument {
  readonly roots: TrustRoots
  readonly signatures: readonly Jws[]
}

/**
 * The root set: a threshold of keys that lie offline in different safes, and the online keys that may sign lists. A verifier
 * pins it, and takes another only when the old and the new vouch for it.
 */
export class TrustRoots {
  private constructor(
    readonly version: number,
    /** Seconds since 1970. */
    readonly issuedAt: number,
    readonly expires: number,
    /** How many different keys sign the next set. */
    readonly threshold: number,
    readonly keys: readonly { readonly key: PublicKey; readonly kid: string }[],
    /** Keys that sign lists, and nothing else. */
    readonly signers: readonly DatedKey[],
  ) {}

  /** Reads the root set that a verifier was given by hand. It vouches for itself, which proves that the file is whole, not whence it came. */
  static async pin(text: string): Promise<TrustRoots> {
    const doc = await TrustRoots.#document(text)
    await signedBy(doc, doc.roots)
    return doc.roots
  }

  /**
   * Takes the root set that follows: exactly one version on, signed by a threshold of the old keys, who hand over, and of the
   * new, who prove that they exist. That the old set has expired does not stop the chain, or who slept too long would never wake.
   */
  async next(text: string, now: number = Date.now()): Promise<TrustRoots> {
    const doc = await TrustRoots.#document(text)
    if (doc.roots.version <= this.version) throw new Refusal('roots-rolled-back', 'root set is not newer')
    if (doc.roots.version > this.version + 1) throw new Refusal('roots-gap', 'root sets are taken one version at a time')
    await signedBy(doc, this)
    await signedBy(doc, doc.roots)
    if (doc.roots.issuedAt * 1000 > now + trustSkew * 1000) throw new Refusal('roots-invalid', 'root set is of the future')
    return doc.roots
  }

  /** Reads a list. `newest` is the highest version that was ever accepted: a lower one is refused. */
  async verify(text: string, now: number = Date.now(), newest = 0): Promise<TrustList> {
    if (now >= this.expires * 1000) throw new Refusal('trust-list-stale', 'the roots have expired')
    const list = await this.archived(text)
    if (list.version < newest) throw new Refusal('trust-list-rolled-back', `list ${list.version}, seen ${newest}`)
    if (list.issuedAt * 1000 > now + trustSkew * 1000) throw new Refusal('trust-list-unavailable', 'the list is of the future')
    if (list.expired(now)) throw new Refusal('trust-list-stale', `list ${list.version} has expired`)
    return list
  }

  /**
   * Reads a list that was filed away: all is checked but whether list and roots have expired. It is for looking back, for
   * receipts; nothing that is shown today may be judged by it.
   */
  async archived(text: string): Promise<TrustList> {
    let list: TrustListParts
    let signer: DatedKey | undefined
    try {
      const jws = parseJws(text, 'trustlist+jwt')
      signer = jws.header.kid === '' ? undefined : this.signers.find((s) => s.kid === jws.header.kid)
      if (!signer) throw new Refusal('trust-list-invalid', 'signed by nobody whom the roots name')
      await verifyJws(jws, signer.key)
      list = await readList(jws.payload)
    } catch (e) {
      if (!(e instanceof Fault)) throw e
      throw malformed(e.message)
    }
    checkList(list)
    try {
      covers(signer, list.issuedAt)
    } catch {
      throw malformed('signed by a key that was frozen or not in its dates')
    }
    return new TrustList(spreadFreezes(list))
  }

  static async #document(text: string): Promise<RootsDocument> {
    try {
      return await TrustRoots.#parse(text)
    } catch (e) {
      throw e instanceof Refusal ? new Refusal('roots-invalid', e.message, { cause: e }) : e
    }
  }

  static async #parse(text: string): Promise<RootsDocument> {
    if (utf8Length(text) > maxRoots || !wellFormed(text)) throw malformed('root set too large, or not text')
    const envelope = readEnvelope(text)
    const signatures: Jws[] = []
    for (const s of envelope.signatures) {
      try {
        // One signature of the set is the compact JWS over the same payload.
        signatures.push(parseJws(`${s.protected}.${envelope.payload}.${s.signature}`, 'trustroots+jwt'))
      } catch (e) {
        if (!(e instanceof Fault)) throw e
        if (e.kind !== 'algorithm') throw malformed(e.message) // of a kind that this version does not know: does not count
      }
    }
    const payload = signatures[0]?.payload
    if (!payload) throw malformed('no signature of a known kind')
    return { roots: await TrustRoots.#read(payload), signatures }
  }

  static async #read(payload: JsonObject): Promise<TrustRoots> {
    checkNames(payload.raw)
    const m = new Members(payload, 'root set')
    const { version, issuedAt, expires } = readFrame(m)
    const threshold = m.integer('threshold')
    const keys: { key: PublicKey; kid: string }[] = []
    for (const node of m.list('keys')) {
      const key = readKey(node)
      if (key) keys.push({ key, kid: await key.id() })
    }
    const signers = await readKeys(m.list('signers'), () => ({}))
    if (keys.length > maxRootKeys || signers.length > maxSigners) throw malformed('too many keys')
    if (threshold < 1 || threshold > keys.length) throw malformed('a threshold that cannot be met')
    // No key twice, and no root key is a signer: then it would not lie in a safe.
    const once = new Once()
    for (const k of keys) checkKeyId(k.kid, 'roots')
    for (const k of [...keys, ...signers]) {
      once.add('root set key', k.key.identity)
      once.add('root set kid', k.kid)
    }
    checkKeys(once, signers, 'signer', 'signers')
    return new TrustRoots(version, issuedAt, expires, threshold, keys, signers)
  }
}

/** The general JSON serialization of a JWS (RFC 7515 §7.2.1) without unprotected headers. It does not grow: unknown names are refused. */
function readEnvelope(text: string): { payload: string; signatures: { protected: string; signature: string }[] } {
  let object: JsonObject
  try {
    object = strictObject(text, 16, 'root set')
  } catch {
    throw malformed('root set is not a strict JSON object')
  }
  checkNames(text)
  const only = (o: JsonObject, names: readonly string[]): void => {
    if ([...o.members.keys()].some((n) => !names.includes(n))) throw malformed('unknown member of the root set')
  }
  only(object, ['payload', 'signatures'])
  const m = new Members(object, 'root set')
  const signatures = m.list('signatures').map((node) => {
    if (node.kind === 'object') only(node, ['protected', 'signature'])
    const s = new Members(node, 'signature')
    return { protected: s.text('protected'), signature: s.text('signature') }
  })
  if (signatures.length === 0 || signatures.length > maxSignatures) throw malformed('number of signatures')
  return { payload: m.text('payload'), signatures }
}

/**
 * Demands good signatures of at least the threshold of different keys. Signatures under other keys do not count; a bad one
 * under a key of the set is never an accident, so it is refused whatever the others say.
 */
async function signedBy(doc: RootsDocument, roots: TrustRoots): Promise<void> {
  const good = new Set<string>()
  for (const jws of doc.signatures) {
    for (const k of roots.keys) {
      if (k.kid !== jws.header.kid) continue
      try {
        await verifyJws(jws, k.key)
      } catch (e) {
        if (!(e instanceof Fault)) throw e
        throw new Refusal('roots-invalid', `root signature: ${e.message}`)
      }
      good.add(k.key.identity)
    }
  }
  if (good.size < roots.threshold) throw new Refusal('roots-too-few-signatures', `${good.size} of ${roots.threshold}`)
}

/** A compromised point is frozen wherever it stands: what happened, happened to the key. */
function spreadFreezes(list: TrustListParts): TrustListParts {
  const all = [...list.domains.flatMap((d) => [...d.statusKeys, ...d.serviceKeys]), ...list.issuers.flatMap((i) => i.keys), ...list.providers.flatMap((p) => p.keys)]
  const frozen = new Set(all.filter((k) => k.frozen).map((k) => k.key.identity))
  if (frozen.size === 0) return list
  const spread = <T extends DatedKey>(keys: readonly T[]): T[] => keys.map((k) => ({ ...k, frozen: frozen.has(k.key.identity) }))
  return {
    ...list,
    domains: list.domains.map((d) => ({ ...d, statusKeys: spread(d.statusKeys), serviceKeys: spread(d.serviceKeys) })),
    issuers: list.issuers.map((i) => ({ ...i, keys: spread(i.keys) })),
    providers: list.providers.map((p) => ({ ...p, keys: spread(p.keys) })),
  }
}
