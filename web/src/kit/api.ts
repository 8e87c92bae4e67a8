import { shared } from '../strings/shared'
import type { Text } from './text'

// Calls of the public API with the cookie of a person. Staff pages call it with tokens, through the SDK (workstation.ts).

/** A field of a request that was refused. */
export interface Fault {
  readonly pointer?: string
  readonly code?: string
  readonly detail?: string
}

/** Every way a call can fail, in two sentences that a person can act on. */
export class Trouble extends Error {
  constructor(
    /** Stable; `offline` where there was no answer at all. */
    readonly code: string,
    /** 0 where there was no answer at all. */
    readonly status: number,
    readonly title: Text,
    readonly next: Text,
    /** Seconds that the server asks to wait. */
    readonly wait = 0,
    readonly errors: readonly Fault[] = [],
  ) {
    super(code)
  }

  /** The same may work in a moment. */
  get passing(): boolean { return this.status === 0 || this.status === 429 || this.status >= 502 }
}

/** A sentence of the catalogue in the form of the API's. */
export const said = (pair: readonly [string, string]): Text => ({ zh: pair[0], en: pair[1] })

export function unreachable(): Trouble { return new Trouble('offline', 0, said(shared.offline), said(shared.checkNetwork)) }

/** What an error becomes on a page: its own sentences, or those of a page that failed. */
export function troubleOf(e: unknown): Trouble {
  return e instanceof Trouble ? e : new Trouble('page', 0, said(shared.pageFailed), said(shared.reload))
}

interface Problem {
  code?: string
  title?: string
  title_zh?: string
  next?: Text
  errors?: Fault[]
}

/** What a refusal says. */
export async function refusal(response: Response): Promise<Trouble> {
  let p: Problem = {}
  try { p = (await response.json()) as Problem } catch { /* a proxy's own page */ }
  return new Trouble(p.code ?? `http-${response.status}`, response.status,
    { zh: p.title_zh ?? shared.oddAnswer[0], en: p.title ?? shared.oddAnswer[1] },
    p.next ?? said(shared.later), Number(response.headers.get('Retry-After')) || 0, p.errors ?? [])
}

export interface CallOptions {
  readonly body?: unknown
  /** Under which the server knows the request again. */
  readonly key?: string
  readonly token?: string
  readonly timeout?: number
  readonly signal?: AbortSignal
  readonly accept?: string
  /** The body is read as it comes, so the time runs only until its headers are there. */
  readonly stream?: boolean
}

/** Calls, and gives the response when it is a good one: with its whole body, which a network can cut off as well as anything. */
export async function request(method: string, path: string, o: CallOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: o.accept ?? 'application/json' }
  if (o.body !== undefined) headers['Content-Type'] = 'application/json'
  if (o.token !== undefined) headers['Authorization'] = `Bearer ${o.token}`
  if (o.key !== undefined) headers['Idempotency-Key'] = o.key
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  o.signal?.addEventListener('abort', stop)
  const timer = setTimeout(stop, o.timeout ?? 15_000)
  let response: Response
  try {
    response = await fetch(path, {
      method, headers, signal: abort.signal, cache: 'no-store', credentials: o.token === undefined ? 'same-origin' : 'omit',
      ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
    })
    if (!o.stream) await response.clone().blob()
  } catch (e) {
    if (o.signal?.aborted) throw e
    throw unreachable()
  } finally {
    clearTimeout(timer)
    o.signal?.removeEventListener('abort', stop)
  }
  if (!response.ok) throw await refusal(response)
  return response
}

/** Calls, and reads JSON. */
export async function call<T>(method: string, path: string, o: CallOptions = {}): Promise<T> {
  const response = await request(method, path, o)
  if (response.status === 204) return undefined as T
  try { return (await response.json()) as T } catch { throw unreachable() } // cut off half way
}

/** A key for a request that must not be made twice. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('')
}
