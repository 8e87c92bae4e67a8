import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type BundleRequest, Bundles, type BundlesOptions, OfflineChecker, type PublicJwk, type Store, TrustRoots, Verifier, parseCode, parseOffline } from '../src/index.js'
import { FileStore } from '../src/node.js'
import { type TestKey, base, dated, jws, listPayload, now, presentation, renamed, rootsDocument } from './mint.js'
import { type BundleParts, type House, house, serial, sign1, claims } from './mintbundle.js'
import { codeOf, readJson, testKey } from './support.js'

const hour = Math.ceil(now / 3600)

function memory(): Store & { texts: Map<string, string> } {
  const texts = new Map<string, string>()
  return { texts, get: async (name) => texts.get(name), set: async (name, text) => void texts.set(name, text) }
}

const open = (w: House, o: Partial<BundlesOptions> = {}): Promise<Bundles> => Bundles.open({ baseUrl: base, pinnedRoots: w.roots, now: () => now * 1000, ...o })

/** What a checker can know of bundles, to be compared. */
async function known(b: Bundles): Promise<unknown> {
  const list = await b.current().catch(() => undefined)
  return { asOf: b.asOf?.getTime(), version: list?.version, kept: b.kept().length, revoked: [1, 2, 3, 4, 5].map((n) => b.revoked()?.has(serial(n))), wants: b.wants() }
}

test('bundles are taken over one after the other, and a restart goes on from there', async () => {
  const w = await house('sm2')
  const store = memory()
  let at = now * 1000
  const b = await open(w, { store, statuses: true, now: () => at })
  assert.deepEqual([b.asOf, b.revoked(), b.kept()], [undefined, undefined, []])
  assert.equal(await codeOf(() => b.current()), 'trust-list-unavailable')
  assert.deepEqual(b.wants(), { roots: 1, statuses: 'all' })

  await b.take(await w.bundle({ trust: { list: await w.list() }, head: 2, revoked: { [hour]: [serial(1), serial(2)] }, lists: { 1: { seq: 17, size: 1000, sets: { 1: [7] } } } }))
  assert.deepEqual(b.wants(), { roots: 1, list: 3, serials: 2, statuses: 'all', lists: { 1: 17 } })
  at += 600_000
  await b.take(await w.bundle({ iat: now + 600, from: 2, head: 3, revoked: { [hour]: [serial(3)] }, lists: { 1: { from: 17, seq: 18, size: 1000, sets: { 0: [7], 2: [8] } } } }))
  assert.equal(b.asOf?.getTime(), at)
  assert.equal((await b.current()).version, 3)
  const revoked = b.revoked()
  assert.equal(revoked?.asOf, at)
  assert.deepEqual([1, 2, 3, 4].map((n) => revoked.has(serial(n))), [true, true, true, false])
  for (const text of ['', serial(1).toUpperCase(), 'x'.repeat(16), serial(1) + '00']) assert.ok(!revoked.has(text), text)

  const home = (await b.current()).domains[0]
  assert.ok(home)
  const uri = `${base}/status/1`
  assert.deepEqual(await b.status({ idx: 8, uri }, home), { status: 2, asOf: at, source: 'bundle', maxAge: 86_400 })
  assert.equal((await b.status({ idx: 7, uri }, home)).status, 0)
  assert.equal(await codeOf(() => b.status({ idx: 1000, uri }, home)), 'status-index-out-of-range')
  assert.equal(await codeOf(() => b.status({ idx: 8, uri: `${base}/status/2` }, home)), 'bundle-list-missing')
  assert.equal(await codeOf(() => b.status({ idx: 8, uri: 'https://other.example/status/1' }, home)), 'bundle-list-missing')
  assert.equal(await codeOf(() => b.status({ idx: 8, uri }, { ...home, baseUrl: 'https://other.example' })), 'bundle-list-missing')

  // Read again days later, each is judged as of its own date; that it is too old shows when something is checked.
  at += 3 * 86_400_000
  const again = await open(w, { store, statuses: true, now: () => at })
  assert.deepEqual([again.asOf, again.wants()], [b.asOf, b.wants()])
  assert.equal(await codeOf(() => again.current()), 'trust-list-stale')
  assert.ok(again.revoked()?.has(serial(3)))
  const third = await open(w, { now: () => at, statuses: true })
  await third.restore(b.kept())
  assert.deepEqual(third.wants(), b.wants())

  // What is whole makes those of before needless.
  at = (now + 700) * 1000
  await b.take(await w.bundle({ iat: now + 700, trust: { list: await w.list(4) }, head: 3, revoked: { [hour]: [serial(3)] }, lists: { 1: { seq: 18, size: 1000, sets: { 2: [8] } } } }))
  assert.equal(b.kept().length, 1)
  assert.equal(store.texts.get('bundles')?.split('\n').length, 1)
  assert.ok(!b.revoked()?.has(serial(1)))
})

