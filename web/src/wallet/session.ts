import { useCallback, useEffect, useState } from 'preact/hooks'
import { Trouble, call, troubleOf } from '../kit/api'
import { type Catalogue, outline } from '../kit/values'
import { type Holding, away, holdings, leftKey, signedOut } from './data'

// Who is here: nobody yet, she, or her certificates of last time because the server is away.

export interface Me {
  readonly name: string
  readonly method: string
}
export type Session =
  | { readonly phase: 'loading' }
  | { readonly phase: 'out'; readonly why?: 'elsewhere' | 'over' }
  | { readonly phase: 'failed'; readonly error: unknown }
  | { readonly phase: 'in' | 'away'; readonly me: Me; readonly all: readonly Holding[]; readonly catalogue: Catalogue }

/** The other parts of the page say that an answer was 401. */
export const outEvent = 'showcard-out'
export function tellOut(e: unknown): void { if (signedOut(e)) window.dispatchEvent(new CustomEvent(outEvent, { detail: (e as Trouble).code })) }
/** Calls, and lets the page know when she is not signed in any more. */
export async function own<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
  try {
    return await call<T>(method, path, { ...(body === undefined ? {} : { body }), ...(key === undefined ? {} : { key }) })
  } catch (e) { tellOut(e); throw e }
}

const unnamed: Catalogue = { types: {}, tables: {} }

export function useSession(): [Session, () => void] {
  const [session, set] = useState<Session>({ phase: 'loading' })
  const open = useCallback(() => {
    // Certificates are all that a code needs. What fields are called and who she is come when they come.
    const nobody: Me = { name: '', method: '' }
    const add = (more: Partial<Extract<Session, { all: unknown }>>): void => set((before) => ('all' in before ? { ...before, ...more } : before))
    holdings().then(
      (all) => {
        set((before) => ({ phase: 'in', me: 'me' in before ? before.me : nobody, all, catalogue: 'catalogue' in before ? before.catalogue : unnamed }))
        outline().then((catalogue) => add({ catalogue }), () => undefined)
        call<Me>('GET', '/v1/me', { timeout: 10_000 }).then((me) => add({ me }), () => undefined)
        void import('./kept').then((m) => m.keep(all)).catch(() => undefined)
      },
      async (e: unknown) => {
        if (signedOut(e)) {
          // Ended by her, or by an operator: what this device kept of her goes. One that has only run out lets her come back.
          if ((e as Trouble).code === 'session-ended') void import('./offline').then((m) => m.forget()).catch(() => undefined)
          return set({ phase: 'out' })
        }
        if (away(e)) {
          const last = await import('./kept').then((m) => m.lastSeen()).catch(() => undefined)
          if (last) {
            set((before) => ('me' in before ? { ...before, phase: 'away' } : { phase: 'away', me: nobody, all: last, catalogue: unnamed }))
            return void outline().then((catalogue) => add({ catalogue }), () => undefined)
          }
        }
        set({ phase: 'failed', error: troubleOf(e) })
      },
    )
  }, [])
  useEffect(() => {
    open()
    const over = (e: Event): void => {
      if ((e as CustomEvent<string>).detail === 'session-ended') void import('./offline').then((m) => m.forget()).catch(() => undefined)
      set({ phase: 'out', why: 'over' })
    }
    const elsewhere = (e: StorageEvent): void => { if (e.key === leftKey && e.newValue) set({ phase: 'out', why: 'elsewhere' }) }
    window.addEventListener(outEvent, over)
    window.addEventListener('storage', elsewhere)
    return () => {
      window.removeEventListener(outEvent, over)
      window.removeEventListener('storage', elsewhere)
    }
  }, [])
  // Away: the network that comes back is used, but not by a whole city in the same second.
  useEffect(() => {
    if (session.phase !== 'away' && session.phase !== 'failed') return undefined
    let timer = window.setTimeout(open, 15_000 + Math.random() * 15_000)
    const soon = (): void => { window.clearTimeout(timer); timer = window.setTimeout(open, Math.random() * 1500) }
    window.addEventListener('online', soon)
    return () => { window.clearTimeout(timer); window.removeEventListener('online', soon) }
  }, [session])
  return [session, open]
}
