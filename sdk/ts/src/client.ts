import type {
  BundleRequest, CallOptions, Challenge, FactsRequest, OfflineReport, Pending, Portrait, Settled, SignedReceipt, Verification, VerifyOptions, VerifyRequest,
} from './api.js'
import { bundleType } from './bundle/read.js'
import { decodeBase64url, encodeBase64url } from './bytes.js'
import { Problem, ShowcardError } from './errors.js'
import { digest } from './hash.js'
import { Http, type RetryPolicy, readJson, sleep, untilAborted } from './http.js'
import { signJws } from './jws.js'
import type { Signer } from './keys.js'
import type { Fetch } from './remote.js'

/** Who calls which deployment. */
export interface ClientOptions {
  /** The deployment, such as `https://cards.example.gov.cn`. Plain http is for this machine only. */
  readonly baseUrl: string
  /** Client id, as registered. */
  readonly clientId: string
  /** The client's key: {@link importSigner}, {@link cryptoKeySigner}, or one of a security module. */
  readonly key: Signer
  /** The deployment's public URL, when it is reached at another address. */
  readonly publicUrl?: string
  /** How often a request is tried that may go away by itself. Default 6. */
  readonly attempts?: number
  /** Milliseconds until an answer is there. Default 30,000. */
  readonly timeout?: number
  readonly fetch?: Fetch
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

// The deployment gives the same answer to the same key for 60 s: later retries would be refused.
const checkWithin = 50_000
const readWithin = 120_000
const waitForHolder = 20 // seconds of one request

/** A relying party's client of a deployment. It may be used by many at once. */
export class Client {
  readonly #o: ClientOptions
  readonly #base: string
  readonly #audience: string
  readonly #now: () => number
  readonly #http: Http
  #token: { text: string; until: number } | undefined
  #asking: Promise<string> | undefined

  constructor(options: ClientOptions) {
    const url = URL.canParse(options.baseUrl) ? new URL(options.baseUrl) : undefined
    if (!url || url.pathname !== '/' || url.search || url.hash || url.username || url.password || !['http:', 'https:'].includes(url.protocol)) {
      throw new ShowcardError('config-invalid', 'baseUrl: want https://HOST without a path')
    }
    // A token is a bearer secret; in the clear it stays on this machine.
    if (url.protocol === 'http:' && !/^(?:localhost|127(?:\.[0-9]+){3}|\[::1\])$/.test(url.hostname)) {
      throw new ShowcardError('config-invalid', 'baseUrl: plain http is for this machine only')
    }
    this.#o = options
    this.#base = url.origin
    this.#audience = (options.publicUrl ?? url.origin).replace(/\/+$/, '')
    this.#now = options.now ?? Date.now
    this.#http = new Http(options.fetch ?? ((address, init) => fetch(address, init)), options.timeout ?? 30_000)
  }

  /**
   * Checks a code or a presentation. Whatever is wrong with the certificate or the code is in the answer: read `outcome`. A
   * {@link Problem} means that the request was refused and nothing was spent. When the holder is asked for more than she shows,
   * the call waits for her answer, at most as long as she may think.
   */
  async verify(request: VerifyRequest, options: VerifyOptions = {}): Promise<Verification> {
    const { clerkCompared, ...rest } = request
    return this.#verify({ ...rest, ...(clerkCompared === undefined ? {} : { clerk_compared: clerkCompared }) }, options)
  }

  /** Compares facts with a certificate that nobody shows: a yes or no for each field in `matches`, and nothing disclosed. */
  async checkFacts(request: FactsRequest, options: CallOptions = {}): Promise<Verification> {
    const { purpose, receipt, ...facts } = request
    return this.#verify({ facts, purpose, ...(receipt === undefined ? {} : { receipt }) }, options)
  }

  /** Gets a nonce for a presentation that the caller takes itself. It is good for five minutes and once. */
  async challenge(options: CallOptions = {}): Promise<Challenge> {
    const response = await this.#send('POST', '/v1/verifications/challenges', options)
    return readJson<Challenge>(response, 'nonce', 'aud', 'expires_at')
  }

