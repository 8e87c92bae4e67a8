/** Makes signed documents for the tests, by the formats and not by the code that reads them. */
import { createHash, randomBytes } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import type { Signer } from '../src/index.js'
import { sm3 } from '../src/hash.js'
import { publicJwk, type testKey } from './support.js'

export type TestKey = Awaited<ReturnType<typeof testKey>>

const b64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64url')

export async function jws(signer: Signer, header: object, payload: unknown): Promise<string> {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const signed = `${b64(JSON.stringify({ alg: signer.algorithm, kid: signer.kid, ...header }))}.${b64(body)}`
  return `${signed}.${b64(await signer.sign(Buffer.from(signed)))}`
}

export const base = 'https://cards.example.cn'
export const now = 1_800_000_000

export const sum = (alg: 'sm3' | 'sha-256', data: string | Uint8Array): string =>
  b64(alg === 'sm3' ? sm3(Buffer.from(data)) : createHash('sha256').update(data).digest())

export interface CertificateOptions {
  readonly claims?: Record<string, unknown>
  readonly disclosed?: Record<string, unknown>
  readonly header?: object
  readonly nonce?: string
  readonly aud?: string
  readonly iat?: number
}

/** A certificate of `holder` by `issuer`, shown. Without a holder it is an original. */
export async function presentation(issuer: TestKey, holder: TestKey | undefined, o: CertificateOptions = {}): Promise<string> {
  const alg = issuer.algorithm === 'ES256' ? 'sha-256' : 'sm3'
  const disclosures = Object.entries(o.disclosed ?? { name: '张示例', id_number: '430102198803129911' })
    .map(([name, value]) => b64(JSON.stringify([b64(randomBytes(16)), name, value])))
  const claims = {
    iss: `${base}/issuers/police`, vct: `${base}/types/resident-id/1`, region: '430102', iat: now - 86400, nbf: now - 86400, exp: now + 86400,
    status: { status_list: { idx: 7, uri: `${base}/status/1` } }, _sd_alg: alg, _sd: disclosures.map((d) => sum(alg, d)),
    ...(holder ? { cnf: { jwk: bare(holder) } } : {}), ...o.claims,
  }
  const text = [await jws(issuer, { typ: 'dc+sd-jwt', ...o.header }, claims), ...disclosures, ''].join('~')
  if (!holder) return text
  return text + (await jws(holder, { typ: 'kb+jwt', kid: undefined }, { iat: o.iat ?? now - 5, aud: o.aud ?? 'bank-1', nonce: o.nonce ?? 'n-1', sd_hash: sum(alg, text) }))
}

function bare(key: TestKey): object {
  const { kty, crv, x, y } = key.jwk
  return { kty, crv, x, y }
}

export const dated = (key: TestKey, more: object = {}): object => ({ jwk: publicJwk(key.jwk), not_before: now - 100_000, ...more })

const name = { zh: '示例', en: 'Example' }

/** The payload of a trust list in which `issuer` may issue identity cards in Hunan. */
export function listPayload(keys: { issuer: TestKey; status: TestKey; provider?: TestKey; receipts?: TestKey }, more: Record<string, unknown> = {}) {
  return {
    version: 3, iat: now - 100, exp: now + 86400,
    domains: [{
      code: 'HN01', name, base_url: base, status_prefix: `${base}/status/`, status_keys: [dated(keys.status)],
      ...(keys.receipts ? { service_keys: [{ use: 'receipt', ...dated(keys.receipts) }, { use: 'of-tomorrow', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA' } }] } : {}),
    }],
    issuers: [{
      id: `${base}/issuers/police`, authority: '11430000MB1D000127', name, domain: 'HN01', types: ['resident-id'], regions: ['430000'], keys: [dated(keys.issuer)],
    }],
    providers: keys.provider ? [{ id: 'hosted-wallet', name, domain: 'HN01', keys: [dated(keys.provider, { max_copies: 10 })] }] : [],
    types: [{ id: 'resident-id', version: 1, vct: `${base}/types/resident-id/1`, code: '11100000MB1A99013Q007' }],
    ...more,
  }
}

/** A root set, signed by whoever is named. */
export async function rootsDocument(parts: { version?: number; keys: TestKey[]; signers: TestKey[]; threshold?: number; more?: object }, by: readonly TestKey[]): Promise<string> {
  const payload = JSON.stringify({
    version: parts.version ?? 1, iat: now - 1000, exp: now + 10_000_000, threshold: parts.threshold ?? 2,
    keys: parts.keys.map((k) => publicJwk(k.jwk)), signers: parts.signers.map((k) => dated(k)), ...parts.more,
  })
  const signatures = []
  for (const k of by) {
    const [head, , signature] = (await jws(k, { typ: 'trustroots+jwt' }, payload)).split('.')
    signatures.push({ protected: head, signature })
  }
  return JSON.stringify({ payload: b64(payload), signatures })
}

/** A status list of 2 bits a certificate. */
export async function statusList(signer: TestKey, states: Record<number, number> = {}, more: object = {}, packed?: Uint8Array): Promise<string> {
  const data = new Uint8Array(256)
  for (const [index, state] of Object.entries(states)) {
    const i = Number(index)
    data[i >> 2] = (data[i >> 2] ?? 0) | (state << ((i & 3) * 2))
  }
  return jws(signer, { typ: 'statuslist+jwt' }, {
    sub: `${base}/status/1`, iat: now - 10, exp: now + 3590, ttl: 60, status_list: { bits: 2, lst: b64(packed ?? deflateSync(data)) }, ...more,
  })
}

/** A key of its own, under a name. */
export function renamed(key: TestKey, kid: string): TestKey {
  return { ...key, kid, jwk: { ...key.jwk, kid } }
}
