import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as sdk from '../src/index.js'
import { list, read, readJson } from './support.js'

interface Vector {
  comment: string
  steps: { do: string; expect?: string }[]
}

const scripts = new URL('../../scripts/', import.meta.url)
const { answerSteps, expectedSteps } = (await import(new URL('steps.mjs', scripts).href)) as {
  answerSteps(with_: typeof sdk, v: Vector): Promise<string[]>
  expectedSteps(v: Vector): string[]
}
const known = new Set(readJson<{ code: string }[]>('testdata/problems.json').map((p) => p.code))

for (const profile of ['sm', 'international']) {
  const files = list(`testdata/vectors/bundle/${profile}`)
  test(`bundles, ${profile}: ${files.length} vectors`, async (t) => {
    assert.ok(files.length > 80)
    for (const file of files) {
      await t.test(file, async () => {
        const v = readJson<Vector>(`testdata/vectors/bundle/${profile}/${file}`)
        const got = await answerSteps(sdk, v)
        assert.deepEqual(got, expectedSteps(v), v.comment)
        for (const code of got) if (known.has(code)) assert.ok(sdk.sentence(code)?.title.zh, `${code} has sentences`)
      })
    }
  })
}

test('the program that answers for others says the same', async () => {
  const lines: string[] = []
  const want: string[] = []
  for (const kind of ['bundle', 'sdcwt', 'sdjwt']) {
    for (const profile of ['sm', 'international']) {
      for (const [n, file] of list(`testdata/vectors/${kind}/${profile}`).entries()) {
        if (n % 9 !== 0) continue
        const path = `testdata/vectors/${kind}/${profile}/${file}`
        lines.push(`${JSON.stringify(JSON.parse(read(path)))}\n`)
        want.push(kind === 'bundle' ? expectedSteps(readJson<Vector>(path)).join(' ') : readJson<{ expect: string }>(path).expect)
      }
    }
  }
  const child = spawn(process.execPath, [fileURLToPath(new URL('answer.mjs', scripts))], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  child.stdin.end(lines.join(''))
  const got = (await text(child.stdout)).trim().split('\n').map((line) => JSON.parse(line) as { code: string; says?: string })
  assert.deepEqual(got.map(({ code }) => code), want)
  for (const { code, says } of got) assert.equal(says !== undefined, code === 'valid', 'what was read is told of what is valid')
  assert.deepEqual(await ended, [0, null])
})
