import type { Self } from '../kit/workstation'
import { kept } from '../kit/prefs'

// What is chosen once for a counter, and kept on the device: no person's data.

export interface Settings {
  /** What people call this counter; it stays on this device. */
  readonly counter: string
  readonly purpose: string
  /** Of which type more is asked for than people mostly show, and what; the holder must agree. */
  readonly type: string
  readonly fields: readonly string[]
  readonly camera: boolean
  readonly muted: boolean
  /** Whether a bundle is kept, so that offline codes can be checked without a network. */
  readonly offline: boolean
}

export const fresh: Settings = { counter: '', purpose: '', type: '', fields: [], camera: false, muted: false, offline: true }

/** What was kept, as far as this workstation still may; `undefined` where it must be chosen anew. */
export function settingsFor(self: Self): Settings | undefined {
  let s: Settings
  try { s = { ...fresh, ...(JSON.parse(kept.get('desk') ?? 'null') as Partial<Settings> | null) } } catch { return undefined }
  if (!self.party?.purposes.some((p) => p.code === s.purpose)) return undefined
  const may = self.party.fields[s.purpose]?.[s.type] ?? []
  const fields = s.fields.filter((f) => may.includes(f))
  return { ...s, type: fields.length ? s.type : '', fields }
}

export function keepSettings(s: Settings): void { kept.set('desk', JSON.stringify(s)) }

/** Before anything was chosen: what was there last, or the first purpose. */
export function proposed(self: Self, before: Settings | undefined): Settings {
  return before ?? { ...fresh, purpose: self.party?.purposes[0]?.code ?? '' }
}

// --- how many today, on this device ---------------------------------------------------------------

export interface Tally { readonly day: string; readonly valid: number; readonly invalid: number; readonly indeterminate: number }

const today = (): string => new Date().toLocaleDateString('sv') // 2026-03-04

export function tally(): Tally {
  try {
    const t = JSON.parse(kept.get('tally') ?? 'null') as Tally | null
    if (t?.day === today()) return t
  } catch { /* begins anew */ }
  return { day: today(), valid: 0, invalid: 0, indeterminate: 0 }
}

/** One more; what was not checked does not count. */
export function count(outcome: 'valid' | 'invalid' | 'indeterminate'): void {
  const t = tally()
  kept.set('tally', JSON.stringify({ ...t, [outcome]: t[outcome] + 1 }))
}
