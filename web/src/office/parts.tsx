import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Trouble, troubleOf } from '../kit/api'
import { current } from '../kit/prefs'
import { type Pair, type Text, pick, say } from '../kit/text'
import { Button, Dialog, Empty, Failure, Field, type Loaded, Loading, Notice, type Tone } from '../kit/ui'
import { type Self, type Workstation, leave } from '../kit/workstation'
import { office, officeStates } from '../strings/office'
import { shared } from '../strings/shared'

// What the sections of the console are made of.

export interface OwnKey { readonly kid: string; readonly ends?: string }
export interface OwnType { readonly id: string; readonly version: number; readonly published: boolean; readonly frozen?: boolean }
/** All that `GET /v1/clients/self` says. */
export interface Whole extends Self {
  readonly keys: readonly OwnKey[]
}

/** Where a section stands: who asks, and the part of the address that is its own. */
export interface Place {
  readonly w: Workstation
  readonly self: Whole
  readonly at: readonly string[]
  readonly go: (...to: string[]) => void
  /** Asks the server anew who we are. */
  readonly refresh: () => Promise<void>
}

export const list = <T,>(v: readonly T[] | undefined | null): readonly T[] => v ?? []
export const path = (text: string): string => encodeURIComponent(text)

/** Words one after the other, as the language does it. */
export const series = (words: readonly string[]): string => words.join(current().language === 'zh' ? '、' : ', ')

/** The query of an address, without what is empty. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const q = new URLSearchParams()
  for (const [k, v] of Object.entries(values)) if (v !== undefined && v !== '') q.set(k, String(v))
  return q.size ? `?${q}` : ''
}

/** That the server has no such route: another release, or a function that is not built in. */
export const notOffered = (e: unknown): boolean => { const t = troubleOf(e); return t.status === 405 || (t.status === 404 && t.code === 'not-found') }

export function Failed({ error, again }: { error: unknown; again?: (() => void) | undefined }): JSX.Element {
  if (notOffered(error)) return <Empty><p><strong>{say(office.notOffered)}</strong></p><p class="o-last">{say(office.notOfferedNext)}</p></Empty>
  const t = troubleOf(error)
  if (t.status === 409) return <><Failure error={error} />{again && <p class="row"><span class="grow">{say(office.quicker)}</span><Button kind="quiet" onClick={again}>{say(office.refresh)}</Button></p>}</>
  // The key of this workstation is not accepted any more: only a new set-up helps.
  if (t.status === 401 || gone.includes(t.code)) {
    return <><Failure error={error} again={again} /><p class="row"><span class="grow">{say(office.signedOut)}</span><Button kind="quiet" onClick={() => { void leave().finally(() => location.reload()) }}>{say(office.setUpAgain)}</Button></p></>
  }
  return <Failure error={error} again={again} />
}
const gone = ['client-suspended', 'client-unknown', 'client-assertion-invalid']

/** What was loaded, or why not. What was there before stays in sight while it is asked for anew. */
export function Loads<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }): JSX.Element {
  return (
    <>
      {of.error !== undefined && <Failed error={of.error} again={of.again} />}
      {of.data !== undefined ? <div aria-busy={of.busy || undefined}>{children(of.data)}</div> : of.error === undefined && <Loading />}
    </>
  )
}

const tones: Readonly<Record<string, Tone>> = {
  valid: 'good', done: 'good', released: 'good', approved: 'good', answered: 'good', applied: 'good', active: 'good', upheld: 'good', corrected: 'good', published: 'good',
  suspended: 'warn', held: 'warn', interrupted: 'warn', registered: 'warn', open: 'warn', indeterminate: 'warn', ended: 'warn', claimed: 'info', running: 'info', forwarded: 'info',
  withdrawn: 'bad', cancelled: 'bad', lapsed: 'bad', transferred: 'bad', revoked: 'bad', rejected: 'bad', retired: 'bad', frozen: 'bad', invalid: 'bad', refused: 'bad',
}

export function Badge({ tone = 'info', children }: { tone?: Tone | 'none'; children: ComponentChildren }): JSX.Element { return <span class={`o-badge ${tone}`}>{children}</span> }

