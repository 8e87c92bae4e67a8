import { Pile } from './pile'

// A file of rows on this machine: what it is, how many rows it has, and any of them again. However large it is, a piece of it at a
// time is read; only numbers about it are kept.

export type Wrong = 'endless' | 'empty' | 'spreadsheet' | 'utf16' | 'array' | 'binary' | 'json-file' | 'gzip-broken' | 'not-utf8' | 'unreadable'

/** That a file is not one that can be pushed. `line` and `names` say where. */
export class WrongFile extends Error {
  constructor(readonly why: Wrong | CsvFault, readonly line = 0, readonly names: readonly string[] = []) { super(why) }
}
export type CsvFault = 'csv-columns' | 'csv-needs' | 'csv-cells' | 'csv-value' | 'csv-type' | 'csv-long'

export type Shape = 'ndjson' | 'csv'

const piece = 4 << 20
/** What the server takes as a row (docs/push.md). A longer line it refuses, and goes on behind it. */
export const longest = 64 << 10
/** A line that is longer than this is taken for one without end: what begins with it is no row, and is not sent. */
export const endless = 4 << 20
/** The place of every so many rows is remembered, so that going on from one needs no reading from the start. */
const every = 1024

/** The file in pieces of 4 MiB. */
export function pieces(file: Blob, from = 0, seen?: (bytes: Uint8Array<ArrayBuffer>, end: number) => Promise<void>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = from
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(c) {
      if (at >= file.size) { c.close(); return }
      let bytes: Uint8Array<ArrayBuffer>
      try { bytes = new Uint8Array(await file.slice(at, at + piece).arrayBuffer()) } catch { c.error(new WrongFile('unreadable')); return } // moved, or changed under our hands
      at += bytes.length
      await seen?.(bytes, at)
      c.enqueue(bytes)
    },
  }, { highWaterMark: 0 })
}

function unpacked(stream: ReadableStream<Uint8Array<ArrayBuffer>>, gzip: boolean): ReadableStream<Uint8Array<ArrayBuffer>> {
  return gzip ? stream.pipeThrough(new DecompressionStream('gzip')) as ReadableStream<Uint8Array<ArrayBuffer>> : stream
}

/** Reads a stream; a packed one that breaks says so. */
async function* chunks(stream: ReadableStream<Uint8Array<ArrayBuffer>>, gzip: boolean): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader()
  try {
    for (;;) {
      let next: ReadableStreamReadResult<Uint8Array<ArrayBuffer>>
      try { next = await reader.read() } catch (e) { throw e instanceof WrongFile || !gzip ? e : new WrongFile('gzip-broken') }
      if (next.done) return
      yield next.value
    }
  } finally { void reader.cancel().catch(() => undefined) }
}

/** Refuses what cannot be read any more: to who uploads it that looks like a network that is gone. */
export async function readable(file: Blob): Promise<void> {
  try { await file.slice(0, 1).arrayBuffer() } catch { throw new WrongFile('unreadable') }
}

/** What a file is by its first bytes, never by its name. */
export async function sniff(file: Blob): Promise<{ shape: Shape; gzip: boolean }> {
  if (file.size === 0) throw new WrongFile('empty')
  let head: Uint8Array
  try { head = new Uint8Array(await file.slice(0, 4096).arrayBuffer()) } catch { throw new WrongFile('unreadable') } // a folder, or gone
  const gzip = head[0] === 0x1f && head[1] === 0x8b
  if (gzip) head = await beginning(file)
  return { shape: shapeOf(head), gzip }
}

/** The first bytes of what is packed. */
async function beginning(file: Blob): Promise<Uint8Array> {
  for await (const c of chunks(unpacked(pieces(file), true), true)) return c.subarray(0, 4096)
  throw new WrongFile('empty')
}

function shapeOf(head: Uint8Array): Shape {
  const at = (...bytes: number[]): boolean => bytes.every((b, i) => head[i] === b)
  if (at(0x50, 0x4b, 3, 4) || at(0xd0, 0xcf, 0x11, 0xe0)) throw new WrongFile('spreadsheet')
  if (at(0xff, 0xfe) || at(0xfe, 0xff)) throw new WrongFile('utf16')
  if (head.includes(0)) throw new WrongFile('binary')
  const text = new TextDecoder().decode(head).replace(/^\ufeff/, '').trimStart()
  if (!text) throw new WrongFile('empty')
  if (text[0] === '[') throw new WrongFile('array')
  if (text[0] === '{') {
    if (text.split('\n', 1)[0]?.trim() === '{') throw new WrongFile('json-file')
    return 'ndjson'
  }
  if (/^"?[A-Za-z_][\w.]*"?\s*,/.test(text)) return 'csv'
  throw new WrongFile(text.includes('\ufffd') ? 'not-utf8' : 'binary')
}

