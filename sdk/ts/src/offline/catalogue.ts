import { Refusal, type Text } from '../errors.js'
import type { JsonValue } from '../json.js'
import type { OfflineValue, OfflineView } from './token.js'
import { offlineTypes } from './types.js'

/** How a value is masked in offline codes. */
export type OfflineMask =
  | { readonly rule: 'none' | 'hide' | 'name' | 'year' }
  | { readonly rule: 'keep'; readonly start: number; readonly end: number }

/** A field or predicate that an offline code may carry. */
export interface OfflineFieldType {
  readonly number: number
  readonly name: string
  readonly label: Text
  /** As in the type's description; `flag` for predicates. */
  readonly kind: string
  readonly mask: OfflineMask
}

/** A certificate type as far as offline codes go: what its description under `schemas/types` says. */
export interface OfflineType {
  readonly number: number
  readonly version: number
  readonly id: string
  readonly name: Text
  readonly views: readonly { readonly number: number; readonly name: string; readonly label: Text; readonly fields: readonly OfflineFieldType[] }[]
}

/** One value as a checker shows it. */
export interface OfflineField {
  readonly name: string
  readonly label: Text
  /** As in the certificate, or masked. Days are `2006-01-02`, long-term is `long-term`. */
  readonly value: boolean | number | string
}

/** An offline view with its names again, in the order of the view. */
export interface OfflineReading {
  readonly type: string
  readonly typeName: Text
  readonly view: string
  readonly fields: readonly OfflineField[]
}

const hidden = '***'
const wrong = new Error('not the form of its kind and mask')

/** The types that a checker knows. It begins with those of this release; a deployment's own are given to it. */
export class OfflineCatalogue {
  readonly #types: readonly OfflineType[]

  constructor(own: readonly OfflineType[] = []) {
    this.#types = [...offlineTypes, ...own]
  }

  /** The type of a view, or `undefined`. */
  type(view: OfflineView): OfflineType | undefined {
    return this.#types.find((t) => t.number === view.type && t.version === view.version)
  }

  /** Gives a view its names again. A number that stands for nothing here is `offline-view-unknown`, a value of another form `offline-value`. */
  read(view: OfflineView): OfflineReading {
    const type = this.type(view)
    const found = type?.views.find((v) => v.number === view.view)
    if (!type || !found) throw new Refusal('offline-view-unknown', `type ${view.type} version ${view.version} view ${view.view}`)
    const fields: OfflineField[] = []
    for (const f of found.fields) {
      const value = view.values.get(f.number)
      if (value === undefined) continue
      try {
        fields.push({ name: f.name, label: f.label, value: restore(f, value) })
      } catch (e) {
        if (e !== wrong) throw e
        throw new Refusal('offline-value', `field ${f.name} of ${type.id}`)
      }
    }
    if (fields.length !== view.values.size) throw new Refusal('offline-value', `fields that view ${found.name} of ${type.id} does not have`)
    return { type: type.id, typeName: type.name, view: found.name, fields }
  }
}

function restore({ kind, mask }: OfflineFieldType, short: OfflineValue): boolean | number | string {
  if (mask.rule === 'none') return restorePlain(kind, short)
  if (short === null) return hidden
  switch (mask.rule) {
    case 'keep': {
      if (!Array.isArray(short)) break
      const [kept, n] = short as readonly [string, number]
      const characters = [...kept]
      if (characters.length !== mask.start + mask.end) break
      return characters.slice(0, mask.start).join('') + '*'.repeat(n) + characters.slice(mask.start).join('')
    }
    case 'name':
      if (typeof short === 'string' && [...short].length === 1) return `${short}**`
      break
    case 'year':
      if (typeof short === 'number' && short >= 1000 && short <= 9999) return `${short}-**-**`
      break
    case 'hide':
  }
  throw wrong
}

const firstDay = -719162 // 0001-01-01
const lastDay = 2932896 // 9999-12-31

function restorePlain(kind: string, short: OfflineValue): boolean | number | string {
  switch (kind) {
    case 'flag':
      if (typeof short === 'boolean') return short
      break
    case 'integer':
      if (typeof short === 'number') return short
      break
    case 'date':
    case 'term':
      if (kind === 'term' && short === true) return 'long-term'
      if (typeof short === 'number' && short >= firstDay && short <= lastDay) return day(short)
      break
    case 'region':
      if (typeof short === 'number' && short >= 100000 && short <= 999999) return String(short)
      break
    default:
      if (typeof short === 'string' && short !== '') return short
  }
  throw wrong
}

/** The day, in four digits of year. */
function day(number: number): string {
  const iso = new Date(number * 86_400_000).toISOString()
  return iso.slice(0, iso.indexOf('T'))
}

/** Reads a type's description (a file of `schemas/types`) as far as offline codes go; `undefined` when it has no offline views. */
export function offlineType(description: Readonly<Record<string, JsonValue>>): OfflineType | undefined {
  const d = description as unknown as Description
  const offered = d.offline?.views ?? []
  if (!d.cwt || offered.length === 0) return undefined
  const fields = new Map<string, OfflineFieldType>()
  for (const f of d.fields) {
    if (f.cwt) fields.set(f.name, { number: f.cwt, name: f.name, label: f.label, kind: f.kind, mask: d.offline?.masking === 'plain' ? { rule: 'none' } : f.mask })
  }
  for (const p of d.predicates ?? []) if (p.cwt) fields.set(p.name, { number: p.cwt, name: p.name, label: p.label, kind: 'flag', mask: { rule: 'none' } })
  const views = d.views.filter((v) => v.cwt && offered.includes(v.name))
  return {
    number: d.cwt, version: d.version, id: d.id, name: d.name,
    views: views.map((v) => ({ number: v.cwt ?? 0, name: v.name, label: v.label, fields: v.fields.flatMap((n) => fields.get(n) ?? []) })),
  }
}

interface Description {
  readonly id: string
  readonly version: number
  readonly cwt?: number
  readonly name: Text
  readonly offline?: { readonly masking: string; readonly views?: readonly string[] }
  readonly fields: readonly { readonly name: string; readonly cwt?: number; readonly label: Text; readonly kind: string; readonly mask: OfflineMask }[]
  readonly predicates?: readonly { readonly name: string; readonly cwt?: number; readonly label: Text }[]
  readonly views: readonly { readonly name: string; readonly cwt?: number; readonly label: Text; readonly fields: readonly string[] }[]
}
