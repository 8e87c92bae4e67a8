import { parseCode, Refusal } from '@showcard/sdk'

// What was scanned: a code of ours, one of ours that is damaged, or something else. What is not ours goes nowhere: it may be a
// way to pay, a health code, or private.

/** What something looks like; each has its sentence in the catalogue (strings/check.ts, looks). */
export type Looks =
  | 'address' | 'payment' | 'health' | 'barcode' | 'idNumber' | 'wifi' | 'contact' | 'telephone' | 'mail' | 'json' | 'token' | 'number' | 'text'

export type Scanned =
  | { readonly kind: 'ticket' | 'offline'; readonly text: string }
  | { readonly kind: 'damaged'; readonly code: string }
  | { readonly kind: 'foreign'; readonly looks: Looks; /** Of an address. */ readonly host?: string }

/** Reads what a scanner, a camera or a person gave. */
export function recognise(raw: string): Scanned {
  try {
    const code = parseCode(raw)
    return { kind: code.kind, text: code.text }
  } catch (e) {
    if (!(e instanceof Refusal)) throw e
    return e.code === 'code-not-ours' ? { kind: 'foreign', ...looksLike(raw) } : { kind: 'damaged', code: e.code }
  }
}

// Where payment addresses of the large wallets lie, and what codes that are shown to be charged look like: 18 digits from 10 to 15
// (WeChat), 16 to 24 from 25 to 30 (Alipay), 19 from 62 (UnionPay); 000201 begins a merchant's code (EMV).
const payAt = /^(?:[\w-]+:\/\/)?(?:[\w.-]*\.)?(?:alipay\.com|alipayobjects\.com|wx\.tenpay\.com|payapp\.weixin\.qq\.com|qr\.95516\.com|unionpay\.com)(?:[:/?]|$)|^(?:wxp|alipays?|weixin:\/\/wxpay|upwallet):\/\//i
const payDigits = /^(?:1[0-5]\d{16}|(?:2[5-9]|30)\d{14,22}|62\d{17})$/
const healthAt = /health-?(?:code|card)|jiankangma|(?:^|[./?&_-])jkm(?:[./?&_=-]|$)|healthcode/i
// An electronic health card: digits and letters, the kind of the code, and the region that issued it.
const healthCard = /^[0-9A-F]{32,}:\d:[0-9A-Z]{4,}/i

export function looksLike(raw: string): { looks: Looks; host?: string } {
  const text = raw.normalize('NFKC').trim()
  if (payAt.test(text) || payDigits.test(text) || /^000201\d{2}/.test(text)) return { looks: 'payment' }
  if (healthCard.test(text) || (/^[a-z][\w+.-]*:/i.test(text) && healthAt.test(text))) return { looks: 'health' }
  const host = /^https?:\/\/([^/?#@\s:]{1,80})/i.exec(text)?.[1] ?? /^(www\.[^/?#@\s:]{3,80})/i.exec(text)?.[1]
  if (host) return { looks: 'address', host: host.toLowerCase() }
  if (/^WIFI:/i.test(text)) return { looks: 'wifi' }
  if (/^(?:BEGIN:VCARD|MECARD:)/i.test(text)) return { looks: 'contact' }
  if (/^(?:tel|sms|smsto):/i.test(text) || /^(?:\+?86)?1[3-9]\d{9}$/.test(text)) return { looks: 'telephone' }
  if (/^mailto:/i.test(text) || /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i.test(text)) return { looks: 'mail' }
  if (/^\d{17}[\dX]$/i.test(text) && citizenNumber(text)) return { looks: 'idNumber' }
  if (/^(?:\d{8}|\d{12,14})$/.test(text) && goodsNumber(text)) return { looks: 'barcode' }
  if (/^[{[]/.test(text) && isJson(text)) return { looks: 'json' }
  if (/^[\w-]{8,}\.[\w-]{8,}\.[\w~.-]*$/.test(text)) return { looks: 'token' }
  return { looks: /^\d+$/.test(text) ? 'number' : 'text' }
}

/** GB 11643: ISO/IEC 7064 MOD 11-2. */
function citizenNumber(t: string): boolean {
  let sum = 0
  for (let i = 0; i < 17; i++) sum += Number(t[i]) * (2 ** (17 - i) % 11)
  return '10X98765432'[sum % 11] === t[17]?.toUpperCase()
}

/** GB 12904 (EAN, UPC): weights of 3 and 1 from the right. */
function goodsNumber(t: string): boolean {
  const digits = [...t].map(Number).reverse()
  return digits.reduce((sum, d, i) => sum + d * (i % 2 ? 3 : 1), 0) % 10 === 0
}

function isJson(t: string): boolean {
  try { return typeof JSON.parse(t) === 'object' } catch { return false }
}