test('whatever is refused, with its code, and what was known is known still', async () => {
  const w = await house()
  const b = await open(w)
  const list = await w.list()
  assert.equal(await codeOf(async () => b.take(await w.bundle({}))), 'bundle-trust-missing')
  await b.take(await w.bundle({ trust: { list }, head: 2, revoked: { [hour]: [serial(1)] }, lists: { 1: { seq: 5, size: 100 } } }))
  const before = await known(b)
  const tampered = await w.bundle({ from: 2, head: 2 })
  tampered.set([(tampered.at(-1) ?? 0) ^ 1], tampered.length - 1)
  const root = (await rootsDocument({ version: 3, keys: [w.other, w.status], signers: [w.signer] }, [w.other, w.status]))
  const cases: [string, Buffer, string][] = [
    ['no bundle', Buffer.from('{}'), 'bundle-malformed'],
    ['of the future', await w.bundle({ iat: now + 61, from: 2, head: 2 }), 'bundle-from-future'],
    ['a trust list that was changed', await w.bundle({ trust: { list: `${list}A` } }), 'trust-list-invalid'],
    ['a trust list of nobody', await w.bundle({ trust: { list: await jws(w.status, { typ: 'trustlist+jwt' }, {}) } }), 'trust-list-invalid'],
    ['an older trust list', await w.bundle({ trust: { list: await w.list(2) } }), 'trust-list-rolled-back'],
    ['a trust list that has expired', await w.bundle({ trust: { list: await w.list(4, { exp: now }) } }), 'trust-list-stale'],
    ['a trust list of the future', await w.bundle({ trust: { list: await w.list(4, { iat: now + 301 }) } }), 'trust-list-invalid'],
    ['roots that are left out', await w.bundle({ trust: { roots: [root], list } }), 'trust-list-invalid'],
    ['roots that are none', await w.bundle({ trust: { roots: ['{}'], list } }), 'trust-list-invalid'],
    ['roots that are no text', await sign1(w.status, new Map([...claims({}), [-65538, [[Buffer.of(0xff)], list]]])), 'trust-list-invalid'],
    ['of another deployment', await w.bundle({ iss: 'https://other.example', from: 2, head: 2 }), 'bundle-wrong-signer'],
    ['by an unknown key', await w.bundle({ from: 2, head: 2 }, renamed(w.other, 'unknown')), 'bundle-wrong-signer'],
    ['by a key before its time', await w.bundle({ iat: now - 200_000, from: 2, head: 2 }), 'bundle-wrong-signer'],
    ['by another key under the name', await w.bundle({ from: 2, head: 2 }, renamed(w.other, w.status.kid)), 'bundle-signature-invalid'],
    ['changed', tampered, 'bundle-signature-invalid'],
    ['older', await w.bundle({ iat: now - 1, from: 2, head: 2 }), 'bundle-rolled-back'],
    ['fewer serials', await w.bundle({ head: 1 }), 'bundle-rolled-back'],
    ['an older list', await w.bundle({ from: 2, head: 2, lists: { 1: { seq: 4, size: 100 } } }), 'bundle-rolled-back'],
    ['too many entries', await w.bundle({ from: 2, head: 2, lists: Object.fromEntries([...'abcdefghijklmnop'].map((n) => [n, { seq: 1, size: 1 << 24 }])) }), 'bundle-too-large'],
  ]
  for (const [what, data, code] of cases) {
    assert.equal(await codeOf(() => b.take(data)), code, what)
    assert.deepEqual(await known(b), before, what)
  }
  // A gap leaves all as it was, too, only that all is asked for.
  for (const p of [{ from: 3, head: 3 }, { from: 2, head: 2, lists: { 2: { from: 1, seq: 1, size: 9 } } }, { from: 2, head: 2, lists: { 1: { from: 5, seq: 5, size: 99 } } }] as BundleParts[]) {
    assert.equal(await codeOf(async () => b.take(await w.bundle(p))), 'bundle-gap')
  }
  assert.deepEqual(await known(b), { ...(before as object), wants: { roots: 1, statuses: 'none' } })
  assert.equal(await codeOf(() => open(w, { maxAge: 86_401 })), 'config-invalid')
  assert.equal(await codeOf(() => open(w, { pinnedRoots: '{}' })), 'roots-invalid')
  assert.equal(await codeOf(() => b.renew()), 'config-invalid')

  // A store that cannot keep what is new keeps it from being known, and others may go on.
  const full = { ...memory(), set: async () => Promise.reject(new Error('disk full')) }
  const c = await open(w, { store: full })
  await assert.rejects(c.take(await w.bundle({ trust: { list } })), /disk full/)
  assert.equal(c.asOf, undefined)
})

