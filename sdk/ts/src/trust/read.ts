import { wellFormed } from '../bytes.js'
import { Fault, Refusal, type Text } from '../errors.js'
import { type JsonNode, type JsonObject, integerOf, textOf } from '../json.js'
import { PublicKey } from '../keys.js'
import type { CertificateType, DatedKey, Domain, Issuer, Provider, ServiceKey, TrustListParts } from './model.js'

/** A document is not one as this version reads it, or contradicts itself. */
export const malformed = (why: string): Refusal => new Refusal('trust-list-invalid', why)

/**
 * Refuses capital letters, escapes and anything beyond ASCII in the names of members, and null anywhere: a reader that folds
 * case would see another document than one that does not. The text is strict JSON already.
 */
export function checkNames(text: string): void {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === 'n') throw malformed('null') // outside of strings only null begins so
    if (text[at] !== '"') continue
    const start = at + 1
    for (at = start; text[at] !== '"'; at++) if (text[at] === '\\') at++
    const name = text.slice(start, at)
    const after = text.slice(at + 1, at + 65).replace(/^[ \t\r\n]+/, '')
    if (after === '' && at + 1 < text.length) throw malformed('too much white space')
    if (after.startsWith(':') && !/^[a-z0-9_\-.#:/]*$/.test(name)) throw malformed('name of a member')
  }
}

const maxDate = 253402300799 // 9999-12-31T23:59:59Z

/** Reads members by name and type. What is absent is empty, as zero and false are left out on the wire. */
export class Members {
  private readonly members: ReadonlyMap<string, JsonNode>

  constructor(node: JsonNode | undefined, what: string) {
    if (node?.kind !== 'object') throw malformed(`${what} is no object`)
    this.members = node.members
  }

  text(name: string): string {
    const node = this.members.get(name)
    const text = node === undefined ? '' : textOf(node)
    if (text === undefined) throw malformed(`${name} is not a string`)
    return text
  }

  integer(name: string): number {
    const node = this.members.get(name)
    const n = node === undefined ? 0 : integerOf(node)
    if (n === undefined) throw malformed(`${name} is not a whole number`)
    return n
  }

  flag(name: string): boolean {
    const kind = this.members.get(name)?.kind
    if (kind !== undefined && kind !== 'true' && kind !== 'false') throw malformed(`${name} is not a yes or no`)
    return kind === 'true'
  }

  list(name: string): readonly JsonNode[] {
    const node = this.members.get(name)
    if (node === undefined) return []
    if (node.kind !== 'array') throw malformed(`${name} is not a list`)
    return node.elements
  }

  texts(name: string): string[] {
    return this.list(name).map((e) => {
      const text = textOf(e)
      if (text === undefined) throw malformed(`${name} is not a list of strings`)
      return text
    })
  }

  /** A date in seconds; zero is absent. */
  date(name: string): number | undefined {
    const n = this.integer(name)
    if (n !== 0 && (n <= 0 || n > maxDate)) throw malformed(`${name} is out of range`)
    return n === 0 ? undefined : n
  }

  node(name: string): JsonNode | undefined {
    return this.members.get(name)
  }

  name(): Text {
    const name = new Members(this.members.get('name') ?? { kind: 'object', raw: '{}', members: new Map() }, 'name')
    return { zh: name.text('zh'), en: name.text('en') }
  }
}

/** Version and dates, which both documents have. */
export function readFrame(m: Members): { version: number; issuedAt: number; expires: number } {
  const version = m.integer('version')
  const issuedAt = m.date('iat')
  const expires = m.date('exp')
  if (version < 1) throw malformed('version')
  if (issuedAt === undefined || expires === undefined) throw malformed('iat and exp are needed')
  if (issuedAt >= expires) throw malformed('expires before it is issued')
  return { version, issuedAt, expires }
}

/** Reads a key. Kinds that this version does not know are stepped over: what they signed does not verify here, the rest stays readable. */
export function readKey(node: JsonNode | undefined): PublicKey | undefined {
  if (node === undefined) throw malformed('a key is missing')
  try {
    return PublicKey.fromNode(node)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    if (e.kind === 'unsupported') return undefined
    throw malformed(e.message)
  }
}

/** Reads keys with dates, each with what else `more` finds in its entry. */
export async function readKeys<T>(nodes: readonly JsonNode[], more: (m: Members) => T): Promise<(DatedKey & T)[]> {
  const out: (DatedKey & T)[] = []
  for (const node of nodes) {
    const m = new Members(node, 'key')
    const notBefore = m.date('not_before')
    const notAfter = m.date('not_after')
    const frozen = m.flag('frozen')
    if (m.integer('max_copies') < 0) throw malformed('max_copies below zero')
    const found = more(m)
    const key = readKey(m.node('jwk'))
    if (key === undefined) continue
    if (notBefore !== undefined && notAfter !== undefined && notAfter < notBefore) throw malformed('dates run backwards')
    out.push({ key, kid: await key.id(), notBefore, notAfter, frozen, ...found })
  }
  return out
}

const nothing = (): object => ({})

/** Reads the payload of a trust list, without judging what it says. */
export async function readList(payload: JsonObject): Promise<TrustListParts> {
  checkNames(payload.raw)
  if (!wellFormed(payload.raw)) throw malformed('half of a surrogate pair')
  const m = new Members(payload, 'list')
  const frame = readFrame(m)
  const domains: Domain[] = []
  for (const node of m.list('domains')) {
    const d = new Members(node, 'domain')
    domains.push({
      code: d.text('code'), name: d.name(), baseUrl: d.text('base_url'), statusPrefix: d.text('status_prefix'),
      statusKeys: await readKeys(d.list('status_keys'), nothing),
      serviceKeys: await readKeys<Pick<ServiceKey, 'use'>>(d.list('service_keys'), (k) => ({ use: k.text('use') })),
    })
  }
  const issuers: Issuer[] = []
  for (const node of m.list('issuers')) {
    const i = new Members(node, 'issuer')
    issuers.push({
      id: i.text('id'), authority: i.text('authority'), name: i.name(), domain: i.text('domain'), types: i.texts('types'), regions: i.texts('regions'),
      keys: await readKeys(i.list('keys'), nothing), notBefore: i.date('not_before'), notAfter: i.date('not_after'), frozen: i.flag('frozen'),
    })
  }
  const providers: Provider[] = []
  for (const node of m.list('providers')) {
    const p = new Members(node, 'provider')
    providers.push({ id: p.text('id'), name: p.name(), domain: p.text('domain'), keys: await readKeys(p.list('keys'), nothing), frozen: p.flag('frozen') })
  }
  const types: CertificateType[] = m.list('types').map((node) => {
    const t = new Members(node, 'type')
    return { id: t.text('id'), version: t.integer('version'), vct: t.text('vct'), code: t.text('code'), frozen: t.flag('frozen') }
  })
  return { ...frame, domains, issuers, providers, types, frozenRegions: m.texts('frozen_regions'), frozenAll: m.flag('frozen_all') }
}
