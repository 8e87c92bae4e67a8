import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sentence } from '../src/index.js'

const here = fileURLToPath(new URL('../../', import.meta.url))

function files(folder: string): [string, string][] {
  return readdirSync(join(here, folder), { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ts') && !f.includes('node_modules') && !f.endsWith('.d.ts'))
    .map((f) => [`${folder}/${f}`, readFileSync(join(here, folder, f), 'utf8')])
}

test('the source keeps the rules of the house', () => {
  for (const [name, text] of [...files('src'), ...files('test'), ...files('sample/src')]) {
    const lines = text.split('\n').length
    assert.ok(lines <= (name.startsWith('test/') ? 500 : 400), `${name} has ${lines} lines`)
    for (const [at, line] of text.split('\n').entries()) {
      if (name.startsWith('test/style')) continue
      assert.doesNotMatch(line, /\bas any\b|: any\b|<any>|@ts-|eslint-|\bTODO\b|\bFIXME\b|\bdebugger\b/, `${name}:${at + 1}`)
      assert.ok(line.length <= 220 || name.startsWith('src/offline/types') || name.startsWith('src/sentences'), `${name}:${at + 1} is too long`)
      if (name.startsWith('src/')) assert.doesNotMatch(line, /\bconsole\.|\beval\(|innerHTML/, `${name}:${at + 1}`)
    }
    // Browsers have no Node; what needs it is apart.
    if (name.startsWith('src/') && name !== 'src/node.ts') assert.doesNotMatch(text, /from 'node:|\bBuffer\b|\bprocess\./, name)
  }
})

test('every code that the source gives has its sentences', () => {
  const codes = new Set<string>()
  for (const [, text] of files('src')) {
    for (const m of text.matchAll(/(?:Refusal|ShowcardError)\('([a-z0-9-]+)'|code: '([a-z0-9-]+)'|fail\(r\.\w+, '([a-z0-9-]+)'/g)) codes.add(m[1] ?? m[2] ?? m[3] ?? '')
  }
  assert.ok(codes.size > 60)
  for (const code of codes) assert.ok(sentence(code), code)
})

test('everything that is exported says what it is', () => {
  for (const [name, text] of files('src')) {
    const lines = text.split('\n')
    for (const [at, line] of lines.entries()) {
      if (!/^export (?:declare |abstract |async )?(?:class|function|interface|type|const|enum) \w/.test(line)) continue
      assert.match(lines[at - 1] ?? '', /\*\/$/, `${name}:${at + 1}: ${line}`)
    }
  }
})