test('a store that was tampered with shows', async () => {
  const w = await house()
  const store = memory()
  const b = await open(w, { store })
  await b.take(await w.bundle({ trust: { list: await w.list() }, head: 1, revoked: { [hour]: [serial(1)] } }))
  await b.take(await w.bundle({ from: 1, head: 2, revoked: { [hour]: [serial(2)] } }))
  const [first = '', second = ''] = (store.texts.get('bundles') ?? '').split('\n')
  const reopened = async (text: string): Promise<string> => codeOf(() => open(w, { store: { ...store, get: async () => text } }))
  assert.equal(await reopened(`${first}\n${second}`), '')
  assert.equal(await reopened(''), '')
  assert.equal(await reopened(`${second}\n${first}`), 'bundle-trust-missing')
  assert.equal(await reopened(`${first}\n${second.slice(0, -4)}AAAA`), 'bundle-signature-invalid')
  assert.equal(await reopened(`${first}\n!`), 'file-unreadable')
  assert.equal(await codeOf(() => open(w, { store, now: () => (now - 3600) * 1000 })), 'bundle-from-future', 'a clock that was set back')
  const c = await open(w)
  await assert.rejects(c.restore([...b.kept(), Buffer.from('x')]), { code: 'bundle-malformed' })
  assert.ok(c.revoked()?.has(serial(2)), 'those before the fault are known')

  const folder = await mkdtemp(join(tmpdir(), 'showcard-bundles-'))
  try {
    const files = new FileStore(folder)
    await (await open(w, { store: files })).restore(b.kept())
    assert.ok((await open(w, { store: files })).revoked()?.has(serial(2)))
    assert.equal((await readdir(folder)).length, 1)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('when the key of status lists is frozen, or gone, what it said is forgotten', async () => {
  const w = await house()
  const next = renamed(w.other, 'next')
  const domain = (keys: unknown[]): Record<string, unknown> => ({ domains: [{ ...(listPayload({ issuer: next, status: w.status }).domains[0] as object), status_keys: keys }] })
  const gone = {
    'frozen': domain([dated(w.status, { frozen: true }), dated(next)]),
    'gone': domain([dated(next)]),
    'another under its name': domain([dated(renamed(await testKey('holder-sm2'), w.status.kid)), dated(next)]),
    'ended before': domain([dated(w.status, { not_after: now - 1 }), dated(next)]),
  }
  for (const [what, keys] of Object.entries(gone)) {
    const b = await open(w)
    await b.take(await w.bundle({ trust: { list: await w.list() }, head: 2, revoked: { [hour]: [serial(1)] } }))
    const trust = { list: await w.list(4, keys) }
    const before = await known(b)
    assert.equal(await codeOf(async () => b.take(await w.bundle({ trust, from: 2, head: 3 }, next))), 'bundle-gap', what)
    assert.deepEqual(await known(b), { ...(before as object), wants: { roots: 1, statuses: 'none' } }, what)
    assert.equal(await codeOf(async () => b.take(await w.bundle({ trust, head: 9 }))), what === 'another under its name' ? 'bundle-signature-invalid' : 'bundle-wrong-signer', what)
    // A thief with the key could have said any date and any number: they bind nobody.
    await b.take(await w.bundle({ iat: now - 50, trust, head: 1, revoked: { [hour]: [serial(2)] } }, next))
    assert.deepEqual([b.asOf?.getTime(), b.kept().length, b.revoked()?.has(serial(1)), b.revoked()?.has(serial(2))], [(now - 50) * 1000, 1, false, true], what)
    const again = await open(w)
    await again.restore(b.kept())
    assert.deepEqual(await known(again), await known(b))
  }
})

test('roots are followed, and a bundle that needs newer roots than the pinned ones does not stand alone', async () => {
  const w = await house()
  const pinned = await TrustRoots.pin(w.roots)
  const holders = (await Promise.all(['holder-sm2', 'stranger-sm2'].map(testKey))) as [TestKey, TestKey]
  const second = await rootsDocument({ version: 2, keys: holders, signers: [w.other] }, holders)
  assert.equal((await pinned.next(second, now * 1000)).version, 2)
  const payload = (version: number): object => listPayload({ issuer: w.signer, status: w.status }, { version })
  const list = (version: number): Promise<string> => jws(w.other, { typ: 'trustlist+jwt' }, payload(version))
  const b = await open(w)
  await b.take(await w.bundle({ trust: { list: await w.list() } }))
  assert.equal(await codeOf(async () => b.take(await w.bundle({ trust: { list: await list(4) } }))), 'trust-list-invalid', 'by a signer that only newer roots name')
  await b.take(await w.bundle({ trust: { roots: [second], list: await list(4) } }))
  assert.deepEqual([b.kept().length, b.wants().roots], [1, 2], 'whole')
  await b.take(await w.bundle({ trust: { list: await list(5) } }))
  assert.equal(b.kept().length, 2, 'all is in it but the roots')
  const early = await open(w)
  await early.restore(b.kept())
  assert.deepEqual(await known(early), await known(b))
  await b.take(await w.bundle({ trust: { roots: [second], list: await list(6) } }))
  assert.equal(b.kept().length, 1, 'roots that are known already are stepped over')
  assert.equal(await codeOf(async () => b.take(await w.bundle({ trust: { list: await w.list(7) } }))), 'trust-list-invalid', 'nobody leads back to the old signer')
  const again = await open(w)
  await again.restore(b.kept())
  assert.deepEqual(await known(again), await known(b))
})

test('what is new is asked for, once for all who want it, and all of it after a gap', async () => {
  const w = await house()
  const asked: BundleRequest[] = []
  const list = await w.list()
  let answer = (wants: BundleRequest): Promise<Uint8Array> => w.bundle(wants.list ? { from: wants.serials ?? 0, head: 3 } : { trust: { list }, head: 2 })
  const client = { offlineBundle: (wants: BundleRequest) => (asked.push(wants), answer(wants)) }
  const b = await open(w, { client })
  await Promise.all([b.renew(), b.renew(), b.renew()])
  await b.renew()
  assert.deepEqual(asked, [{ roots: 1, statuses: 'none' }, { roots: 1, list: 3, statuses: 'none', serials: 2 }])
  asked.length = 0
  answer = (wants) => w.bundle(wants.list ? { from: 9, head: 9 } : { trust: { list }, head: 9, revoked: { [hour]: [serial(5)] } })
  await b.renew()
  assert.deepEqual(asked.map((a) => a.list), [3, undefined])
  assert.ok(b.revoked()?.has(serial(5)))
  asked.length = 0
  answer = () => w.bundle({ from: 10, head: 10 })
  assert.equal(await codeOf(() => b.renew()), 'bundle-gap')
  assert.equal(asked.length, 2)
  answer = () => Promise.reject(new Error('away'))
  await assert.rejects(b.renew(), /away/)
  assert.ok(b.revoked()?.has(serial(5)), 'what was known is known still')
  const off = new AbortController()
  off.abort(new Error('called off'))
  await assert.rejects(b.renew({ signal: off.signal }), /called off/)

  // A chain that grew long is asked for anew.
  answer = (wants) => w.bundle(wants.list ? { from: 9, head: 9 } : { trust: { list }, head: 9 })
  for (let n = 0; n < 64; n++) await b.renew()
  assert.equal(b.kept().length, 64)
  await b.renew()
  assert.deepEqual([asked.at(-1)?.list, b.kept().length], [undefined, 1])

  // Taken at the same time, they are judged one after the other.
  const many = await Promise.all([1, 2, 3].map(async (n) => w.bundle({ iat: now + n, from: 9, head: 9 + n, revoked: { [hour]: [serial(n)] } })))
  await Promise.all(many.map((data) => b.take(data)))
  assert.deepEqual([1, 2, 3].map((n) => b.revoked()?.has(serial(n))), [true, true, true])
  const scratch = Buffer.from(many[2] ?? '')
  const taking = b.take(scratch)
  scratch.fill(0)
  await taking
})

test('an offline checker and a verifier stand on bundles', async () => {
  const v = readJson<{ issuer: PublicJwk; code: string; audiences: string[]; now: number }>('testdata/vectors/sdcwt/sm/good-identity.json')
  const w = await house('es256')
  const issuer = await testKey('issuer-sm2')
  assert.equal(v.now, now)
  const payload = listPayload({ issuer, status: w.status })
  const list = await w.list(3, { issuers: [{ ...(payload.issuers[0] as object), keys: [dated(issuer, { not_before: now - 3 * 86400 })] }] })
  let at = now * 1000
  const b = await open(w, { statuses: true, now: () => at })
  const check = async (more: object = {}): Promise<string> => {
    const r = await new OfflineChecker({ trust: b, revoked: () => b.revoked(), now: () => at, ...more }).check(v.code, { audiences: v.audiences })
    return [r.outcome, ...r.reasons].join()
  }
  assert.equal(await check(), 'indeterminate,trust-list-unavailable')
  await b.take(await w.bundle({ trust: { list }, lists: { 1: { seq: 1, size: 8, sets: { 1: [6] } } } }))
  assert.equal(await check(), 'valid')
  at += 30_000
  assert.equal(await check({ maxRevokedAge: 29 }), 'indeterminate,status-stale')
  assert.equal(await codeOf(() => check({ maxRevokedAge: 86_401 })), 'config-invalid')
  const code = parseCode(v.code)
  assert.ok(code.kind === 'offline')
  await b.take(await w.bundle({ iat: now + 30, from: 0, head: 1, revoked: { [hour]: [parseOffline(code.token).serial] } }))
  assert.equal(await check(), 'invalid,offline-revoked')
  at += 20_000
  assert.equal(await check({ maxRevokedAge: 19 }), 'invalid,offline-revoked', 'believed at any age')

  // A certificate that is presented whole: half a day later its status is known still, and a day later it is not.
  const holder = await testKey('holder-sm2')
  const shown = async (idx: number, name = '1', seconds = 0): Promise<string> => {
    at = (now + seconds) * 1000
    const status = { status_list: { idx, uri: `${base}/status/${name}` } }
    const text = await presentation(issuer, holder, { iat: now + seconds, claims: { status, exp: now + 3 * 86400, region: '430102' } })
    const r = await new Verifier({ trust: b, status: b, now: () => at }).verify(text, { audience: 'bank-1', nonce: 'n-1' })
    return [r.outcome, ...r.reasons, r.status.source ?? '-'].join()
  }
  assert.equal(await shown(5), 'valid,bundle')
  assert.equal(await shown(6), 'invalid,certificate-ended,bundle')
  assert.equal(await shown(8), 'invalid,status-index-out-of-range,-')
  assert.equal(await shown(5, '2'), 'indeterminate,bundle-list-missing,-')
  assert.equal(await shown(5, '1', 43_200), 'valid,bundle')
  assert.equal(await shown(5, '1', 86_399), 'valid,bundle')
  assert.equal(await shown(5, '1', 86_400), 'indeterminate,trust-list-stale,-')
  await b.take(await w.bundle({ iat: now + 86_400, trust: { list: await w.list(4, { exp: now + 9 * 86400 }) }, from: 1, head: 1 }))
  assert.equal(await shown(5, '1', 86_401), 'indeterminate,status-stale,bundle', 'the list stays as of the bundle that had it')
})
