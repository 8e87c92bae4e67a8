import { decodeBase64url, sameBytes, utf8, utf8Length } from './bytes.js'
import { canonical } from './canonical.js'
import { Fault, Refusal, type Text } from './errors.js'
import { type HashName, digest, isHash } from './hash.js'
import { type JsonNode, type JsonObject, depthOf, integerOf, parseJson, textOf } from './json.js'
import { type Jws, parseJws, verifyJws } from './jws.js'
import { type ServiceKey, type TrustList, covers } from './trust/model.js'

/** A receipt of a verification (docs/formats.md §8.4): who checked what, when, why and with what outcome. It says no value. */
export interface Receipt {
  /** Public URL of the deployment that made the check. */
  readonly issuer: string
  /** Id of the verification. */
  readonly id: string
  /** Seconds since 1970: of this signature, and of the check. */
  readonly signedAt: number
  readonly checkedAt: number
  readonly party: { readonly id: string; readonly name: Text }
  readonly client: string
  readonly purpose: string
  readonly via: string
  readonly outcome: string
  readonly reasons: readonly string[]
  readonly type?: string | undefined
  readonly authority?: { readonly issuer: string; readonly code: string } | undefined
  readonly status?: { readonly state: string; readonly asOf?: number | undefined; readonly source: string } | undefined
  readonly holder?: string | undefined
  readonly person?: { readonly state: string; readonly method: string; readonly at?: number | undefined } | undefined
  readonly consent?: { readonly answer: string; readonly asked: readonly string[] } | undefined
  readonly hash: HashName
  /** Digest of the certificate's identifier, when it was known. */
  readonly certificate?: string | undefined
  readonly fields: readonly { readonly name: string; readonly digest: string; readonly matches?: boolean | undefined }[]
}

/** The salts of a receipt. As secret as the values: keep them with those, and apart from the receipt. */
export interface Openings {
  certificate?: string
  fields?: Record<string, string>
}

const maxSize = 64 << 10
const maxFields = 512
const maxText = 1024
const skew = 300
const maxDate = 253402300799

const malformed = (why: string): Refusal => new Refusal('receipt-invalid', why)

/** Reads one object of a receipt. Members that are not known are refused: who shows half of a statement puts her name to the whole. */
class Reader {
  constructor(
    private readonly object: JsonObject,
    ...names: string[]
  ) {
    for (const name of object.members.keys()) if (!names.includes(name)) throw malformed('a member that is not known')
  }

  private get(name: string, kinds: readonly JsonNode['kind'][]): JsonNode | undefined {
    const node = this.object.members.get(name)
    if (node === undefined || node.kind === 'null') return undefined
    if (!kinds.includes(node.kind)) throw malformed(`${name} has the wrong type`)
    return node
  }

  text(name: string): string {
    return textOf(this.get(name, ['string'])) ?? ''
  }

  optional(name: string): string | undefined {
    return this.text(name) || undefined
  }

  integer(name: string): number {
    const node = this.get(name, ['number'])
    const n = node === undefined ? 0 : integerOf(node)
    if (n === undefined) throw malformed(`${name} is not a whole number`)
    return n
  }

  flag(name: string): boolean | undefined {
    const node = this.get(name, ['true', 'false'])
    return node && node.kind === 'true'
  }

  list(name: string): readonly JsonNode[] {
    const node = this.get(name, ['array'])
    return node?.kind === 'array' ? node.elements : []
  }

  texts(name: string): string[] {
    return this.list(name).map((e) => textOf(e) ?? (e.kind === 'null' ? '' : wrong(name)))
  }

  child(name: string, ...names: string[]): Reader | undefined {
    const node = this.get(name, ['object'])
    return node?.kind === 'object' ? new Reader(node, ...names) : undefined
  }
}

function wrong(name: string): never {
  throw malformed(`${name} has the wrong type`)
}

function readReceipt(payload: JsonObject): Receipt {
  if (depthOf(payload) > 6) throw malformed('too deep')
  const r = new Reader(payload, 'iss', 'jti', 'iat', 'checked_at', 'party', 'client', 'purpose', 'via', 'outcome', 'reasons', 'type', 'authority',
    'status', 'holder', 'person', 'consent', 'hash', 'certificate', 'fields')
  const party = r.child('party', 'id', 'name')
  const name = party?.child('name', 'zh', 'en')
  const authority = r.child('authority', 'iss', 'code')
  const status = r.child('status', 'state', 'as_of', 'source')
  const person = r.child('person', 'state', 'method', 'at')
  const consent = r.child('consent', 'answer', 'asked')
  const hash = r.text('hash')
  if (!isHash(hash)) throw malformed('hash')
  const receipt: Receipt = {
    issuer: r.text('iss'), id: r.text('jti'), signedAt: r.integer('iat'), checkedAt: r.integer('checked_at'),
    party: { id: party?.text('id') ?? '', name: { zh: name?.text('zh') ?? '', en: name?.text('en') ?? '' } },
    client: r.text('client'), purpose: r.text('purpose'), via: r.text('via'), outcome: r.text('outcome'), reasons: r.texts('reasons'),
    type: r.optional('type'), holder: r.optional('holder'), hash, certificate: r.optional('certificate'),
    authority: authority && { issuer: authority.text('iss'), code: authority.text('code') },
    status: status && { state: status.text('state'), asOf: status.integer('as_of') || undefined, source: status.text('source') },
    person: person && { state: person.text('state'), method: person.text('method'), at: person.integer('at') || undefined },
    consent: consent && { answer: consent.text('answer'), asked: consent.texts('asked') },
    fields: r.list('fields').map((node) => {
      if (node.kind !== 'object') return wrong('fields')
      const f = new Reader(node, 'name', 'digest', 'matches')
      return { name: f.text('name'), digest: f.text('digest'), matches: f.flag('matches') }
    }),
  }
  checkReceipt(receipt)
  return receipt
}

