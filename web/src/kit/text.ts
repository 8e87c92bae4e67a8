import { type Language, current } from './prefs'

/** A sentence of the catalogue (src/strings): Chinese, then English. `{name}` is filled in. */
export type Pair = readonly [string, string]
/** A text as the API writes it. */
export interface Text {
  readonly zh: string
  readonly en: string
}
export type Values = Readonly<Record<string, string | number>>

/** The sentence in the language that is chosen. */
export function say(pair: Pair, values?: Values, language: Language = current().language): string {
  const sentence = language === 'zh' ? pair[0] : pair[1]
  return values ? sentence.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole)) : sentence
}

/** The text of the API in the language that is chosen, or in the one that is there. */
export function pick(text: Text | undefined): string {
  if (!text) return ''
  return current().language === 'zh' ? text.zh || text.en : text.en || text.zh
}

/** A time as people here read it, on this device's clock: 2026-03-04 05:06. */
export function when(time: string | number | Date | undefined, seconds = false): string {
  const d = new Date(time ?? NaN)
  if (isNaN(d.getTime())) return '—'
  const two = (n: number): string => (n < 10 ? '0' : '') + n
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}` + (seconds ? `:${two(d.getSeconds())}` : '')
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock}`
}

/** The day of a time or of a date. */
export function day(time: string | number | Date | undefined): string {
  return typeof time === 'string' && /^\d{4}-\d\d-\d\d$/.test(time) ? time : when(time).slice(0, 10)
}

/** A number with the separators of the language. */
export function number(n: number): string {
  return new Intl.NumberFormat(current().language === 'zh' ? 'zh-CN' : 'en').format(n)
}
