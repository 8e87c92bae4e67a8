import type { Bytes } from './bytes.js'
import { Refusal } from './errors.js'

/** What a person shows as a QR symbol (docs/formats.md §3): a ticket, which its home looks up once, or an offline code, which carries everything. */
export type Code =
  | { readonly kind: 'ticket'; readonly domain: string; readonly text: string }
  | { readonly kind: 'offline'; readonly token: Bytes; readonly text: string }

const ticketLength = 34
const maxToken = 905
const maxOffline = 3 + Math.floor((maxToken * 8 + 4) / 5)
const maxNormal = 2048
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const base36 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'

/**
 * Reads what a scanner, a camera or a person typed. It drops blanks, control characters, byte order marks and an AIM
 * identifier around the code, folds full-width forms and lower case back, and opens the address form. It never guesses a
 * character. The fault never repeats the text: it may be a living ticket, or something private that was scanned by mistake.
 */
export function parseCode(scanned: string): Code {
  const { text, overflow } = normalise(scanned)
  const t = text.replace(/^\]Q[0-6]/, '')
  if (t.startsWith('SC1') || t.startsWith('SC2')) {
    if (overflow) throw new Refusal('code-too-long', 'more than any code has')
    return t.startsWith('SC1') ? ticket(t) : offline(t)
  }
  // The host is decoration for a camera and never believed: the home domain is the one inside the ticket.
  const inside = overflow ? undefined : /^HTTPS?:\/\/([0-9A-Z.\-:]{1,259})\/S\/(SC1.*)$/s.exec(t)?.[2]
  if (inside === undefined) throw new Refusal('code-not-ours', 'not one of our codes')
  return ticket(inside)
}

function ticket(t: string): Code {
  if (t.length < ticketLength) throw new Refusal('code-truncated', `${t.length} of ${ticketLength} characters`)
  if (t.length > ticketLength) throw new Refusal('code-too-long', `${t.length} characters, a ticket has ${ticketLength}`)
  const body = t.slice(7, 33)
  if (!/^[0-9A-Z]{4}[A-Z2-7]{26}[0-9A-Z]$/.test(t.slice(3))) throw new Refusal('code-alphabet', 'a character outside')
  if (checkCharacter(t.slice(0, 33)) !== t[33]) throw new Refusal('code-check-character', 'the check character does not match')
  if (!decodeBase32(body)) throw new Refusal('code-alphabet', 'bits left over are not zero')
  return { kind: 'ticket', domain: t.slice(3, 7), text: t }
}

function offline(t: string): Code {
  if (scannedTwice(t)) throw new Refusal('code-too-long', 'scanned twice')
  if (t.length > maxOffline) throw new Refusal('code-too-long', `${t.length} characters, at most ${maxOffline}`)
  const body = t.slice(3)
  if (!/^[A-Z2-7]*$/.test(body)) throw new Refusal('code-alphabet', 'a character outside')
  // A last group of 1, 3 or 6 characters ends inside a byte, and the writer leaves zeros (RFC 4648 §6): the end is missing.
  const token = body === '' || [1, 3, 6].includes(body.length % 8) ? undefined : decodeBase32(body)
  if (!token) throw new Refusal('code-truncated', 'the end is missing')
  return { kind: 'offline', token, text: t }
}

/** ISO/IEC 7064 MOD 37,36. */
function checkCharacter(s: string): string {
  let p = 36
  for (const c of s) {
    p = (p + base36.indexOf(c)) % 36 || 36
    p = (p * 2) % 37
  }
  return base36.charAt((37 - p) % 36)
}

/** Reads base32 of the right characters; `undefined` when spare bits are not zero. */
function decodeBase32(text: string): Bytes | undefined {
  const out = new Uint8Array(Math.floor((text.length * 5) / 8))
  let held = 0
  let bits = 0
  let at = 0
  for (const c of text) {
    held = ((held << 5) | base32.indexOf(c)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    out[at++] = (held >> bits) & 0xff
  }
  return (held & ((1 << bits) - 1)) === 0 ? out : undefined
}

/**
 * Whether an offline code repeats itself from its prefix on: a scanner triggered twice into one field. S, C and 2 are
 * base32 characters, so the pair would pass as one longer token, and the clerk would read of a bad signature.
 */
function scannedTwice(t: string): boolean {
  const blank = t.indexOf(' ')
  if (blank >= 0 && t.slice(blank).replace(/^ +/, '').startsWith('SC2')) return true
  const half = Math.floor(t.length / 2)
  for (let p = t.indexOf('SC2', 3); p >= 0 && p <= half; p = t.indexOf('SC2', p + 1)) {
    if (t.slice(p) === t.slice(0, t.length - p)) return true
  }
  return false
}

const foreign = '\u0080' // stands for a character that no code contains

function normalise(scanned: string): { text: string; overflow: boolean } {
  let text = ''
  for (const c of scanned) {
    const folded = fold(c)
    if (folded === ' ' && text === '') continue
    if (text.length === maxNormal) return { text, overflow: true }
    text += folded
  }
  return { text: text.replace(/ +$/, ''), overflow: false }
}

/** Maps what input methods and terminals make of ASCII back to it. Only letters of ASCII are raised. */
function fold(c: string): string {
  const r = c.codePointAt(0) ?? 0
  if (r < 0x80) return r <= 0x20 || r === 0x7f ? ' ' : c >= 'a' && c <= 'z' ? c.toUpperCase() : c
  if (r >= 0xff01 && r <= 0xff5e) return fold(String.fromCharCode(r - 0xfee0))
  if (r === 0x3002) return '.' // the ideographic full stop, typed by the key of '.'
  if (r === 0x3001) return '/' // the ideographic comma
  // Ideographic and no-break space, byte order mark, word joiner, zero-width and direction marks.
  if (r === 0x3000 || r === 0xa0 || r === 0xfeff || r === 0x2060 || (r >= 0x200b && r <= 0x200f)) return ' '
  return foreign
}