function checkReceipt(r: Receipt): void {
  if (!r.issuer || !r.id || !r.party.id || !r.outcome || !r.via) throw malformed('iss, jti, party, via and outcome are needed')
  if (r.fields.length > maxFields || r.reasons.length > maxFields || (r.consent?.asked.length ?? 0) > maxFields) throw malformed('too many fields')
  if ([r.signedAt, r.checkedAt].some((at) => at <= 0 || at > maxDate)) throw malformed('date')
  const texts = [r.issuer, r.id, r.party.id, r.party.name.zh, r.party.name.en, r.client, r.purpose, r.via, r.outcome, r.type ?? '', r.holder ?? '', ...r.reasons]
  if (texts.some((t) => utf8Length(t) > maxText)) throw malformed('a text is too long')
  if (r.certificate !== undefined) checkDigest(r.certificate)
  const seen = new Set<string>()
  for (const f of r.fields) {
    if (!f.name || utf8Length(f.name) > 128 || seen.has(f.name)) throw malformed('field')
    seen.add(f.name)
    checkDigest(f.digest)
  }
}

function checkDigest(text: string): void {
  if (decodeBase64url(text)?.length !== 32) throw malformed('digest')
}

/**
 * Checks a receipt against a trust list: its form; the deployment is in the list; one of its keys for receipts signed it, in its
 * dates and not frozen; the order of its dates. A list that was filed away serves too ({@link TrustRoots.archived}), but does not
 * say what was frozen after it.
 */
export async function verifyReceipt(list: TrustList, text: string, now: number = Date.now()): Promise<Receipt> {
  if (utf8Length(text) > maxSize) throw malformed('too large')
  let jws: Jws
  try {
    jws = parseJws(text, 'receipt+jwt')
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw malformed(e.message)
  }
  const receipt = readReceipt(jws.payload)
  const domain = list.domainAt(receipt.issuer)
  if (!domain) throw new Refusal('receipt-of-stranger', 'the list does not name the deployment')
  const key: ServiceKey | undefined = domain.serviceKeys.find((k) => k.use === 'receipt' && k.kid === jws.header.kid)
  if (!key) throw new Refusal('key-unknown', 'no key for receipts of the deployment')
  if (key.frozen) throw new Refusal('receipt-key-frozen', 'nothing that this key ever signed counts')
  covers(key, receipt.signedAt)
  try {
    await verifyJws(jws, key.key)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw malformed(e.message)
  }
  if (receipt.signedAt * 1000 > now + skew * 1000 || receipt.checkedAt > receipt.signedAt + skew) throw malformed('dates cannot be')
  return receipt
}

/** What came of comparing one value with a receipt. The name of the certificate's identifier is "". */
export interface Compared {
  readonly name: string
  /** It is what was disclosed; it is not, or the salt is another's; no salt; nothing given to compare; the receipt has no such field. */
  readonly match: 'matches' | 'differs' | 'no-salt' | 'no-value' | 'foreign'
}

/** Values that were filed beside a receipt. */
export interface FiledValues {
  /** The certificate's identifier. */
  readonly identifier?: string | undefined
  /** By field. Numbers that no `number` holds exactly go as `{ json: "…" }`. */
  readonly values?: Readonly<Record<string, unknown>> | undefined
  readonly openings?: Openings | undefined
}

/** Holds filed values against the digests of a receipt: its fields in their order, then values of which it says nothing. */
export async function compareReceipt(receipt: Receipt, filed: FiledValues): Promise<Compared[]> {
  const { values = {}, openings = {} } = filed
  const out: Compared[] = []
  const own = (of: Readonly<Record<string, unknown>> | undefined, name: string): unknown => (of && Object.hasOwn(of, name) ? of[name] : undefined)
  if (receipt.certificate !== undefined) {
    out.push({ name: '', match: await compareOne(receipt.hash, receipt.certificate, openings.certificate, filed.identifier || undefined) })
  }
  for (const f of receipt.fields) {
    out.push({ name: f.name, match: await compareOne(receipt.hash, f.digest, own(openings.fields, f.name), own(values, f.name)) })
  }
  for (const name of Object.keys(values).sort()) {
    if (!receipt.fields.some((f) => f.name === name)) out.push({ name, match: 'foreign' })
  }
  return out
}

async function compareOne(hash: HashName, want: string, salt: unknown, value: unknown): Promise<Compared['match']> {
  if (value === undefined) return 'no-value'
  if (typeof salt !== 'string' || salt === '') return 'no-salt'
  const [digested, raw, node] = [decodeBase64url(want), decodeBase64url(salt), nodeOf(value)]
  // A salt of another length would let one text be cut in two ways.
  if (!digested || raw?.length !== 16 || !node) return 'differs'
  return sameBytes(await digest(hash, raw, utf8(canonical(node))), digested) ? 'matches' : 'differs'
}

function nodeOf(value: unknown): JsonNode | undefined {
  const exact = typeof value === 'object' && value !== null && Object.keys(value).join() === 'json' ? (value as { json: unknown }).json : undefined
  try {
    const text = typeof exact === 'string' ? exact : JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : v))
    return parseJson(text, 64)
  } catch {
    return undefined
  }
}
