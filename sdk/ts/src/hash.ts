import { sm3 as sm3Hex } from 'sm-crypto-v2'
import { type Bytes, concat, unhex } from './bytes.js'

/** The hashes of `_sd_alg` and of receipts. */
export type HashName = 'sm3' | 'sha-256'

/** Whether a name is one of the two. */
export function isHash(name: string | undefined): name is HashName {
  return name === 'sm3' || name === 'sha-256'
}

/** SM3 (GB/T 32905). */
export function sm3(data: Uint8Array): Bytes {
  return unhex(sm3Hex(data))
}

/** Hashes the pieces one behind the other. */
export async function digest(name: HashName, ...parts: Uint8Array[]): Promise<Bytes> {
  const data = concat(...parts)
  if (name === 'sm3') return sm3(data)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data))
}
