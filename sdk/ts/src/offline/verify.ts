import { parseCode } from '../code.js'
import { Refusal } from '../errors.js'
import type { PublicKey } from '../keys.js'
import { OfflineCatalogue, type OfflineReading } from './catalogue.js'
import { type OfflineExpectation, type OfflineToken, parseOffline, verifyOfflineDates, verifyOfflineIssuer, verifyOfflineProof } from './token.js'

/** What {@link verifyOfflineCode} checks against. */
export interface OfflineCodeExpectation extends OfflineExpectation {
  /** The authority's key that is trusted. It decides the algorithm. */
  readonly issuer: PublicKey
  /** The moment of checking, in milliseconds since 1970. Default now. */
  readonly now?: number
  readonly catalogue?: OfflineCatalogue
}

/**
 * Checks an offline code under one trusted key: its text, its form, the authority's signature and dates, the device's proof, the
 * view. In that order, so that the code is the same in every language; what is wrong is thrown as {@link Refusal}. It asks neither
 * a trust list nor what was revoked or shown before: whoever checks codes of strangers wants {@link OfflineChecker}.
 */
export async function verifyOfflineCode(scanned: string, expect: OfflineCodeExpectation): Promise<{ token: OfflineToken; reading: OfflineReading }> {
  const now = expect.now ?? Date.now()
  const code = parseCode(scanned)
  if (code.kind !== 'offline') throw new Refusal('code-not-ours', 'a ticket: it is checked online')
  const token = parseOffline(code.token)
  await verifyOfflineIssuer(token, expect.issuer)
  verifyOfflineDates(token, now)
  await verifyOfflineProof(token, expect, now)
  return { token, reading: (expect.catalogue ?? new OfflineCatalogue()).read(token.view) }
}
