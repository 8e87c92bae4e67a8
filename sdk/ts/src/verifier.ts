import { Claims } from './claims.js'
import { Fault, Refusal, type Text } from './errors.js'
import { type JsonNode, textOf } from './json.js'
import type { JwsHeader } from './jws.js'
import type { Algorithm, PublicKey } from './keys.js'
import { checkCredential, confirmationKey, numericDate, verifyBinding, verifyIssuer } from './presentation.js'
import { type SdJwt, parseSdJwt } from './sdjwt.js'
import { Status, type StatusReference, readReference } from './statuslist.js'
import { type Domain, type Issuer, type TrustList, holdsStatus, issuerKey, regionCovers } from './trust/model.js'
import { certificateKey } from './x509.js'

/** The one word that a clerk acts on. Only `valid` is a yes. */
export type Outcome = 'valid' | 'invalid' | 'indeterminate'

/** How one check ended. */
export type State = 'passed' | 'failed' | 'unknown' | 'not-checked'

/** One check. `reason` is a stable code when it did not pass. */
export interface Check {
  state: State
  reason?: string
}

/** What came of checking a presentation: every check apart, then the outcome that follows from them. */
export interface Result {
  outcome: Outcome
  /** Stable codes, most telling first. {@link sentence} says them in words. */
  reasons: string[]
  checkedAt: Date
  type?: string
  vct?: string
  signature: Check & { algorithm?: Algorithm }
  issuer: Check & { id?: string; authority?: string; name?: Text }
  validity: Check & { notBefore?: Date; expires?: Date }
  holder: Check & { bound?: 'provider' | 'device' | 'none'; provider?: string }
  status: Check & { asOf?: Date; source?: string }
  /** Disclosed fields: only when signature and issuer passed and the holder did not fail. */
  claims?: Claims
}

/** Gives the current, verified trust list, or throws a {@link Refusal} when there is none. */
export interface TrustSource {
  current(): Promise<TrustList>
}

/** A status and how old the knowledge is. */
export interface StatusAnswer {
  readonly status: number
  /** Milliseconds since 1970. */
  readonly asOf: number
  readonly source: string
  /** How old, in seconds, this source's word may grow, when that is more than the verifier's own bound. */
  readonly maxAge?: number
}

/** Tells the status of a certificate, or throws a {@link Refusal}: then it is unknown. */
export interface StatusSource {
  status(reference: StatusReference, home: Domain): Promise<StatusAnswer>
}

/** What a {@link Verifier} stands on. Times are in seconds. */
export interface VerifierOptions {
  readonly trust: TrustSource
  readonly status: StatusSource
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** How old a good status may be before it counts as unknown. Default 120. */
  readonly maxStatusAge?: number
  /** How old a holder's proof may be. Default 60. */
  readonly maxProofAge?: number
  /** How far clocks may differ. Default 10. */
  readonly skew?: number
}

/** What the caller knows beforehand and a presentation must match. */
export interface Expectation {
  /** Who we are: the relying party's id, as the holder's proof must name it. */
  readonly audience: string
  /** The challenge that was made for this presentation, by {@link Client.challenge} or by ourselves. Never twice. */
  readonly nonce: string
}

/**
 * Instead of an {@link Expectation}: accepts a certificate that is bound to no key, without a holder's proof. It is for the
 * original that a department got back, never for something shown.
 */
export interface Unbound {
  readonly unbound: true
}

/** The claims that every certificate of the profile shows. */
interface Visible {
  issuer: string
  vct: string
  region: string
  iat?: number | undefined
  nbf?: number | undefined
  exp?: number | undefined
  status?: StatusReference | undefined
}

/** Checks certificates that are shown, against the trust list, without asking the deployment about the person. */
export class Verifier {
  readonly #o: VerifierOptions & Required<Pick<VerifierOptions, 'now' | 'maxStatusAge' | 'maxProofAge' | 'skew'>>

  constructor(options: VerifierOptions) {
    this.#o = { now: Date.now, maxStatusAge: 120, maxProofAge: 60, skew: 10, ...options }
  }

  /** Checks a presentation: an SD-JWT VC with key binding. What is wrong with it, or cannot be known, is the result; nothing is thrown for it. */
  async verify(presentation: string, expect: Expectation | Unbound): Promise<Result> {
    const now = this.#o.now()
    const result = emptyResult(now)
    const shown = await this.#check(result, presentation, expect, now)
    return conclude(result, shown)
  }

