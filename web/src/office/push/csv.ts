import { type Catalogue, typeOf } from '../../kit/values'
import { Pile } from './pile'
import { WrongFile, endless, pieces } from './source'

// A CSV file becomes rows (docs/formats.md §7) where nothing has to be guessed: the first line names members of the row
// (`key`, `holder.number`) or fields of the type (`claims.birth_date`, or `birth_date`), and how a value is written follows from
// the catalogue. Anything else is refused with the name or the line.

const members = ['key', 'type', 'issuer', 'region', 'number', 'issued_on', 'valid_from', 'valid_until', 'portrait', 'replaces', 'holder.type', 'holder.number', 'holder.name']
const stateMembers = ['identifier', 'change', 'reason', 'key']
const needed = ['key', 'type', 'holder.type', 'holder.number', 'region', 'issued_on', 'valid_from']

export type Kind = 'certificates' | 'replacements' | 'states'

type Column = { readonly of: 'row' | 'holder' | 'claims'; readonly name: string }

/** Splits text into records as RFC 4180 has it; quoted cells may hold line ends. What is not whole yet is handed back. */
export function records(text: string, last: boolean): { rows: string[][]; rest: string } {
  const rows: string[][] = []
  let cells: string[] = []
  let at = 0
  let begin = 0
  while (at < text.length) {
    let cell = ''
    if (text[at] === '"') {
      let from = at + 1
      for (;;) {
        const q = text.indexOf('"', from)
        if (q < 0) return { rows, rest: text.slice(begin) }
        if (q + 1 >= text.length && !last) return { rows, rest: text.slice(begin) }
        cell += text.slice(from, q)
        if (text[q + 1] === '"') { cell += '"'; from = q + 2; continue }
        at = q + 1
        break
      }
    } else {
      const from = at
      while (at < text.length && text[at] !== ',' && text[at] !== '\n') at++
      if (at >= text.length && !last) return { rows, rest: text.slice(begin) }
      cell = text.slice(from, at).replace(/\r$/, '')
    }
    if (text[at] === '\r') at++
    if (at >= text.length && !last) return { rows, rest: text.slice(begin) }
    cells.push(cell)
    if (text[at] === ',') { at++; if (at >= text.length && last) cells.push(''); continue }
    if (cells.length > 1 || cells[0] !== '') rows.push(cells)
    cells = []
    begin = ++at
  }
  if (last && cells.length) rows.push(cells)
  return { rows, rest: last ? '' : text.slice(begin) }
}

function columns(head: readonly string[], c: Catalogue): { columns: readonly Column[]; kind: Kind } {
  const names = head.map((h) => h.trim())
  const twice = names.filter((n, i) => names.indexOf(n) !== i)
  if (twice.length) throw new WrongFile('csv-columns', 1, twice)
  if (names.includes('identifier') && names.includes('change')) {
    const odd = names.filter((n) => !stateMembers.includes(n))
    if (odd.length) throw new WrongFile('csv-columns', 1, odd)
    return { columns: names.map((name) => ({ of: 'row', name })), kind: 'states' }
  }
  const missing = needed.filter((n) => !names.includes(n))
  if (missing.length) throw new WrongFile('csv-needs', 1, missing)
  const fields = new Set(Object.values(c.types).flatMap((t) => t.fields.filter((f) => f.k !== 'predicate' && !f.f).map((f) => f.n)))
  const odd: string[] = []
  const out = names.map((n): Column => {
    if (n.startsWith('holder.') && members.includes(n)) return { of: 'holder', name: n.slice(7) }
    if (members.includes(n)) return { of: 'row', name: n }
    const field = n.startsWith('claims.') ? n.slice(7) : n
    if (!fields.has(field)) odd.push(n)
    return { of: 'claims', name: field }
  })
  if (odd.length) throw new WrongFile('csv-columns', 1, odd)
  return { columns: out, kind: names.includes('replaces') ? 'replacements' : 'certificates' }
}

function value(kind: string | undefined, text: string, line: number, name: string): unknown {
  if (kind === 'integer') {
    if (!/^-?\d{1,15}$/.test(text)) throw new WrongFile('csv-value', line, [name])
    return Number(text)
  }
  if (kind === 'flag') {
    if (text !== 'true' && text !== 'false') throw new WrongFile('csv-value', line, [name])
    return text === 'true'
  }
  return text
}

function row(cells: readonly string[], cols: readonly Column[], kind: Kind, c: Catalogue, line: number): string {
  const out: Record<string, unknown> = {}
  const holder: Record<string, unknown> = {}
  const claims: Record<string, unknown> = {}
  const type = typeOf(c, cells[cols.findIndex((x) => x.of === 'row' && x.name === 'type')])
  if (kind !== 'states' && !type) throw new WrongFile('csv-type', line)
  cols.forEach((col, i) => {
    const text = cells[i] ?? ''
    if (text === '') return // an empty cell is a member that is not there
    if (col.of === 'row') out[col.name] = text
    else if (col.of === 'holder') holder[col.name] = text
    else {
      const field = type?.fields.find((f) => f.n === col.name)
      if (!field) throw new WrongFile('csv-columns', line, [col.name])
      claims[col.name] = value(field.k, text, line, col.name)
    }
  })
  return JSON.stringify(kind === 'states' ? out : { ...out, holder, claims })
}

/** Makes rows of a CSV file, a piece at a time; the browser keeps them, on its disk when they are many. */
export async function fromCsv(file: Blob, c: Catalogue, tell: (bytes: number) => void, signal: AbortSignal): Promise<{ file: Blob; kind: Kind }> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (bytes: Uint8Array | undefined): string => { try { return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode() } catch { throw new WrongFile('not-utf8') } }
  const encoder = new TextEncoder()
  const made = new Pile()
  let some = false
  let head: ReturnType<typeof columns> | undefined
  let rest = ''
  let line = 0
  const take = (text: string, last: boolean): void => {
    const got = records(rest + text, last)
    rest = got.rest
    let block = ''
    for (const cells of got.rows) {
      line++
      if (!head) { head = columns(cells, c); continue }
      if (cells.length !== head.columns.length) throw new WrongFile('csv-cells', line)
      block += row(cells, head.columns, head.kind, c, line) + '\n'
    }
    if (block) { made.add(encoder.encode(block)); some = true }
    if (rest.length > endless) throw new WrongFile('csv-long', line + 1) // a quotation mark that is never closed, most often
  }
  const reader = pieces(file, 0, async (_, end) => { if (signal.aborted) throw signal.reason; tell(end) }).getReader()
  for (;;) {
    const next = await reader.read()
    if (next.done) break
    take(decode(next.value), false)
  }
  take(decode(undefined), true)
  if (!head || !some) throw new WrongFile('empty')
  return { file: made.blob(), kind: head.kind }
}
