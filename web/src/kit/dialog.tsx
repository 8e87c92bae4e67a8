import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** A question over the page. Escape and the first button say no; the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const at = useRef<HTMLDivElement>(null)
  const close = useRef(onClose)
  close.current = onClose
  // Before it is painted: who sees the question and presses Tab must not walk over the page behind it.
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null
    at.current?.focus()
    const inside = (e: FocusEvent): void => { if (at.current && !at.current.contains(e.target as Node)) at.current.focus() }
    // Of the whole page: a button that is busy has lost the focus. Not the Escape that drops what an input method offers.
    const leave = (e: KeyboardEvent): void => { if (e.key === 'Escape' && !e.isComposing) close.current() }
    document.addEventListener('focusin', inside)
    document.addEventListener('keydown', leave)
    return () => { document.removeEventListener('focusin', inside); document.removeEventListener('keydown', leave); before?.focus() }
  }, [])
  return (
    <div class="veil" onClick={(e) => { if (e.target === e.currentTarget) onClose() }}>
      <div class="dialog" role="dialog" aria-modal="true" aria-labelledby="dialog-title" tabIndex={-1} ref={at}>
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </div>
  )
}

/** Names and values, as a list of descriptions. */
export function Facts({ rows }: { rows: readonly (readonly [ComponentChildren, ComponentChildren] | null | false | undefined)[] }): JSX.Element {
  return <dl class="facts">{rows.map((r) => r && <div><dt>{r[0]}</dt><dd>{r[1]}</dd></div>)}</dl>
}
