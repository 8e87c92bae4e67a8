/** Makes bundles for the tests, by docs/formats.md §12 and not by the code that reads them. */
import type { Signer } from '../src/index.js'
import { type TestKey, base, jws, listPayload, now, rootsDocument } from './mint.js'
import { testKey } from './support.js'

/** CBOR of plain values: numbers, strings, bytes, arrays, and maps whose entries are put into the order of their bytes. */
export function cbor(v: unknown): Buffer {
  if (v instanceof Raw) return v.bytes
  if (typeof v === 'number') return v >= 0 ? head(0, v) : head(1, -1 - v)
  if (typeof v === 'string') return Buffer.concat([head(3, Buffer.byteLength(v)), Buffer.from(v)])
  if (v instanceof Uint8Array) return Buffer.concat([head(2, v.length), v])
  if (v === null) return Buffer.of(0xf6)
  if (Array.isArray(v)) return Buffer.concat([head(4, v.length), ...v.map(cbor)])
  if (!(v instanceof Map)) throw new Error(`what is ${typeof v}?`)
  const entries = [...v].map(([k, e]) => [cbor(k), cbor(e)] as const).sort(([a], [b]) => Buffer.compare(a, b))
  return Buffer.concat([head(5, entries.length), ...entries.flat()])
}

/** CBOR that is written already. */
export class Raw {
  readonly bytes: Buffer
  constructor(hex: string) {
    this.bytes = Buffer.from(hex, 'hex')
  }
}

export function head(major: number, n: number): Buffer {
  const first = major << 5
  if (n < 24) return Buffer.of(first | n)
  if (n < 0x100) return Buffer.of(first | 24, n)
  const out = Buffer.alloc(n < 0x10000 ? 3 : n < 2 ** 32 ? 5 : 9)
  out[0] = first | (out.length === 3 ? 25 : out.length === 5 ? 26 : 27)
  if (out.length === 3) out.writeUInt16BE(n, 1)
  else if (out.length === 5) out.writeUInt32BE(n, 1)
  else out.writeBigUInt64BE(BigInt(n), 1)
  return out
}

export const map = (o: object): Map<unknown, unknown> => new Map(Object.entries(o).map(([k, v]) => [/^-?\d+$/.test(k) ? Number(k) : k, v as unknown]))

/** A map of text keys, also of those that look like numbers. */
export const named = (o: object): Map<unknown, unknown> => new Map(Object.entries(o))

/** Golomb-Rice, bit by bit as the format says it. */
export function rice(k: number, indices: readonly number[]): Buffer {
  let bits = ''
  let next = 0
  for (const i of indices) {
    const gap = i - next
    bits += `${'1'.repeat(Math.floor(gap / 2 ** k))}0${k > 0 ? (gap % 2 ** k).toString(2).padStart(k, '0') : ''}`
    next = i + 1
  }
  return Buffer.from((bits.match(/.{1,8}/g) ?? []).map((b) => Number.parseInt(b.padEnd(8, '0'), 2)))
}

export const set = (k: number, indices: readonly number[]): unknown[] => [k, indices.length, rice(k, indices)]

export const serial = (n: number): string => (BigInt.asUintN(64, BigInt(n) * 0x9e3779b97f4a7c15n)).toString(16).padStart(16, '0')

export const type = 'application/showcard-bundle+cbor'

/** Signs any payload as a bundle, or as something else. */
export async function sign1(by: Signer, payload: unknown, o: { header?: Map<unknown, unknown> | Raw; open?: unknown } = {}): Promise<Buffer> {
  const protectedHeader = cbor(o.header ?? map({ 1: by.algorithm === 'ES256' ? -7 : -65537, 4: Buffer.from(by.kid), 16: type }))
  const body = payload instanceof Uint8Array ? Buffer.from(payload) : cbor(payload)
  const signature = await by.sign(cbor(['Signature1', protectedHeader, Buffer.alloc(0), body]))
  return Buffer.concat([Buffer.of(0xd2), cbor([protectedHeader, o.open ?? map({}), body, signature])])
}

export interface BundleParts {
  iss?: string
  iat?: number
  trust?: { roots?: readonly string[]; list: string } | undefined
  from?: number
  head?: number
  /** Serials by hour. */
  revoked?: Record<number, readonly string[]>
  lists?: Record<string, { from?: number; seq: number; size: number; sets?: Record<number, readonly number[]>; k?: number }>
}

/** The claims of a bundle. */
export function claims(p: BundleParts): Map<unknown, unknown> {
  const hours = Object.entries(p.revoked ?? {}).map(([hour, all]) => [hour, Buffer.from([...all].sort().join(''), 'hex')])
  const m = map({ 1: p.iss ?? base, 6: p.iat ?? now, '-65539': [p.from ?? 0, p.head ?? 0, map(Object.fromEntries(hours) as object)] })
  if (p.trust) m.set(-65538, [(p.trust.roots ?? []).map((r) => Buffer.from(r)), p.trust.list])
  if (p.lists) {
    m.set(-65540, named(Object.fromEntries(Object.entries(p.lists).map(([name, l]) => [
      name, [l.from ?? 0, l.seq, l.size, map(Object.fromEntries(Object.entries(l.sets ?? {}).map(([status, all]) => [status, set(l.k ?? 3, all)])))],
    ]))))
  }
  return m
}

/** A deployment with keys for everything. */
export interface House {
  readonly roots: string
  readonly signer: TestKey
  readonly status: TestKey
  readonly other: TestKey
  /** The trust list, signed. */
  list(version?: number, more?: Record<string, unknown>): Promise<string>
  bundle(p: BundleParts, by?: Signer): Promise<Buffer>
}

export async function house(profile: 'sm2' | 'es256' = 'es256'): Promise<House> {
  const opposite = profile === 'sm2' ? 'es256' : 'sm2'
  const names = [`issuer-${profile}`, `holder-${profile}`, `stranger-${profile}`, `holder-${opposite}`, `stranger-${opposite}`]
  const [status, signer, other, root, second] = (await Promise.all(names.map(testKey))) as [TestKey, TestKey, TestKey, TestKey, TestKey]
  const issuer = await testKey('issuer-sm2')
  return {
    roots: await rootsDocument({ keys: [root, second], signers: [signer] }, [root, second]),
    signer, status, other,
    list: (version = 3, more = {}) => jws(signer, { typ: 'trustlist+jwt' }, listPayload({ issuer, status }, { version, ...more })),
    bundle: (p, by = status) => sign1(by, claims(p)),
  }
}