/** A state by the API's word for it. */
export function State({ of }: { of: string }): JSX.Element {
  return <Badge tone={tones[of] ?? 'none'}>{stateName(of)}</Badge>
}
export function stateName(of: string): string { const p = officeStates[of]; return p ? say(p) : of }

export interface Column<T> {
  readonly head: ComponentChildren
  readonly cell: (row: T, at: number) => ComponentChildren
  readonly kind?: 'number' | 'actions' | 'wide'
}

/** How many letters wide a column wants to be at least. */
const wants = { number: 5.5, actions: 8, wide: 14 } as const

/** Whether a table of columns that want so many letters has no room for them: on a phone, in half a page, in care mode. */
function useNarrow(letters: number): [{ current: HTMLDivElement | null }, boolean] {
  const at = useRef<HTMLDivElement>(null)
  const [narrow, set] = useState(false)
  useLayoutEffect(() => {
    const box = at.current
    if (!box) return
    const measure = (): void => set(box.clientWidth < letters * parseFloat(getComputedStyle(box).fontSize))
    measure()
    const o = new ResizeObserver(measure)
    o.observe(box)
    return () => o.disconnect()
  }, [letters])
  return [at, narrow]
}

/** A table; where it has no room each row becomes a card. The roles keep it a table for screen readers there. */
export function Table<T>({ caption, columns, rows, keyOf, tone }: { caption: string; columns: readonly (Column<T> | false | undefined)[]; rows: readonly T[]; keyOf: (row: T, at: number) => string | number; tone?: (row: T) => Tone | undefined }): JSX.Element {
  const cols = columns.filter((c): c is Column<T> => !!c)
  const [box, narrow] = useNarrow(cols.reduce((n, c) => n + (c.kind ? wants[c.kind] : 8.5), 0))
  return (
    <div ref={box} class="o-room"><table class={narrow ? 'o-table cards' : 'o-table'} role="table">
      <caption class="sr">{caption}</caption>
      <thead role="rowgroup"><tr role="row">{cols.map((c) => <th scope="col" role="columnheader" class={c.kind}>{c.head}</th>)}</tr></thead>
      <tbody role="rowgroup">
        {rows.map((r, at) => (
          <tr key={keyOf(r, at)} role="row" class={tone?.(r)}>
            {cols.map((c) => <td role="cell" class={c.kind}><span class="o-th" aria-hidden="true">{c.head}</span><div>{c.cell(r, at)}</div></td>)}
          </tr>
        ))}
      </tbody>
    </table></div>
  )
}

/** Head of a section: what it is, one sentence, and what can be done. Takes the focus as it appears: Tab goes on from here. */
export function Head({ title, lead, children }: { title: ComponentChildren; lead?: ComponentChildren; children?: ComponentChildren }): JSX.Element {
  const at = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => { window.scrollTo(0, 0); at.current?.focus({ preventScroll: true }) }, [])
  return (
    <header class="o-head">
      <div class="grow"><h1 ref={at} tabIndex={-1}>{title}</h1>{lead && <p class="o-lead">{lead}</p>}</div>
      {children && <div class="row">{children}</div>}
    </header>
  )
}

export function Panel({ title, aside, children, class: more = '' }: { title?: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren; class?: string }): JSX.Element {
  const id = useId()
  return (
    <section class={`panel o-panel ${more}`} aria-labelledby={title ? id : undefined}>
      {title && <div class="row apart o-panel-head"><h2 id={id}>{title}</h2>{aside}</div>}
      {children}
    </section>
  )
}

/** Something typed that outlives a reload of the page, in this tab only. */
export function useDraft<T>(name: string, first: T): [T, (v: T) => void, () => void] {
  const at = `showcard.office.${name}`
  const [value, set] = useState<T>(() => {
    try { const kept = sessionStorage.getItem(at); return kept === null ? first : (JSON.parse(kept) as T) } catch { return first }
  })
  const keep = (v: T): void => { set(v); try { sessionStorage.setItem(at, JSON.stringify(v)) } catch { /* full, or forbidden: it lives as long as the view */ } }
  const drop = (): void => { set(first); try { sessionStorage.removeItem(at) } catch { /* it was not kept */ } }
  return [value, keep, drop]
}

