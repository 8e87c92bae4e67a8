import type { ProblemDocument } from './api.js'
import { Problem, type Text } from './errors.js'
import { type Fetch, readBounded } from './remote.js'

const maxAnswer = 8 << 20
const maxRefusal = 64 << 10
const maxRetryAfter = 300 // seconds; beyond it a person decides

/** How often, and how long, a request is tried. */
export interface RetryPolicy {
  readonly attempts: number
  /** Milliseconds after which none begins any more. */
  readonly within: number
  readonly signal?: AbortSignal | undefined
}

/** Makes requests of one deployment: with bounds, and again when that is safe. */
export class Http {
  constructor(
    private readonly fetcher: Fetch,
    private readonly timeout: number,
  ) {}

  /** Makes a request once. What is not a success is thrown as {@link Problem}. The answer's body is still to be read. */
  async once(url: string, init: RequestInit, signal: AbortSignal | undefined, patience = 0): Promise<Response> {
    signal?.throwIfAborted()
    const stop = new AbortController()
    const give = (): void => stop.abort(signal?.reason)
    signal?.addEventListener('abort', give, { once: true })
    const timer = setTimeout(() => stop.abort(new Error('no answer in time')), this.timeout + patience)
    try {
      const response = await this.fetcher(url, { ...init, redirect: 'manual', signal: stop.signal })
      const body = response.ok ? await bytesOf(response, maxAnswer) : undefined
      if (body) return new Response(response.status === 204 ? null : body, { status: response.status, headers: response.headers })
      throw await refusal(response)
    } catch (e) {
      signal?.throwIfAborted()
      if (e instanceof Problem) throw e
      throw new Problem({ code: 'server-unreachable', status: 0, detail: e instanceof Error ? e.message : String(e), cause: e })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', give)
    }
  }

  /**
   * Does something until it succeeds, fails for good, or the attempts are over. In between it waits as the server asks, or with
   * growing, random pauses, so that a thousand clients of a restarted server do not come back in step.
   */
  async retry<T>(policy: RetryPolicy, attempt: () => Promise<T>): Promise<T> {
    const began = performance.now()
    for (let n = 1; ; n++) {
      try {
        return await attempt()
      } catch (e) {
        if (!(e instanceof Problem) || !e.passing || n >= policy.attempts || (e.retryAfter ?? 0) > maxRetryAfter) throw e
        const ceiling = Math.min(250 * 2 ** (n - 1), 20_000)
        const pause = e.retryAfter ? e.retryAfter * 1000 + Math.random() * 250 : ceiling / 2 + (Math.random() * ceiling) / 2
        if (performance.now() - began + pause > policy.within) throw e
        await sleep(pause, policy.signal)
      }
    }
  }
}

async function bytesOf(response: Response, most: number): Promise<ArrayBuffer> {
  const declared = Number(response.headers.get('content-length') ?? 0)
  if (declared > most) throw new Problem({ code: 'server-answer-malformed', status: response.status, detail: `an answer of ${declared} bytes` })
  const reader = response.body?.getReader()
  const parts: Uint8Array[] = []
  for (let n = 0; reader; ) {
    const { done, value } = (await reader.read()) as { done: boolean; value?: Uint8Array }
    if (done || !value) break
    n += value.length
    parts.push(value)
    if (n <= most) continue
    await reader.cancel()
    throw new Problem({ code: 'server-answer-malformed', status: response.status, detail: `an answer of more than ${most} bytes` })
  }
  return new Blob(parts as BlobPart[]).arrayBuffer()
}

/** Waits, unless it is called off. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const off = (): void => {
      clearTimeout(timer)
      reject(signal?.reason instanceof Error ? signal.reason : new Error('called off'))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', off)
      resolve()
    }, milliseconds)
    if (signal?.aborted) off()
    else signal?.addEventListener('abort', off, { once: true })
  })
}

/** Waits for something that goes on for others when this one is called off. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const off = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('called off'))
    signal.addEventListener('abort', off, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', off))
  })
}

/** Reads an answer as JSON. Members that are not known are those of a newer server. */
export async function readJson<T>(response: Response, ...needed: (keyof T & string)[]): Promise<T> {
  const wrong = (detail: string): Problem => new Problem({ code: 'server-answer-malformed', status: response.status, detail })
  const type = response.headers.get('content-type')?.split(';')[0]?.trim() ?? ''
  if (type !== 'application/json') throw wrong(`an answer of type ${type}`)
  let value: unknown
  try {
    value = JSON.parse(await response.text())
  } catch {
    throw wrong('an answer that is not JSON')
  }
  if (typeof value !== 'object' || value === null) throw wrong('an answer that is no object')
  for (const name of needed) if (!Object.hasOwn(value, name)) throw wrong(`an answer without ${name}`)
  return value as T
}

/** Turns an answer that is no success into an error with a code: problem+json (RFC 9457), or OAuth's own form (RFC 6749 §5.2). */
async function refusal(response: Response): Promise<Problem> {
  const retryAfter = readRetryAfter(response.headers.get('retry-after'), Date.now())
  const type = response.headers.get('content-type')?.split(';')[0]?.trim()
  let d: ProblemDocument = {}
  if (type === 'application/problem+json' || type === 'application/json') {
    try {
      const read: unknown = JSON.parse(await readBounded(response, maxRefusal))
      if (typeof read === 'object' && read !== null) d = read
    } catch {
      d = {} // cut off, or some proxy's page
    }
  } else await response.body?.cancel().catch(() => undefined)
  const status = response.status
  const text = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined)
  const passing = [429, 502, 503, 504].includes(status)
  const oauth: Record<string, string> = { invalid_client: 'assertion-invalid', invalid_scope: 'scope-not-granted', unsupported_grant_type: 'grant-unsupported' }
  const code = text(d.code) ?? oauth[text(d.error) ?? ''] ?? (passing ? 'server-unreachable' : 'server-answer-malformed')
  const [zh, en] = [text(d.title_zh), text(d.title)]
  return new Problem({
    code, status, retryAfter,
    title: zh && en ? { zh, en } : undefined,
    next: isText(d.next) ? d.next : undefined,
    detail: text(d.detail) ?? text(d.error_description),
    errors: Array.isArray(d.errors) ? d.errors.filter((e) => typeof e === 'object' && e !== null && typeof e.code === 'string') : [],
    requestId: text(d.request_id) ?? text(response.headers.get('x-request-id')),
  })
}

function isText(v: unknown): v is Text {
  return typeof v === 'object' && v !== null && 'zh' in v && 'en' in v && typeof v.zh === 'string' && typeof v.en === 'string'
}

/** Reads RFC 9110 §10.2.3: seconds, or a date. */
export function readRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^[0-9]{1,9}$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}
