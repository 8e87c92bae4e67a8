import { PublicKey } from '@showcard/sdk'
import { type Bytes, concat, sameBytes, utf8 } from '../../../sdk/ts/src/bytes'
import { sm3 } from '../../../sdk/ts/src/hash'
import type { Pair, Values } from '../kit/text'
import { officeaudit } from '../strings/officeaudit'

// Checks that an entry stands in the audit log, with nothing but what was sent: the hash path (RFC 6962 §2.1.1) to the root, the
// root to the checkpoint, the checkpoint to its signatures (C2SP signed-note), and the opening to the commitment in the leaf.

export interface Proof {
  readonly index: number
  readonly size: number
  readonly leaf: string
  readonly path: readonly string[]
  readonly root: string
  readonly checkpoint?: string
  /** Salt and event; gone after an erasure, and not given to everybody. */
  readonly opening?: string
}

export interface Finding {
  readonly ok: boolean | undefined
  readonly what: Pair
  readonly values?: Values
}
export interface Verdict {
  readonly findings: readonly Finding[]
  /** What was left open, however the rest went. */
  readonly open: readonly Pair[]
  readonly leafHash: string
  readonly good: boolean
}

const base64 = (s: string): Bytes => Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
const text64 = (b: Uint8Array): string => btoa(Array.from(b, (c) => String.fromCharCode(c)).join(''))
const sha256 = async (...parts: readonly Uint8Array[]): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...parts)))

const leafPrefix = new Uint8Array([0])
const nodePrefix = new Uint8Array([1])

/** The root to which a path leads from an entry, or undefined for a path of a wrong length (RFC 9162 §2.1.3.2). */
export async function rootOf(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Promise<Bytes | undefined> {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size)) || index < 0 || index >= size) return undefined
  let fn = index
  let sn = size - 1
  const half = (n: number): number => Math.floor(n / 2)
  let r = await sha256(leafPrefix, leaf)
  for (const p of path) {
    if (sn === 0 || p.length !== 32) return undefined
    if (fn % 2 === 1 || fn === sn) {
      r = await sha256(nodePrefix, p, r)
      while (fn % 2 === 0 && fn !== 0) { fn = half(fn); sn = half(sn) }
    } else r = await sha256(nodePrefix, r, p)
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 ? r : undefined
}

interface Key { readonly name: string; readonly hash: Uint8Array; readonly kind: 'ed25519' | 'sm2' | 'witness'; readonly public: Bytes }

/** Verifier keys, one a line: name+hash+base64. */
export async function readKeys(text: string): Promise<readonly Key[]> {
  const keys: Key[] = []
  for (const line of text.split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#'))) {
    const [name = '', , ...rest] = line.split('+')
    const raw = base64(rest.join('+'))
    const hash = (await sha256(utf8(`${name}\n`), raw)).subarray(0, 4)
    if (raw[0] === 1 && raw.length === 33) keys.push({ name, hash, kind: 'ed25519', public: raw.slice(1) })
    else if (raw[0] === 4 && raw.length === 33) keys.push({ name, hash, kind: 'witness', public: raw.slice(1) })
    else if (raw[0] === 0xff && raw.length > 66) keys.push({ name, hash, kind: 'sm2', public: raw.slice(-65) })
  }
  return keys
}

async function verifies(k: Key, message: Bytes, signature: Bytes): Promise<boolean | undefined> {
  if (k.kind === 'sm2') {
    const point = PublicKey.fromPoint('SGD_SM3_SM2', k.public.subarray(1, 33), k.public.subarray(33))
    return point.verify(message, signature).then(() => true, () => false)
  }
  let imported: CryptoKey
  try { imported = await crypto.subtle.importKey('raw', k.public, 'Ed25519', false, ['verify']) } catch { return undefined }
  return crypto.subtle.verify('Ed25519', imported, signature, message)
}

/** Who signed a note, of the keys that are given; undefined where this browser cannot tell. */
async function signers(note: string, keys: readonly Key[]): Promise<readonly { readonly key: Key; readonly ok: boolean | undefined; readonly at?: number }[]> {
  const cut = note.lastIndexOf('\n\n')
  const text = note.slice(0, cut + 1)
  const out = []
  for (const line of note.slice(cut + 2).split('\n').filter(Boolean)) {
    const m = /^— (\S+) (\S+)$/.exec(line)
    if (!m) continue
    const raw = base64(m[2] ?? '')
    const key = keys.find((k) => k.name === m[1] && sameBytes(k.hash, raw.subarray(0, 4)))
    if (!key) continue
    if (key.kind === 'witness') {
      const moment = new DataView(raw.buffer, raw.byteOffset + 4, 8)
      const at = moment.getUint32(0) * 2 ** 32 + moment.getUint32(4)
      out.push({ key, ok: await verifies(key, utf8(`cosignature/v1\ntime ${at}\n${text}`), raw.slice(12)), at })
    } else out.push({ key, ok: await verifies(key, utf8(text), raw.slice(4)) })
  }
  return out
}

/** Checks a proof against a checkpoint and the keys of the log. */
export async function check(p: Proof, checkpoint: string, keys: readonly Key[], when: (ms: number) => string): Promise<Verdict> {
  const findings: Finding[] = []
  const open: Pair[] = [officeaudit.notKeys]
  const leaf = utf8(p.leaf)
  const leafHash = text64(await sha256(leafPrefix, leaf))
  let root: Bytes | undefined
  try { root = await rootOf(leaf, p.index, p.size, p.path.map(base64)) } catch { root = undefined }
  findings.push({ ok: root !== undefined && sameBytes(root, base64(p.root)), what: officeaudit.stepPath, values: { size: p.size } })
  const [, size, named] = checkpoint.split('\n')
  findings.push({ ok: root !== undefined && size === String(p.size) && named === text64(root), what: officeaudit.stepRoot })
  let signed: Awaited<ReturnType<typeof signers>> = []
  try { signed = await signers(checkpoint, keys) } catch { /* a note that cannot be read has no signer */ }
  const ed = signed.find((s) => s.key.kind === 'ed25519')
  findings.push(ed && ed.ok === undefined ? { ok: undefined, what: officeaudit.stepNoEd25519 } : { ok: ed?.ok === true, what: officeaudit.stepEd25519 })
  findings.push({ ok: signed.find((s) => s.key.kind === 'sm2')?.ok === true, what: officeaudit.stepSM2 })
  const witnesses = signed.filter((s) => s.key.kind === 'witness')
  for (const s of witnesses) findings.push({ ok: s.ok, what: officeaudit.stepWitness, values: { name: s.key.name, at: when((s.at ?? 0) * 1000) } })
  if (!witnesses.some((s) => s.ok)) open.push(officeaudit.notWitness)
  if (p.opening) {
    let kept = ''
    try { kept = (JSON.parse(p.leaf) as { commitment?: string }).commitment ?? '' } catch { /* a leaf that is no JSON commits to nothing */ }
    findings.push({ ok: kept !== '' && sameBytes(sm3(base64(p.opening)), base64(kept)), what: officeaudit.stepOpening })
  } else open.push(officeaudit.notOpening)
  open.push(officeaudit.notNewer, officeaudit.notComplete)
  return { findings, open, leafHash, good: findings.every((f) => f.ok !== false) }
}
