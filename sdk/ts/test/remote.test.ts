import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Domain, type Fetch, RemoteStatus, RemoteTrust, type Store } from '../src/index.js'
import { type TestKey, base, dated, jws, listPayload, now, renamed, rootsDocument, statusList } from './mint.js'
import { codeOf, keyOf, testKey } from './support.js'

/** A deployment of the test's own: what it serves by path; a function answers as it likes; what is not there is 404. */
interface Deployment {
  pages: Map<string, string | ((response: ServerResponse) => void)>
  asked: string[]
  fetch: Fetch
}

async function deployment(t: TestContext): Promise<Deployment> {
  const pages: Deployment['pages'] = new Map()
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const page = pages.get(request.url ?? '')
    if (typeof page === 'function') page(response)
    else response.writeHead(page === undefined ? 404 : 200).end(page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => { server.closeAllConnections(); server.close() })
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { pages, asked, fetch: (url, init) => fetch(url.replace(base, local), init) }
}

function memory(): Store & { texts: Map<string, string> } {
  const texts = new Map<string, string>()
  return { texts, get: async (name) => texts.get(name), set: async (name, text) => void texts.set(name, text) }
}

async function keys(): Promise<Record<'a' | 'b' | 'c' | 'one' | 'two' | 'status', TestKey>> {
  const all = await Promise.all(['issuer', 'holder', 'stranger'].flatMap((n) => [`${n}-sm2`, `${n}-es256`]).map(testKey))
  const [a, b, c, one, two, status] = ['root-1', 'root-2', 'root-3', 'signer-1', 'signer-2', 'status'].map((kid, i) => renamed(all[i] as TestKey, kid))
  return { a, b, c, one, two, status } as Record<'a' | 'b' | 'c' | 'one' | 'two' | 'status', TestKey>
}

const path = '/v1/trust-list'
const rootsAt = (version: number): string => `${path}/roots?version=${version}`

test('a list is followed through a change of roots, and nobody leads back', async (t) => {
  const k = await keys()
  const d = await deployment(t)
  const first = await rootsDocument({ keys: [k.a, k.b, k.c], signers: [k.one] }, [k.a, k.b])
  const second = await rootsDocument({ version: 2, keys: [k.a, k.b, k.c], signers: [k.two] }, [k.a, k.c])
  const list = (version: number, by: TestKey, more: object = {}): Promise<string> =>
    jws(by, { typ: 'trustlist+jwt' }, listPayload({ issuer: k.c, status: k.status }, { version, ...more }))
  let at = now * 1000
  const store = memory()
  const open = (kept: Store = store): Promise<RemoteTrust> => RemoteTrust.open({ baseUrl: `${base}/`, pinnedRoots: first, store: kept, fetch: d.fetch, now: () => at })

  d.pages.set(path, await list(5, k.one))
  const trust = await open()
  assert.equal((await trust.current()).version, 5)
  assert.equal((await trust.current()).version, 5)
  assert.equal(d.asked.filter((p) => p === path).length, 1, 'asked for once a minute')

  // The next list is signed by a key that only newer roots name.
  d.pages.set(path, await list(6, k.two))
  at += 61_000
  assert.equal((await trust.current()).version, 5, 'the last good list goes on')
  assert.equal((trust.error as { code?: string } | undefined)?.code, 'trust-list-invalid')
  d.pages.set(rootsAt(2), second)
  at += 2000
  assert.equal((await trust.current()).version, 6)
  assert.equal(trust.error, undefined)

  // A list by the key that the new roots dropped counts no more, whatever its version; nor does an older one.
  for (const [text, code] of [[await list(7, k.one), 'trust-list-invalid'], [await list(5, k.two), 'trust-list-rolled-back'], ['<html>', 'trust-list-invalid']] as const) {
    d.pages.set(path, text)
    at += 61_000
    assert.equal((await trust.current()).version, 6)
    assert.equal((trust.error as { code?: string } | undefined)?.code, code)
  }

  // After a restart the store leads from the pinned roots to the new ones, without a network; and nobody leads back to the old.
  d.pages.clear()
  const again = await open()
  assert.equal((await again.current()).version, 6)
  const forgetful: Store = { ...memory(), get: async () => JSON.stringify({ trust_list_version: 5, roots_version: 2, roots: [], list: '' }) }
  d.pages.set(path, await list(8, k.one))
  assert.equal(await codeOf(async () => (await open(forgetful)).current()), 'trust-list-rolled-back', 'newer roots were seen')
  at = (now + 2 * 86400) * 1000
  assert.equal(await codeOf(() => again.current()), 'trust-list-stale')
})

