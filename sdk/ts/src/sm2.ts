import { sm2 } from 'sm-crypto-v2'
import { type Bytes, hex, unhex } from './bytes.js'

// The id that GM/T 0009 fixes. It is never taken from a token: who chooses it chooses what was signed.
const userId = '1234567812345678'

/** e = SM3(Z_A ‖ M), the number that is signed (GB/T 32918.2 §5.5). The point is 04‖x‖y in hexadecimal. */
export function digestFor(point: string, message: Uint8Array): Bytes {
  return unhex(sm2.getHash(message, point, userId))
}

/** Multiples of a point, made beforehand: its signatures are checked about four times as fast. */
export type Table = ReturnType<typeof sm2.precomputePublicKey>

/** Makes the table of a point, which takes as long as two checks and some 100 KB. */
export function tableOf(point: string): Table {
  return sm2.precomputePublicKey(point, 4)
}

/** Whether r‖s, both in range, is a signature of a digest by a point on the curve (§7.1). */
export function verifyDigest(point: string | Table, digest: Uint8Array, signature: Uint8Array): boolean {
  try {
    return sm2.doVerifySignature(digest, hex(signature), point, { hash: false, der: false })
  } catch {
    return false // s·G + t·P at infinity
  }
}

/** Signs: r‖s over a message by a scalar, in hexadecimal, whose point is given. */
export function signMessage(scalar: string, point: string, message: Uint8Array): Bytes {
  return unhex(sm2.doSignature(digestFor(point, message), scalar, { hash: false, der: false }))
}

/** The point of a scalar, 04‖x‖y. */
export function pointOf(scalar: Uint8Array): Bytes {
  return unhex(sm2.getPublicKeyFromPrivateKey(hex(scalar)))
}
