import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** A question over the page. Escape and the first button say no; the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const at = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null
    at.current?.focus()
    const inside = (e: FocusEvent): void => { if (at.current && !at.current.contains(e.target as Node)) at.current.focus() }
    document.addEventListener('focusin', inside)
    return () => { document.removeEventListener('focusin', inside); before?.focus() }
  }, [])
  return (
    <div class="veil" onClick={(e) => { if (e.target === e.currentTarget) onClose() }} onKeyDown={(e) => { if (e.key === 'Escape') onClose() }}>
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
