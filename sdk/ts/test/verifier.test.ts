import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { type Domain, type Expectation, Refusal, type Result, type StatusReference, TrustList, type TrustListParts, Verifier, compareReceipt, parseStatusList, verifyReceipt } from '../src/index.js'
import { canonical } from '../src/canonical.js'
import { parseJson } from '../src/json.js'
import { readList } from '../src/trust/read.js'
import { type CertificateOptions, type TestKey, base, jws, listPayload, now, presentation, renamed, statusList, sum } from './mint.js'
import { codeOf, keyOf, testKey } from './support.js'

async function listOf(payload: object): Promise<TrustListParts> {
  const node = parseJson(JSON.stringify(payload), 16)
  assert.ok(node.kind === 'object')
  return readList(node)
}

async function keysOf(profile: string): Promise<{ issuer: TestKey; holder: TestKey; stranger: TestKey }> {
  const [issuer, holder, stranger] = await Promise.all(['issuer', 'holder', 'stranger'].map((n) => testKey(`${n}-${profile}`)))
  return { issuer: issuer as TestKey, holder: holder as TestKey, stranger: stranger as TestKey }
}

interface Setting {
  list?: Record<string, unknown>
  status?: number
  age?: number
  trust?: Error
  statusError?: Error
  certificate?: CertificateOptions
  by?: TestKey
  unheld?: boolean
  expect?: Partial<Expectation>
}

