import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { PublicKey, importSigner } from '../src/index.js'
import { hex, unhex, utf8 } from '../src/bytes.js'
import { decompress, onCurve, signatureInRange } from '../src/curve.js'
import { digest, sm3 } from '../src/hash.js'
import { type Table, digestFor, tableOf, verifyDigest } from '../src/sm2.js'
import { keyOf, publicJwk, read, readJson, testKey } from './support.js'

interface GM {
  sm2: { message: string; x: string; y: string; e: string; r: string; s: string }
  sm3: { message: string; digest: string }[]
}

test('SM2 and SM3 by the vectors of the standard', async () => {
  const gm = readJson<GM>('crypto/sm/testdata/gm.json')
  for (const v of gm.sm3) assert.equal(hex(sm3(utf8(v.message))), v.digest)
  const { x, y, e, r, s, message } = gm.sm2
  const point = `04${x}${y}`.toLowerCase()
  assert.equal(hex(digestFor(point, utf8(message))), e.toLowerCase())
  const key = PublicKey.fromPoint('SGD_SM3_SM2', unhex(x), unhex(y))
  await key.verify(utf8(message), unhex(r + s))
  await assert.rejects(key.verify(utf8(`${message}.`), unhex(r + s)), { kind: 'signature' })
})

test('SM2 signatures at the edges are judged as plain arithmetic judges them', () => {
  const tables = new Map<string, Table>()
  const lines = read('crypto/sm/testdata/verify.jsonl').trim().split('\n')
  assert.ok(lines.length > 20)
  for (const line of lines) {
    const v = JSON.parse(line) as { public: string; digest: string; signature: string; ok: boolean }
    const signature = unhex(v.signature)
    const inRange = signatureInRange(true, signature)
    assert.equal(inRange && verifyDigest(v.public, unhex(v.digest), signature), v.ok, line)
    const table = tables.get(v.public) ?? tableOf(v.public)
    tables.set(v.public, table)
    assert.equal(inRange && verifyDigest(table, unhex(v.digest), signature), v.ok, `by a table: ${line}`)
  }
})

test('the digests that docs/profile-sm.md prints', async () => {
  const { digestOf } = await import('../src/sdjwt.js')
  const disclosure = 'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0'
  assert.equal(await digestOf('sm3', disclosure), 'bnvNRICf1krtmnHR7DU6Kce8AXEKmxpRrF73VjJzRio')
  assert.equal(await digestOf('sha-256', disclosure), 'X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0')
  assert.equal(hex(await digest('sm3', utf8('a'), utf8('bc'))), '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0')
})

for (const profile of ['sm2', 'es256']) {
  test(`a key signs and its public half verifies: ${profile}`, async () => {
    const signer = await testKey(`issuer-${profile}`)
    const key = keyOf(signer)
    const message = utf8('message')
    const signature = await signer.sign(message)
    assert.equal(signature.length, 64)
    for (let n = 0; n < 9; n++) await key.verify(utf8(`message ${n}`), await signer.sign(utf8(`message ${n}`)))
    await key.verify(message, signature)
    await assert.rejects(key.verify(utf8('other'), signature), { kind: 'signature' })
    const stranger = keyOf(await testKey(`stranger-${profile}`))
    await assert.rejects(stranger.verify(message, signature), { kind: 'signature' })
    for (const bad of [signature.slice(0, 63), new Uint8Array(65), new Uint8Array(64), new Uint8Array(64).fill(0xff)]) {
      await assert.rejects(key.verify(message, bad), { kind: 'encoding' })
    }
    assert.ok(!inspect(await importSigner(signer.jwk), { depth: 9 }).includes(signer.jwk.d), 'keys do not print')
    const wrong = { ...signer.jwk, d: (await testKey(`stranger-${profile}`)).jwk.d }
    await assert.rejects(importSigner(wrong), { kind: 'malformed' })
  })

  test(`compressed points: ${profile}`, async () => {
    const sm = profile === 'sm2'
    for (const name of ['issuer', 'holder', 'stranger']) {
      const key = keyOf(await testKey(`${name}-${profile}`))
      const odd = ((key.y[31] ?? 0) & 1) === 1
      assert.deepEqual(decompress(sm, key.x, odd), key.y)
      assert.notDeepEqual(decompress(sm, key.x, !odd), key.y)
      assert.ok(onCurve(sm, key.x, key.y))
      assert.ok(!onCurve(!sm, key.x, key.y))
      const off = key.y.slice()
      off[31] = (off[31] ?? 0) ^ 1
      assert.ok(!onCurve(sm, key.x, off))
    }
    assert.equal(decompress(sm, new Uint8Array(32).fill(0xff), true), undefined)
    assert.ok(!onCurve(sm, new Uint8Array(32), new Uint8Array(32)), 'infinity has no coordinates')
  })
}

test('a JWK is read strictly', async () => {
  const { jwk } = await testKey('issuer-sm2')
  const good = publicJwk(jwk)
  assert.equal(PublicKey.fromJwk(good).kid, good.kid)
  const cases: [string, string][] = [
    [JSON.stringify(jwk), 'malformed'],
    [JSON.stringify({ ...good, kty: 'RSA' }), 'unsupported'],
    [JSON.stringify({ ...good, crv: 'SM2' }), 'unsupported'],
    [JSON.stringify({ ...good, alg: 'ES256' }), 'malformed'],
    [JSON.stringify({ ...good, use: 'enc' }), 'unsupported'],
    [JSON.stringify({ ...good, key_ops: ['sign'] }), 'unsupported'],
    [JSON.stringify({ ...good, x: `${good.x}=` }), 'malformed'],
    [JSON.stringify({ ...good, x: good.y }), 'malformed'],
    [JSON.stringify({ ...good, more: 'x'.repeat(9000) }), 'malformed'],
    [JSON.stringify(good).replace('{', '{"kty":"EC",'), 'malformed'],
    ['null', 'unsupported'],
    ['[]', 'malformed'],
  ]
  for (const [text, kind] of cases) assert.throws(() => PublicKey.fromJwk(text), { kind }, text.slice(0, 60))
  PublicKey.fromJwk(JSON.stringify({ ...good, more: [1], key_ops: ['verify'] }))
  // RFC 7638 §3.1 has an RSA key; of ours the project says what it is.
  assert.match(await PublicKey.fromJwk(JSON.stringify({ ...good, kid: '' })).id(), /^[\w-]{43}$/)
})