  async #check(r: Result, presentation: string, expect: Expectation | Unbound, now: number): Promise<SdJwt | undefined> {
    let sd: SdJwt
    try {
      sd = await parseSdJwt(presentation)
      checkCredential(sd)
    } catch (e) {
      fail(r.signature, codeOf(e))
      return undefined
    }
    const visible = readVisible(sd)
    if (!visible) {
      fail(r.signature, 'presentation-malformed')
      return undefined
    }
    r.vct = visible.vct
    let list: TrustList
    try {
      list = await this.#o.trust.current()
    } catch (e) {
      // Without a list nothing can be said of the issuer, so nothing of the signature.
      unknown(r.issuer, e instanceof Refusal ? e.code : 'trust-list-unavailable')
      r.signature.state = 'unknown'
      return undefined
    }
    const key = checkIssuer(r, list, sd, visible)
    if (!key) {
      r.signature.state = 'unknown'
      return undefined
    }
    try {
      await verifyIssuer(sd.token, key)
    } catch (e) {
      fail(r.signature, codeOf(e))
      return undefined // nothing below means anything about a forged certificate
    }
    r.signature = { state: 'passed', algorithm: key.algorithm }
    this.#checkValidity(r, visible, now)
    await this.#checkHolder(r, list, sd, visible, expect, now)
    await this.#checkStatus(r, list, visible, now)
    return sd
  }

  #checkValidity(r: Result, c: Visible, now: number): void {
    const skew = this.#o.skew * 1000
    if (c.nbf !== undefined) r.validity.notBefore = new Date(c.nbf * 1000)
    if (c.exp !== undefined) r.validity.expires = new Date(c.exp * 1000)
    if (c.nbf !== undefined && now + skew < c.nbf * 1000) fail(r.validity, 'certificate-not-yet-valid')
    else if (c.exp !== undefined && now - skew >= c.exp * 1000) fail(r.validity, 'certificate-expired')
    else r.validity.state = 'passed'
  }

  async #checkHolder(r: Result, list: TrustList, sd: SdJwt, c: Visible, expect: Expectation | Unbound, now: number): Promise<void> {
    r.holder.bound = 'none'
    if ('unbound' in expect && !sd.claims.has('cnf')) return
    let key: PublicKey
    try {
      key = confirmationKey(sd)
    } catch {
      fail(r.holder, 'holder-binding-missing')
      return
    }
    try {
      const known = list.providerKey(key, c.iat)
      r.holder.bound = known ? 'provider' : 'device'
      if (known) r.holder.provider = known.provider.id
      key = known?.key ?? key
    } catch (e) {
      codeOf(e)
      r.holder.bound = 'provider'
      fail(r.holder, 'key-frozen')
      return
    }
    try {
      const want = 'unbound' in expect ? { audience: '', nonce: '' } : expect // a copy that is bound still needs its proof
      await verifyBinding(sd, key, { ...want, maxAge: this.#o.maxProofAge, skew: this.#o.skew }, now)
      r.holder.state = 'passed'
    } catch (e) {
      fail(r.holder, codeOf(e))
    }
  }

  async #checkStatus(r: Result, list: TrustList, c: Visible, now: number): Promise<void> {
    // Every certificate of the profile has a status: one without it cannot be revoked.
    if (!c.status) {
      fail(r.status, 'status-missing')
      return
    }
    const home = list.domain(list.issuer(c.issuer)?.domain ?? '')
    if (!home || !holdsStatus(home, c.status.uri)) {
      fail(r.status, 'status-list-wrong-signer')
      return
    }
    let answer: StatusAnswer
    try {
      answer = await this.#o.status.status(c.status, home)
    } catch (e) {
      const code = e instanceof Refusal ? e.code : 'status-unavailable'
      if (code === 'status-index-out-of-range') fail(r.status, code)
      else unknown(r.status, code)
      return
    }
    r.status.asOf = new Date(answer.asOf)
    r.status.source = answer.source
    const age = (now - answer.asOf) / 1000
    // A bad status is believed at any age; a good one only while it is fresh. One of the future would never grow old.
    if (answer.status === Status.suspended) fail(r.status, 'certificate-suspended')
    else if (answer.status !== Status.valid) fail(r.status, 'certificate-ended')
    else if (age > Math.max(this.#o.maxStatusAge, answer.maxAge ?? 0) || age < -60) unknown(r.status, 'status-stale')
    else r.status.state = 'passed'
  }
}

function emptyResult(now: number): Result {
  const check = (): Check => ({ state: 'not-checked' })
  return { outcome: 'indeterminate', reasons: [], checkedAt: new Date(now), signature: check(), issuer: check(), validity: check(), holder: check(), status: check() }
}

function fail(check: Check, reason: string): void {
  check.state = 'failed'
  check.reason = reason
}

function unknown(check: Check, reason: string): void {
  check.state = 'unknown'
  check.reason = reason
}

/** The code of a refusal. Whatever else was thrown is a fault of a program, and goes on. */
function codeOf(e: unknown): string {
  if (e instanceof Refusal) return e.code
  throw e
}

/** Takes names exactly as they are spelled, and nothing of the wrong type. */
function readVisible(sd: SdJwt): Visible | undefined {
  const text = (name: string): string | undefined => (sd.claims.has(name) ? textOf(sd.claims.get(name)) : '')
  const [issuer, vct, region] = [text('iss'), text('vct'), text('region')]
  if (issuer === undefined || vct === undefined || region === undefined) return undefined
  const out: Visible = { issuer, vct, region }
  for (const name of ['iat', 'nbf', 'exp'] as const) {
    const node: JsonNode | undefined = sd.claims.get(name)
    if (node === undefined) continue
    out[name] = numericDate(node)
    if (out[name] === undefined) return undefined
  }
  const status = sd.claims.get('status')
  if (status) {
    out.status = readReference(status)
    if (!out.status) return undefined
  }
  return out
}

/** Holds the issuer against the trust list: known, entitled to type and region, its key good at the time of issue. */
function checkIssuer(r: Result, list: TrustList, sd: SdJwt, c: Visible): PublicKey | undefined {
  if (list.frozenAll) {
    fail(r.issuer, 'all-frozen') // whoever issued it
    return undefined
  }
  r.issuer.id = c.issuer
  const issuer = list.issuer(c.issuer)
  if (!issuer) {
    fail(r.issuer, 'issuer-untrusted')
    return undefined
  }
  r.issuer.name = issuer.name
  r.issuer.authority = issuer.authority
  let key: PublicKey
  try {
    key = signerOf(issuer, sd.token.header, c.iat)
  } catch (e) {
    fail(r.issuer, codeOf(e))
    return undefined
  }
  const type = list.type(c.vct)
  if (type) r.type = type.id
  if (list.frozenRegions.some((p) => regionCovers(p, c.region))) fail(r.issuer, 'region-frozen')
  else if (!type) fail(r.issuer, 'type-unpublished')
  else if (type.frozen) fail(r.issuer, 'type-frozen')
  else if (!issuer.types.includes(type.id)) fail(r.issuer, 'issuer-not-entitled-type')
  else if (!issuer.regions.some((p) => regionCovers(p, c.region))) fail(r.issuer, 'issuer-not-entitled-region')
  else r.issuer.state = 'passed'
  return key
}

/** A chain only carries the key; it is the trust list that vouches for it. */
function signerOf(issuer: Issuer, header: JwsHeader, iat: number | undefined): PublicKey {
  const leaf = header.x5c[0]
  if (!leaf) return issuerKey(issuer, header.kid, iat)
  try {
    return issuerKey(issuer, certificateKey(leaf), iat)
  } catch (e) {
    if (e instanceof Fault) throw new Refusal('issuer-untrusted', e.message)
    throw e
  }
}

/** Gathers the reasons and draws the outcome. There is no setting that turns unknown into valid. */
function conclude(r: Result, shown: SdJwt | undefined): Result {
  const checks = [r.issuer, r.signature, r.validity, r.status, r.holder]
  r.reasons = [...new Set(checks.flatMap((c) => (c.reason ? [c.reason] : [])))]
  if (checks.some((c) => c.state === 'failed')) r.outcome = 'invalid'
  else if (checks.some((c) => c.state === 'unknown') || r.signature.state !== 'passed') r.outcome = 'indeterminate'
  else r.outcome = 'valid'
  if (shown && r.signature.state === 'passed' && r.issuer.state === 'passed' && r.holder.state !== 'failed') {
    const fields = new Map<string, JsonNode>()
    for (const name of shown.disclosed) {
      const node = shown.claims.get(name)
      if (node) fields.set(name, node)
    }
    r.claims = new Claims(fields)
  }
  return r
}
