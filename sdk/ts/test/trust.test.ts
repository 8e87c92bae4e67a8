import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TrustRoots } from '../src/index.js'
import { isPlainUrl } from '../src/trust/validate.js'
import { holdsStatus, issuerKey, regionCovers } from '../src/trust/model.js'
import { type TestKey, base, dated, jws, listPayload, now, renamed, rootsDocument } from './mint.js'
import { codeOf, testKey } from './support.js'

interface World {
  keys: TestKey[]
  signer: TestKey
  issuer: TestKey
  status: TestKey
}

/** Six keys, named for what they do here. */
async function world(): Promise<World> {
  const all = await Promise.all(['issuer', 'holder', 'stranger'].flatMap((n) => [`${n}-sm2`, `${n}-es256`]).map(testKey))
  const [a, b, c, d, e, f] = ['root-1', 'signer', 'root-2', 'status', 'root-3', 'issuer'].map((kid, i) => renamed(all[i] as TestKey, kid)) as [TestKey, TestKey, TestKey, TestKey, TestKey, TestKey]
  return { keys: [a, c, e], signer: b, status: d, issuer: f }
}

const roots = async (w: World, by: readonly TestKey[], more: object = {}): Promise<string> => rootsDocument({ keys: w.keys, signers: [w.signer], more }, by)

test('roots are pinned when two of three signed', async () => {
  const w = await world()
  const [a, b, c] = w.keys as [TestKey, TestKey, TestKey]
  const pinned = await TrustRoots.pin(await roots(w, [a, b]))
  assert.equal(pinned.version, 1)
  assert.equal(pinned.threshold, 2)
  const bad: [string, string][] = [
    [await roots(w, [a]), 'roots-too-few-signatures'],
    [await roots(w, [a, a]), 'roots-too-few-signatures'],
    [await roots(w, [a, w.signer]), 'roots-too-few-signatures'],
    [await roots(w, [a, renamed(c, b.kid)]), 'roots-invalid'],
    [await roots(w, [a, b], { threshold: 4 }), 'roots-invalid'],
    [await roots(w, [a, b], { threshold: 0 }), 'roots-invalid'],
    [await roots(w, [a, b], { version: 0 }), 'roots-invalid'],
    [await roots(w, [a, b], { exp: 1 }), 'roots-invalid'],
    [await roots(w, [a, b], { more: null }), 'roots-invalid'],
    [await roots(w, [a, b], { Version: 1 }), 'roots-invalid'],
    [await rootsDocument({ keys: w.keys, signers: [renamed(a, 'other')] }, [a, b]), 'roots-invalid'],
    [await rootsDocument({ keys: [a, a, b], signers: [] }, [a, b]), 'roots-invalid'],
    [(await roots(w, [a, b])).replace('{', '{"header":{},'), 'roots-invalid'],
    [(await roots(w, [a, b])).replace('{', '{"payload":"",'), 'roots-invalid'],
    ['{}', 'roots-invalid'], ['', 'roots-invalid'], ['x'.repeat(300_000), 'roots-invalid'],
  ]
  for (const [text, code] of bad) assert.equal(await codeOf(() => TrustRoots.pin(text)), code, text.slice(0, 200))
})

test('roots follow one another, vouched for by the old and the new', async () => {
  const w = await world()
  const [a, b, c] = w.keys as [TestKey, TestKey, TestKey]
  const pinned = await TrustRoots.pin(await roots(w, [a, b]))
  const second = { version: 2, keys: [b, c, w.status], signers: [w.signer] }
  const next = await pinned.next(await rootsDocument(second, [a, b, c]), now * 1000)
  assert.equal(next.version, 2)
  assert.equal(await codeOf(async () => next.next(await roots(w, [a, b]), now * 1000)), 'roots-rolled-back')
  assert.equal(await codeOf(async () => pinned.next(await rootsDocument({ ...second, version: 3 }, [a, b, c]), now * 1000)), 'roots-gap')
  assert.equal(await codeOf(async () => pinned.next(await rootsDocument(second, [c, w.status]), now * 1000)), 'roots-too-few-signatures', 'the old must hand over')
  assert.equal(await codeOf(async () => pinned.next(await rootsDocument(second, [a, b]), now * 1000)), 'roots-too-few-signatures', 'the new must exist')
  assert.equal(await codeOf(async () => pinned.next(await rootsDocument({ ...second, more: { iat: now + 400 } }, [a, b, c]), now * 1000)), 'roots-invalid')
  const late = (now + 20_000_000) * 1000
  assert.equal((await pinned.next(await rootsDocument({ ...second, more: { exp: now + 30_000_000 } }, [a, b, c]), late)).version, 2, 'expired roots still lead on')
})