/** A question before something is done: what follows, the reason, and where it matters a word to be typed. */
export function Confirm({ title, draft, act, label, danger = false, word, reason = 'needed', limit = 1000, onClose, children }: {
  title: string; draft: string; act: (reason: string) => Promise<void>; label: string; danger?: boolean; word?: string | undefined; reason?: 'needed' | 'free' | 'none'; limit?: number; onClose: () => void; children?: ComponentChildren
}): JSX.Element {
  const [why, setWhy, forget] = useDraft(`confirm.${draft}`, '')
  const [typed, setTyped] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const ready = (reason !== 'needed' || why.trim() !== '') && (!word || typed.trim() === word)
  const run = async (): Promise<void> => {
    if (!ready || busy) return
    setBusy(true)
    setError(undefined)
    try { await act(why.trim()); forget(); onClose() } catch (e) { setError(e); setBusy(false) }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(e) => { e.preventDefault(); void run() }}>
        {children}
        {reason !== 'none' && (
          <Field id="confirm-reason" label={say(office.reason)} hint={say(office.reasonHint)}>
            <textarea id="confirm-reason" class="o-text" rows={3} maxLength={limit} required={reason === 'needed'} aria-describedby="confirm-reason-hint" value={why} onInput={(e) => setWhy(e.currentTarget.value)} />
          </Field>
        )}
        {word && (
          <Field id="confirm-word" label={say(office.typeToConfirm, { word })}>
            <input id="confirm-word" autocomplete="off" spellcheck={false} value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />
          </Field>
        )}
        {error !== undefined && <Failure error={error} />}
        <div class="row o-end">
          <Button kind="quiet" onClick={onClose}>{say(shared.cancel)}</Button>
          <Button type="submit" kind={danger ? 'danger' : 'plain'} busy={busy} disabled={!ready}>{label}</Button>
        </div>
      </form>
    </Dialog>
  )
}

/** A long id in one line, with its end in sight, and copied by a press. */
export function Id({ text }: { text: string }): JSX.Element {
  const [copied, set] = useState(false)
  return (
    <span class="o-id">
      <span class="mono address">{text}</span>
      <button type="button" class="o-copy" aria-label={`${say(office.copy)} ${text}`} onClick={() => { void navigator.clipboard?.writeText(text).then(() => set(true), () => undefined) }}>{say(copied ? office.copied : office.copy)}</button>
    </span>
  )
}

/** Choices side by side, of which one is on. */
export function Tabs<K extends string>({ label, options, value, choose }: { label: string; options: readonly (readonly [K, ComponentChildren])[]; value: K; choose: (k: K) => void }): JSX.Element {
  return (
    <div class="o-tabs" role="group" aria-label={label}>
      {options.map(([k, text]) => <button type="button" aria-pressed={k === value} onClick={() => choose(k)}>{text}</button>)}
    </div>
  )
}

/** A number with its name: what is looked at first. */
export function Figure({ name, children, tone }: { name: ComponentChildren; children: ComponentChildren; tone?: Tone | undefined }): JSX.Element {
  return <div class={`o-figure ${tone ?? ''}`}><dt>{name}</dt><dd>{children}</dd></div>
}

export const Good = ({ children }: { children: ComponentChildren }): JSX.Element => <Notice tone="good" live>{children}</Notice>

interface Problem { readonly code: string; readonly title: Text; readonly next: Text }
let problems: Promise<ReadonlyMap<string, Problem>> | undefined

/** The sentences of all codes, from the server; without them a code stands for itself. */
export function useProblems(): (code: string) => { title: string; next: string } {
  const [all, set] = useState<ReadonlyMap<string, Problem>>()
  useEffect(() => {
    problems ??= fetch('/problems', { headers: { Accept: 'application/json' } }).then(async (r) => new Map(((await r.json()) as Problem[]).map((p) => [p.code, p])))
    problems.then(set, () => { problems = undefined })
  }, [])
  return (code) => { const p = all?.get(code); return { title: p ? pick(p.title) : code, next: p ? pick(p.next) : '' } }
}

export const label = (table: Readonly<Record<string, Pair>>, name: string): string => { const p = table[name]; return p ? say(p) : name }
export { Trouble }