for (const profile of ['sm2', 'es256']) {
  test(`a verifier tells every check apart: ${profile}`, async (t) => {
    const { issuer, holder, stranger } = await keysOf(profile)
    const verify = async (s: Setting = {}): Promise<Result> => {
      const list = new TrustList(await listOf(listPayload({ issuer, status: stranger, provider: holder }, s.list)))
      const verifier = new Verifier({
        now: () => now * 1000,
        trust: { current: () => (s.trust ? Promise.reject(s.trust) : Promise.resolve(list)) },
        status: {
          status(reference: StatusReference, home: Domain) {
            assert.equal(reference.idx, 7)
            assert.equal(home.code, 'HN01')
            return s.statusError ? Promise.reject(s.statusError) : Promise.resolve({ status: s.status ?? 0, asOf: (now - (s.age ?? 5)) * 1000, source: 'list' })
          },
        },
      })
      return verifier.verify(await presentation(s.by ?? issuer, s.unheld ? undefined : holder, s.certificate), { audience: 'bank-1', nonce: 'n-1', ...s.expect })
    }
    const good = await verify()
    assert.equal(good.outcome, 'valid', good.reasons.join())
    assert.equal(good.claims?.text('name'), '张示例')
    assert.deepEqual(good.claims?.names, ['name', 'id_number'])
    assert.equal(good.holder.bound, 'provider')
    assert.equal(good.holder.provider, 'hosted-wallet')
    assert.equal(good.type, 'resident-id')
    assert.ok(!inspect(good, { depth: 9 }).includes('张示例') && !JSON.stringify(good).includes('张示例'), 'claims do not print')

    const device = await verify({ list: { providers: [] } })
    assert.equal(device.outcome, 'valid')
    assert.equal(device.holder.bound, 'device')

    const issuerEntry = listPayload({ issuer, status: stranger }).issuers[0] as Record<string, unknown>
    const typeEntry = listPayload({ issuer, status: stranger }).types[0] as Record<string, unknown>
    const cases: [string, Setting, string, string][] = [
      ['forged', { by: renamed(stranger, issuer.kid) }, 'invalid', 'signature-invalid'],
      ['unknown issuer', { certificate: { claims: { iss: `${base}/issuers/other` } } }, 'invalid', 'issuer-untrusted'],
      ['unknown key', { certificate: { header: { kid: 'other' } } }, 'invalid', 'issuer-untrusted'],
      ['all frozen', { list: { frozen_all: true } }, 'invalid', 'all-frozen'],
      ['region frozen', { list: { frozen_regions: ['430100'] } }, 'invalid', 'region-frozen'],
      ['issuer frozen', { list: { issuers: [{ ...issuerEntry, frozen: true }] } }, 'invalid', 'issuer-frozen'],
      ['other type', { list: { issuers: [{ ...issuerEntry, types: ['drivers-licence'] }] } }, 'invalid', 'issuer-not-entitled-type'],
      ['other region', { list: { issuers: [{ ...issuerEntry, regions: ['440000'] }] } }, 'invalid', 'issuer-not-entitled-region'],
      ['no region', { certificate: { claims: { region: undefined } } }, 'invalid', 'issuer-not-entitled-region'],
      ['type frozen', { list: { types: [{ ...typeEntry, frozen: true }] } }, 'invalid', 'type-frozen'],
      ['type unpublished', { list: { types: [] } }, 'invalid', 'type-unpublished'],
      ['key out of dates', { certificate: { claims: { iat: now - 500_000 } } }, 'invalid', 'key-out-of-dates'],
      ['expired', { certificate: { claims: { exp: now - 10 } } }, 'invalid', 'certificate-expired'],
      ['not yet', { certificate: { claims: { nbf: now + 11 } } }, 'invalid', 'certificate-not-yet-valid'],
      ['suspended', { status: 2, age: 99999 }, 'invalid', 'certificate-suspended'],
      ['ended', { status: 1 }, 'invalid', 'certificate-ended'],
      ['status of an application', { status: 3 }, 'invalid', 'certificate-ended'],
      ['stale', { age: 121 }, 'indeterminate', 'status-stale'],
      ['of the future', { age: -61 }, 'indeterminate', 'status-stale'],
      ['no status at hand', { statusError: new Error('away') }, 'indeterminate', 'status-unavailable'],
      ['past the end', { statusError: new Refusal('status-index-out-of-range', 'x') }, 'invalid', 'status-index-out-of-range'],
      ['no status', { certificate: { claims: { status: undefined } } }, 'invalid', 'status-missing'],
      ['another judge', { certificate: { claims: { status: { status_list: { idx: 7, uri: 'https://evil.example/1' } } } } }, 'invalid', 'status-list-wrong-signer'],
      ['status of another form', { certificate: { claims: { status: { status_list: { idx: -7, uri: `${base}/status/1` } } } } }, 'invalid', 'presentation-malformed'],
      ['no list', { trust: new Refusal('trust-list-stale', 'old') }, 'indeterminate', 'trust-list-stale'],
      ['no network', { trust: new Error('away') }, 'indeterminate', 'trust-list-unavailable'],
      ['another audience', { expect: { audience: 'bank-2' } }, 'invalid', 'audience-wrong'],
      ['another nonce', { expect: { nonce: 'n-2' } }, 'invalid', 'nonce-wrong'],
      ['old proof', { certificate: { iat: now - 61 } }, 'invalid', 'proof-too-old'],
      ['early proof', { certificate: { iat: now + 11 } }, 'invalid', 'proof-from-future'],
      ['unbound', { unheld: true }, 'invalid', 'holder-binding-missing'],
    ]
    for (const [name, setting, outcome, code] of cases) {
      await t.test(name, async () => {
        const r = await verify(setting)
        assert.deepEqual([r.outcome, r.reasons], [outcome, [code]])
        if (r.holder.state === 'failed' || r.signature.state !== 'passed' || r.issuer.state !== 'passed') assert.equal(r.claims, undefined)
      })
    }
  })

  test(`an original is checked without a proof when that was said: ${profile}`, async () => {
    const { issuer, holder, stranger } = await keysOf(profile)
    const list = new TrustList(await listOf(listPayload({ issuer, status: stranger })))
    const verifier = new Verifier({ now: () => now * 1000, trust: { current: async () => list }, status: { status: async () => ({ status: 0, asOf: now * 1000, source: 'list' }) } })
    assert.equal((await verifier.verify(await presentation(issuer, undefined), { unbound: true })).outcome, 'valid')
    const bound = await verifier.verify((await presentation(issuer, holder)).replace(/~[^~]*$/, '~'), { unbound: true })
    assert.deepEqual(bound.reasons, ['holder-binding-missing'], 'a copy that is bound still needs its proof')
  })

  test(`status lists are bounded and belong to their address: ${profile}`, async () => {
    const { issuer, stranger } = await keysOf(profile)
    const key = keyOf(issuer)
    const uri = `${base}/status/1`
    const good = await statusList(issuer, { 7: 2, 8: 1, 1023: 3 })
    const list = await parseStatusList(good).verify(key, uri, now * 1000)
    assert.deepEqual([6, 7, 8, 1023, 1024, -1, 0.5].map((i) => list.get(i)), [0, 2, 1, 3, undefined, undefined, 0])
    assert.equal(list.size, 1024)
    const cases: [string, () => Promise<string>, string, number?][] = [
      ['another key', () => statusList(stranger), 'status-list-invalid'],
      ['another list', () => statusList(issuer, {}, { sub: `${base}/status/2` }), 'status-list-wrong-signer'],
      ['expired', () => statusList(issuer), 'status-stale', now + 3590],
      ['of the future', () => statusList(issuer), 'status-unavailable', now - 71],
      ['three bits', () => statusList(issuer, {}, { status_list: { bits: 3, lst: 'AA' } }), 'status-list-invalid'],
      ['not zlib', () => statusList(issuer, {}, {}, Uint8Array.of(1, 2, 3)), 'status-list-invalid'],
      ['empty', () => statusList(issuer, {}, {}, deflateSync(new Uint8Array())), 'status-list-invalid'],
      ['a bomb', () => statusList(issuer, {}, {}, deflateSync(new Uint8Array(5 << 20))), 'status-list-invalid'],
      ['bytes behind', () => statusList(issuer, {}, {}, Buffer.concat([deflateSync(new Uint8Array(9)), Buffer.of(0)])), 'status-list-invalid'],
      ['ends before it begins', () => statusList(issuer, {}, { exp: now - 10 }), 'status-list-invalid'],
      ['a ttl of nothing', () => statusList(issuer, {}, { ttl: 0 }), 'status-list-invalid'],
      ['another type', () => jws(issuer, { typ: 'JWT' }, {}), 'status-list-invalid'],
    ]
    for (const [name, make, code, at = now] of cases) assert.equal(await codeOf(async () => parseStatusList(await make()).verify(key, uri, at * 1000)), code, name)
  })

  test(`receipts: ${profile}`, async (t) => {
    const { issuer, holder, stranger } = await keysOf(profile)
    const hash = profile === 'sm2' ? 'sm3' : 'sha-256'
    const salts: Record<string, string> = { name: Buffer.alloc(16, 1).toString('base64url'), points: Buffer.alloc(16, 2).toString('base64url'), '': Buffer.alloc(16, 3).toString('base64url') }
    const digest = (name: string, value: unknown): string =>
      sum(hash, Buffer.concat([Buffer.from(salts[name] ?? '', 'base64url'), Buffer.from(canonical(parseJson(JSON.stringify(value), 9)))]))
    const body = {
      iss: base, jti: 'v-1', iat: now, checked_at: now - 3, party: { id: 'bank-1', name: { zh: '示例银行', en: 'Example bank' } }, client: 'bank-1', purpose: 'account-opening',
      via: 'code', outcome: 'valid', reasons: [], type: 'resident-id', hash, certificate: digest('', 'id-1'), status: { state: 'passed', as_of: now - 4, source: 'cache' },
      fields: [{ name: 'name', digest: digest('name', '张示例') }, { name: 'points', digest: digest('points', 3) }],
    }
    const list = new TrustList(await listOf(listPayload({ issuer, status: stranger, receipts: holder })))
    const sign = (more: object = {}, by = holder): Promise<string> => jws(by, { typ: 'receipt+jwt' }, { ...body, ...more })
    const receipt = await verifyReceipt(list, await sign(), now * 1000)
    assert.equal(receipt.party.name.zh, '示例银行')
    assert.equal(receipt.status?.asOf, now - 4)
    const openings = { certificate: salts[''] ?? '', fields: { name: salts['name'] ?? '', points: salts['points'] ?? '' } }
    const match = async (identifier: string, values: object, o: object = openings): Promise<string[]> =>
      (await compareReceipt(receipt, { identifier, values: { ...values }, openings: o })).map((c) => `${c.name}:${c.match}`)
    assert.deepEqual(await match('id-1', { name: '张示例', points: 3 }), [':matches', 'name:matches', 'points:matches'])
    assert.deepEqual(await match('id-2', { name: '李四', more: 1, points: { json: '3.0' } }), [':differs', 'name:differs', 'points:matches', 'more:foreign'])
    assert.deepEqual(await match('', { name: '张示例' }, { fields: { points: 'AA' } }), [':no-value', 'name:no-salt', 'points:no-value'])
    const cases: [string, Promise<string>, string][] = [
      ['another key', sign({}, renamed(stranger, holder.kid)), 'receipt-invalid'],
      ['no key for receipts', sign({}, issuer), 'key-unknown'],
      ['a stranger', sign({ iss: 'https://other.example' }), 'receipt-of-stranger'],
      ['before its key', sign({ iat: now - 200_000, checked_at: now - 200_000 }), 'key-out-of-dates'],
      ['checked after it was signed', sign({ checked_at: now + 301 }), 'receipt-invalid'],
      ['of the future', sign({ iat: now + 301, checked_at: now }), 'receipt-invalid'],
      ['an unknown member', sign({ more: 1 }), 'receipt-invalid'],
      ['a capital letter', sign({ Outcome: 'valid' }), 'receipt-invalid'],
      ['a field twice', sign({ fields: [body.fields[0], body.fields[0]] }), 'receipt-invalid'],
      ['a digest of another length', sign({ fields: [{ name: 'a', digest: 'AA' }] }), 'receipt-invalid'],
      ['no hash', sign({ hash: 'md5' }), 'receipt-invalid'],
      ['no outcome', sign({ outcome: '' }), 'receipt-invalid'],
      ['a date with a fraction', sign({ iat: 1.5 }), 'receipt-invalid'],
      ['too large', sign({ reasons: Array.from({ length: 500 }, () => 'x'.repeat(200)) }), 'receipt-invalid'],
      ['no receipt', presentation(issuer, undefined), 'receipt-invalid'],
    ]
    for (const [name, text, code] of cases) await t.test(name, async () => assert.equal(await codeOf(async () => verifyReceipt(list, await text, now * 1000)), code))
    const frozen = listPayload({ issuer, status: stranger, receipts: holder })
    const service = (frozen.domains[0] as { service_keys?: Record<string, unknown>[] }).service_keys?.[0]
    if (service) service['frozen'] = true
    assert.equal(await codeOf(async () => verifyReceipt(new TrustList(await listOf(frozen)), await sign(), now * 1000)), 'receipt-key-frozen')
  })
}
