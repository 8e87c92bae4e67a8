import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Pair, say } from '../kit/text'
import { Button, Notice } from '../kit/ui'
import { kept } from '../kit/prefs'
import { check } from '../strings/check'
import { shared } from '../strings/shared'
import { type Reader, pixelsOf } from './reader/reader'

type Fault = readonly [Pair, Pair]
const faults: Record<string, Fault> = {
  NotAllowedError: [check.cameraRefused, check.cameraRefusedNext],
  SecurityError: [check.cameraRefused, check.cameraRefusedNext],
  NotFoundError: [check.cameraNone, check.cameraNoneNext],
  OverconstrainedError: [check.cameraNone, check.cameraNoneNext],
  gone: [check.cameraGone, check.cameraGoneNext],
  insecure: [check.cameraInsecure, check.cameraInsecureNext],
}
const busy: Fault = [check.cameraBusy, check.cameraBusyNext]

const between = 90 // ms between two pictures: a dozen a second is faster than a hand
const forget = 3_000 // ms that a code must be out of sight to be a scan again
const wholeEvery = 6 // pictures; then everything is looked for, so that the page can say what it sees

/** The camera: turned on once, it goes on reading from customer to customer. */
export function Camera({ on, set, reader, scan }: { on: boolean; set: (on: boolean) => void; reader: Reader; scan: (text: string, began: number) => void }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null)
  const act = useRef(scan)
  act.current = scan
  const [fault, setFault] = useState<Fault>()
  const [running, setRunning] = useState(false)
  const [cameras, setCameras] = useState<readonly MediaDeviceInfo[]>([])
  const [which, setWhich] = useState(kept.get('camera') ?? '')
  const [turn, again] = useState(0)

  useEffect(() => {
    if (!on) return
    let over = false
    let stream: MediaStream | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    setFault(undefined)
    const stop = (f?: Fault): void => {
      over = true
      clearTimeout(timer)
      stream?.getTracks().forEach((t) => t.stop())
      setRunning(false)
      if (f) setFault(f)
    }
    const start = async (): Promise<void> => {
      if (!navigator.mediaDevices) throw Object.assign(new Error('no media devices'), { name: 'insecure' })
      const size = { width: { ideal: 1280 }, height: { ideal: 720 } }
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: which ? { ...size, deviceId: { ideal: which } } : { ...size, facingMode: { ideal: 'environment' } } })
      if (over) { stream.getTracks().forEach((t) => t.stop()); return }
      for (const track of stream.getVideoTracks()) track.onended = () => stop(faults['gone'])
      const at = video.current
      if (!at) return
      at.srcObject = stream
      await at.play()
      setRunning(true)
      setCameras((await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === 'videoinput'))
      void look(at)
    }
    let n = 0
    const seen = new Map<string, number>()
    const look = async (at: HTMLVideoElement): Promise<void> => {
      if (over) return
      if (!document.hidden && at.videoWidth) {
        const began = performance.now()
        const pixels = pixelsOf(at, at.videoWidth, at.videoHeight, 1280)
        const found = pixels ? await reader.read(pixels, ++n % wholeEvery === 0) : []
        const now = Date.now()
        for (const { text } of found) {
          const last = seen.get(text) ?? 0
          seen.set(text, now)
          if (!over && now - last > forget) act.current(text, began)
        }
        if (seen.size > 50) seen.clear()
      }
      timer = setTimeout(() => void look(at), between)
    }
    start().catch((e: unknown) => stop(faults[(e as Error).name] ?? busy))
    return () => stop()
  }, [on, which, turn])

  const failed = on && fault
  return (
    <section class="c-camera" aria-label={say(check.camera)}>
      {on && !fault && (
        <div class="c-view">
          <video ref={video} muted playsInline aria-label={say(check.cameraView)} />
          <div class="c-frame" aria-hidden="true" />
          <p class="c-aim small" role="status">{say(running ? check.cameraAim : check.cameraStarting)}</p>
        </div>
      )}
      {failed && <Notice tone="warn" live><p><strong>{say(fault[0])}</strong> {say(fault[1])}</p></Notice>}
      <div class="row">
        {failed && <Button kind="quiet" onClick={() => { setFault(undefined); again((t) => t + 1) }}>{say(shared.again)}</Button>}
        {!failed && <Button kind="quiet" id="camera" aria-pressed={on} onClick={() => set(!on)}>{say(on ? check.cameraOff : check.cameraOn)}</Button>}
        {failed && <Button kind="quiet" onClick={() => set(false)}>{say(check.cameraOff)}</Button>}
        {on && !fault && cameras.length > 1 && (
          <select aria-label={say(check.cameraWhich)} value={which} onChange={(e) => { kept.set('camera', e.currentTarget.value); setWhich(e.currentTarget.value) }}>
            {cameras.map((c, i) => <option key={c.deviceId} value={c.deviceId}>{c.label || say(check.cameraN, { n: i + 1 })}</option>)}
          </select>
        )}
      </div>
    </section>
  )
}
