import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { awake } from '../kit/awake'
import { say } from '../kit/text'
import { type Catalogue, catalogue } from '../kit/values'
import type { Self, Workstation } from '../kit/workstation'
import { check } from '../strings/check'
import { AnswerView } from './answer'
import { Bar, Warnings } from './bar'
import { Camera } from './camera'
import { Desk } from './desk'
import { Picture } from './picture'
import { Reader } from './reader/reader'
import { ScanField, coarse } from './scanfield'
import type { Settings } from './settings'
import { allowSound } from './sounds'
import { Standby } from './standby'
import { Doing, Ready } from './states'

const clearAfter = 60 // seconds without anybody touching anything; then the customer's data goes

/** The desk at work: ready for the next scan by itself. */
export function Counter({ w, self, settings, keep, change }: { w: Workstation; self: Self; settings: Settings; keep: (s: Settings) => void; change: () => void }): JSX.Element {
  const [, draw] = useState(0)
  const standby = useMemo(() => new Standby(w, settings.offline), [w, settings.offline])
  const desk = useMemo(() => new Desk(w, standby, settings), [w, standby])
  const reader = useMemo(() => new Reader(), [])
  const [types, setTypes] = useState<Catalogue>()
  const field = useRef<HTMLInputElement>(null)
  const [left, setLeft] = useState(clearAfter)
  const touched = useRef(Date.now())
  desk.settings = settings

  useEffect(() => {
    desk.changed = standby.changed = () => draw((n) => n + 1)
    standby.start()
    return () => { standby.stop(); desk.close() }
  }, [desk, standby])
  useEffect(() => () => reader.close(), [reader])
  useEffect(() => { catalogue().then(setTypes, () => undefined) }, []) // without it names stand as their codes
  useEffect(() => { awake(true); return () => awake(false) }, [])

  // Whoever touches anything is still busy with the customer.
  useEffect(() => {
    const touch = (): void => { touched.current = Date.now(); allowSound() }
    for (const kind of ['pointerdown', 'keydown', 'touchstart'] as const) document.addEventListener(kind, touch, { passive: true })
    return () => { for (const kind of ['pointerdown', 'keydown', 'touchstart'] as const) document.removeEventListener(kind, touch) }
  }, [])
  const id = desk.shown?.id
  useEffect(() => {
    touched.current = Date.now()
    setLeft(clearAfter)
    if (id === undefined) return
    const timer = setInterval(() => {
      const rest = Math.ceil(clearAfter - (Date.now() - touched.current) / 1000)
      if (rest > 0) setLeft(rest)
      else desk.clear()
    }, 1000)
    return () => clearInterval(timer)
  }, [id])

  const focus = (): void => { if (!coarse) field.current?.focus({ preventScroll: true }) }
  const next = (): void => { desk.clear(); window.scrollTo(0, 0); focus() }
  const scan = (text: string, began: number): void => desk.scan(text, began)
  const shown = desk.shown
  return (
    <div class={`c-desk${shown ? ' answered' : ''}`}>
      <h1 class="sr">{say(check.title)}</h1>
      <Bar self={self} settings={settings} standby={standby} types={types} keep={keep} change={change} />
      <Warnings standby={standby} settings={settings} />
      <div class="c-columns">
        <div class="c-in">
          <ScanField field={field} scan={scan} active />
          <Camera on={settings.camera} set={(camera) => keep({ ...settings, camera })} reader={reader} scan={scan} />
          <Picture desk={desk} reader={reader} />
        </div>
        <div class="c-out">
          <Doing desk={desk} types={types} settings={settings} />
          {shown && <AnswerView key={shown.id} desk={desk} shown={shown} types={types} standby={standby} left={left} next={next} refocus={focus} />}
          {!shown && !desk.current && <Ready desk={desk} types={types} />}
        </div>
      </div>
    </div>
  )
}

