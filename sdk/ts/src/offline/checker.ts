import type { OfflineReport } from '../api.js'
import { decodeBase64url, hex } from '../bytes.js'
import { parseCode } from '../code.js'
import { Refusal, ShowcardError, type Text } from '../errors.js'
import type { Algorithm, PublicKey } from '../keys.js'
import { type Issuer, type TrustList, covers, regionCovers, within } from '../trust/model.js'
import type { Check, Outcome, TrustSource } from '../verifier.js'
import { OfflineCatalogue, type OfflineField } from './catalogue.js'
import { ReplayMemory } from './replay.js'
import { type OfflineExpectation, type OfflineToken, parseOffline, proofAge, verifyOfflineDates, verifyOfflineIssuer, verifyOfflineProof } from './token.js'

/** Serials of CWTs that were revoked before they expired, and as of when that is known. */
export interface RevokedSerials {
  /** Milliseconds since 1970. */
  readonly asOf: number
  /** Whether the serial, in hexadecimal, was revoked. */
  has(serial: string): boolean
}

/** What an {@link OfflineChecker} stands on. */
export interface OfflineCheckerOptions {
  /** The trust list; one that is kept goes on answering without a network until it expires. */
  readonly trust: TrustSource
  /** The newest revoked serials at hand, as {@link Bundles} has them, or `undefined` when there are none: then nothing is valid. */
  readonly revoked: () => RevokedSerials | undefined
  /** How old they may be, in seconds, before a good code counts as indeterminate. Default, and most, 86,400: then all codes that they are about have ended. */
  readonly maxRevokedAge?: number
  /** The types that are known. Default: those of this release. */
  readonly catalogue?: OfflineCatalogue
  /** What was shown here before. Default: a memory of its own. */
  readonly replay?: ReplayMemory
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

const day = 86_400

/** What came of checking an offline code. */
export interface OfflineResult {
  outcome: Outcome
  /** Stable codes, most telling first. */
  reasons: string[]
  checkedAt: Date
  type?: string
  typeName?: Text
  view?: string
  /** Form and the authority's signature. */
  signature: Check & { algorithm?: Algorithm }
  issuer: Check & { id?: string; authority?: string; name?: Text }
  validity: Check & { issuedAt?: Date; expires?: Date }
  /** Revoked? `asOf` is how old the knowledge is: show it. */
  status: Check & { asOf?: Date }
  /** By the device that it was issued to, to us, now, and for the first time here? */
  holder: Check & { audience?: string }
  /** How many seconds before now the proof is dated: negative when the holder's clock is ahead. Absent until the proof is known to be genuine. */
  proofAge?: number
  /** What the view says, only when nothing failed. Numbers are masked. */
  fields?: readonly OfflineField[]
  /** Hexadecimal serials of the CWT and of the proof, for the record of the check. */
  serial?: string
  proof?: string
}

/**
 * Checks offline codes with both phones off the network. What it cannot know is what another checker far away was shown in the
 * same minute (docs/threats.md).
 */
export class OfflineChecker {
  readonly #o: OfflineCheckerOptions
  readonly #catalogue: OfflineCatalogue
  readonly #replay: ReplayMemory
  readonly #now: () => number

  constructor(options: OfflineCheckerOptions) {
    if (!((options.maxRevokedAge ?? day) <= day)) throw new ShowcardError('config-invalid', 'maxRevokedAge: revoked serials say nothing after a day')
    this.#o = options
    this.#catalogue = options.catalogue ?? new OfflineCatalogue()
    this.#replay = options.replay ?? new ReplayMemory()
    this.#now = options.now ?? Date.now
  }

  /** Checks what a scanner read. Nothing is thrown for what is wrong with it. */
  async check(scanned: string, expect: OfflineExpectation): Promise<OfflineResult> {
    const now = this.#now()
    const check = (): Check => ({ state: 'not-checked' })
    const r: OfflineResult = { outcome: 'indeterminate', reasons: [], checkedAt: new Date(now), signature: check(), issuer: check(), validity: check(), status: check(), holder: check() }
    await this.#steps(r, scanned, expect, now)
    const checks = [r.issuer, r.signature, r.validity, r.status, r.holder]
    r.reasons = [...new Set(checks.flatMap((c) => (c.reason ? [c.reason] : [])))]
    if (checks.some((c) => c.state === 'failed')) r.outcome = 'invalid'
    else r.outcome = checks.every((c) => c.state === 'passed') ? 'valid' : 'indeterminate'
    if (r.outcome === 'invalid') delete r.fields
    return r
  }

