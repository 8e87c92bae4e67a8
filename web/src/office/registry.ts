import type { Text } from '../kit/text'
import type { Workstation } from '../kit/workstation'
import { list } from './parts'

// Entries of the registry, as /v1/registry has them.

export interface Jwk { readonly kty: string; readonly crv: string; readonly x: string; readonly y: string; readonly kid?: string }
export interface DatedKey { readonly jwk: Jwk; readonly use?: string; readonly not_before: string; readonly not_after?: string; readonly frozen?: boolean }
export interface Authority { readonly id: string; readonly uscc: string; readonly name: Text; readonly domain: string; readonly types: readonly string[]; readonly regions: readonly string[]; readonly keys: readonly DatedKey[]; readonly not_before?: string; readonly not_after?: string; readonly frozen?: boolean }
export interface Grant { readonly type: string; readonly fields: readonly string[]; readonly purposes: readonly string[] }
export interface Basis { readonly purpose: string; readonly basis: string; readonly name?: Text }
export interface Step { readonly what: string; readonly by: string; readonly at: string; readonly why?: string }
export interface Party {
  readonly id: string
  readonly name: Text
  readonly contact?: string
  readonly grants: readonly Grant[]
  readonly portrait?: boolean
  readonly ending?: boolean
  readonly per_minute?: number
  readonly per_day?: number
  readonly legal_basis?: readonly Basis[]
  readonly not_before?: string
  readonly not_after?: string
  readonly state?: string
  readonly steps?: readonly Step[]
  readonly suspended?: boolean
}
export interface Client { readonly id: string; readonly role: string; readonly party?: string; readonly authorities?: readonly string[]; readonly scopes: readonly string[]; readonly keys?: readonly Jwk[]; readonly key_ends?: readonly { readonly kid: string; readonly ends: string }[]; readonly suspended?: boolean; readonly certificates?: readonly string[] }
export interface Provider { readonly id: string; readonly name: Text; readonly domain: string; readonly keys: readonly DatedKey[]; readonly frozen?: boolean }
export interface Domain { readonly code: string; readonly name: Text; readonly base_url: string; readonly status_prefix: string; readonly status_keys: readonly DatedKey[]; readonly service_keys?: readonly DatedKey[] }
export interface TypeState { readonly id: string; readonly version: number; readonly published: boolean; readonly frozen?: boolean }

export interface Proposal {
  readonly id?: string
  readonly what: string
  readonly target: string
  readonly freeze?: { readonly kind: string; readonly id: string; readonly key?: string; readonly frozen: boolean }
  readonly entry?: Readonly<Record<string, unknown>>
  readonly urgent?: boolean
  readonly why: string
  readonly by: string
  readonly at?: string
  readonly expires?: string
  readonly state: string
  readonly decided_by?: string
  readonly decided_at?: string
  readonly decided_why?: string
}
export interface Freezes { readonly freezes: readonly Proposal[]; readonly stopped: { readonly regions: readonly string[]; readonly all: boolean } }

export const parties = async (w: Workstation): Promise<readonly Party[]> => list((await w.call<{ parties: Party[] }>('GET', '/v1/registry/parties')).parties)
export const clients = async (w: Workstation): Promise<readonly Client[]> => list((await w.call<{ clients: Client[] }>('GET', '/v1/registry/clients')).clients)
export const authorities = async (w: Workstation): Promise<readonly Authority[]> => list((await w.call<{ authorities: Authority[] }>('GET', '/v1/registry/authorities')).authorities)
export const providers = async (w: Workstation): Promise<readonly Provider[]> => list((await w.call<{ providers: Provider[] }>('GET', '/v1/registry/providers')).providers)
export const domains = async (w: Workstation): Promise<readonly Domain[]> => list((await w.call<{ domains: Domain[] }>('GET', '/v1/registry/domains')).domains)
export const types = async (w: Workstation): Promise<readonly TypeState[]> => list((await w.call<{ types: TypeState[] }>('GET', '/v1/registry/types')).types)
export const proposals = async (w: Workstation): Promise<readonly Proposal[]> => list((await w.call<{ proposals: Proposal[] }>('GET', '/v1/registry/proposals')).proposals)
export const freezes = (w: Workstation): Promise<Freezes> => w.call<Freezes>('GET', '/v1/registry/freezes')

/** The entry as it stands, for comparing with what is proposed. */
export async function entryOf(w: Workstation, what: string, id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const of = { party: parties, client: clients, authority: authorities, provider: providers, type: types }[what] as ((w: Workstation) => Promise<readonly { readonly id: string }[]>) | undefined
  if (what === 'domain') return (await domains(w)).find((d) => d.code === id) as Readonly<Record<string, unknown>> | undefined
  return (await of?.(w))?.find((e) => e.id === id) as Readonly<Record<string, unknown>> | undefined
}

export interface Difference { readonly at: string; readonly before?: string; readonly after?: string }

/** What two entries differ in, member by member. Lists of words are compared as sets, so that one more field is one line. */
export function differences(before: unknown, after: unknown, at = ''): readonly Difference[] {
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  if (same(before, after)) return []
  const words = (v: unknown): v is string[] => Array.isArray(v) && v.every((x) => typeof x === 'string')
  if (words(before) && words(after)) {
    const gone = before.filter((x) => !after.includes(x))
    const more = after.filter((x) => !before.includes(x))
    if (gone.length + more.length) return [{ at, ...(gone.length ? { before: `− ${gone.join(' ')}` } : {}), ...(more.length ? { after: `+ ${more.join(' ')}` } : {}) }]
  }
  if (typeof before === 'object' && typeof after === 'object' && before && after && Array.isArray(before) === Array.isArray(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...names].flatMap((n) => differences((before as Record<string, unknown>)[n], (after as Record<string, unknown>)[n], `${at}/${n}`))
  }
  const text = (v: unknown): string => (typeof v === 'string' ? v : JSON.stringify(v))
  return [{ at: at || '/', ...(before === undefined ? {} : { before: text(before) }), ...(after === undefined ? {} : { after: text(after) }) }]
}
