import type { ComponentChildren, JSX } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { shared } from '../strings/shared'
import { Trouble, troubleOf } from './api'
import { config } from './config'
import { change, current, usePrefs } from './prefs'
import { type Pair, type Values, pick, say } from './text'

// What all pages are made of. Nothing here writes HTML: Preact writes text.

/** The frame of a page: top bar with language and care mode, the demo's line, and the main part. */
export function Page({ title, care = true, nav, wide = false, children }: { title: Pair; care?: boolean; nav?: ComponentChildren; wide?: boolean; children: ComponentChildren }): JSX.Element {
  const { language, mode } = usePrefs()
  const name = say(title)
  useEffect(() => { document.title = `${name} · ${pick(config.domain)}` }, [name, language])
  return (
    <>
      <a class="skip" href="#main">{say(shared.skip)}</a>
      <header class="top">
        <a class="brand" href="/"><img src="/icon.svg" alt="" width="30" height="30" /><span>{pick(config.domain)}</span></a>
        {nav}
        <div class="tools">
          {care && (
            <button type="button" class="tool" aria-pressed={mode === 'care'} onClick={() => change({ mode: mode === 'care' ? 'standard' : 'care' })}>{say(shared.care)}</button>
          )}
          <button type="button" class="tool" lang={language === 'zh' ? 'en' : 'zh-CN'} aria-label={say(shared.toEnglish)} onClick={() => change({ language: language === 'zh' ? 'en' : 'zh' })}>{say(shared.language)}</button>
        </div>
      </header>
      {config.demo && <p class="demo">{say(shared.demo)}</p>}
      <main id="main" tabIndex={-1} class={wide ? 'wide' : ''}>{children}</main>
    </>
  )
}

/** A heading that takes the focus when its view opens, so that a screen reader begins there. */
export function Heading({ children, level = 1, focus = true }: { children: ComponentChildren; level?: 1 | 2; focus?: boolean }): JSX.Element {
  const at = useRef<HTMLHeadingElement>(null)
  // Before it is painted: who presses Tab as soon as she sees it goes on from here.
  useLayoutEffect(() => {
    if (!focus) return
    window.scrollTo(0, 0)
    at.current?.focus({ preventScroll: true })
  }, [])
  return level === 1 ? <h1 ref={at} tabIndex={-1}>{children}</h1> : <h2 ref={at} tabIndex={-1}>{children}</h2>
}

export type Tone = 'info' | 'good' | 'warn' | 'bad'

export function Notice({ tone = 'info', children, live = false }: { tone?: Tone; children: ComponentChildren; live?: boolean }): JSX.Element {
  return <div class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : live ? 'status' : undefined}>{children}</div>
}

// Where in a request something is wrong helps those who write requests, and nobody else: two sentences are for a citizen.
const places = location.pathname !== '/wallet'

/** What went wrong, what to do, and where it makes sense a button that does it. */
export function Failure({ error, again }: { error: unknown; again?: (() => void) | undefined }): JSX.Element {
  const t = troubleOf(error)
  return (
    <Notice tone="bad">
      <p><strong>{pick(t.title)}</strong> {pick(t.next)}</p>
      {places && t.errors.length > 0 && <ul>{t.errors.map((e) => <li>{[e.pointer, e.detail ?? e.code].filter(Boolean).join(' · ')}</li>)}</ul>}
      {again && <button type="button" class="button quiet" onClick={again}>{say(shared.again)}</button>}
    </Notice>
  )
}

export function Loading({ text = shared.loading }: { text?: Pair }): JSX.Element {
  return <p class="loading" role="status"><span class="spinner" aria-hidden="true" />{say(text)}</p>
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <div class="empty">{children}</div>
}

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'icon'> & { kind?: 'main' | 'plain' | 'quiet' | 'danger'; busy?: boolean | undefined }

export function Button({ kind = 'plain', busy, children, disabled, type = 'button', class: more, ...rest }: ButtonProps): JSX.Element {
  return (
    <button {...rest} type={type} class={more ? `button ${kind} ${more as string}` : `button ${kind}`} disabled={disabled || busy} aria-busy={busy || undefined}>
      {busy && <span class="spinner" aria-hidden="true" />}{children}
    </button>
  )
}

/** A labelled control; `hint` and `error` are read with it. */
export function Field({ id, label, hint, error, children }: { id: string; label: ComponentChildren; hint?: ComponentChildren; error?: ComponentChildren; children: JSX.Element }): JSX.Element {
  return (
    <div class={`field${error ? ' wrong' : ''}`}>
      <label for={id}>{label}</label>
      {children}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="wrong" id={`${id}-error`} role="alert">{error}</p>}
    </div>
  )
}

export { Dialog, Facts } from './dialog'

export interface Loaded<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly busy: boolean
  readonly again: () => void
}

/** Loads something when the view opens or `deps` change; the last answer asked for is the one that counts. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[]): Loaded<T> {
  const [state, set] = useState<{ data: T | undefined; error: unknown; busy: boolean }>({ data: undefined, error: undefined, busy: true })
  const [turn, next] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    set((s) => ({ ...s, error: undefined, busy: true }))
    load(abort.signal).then(
      (data) => { if (!abort.signal.aborted) set({ data, error: undefined, busy: false }) },
      (error: unknown) => { if (!abort.signal.aborted) set((s) => ({ ...s, error, busy: false })) },
    )
    return () => abort.abort()
  }, [...deps, turn])
  return { ...state, again: useCallback(() => next((n) => n + 1), []) }
}

/** One action at a time: busy while it runs, and its error until the next. */
export function useAction(): { busy: boolean; error: unknown; run: (act: () => Promise<void>) => void; reset: () => void } {
  const [state, set] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: undefined })
  const busy = useRef(false)
  const run = useCallback((act: () => Promise<void>) => {
    if (busy.current) return
    busy.current = true
    set({ busy: true, error: undefined })
    act().then(() => set({ busy: false, error: undefined }), (error: unknown) => set({ busy: false, error })).finally(() => { busy.current = false })
  }, [])
  return { ...state, run, reset: useCallback(() => set({ busy: false, error: undefined }), []) }
}

/** The part of the address behind #, which is the view that is open: the back button works as people expect. */
export function useRoute(): [readonly string[], (...parts: string[]) => void] {
  const read = (): readonly string[] => location.hash.slice(1).split('/').filter(Boolean).map((p) => { try { return decodeURIComponent(p) } catch { return p } })
  const [parts, set] = useState(read)
  useEffect(() => {
    const tell = (): void => set(read())
    window.addEventListener('hashchange', tell)
    return () => window.removeEventListener('hashchange', tell)
  }, [])
  return [parts, useCallback((...to: string[]) => { location.hash = to.map(encodeURIComponent).join('/') }, [])]
}

/** A sentence of the catalogue as it is, for places that want an element. */
export function T({ p, v }: { p: Pair; v?: Values }): JSX.Element { return <>{say(p, v)}</> }

export const isCare = (): boolean => current().mode === 'care'
export { Trouble }