  /** In the order of docs/formats.md §3.2; the first fault of a step ends what would mean nothing after it. */
  async #steps(r: OfflineResult, scanned: string, expect: OfflineExpectation, now: number): Promise<void> {
    let token: OfflineToken
    try {
      const code = parseCode(scanned)
      if (code.kind !== 'offline') throw new Refusal('code-not-ours', 'a ticket: it is checked online')
      token = parseOffline(code.token)
    } catch (e) {
      settle(r.signature, 'failed', e)
      return
    }
    let list: TrustList
    try {
      list = await this.#o.trust.current()
    } catch (e) {
      settle(r.issuer, 'unknown', e)
      return
    }
    try {
      await this.#issuer(r, list, token)
    } catch (e) {
      const forged = e instanceof Refusal && ['algorithm-not-allowed', 'signature-encoding', 'signature-invalid'].includes(e.code)
      settle(forged ? r.signature : r.issuer, 'failed', e)
      return
    }
    r.serial = token.serial
    this.#revoked(r, token, now)
    r.validity.issuedAt = new Date(token.issuedAt * 1000)
    r.validity.expires = new Date(token.expires * 1000)
    try {
      verifyOfflineDates(token, now)
      r.validity.state = 'passed'
    } catch (e) {
      settle(r.validity, 'failed', e)
      return
    }
    try {
      await verifyOfflineProof(token, expect, now)
      r.proofAge = proofAge(token, now)
      const reading = this.#catalogue.read(token.view)
      r.view = reading.view
      r.fields = reading.fields
      if (!this.#replay.first(token.proof.serial, token.proof.issuedAt, now)) throw new Refusal('code-replayed', 'this very proof was shown here before')
      r.holder.state = 'passed'
    } catch (e) {
      settle(r.holder, 'failed', e)
    } finally {
      r.holder.audience = token.proof.audience
      r.proof = token.proof.serial
    }
  }

  /** The authority: one whose key signed it, who may issue this type in this region, by a list that freezes none of it. */
  async #issuer(r: OfflineResult, list: TrustList, token: OfflineToken): Promise<void> {
    if (list.frozenAll) throw new Refusal('all-frozen', 'everything is frozen')
    const [issuer, key] = await signerOf(list, token)
    r.signature = { state: 'passed', algorithm: key.algorithm }
    r.issuer = { state: 'not-checked', id: issuer.id, authority: issuer.authority, name: issuer.name }
    if (issuer.frozen) throw new Refusal('issuer-frozen', 'the issuer is frozen')
    for (const k of issuer.keys) if (k.key.equals(key)) covers(k, token.issuedAt)
    if (!within(issuer.notBefore, issuer.notAfter, token.issuedAt)) throw new Refusal('key-out-of-dates', 'signed outside of the dates of the issuer')
    const region = token.view.region
    if (list.frozenRegions.some((p) => regionCovers(p, region))) throw new Refusal('region-frozen', region)
    const known = this.#catalogue.type(token.view)
    if (!known) throw new Refusal('offline-view-unknown', `type ${token.view.type} version ${token.view.version}`)
    r.type = known.id
    r.typeName = known.name
    const published = list.types.find((t) => t.id === known.id && t.version === known.version)
    if (!published) throw new Refusal('type-unpublished', known.id)
    if (published.frozen) throw new Refusal('type-frozen', known.id)
    if (!issuer.types.includes(known.id)) throw new Refusal('issuer-not-entitled-type', known.id)
    if (!issuer.regions.some((p) => regionCovers(p, region))) throw new Refusal('issuer-not-entitled-region', region)
    r.issuer.state = 'passed'
  }

  #revoked(r: OfflineResult, token: OfflineToken, now: number): void {
    const revoked = this.#o.revoked()
    if (!revoked) {
      settle(r.status, 'unknown', new Refusal('status-unavailable', 'no revoked serials at hand'))
      return
    }
    r.status.asOf = new Date(revoked.asOf)
    const old = (now - revoked.asOf) / 1000
    // That a serial was revoked is believed at any age.
    if (revoked.has(token.serial)) settle(r.status, 'failed', new Refusal('offline-revoked', 'the code was revoked before its end'))
    else if (old > (this.#o.maxRevokedAge ?? day) || old < -60) settle(r.status, 'unknown', new Refusal('status-stale', 'revoked serials are too old'))
    else r.status.state = 'passed'
  }
}

/** Writes down a check, to be settled when there is a network again ({@link Client.settle}). */
export function offlineReport(scanned: string, result: OfflineResult, purpose: string, nonce?: Uint8Array): OfflineReport {
  const { checkedAt, outcome, reasons, status } = result
  return { code: scanned, checkedAt, purpose, outcome, reasons, ...(status.asOf ? { bundleAsOf: status.asOf } : {}), ...(nonce ? { nonce } : {}) }
}

/** Finds whose key signed it. The kid is a hint: each key of that beginning is tried, and the signature decides. */
async function signerOf(list: TrustList, token: OfflineToken): Promise<[Issuer, PublicKey]> {
  let fault: unknown = new Refusal('issuer-untrusted', 'no issuer in the list has such a key')
  for (const issuer of list.issuers) {
    for (const { key } of issuer.keys) {
      if (hex((decodeBase64url(await key.thumbprint()) ?? new Uint8Array()).subarray(0, 8)) !== token.kid) continue
      try {
        await verifyOfflineIssuer(token, key)
        return [issuer, key]
      } catch (e) {
        fault = e
      }
    }
  }
  throw fault
}

function settle(check: Check, state: 'failed' | 'unknown', e: unknown): void {
  if (!(e instanceof Refusal)) throw e // a fault of a program
  check.state = state
  check.reason = e.code
}