  /** Gets the signed receipt of a check, and the salts of its digests. */
  async receipt(id: string, options: CallOptions = {}): Promise<SignedReceipt> {
    const response = await this.#send('GET', `/v1/verifications/${encodeURIComponent(id)}/receipt`, options)
    return readJson<SignedReceipt>(response, 'receipt', 'openings')
  }

  /** Gets the holder's portrait, for five minutes after a check whose answer said `portrait`. See {@link portraitMatches}. */
  async portrait(id: string, options: CallOptions = {}): Promise<Portrait> {
    const response = await this.#send('GET', `/v1/verifications/${encodeURIComponent(id)}/portrait`, options)
    const salt = decodeBase64url(response.headers.get('portrait-salt') ?? '')
    if (!salt?.length) throw new Problem({ code: 'server-answer-malformed', status: response.status, detail: 'a portrait without its salt' })
    return { image: new Uint8Array(await response.arrayBuffer()), mediaType: response.headers.get('content-type') ?? '', salt }
  }

  /**
   * Says, after a check, whether the person in front is the one of the certificate: within five minutes, once; the same word again
   * is the same answer. `false` makes the check `invalid`. A receipt that is fetched afterwards says so.
   */
  async person(id: string, same: boolean, options: CallOptions = {}): Promise<Verification> {
    const key = options.idempotencyKey ?? randomKey()
    const response = await this.#send('POST', `/v1/verifications/${encodeURIComponent(id)}/person`, options, { same }, { key })
    return readJson<Verification>(response, 'id', 'outcome', 'reasons')
  }

  /** Gets a bundle for checkers without a network, as it was signed. {@link Bundles} asks for it, and believes it when it is good. */
  async offlineBundle(request: BundleRequest = {}, options: CallOptions = {}): Promise<Uint8Array> {
    const response = await this.#send('POST', '/v1/offline/bundle', options, request, { accept: bundleType })
    const type = response.headers.get('content-type') ?? ''
    if (type !== bundleType) throw new Problem({ code: 'server-answer-malformed', status: response.status, detail: `an answer of type ${type}` })
    return new Uint8Array(await response.arrayBuffer())
  }

  /**
   * Reports checks that were made without a network, at most 200, in their order; each becomes a verification with its receipt. A
   * report that got no answer is made again: a proof is counted once. What was refused as `check-from-future` may be reported
   * again later, nothing else that was refused.
   */
  async settle(reports: readonly OfflineReport[], options: CallOptions = {}): Promise<Settled> {
    const checks = reports.map((r) => ({
      code: r.code, checked_at: r.checkedAt.toISOString(), purpose: r.purpose, outcome: r.outcome, reasons: r.reasons,
      ...(r.nonce ? { asked: { nonce: encodeBase64url(r.nonce) } } : {}),
      ...(r.bundleAsOf ? { bundle_as_of: r.bundleAsOf.toISOString() } : {}),
      ...(r.personCompared ? { person_compared: true } : {}),
    }))
    const response = await this.#send('POST', '/v1/verifications/offline', options, { checks })
    const settled = await readJson<Settled>(response, 'checks')
    if (Array.isArray(settled.checks) && settled.checks.length <= reports.length) return settled
    throw new Problem({ code: 'server-answer-malformed', status: response.status, detail: `answers to ${reports.length} checks` })
  }

  /** An access token, kept until shortly before its end. For calls that this class does not have. */
  async accessToken(options: CallOptions = {}): Promise<string> {
    return this.#http.retry(this.#policy(readWithin, options), () => this.#authorize(options))
  }

