import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type BundleRequest, Bundles, Client, OfflineChecker, Problem, Refusal, RemoteStatus, RemoteTrust, Verifier, compareReceipt, offlineReport, portraitMatches, verifyReceipt } from '../src/index.js'
import { FileStore, readKeyFile } from '../src/node.js'
import { startDemo } from './demo.js'
import { Phone } from './phone.js'

for (const profile of ['sm2', 'es256'] as const) {
  test(`against a real deployment: ${profile}`, async (t) => {
    const demo = await startDemo(profile)
    const folder = await mkdtemp(join(tmpdir(), 'showcard-sdk-'))
    t.after(async () => { await demo.stop(); await rm(folder, { recursive: true }) })
    const client = async (id: string): Promise<Client> => new Client({ baseUrl: demo.baseUrl, clientId: id, key: await readKeyFile(join(demo.data, 'clients', `${id}.jwk`)) })
    const bank = await client('demo-bank')
    const pinnedRoots = readFileSync(join(demo.data, 'roots.json'), 'utf8')
    const store = new FileStore(join(folder, 'memory'))
    const trust = await RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, store })

    const department = await client('hunan-police')
    const call = async (path: string, body: unknown): Promise<Record<string, string>> => {
      const response = await fetch(demo.baseUrl + path, { method: 'POST', body: JSON.stringify(body), headers: {
        authorization: `Bearer ${await department.accessToken()}`, 'content-type': 'application/json', 'idempotency-key': randomUUID(),
      } })
      assert.ok(response.ok, await response.clone().text())
      return (await response.json()) as Record<string, string>
    }
    const row = readFileSync(new URL('../../../../testdata/push/hunan-police.ndjson', import.meta.url), 'utf8').split('\n').find((l) => l.includes('"GA-JSZ-0001"'))
    const issue = (key: string): Promise<Record<string, string>> => call('/v1/certificates', { ...(JSON.parse(row ?? '{}') as object), key })

    await t.test('a code is checked, its receipt holds, and the same code is spent', async () => {
      const code = await demo.show('person-01', 'resident-id', 'identity')
      const answer = await bank.verify({ code, purpose: 'account-opening', receipt: true })
      assert.equal(answer.outcome, 'valid', JSON.stringify(answer.reasons))
      assert.equal(answer.signature.algorithm, profile === 'sm2' ? 'SGD_SM3_SM2' : 'ES256')
      const receipt = await verifyReceipt(await trust.current(), answer.receipt ?? '')
      assert.equal(receipt.id, answer.id)
      assert.equal(receipt.party.id, 'demo-bank')
      const matches = await compareReceipt(receipt, { identifier: demo.identifier('person-01', 'resident-id'), values: answer.claims, openings: answer.openings })
      assert.ok(matches.length > 3 && matches.every((m) => m.match === 'matches'), JSON.stringify(matches))
      const later = await bank.receipt(answer.id)
      assert.equal((await verifyReceipt(await trust.current(), later.receipt)).id, answer.id)
      const portrait = await bank.portrait(answer.id)
      assert.ok(await portraitMatches(answer.claims?.['portrait_digest'], portrait))
      const again = await bank.verify({ code, purpose: 'account-opening' })
      assert.deepEqual([again.outcome, again.reasons.map((r) => r.code)], ['invalid', ['code-used']])
      assert.ok(again.reasons[0]?.title.zh)
    })

    await t.test('the same key gives the same answer', async () => {
      const code = await demo.show('person-02', 'resident-id', 'over-18')
      const [one, two] = await Promise.all([1, 2].map(() => bank.verify({ code, purpose: 'account-opening' }, { idempotencyKey: `k-${profile}` })))
      assert.equal(one?.outcome, 'valid')
      assert.equal(two?.id, one?.id)
    })

    await t.test('facts are compared and nothing is disclosed', async () => {
      const identifier = demo.identifier('person-01', 'resident-id')
      const shown = await bank.checkFacts({ identifier, type: 'resident-id', claims: { name: '无此人', over_18: true }, purpose: 'account-opening' })
      assert.equal(shown.outcome, 'invalid')
      assert.deepEqual(shown.matches, { name: false, over_18: true })
      assert.equal(shown.claims, undefined)
    })

    await t.test('what is refused comes as a problem', async () => {
      const refused = (run: Promise<unknown>): Promise<Problem> => run.then(() => assert.fail('refused'), (e: unknown) => (assert.ok(e instanceof Problem), e))
      const garbage = await refused(bank.verify({ code: '6901234567892', purpose: 'account-opening' }))
      assert.deepEqual([garbage.code, garbage.status], ['code-not-ours', 422])
      assert.ok(garbage.requestId && garbage.title?.zh && garbage.next?.en)
      assert.equal((await refused(bank.verify({ code: await demo.show('person-01', 'resident-id', 'identity'), purpose: 'traffic-inspection' }))).code, 'purpose-not-registered')
      assert.equal((await refused(bank.receipt('nothing'))).code, 'verification-unknown')
      const challenge = await bank.challenge()
      assert.equal(challenge.aud, 'demo-bank')
      const forged = await bank.verify({ presentation: 'a.b.c~', nonce: challenge.nonce, purpose: 'account-opening' })
      assert.deepEqual(forged.reasons.map((r) => r.code), ['presentation-malformed'])
      const stranger = new Client({ baseUrl: demo.baseUrl, clientId: 'nobody', key: await readKeyFile(join(demo.data, 'clients', 'demo-bank.jwk')) })
      assert.deepEqual([(await refused(stranger.challenge())).code, (await refused(stranger.challenge())).status], ['assertion-invalid', 401])
    })

    await t.test('an original is verified without asking, and its suspension shows in the signed list', async () => {
      const issued = await issue('SDK-0001')
      const verifier = (): Verifier => new Verifier({ trust, status: new RemoteStatus({ store }) })
      const good = await verifier().verify(issued['credential'] ?? '', { unbound: true })
      assert.deepEqual([good.outcome, good.reasons], ['valid', []])
      assert.equal(good.type, 'drivers-licence')
      assert.equal(good.status.source, 'list')
      assert.equal(good.issuer.name?.zh, '湖南省公安厅（演示）')
      await call(`/v1/certificates/${issued['identifier']}/suspend`, { reason: 'sdk' })
      let bad = good
      for (let n = 0; n < 100 && bad.outcome === 'valid'; n++) bad = await new Verifier({ trust, status: new RemoteStatus() }).verify(issued['credential'] ?? '', { unbound: true })
      assert.deepEqual([bad.outcome, bad.reasons], ['invalid', ['certificate-suspended']])
    })

    await t.test('a counter takes a bundle along and checks without a network', async () => {
      const licence = demo.identifier('person-01', 'drivers-licence')
      const phone = await Phone.register(demo, 'person-01')
      await phone.fill(licence, 'may-drive-c1', 2)
      const original = await issue('SDK-0002')
      let network = true
      const cable = { offlineBundle: (wants: BundleRequest) => (network ? bank.offlineBundle(wants) : Promise.reject(new Error('away'))) }
      const open = (): Promise<Bundles> => Bundles.open({ baseUrl: demo.baseUrl, pinnedRoots, client: cable, store, statuses: true })
      const bundles = await open()
      const checker = new OfflineChecker({ trust: bundles, revoked: () => bundles.revoked() })
      const check = async (n: number, by = checker): Promise<string> => {
        const r = await by.check(await phone.show(n, 'bank'), { audiences: ['any', 'bank'] })
        if (r.outcome === 'valid') assert.deepEqual(r.fields?.find((f) => f.name === 'may_drive_c1')?.value, true)
        return [r.outcome, ...r.reasons].join()
      }
      const verify = async (by: Bundles): Promise<string> => {
        const r = await new Verifier({ trust: by, status: by }).verify(original['credential'] ?? '', { unbound: true })
        return [r.outcome, ...r.reasons, r.status.source].join()
      }
      assert.equal(await check(0), 'indeterminate,trust-list-unavailable')
      await bundles.renew()
      assert.deepEqual([await check(0), await check(0), await verify(bundles)], ['valid', 'valid', 'valid,bundle'])

      const shown = await phone.show(0, 'any')
      const report = offlineReport(shown, await checker.check(shown, { audiences: ['any'] }), 'account-opening')
      const [settled] = (await bank.settle([report])).checks
      assert.deepEqual([settled?.state, settled?.outcome, settled?.reasons], ['recorded', 'valid', []])
      const [repeated] = (await bank.settle([report])).checks
      assert.deepEqual([repeated?.state, repeated?.id], ['repeated', settled?.id])

      network = false
      await call(`/v1/certificates/${licence}/suspend`, { reason: 'sdk' })
      await call(`/v1/certificates/${original['identifier']}/suspend`, { reason: 'sdk' })
      await assert.rejects(bundles.renew(), /away/)
      assert.deepEqual([await check(1), await verify(bundles)], ['valid', 'valid,bundle'], 'what happens meanwhile it cannot know')
      network = true
      await bundles.renew()
      const [first, second] = bundles.kept()
      assert.ok(first && second && second.length < 1000 && second.length < first.length / 4, `${first?.length} bytes, and ${second?.length}`)
      assert.deepEqual([await check(0), await verify(bundles)], ['invalid,offline-revoked', 'invalid,certificate-suspended,bundle'])

      // Switched off and on again, still without a network.
      network = false
      const again = await open()
      assert.deepEqual(again.asOf, bundles.asOf)
      const desk = new OfflineChecker({ trust: again, revoked: () => again.revoked() })
      assert.deepEqual([await check(1, desk), await verify(again)], ['invalid,offline-revoked', 'invalid,certificate-suspended,bundle'])
      await assert.rejects(again.take(first), { code: 'bundle-rolled-back' })
      await call(`/v1/certificates/${licence}/reinstate`, { reason: 'sdk' })
      await assert.rejects(department.offlineBundle(), { code: 'forbidden-role', status: 403 })
    })

    await t.test('what was kept serves while the network is away, and an older list is refused', async () => {
      const away = (): Promise<Response> => Promise.reject(new Error('away'))
      const kept = await RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, store, fetch: away })
      const list = await kept.current()
      assert.equal(list.version, (await trust.current()).version)
      assert.match(kept.error?.message ?? '', /away/)
      const fresh = await RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, fetch: away })
      await assert.rejects(fresh.current(), { code: 'trust-list-unavailable' })
      const memory = { get: async () => JSON.stringify({ trust_list_version: list.version + 1, roots_version: 1, roots: [], list: '' }), set: async () => undefined }
      const older = await RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, store: memory })
      await assert.rejects(older.current(), { code: 'trust-list-rolled-back' })
      const rotated = await RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, store: { ...memory, get: async () => JSON.stringify({ trust_list_version: 1, roots_version: 2, roots: [], list: '' }) } })
      await assert.rejects(rotated.current(), Refusal)
      await assert.rejects(RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, store: { ...memory, get: async () => '{}' } }), { code: 'file-unreadable' })
      const late = await RemoteTrust.open({ baseUrl: demo.baseUrl, pinnedRoots, store, fetch: away, now: () => Date.now() + 25 * 3600_000 })
      await assert.rejects(late.current(), Refusal)
      assert.ok((await readdir(join(folder, 'memory'))).length >= 2)
    })

    await t.test('a key that others may read is refused', async () => {
      const path = join(folder, 'open.jwk')
      await writeFile(path, readFileSync(join(demo.data, 'clients', 'demo-bank.jwk')), { mode: 0o644 })
      await assert.rejects(readKeyFile(path), { code: 'keystore-insecure-permissions' })
    })
  })
}