/** A file that was gone through once. */
export interface Source {
  readonly file: Blob
  readonly name: string
  readonly gzip: boolean
  readonly rows: number
  /** What its content is called at the server: the same file is known again by it (docs/push.md). */
  readonly content: string
  /** Where in the file every 1024th row begins; of packed files nothing. */
  readonly places: readonly number[]
  /** The row that has no end. The file is only what stands before it. */
  readonly endless?: number
}

export const newline = Uint8Array.of(10)
const hex = (b: Uint8Array): string => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')

const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))

/** Goes through the file once: counts rows and names the content, by the SHA-256 of the SHA-256 of each 4 MiB. Behind a row without end nothing is read. */
export async function scan(file: Blob, name: string, gzip: boolean, tell: (bytes: number) => void, signal: AbortSignal): Promise<Source> {
  const digests: Uint8Array[] = []
  const stream = pieces(file, 0, async (bytes, end) => {
    if (signal.aborted) throw signal.reason
    digests.push(await sha256(bytes))
    tell(end)
  })
  const places: number[] = [0]
  let rows = 0
  let base = 0
  let begin = 0 // of the line that has no end yet
  let cut = false
  for await (const c of chunks(unpacked(stream, gzip), gzip)) {
    for (let at = 0; ; ) {
      const end = c.indexOf(10, at)
      cut = base + (end < 0 ? c.length : end) - begin > endless
      if (cut || end < 0) break
      rows++
      at = end + 1
      begin = base + at
      if (!gzip && rows % every === 0) places.push(begin)
    }
    base += c.length
    if (cut) break
  }
  if (cut) {
    if (rows === 0) throw new WrongFile('endless', 1)
    if (gzip) return { ...await scan(await upTo(file, begin), name, false, tell, signal), endless: rows + 1 }
    digests.length = Math.floor(begin / piece)
    if (begin % piece) digests.push(await sha256(new Uint8Array(await file.slice(digests.length * piece, begin).arrayBuffer())))
  } else if (begin < base) rows++
  const all = new Uint8Array(digests.length * 32)
  digests.forEach((d, i) => all.set(d, i * 32))
  return { file: cut ? file.slice(0, begin) : file, name, gzip, rows, content: `sha256-4m:${hex(await sha256(all))}`, places: gzip ? [] : places, ...(cut ? { endless: rows + 1 } : {}) }
}

/** The first bytes of a packed file, unpacked. */
async function upTo(file: Blob, size: number): Promise<Blob> {
  const out = new Pile()
  for await (const c of chunks(unpacked(pieces(file), true), true)) {
    out.add(c.subarray(0, size))
    size -= c.length
    if (size <= 0) break
  }
  return out.blob()
}

/** The rows from one on, as bytes without their line ends, with their numbers. No more than one of them, and a piece of the file, is held. */
export async function* rowsFrom(s: Source, from = 1): AsyncGenerator<{ row: number; bytes: Uint8Array<ArrayBuffer> }> {
  const start = s.gzip ? 0 : Math.min(Math.floor((from - 1) / every), s.places.length - 1)
  let row = start * every
  let rest: Uint8Array<ArrayBuffer>[] = []
  let held = 0
  const whole = (end: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
    if (!rest.length) return end
    const bytes = new Uint8Array(held + end.length)
    let at = 0
    for (const part of [...rest, end]) { bytes.set(part, at); at += part.length }
    rest = []
    held = 0
    return bytes
  }
  for await (const c of chunks(unpacked(pieces(s.file, s.places[start] ?? 0), s.gzip), s.gzip)) {
    let at = 0
    for (let end = c.indexOf(10, at); end >= 0; end = c.indexOf(10, at)) {
      const bytes = whole(c.subarray(at, end))
      if (++row >= from) yield { row, bytes }
      at = end + 1
    }
    if (at < c.length) { rest.push(c.slice(at)); held += c.length - at }
    if (held > endless) throw new WrongFile('unreadable') // there was no such line when it was gone through: it was changed since
  }
  if (held && ++row >= from) yield { row, bytes: whole(new Uint8Array()) }
}

/** What is to be uploaded from a row on: the file itself, or the end of it. Of a packed one the end is unpacked, into the browser's own store. */
export async function tail(s: Source, from: number): Promise<{ body: Blob; gzip: boolean }> {
  if (from <= 1) return { body: s.file, gzip: s.gzip }
  if (!s.gzip) {
    const start = Math.min(Math.floor((from - 1) / every), s.places.length - 1)
    let offset = s.places[start] ?? 0
    let row = start * every
    for await (const c of chunks(pieces(s.file, offset), false)) {
      let at = 0
      while (row < from - 1) {
        const end = c.indexOf(10, at)
        if (end < 0) break
        row++
        at = end + 1
      }
      if (row === from - 1) return { body: s.file.slice(offset + at), gzip: false }
      offset += c.length
    }
    return { body: s.file.slice(offset), gzip: false }
  }
  const out = new Pile()
  for await (const r of rowsFrom(s, from)) {
    out.add(r.bytes)
    out.add(newline)
  }
  return { body: out.blob(), gzip: false }
}
