import { parseCode, parseOffline } from '@showcard/sdk'
import { recognise } from './foreign'

// A scan gun is a keyboard that types faster than people do, and may or may not end with a newline (or a Tab). Under an input method
// its letters arrive as a composition, Enter only ends that, and a digit may pick a word. So: a whole ticket is taken at once, for
// its last character says that it is whole; an offline code, whose length nobody knows, and anything else that came faster than
// people type, after a short silence; and beside the text that the field shows, the keys themselves are written down as they lie on
// the keyboard, which no input method changes.

const gap = 200 // ms; longer is another scan
const keyGap = 1_000 // ms; an input method that makes words of a scan takes its time, and nobody else types our codes
const fast = 40 // ms a key at most, of a gun
const burst = 6 // keys at least
/** How long nothing must come for a scan without its newline to be over, in ms. */
export const silence = 350

/** How long a code of ours that has only begun is waited for, in ms: a gun on a slow line, or a busy computer, pauses. */
export const patience = 3_000

/** Whether the text is the beginning of a code of ours, and no more: a ticket ends with a check character, and an offline code is one
 * item of CBOR whose parts say how long they are. */
export function unfinished(value: string): boolean {
  if (!/^SC[12]/.test(value.normalize('NFKC').toUpperCase().replace(/[^!-~]/g, ''))) return false
  try {
    const code = parseCode(value)
    if (code.kind === 'offline') parseOffline(code.token)
  } catch { return true }
  return false
}

/** What is to be done with the text of the field: take it, take it when nothing more comes, or leave it alone. */
export type Verdict = 'now' | 'soon' | 'wait'

export class Wedge {
  #first = 0
  #last = 0
  #keys = 0
  #physical = ''

  /** When the last key came: from then on somebody waits for an answer. */
  get last(): number { return this.#last }

  /** A key that went down, as it lies on the keyboard. */
  key(e: Pick<KeyboardEvent, 'code' | 'shiftKey'>, now: number): void {
    const c = character(e.code, e.shiftKey)
    if (!c) return
    this.#begin(now)
    this.#physical += c
  }

  /** The field has another text. */
  input(value: string, composing: boolean, now: number): Verdict {
    this.#begin(now)
    this.#keys++
    this.#last = now
    return this.#judge(value, composing)
  }

  /** The input method is done with its word. */
  composed(value: string): Verdict { return this.#judge(value, false) }

  /** Whether what is there came from a gun. */
  get gun(): boolean { return this.#keys >= burst && (this.#last - this.#first) / (this.#keys - 1) < fast }

  /** The scan, from the field or from the keys, and begins anew. */
  take(value: string): string {
    const text = value.trim()
    const keys = this.#physical
    this.#last = 0
    this.#keys = 0
    this.#physical = ''
    return recognise(text).kind === 'foreign' && recognise(keys).kind !== 'foreign' ? keys : text
  }

  #begin(now: number): void {
    if (!this.#last || now - this.#last > gap) {
      this.#first = now
      this.#keys = 0
    }
    if (now - this.#last > keyGap) this.#physical = ''
    this.#last = now
  }

  #judge(value: string, composing: boolean): Verdict {
    const keys = recognise(this.#physical).kind
    if (composing) return keys === 'ticket' || keys === 'offline' ? 'soon' : 'wait'
    const kind = recognise(value).kind
    if (kind === 'ticket' || (kind === 'foreign' && keys === 'ticket')) return 'now'
    return kind === 'offline' || this.gun ? 'soon' : 'wait'
  }
}

/** The character of a key on the keyboard that guns pretend to be (US), as far as codes have it; the empty text of any other. */
function character(code: string, shift: boolean): string {
  if (/^Key[A-Z]$/.test(code)) return code.slice(3)
  if (/^Digit\d$/.test(code)) return shift ? '' : code.slice(5)
  if (/^Numpad\d$/.test(code)) return code.slice(6)
  return { Slash: '/', NumpadDivide: '/', Period: '.', NumpadDecimal: '.', Minus: '-', Semicolon: shift ? ':' : '' }[code] ?? ''
}
