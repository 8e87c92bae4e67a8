import type { FieldFault, Text } from './errors.js'
import type { Outcome, State } from './verifier.js'
import type { Openings } from './receipt.js'

/** What {@link Client.verify} asks. Exactly one of `code`, `image` and `presentation`; and always a purpose. */
export interface VerifyRequest {
  /** The code as it was scanned, typed or pasted. */
  readonly code?: string
  /** Base64 of a PNG, JPEG or GIF of at most 5 MiB with one code in it. */
  readonly image?: string
  /** An SD-JWT VC with key binding that answers a challenge, with its `nonce`. */
  readonly presentation?: string
  readonly nonce?: string
  /** Code of the purpose, as registered for the caller. */
  readonly purpose: string
  /** With a code: what is wanted of the certificate. What the holder does not show she is asked for. */
  readonly fields?: readonly string[]
  /** The clerk has compared the person with the portrait. */
  readonly clerkCompared?: boolean
  /** The answer is to bring the signed receipt and its salts. */
  readonly receipt?: boolean
}

/** What {@link Client.checkFacts} asks: a yes or no for each field, nothing disclosed. */
export interface FactsRequest {
  /** The certificate, or else its holder. */
  readonly identifier?: string
  readonly holder?: { readonly type: string; readonly number: string }
  /** Certificate type, such as `resident-id`. */
  readonly type: string
  /** Names of fields and the values that are claimed, 1 to 32. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly purpose: string
  readonly receipt?: boolean
}

/** Settings of one call. */
export interface CallOptions {
  /**
   * Under which the deployment knows a request again: the same request under the same key is made once. Default: a random one
   * for each call, kept over its retries. Give your own to repeat a call of yours within 60 s.
   */
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

/** Settings of a check. */
export interface VerifyOptions extends CallOptions {
  /** Told when the holder is being asked for more than she showed; the call goes on waiting for her. */
  readonly onPending?: (pending: Pending) => void
}

/** The holder is being asked. */
export interface Pending {
  readonly id: string
  readonly expiresAt: Date
  readonly asked: readonly string[]
}

/** One check of an answer. */
export interface AnsweredCheck {
  readonly state: State
  readonly reason?: string
}

/** Why an answer is not valid, in words. */
export interface Reason {
  readonly code: string
  readonly title: Text
  readonly next: Text
}

/** The deployment's answer to a check (docs/formats.md §8.2). Members that a newer deployment adds are there, too. */
export interface Verification {
  readonly id: string
  /** Only `valid` is a yes. */
  readonly outcome: Outcome
  readonly reasons: readonly Reason[]
  readonly checked_at: string
  readonly purpose: string
  readonly type?: string
  readonly vct?: string
  readonly signature: AnsweredCheck & { readonly algorithm?: string }
  readonly issuer: AnsweredCheck & { readonly id?: string; readonly authority?: string; readonly name?: Text }
  readonly validity: AnsweredCheck & { readonly not_before?: string; readonly expires?: string }
  readonly holder: AnsweredCheck & { readonly bound?: 'provider' | 'device' | 'none'; readonly provider?: string }
  readonly person: AnsweredCheck & { readonly method?: string; readonly at?: string }
  readonly status: AnsweredCheck & { readonly as_of?: string; readonly source?: string; readonly ending?: { readonly state: string; readonly at: string } }
  /** Disclosed fields. Personal data: keep it no longer than the purpose lasts. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** What changes daily, looked up now. */
  readonly live?: Readonly<Record<string, unknown>>
  readonly live_at?: string
  /** {@link Client.portrait} answers for 5 minutes. */
  readonly portrait?: boolean
  /** Of facts: whether each field is as claimed. */
  readonly matches?: Readonly<Record<string, boolean>>
  readonly receipt?: string
  readonly openings?: Openings
  readonly consent?: { readonly answer: string; readonly asked: readonly string[] }
}

/** A nonce for a presentation. */
export interface Challenge {
  readonly nonce: string
  /** What the proof's `aud` must be: the relying party's id. */
  readonly aud: string
  readonly expires_at: string
}

/** A receipt and its salts. */
export interface SignedReceipt {
  readonly receipt: string
  readonly openings: Openings
}

/** The holder's portrait, with the salt of its digest. */
export interface Portrait {
  readonly image: Uint8Array
  readonly mediaType: string
  readonly salt: Uint8Array
}

/** What is read of a problem document, or of OAuth's own form. */
export interface ProblemDocument {
  code?: unknown
  title?: unknown
  title_zh?: unknown
  next?: unknown
  detail?: unknown
  errors?: FieldFault[]
  request_id?: unknown
  error?: unknown
  error_description?: unknown
}

/** What a checker has, so that a bundle need only say what is new (docs/formats.md §12). What is absent is not at hand. */
export interface BundleRequest {
  /** Version of the trust roots. */
  readonly roots?: number
  /** Version of the trust list. */
  readonly list?: number
  /** How far the revoked codes are known. */
  readonly serials?: number
  /** Which status lists are wanted. Default all. */
  readonly statuses?: 'all' | 'named' | 'none'
  /** How far these status lists are known; 0: not at all. */
  readonly lists?: Readonly<Record<string, number>>
}

/** A check that was made without a network, as {@link Client.settle} reports it; {@link offlineReport} makes one. */
export interface OfflineReport {
  /** As scanned. Anybody can read it: what keeps it belongs on a disk that is encrypted. */
  readonly code: string
  /** By the checker's clock. */
  readonly checkedAt: Date
  readonly purpose: string
  /** What the checker said, and why. */
  readonly outcome: Outcome
  readonly reasons: readonly string[]
  /** Of when its bundle was. */
  readonly bundleAsOf?: Date
  /** In the checker's own code, when it showed one first. */
  readonly nonce?: Uint8Array
  /** The clerk has compared the person with what she carries. */
  readonly personCompared?: boolean
}

/** What is at odds between a check and what the deployment knows (docs/formats.md §8.5). */
export type Conflict =
  | 'conflict-revoked-before' | 'conflict-shown-elsewhere' | 'conflict-shown-online' | 'conflict-said-valid' | 'conflict-said-invalid' | 'conflict-not-registered'

/** Why a report itself is refused; one of a code that cannot be read is refused for that. */
export type RefusedReport = 'check-malformed' | 'check-from-future' | 'check-too-old'

/** What became of a check that was reported (docs/formats.md §8.5). */
export interface SettledCheck {
  /** Hexadecimal serial of the proof, where it could be read. */
  readonly proof?: string
  /** `repeated`: this proof had been counted for the party before. `refused`: nothing is recorded as a look, and `reasons` says why. */
  readonly state: 'recorded' | 'repeated' | 'refused'
  /** Of the verification: {@link Client.receipt} answers for it. */
  readonly id?: string
  readonly outcome?: Outcome
  readonly reasons: readonly (RefusedReport | (string & {}))[]
  /** What the checker could not know, or knew otherwise. Somebody looks at such a case again. */
  readonly conflicts: readonly (Conflict | (string & {}))[]
}

/** The answer to {@link Client.settle}. */
export interface Settled {
  /** In the order of the reports. Fewer than those: report the rest again, after `retry_after` seconds. */
  readonly checks: readonly SettledCheck[]
  readonly retry_after?: number
}
