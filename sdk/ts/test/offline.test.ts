import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OfflineCatalogue, OfflineChecker, type OfflineCheckerOptions, type PublicJwk, PublicKey, Refusal, ReplayMemory, TrustList, parseCode, parseOffline, verifyOfflineCode } from '../src/index.js'
import { hex, unhex } from '../src/bytes.js'
import { parseJson } from '../src/json.js'
import { readList } from '../src/trust/read.js'
import { dated, listPayload } from './mint.js'
import { list, readJson, seeded, testKey } from './support.js'

interface Vector {
  comment: string
  issuer: PublicJwk
  code: string
  audiences: string[]
  nonce?: string
  now: number
  expect: string
  token?: {
    kid: string; serial: string; iat: number; exp: number; type: string; version: number; view: string; region: string; fields: Record<string, unknown>
    proof: { serial: string; iat: number; aud: string; nonce?: string }
  }
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function write(token: Uint8Array): string {
  let bits = ''
  for (const b of token) bits += b.toString(2).padStart(8, '0')
  return `SC2${(bits.match(/.{1,5}/g) ?? []).map((g) => base32.charAt(Number.parseInt(g.padEnd(5, '0'), 2))).join('')}`
}

const known = new Set(readJson<{ code: string }[]>('testdata/problems.json').map((p) => p.code))

for (const profile of ['sm', 'international']) {
  const files = list(`testdata/vectors/sdcwt/${profile}`)
  test(`offline codes, ${profile}: ${files.length} vectors`, async (t) => {
    assert.ok(files.length > 100)
    for (const file of files) {
      await t.test(file, async () => {
        const v = readJson<Vector>(`testdata/vectors/sdcwt/${profile}/${file}`)
        assert.ok(v.expect === 'valid' || known.has(v.expect))
        const nonce = v.nonce === undefined ? {} : { nonce: unhex(v.nonce) }
        try {
          const { token, reading } = await verifyOfflineCode(v.code, { issuer: PublicKey.fromJwk(v.issuer), now: v.now * 1000, audiences: v.audiences, ...nonce })
          assert.equal('valid', v.expect, v.comment)
          const { proof } = token
          assert.deepEqual({
            kid: token.kid, serial: token.serial, iat: token.issuedAt, exp: token.expires, type: reading.type, version: token.view.version, view: reading.view, region: token.view.region,
            fields: Object.fromEntries(reading.fields.map((f) => [f.name, f.value])),
            proof: { serial: proof.serial, iat: proof.issuedAt, aud: proof.audience, ...(proof.nonce ? { nonce: hex(proof.nonce) } : {}) },
          }, v.token)
        } catch (e) {
          if (!(e instanceof Refusal)) throw e
          assert.equal(e.code, v.expect, v.comment)
          assert.ok(e.title?.zh && e.next?.en, `${e.code} has sentences`)
        }
      })
    }
  })

  test(`any byte of an offline code changed is never accepted: ${profile}`, async () => {
    const random = seeded(30)
    const v = readJson<Vector>(`testdata/vectors/sdcwt/${profile}/good-identity.json`)
    const issuer = PublicKey.fromJwk(v.issuer)
    const code = parseCode(v.code)
    assert.ok(code.kind === 'offline')
    assert.equal(write(code.token), code.text)
    for (let at = 0; at < code.token.length; at++) {
      const token = code.token.slice()
      token[at] = (token[at] ?? 0) ^ (1 << random(8))
      await assert.rejects(verifyOfflineCode(write(token), { issuer, now: v.now * 1000, audiences: v.audiences }), Refusal, `byte ${at}`)
    }
  })
}

test('bytes that nobody wrote are refused, and nothing crashes', () => {
  const random = seeded(31)
  const v = readJson<Vector>('testdata/vectors/sdcwt/sm/good-identity.json')
  const code = parseCode(v.code)
  assert.ok(code.kind === 'offline')
  for (let n = 0; n < 20_000; n++) {
    let token = n % 4 === 0 ? Uint8Array.from({ length: random(60) }, () => random(256)) : code.token.slice(0, n % 4 === 1 ? random(code.token.length) : undefined)
    for (let k = random(4); k >= 0 && token.length > 0; k--) token[random(token.length)] = random(256)
    if (n % 7 === 0) token = Uint8Array.from([...token.subarray(0, random(token.length + 1)), ...code.token.subarray(random(code.token.length))])
    try {
      parseOffline(token)
    } catch (e) {
      assert.ok(e instanceof Refusal && e.code.startsWith('offline-'), String(e))
    }
  }
})

const at = 1_800_000_000

/** A checker whose list has the issuer of the vectors, which wrote a region of Hunan. */
async function checker(o: Partial<OfflineCheckerOptions> = {}, more: Record<string, unknown> = {}, issuerMore: object = {}): Promise<OfflineChecker> {
  const [issuer, status] = await Promise.all([testKey('issuer-sm2'), testKey('stranger-sm2')])
  const payload = listPayload({ issuer, status })
  const first = { ...(payload.issuers[0] as object), keys: [dated(issuer, { not_before: at - 86400 * 3 })], ...issuerMore }
  const node = parseJson(JSON.stringify({ ...payload, issuers: [first], ...more }), 16)
  assert.ok(node.kind === 'object')
  const trusted = new TrustList(await readList(node))
  return new OfflineChecker({ trust: { current: async () => trusted }, revoked: () => ({ asOf: (at - 60) * 1000, has: () => false }), now: () => at * 1000, ...o })
}

test('an offline checker tells every check apart', async (t) => {
  const v = readJson<Vector>('testdata/vectors/sdcwt/sm/good-identity.json')
  assert.equal(v.now, at)
  const expect = { audiences: v.audiences }
  const good = await (await checker()).check(v.code, expect)
  assert.equal(good.outcome, 'valid', good.reasons.join())
  assert.equal(good.proofAge, at - (v.token?.proof.iat ?? 0))
  assert.deepEqual(Object.fromEntries((good.fields ?? []).map((f) => [f.name, f.value])), v.token?.fields)
  assert.equal(good.typeName?.zh, '居民身份证')
  assert.equal(good.status.asOf?.getTime(), (at - 60) * 1000)

  const type = listPayload({ issuer: await testKey('issuer-sm2'), status: await testKey('stranger-sm2') }).types[0] as object
  const serial = v.token?.serial ?? ''
  const cases: [string, () => Promise<OfflineChecker>, string, string, string?][] = [
    ['revoked', () => checker({ revoked: () => ({ asOf: (at - 999_999) * 1000, has: (s) => s === serial }) }), 'invalid', 'offline-revoked'],
    ['revocations too old', () => checker({ revoked: () => ({ asOf: (at - 90_000) * 1000, has: () => false }) }), 'indeterminate', 'status-stale'],
    ['revocations of the future', () => checker({ revoked: () => ({ asOf: (at + 90) * 1000, has: () => false }) }), 'indeterminate', 'status-stale'],
    ['no revocations', () => checker({ revoked: () => undefined }), 'indeterminate', 'status-unavailable'],
    ['no list', () => checker({ trust: { current: () => Promise.reject(new Refusal('trust-list-stale', 'old')) } }), 'indeterminate', 'trust-list-stale'],
    ['unknown authority', () => checker({}, { issuers: [] }), 'invalid', 'issuer-untrusted'],
    ['frozen authority', () => checker({}, {}, { frozen: true }), 'invalid', 'issuer-frozen'],
    ['frozen key', async () => checker({}, {}, { keys: [dated(await testKey('issuer-sm2'), { frozen: true })] }), 'invalid', 'key-frozen'],
    ['key of later', async () => checker({}, {}, { keys: [dated(await testKey('issuer-sm2'), { not_before: at })] }), 'invalid', 'key-out-of-dates'],
    ['authority of earlier', () => checker({}, {}, { not_after: at - 86400 }), 'invalid', 'key-out-of-dates'],
    ['all frozen', () => checker({}, { frozen_all: true }), 'invalid', 'all-frozen'],
    ['frozen region', () => checker({}, { frozen_regions: ['430000'] }), 'invalid', 'region-frozen'],
    ['other type', () => checker({}, {}, { types: [] }), 'invalid', 'issuer-not-entitled-type'],
    ['other region', () => checker({}, {}, { regions: ['440000'] }), 'invalid', 'issuer-not-entitled-region'],
    ['frozen type', () => checker({}, { types: [{ ...type, frozen: true }] }), 'invalid', 'type-frozen'],
    ['unpublished type', () => checker({}, { types: [] }), 'invalid', 'type-unpublished'],
    ['a minute later', () => checker({ now: () => (at + 61) * 1000 }), 'invalid', 'offline-proof-expired'],
    ['a day later', () => checker({ now: () => (at + 86400) * 1000 }), 'invalid', 'offline-expired'],
    ['a ticket', () => checker(), 'invalid', 'code-not-ours', 'SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47'],
    ['nothing', () => checker(), 'invalid', 'code-not-ours', ''],
  ]
  for (const [name, make, outcome, code, text = v.code] of cases) {
    await t.test(name, async () => {
      const r = await (await make()).check(text, expect)
      assert.deepEqual([r.outcome, r.reasons[0]], [outcome, code], r.reasons.join())
      if (r.outcome === 'invalid') assert.equal(r.fields, undefined)
    })
  }
})

test('a proof that was shown here before is reported', async () => {
  const v = readJson<Vector>('testdata/vectors/sdcwt/sm/good-identity.json')
  const desk = await checker()
  assert.equal((await desk.check(v.code, { audiences: ['nobody'] })).outcome, 'invalid', 'what was refused is not remembered')
  assert.equal((await desk.check(v.code, { audiences: v.audiences })).outcome, 'valid')
  const again = await desk.check(v.code, { audiences: v.audiences })
  assert.deepEqual([again.outcome, again.reasons], ['invalid', ['code-replayed']])
  const memory = new ReplayMemory(2)
  assert.ok(memory.first('a', 100, 100_000) && memory.first('b', 100, 100_000))
  assert.ok(!memory.first('c', 100, 100_000), 'full: refused rather than forgotten')
  assert.ok(memory.first('c', 171, 171_000))
  assert.equal(memory.size, 1)
})

test('types of a deployment are added to those of the release', async () => {
  const none = { zh: '', en: '' }
  const fields = [{ number: 1, name: 'n', label: none, kind: 'integer', mask: { rule: 'none' as const } }]
  const own = { number: 200, version: 1, id: 'own', name: { zh: '自有', en: 'Own' }, views: [{ number: 1, name: 'v', label: none, fields }] }
  const catalogue = new OfflineCatalogue([own])
  const view = { type: 200, version: 1, view: 1, region: '430102', values: new Map([[1, 7]]) }
  assert.deepEqual(catalogue.read(view).fields.map((f) => [f.name, f.value]), [['n', 7]])
  assert.throws(() => catalogue.read({ ...view, view: 2 }), { code: 'offline-view-unknown' })
  assert.throws(() => catalogue.read({ ...view, values: new Map([[2, 7]]) }), { code: 'offline-value' })
})
