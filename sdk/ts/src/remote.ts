import { utf8Length } from './bytes.js'
import { Refusal } from './errors.js'
import { type JsonObject, integerOf, parseJson, textOf } from './json.js'
import type { PublicKey } from './keys.js'
import { Status, type StatusList, type StatusReference, parseStatusList } from './statuslist.js'
import { type Domain, type TrustList, covers, findKey } from './trust/model.js'
import { TrustRoots } from './trust/roots.js'
import type { StatusAnswer, StatusSource, TrustSource } from './verifier.js'

/**
 * A place that outlives the program, so that a restart does not make a verifier believe an older list again, and that
 * it can begin without a network. It belongs to one verifier.
 */
export interface Store {
  /** The text that was kept under a name, or `undefined`. */
  get(name: string): Promise<string | undefined>
  /** Keeps a text, whole or not at all. */
  set(name: string, text: string): Promise<void>
}

/** A function like the global `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** What both remote sources take. */
export interface RemoteOptions {
  readonly store?: Store
  readonly fetch?: Fetch
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

const maxBytes = 16 << 20
const retryAfter = 1000 // after a fetch that failed

/** Gets a small text with bounds on time and size. A list is where the signed documents say it is; nobody sends us elsewhere. */
async function get(fetcher: Fetch, url: string, accept: string): Promise<string> {
  const response = await fetcher(url, { headers: { accept }, redirect: 'manual', signal: AbortSignal.timeout(10_000) })
  if (response.status !== 200) throw new Error(`GET ${url}: HTTP ${response.status}`)
  return readBounded(response, maxBytes)
}

/** Reads a body of at most so many bytes. */
export async function readBounded(response: Response, most: number): Promise<string> {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  for (let n = 0; reader; ) {
    const { done, value } = (await reader.read()) as { done: boolean; value?: Uint8Array }
    if (done || !value) break
    n += value.length
    if (n > most) {
      await reader.cancel()
      throw new Error(`answer of more than ${most} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
  return text + decoder.decode()
}

/** What {@link RemoteTrust} stands on. */
export interface RemoteTrustOptions extends RemoteOptions {
  /** The deployment, such as `https://cards.example.gov.cn`. */
  readonly baseUrl: string
  /** The text of `roots.json`, from the operator on a safe way, not from that address. */
  readonly pinnedRoots: string
  /** How often the list is asked for, in seconds. Default 60. */
  readonly renew?: number
}

const rootsRenew = 3600_000 // newer roots are looked for also when the list fits those at hand
const maxRootSteps = 120 // a rotation a month for ten years
const memoryName = 'trust'

/**
 * Keeps a deployment's trust list at hand. It starts from pinned roots, follows the chain of newer roots, refuses a list older
 * than one it has seen, and goes on answering from the last good list while the network is away, until that list expires.
 */
export class RemoteTrust implements TrustSource {
  readonly #base: string
  readonly #fetch: Fetch
  readonly #now: () => number
  readonly #renew: number
  readonly #store: Store | undefined
  #roots: TrustRoots
  #chain: string[] = [] // documents that lead from the pinned roots to the present ones
  #list: TrustList | undefined
  #text = ''
  #newest = 0
  #newestRoots = 0
  #fetched = 0
  #walked = 0
  #error: Error | undefined
  #busy: Promise<void> | undefined

  private constructor(options: RemoteTrustOptions, roots: TrustRoots) {
    this.#base = options.baseUrl.replace(/\/+$/, '')
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
    this.#now = options.now ?? Date.now
    this.#renew = (options.renew ?? 60) * 1000
    this.#store = options.store
    this.#roots = roots
  }

  /** Starts from the pinned roots and from what the store kept. */
  static async open(options: RemoteTrustOptions): Promise<RemoteTrust> {
    const trust = new RemoteTrust(options, await TrustRoots.pin(options.pinnedRoots))
    const kept = await options.store?.get(memoryName)
    if (kept !== undefined) await trust.#recall(kept)
    return trust
  }

  /** The list, asked for anew when it is time. */
  async current(): Promise<TrustList> {
    const now = this.#now()
    if (now - this.#fetched > (this.#error ? retryAfter : this.#renew)) {
      this.#busy ??= this.#refresh(now).finally(() => (this.#busy = undefined))
      await this.#busy
    }
    if (!this.#list) throw this.#error instanceof Refusal ? this.#error : new Refusal('trust-list-unavailable', this.#error?.message ?? 'no list', { cause: this.#error })
    if (this.#list.expired(this.#now())) throw new Refusal('trust-list-stale', `list ${this.#list.version} has expired`)
    return this.#list
  }

  /** Why the last renewal failed, or `undefined`. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Reads a list that was filed away, under the present roots: for receipts. */
  archived(text: string): Promise<TrustList> {
    return this.#roots.archived(text)
  }

  async #refresh(now: number): Promise<void> {
    try {
      await this.#renewList(now)
      this.#error = undefined
    } catch (e) {
      this.#error = e instanceof Error ? e : new Error(String(e))
    }
    this.#fetched = now
  }

  async #renewList(now: number): Promise<void> {
    const text = await get(this.#fetch, `${this.#base}/v1/trust-list`, 'application/jose')
    let [roots, chain] = [this.#roots, this.#chain]
    let judged = await judge(roots, text, now, this.#newest)
    if (judged instanceof Refusal && judged.code === 'trust-list-rolled-back') throw judged
    // The list may be signed by a key that only newer roots name, or that only newer roots drop.
    if (judged instanceof Refusal || roots.version < this.#newestRoots || now - this.#walked >= rootsRenew) {
      for (let step = 0; step < maxRootSteps; step++) {
        let document: string
        let next: TrustRoots
        try {
          document = await get(this.#fetch, `${this.#base}/v1/trust-list/roots?version=${roots.version + 1}`, 'application/json')
          next = await roots.next(document, now)
        } catch {
          break // there are no newer ones, they cannot be had, or what came does not follow
        }
        roots = next
        chain = [...chain, document]
        judged = await judge(roots, text, now, this.#newest)
      }
      if (!(judged instanceof Refusal) && roots.version < this.#newestRoots) throw new Refusal('trust-list-rolled-back', 'newer roots were seen before than the server offers')
      if (judged instanceof Refusal) throw judged // none of the roots are taken: the list is to blame, and may come right
      this.#walked = now
    } else if (judged.version === this.#newest && text === this.#text) return
    await this.#store?.set(memoryName, JSON.stringify({ trust_list_version: judged.version, roots_version: roots.version, roots: chain, list: text }))
    this.#roots = roots
    this.#chain = chain
    this.#list = judged
    this.#text = text
    this.#newest = judged.version
    this.#newestRoots = Math.max(this.#newestRoots, roots.version)
  }

  /** Takes over what an earlier program kept. All of it is checked again, from the pinned roots on; what it may do is to raise the bar. */
  async #recall(text: string): Promise<void> {
    const unreadable = (): Refusal => new Refusal('file-unreadable', 'the store does not hold the memory of a verifier: to begin anew is for a person to decide')
    let kept: JsonObject
    try {
      const node = parseJson(text, 4)
      if (node.kind !== 'object') throw unreadable()
      kept = node
    } catch {
      throw unreadable()
    }
    const [newest, newestRoots] = [integerOf(kept.members.get('trust_list_version')), integerOf(kept.members.get('roots_version'))]
    const list = textOf(kept.members.get('list'))
    const documents = kept.members.get('roots')
    if (!newest || newest < 1 || !newestRoots || list === undefined || documents?.kind !== 'array') throw unreadable()
    this.#newest = newest
    this.#newestRoots = newestRoots
    const now = this.#now()
    for (const node of documents.elements) {
      const document = textOf(node) ?? ''
      try {
        this.#roots = await this.#roots.next(document, now)
      } catch {
        continue // older than what is pinned now
      }
      this.#chain.push(document)
    }
    if (this.#roots.version < newestRoots) return
    const judged = await judge(this.#roots, list, now, newest)
    if (judged instanceof Refusal) return
    this.#list = judged
    this.#text = list
  }
}

async function judge(roots: TrustRoots, text: string, now: number, newest: number): Promise<TrustList | Refusal> {
  try {
    return await roots.verify(text, now, newest)
  } catch (e) {
    if (e instanceof Refusal) return e
    throw e
  }
}

interface KeptList {
  list: StatusList
  kid: string
  key: PublicKey
  fetched: number
}

const maxListAge = 300 // seconds; bounds what the ttl of a list can talk us into

/** Fetches signed status lists and keeps each for its ttl. What it keeps was verified under the key that the trust list gives the domain. */
export class RemoteStatus implements StatusSource {
  readonly #fetch: Fetch
  readonly #now: () => number
  readonly #store: Store | undefined
  readonly #lists = new Map<string, KeptList>()
  readonly #failed = new Map<string, { at: number; error: unknown }>()
  readonly #busy = new Map<string, Promise<void>>()

  constructor(options: RemoteOptions = {}) {
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
    this.#now = options.now ?? Date.now
    this.#store = options.store
  }

  /** The status of one certificate. */
  async status(reference: StatusReference, home: Domain): Promise<StatusAnswer> {
    const { uri, idx } = reference
    if (utf8Length(uri) > 512) throw new Refusal('status-unavailable', 'address of the list')
    await this.renew(uri, home)
    const kept = this.#lists.get(uri)
    if (!kept) throw this.#why(uri)
    // The key may have been frozen since the list was kept: ask the trust list each time.
    try {
      if (!usable(home, kept.kid, kept.list.issuedAt).equals(kept.key)) throw new Refusal('status-list-wrong-signer', 'another key has its id')
    } catch (e) {
      this.#lists.delete(uri) // perhaps there is one by a better key
      throw e
    }
    const status = kept.list.get(idx)
    if (status === undefined) throw new Refusal('status-index-out-of-range', `${idx} of ${kept.list.size}`)
    if (status === Status.valid && kept.list.expires !== undefined && this.#now() >= kept.list.expires * 1000) throw new Refusal('status-stale', 'the list has expired')
    return { status, asOf: kept.list.issuedAt * 1000, source: 'list', maxAge: Math.min(2 * kept.list.ttl, maxListAge) }
  }

  /** Fetches a list when the one at hand is past its ttl: what {@link status} does, for who wants it at hand before the network goes. */
  async renew(uri: string, home: Domain): Promise<void> {
    const now = this.#now()
    if (!this.#lists.has(uri)) await this.#recall(uri, home, now)
    const kept = this.#lists.get(uri)
    if (kept && now - kept.fetched < kept.list.ttl * 1000 && (kept.list.expires === undefined || now < kept.list.expires * 1000)) return
    if (now - (this.#failed.get(uri)?.at ?? -Infinity) <= retryAfter) return
    const busy = this.#busy.get(uri) ?? this.#take(uri, home, now).finally(() => this.#busy.delete(uri))
    this.#busy.set(uri, busy)
    await busy
  }

  #why(uri: string): Error {
    const error = this.#failed.get(uri)?.error
    return error instanceof Refusal ? error : new Refusal('status-unavailable', error instanceof Error ? error.message : 'no list', { cause: error })
  }

  async #take(uri: string, home: Domain, now: number): Promise<void> {
    try {
      const text = (await get(this.#fetch, uri, 'application/statuslist+jwt')).trim()
      const read = await readList(text, uri, home, now)
      const kept = this.#lists.get(uri)
      if (kept && read.list.issuedAt < kept.list.issuedAt) throw new Refusal('status-unavailable', 'list older than one that was seen')
      if (this.#lists.size >= 4096) this.#lists.clear() // bounded: every address here lies under a trusted domain's prefix
      this.#lists.set(uri, { ...read, fetched: now })
      this.#failed.delete(uri)
      await this.#store?.set(`status ${uri}`, text)
    } catch (error) {
      if (this.#failed.size >= 4096) this.#failed.clear()
      this.#failed.set(uri, { at: now, error })
    }
  }

  async #recall(uri: string, home: Domain, now: number): Promise<void> {
    const text = await this.#store?.get(`status ${uri}`)
    if (text === undefined) return
    try {
      this.#lists.set(uri, { ...(await readList(text, uri, home, now)), fetched: 0 })
    } catch (e) {
      if (!(e instanceof Refusal)) throw e // one that expired is asked for anew
    }
  }
}

async function readList(text: string, uri: string, home: Domain, now: number): Promise<Omit<KeptList, 'fetched'>> {
  const unverified = parseStatusList(text)
  const key = usable(home, unverified.kid, unverified.issuedAt)
  return { list: await unverified.verify(key, uri, now), kid: unverified.kid, key }
}

/** The key of a domain that may sign status lists. */
function usable(home: Domain, kid: string, iat: number): PublicKey {
  const dated = findKey(home.statusKeys, kid)
  if (!dated) throw new Refusal('status-list-wrong-signer', 'no key of the domain')
  try {
    covers(dated, iat)
  } catch (e) {
    throw e instanceof Refusal && e.code === 'key-frozen' ? new Refusal('status-list-wrong-signer', 'the key is frozen') : new Refusal('status-unavailable', 'signed outside of the dates of the key')
  }
  return dated.key
}
