// Writes what the SDK knows of the project's tables: the sentences of the codes that it gives by itself, and the types that
// offline codes may carry. With --check it says whether that is still so; the tests do.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const root = new URL('../../../', import.meta.url)
const source = new URL('../src/', import.meta.url)
const read = (name) => JSON.parse(readFileSync(new URL(name, root), 'utf8'))
const literal = (v, indent = 0) => {
  const pad = ' '.repeat(indent)
  if (Array.isArray(v)) return v.length === 0 ? '[]' : `[\n${v.map((e) => `${pad}  ${literal(e, indent + 2)},\n`).join('')}${pad}]`
  if (typeof v !== 'object' || v === null) return typeof v === 'string' ? `'${v.replace(/['\\]/g, '\\$&')}'` : String(v)
  const one = `{ ${Object.entries(v).map(([k, e]) => `${/^\w+$/.test(k) ? k : `'${k}'`}: ${literal(e, indent)}`).join(', ')} }`
  if (one.length < 150 && !one.includes('\n')) return one
  return `{\n${Object.entries(v).map(([k, e]) => `${pad}  ${/^\w+$/.test(k) ? k : `'${k}'`}: ${literal(e, indent + 2)},\n`).join('')}${pad}}`
}

/** Codes stand in the source as strings, or come from the command-line tools' vocabulary. */
function codes(known) {
  const files = readdirSync(source, { recursive: true }).filter((f) => f.endsWith('.ts') && f !== 'sentences.ts')
  const text = files.map((f) => readFileSync(new URL(f, source), 'utf8')).join('\n')
  return known.filter(({ code }) => text.includes(`'${code}'`))
}

function sentences() {
  const rows = codes(read('testdata/problems.json')).map(({ code, title, next }) =>
    `  '${code}': { title: ${literal(title)}, next: ${literal(next)} },\n`)
  return `import type { Sentence } from './errors.js'

/** Made by scripts/generate.mjs of testdata/problems.json: the codes that this SDK gives by itself. */
export const sentences: Readonly<Record<string, Sentence>> = {
${rows.join('')}}
`
}

async function types() {
  const { offlineType } = await import(new URL('../dist/offline/catalogue.js', import.meta.url))
  const all = readdirSync(new URL('schemas/types/', root)).filter((f) => f.endsWith('.json')).sort()
  const found = all.map((f) => offlineType(read(`schemas/types/${f}`))).filter(Boolean).sort((a, b) => a.number - b.number || a.version - b.version)
  return `import type { OfflineType } from './catalogue.js'

/** Made by scripts/generate.mjs of schemas/types: the types of this release, as far as offline codes go. */
export const offlineTypes: readonly OfflineType[] = ${literal(found)}
`
}

let stale = 0
for (const [name, text] of [['sentences.ts', sentences()], ['offline/types.ts', await types()]]) {
  const file = new URL(name, source)
  if (readFileSync(file, 'utf8') === text) continue
  if (!process.argv.includes('--check')) writeFileSync(file, text)
  else console.error(`${name} is not what the tables say: npm run generate`)
  stale++
}
if (stale > 0 && process.argv.includes('--check')) process.exit(1)
