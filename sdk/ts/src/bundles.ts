import type { BundleRequest, CallOptions } from './api.js'
import { type UnverifiedBundle, parseBundle } from './bundle/read.js'
import { BundleState } from './bundle/state.js'
import { type Bytes, concat, decodeBase64url, decodeUtf8, encodeBase64url, unhex } from './bytes.js'
import type { Client } from './client.js'
import { Refusal, ShowcardError } from './errors.js'
import { untilAborted } from './http.js'
import type { PublicKey } from './keys.js'
import type { RevokedSerials } from './offline/checker.js'
import type { Store } from './remote.js'
import type { StatusReference } from './statuslist.js'
import { type Domain, type TrustList, covers, findKey } from './trust/model.js'
import { TrustRoots } from './trust/roots.js'
import type { StatusAnswer, StatusSource, TrustSource } from './verifier.js'

/** Whose bundles to keep. */
export interface BundlesOptions {
  /** The deployment, as the trust list has its domain's base URL. */
  readonly baseUrl: string
  /** The text of `roots.json`, from the operator on a safe way. */
  readonly pinnedRoots: string
  /** Fetches bundles: its key must be registered with the scope `verify`. Without it they come by {@link Bundles.take} alone. */
  readonly client?: Pick<Client, 'offlineBundle'>
  /** Keeps bundles over a restart. */
  readonly store?: Store
  /** Whether the status lists are taken along: they are for certificates that are presented whole. Offline codes need none. Default no. */
  readonly statuses?: boolean
  /** How old, in seconds, what a bundle says of a certificate may be. Default, and most, a day. */
  readonly maxAge?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

/** What is held is replaced whole, or not at all. */
interface Held {
  readonly roots: TrustRoots
  readonly list: TrustList | undefined
  readonly state: BundleState
  readonly kept: readonly KeptBundle[]
}

interface KeptBundle {
  readonly data: Bytes
  /** As the store has it. */
  readonly text: string
  readonly kid: string
  readonly key: PublicKey
  readonly issuedAt: number
}

const day = 86_400
const skew = 60
const memoryName = 'bundles'
// Bounds of the chain that is kept before all is asked for anew.
const maxKept = 64
const maxKeptBytes = 8 << 20

/**
 * Keeps what a checker takes along to where there is no network: the trust list, the codes that were revoked and, if wanted, the
 * status lists of a deployment, all as of the newest bundle. It is the `trust` of an {@link OfflineChecker} and gives its
 * `revoked`, and it is `trust` and `status` of a {@link Verifier}. It may be used by many at once.
 */
export class Bundles implements TrustSource, StatusSource {
  readonly #o: BundlesOptions
  readonly #base: string
  readonly #now: () => number
  readonly #pinned: TrustRoots
  #have: Held
  #anew = false // what is held does not continue: ask for all
  #turn: Promise<unknown> = Promise.resolve()
  #renewing: Promise<void> | undefined

  private constructor(options: BundlesOptions, pinned: TrustRoots) {
    if (!((options.maxAge ?? day) > 0 && (options.maxAge ?? day) <= day)) throw new ShowcardError('config-invalid', 'maxAge: a bundle says nothing after a day')
    this.#o = options
    this.#base = options.baseUrl.replace(/\/+$/, '')
    this.#now = options.now ?? Date.now
    this.#pinned = pinned
    this.#have = { roots: pinned, list: undefined, state: BundleState.empty, kept: [] }
  }

  /** Begins with the pinned roots, and with the bundles that the store kept. All of them are checked again: the store need not be believed. */
  static async open(options: BundlesOptions): Promise<Bundles> {
    const bundles = new Bundles(options, await TrustRoots.pin(options.pinnedRoots))
    const text = await options.store?.get(memoryName)
    if (!text) return bundles
    const kept = text.split('\n').map((line) => decodeBase64url(line))
    if (!kept.every((data) => data !== undefined)) throw new Refusal('file-unreadable', 'the store does not hold bundles: to begin anew is for a person to decide')
    await bundles.#restore(kept)
    return bundles
  }

