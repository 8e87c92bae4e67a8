import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type PublicKey, TrustList, Verifier } from '../src/index.js'
import { Fault } from '../src/errors.js'
import { parseJson } from '../src/json.js'
import { readList } from '../src/trust/read.js'
import { certificateKey } from '../src/x509.js'
import { listPayload, now, presentation } from './mint.js'
import { keyOf, seeded, testKey } from './support.js'

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const n = content.length
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

const oid = (hex: string): Buffer => der(6, Buffer.from(hex, 'hex'))

/** A certificate over a key, with a signature that nobody looks at: the trust list vouches for the key. */
function certificate(key: PublicKey, version = true): Buffer {
  const curve = key.algorithm === 'ES256' ? '2a8648ce3d030107' : '2a811ccf5501822d'
  const name = der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from('示例'.repeat(30))))))
  const spki = der(0x30, der(0x30, oid('2a8648ce3d0201'), oid(curve)), der(3, Buffer.of(0, 4), key.x, key.y))
  const dates = der(0x30, der(0x17, Buffer.from('260101000000Z')), der(0x17, Buffer.from('360101000000Z')))
  const algorithm = der(0x30, oid('2a811ccf55018375'))
  const tbs = der(0x30, ...(version ? [der(0xa0, der(2, Buffer.of(2)))] : []), der(2, Buffer.of(7)), algorithm, name, dates, name, spki)
  return der(0x30, tbs, algorithm, der(3, Buffer.alloc(70)))
}

for (const profile of ['sm2', 'es256']) {
  test(`an issuer that sends its certificate is judged by the key in it: ${profile}`, async () => {
    const [issuer, holder, stranger] = await Promise.all([testKey(`issuer-${profile}`), testKey(`holder-${profile}`), testKey(`stranger-${profile}`)])
    const key = keyOf(issuer)
    const node = parseJson(JSON.stringify(listPayload({ issuer, status: stranger })), 16)
    assert.ok(node.kind === 'object')
    const list = new TrustList(await readList(node))
    const verifier = new Verifier({ now: () => now * 1000, trust: { current: async () => list }, status: { status: async () => ({ status: 0, asOf: now * 1000, source: 'list' }) } })
    const verify = async (leaf: Buffer): Promise<string[]> =>
      (await verifier.verify(await presentation(issuer, holder, { header: { kid: 'of nobody', x5c: [leaf.toString('base64')] } }), { audience: 'bank-1', nonce: 'n-1' })).reasons
    assert.deepEqual(await verify(certificate(key)), [])
    assert.deepEqual(await verify(certificate(key, false)), [])
    assert.deepEqual(await verify(certificate(keyOf(stranger))), ['issuer-untrusted'])
    assert.deepEqual(await verify(Buffer.from('no certificate')), ['issuer-untrusted'])
    assert.deepEqual(await verify(Buffer.concat([certificate(key), Buffer.of(0)])), ['issuer-untrusted'])
  })

  test(`certificates of OpenSSL are read: ${profile}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'showcard-x509-'))
    try {
      const out = join(folder, 'c.der')
      const k = join(folder, 'k.pem')
      const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe' })
      openssl('genpkey', ...(profile === 'sm2' ? ['-algorithm', 'SM2'] : ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']), '-out', k)
      const sm = profile === 'sm2' ? ['-sm3', '-sigopt', 'distid:1234567812345678'] : []
      openssl('req', '-x509', '-key', k, ...sm, '-days', '2', '-subj', '/CN=test', '-outform', 'DER', '-out', out)
      const data = readFileSync(out)
      const key = certificateKey(data)
      assert.equal(key.algorithm, profile === 'sm2' ? 'SGD_SM3_SM2' : 'ES256')
      if (profile === 'es256') {
        const { x, y } = new X509Certificate(data).publicKey.export({ format: 'jwk' })
        assert.deepEqual([key.toJwk().x, key.toJwk().y], [x, y])
      }
      const random = seeded(41)
      for (let n = 0; n < 2000; n++) {
        const bad = Buffer.from(data.subarray(0, n % 3 === 0 ? random(data.length) : data.length))
        if (bad.length > 0) bad[random(bad.length)] = random(256)
        try {
          certificateKey(bad)
        } catch (e) {
          assert.ok(e instanceof Fault, String(e))
        }
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
