// A row as text that a person can edit: spread over lines and put together again without reading its values, so that nothing in it
// changes but what she changes.

/** Spreads JSON over lines. What is not JSON comes back as it is. */
export function spread(text: string): string {
  try { JSON.parse(text) } catch { return text }
  let out = ''
  let depth = 0
  const line = (): void => { out += '\n' + '  '.repeat(depth) }
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string
    if (c === '"') {
      const from = i
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
      out += text.slice(from, i + 1)
    } else if (c === '{' || c === '[') {
      const next = /\S/.exec(text.slice(i + 1, i + 80))?.[0]
      out += c
      if (next === '}' || next === ']') continue
      depth++
      line()
    } else if (c === '}' || c === ']') {
      if (!/[{[]$/.test(out)) { depth--; line() }
      out += c
    } else if (c === ',') { out += c; line() } else if (c === ':') out += ': '
    else if (!/\s/.test(c)) out += c
  }
  return out
}

/** Puts it into one line again: line ends and tabs cannot stand inside a string of JSON. */
export const oneLine = (text: string): string => text.split(/[\r\n]+/).map((l) => l.trim()).join('').trim()

/** Whether it is one JSON object, and if not what the browser says. */
export function faultOf(text: string): string {
  try {
    const v: unknown = JSON.parse(text)
    return typeof v === 'object' && v !== null && !Array.isArray(v) ? '' : '{…}'
  } catch (e) { return e instanceof Error ? e.message : String(e) }
}

/** What stands where a pointer (RFC 6901) leads, as it would be written. */
export function at(text: string, pointer: string): string | undefined {
  let v: unknown
  try { v = JSON.parse(text) } catch { return undefined }
  for (const part of pointer.split('/').slice(1).map((p) => p.replace(/~1/g, '/').replace(/~0/g, '~'))) {
    if (typeof v !== 'object' || v === null || !Object.prototype.hasOwnProperty.call(v, part)) return undefined
    v = (v as Record<string, unknown>)[part]
  }
  return v === undefined ? undefined : JSON.stringify(v)
}
