import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { shared } from '../strings/shared'
import { call, unreachable } from './api'
import { config } from './config'
import { current } from './prefs'
import { type Pair, say } from './text'

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

let whole: Promise<Catalogue> | undefined

/** Types and tables. They are cached for good under names that hold their hash. */
export function catalogue(): Promise<Catalogue> {
  if (!whole) {
    whole = Promise.all([document<Catalogue['types']>(config.types), document<Catalogue['tables']>(config.tables)]).then(([types, tables]) => ({ types, tables }))
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

// Combined codes (A1A2D) are taken apart, longer codes first.
function apart(table: Readonly<Record<string, Pair>>, v: string): string[] | undefined {
  const codes = Object.keys(table).sort((a, b) => b.length - a.length)
  const out: string[] = []
  for (let rest = v; rest; ) {
    const code = codes.find((c) => rest.startsWith(c))
    if (!code) return undefined
    out.push(code)
    rest = rest.slice(code.length)
  }
  return out
}

/** A value as a person reads it. */
export function Value({ of, field, value }: { of: Catalogue; field: FieldDescription; value: unknown }): JSX.Element {
  if (value === null || value === undefined || value === '') return <>—</>
  if (typeof value === 'boolean') return <span class={value ? 'is yes' : 'is no'}>{value ? '✓ ' : '✕ '}{say(value ? shared.yes : shared.no)}</span>
  const s = typeof value === 'object' ? JSON.stringify(value) : String(value)
  if (s.includes('*')) return <span class="masked">{s}</span>
  const table = field.t ? of.tables[field.t] : undefined
  if (field.k === 'code' && table?.[s]) return <>{say(table[s])}</>
  if ((field.k === 'letters' || field.k === 'classes') && table) {
    const codes = apart(table, s)
    if (codes) return <>{codes.map((c) => `${c} ${say(table[c] as Pair)}`).join(current().language === 'zh' ? '、' : ', ')}</>
  }
  if (field.k === 'term' && s === 'long-term') return <>{say(shared.longTerm)}</>
  if (field.k === 'region') return <Region code={s} />
  return <>{field.u ? `${s} ${say(field.u)}` : s}</>
}

/** The name of a region of GB/T 2260; the table is far too large for a phone, so each is asked for. */
export function Region({ code }: { code: string }): JSX.Element {
  const [name, set] = useState('')
  useEffect(() => {
    let gone = false
    call<{ name: string }>('GET', `/assets/regions/${encodeURIComponent(code)}`).then((r) => { if (!gone) set(r.name) }, () => undefined)
    return () => { gone = true }
  }, [code])
  return <>{name ? `${name}（${code}）` : code}</>
}
