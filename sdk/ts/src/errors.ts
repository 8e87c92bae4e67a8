import { sentences } from './sentences.js'

/** A sentence in both languages. */
export interface Text {
  readonly zh: string
  readonly en: string
}

/** What a code says to a person: what happened, and what to do now. */
export interface Sentence {
  readonly title: Text
  readonly next: Text
}

/** The sentences of a code that this SDK gives by itself, or `undefined`. The deployment tells all of them at `/problems`. */
export function sentence(code: string): Sentence | undefined {
  return Object.hasOwn(sentences, code) ? sentences[code] : undefined
}

/** Every error of this SDK that has a stable code. Programs go by the code; new ones may come. */
export class ShowcardError extends Error {
  override readonly name: string = 'ShowcardError'
  /** Stable; one of the deployment's `/problems`. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options)
    this.code = code
  }

  /** What happened, for a person; `undefined` for a code that is younger than this SDK. */
  get title(): Text | undefined {
    return sentence(this.code)?.title
  }

  /** What to do now, for a person. */
  get next(): Text | undefined {
    return sentence(this.code)?.next
  }
}

/** Something that was read is not to be trusted, or is not what it should be. */
export class Refusal extends ShowcardError {
  override readonly name: string = 'Refusal'
}

/** A field of a request that the deployment refused. */
export interface FieldFault {
  /** RFC 6901 into the request. */
  readonly pointer: string
  readonly code: string
  readonly detail?: string
}

/** What {@link Problem} is made of. */
export interface ProblemParts {
  readonly code: string
  readonly status: number
  readonly title?: Text | undefined
  readonly next?: Text | undefined
  readonly detail?: string | undefined
  readonly errors?: readonly FieldFault[] | undefined
  readonly requestId?: string | undefined
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** The deployment refused a request (RFC 9457, or RFC 6749 §5.2 at the token endpoint), or could not be reached (status 0). */
export class Problem extends ShowcardError {
  override readonly name: string = 'Problem'
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** For an engineer. */
  readonly detail: string | undefined
  /** Every fault that was found in the request. */
  readonly errors: readonly FieldFault[]
  /** Under this id the deployment's log knows the request. */
  readonly requestId: string | undefined
  /** Seconds after which it may be tried again, if the deployment said so. */
  readonly retryAfter: number | undefined
  readonly #said: { title: Text | undefined; next: Text | undefined }

  constructor(parts: ProblemParts) {
    const about = [parts.title?.en, parts.detail, parts.requestId && `request ${parts.requestId}`].filter(Boolean).join('; ')
    super(parts.code, about || `HTTP ${parts.status}`, parts.cause === undefined ? undefined : { cause: parts.cause })
    this.status = parts.status
    this.detail = parts.detail
    this.errors = parts.errors ?? []
    this.requestId = parts.requestId
    this.retryAfter = parts.retryAfter
    this.#said = { title: parts.title, next: parts.next }
  }

  override get title(): Text | undefined {
    return this.#said.title ?? super.title
  }

  override get next(): Text | undefined {
    return this.#said.next ?? super.next
  }

  /** Whether it may go away by itself: too many requests, a server that restarts, a network that is away. */
  get passing(): boolean {
    return [429, 502, 503, 504].includes(this.status) || this.code === 'server-unreachable'
  }
}

/** What was wrong with a signed text, before it is known what that means for whoever reads it. */
export type FaultKind = 'malformed' | 'algorithm' | 'type' | 'encoding' | 'signature' | 'unsupported'

/** A fault of a signed text. Those who know what the text should have been give it its code. */
export class Fault extends Error {
  override readonly name = 'Fault'
  constructor(
    readonly kind: FaultKind,
    message: string,
  ) {
    super(message)
  }
}