test('what a server may not do with a list', async (t) => {
  const k = await keys()
  const d = await deployment(t)
  const pinnedRoots = await rootsDocument({ keys: [k.a, k.b, k.c], signers: [k.one] }, [k.a, k.b])
  const ask = async (page: string | ((response: ServerResponse) => void)): Promise<string> => {
    d.pages.set(path, page)
    return codeOf(async () => (await RemoteTrust.open({ baseUrl: base, pinnedRoots, fetch: d.fetch, now: () => now * 1000 })).current())
  }
  assert.equal(await ask((r) => r.writeHead(302, { location: '/elsewhere' }).end()), 'trust-list-unavailable')
  assert.equal(await ask((r) => r.writeHead(500).end()), 'trust-list-unavailable')
  assert.equal(await ask((r) => r.destroy()), 'trust-list-unavailable')
  assert.equal(await ask((r) => r.end(Buffer.alloc(17 << 20, 'a'))), 'trust-list-unavailable', 'bounded')
  assert.equal(await ask((r) => r.end(Buffer.of(0xff))), 'trust-list-unavailable')
  assert.equal(await ask(''), 'trust-list-invalid')
})

test('a status list is kept for its ttl, and asked about its key each time', async (t) => {
  const k = await keys()
  const d = await deployment(t)
  const uri = `${base}/status/1`
  let at = now * 1000
  const store = memory()
  const open = (): RemoteStatus => new RemoteStatus({ store, fetch: d.fetch, now: () => at })
  const home = (more: object = {}): Domain => {
    const { not_before: notBefore } = dated(k.status) as { not_before: number }
    const key = { key: keyOf(k.status), kid: k.status.kid, notBefore, frozen: false, ...more }
    return { code: 'HN01', name: { zh: '', en: '' }, baseUrl: base, statusPrefix: `${base}/status/`, statusKeys: [key], serviceKeys: [] }
  }
  const status = open()
  d.pages.set('/status/1', await statusList(k.status, { 7: 2 }))
  assert.deepEqual(await status.status({ idx: 7, uri }, home()), { status: 2, asOf: (now - 10) * 1000, source: 'list', maxAge: 120 })
  assert.equal((await status.status({ idx: 8, uri }, home())).status, 0)
  assert.equal(d.asked.length, 1)
  assert.equal(await codeOf(() => status.status({ idx: 1024, uri }, home())), 'status-index-out-of-range')

  at += 61_000
  d.pages.set('/status/1', await statusList(k.status, {}, { iat: now - 20 }))
  assert.equal((await status.status({ idx: 7, uri }, home())).status, 2, 'an older list is not taken')
  d.pages.set('/status/1', await statusList(k.status, { 7: 1 }, { iat: now + 60 }))
  at += 2000
  const many = await Promise.all([1, 2, 3].map(() => status.status({ idx: 7, uri }, home())))
  assert.deepEqual(many.map((a) => a.status), [1, 1, 1])
  assert.equal(d.asked.length, 3, 'one request, however many wait')

  // Without a network: what was kept, also after a restart, until the list expires.
  d.pages.clear()
  assert.equal((await open().status({ idx: 7, uri }, home())).status, 1)
  const kept = open()
  assert.equal((await kept.status({ idx: 9, uri }, home())).status, 0)
  at = (now + 3600) * 1000
  assert.equal(await codeOf(() => kept.status({ idx: 9, uri }, home())), 'status-stale')
  assert.equal((await kept.status({ idx: 7, uri }, home())).status, 1, 'a bad status is believed at any age')
  assert.equal(await codeOf(() => open().status({ idx: 7, uri }, home())), 'status-unavailable')

  // Keys that were frozen since, swapped, or of a stranger.
  assert.equal(await codeOf(() => kept.status({ idx: 7, uri }, home({ frozen: true }))), 'status-list-wrong-signer')
  at = now * 1000
  d.pages.set('/status/1', await statusList(k.status))
  assert.equal((await open().status({ idx: 7, uri }, home())).status, 1, 'nor is one that is older than what an earlier program saw')
  store.texts.clear()
  const fresh = open()
  assert.equal((await fresh.status({ idx: 7, uri }, home())).status, 0)
  assert.equal(await codeOf(() => fresh.status({ idx: 7, uri }, home({ key: keyOf(k.one) }))), 'status-list-wrong-signer')
  store.texts.clear()
  assert.equal(await codeOf(() => open().status({ idx: 7, uri }, { ...home(), statusKeys: [] })), 'status-list-wrong-signer')
  d.pages.set('/status/1', 'x')
  assert.equal(await codeOf(() => open().status({ idx: 7, uri }, home())), 'status-list-invalid')
})