  async #verify(body: Readonly<Record<string, unknown>>, options: VerifyOptions): Promise<Verification> {
    const key = options.idempotencyKey ?? randomKey()
    let response = await this.#send('POST', '/v1/verifications', options, body, { key })
    for (let told = false; response.status === 202; told = true) {
      const p = await readJson<{ id: string; expires_at: string; asked: string[] }>(response, 'id', 'expires_at', 'asked')
      const pending: Pending = { id: p.id, expiresAt: new Date(p.expires_at), asked: p.asked }
      if (!told) options.onPending?.(pending)
      // She is told apart from a server that says pending for ever: after her time the answer comes, or the check is over.
      if (!(this.#now() < pending.expiresAt.getTime() + 60_000)) throw new Problem({ code: 'timed-out', status: response.status, detail: 'the holder was asked, and no answer came' })
      const began = performance.now()
      response = await this.#send('GET', `/v1/verifications/${encodeURIComponent(p.id)}?wait=${waitForHolder}`, options)
      if (response.status === 202 && performance.now() - began < 1000) await sleep(1000, options.signal)
    }
    return readJson<Verification>(response, 'id', 'outcome', 'reasons')
  }

  /** Makes a request, again where that is safe: with the same key the deployment answers the same. */
  async #send(method: 'GET' | 'POST', path: string, options: CallOptions, body?: unknown, more: { key?: string; accept?: string } = {}): Promise<Response> {
    const { key, accept = 'application/json' } = more
    const init: RequestInit = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const headers: Record<string, string> = { accept }
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (key !== undefined) headers['idempotency-key'] = key
    const once = async (): Promise<Response> => {
      const authorization = `Bearer ${await this.#authorize(options)}`
      return this.#http.once(this.#base + path, { ...init, headers: { ...headers, authorization } }, options.signal, waitForHolder * 1000)
    }
    return this.#http.retry(this.#policy(key ? checkWithin : readWithin, options), async () => {
      try {
        return await once()
      } catch (e) {
        if (!(e instanceof Problem) || (e.code !== 'token-expired' && e.code !== 'token-invalid')) throw e
        // The server restarted with another key, or our clocks differ: once more, with a new one.
        this.#token = undefined
        return once()
      }
    })
  }

  #policy(within: number, options: CallOptions): RetryPolicy {
    return { attempts: this.#o.attempts ?? 6, within, signal: options.signal }
  }

  /** The token at hand, or a new one: one request, however many wait for it; one of them may be called off. */
  async #authorize(options: CallOptions): Promise<string> {
    if (this.#token && this.#now() < this.#token.until) return this.#token.text
    options.signal?.throwIfAborted()
    this.#asking ??= this.#askToken().finally(() => (this.#asking = undefined))
    return untilAborted(this.#asking, options.signal)
  }

  /** Proves who we are by a signed assertion (RFC 7523), and gets a token for it. Whoever asked tries again where that may help. */
  async #askToken(): Promise<string> {
    const { clientId, key } = this.#o
    const seconds = Math.floor(this.#now() / 1000)
    const claims = { iss: clientId, sub: clientId, aud: this.#audience, iat: seconds, exp: seconds + 60, jti: randomKey() }
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await signJws(key, 'client-authentication+jwt', claims),
    })
    const init = { method: 'POST', body: form.toString(), headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' } }
    const response = await this.#http.once(`${this.#base}/oauth/token`, init, undefined)
    const granted = await readJson<{ access_token: string; expires_in: number }>(response, 'access_token', 'expires_in')
    const life = Number(granted.expires_in) || 0
    this.#token = { text: String(granted.access_token), until: this.#now() + (life - Math.min(life / 5, 30)) * 1000 }
    return this.#token.text
  }
}

function randomKey(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(16)))
}

/** Whether a portrait is the one of the certificate: `portrait_digest` of the claims is a hash name, a colon and the digest over salt and image. */
export async function portraitMatches(claim: unknown, portrait: Portrait): Promise<boolean> {
  const [, name, sum] = /^(sm3|sha-256):([0-9A-Za-z_-]{43})$/.exec(typeof claim === 'string' ? claim : '') ?? []
  if (sum === undefined) return false
  return encodeBase64url(await digest(name === 'sm3' ? 'sm3' : 'sha-256', portrait.salt, portrait.image)) === sum
}
