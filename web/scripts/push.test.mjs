// Reading files of rows, however long: what web/src/office/push does with bytes, without a browser. `npm test`
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createServer } from 'vite'

// What modules of the pages ask of a page when they are loaded.
globalThis.document = { body: { dataset: {} }, documentElement: { dataset: {} } }
globalThis.localStorage = { getItem: () => 'zh' }
globalThis.addEventListener = () => undefined

const vite = await createServer({ appType: 'custom', logLevel: 'error', server: { middlewareMode: true, hmr: false, ws: false, watch: null }, optimizeDeps: { noDiscovery: true } })
after(() => vite.close())
const { scan, rowsFrom, tail, sniff, longest, endless } = await vite.ssrLoadModule('/src/office/push/source.ts')
const { Pile } = await vite.ssrLoadModule('/src/office/push/pile.ts')
const { records, fromCsv } = await vite.ssrLoadModule('/src/office/push/csv.ts')

const never = new AbortController().signal
const look = (file, gzip = false) => scan(file, 'a.ndjson', gzip, () => undefined, never)
const row = (i, size = 40) => `{"key":"${i}"`.padEnd(size - 1, ' ') + '}'
const lines = (n, size) => Array.from({ length: n }, (_, i) => row(i + 1, size))
const packed = (...parts) => new Blob([gzipSync(Buffer.concat(parts.map((p) => Buffer.from(p))))])
async function texts(s, from) {
  const out = []
  for await (const r of rowsFrom(s, from)) out.push([r.row, Buffer.from(r.bytes).toString()])
  return out
}

// A file on no disk: zeros without end behind what is written, and how much of it was read.
class Endless {
  constructor(head, size) { Object.assign(this, { head, size, read: 0 }) }
  slice(from, to) {
    if (to <= this.head.size) return this.head.slice(from, to)
    return { arrayBuffer: async () => {
      const bytes = new Uint8Array(Math.min(to, this.size) - from)
      this.read += bytes.length
      if (from < this.head.size) bytes.set(new Uint8Array(await this.head.slice(from).arrayBuffer()))
      return bytes.buffer
    } }
  }
}

test('rows are found again from any row on, whatever the pieces', async () => {
  const all = lines(5000, 1700) // 8.5 MB: three pieces, and rows that lie in two of them
  for (const [file, gzip] of [[new Blob([all.join('\n')]), false], [new Blob([all.join('\n') + '\n']), false], [packed(all.join('\n') + '\n'), true]]) {
    const s = await look(file, gzip)
    assert.deepEqual([s.rows, s.endless], [5000, undefined])
    for (const from of [1, 2, 1024, 1025, 2468, 5000]) {
      const got = await texts(s, from)
      assert.deepEqual([got.length, got[0], got.at(-1)], [5001 - from, [from, all[from - 1]], [5000, all[4999]]])
      const rest = await tail(s, from)
      if (from > 1) assert.equal((await rest.body.text()).trimEnd(), all.slice(from - 1).join('\n'))
    }
  }
})

test('a line that is too long for the server is a row, and those behind it as well', async () => {
  const all = [row(1), row(2, longest + 1), row(3, endless), row(4)]
  for (const [file, gzip] of [[new Blob([all.join('\n')]), false], [packed(all.join('\n')), true]]) {
    const s = await look(file, gzip)
    assert.deepEqual([s.rows, s.endless], [4, undefined])
    assert.deepEqual((await texts(s)).map(([n, t]) => [n, t.length]), all.map((t, i) => [i + 1, t.length]))
  }
})

test('a line without end ends the file, and hardly anything of it is read', async () => {
  const all = lines(4000, 1100).join('\n') + '\n' // its end lies in the second piece
  const whole = await look(new Blob([all]))
  const disk = new Endless(new Blob([all]), 3 * 2 ** 30)
  const s = await look(disk)
  assert.deepEqual([s.rows, s.endless, s.file.size, s.content], [4000, 4001, all.length, whole.content])
  assert.ok(disk.read <= 12 << 20, `${disk.read} bytes read`)
  assert.equal((await texts(s, 3999)).length, 2)
  // The same in the middle, and packed: what comes behind it is not sent.
  for (const size of [endless + 1, 3 * endless]) {
    const middle = [all, row(4001, size), '\n', row(4002)]
    for (const one of [await look(new Blob(middle)), await look(packed(...middle), true)]) {
      assert.deepEqual([one.rows, one.endless, one.content, await one.file.text()], [4000, 4001, whole.content, all])
    }
  }
  await assert.rejects(look(new Endless(new Blob(['{']), 2 ** 40)), { why: 'endless', line: 1 })
})

test('what is cut off, empty or something else is called so', async () => {
  const good = gzipSync(lines(400).join('\n'))
  await assert.rejects(look(new Blob([good.subarray(0, good.length - 9)]), true), { why: 'gzip-broken' })
  await assert.rejects(sniff(new Blob([])), { why: 'empty' })
  await assert.rejects(sniff(new Blob([gzipSync('')])), { why: 'empty' })
  await assert.rejects(sniff(new Blob(['PK\u0003\u0004'])), { why: 'spreadsheet' })
  assert.deepEqual(await sniff(new Blob([good])), { shape: 'ndjson', gzip: true })
})

test('a pile is whole, in few pieces, and a copy', async () => {
  const pile = new Pile(64, 4)
  const want = []
  for (let i = 0; i < 500; i++) {
    const bytes = new Uint8Array(i % 97).fill(i)
    pile.add(bytes)
    want.push(Buffer.from(bytes))
    bytes.fill(0)
  }
  const blob = pile.blob()
  assert.deepEqual(Buffer.from(await blob.arrayBuffer()), Buffer.concat(want))
  assert.equal((await new Pile().blob()).size, 0)
})

test('tables: cells with line ends, pieces anywhere, a quotation mark that is never closed', async () => {
  const text = 'identifier,change,reason\r\nA,revoked,"on\nthe ""1st"""\r\n\r\nB,suspend,\r\n'
  const want = [['identifier', 'change', 'reason'], ['A', 'revoked', 'on\nthe "1st"'], ['B', 'suspend', '']]
  for (let cut = 0; cut <= text.length; cut++) {
    const first = records(text.slice(0, cut), false)
    assert.deepEqual([...first.rows, ...records(first.rest + text.slice(cut), true).rows], want, `cut at ${cut}`)
  }
  const made = await fromCsv(new Blob([text]), { types: {} }, () => undefined, never)
  assert.deepEqual([made.kind, await made.file.text()], ['states', '{"identifier":"A","change":"revoked","reason":"on\\nthe \\"1st\\""}\n{"identifier":"B","change":"suspend"}\n'])
  await assert.rejects(fromCsv(new Blob([text, '"C', new Uint8Array(9 << 20).fill(65)]), { types: {} }, () => undefined, never), { why: 'csv-long', line: 4 })
})
