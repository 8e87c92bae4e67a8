import assert from 'node:assert/strict'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Client, type OfflineReport, type Pending, Problem, portraitMatches } from '../src/index.js'
import { parseJws, verifyJws } from '../src/jws.js'
import { sm3 } from '../src/hash.js'
import { textOf } from '../src/json.js'
import { keyOf, testKey } from './support.js'

interface Seen {
  method: string
  path: string
  key: string | undefined
  accept: string | undefined
  body: string
}

interface Desk {
  client: Client
  seen: Seen[]
  tokens: string[]
}

type Answer = (request: Seen, response: ServerResponse, n: number) => void

/** A server of the test's own that gives tokens, and answers everything else as the test says. */
async function desk(t: TestContext, answer: Answer, o: { profile?: string; life?: number; attempts?: number; token?: Answer } = {}): Promise<Desk> {
  const seen: Seen[] = []
  const tokens: string[] = []
  const server: Server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let body = ''
    request.setEncoding('utf8').on('data', (d: string) => (body += d)).on('end', () => {
      const one = { method: request.method ?? '', path: request.url ?? '', key: request.headers['idempotency-key'] as string | undefined, accept: request.headers.accept, body }
      if (one.path === '/oauth/token') {
        tokens.push(new URLSearchParams(body).get('client_assertion') ?? '')
        if (o.token) return o.token(one, response, tokens.length)
        return send(response, 200, { access_token: `t${tokens.length}`, token_type: 'Bearer', expires_in: o.life ?? 600 })
      }
      assert.match(request.headers.authorization ?? '', /^Bearer t\d+$/)
      seen.push(one)
      answer(one, response, seen.length)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => { server.closeAllConnections(); server.close() })
  const key = await testKey(`issuer-${o.profile ?? 'sm2'}`)
  return { seen, tokens, client: new Client({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clientId: 'bank-1', key, timeout: 5000, attempts: o.attempts ?? 6 }) }
}

function send(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json', ...headers })
  response.end(JSON.stringify(value))
}

const answer = { id: 'v-1', outcome: 'valid', reasons: [], checked_at: '2026-11-22T01:28:17Z', purpose: 'p', claims: { name: '张示例' }, of_tomorrow: 1 }
const request = { code: 'SC1…', purpose: 'account-opening' }

for (const profile of ['sm2', 'es256']) {
  test(`a client proves who it is with its key: ${profile}`, async (t) => {
    const d = await desk(t, (_, r) => send(r, 200, answer), { profile })
    await Promise.all(Array.from({ length: 5 }, () => d.client.verify(request)))
    await d.client.verify(request)
    assert.equal(d.tokens.length, 1, 'one request for a token, however many wait')
    const jws = parseJws(d.tokens[0] ?? '', 'client-authentication+jwt')
    await verifyJws(jws, keyOf(await testKey(`issuer-${profile}`)))
    assert.equal(textOf(jws.payload.members.get('iss')), 'bank-1')
    assert.equal(textOf(jws.payload.members.get('sub')), 'bank-1')
    assert.match(textOf(jws.payload.members.get('aud')) ?? '', /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal(new Set(d.seen.map((s) => s.key)).size, 6, 'each check has a key of its own')
    assert.ok(d.seen.every((s) => /^[\w-]{22}$/.test(s.key ?? '')))
  })
}

test('a token is asked for again when it ends, and when the server does not take it any more', async (t) => {
  const d = await desk(t, (_, r, n) => (n === 2 ? send(r, 401, { code: 'token-invalid' }) : send(r, 200, answer)), { life: 600 })
  await d.client.verify(request)
  await d.client.verify(request)
  assert.equal(d.tokens.length, 2)
  assert.equal(d.seen.length, 3)
  const short = await desk(t, (_, r) => send(r, 200, answer), { life: 0 })
  await short.client.verify(request)
  await short.client.verify(request)
  assert.equal(short.tokens.length, 2)
})

test('what may go away is tried again, with the same key and the same body', async (t) => {
  const d = await desk(t, (_, r, n) => {
    if (n === 1) r.destroy()
    else if (n === 2) send(r, 503, { code: 'overloaded' }, { 'retry-after': '0' })
    else if (n === 3) send(r, 429, { code: 'rate-limited' }, { 'retry-after': '1' })
    else if (n === 4) { r.writeHead(502, { 'content-type': 'text/html' }); r.end('<h1>Bad gateway</h1>') }
    else send(r, 200, answer)
  })
  const began = performance.now()
  const got = await d.client.verify({ ...request, receipt: true, clerkCompared: true })
  assert.equal(got.outcome, 'valid')
  assert.ok(performance.now() - began > 1000, 'waits as long as it is asked to')
  assert.equal(d.seen.length, 5)
  assert.equal(new Set(d.seen.map((s) => `${s.key} ${s.body}`)).size, 1)
  assert.deepEqual(JSON.parse(d.seen[0]?.body ?? ''), { ...request, receipt: true, clerk_compared: true })
  await d.client.verify(request, { idempotencyKey: 'mine' })
  assert.equal(d.seen[5]?.key, 'mine')
})

test('a refusal is one kind of error, with its sentences, and is not tried again', async (t) => {
  const problem = { type: 'https://x/problems/code-truncated', title: 'The code was not read completely.', title_zh: '码没有读全。', status: 422, code: 'code-truncated',
    next: { zh: '请对准后重新扫码。', en: 'Aim again and rescan.' }, detail: 'd', request_id: 'R1', errors: [{ pointer: '/code', code: 'code-truncated', detail: 'x' }] }
  const d = await desk(t, (_, r, n) => {
    if (n === 1) send(r, 422, problem)
    else if (n === 2) send(r, 418, { code: 'of-tomorrow' })
    else if (n === 3) send(r, 500, 'x', { 'x-request-id': 'R3' })
    else if (n === 4) { r.writeHead(302, { location: 'https://evil.example/' }); r.end() }
    else if (n === 5) send(r, 200, [])
    else if (n === 6) { r.writeHead(200, { 'content-type': 'text/html' }); r.end('<html>') }
    else if (n === 7) { r.writeHead(200, { 'content-type': 'application/json' }); r.end('{"id":') }
    else send(r, 429, { code: 'day-quota-used' }, { 'retry-after': '86400' })
  })
  const next = (): Promise<Problem> => d.client.verify(request).then(() => assert.fail('a refusal'), (e: unknown) => (assert.ok(e instanceof Problem), e))
  const e = await next()
  assert.deepEqual([e.code, e.status, e.title, e.next, e.detail, e.requestId], ['code-truncated', 422, { zh: '码没有读全。', en: problem.title }, problem.next, 'd', 'R1'])
  assert.equal(e.errors[0]?.pointer, '/code')
  const unknown = await next()
  assert.deepEqual([unknown.code, unknown.status, unknown.title, unknown.next], ['of-tomorrow', 418, undefined, undefined])
  const broken = await next()
  assert.deepEqual([broken.code, broken.requestId], ['server-answer-malformed', 'R3'])
  for (const what of ['redirect', 'no object', 'a page', 'cut off']) assert.equal((await next()).code, 'server-answer-malformed', what)
  assert.deepEqual([(await next()).retryAfter, d.seen.length], [86400, 8], 'nobody waits a day')
})

test('a token endpoint that is busy is asked again, and not more often than anything else', async (t) => {
  const busy: Answer = (_, r, n) => (n < 3 ? send(r, 503, { code: 'registry-stale' }) : send(r, 200, { access_token: `t${n}`, expires_in: 600 }))
  const d = await desk(t, (_, r) => send(r, 200, answer), { token: busy })
  assert.equal((await d.client.verify(request)).outcome, 'valid')
  assert.deepEqual([d.tokens.length, new Set(d.tokens).size], [3, 3], 'an assertion is good once')
  const never = await desk(t, () => undefined, { token: (_, r) => send(r, 503, { code: 'registry-stale' }), attempts: 3 })
  await assert.rejects(never.client.verify(request), { code: 'registry-stale', status: 503 })
  assert.equal(never.tokens.length, 3)
})

test('the token endpoint refuses in its own form', async (t) => {
  const refuse: Answer = (_, r) => send(r, 401, { error: 'invalid_client', error_description: 'no', code: 'assertion-expired' }, { 'content-type': 'application/json' })
  const d = await desk(t, () => assert.fail('without a token'), { token: refuse })
  await assert.rejects(d.client.challenge(), { name: 'Problem', code: 'assertion-expired', status: 401, detail: 'no' })
})

test('a holder who is asked for more is waited for', async (t) => {
  const until = new Date(Date.now() + 45_000).toISOString()
  const pending = { id: 'v/9', state: 'pending', expires_at: until, asked: ['address'] }
  const d = await desk(t, (_, r, n) => (n < 3 ? send(r, 202, pending) : send(r, 200, answer)))
  const told: Pending[] = []
  const got = await d.client.verify({ ...request, fields: ['address'] }, { onPending: (p) => told.push(p) })
  assert.equal(got.outcome, 'valid')
  assert.deepEqual(told.map((p) => [p.id, p.asked, p.expiresAt.toISOString()]), [['v/9', ['address'], until]])
  assert.deepEqual(d.seen.map((s) => s.path), ['/v1/verifications', '/v1/verifications/v%2F9?wait=20', '/v1/verifications/v%2F9?wait=20'])
  const over = await desk(t, (_, r) => send(r, 202, { ...pending, expires_at: '2020-01-01T00:00:00Z' }))
  await assert.rejects(over.client.verify(request), { code: 'timed-out' })
})

test('facts, challenges, receipts and portraits', async (t) => {
  const image = Buffer.from('picture')
  const salt = Buffer.alloc(16, 5)
  const d = await desk(t, (s, r) => {
    if (s.path.endsWith('/portrait')) { r.writeHead(200, { 'content-type': 'image/jpeg', 'portrait-salt': salt.toString('base64url') }); r.end(image) }
    else if (s.path.endsWith('/receipt')) send(r, 200, { receipt: 'a.b.c', openings: { fields: { name: 's' } } })
    else if (s.path.endsWith('/challenges')) send(r, 200, { nonce: 'n', aud: 'bank-1', expires_at: 'x' })
    else send(r, 200, { ...answer, matches: { name: true } })
  })
  const facts = await d.client.checkFacts({ identifier: 'i', type: 'resident-id', claims: { name: '张示例' }, purpose: 'p' })
  assert.deepEqual(facts.matches, { name: true })
  assert.deepEqual(JSON.parse(d.seen[0]?.body ?? ''), { facts: { identifier: 'i', type: 'resident-id', claims: { name: '张示例' } }, purpose: 'p' })
  assert.equal((await d.client.challenge()).nonce, 'n')
  assert.equal(d.seen[1]?.body, '')
  assert.equal((await d.client.receipt('a b')).receipt, 'a.b.c')
  assert.equal(d.seen[2]?.path, '/v1/verifications/a%20b/receipt')
  const portrait = await d.client.portrait('x')
  assert.equal(portrait.mediaType, 'image/jpeg')
  const sum = Buffer.from(sm3(Buffer.concat([salt, image]))).toString('base64url')
  assert.ok(await portraitMatches(`sm3:${sum}`, portrait))
  for (const wrong of [`sha-256:${sum}`, `sm3:${sum.replace(/^./, 'A')}`, sum, undefined, 7]) assert.ok(!(await portraitMatches(wrong, portrait)))
})

test("the clerk's word", async (t) => {
  const d = await desk(t, (_, r, n) => {
    if (n === 1) send(r, 503, { code: 'overloaded' }, { 'retry-after': '0' })
    else if (n === 2) send(r, 200, { ...answer, outcome: 'invalid', person: { state: 'failed', reason: 'person-not-same', method: 'clerk' } })
    else send(r, 409, { code: 'person-recorded' })
  })
  const got = await d.client.person('v/1', false)
  assert.deepEqual([got.outcome, got.person.reason], ['invalid', 'person-not-same'])
  assert.deepEqual(d.seen.map((s) => [s.method, s.path, s.body]), Array(2).fill(['POST', '/v1/verifications/v%2F1/person', '{"same":false}']))
  await assert.rejects(d.client.person('v/1', true), { code: 'person-recorded', status: 409 })
  assert.equal(d.seen[2]?.body, '{"same":true}')
})

test('a bundle comes as it was signed', async (t) => {
  const media = 'application/showcard-bundle+cbor'
  const accepted: unknown[] = []
  const d = await desk(t, (s, r, n) => {
    if (n === 1) return send(r, 503, { code: 'overloaded' }, { 'retry-after': '0' })
    accepted.push(s.accept)
    r.writeHead(200, { 'content-type': n < 4 ? media : 'application/json' })
    r.end(n === 3 ? Buffer.alloc((8 << 20) + 1) : Buffer.of(0xd2, 0x84))
  }, { attempts: 2 })
  assert.deepEqual(await d.client.offlineBundle({ list: 3, statuses: 'none' }), Uint8Array.of(0xd2, 0x84))
  assert.deepEqual(d.seen.map((s) => [s.method, s.path, s.key, s.body]), Array(2).fill(['POST', '/v1/offline/bundle', undefined, '{"list":3,"statuses":"none"}']))
  await assert.rejects(d.client.offlineBundle(), { code: 'server-answer-malformed' }, 'bounded')
  await assert.rejects(d.client.offlineBundle(), { code: 'server-answer-malformed' }, 'something else')
  assert.deepEqual(accepted, [media, media, media])
})

test('checks made without a network are reported in their order', async (t) => {
  const rows = [{ proof: '00', state: 'recorded', id: 'v', outcome: 'valid', reasons: [], conflicts: [] }, { state: 'refused', reasons: ['check-too-old'], conflicts: [] }]
  const d = await desk(t, (_, r, n) => (n === 1 ? r.destroy() : send(r, 200, n < 4 ? { checks: rows, retry_after: 3 } : {})))
  const at = new Date('2026-11-22T01:28:17.500Z')
  const report: OfflineReport = { code: 'SC2A', checkedAt: at, purpose: 'p', outcome: 'valid', reasons: [], bundleAsOf: at, nonce: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), personCompared: true }
  const bare: OfflineReport = { code: 'SC2B', checkedAt: at, purpose: 'p', outcome: 'invalid', reasons: ['code-replayed'] }
  assert.deepEqual(await d.client.settle([report, bare]), { checks: rows, retry_after: 3 })
  assert.equal(d.seen[0]?.body, d.seen[1]?.body, 'again when the answer was lost')
  assert.deepEqual([d.seen[1]?.path, JSON.parse(d.seen[1]?.body ?? '')], ['/v1/verifications/offline', { checks: [
    { code: 'SC2A', checked_at: at.toISOString(), purpose: 'p', outcome: 'valid', reasons: [], asked: { nonce: 'AQIDBAUGBwg' }, bundle_as_of: at.toISOString(), person_compared: true },
    { code: 'SC2B', checked_at: at.toISOString(), purpose: 'p', outcome: 'invalid', reasons: ['code-replayed'] },
  ] }])
  await assert.rejects(d.client.settle([bare]), { code: 'server-answer-malformed' }, 'more answers than checks')
  await assert.rejects(d.client.settle([bare]), { code: 'server-answer-malformed' }, 'no answers')
})

test('a call is called off, and a server that says nothing is given up', async (t) => {
  const d = await desk(t, () => undefined)
  const off = new AbortController()
  setTimeout(() => off.abort(new Error('enough')), 50)
  await assert.rejects(d.client.verify(request, { signal: off.signal }), { message: 'enough' })
  await assert.rejects(d.client.verify(request, { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' })
  const silent = await desk(t, (_, r) => send(r, 200, answer), { token: (_, r, n) => void setTimeout(() => send(r, 200, { access_token: `t${n}`, expires_in: 600 }), 300) })
  const others = silent.client.verify(request)
  await assert.rejects(silent.client.verify(request, { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
  assert.equal((await others).outcome, 'valid', 'who is called off does not take the others with her')
  assert.equal(silent.tokens.length, 1)
})

test('where a token may not go, no client is made', async () => {
  const key = await testKey('issuer-es256')
  for (const baseUrl of ['http://cards.example.cn', 'https://cards.example.cn/api', 'ftp://localhost', 'cards.example.cn', 'https://u:p@cards.example.cn', '']) {
    assert.throws(() => new Client({ baseUrl, clientId: 'x', key }), { code: 'config-invalid' }, baseUrl)
  }
  const away = new Client({ baseUrl: 'http://127.0.0.1:1', clientId: 'x', key, attempts: 2 })
  await assert.rejects(away.challenge(), (e: unknown) => e instanceof Problem && e.code === 'server-unreachable' && e.status === 0 && e.passing && e.title?.en !== undefined)
})