test('a list is good under a signer of the roots, newest, and while it lives', async () => {
  const w = await world()
  const [a, b] = w.keys as [TestKey, TestKey]
  const trusted = await TrustRoots.pin(await roots(w, [a, b]))
  const sign = (payload: unknown, by = w.signer): Promise<string> => jws(by, { typ: 'trustlist+jwt' }, payload)
  const good = listPayload(w)
  const check = (payload: unknown, at = now, newest = 0): Promise<string> => codeOf(async () => trusted.verify(await sign(payload), at * 1000, newest))
  assert.equal(await check(good), '')
  assert.equal(await check(good, now, 3), '')
  assert.equal(await check(good, now, 4), 'trust-list-rolled-back')
  assert.equal(await check(good, now + 86400), 'trust-list-stale')
  assert.equal(await check(good, now - 401), 'trust-list-unavailable')
  assert.equal(await check(good, now + 10_000_000), 'trust-list-stale')
  assert.equal(await codeOf(async () => trusted.verify(await sign(good, w.issuer), now * 1000)), 'trust-list-invalid')
  assert.equal(await codeOf(async () => trusted.verify(await sign(good, renamed(w.issuer, w.signer.kid)), now * 1000)), 'trust-list-invalid')
  assert.equal(await codeOf(async () => trusted.verify(await jws(w.signer, { typ: 'JWT' }, good), now * 1000)), 'trust-list-invalid')
  const archived = await trusted.archived(await sign({ ...good, exp: now }))
  assert.equal(archived.version, 3)

  const domain = good.domains[0] as Record<string, unknown>
  const issuer = good.issuers[0] as Record<string, unknown>
  const bad: Record<string, unknown> = {
    'a null': { ...good, more: null },
    'a capital letter': { ...good, Frozen: true },
    'an escape in a name': JSON.stringify(good).replace('"version"', '"\\u0076ersion"'),
    'a name twice': JSON.stringify(good).replace('{', '{"version":3,'),
    'no version': { ...good, version: 0 },
    'a version that is no whole number': JSON.stringify(good).replace('"version":3', '"version":3.0'),
    'dates backwards': { ...good, exp: good.iat },
    'a domain twice': { ...good, domains: [domain, domain] },
    'a code of five': { ...good, domains: [{ ...domain, code: 'HN011' }] },
    'no slash behind the prefix': { ...good, domains: [{ ...domain, status_prefix: `${base}/status` }] },
    'a base with a slash': { ...good, domains: [{ ...domain, base_url: `${base}/` }] },
    'plain http': { ...good, domains: [{ ...domain, base_url: 'http://cards.example.cn' }] },
    'no name': { ...good, domains: [{ ...domain, name: { zh: '示例' } }] },
    'an unknown domain': { ...good, issuers: [{ ...issuer, domain: 'XX01' }] },
    'a region of five': { ...good, issuers: [{ ...issuer, regions: ['43000'] }] },
    'a type twice': { ...good, types: [...good.types, ...good.types] },
    'a key twice': { ...good, issuers: [{ ...issuer, keys: [dated(w.issuer), dated(renamed(w.issuer, 'b'))] }] },
    'a private key': { ...good, issuers: [{ ...issuer, keys: [{ jwk: w.issuer.jwk }] }] },
    'a key that is missing': { ...good, issuers: [{ ...issuer, keys: [{}] }] },
    'dates of a key backwards': { ...good, issuers: [{ ...issuer, keys: [dated(w.issuer, { not_after: 5 })] }] },
    'copies below zero': { ...good, issuers: [{ ...issuer, keys: [dated(w.issuer, { max_copies: -1 })] }] },
    'a frozen region of five': { ...good, frozen_regions: ['43010'] },
    'a list that is an object': { ...good, types: {} },
    'a flag that is a text': { ...good, frozen_all: 'no' },
  }
  for (const [what, payload] of Object.entries(bad)) assert.equal(await check(payload), 'trust-list-invalid', what)
  assert.equal(await check({ ...good, tomorrow: { is: ['another', 'day'] } }), '', 'unknown members are stepped over')
})

