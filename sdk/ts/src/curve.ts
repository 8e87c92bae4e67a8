/** The two curves, as far as a verifier must do without a library: is a point on its curve, and what is a compressed one? */
interface Curve {
  readonly p: bigint
  readonly b: bigint
  readonly n: bigint
}

const p256: Curve = {
  p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
}

// GB/T 32918.5.
const sm2: Curve = {
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
}

const of = (isSM2: boolean): Curve => (isSM2 ? sm2 : p256)

function big(bytes: Uint8Array): bigint {
  let n = 0n
  for (const b of bytes) n = (n << 8n) | BigInt(b)
  return n
}

function bytes32(n: bigint): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(32)
  for (let i = 31; i >= 0; i--, n >>= 8n) out[i] = Number(n & 0xffn)
  return out
}

/** x³ + ax + b, where a = −3 on both curves. */
function right(c: Curve, x: bigint): bigint {
  return (((x * x - 3n) * x + c.b) % c.p + c.p) % c.p
}

/** Whether the point is on the curve. Coordinates are 32 bytes; those that are not reduced are refused. */
export function onCurve(isSM2: boolean, x: Uint8Array, y: Uint8Array): boolean {
  const c = of(isSM2)
  const [u, v] = [big(x), big(y)]
  return u < c.p && v < c.p && (v * v) % c.p === right(c, u)
}

/** The y of a compressed point (SEC 1 §2.3.4), or `undefined` when x is of no point. Both p leave 3 when divided by 4. */
export function decompress(isSM2: boolean, x: Uint8Array, odd: boolean): Uint8Array<ArrayBuffer> | undefined {
  const c = of(isSM2)
  const u = big(x)
  if (u >= c.p) return undefined
  const square = right(c, u)
  let root = 1n
  for (let e = (c.p + 1n) / 4n, base = square; e > 0n; e >>= 1n, base = (base * base) % c.p) {
    if (e & 1n) root = (root * base) % c.p
  }
  if ((root * root) % c.p !== square) return undefined
  if ((root & 1n) === 1n !== odd) root = (c.p - root) % c.p
  return (root & 1n) === 1n === odd ? bytes32(root) : undefined
}

/** Whether r‖s has both numbers from 1 to n−1 (GB/T 32918.2 §7.1 B1, B2; FIPS 186-5 §6.4.2). */
export function signatureInRange(isSM2: boolean, signature: Uint8Array): boolean {
  const { n } = of(isSM2)
  if (signature.length !== 64) return false
  const r = big(signature.subarray(0, 32))
  const s = big(signature.subarray(32))
  return r > 0n && r < n && s > 0n && s < n
}

/** Whether a private scalar can be one: 1 to n−2 for SM2 (GB/T 32918.1), 1 to n−1 for P-256. */
export function scalarInRange(isSM2: boolean, d: Uint8Array): boolean {
  const v = big(d)
  return d.length === 32 && v > 0n && v < of(isSM2).n - (isSM2 ? 1n : 0n)
}
