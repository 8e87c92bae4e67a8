import type { Answer, Job, Read } from './messages'
import JsQR from './jsqr.worker?worker'
import ZXing from './zxing.worker?worker'

// Reads codes in pictures: the browser's own reader where it has one for QR codes, else ZXing, else jsQR. The workers are loaded
// with the first picture.

interface Detector { detect(source: ImageData): Promise<readonly { rawValue: string; format: string }[]> }
interface DetectorClass {
  new (options: { formats: string[] }): Detector
  getSupportedFormats(): Promise<string[]>
}

export type Engine = 'native' | 'zxing' | 'jsqr'

export class Reader {
  /** Which one found the last code. */
  engine: Engine | undefined
  #worker: Worker | undefined
  #plain = !('WebAssembly' in window)
  #native: Promise<Detector | undefined> | undefined
  readonly #open = new Map<number, { job: Job; done: (found: readonly Read[]) => void }>()
  #next = 0

  /** The codes in a picture. `thorough` is for pictures that do not come again. */
  async read(pixels: ImageData, thorough: boolean): Promise<readonly Read[]> {
    const own = await this.#own(pixels)
    if (own.length) {
      this.engine = 'native'
      return own
    }
    return this.#ask(pixels, thorough)
  }

  close(): void {
    this.#worker?.terminate()
    this.#worker = undefined
    for (const { done } of this.#open.values()) done([])
    this.#open.clear()
  }

  async #own(pixels: ImageData): Promise<readonly Read[]> {
    this.#native ??= detector()
    try {
      const found = await (await this.#native)?.detect(pixels)
      return (found ?? []).filter((f) => f.rawValue).map((f) => ({ text: f.rawValue, format: f.format === 'qr_code' ? 'QRCode' : f.format }))
    } catch { // the service behind it may be missing although the class is there
      this.#native = Promise.resolve(undefined)
      return []
    }
  }

  #ask(pixels: ImageData, thorough: boolean): Promise<readonly Read[]> {
    return new Promise((done) => {
      const job: Job = { id: this.#next++, pixels, thorough }
      this.#open.set(job.id, { job, done })
      this.#start().postMessage(job)
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const plain = this.#plain
    const worker = plain ? new JsQR() : new ZXing()
    worker.onmessage = (e: MessageEvent<Answer>) => {
      const { id, found } = e.data
      if (!found && !plain) { this.#giveUp(worker); return }
      if (found?.length) this.engine = plain ? 'jsqr' : 'zxing'
      this.#open.get(id)?.done(found ?? [])
      this.#open.delete(id)
    }
    worker.onerror = (e) => { e.preventDefault(); this.#giveUp(worker) }
    this.#worker = worker
    return worker
  }

  /** From ZXing to jsQR, with what was not answered; from jsQR to nothing found. */
  #giveUp(worker: Worker): void {
    if (this.#worker !== worker) return
    worker.terminate()
    this.#worker = undefined
    const open = [...this.#open.values()]
    if (this.#plain) {
      for (const { job, done } of open) { this.#open.delete(job.id); done([]) }
      return
    }
    this.#plain = true
    for (const { job } of open) this.#start().postMessage(job)
  }
}

async function detector(): Promise<Detector | undefined> {
  const found = (window as unknown as { BarcodeDetector?: DetectorClass }).BarcodeDetector
  try {
    return found && (await found.getSupportedFormats()).includes('qr_code') ? new found({ formats: ['qr_code'] }) : undefined
  } catch { return undefined }
}

const sheet = document.createElement('canvas')
const pen = sheet.getContext('2d', { willReadFrequently: true })

/** The pixels of a picture, at most `most` a side, on white. */
export function pixelsOf(source: CanvasImageSource, width: number, height: number, most: number): ImageData | undefined {
  const scale = Math.min(1, most / Math.max(width, height, 1))
  sheet.width = Math.max(1, Math.round(width * scale))
  sheet.height = Math.max(1, Math.round(height * scale))
  if (!pen) return undefined
  pen.fillStyle = '#fff'
  pen.fillRect(0, 0, sheet.width, sheet.height)
  pen.drawImage(source, 0, 0, sheet.width, sheet.height)
  return pen.getImageData(0, 0, sheet.width, sheet.height)
}

/** What was drawn last, as base64 of a JPEG, for the server to read. */
export function lastDrawn(): string { return sheet.toDataURL('image/jpeg', 0.92).split(',')[1] ?? '' }
