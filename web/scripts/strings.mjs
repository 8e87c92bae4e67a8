// Every sentence stands in src/strings, in Chinese and in English: this finds those that do not, and those that nobody uses.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('../src', import.meta.url).pathname
const files = readdirSync(root, { recursive: true }).map(String).filter((f) => /\.tsx?$/.test(f)).sort()
const faults = []
const used = new Set()
const declared = []

for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8')
  const inCatalogue = file.startsWith('strings/')
  const where = (at) => `${file}:${text.slice(0, at).split('\n').length}`
  if (inCatalogue) {
    for (const m of text.matchAll(/^\s*'?([\w-]+)'?:\s*\[(.*)\],?\s*$/gm)) {
      declared.push({ file, name: m[1], at: where(m.index) })
      const parts = [...m[2].matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)].map((p) => p[1] ?? p[2])
      if (parts.length !== 2 || parts.some((p) => !p.trim())) faults.push(`${where(m.index)}: ${m[1]} wants Chinese and English`)
      else {
        const names = (s) => [...s.matchAll(/\{(\w+)\}/g)].map((n) => n[1]).sort().join()
        if (names(parts[0]) !== names(parts[1])) faults.push(`${where(m.index)}: ${m[1]} does not fill in the same in both languages`)
      }
    }
  } else {
    const code = text.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, ' ')).replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
    for (const m of code.matchAll(/['"`>][^'"`<>\n]*[\u4e00-\u9fff][^'"`<>\n]*/g)) faults.push(`${where(m.index)}: Chinese outside src/strings: ${m[0].slice(1, 30)}`)
    // Words between tags: text of JSX that is not {…}.
    for (const m of code.matchAll(/<[a-z]\w*(?:\s[^<>]*)?>([^<>{}()=;]*[A-Za-z]{3,}[^<>{}()=;]*)<\//g)) faults.push(`${where(m.index)}: text outside src/strings: ${m[1].trim().slice(0, 40)}`)
    for (const m of code.matchAll(/\b(?:aria-label|placeholder|alt|title)="([^"]*[A-Za-z]{2,}[^"]*)"/g)) faults.push(`${where(m.index)}: text outside src/strings: ${m[1]}`)
  }
  for (const m of text.matchAll(/\b\w+(?:\.|\[')([\w-]+)/g)) used.add(m[1])
}
// Tables that are gone through by a name of the API's are used whole.
const whole = files.filter((f) => !f.startsWith('strings/')).map((f) => readFileSync(join(root, f), 'utf8')).join('\n')
for (const d of declared) {
  const table = d.file.replace(/^strings\/|\.tsx?$/g, '')
  if (!used.has(d.name) && !new RegExp(`\\b${table}\\w*\\[`).test(whole)) faults.push(`${d.at}: nobody says ${d.name}`)
}
if (!declared.length) faults.push('no strings found')
for (const f of faults) console.error(f)
console.log(`${declared.length} sentences in two languages, ${faults.length} faults`)
process.exit(faults.length ? 1 : 0)
