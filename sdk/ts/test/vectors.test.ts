import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PublicJwk, PublicKey, Refusal, verifyPresentation } from '../src/index.js'
import { parseJson, valueOf } from '../src/json.js'
import { list, read, readJson } from './support.js'

interface Vector {
  name: string
  comment: string
  profile: string
  issuer: PublicJwk
  presentation: string
  nonce?: string
  aud?: string
  now: number
  expect: string
}

const known = new Set(readJson<{ code: string }[]>('testdata/problems.json').map((p) => p.code))

for (const profile of ['sm', 'international']) {
  const files = list(`testdata/vectors/sdjwt/${profile}`)
  test(`presentations, ${profile}: ${files.length} vectors`, async (t) => {
    assert.ok(files.length > 90)
    for (const file of files) {
      await t.test(file, async () => {
        const path = `testdata/vectors/sdjwt/${profile}/${file}`
        const v = readJson<Vector>(path)
        assert.ok(v.expect === 'valid' || known.has(v.expect))
        const binding = v.nonce === undefined ? {} : { binding: { nonce: v.nonce, audience: v.aud ?? '' } }
        try {
          const sd = await verifyPresentation(v.presentation, { issuer: PublicKey.fromJwk(v.issuer), now: v.now * 1000, ...binding })
          assert.equal('valid', v.expect, v.comment)
          const file = parseJson(read(path), 32)
          const want = file.kind === 'object' ? file.members.get('claims') : undefined
          assert.ok(want?.kind === 'object')
          assert.deepEqual([...sd.claims.keys()].sort(), [...want.members.keys()].sort())
          for (const [name, node] of want.members) {
            const got = sd.claims.get(name)
            assert.ok(got)
            assert.deepEqual(valueOf(got), valueOf(node), name)
            if (node.kind === 'number') assert.equal(got.raw, node.raw, 'numbers stay exact')
          }
        } catch (e) {
          if (!(e instanceof Refusal)) throw e
          assert.equal(e.code, v.expect, v.comment)
          assert.ok(e.title?.zh && e.next?.en, `${e.code} has sentences`)
        }
      })
    }
  })
}
