import { Fault, Refusal } from './errors.js'
import { type JsonNode, textOf } from './json.js'
import { type Jws, parseJws, verifyJws } from './jws.js'
import { PublicKey } from './keys.js'
import { type SdJwt, digestOf, parseSdJwt } from './sdjwt.js'

/** What the holder's proof in a presentation must say. */
export interface BindingExpectation {
  /** Who we are: the relying party's id. */
  readonly audience: string
  /** The challenge that was made for this presentation. */
  readonly nonce: string
  /** How old a proof may be, in seconds. Default 60. */
  readonly maxAge?: number | undefined
  /** How far the holder's clock may be ahead, in seconds. Default 10. */
  readonly skew?: number | undefined
}

// Neither these nor anything inside them may be selectively disclosable (SD-JWT VC, "Claims").
const permanent = ['iss', 'nbf', 'exp', 'cnf', 'vct', 'vct#integrity', 'aka_vcts', 'status']

/** Checks the rules of SD-JWT VC on top of SD-JWT. */
export function checkCredential(sd: SdJwt): void {
  for (const name of permanent) {
    if (sd.disclosable.has(name)) throw new Refusal('presentation-malformed', `${name} is selectively disclosable`)
  }
  if (!textOf(sd.claims.get('vct'))) throw new Refusal('presentation-malformed', 'no vct')
  if (sd.claims.has('iss') && !textOf(sd.claims.get('iss'))) throw new Refusal('presentation-malformed', 'iss is not a string')
}

const lastSecond = 253402300799 // of the year 9999

/** A NumericDate (RFC 7519 §2) in whole seconds; fractions are cut off. `undefined`: it is none. */
export function numericDate(node: JsonNode | undefined): number | undefined {
  if (node?.kind !== 'number') return undefined
  const n = Number(node.raw)
  return n >= 0 && n <= lastSecond ? Math.trunc(n) : undefined
}

/** Checks `exp` and `nbf` where they are. Returns the code of what is wrong. */
export function checkDates(exp: JsonNode | undefined, nbf: JsonNode | undefined, now: number, skew: number): string | undefined {
  if (exp) {
    const at = numericDate(exp)
    if (at === undefined) return 'presentation-malformed'
    if (now - skew * 1000 >= at * 1000) return 'certificate-expired'
  }
  if (nbf) {
    const at = numericDate(nbf)
    if (at === undefined) return 'presentation-malformed'
    if (now + skew * 1000 < at * 1000) return 'certificate-not-yet-valid'
  }
  return undefined
}

/** Checks the issuer's signature: its algorithm, its encoding, then its value. */
export async function verifyIssuer(token: Jws, key: PublicKey): Promise<void> {
  try {
    await verifyJws(token, key)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw new Refusal(signatureCode(e), e.message)
  }
}

/** The code of a signature that is not good. */
export function signatureCode(fault: Fault): string {
  return fault.kind === 'algorithm' ? 'algorithm-not-allowed' : fault.kind === 'encoding' ? 'signature-encoding' : 'signature-invalid'
}

/** The holder's key out of `cnf` (RFC 7800 §3.2). */
export function confirmationKey(sd: SdJwt): PublicKey {
  const cnf = sd.claims.get('cnf')
  if (cnf === undefined) throw new Refusal('holder-binding-missing', 'the certificate is bound to nobody')
  const jwk = cnf.kind === 'object' ? cnf.members.get('jwk') : undefined
  if (jwk === undefined) throw new Refusal('holder-binding-invalid', 'no jwk in cnf')
  try {
    return PublicKey.fromNode(jwk)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw new Refusal('holder-binding-invalid', e.message)
  }
}

/** Checks the holder's proof: her signature, over exactly these disclosures, for this verifier, its nonce, and now (RFC 9901 §7.3 step 5). */
export async function verifyBinding(sd: SdJwt, key: PublicKey, want: BindingExpectation, now: number): Promise<void> {
  const { audience, nonce, maxAge = 60, skew = 10 } = want
  if (sd.keyBinding === '') throw new Refusal('holder-binding-missing', 'no key binding')
  if (!audience || !nonce) throw new Refusal('holder-binding-invalid', 'nothing to check it against')
  let proof: Jws
  try {
    proof = parseJws(sd.keyBinding, 'kb+jwt')
    await verifyJws(proof, key)
  } catch (e) {
    if (!(e instanceof Fault)) throw e
    throw new Refusal('holder-binding-invalid', e.message)
  }
  const claims = proof.payload.members
  // aud is a single string (§4.3): a list is refused.
  for (const [name, value, code] of [
    ['sd_hash', await digestOf(sd.hash, sd.covered), 'holder-binding-invalid'],
    ['nonce', nonce, 'nonce-wrong'],
    ['aud', audience, 'audience-wrong'],
  ] as const) {
    const got = textOf(claims.get(name))
    if (got === undefined) throw new Refusal('holder-binding-invalid', `${name} is not a string`)
    if (got !== value) throw new Refusal(code, `${name} differs`)
  }
  const iat = numericDate(claims.get('iat'))
  if (iat === undefined) throw new Refusal('holder-binding-invalid', 'iat is not a NumericDate')
  if (iat * 1000 > now + skew * 1000) throw new Refusal('proof-from-future', 'iat is ahead')
  if (iat * 1000 < now - maxAge * 1000) throw new Refusal('proof-too-old', 'iat has passed')
  // A wallet may bound its proof further.
  if (checkDates(claims.get('exp'), claims.get('nbf'), now, skew)) throw new Refusal('proof-too-old', 'exp or nbf of the proof')
}

/** What {@link verifyPresentation} checks against. */
export interface PresentationExpectation {
  /** The issuer's key that is trusted. It decides the algorithm. */
  readonly issuer: PublicKey
  /** The moment of checking, in milliseconds since 1970. Default now. */
  readonly now?: number
  /** What the holder's proof must say. Without it none is wanted: for the original that a department holds, never for something shown. */
  readonly binding?: BindingExpectation
}

/**
 * Checks a presentation under one trusted key, without a trust list and without a status: form and disclosures; the rules of
 * SD-JWT VC; the issuer's signature; dates; key binding. In that order, so that the code is the same in every language.
 * What is wrong is thrown as {@link Refusal}. Whoever checks certificates of strangers wants {@link Verifier}.
 */
export async function verifyPresentation(text: string, expect: PresentationExpectation): Promise<SdJwt> {
  const now = expect.now ?? Date.now()
  const sd = await parseSdJwt(text)
  checkCredential(sd)
  await verifyIssuer(sd.token, expect.issuer)
  const wrong = checkDates(sd.claims.get('exp'), sd.claims.get('nbf'), now, 10)
  if (wrong) throw new Refusal(wrong, 'dates')
  if (expect.binding) await verifyBinding(sd, confirmationKey(sd), expect.binding, now)
  return sd
}
