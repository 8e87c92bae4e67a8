import { unreachable } from './api'
import { config } from './config'
import { current } from './prefs'
import { type Pair, say } from './text'

export { Region, Value } from './value'

// The catalogue of types: what fields are called and how their values are written. It comes from the server, so that a new type
// needs no change here.

export interface FieldDescription {
  /** name, label, kind, table of codes, unit */
  readonly n: string
  readonly l: Pair
  readonly k: string
  readonly t?: string
  readonly u?: Pair
  /** The member of a pushed row that the value is taken from. */
  readonly f?: string
}
export interface TypeDescription {
  readonly name: Pair
  readonly fields: readonly FieldDescription[]
  readonly live?: readonly FieldDescription[]
  readonly face: readonly string[]
  /** Views that a device may take along to show without a network. */
  readonly offline?: readonly string[]
  /** Shown only after she proved anew that it is she. */
  readonly sensitive?: boolean
}
export interface Catalogue {
  readonly types: Readonly<Record<string, TypeDescription>>
  readonly tables: Readonly<Record<string, Readonly<Record<string, Pair>>>>
}

async function document<T>(path: string): Promise<T> {
  let r: Response
  try { r = await fetch(path) } catch { throw unreachable() }
  if (!r.ok) throw unreachable()
  return (await r.json()) as T
}

let outlined: Promise<Catalogue> | undefined

/** Types without the tables of codes, which are the larger part: enough to name what is on a card. */
export function outline(): Promise<Catalogue> {
  outlined ??= document<Catalogue['types']>(config.types).then((types) => ({ types, tables: {} }))
  outlined.catch(() => { outlined = undefined })
  return outlined
}

let whole: Promise<Catalogue> | undefined

/** Types and tables. They are cached for good under names that hold their hash. */
export function catalogue(): Promise<Catalogue> {
  if (!whole) {
    whole = Promise.all([outline(), document<Catalogue['tables']>(config.tables)]).then(([{ types }, tables]) => ({ types, tables }))
    whole.catch(() => { whole = undefined })
  }
  return whole
}

/** The type by id and version; without a version, the newest. */
export function typeOf(c: Catalogue, id: string | undefined, version?: number): TypeDescription | undefined {
  if (!id) return undefined
  const exact = version ? c.types[`${id}/${version}`] : undefined
  if (exact) return exact
  const versions = Object.keys(c.types).filter((k) => k.slice(0, k.lastIndexOf('/')) === id).sort((a, b) => Number(b.slice(b.lastIndexOf('/') + 1)) - Number(a.slice(a.lastIndexOf('/') + 1)))
  return versions[0] ? c.types[versions[0]] : undefined
}

/** The ids of all types, each once. */
export function typeIds(c: Catalogue): string[] { return [...new Set(Object.keys(c.types).map((k) => k.slice(0, k.lastIndexOf('/'))))] }

export function fieldOf(type: TypeDescription | undefined, name: string): FieldDescription {
  return type?.fields.find((f) => f.n === name) ?? type?.live?.find((f) => f.n === name) ?? { n: name, l: [name, name], k: 'text' }
}

/** Names in the order in which the type has them. */
export function inOrder(type: TypeDescription | undefined, names: readonly string[]): string[] {
  const order = (n: string): number => { const at = type?.fields.findIndex((f) => f.n === n) ?? -1; return at < 0 ? 999 : at }
  return [...names].sort((a, b) => order(a) - order(b))
}

/** Labels of fields in one sentence. */
export function labels(type: TypeDescription | undefined, names: readonly string[]): string {
  return inOrder(type, names).map((n) => say(fieldOf(type, n).l)).join(current().language === 'zh' ? '、' : ', ')
}