test('a frozen point is frozen wherever it stands', async () => {
  const w = await world()
  const [a, b] = w.keys as [TestKey, TestKey]
  const trusted = await TrustRoots.pin(await roots(w, [a, b]))
  const good = listPayload(w)
  const providers = [{ id: 'w', name: { zh: '甲', en: 'A' }, domain: 'HN01', keys: [dated(renamed(w.issuer, 'z'), { frozen: true })] }]
  const list = await trusted.verify(await jws(w.signer, { typ: 'trustlist+jwt' }, { ...good, providers }), now * 1000)
  const issuer = list.issuer(`${base}/issuers/police`)
  assert.ok(issuer?.keys[0]?.frozen)
  assert.equal(await codeOf(() => issuerKey(issuer, 'issuer', now)), 'key-frozen')
  assert.equal(await codeOf(() => issuerKey({ ...issuer, frozen: true }, 'issuer', now)), 'issuer-frozen')
  assert.equal(await codeOf(() => issuerKey(issuer, 'nobody', now)), 'issuer-untrusted')
  const thawed = { ...issuer, keys: issuer.keys.map((k) => ({ ...k, frozen: false })) }
  assert.equal(await codeOf(() => issuerKey(thawed, '', now)), '')
  assert.equal(await codeOf(() => issuerKey(thawed, 'issuer', now - 200_000)), 'key-out-of-dates')
  assert.equal(await codeOf(() => issuerKey(thawed, 'issuer', undefined)), 'key-out-of-dates')
})

test('regions, addresses and prefixes', async () => {
  for (const [prefix, region, want] of [
    ['430000', '430102', true], ['430100', '430102', true], ['430102', '430102', true], ['430100', '430202', false], ['000000', '430102', true],
    ['430000', '', false], ['43000', '430102', false], ['430000', '43010x', false],
  ] as const) assert.equal(regionCovers(prefix, region), want, `${prefix} ${region}`)
  for (const [url, want] of [
    ['https://a.example', true], ['https://a.example:8443/x/y-1', true], ['http://localhost:8080', true], ['http://127.0.0.1/', true], ['http://[::1]:80/a', true], ['http://a.localhost', true],
    ['http://a.example', false], ['https://A.example', false], ['https://a.example.', false], ['https://u@a.example', false], ['https://a.example/?q', false], ['https://a.example/#f', false],
    ['https://a.example/../b', false], ['https://a.example//b', false], ['https://a.example/%2e', false], ['ftp://a.example', false], ['https://', false], ['', false], [`https://a.example/${'x'.repeat(512)}`, false],
  ] as const) assert.equal(isPlainUrl(url), want, url)
  const domain = { code: 'HN01', name: { zh: '', en: '' }, baseUrl: base, statusPrefix: `${base}/status/`, statusKeys: [], serviceKeys: [] }
  for (const [uri, want] of [
    [`${base}/status/1`, true], [`${base}/status/`, false], [`${base}/status/../x`, false], [`${base}/status/1?x`, false], ['https://evil.example/status/1', false], [`${base}/statuses/1`, false],
  ] as const) assert.equal(holdsStatus(domain, uri), want, uri)
})
