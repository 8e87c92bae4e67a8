/** A phone as docs/devices.md has it: a key that it keeps, codes that it was given, and proofs that it makes without a network. */
import { randomBytes, webcrypto } from 'node:crypto'
import type { Demo } from './demo.js'
import { Raw, cbor, map } from './mintbundle.js'

type Json = Record<string, unknown>

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' }
const b64u = (data: ArrayBuffer | Uint8Array): string => Buffer.from(data as ArrayBuffer).toString('base64url')
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export class Phone {
  readonly #codes: Buffer[] = []

  private constructor(
    private readonly call: (path: string, body: Json) => Promise<Json>,
    private readonly key: webcrypto.CryptoKey,
    private readonly id: string,
  ) {}

  /** Registers a new key for a person who has just signed in. */
  static async register(demo: Demo, login: string): Promise<Phone> {
    const token = await demo.person(login)
    const call = async (path: string, body: Json): Promise<Json> => {
      const response = await fetch(demo.baseUrl + path, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify(body) })
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
      return (await response.json()) as Json
    }
    const { privateKey, publicKey } = await webcrypto.subtle.generateKey(ecdsa, false, ['sign', 'verify'])
    const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', publicKey)
    const asked = (await call('/v1/wallet/devices/challenge', {})) as { challenge: string; origin: string; binding: string }
    const point = b64u(await webcrypto.subtle.exportKey('raw', publicKey))
    const lines = ['showcard device registration 1', asked.origin, asked.challenge, asked.binding, point].join('\n')
    const signature = b64u(await sign(privateKey, Buffer.from(lines)))
    const made = await call('/v1/wallet/devices', { name: '测试手机', key: { kty, crv, x, y }, challenge: asked.challenge, signature })
    return new Phone(call, privateKey, String(made['id']))
  }

  /** Fetches codes for a view. */
  async fill(identifier: string, view: string, count: number): Promise<void> {
    const got = await this.call(`/v1/wallet/devices/${this.id}/stock`, { identifier, view, count })
    for (const text of got['cwts'] as string[]) this.#codes.push(Buffer.from(text, 'base64url'))
  }

  /** Shows a code of the stock. */
  async show(n: number, audience: string): Promise<string> {
    const header = cbor(map({ 1: -7, 13: new Raw((this.#codes[n] ?? Buffer.alloc(0)).toString('hex')), 16: 294 }))
    const proof = cbor(map({ 3: audience, 6: Math.floor(Date.now() / 1000), 7: randomBytes(8) }))
    const signature = Buffer.from(await sign(this.key, cbor(['Signature1', header, Buffer.alloc(0), proof])))
    const token = Buffer.concat([Buffer.of(0xd2), cbor([header, map({}), proof, signature])])
    const bits = [...token].map((b) => b.toString(2).padStart(8, '0')).join('')
    return `SC2${(bits.match(/.{1,5}/g) ?? []).map((g) => base32.charAt(Number.parseInt(g.padEnd(5, '0'), 2))).join('')}`
  }
}

function sign(key: webcrypto.CryptoKey, data: Uint8Array): Promise<ArrayBuffer> {
  return webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, data)
}
