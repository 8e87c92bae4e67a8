import { useEffect, useState } from 'preact/hooks'

// What this device remembers of how its owner likes to read. Never who she is: tokens and names are not kept here.

export type Language = 'zh' | 'en'
/** `care` is the page for who sees badly, or is new to this: one thing at a time, large. */
export type Mode = 'standard' | 'care'
export interface Prefs {
  readonly language: Language
  readonly mode: Mode
}

/** localStorage, where there is one: private windows and full disks have none. */
export const kept = {
  get(name: string): string | null {
    try { return localStorage.getItem(`showcard.${name}`) } catch { return null }
  },
  set(name: string, value: string): void {
    try { localStorage.setItem(`showcard.${name}`, value) } catch { /* it is forgotten, then */ }
  },
  drop(name: string): void {
    try { localStorage.removeItem(`showcard.${name}`) } catch { /* it was not kept */ }
  },
}

function first(): Prefs {
  const language = kept.get('language') ?? (/^zh/i.test(navigator.language || 'zh') ? 'zh' : 'en')
  return { language: language === 'en' ? 'en' : 'zh', mode: kept.get('mode') === 'care' ? 'care' : 'standard' }
}

let prefs = first()
const listeners = new Set<() => void>()
const tellAll = (): void => { apply(); for (const tell of listeners) tell() }

function apply(): void {
  const root = document.documentElement
  root.lang = prefs.language === 'zh' ? 'zh-CN' : 'en'
  root.dataset['mode'] = prefs.mode
}
apply()
// Chosen in another tab is chosen here.
addEventListener('storage', (e) => {
  if (!/^showcard\.(language|mode)$/.test(e.key ?? '')) return
  prefs = first()
  tellAll()
})

export function current(): Prefs { return prefs }

export function change(next: Partial<Prefs>): void {
  prefs = { ...prefs, ...next }
  kept.set('language', prefs.language)
  kept.set('mode', prefs.mode)
  tellAll()
}

/** Draws the component again when the language or the mode changes. The root of each page uses it; what is below needs none. */
export function usePrefs(): Prefs {
  const [, again] = useState(0)
  useEffect(() => {
    const tell = (): void => again((n) => n + 1)
    listeners.add(tell)
    return () => { listeners.delete(tell) }
  }, [])
  return prefs
}
