import { readFileSync, readdirSync } from 'node:fs'
import { type PrivateJwk, type PublicJwk, PublicKey, type Signer, importSigner } from '../src/index.js'

/** The root of the project, seen from where tests are compiled to. */
export const root = new URL('../../../../', import.meta.url)

export function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

export function readJson<T>(path: string): T {
  return JSON.parse(read(path)) as T
}

export function list(path: string): string[] {
  return readdirSync(new URL(path, root)).sort()
}

/** A key of testdata/keys: public, and for tests only. */
export async function testKey(name: string): Promise<Signer & { jwk: PrivateJwk }> {
  const jwk = readJson<PrivateJwk>(`testdata/keys/${name}.json`)
  const signer = await importSigner(jwk)
  return { algorithm: signer.algorithm, kid: signer.kid, sign: (m) => signer.sign(m), jwk }
}

/** The public half. */
export function publicJwk({ d: _, ...jwk }: PrivateJwk): PublicJwk {
  return jwk
}

/** The public key. */
export function keyOf(of: { jwk: PrivateJwk }): PublicKey {
  return PublicKey.fromJwk(publicJwk(of.jwk))
}

/** Numbers that look random and are the same in every run, so that a failure can be made again. */
export function seeded(seed: number): (below: number) => number {
  let s = seed >>> 0
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return Math.floor((s / 2 ** 32) * below)
  }
}

/** The code of whatever a function throws, "" when it throws nothing, and the error itself when it has no code. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
    return ''
  } catch (e) {
    if (e instanceof Error && 'code' in e && typeof e.code === 'string') return e.code
    throw e
  }
}
