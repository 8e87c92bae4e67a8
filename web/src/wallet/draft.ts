import { useState } from 'preact/hooks'

// What somebody is writing outlives a session that ends, a page that is reloaded and a way to the provider and back: it lies in this
// tab until it is sent, and goes when she signs out or closes the tab.

const prefix = 'showcard.draft.'

export function useDraft(name: string): [string, (text: string) => void, () => void] {
  const [text, set] = useState(() => { try { return sessionStorage.getItem(prefix + name) ?? '' } catch { return '' } })
  return [text, (next) => {
    set(next)
    try { next ? sessionStorage.setItem(prefix + name, next) : sessionStorage.removeItem(prefix + name) } catch { /* full, or none: it is on the page still */ }
  }, () => { try { sessionStorage.removeItem(prefix + name) } catch { /* none was kept */ } }]
}

export function dropDrafts(): void { try { sessionStorage.clear() } catch { /* there are none */ } }
