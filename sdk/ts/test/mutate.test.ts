import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal, TrustList, TrustRoots, parseCode, parseStatusList, verifyPresentation, verifyReceipt } from '../src/index.js'
import { parseJson } from '../src/json.js'
import { readList } from '../src/trust/read.js'
import { base, jws, listPayload, now, presentation, renamed, rootsDocument, statusList } from './mint.js'
import { keyOf, seeded, testKey } from './support.js'

/** Changes a text in one place, somehow. */
function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length)
  const other = text.length > 0 ? text.charAt(random(text.length)) : ''
  switch (random(8)) {
    case 0: return text.slice(0, at) + text.slice(at + 1)
    case 1: return text.slice(0, at) + other + text.slice(at)
    case 2: return text.slice(0, at)
    case 3: return text + text.slice(at)
    case 4: return text.slice(0, at) + '~.=\n\u0000é"{'.charAt(random(8)) + text.slice(at + 1)
    case 5: return text.split('~').sort(() => random(3) - 1).join('~')
    case 6: return text.slice(0, at) + text.slice(at, at + 40) + text.slice(at)
    default: return text.slice(0, at) + other + text.slice(at + 1)
  }
}

/** Nothing that was changed is accepted, and nothing is thrown but a refusal with a code. */
async function hold(good: string, seed: number, rounds: number, check: (text: string) => Promise<unknown>): Promise<void> {
  await check(good)
  const random = seeded(seed)
  for (let n = 0; n < rounds; n++) {
    const text = mutate(good, random)
    if (text === good) continue
    try {
      await check(text)
    } catch (e) {
      assert.ok(e instanceof Refusal, `round ${n}: ${String(e instanceof Error ? e.stack : e)}`)
      assert.match(e.code, /^[a-z][a-z0-9-]+$/)
      continue
    }
    assert.fail(`round ${n} was accepted: ${text}`)
  }
}

for (const profile of ['sm2', 'es256']) {
  test(`mutated documents are refused, and nothing crashes: ${profile}`, async (t) => {
    const [issuer, holder, stranger] = await Promise.all([testKey(`issuer-${profile}`), testKey(`holder-${profile}`), testKey(`stranger-${profile}`)])
    const key = keyOf(issuer)
    await t.test('presentation', async () => {
      const text = await presentation(issuer, holder, { disclosed: { name: '张示例', a: { b: [1, 2.5, null] } } })
      await hold(text, 11, 400, (x) => verifyPresentation(x, { issuer: key, now: now * 1000, binding: { audience: 'bank-1', nonce: 'n-1' } }))
    })
    await t.test('roots and trust list', async () => {
      const roots = await rootsDocument({ keys: [issuer, renamed(holder, 'b')], signers: [stranger] }, [issuer, renamed(holder, 'b')])
      await hold(roots, 12, 200, (x) => TrustRoots.pin(x))
      const pinned = await TrustRoots.pin(roots)
      const list = await jws(stranger, { typ: 'trustlist+jwt' }, listPayload({ issuer, status: holder }))
      await hold(list, 13, 250, (x) => pinned.verify(x, now * 1000))
    })
    await t.test('status list', async () => {
      const text = await statusList(issuer, { 7: 1 })
      await hold(text, 14, 250, async (x) => parseStatusList(x).verify(key, `${base}/status/1`, now * 1000))
    })
    await t.test('receipt', async () => {
      const payload = parseJson(JSON.stringify(listPayload({ issuer, status: stranger, receipts: holder })), 16)
      assert.ok(payload.kind === 'object')
      const list = new TrustList(await readList(payload))
      const text = await jws(holder, { typ: 'receipt+jwt' }, {
        iss: base, jti: 'v', iat: now, checked_at: now, party: { id: 'b', name: { zh: '行', en: 'B' } }, client: 'b', purpose: 'p', via: 'code', outcome: 'valid', reasons: [], hash: 'sm3', fields: [],
      })
      await hold(text, 15, 250, (x) => verifyReceipt(list, x, now * 1000))
    })
  })
}

test('whatever a scanner types is read or refused, and reading it again says the same', () => {
  const random = seeded(21)
  const seeds = ['SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47', 'SC2MZXW6YTBOI', 'HTTPS://A.EXAMPLE/S/SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47']
  for (let n = 0; n < 3000; n++) {
    const text = mutate(mutate(seeds[n % 3] ?? '', random), random)
    try {
      const code = parseCode(text)
      assert.deepEqual(parseCode(code.text), code)
    } catch (e) {
      assert.ok(e instanceof Refusal && e.code.startsWith('code-'), text)
    }
  }
})