  /** Verifies a bundle and takes it over. A {@link Refusal} says why not; then what was known is known still. */
  take(data: Uint8Array): Promise<void> {
    const own = concat(data)
    return this.#inTurn(async () => this.#save(await this.#judge(this.#have, own)))
  }

  /**
   * Takes over what {@link kept} gave in an earlier life of this program. Each is judged as of its own date, and whether it is too
   * old by now shows when something is checked. At the first that is refused it ends; those before are known.
   */
  restore(kept: readonly Uint8Array[]): Promise<void> {
    const own = kept.map((data) => concat(data))
    return this.#inTurn(async () => {
      await this.#restore(own)
      await this.#save(this.#have)
    })
  }

  /** The bundles to keep over a restart, for who does so without a {@link Store}. */
  kept(): Uint8Array[] {
    return this.#have.kept.map((k) => concat(k.data))
  }

  /** The moment of the newest bundle; `undefined`: there is none. Its age belongs on the screen. */
  get asOf(): Date | undefined {
    const { asOf } = this.#have.state
    return asOf === undefined ? undefined : new Date(asOf * 1000)
  }

  /** What to ask for next, so that the answer need only say what is new. */
  wants(): BundleRequest {
    const { roots, list, state, kept } = this.#have
    const statuses = this.#o.statuses ? 'all' : 'none'
    const bytes = kept.reduce((n, k) => n + k.data.length, 0)
    if (this.#anew || !list || kept.length === 0 || kept.length >= maxKept || bytes >= maxKeptBytes) return { roots: this.#pinned.version, statuses }
    return {
      roots: roots.version, list: list.version, statuses,
      ...(state.head > 0 ? { serials: state.head } : {}),
      ...(this.#o.statuses ? { lists: state.lists } : {}),
    }
  }

  /** Fetches what is new and takes it over: one request, however many want it. What does not continue what is held is fetched whole, once. */
  async renew(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined))
    return untilAborted(this.#renewing, options.signal)
  }

  /** The trust list, until it expires. */
  async current(): Promise<TrustList> {
    const { list } = this.#have
    if (!list) throw new Refusal('trust-list-unavailable', 'no bundle')
    if (list.expired(this.#now())) throw new Refusal('trust-list-stale', `list ${list.version} has expired`)
    return list
  }

  /** The revoked codes, for an {@link OfflineChecker}; `undefined` without a bundle. */
  revoked(): RevokedSerials | undefined {
    const { state } = this.#have
    if (state.asOf === undefined) return undefined
    return { asOf: state.asOf * 1000, has: (serial) => /^[0-9a-f]{16}$/.test(serial) && state.revoked(unhex(serial)) }
  }

  /** The status of a certificate whose list was taken along. */
  async status(reference: StatusReference, home: Domain): Promise<StatusAnswer> {
    const { state } = this.#have
    const ours = home.baseUrl === this.#base && reference.uri.startsWith(home.statusPrefix)
    const known = ours ? state.status(reference.uri.slice(home.statusPrefix.length), reference.idx) : undefined
    if (!known) throw new Refusal('bundle-list-missing', ours ? reference.uri : 'of another deployment')
    return { status: known.status, asOf: known.asOf * 1000, source: 'bundle', maxAge: this.#o.maxAge ?? day }
  }

  /** One after the other: each is judged by what the one before left. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(run)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #restore(kept: readonly Bytes[]): Promise<void> {
    for (const data of kept) this.#have = await this.#judge(this.#have, data, true)
  }

  async #save(next: Held): Promise<void> {
    await this.#o.store?.set(memoryName, next.kept.map((k) => k.text).join('\n'))
    this.#have = next
  }

  async #renew(): Promise<void> {
    const { client } = this.#o
    if (!client) throw new ShowcardError('config-invalid', 'client: to renew bundles, one is needed')
    for (let again = false; ; again = true) {
      try {
        return await this.take(await client.offlineBundle(this.wants()))
      } catch (e) {
        if (again || !(e instanceof Refusal) || e.code !== 'bundle-gap') throw e
      }
    }
  }

  /** What is held once a bundle is taken over, in the order of docs/formats.md §12. */
  async #judge(have: Held, data: Bytes, asOfItself = false): Promise<Held> {
    const bundle = parseBundle(data)
    const { issuedAt, issuer, trust } = bundle.said
    const now = this.#now()
    const at = asOfItself ? Math.min(issuedAt * 1000, now) : now
    if (issuedAt * 1000 > at + skew * 1000) throw new Refusal('bundle-from-future', `ahead by ${Math.round(issuedAt - at / 1000)} s`)
    let { roots, list, state, kept } = have
    if (trust) {
      roots = await follow(roots, trust.roots, at)
      list = await trusted(roots.verify(trust.list, at, list?.version))
    }
    if (!list) throw new Refusal('bundle-trust-missing', 'none at hand, and none in the bundle')
    const home = issuer === this.#base ? list.domainAt(issuer) : undefined
    if (!home) throw new Refusal('bundle-wrong-signer', 'of another deployment')
    const { kid, key } = statusKey(home, bundle.kid, issuedAt)
    await bundle.verify(key)
    // A key that the list does not know any more may have said anything.
    if (!kept.every((old) => stillGood(home, old))) [state, kept] = [BundleState.empty, []]
    const whole = await this.#whole(bundle, roots, state, at)
    try {
      state = state.apply(bundle.said)
    } catch (e) {
      if (e instanceof Refusal && e.code === 'bundle-gap') this.#anew = true
      throw e
    }
    if (whole) this.#anew = false
    const one = { data, text: this.#o.store ? encodeBase64url(data) : '', kid, key, issuedAt }
    return { roots, list, state, kept: whole ? [one] : [...kept, one] }
  }

  /** Whoever has this bundle, and the pinned roots, needs none of before. */
  async #whole({ said }: UnverifiedBundle, roots: TrustRoots, state: BundleState, at: number): Promise<boolean> {
    if (!said.trust || said.serials.from > 0) return false
    if ([...said.lists.values()].some((l) => l.from > 0) || Object.keys(state.lists).some((name) => !said.lists.has(name))) return false
    try {
      return (await follow(this.#pinned, said.trust.roots, at)).version === roots.version
    } catch (e) {
      if (e instanceof Refusal) return false // it leads on from newer roots than the pinned ones
      throw e
    }
  }
}

/** Follows the roots, each after the one before. Those that are known already are stepped over. */
async function follow(from: TrustRoots, documents: readonly Uint8Array[], at: number): Promise<TrustRoots> {
  let roots = from
  for (const document of documents) {
    try {
      roots = await trusted(roots.next(decodeUtf8(document) ?? '', at))
    } catch (e) {
      if (!(e instanceof Refusal) || e.code !== 'trust-list-rolled-back') throw e
    }
  }
  return roots
}

/** Gives what is wrong with roots and lists one of three codes: what comes in a bundle is either good, old, or not. */
async function trusted<T>(judged: Promise<T>): Promise<T> {
  try {
    return await judged
  } catch (e) {
    if (!(e instanceof Refusal) || ['trust-list-stale', 'trust-list-rolled-back'].includes(e.code)) throw e
    throw new Refusal(e.code === 'roots-rolled-back' ? 'trust-list-rolled-back' : 'trust-list-invalid', e.message, { cause: e })
  }
}

function statusKey(home: Domain, kid: string | undefined, issuedAt: number): { kid: string; key: PublicKey } {
  const dated = kid === undefined ? undefined : findKey(home.statusKeys, kid)
  if (kid === undefined || !dated) throw new Refusal('bundle-wrong-signer', 'no key of the domain')
  try {
    covers(dated, issuedAt)
  } catch (e) {
    if (!(e instanceof Refusal)) throw e
    throw new Refusal('bundle-wrong-signer', e.message, { cause: e })
  }
  return { kid, key: dated.key }
}

/** Whether the list still has the key of an earlier bundle, and not another under its name. */
function stillGood(home: Domain, old: KeptBundle): boolean {
  try {
    return statusKey(home, old.kid, old.issuedAt).key.equals(old.key)
  } catch (e) {
    if (e instanceof Refusal) return false
    throw e
  }
}
