import type { JSX, RefObject } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { check } from '../strings/check'
import { say } from '../kit/text'
import { Wedge, patience, silence, unfinished } from './wedge'

/** On a touch screen the focus brings up a keyboard over half of the page: there it is not taken. */
export const coarse = matchMedia('(pointer: coarse)').matches

/** Where the gun types, wherever the focus was left. */
export function ScanField({ field, scan }: { field: RefObject<HTMLInputElement>; scan: (text: string, began: number) => void; active: boolean }): JSX.Element {
  const wedge = useMemo(() => new Wedge(), [])
  const timer = useRef<ReturnType<typeof setTimeout>>()
  const act = useRef(scan)
  act.current = scan

  const submit = (): void => {
    clearTimeout(timer.current)
    const input = field.current
    if (!input) return
    const began = wedge.last || performance.now()
    const text = wedge.take(input.value)
    input.value = ''
    if (text) act.current(text, began)
  }
  const judge = (verdict: ReturnType<Wedge['input']>): void => {
    clearTimeout(timer.current)
    if (verdict === 'now') submit()
    else if (verdict === 'soon') timer.current = setTimeout(() => {
      if (unfinished(field.current?.value ?? '')) timer.current = setTimeout(submit, patience)
      else submit()
    }, silence)
  }

  useEffect(() => {
    const ready = (): void => { if (!coarse && document.activeElement === document.body) field.current?.focus({ preventScroll: true }) }
    const elsewhere = (e: Event): boolean => {
      const on = e.target as HTMLElement
      return (on.tagName === 'INPUT' && on !== field.current && (on as HTMLInputElement).type !== 'file') || on.tagName === 'SELECT' || on.tagName === 'TEXTAREA' || on.closest?.('[role=dialog]') !== null
    }
    // Keys that reach no other control belong to the gun.
    const key = (e: KeyboardEvent): void => {
      if (!e.key || e.ctrlKey || e.metaKey || e.altKey || elsewhere(e)) return
      if (e.target === field.current) {
        if (e.key === 'Tab' && !e.shiftKey && wedge.gun && field.current?.value) { e.preventDefault(); submit() } // guns may end with a Tab
        else wedge.key(e, performance.now())
        return
      }
      if (e.key === ' ' || (e.key.length !== 1 && e.keyCode !== 229)) return
      wedge.key(e, performance.now())
      field.current?.focus()
    }
    const click = (e: MouseEvent): void => {
      if (!coarse && !(e.target as HTMLElement).closest('a,button,input,select,textarea,label,summary,details,dl,table,video,[role=dialog]') && !String(getSelection())) field.current?.focus({ preventScroll: true })
    }
    // Pasted where nothing takes it: it is meant for us.
    const paste = (e: ClipboardEvent): void => {
      if (elsewhere(e) || e.target === field.current || e.clipboardData?.files.length) return
      const text = e.clipboardData?.getData('text') ?? ''
      if (text.trim()) { e.preventDefault(); act.current(text.slice(0, 8_192), performance.now()) }
    }
    const composed = (e: Event): void => { if (e.target === field.current) judge(wedge.composed(field.current?.value ?? '')) }
    document.addEventListener('compositionend', composed)
    document.addEventListener('keydown', key)
    document.addEventListener('click', click)
    document.addEventListener('paste', paste)
    window.addEventListener('focus', ready)
    ready()
    return () => {
      clearTimeout(timer.current)
      document.removeEventListener('compositionend', composed)
      document.removeEventListener('keydown', key)
      document.removeEventListener('click', click)
      document.removeEventListener('paste', paste)
      window.removeEventListener('focus', ready)
    }
  }, [])

  return (
    <form class="c-scan" onSubmit={(e) => { e.preventDefault(); submit() }}>
      <label for="scan">{say(check.scanLabel)}</label>
      <div class="c-scanline">
        <input ref={field} id="scan" type="text" autocomplete="off" autocapitalize="characters" spellcheck={false} maxLength={8192} aria-describedby="scan-hint"
          onInput={(e) => judge(wedge.input(e.currentTarget.value, e.isComposing, performance.now()))} />
        <button type="submit" class="button">{say(check.go)}</button>
      </div>
      <p id="scan-hint" class="hint small">{say(check.scanHint)}</p>
    </form>
  )
}
