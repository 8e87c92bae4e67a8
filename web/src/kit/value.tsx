import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { shared } from '../strings/shared'
import { call } from './api'
import { current } from './prefs'
import { type Pair, say } from './text'
import type { Catalogue, FieldDescription } from './values'

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
  // Whether a yes is good news depends on the field: "on the list of irregular businesses" is none. Only predicates are said in colour.
  if (typeof value === 'boolean' && field.k === 'flag') return <>{say(value ? shared.yes : shared.no)}</>
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
