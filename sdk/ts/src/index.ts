/**
 * Checks electronic certificates of showcard: by asking a deployment ({@link Client}), or without it, against its signed trust
 * list ({@link Verifier}, {@link OfflineChecker}, {@link verifyReceipt}). What signed texts may look like is docs/formats.md;
 * codes and their order are those of `testdata/vectors`, which every SDK runs.
 *
 * @packageDocumentation
 */
export { type FieldFault, Problem, Refusal, type Sentence, ShowcardError, type Text, sentence } from './errors.js'
export type * from './api.js'
export { Client, type ClientOptions, portraitMatches } from './client.js'
export { type Algorithm, type PrivateJwk, type PublicJwk, PublicKey, type Signer, cryptoKeySigner, importSigner } from './keys.js'
export { type Code, parseCode } from './code.js'
export { Claims } from './claims.js'
export type { JsonValue } from './json.js'
export * from './verifier.js'
export { type BindingExpectation, type PresentationExpectation, verifyPresentation } from './presentation.js'
export { type Fetch, type RemoteOptions, RemoteStatus, RemoteTrust, type RemoteTrustOptions, type Store } from './remote.js'
export { Bundles, type BundlesOptions } from './bundles.js'
export { Status, type StatusList, type StatusReference, type UnverifiedStatusList, parseStatusList } from './statuslist.js'
export { type CertificateType, type DatedKey, type Domain, type Issuer, type Provider, type ServiceKey, TrustList, type TrustListParts } from './trust/model.js'
export { TrustRoots } from './trust/roots.js'
export { type Compared, type FiledValues, type Openings, type Receipt, compareReceipt, verifyReceipt } from './receipt.js'
export type { HashName } from './hash.js'
export { OfflineCatalogue, type OfflineField, type OfflineReading, type OfflineType, offlineType } from './offline/catalogue.js'
export { OfflineChecker, type OfflineCheckerOptions, type OfflineResult, type RevokedSerials, offlineReport } from './offline/checker.js'
export { type OfflineCodeExpectation, verifyOfflineCode } from './offline/verify.js'
export { ReplayMemory } from './offline/replay.js'
export {
  type OfflineExpectation, type OfflineToken, type OfflineValue, type OfflineView, parseOffline, proofAge, verifyOfflineDates, verifyOfflineIssuer, verifyOfflineProof,
} from './offline/token.js'
