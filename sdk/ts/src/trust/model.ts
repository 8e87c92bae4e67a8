import { type Text, Refusal } from '../errors.js'
import type { PublicKey } from '../keys.js'

/** A public key with the time in which it signs, in seconds since 1970; absent: open. The dates bound the `iat` of what it signed. */
export interface DatedKey {
  readonly key: PublicKey
  readonly kid: string
  readonly notBefore?: number | undefined
  readonly notAfter?: number | undefined
  /** Compromised: nothing that it ever signed counts. */
  readonly frozen: boolean
}

/** A key that signs what a deployment says in its own name. */
export interface ServiceKey extends DatedKey {
  /** What it signs, such as `receipt`. */
  readonly use: string
}

/** One deployment: the home of certificates, codes and status lists. */
export interface Domain {
  readonly code: string
  readonly name: Text
  readonly baseUrl: string
  /** Ends with a slash; every status list of the domain begins so. */
  readonly statusPrefix: string
  readonly statusKeys: readonly DatedKey[]
  readonly serviceKeys: readonly ServiceKey[]
}

/** An issuing authority. */
export interface Issuer {
  /** The `iss` of its certificates. */
  readonly id: string
  /** Unified social credit code. */
  readonly authority: string
  readonly name: Text
  /** Code of its home domain. */
  readonly domain: string
  readonly types: readonly string[]
  readonly regions: readonly string[]
  readonly keys: readonly DatedKey[]
  readonly notBefore?: number | undefined
  readonly notAfter?: number | undefined
  readonly frozen: boolean
}

/** A wallet provider, whose keys hold copies for people without a device key. */
export interface Provider {
  readonly id: string
  readonly name: Text
  readonly domain: string
  readonly keys: readonly DatedKey[]
  readonly frozen: boolean
}

/** A published version of a certificate type. */
export interface CertificateType {
  readonly id: string
  readonly version: number
  readonly vct: string
  /** National type code. */
  readonly code: string
  readonly frozen: boolean
}

/** What a trust list is made of. */
export interface TrustListParts {
  readonly version: number
  /** Seconds since 1970. */
  readonly issuedAt: number
  readonly expires: number
  readonly domains: readonly Domain[]
  readonly issuers: readonly Issuer[]
  readonly providers: readonly Provider[]
  readonly types: readonly CertificateType[]
  readonly frozenRegions: readonly string[]
  readonly frozenAll: boolean
}

/** How far in the future a document may have been issued, in seconds, because clocks differ. */
export const trustSkew = 300

/** Whether something signed at `iat` is within dates. Without a date dates cannot be kept. */
export function within(from: number | undefined, until: number | undefined, iat: number | undefined): boolean {
  return iat !== undefined && (from === undefined || iat >= from) && (until === undefined || iat <= until)
}

/** Refuses a key that is frozen, or something signed outside of its dates. */
export function covers(key: DatedKey, iat: number | undefined): void {
  if (key.frozen) throw new Refusal('key-frozen', 'nothing that this key ever signed counts')
  if (!within(key.notBefore, key.notAfter, iat)) throw new Refusal('key-out-of-dates', 'signed outside of the dates of the key')
}

/** Finds a key by its id. An empty id is enough where there is one key only. */
export function findKey(keys: readonly DatedKey[], kid: string): DatedKey | undefined {
  if (kid === '') return keys.length === 1 ? keys[0] : undefined
  return keys.find((k) => k.kid === kid)
}

/** A region of GB/T 2260 covers what is below: trailing 0000 and 00 stand for anything. */
export function regionCovers(prefix: string, region: string): boolean {
  if (!/^[0-9]{6}$/.test(prefix) || !/^[0-9]{6}$/.test(region)) return false
  let covered = prefix
  while (covered.endsWith('00')) covered = covered.slice(0, -2)
  return region.startsWith(covered)
}

/** The signed trust list: who issues which types where under which keys, who holds keys for people, who signs status lists, what is frozen. */
export class TrustList {
  readonly version: number
  readonly issuedAt: number
  readonly expires: number
  readonly domains: readonly Domain[]
  readonly issuers: readonly Issuer[]
  readonly providers: readonly Provider[]
  readonly types: readonly CertificateType[]
  readonly frozenRegions: readonly string[]
  readonly frozenAll: boolean
  readonly #bound = new Map<string, { provider: Provider; key: DatedKey }>()
  readonly #issuers: ReadonlyMap<string, Issuer>

  constructor(parts: TrustListParts) {
    this.version = parts.version
    this.issuedAt = parts.issuedAt
    this.expires = parts.expires
    this.domains = parts.domains
    this.issuers = parts.issuers
    this.providers = parts.providers
    this.types = parts.types
    this.frozenRegions = parts.frozenRegions
    this.frozenAll = parts.frozenAll
    this.#issuers = new Map(parts.issuers.map((i) => [i.id, i]))
    for (const provider of parts.providers) {
      for (const key of provider.keys) this.#bound.set(key.key.identity, { provider, key })
    }
  }

  /** Whether the list has expired at a moment, in milliseconds since 1970. Whoever keeps a list asks at every use. */
  expired(now: number): boolean {
    return now >= this.expires * 1000
  }

  /** The issuing authority of a certificate's `iss`. Whether it is frozen, {@link issuerKey} says. */
  issuer(iss: string): Issuer | undefined {
    return this.#issuers.get(iss)
  }

  /** A domain by its code. */
  domain(code: string): Domain | undefined {
    return this.domains.find((d) => d.code === code)
  }

  /** A domain by the public URL of its deployment. */
  domainAt(baseUrl: string): Domain | undefined {
    return this.domains.find((d) => d.baseUrl === baseUrl)
  }

  /** A certificate type by its `vct`. */
  type(vct: string): CertificateType | undefined {
    return this.types.find((t) => t.vct === vct)
  }

  /**
   * The wallet provider that holds the key a certificate issued at `iat` is bound to, and that key as the list has it. `undefined`: the key is no
   * provider's, so a device's. A {@link Refusal}: it is one's, and must not count.
   */
  providerKey(key: PublicKey, iat: number | undefined): { readonly provider: Provider; readonly key: PublicKey } | undefined {
    const bound = this.#bound.get(key.identity)
    if (!bound) return undefined
    if (bound.provider.frozen) throw new Refusal('key-frozen', 'the wallet provider is frozen')
    covers(bound.key, iat)
    return { provider: bound.provider, key: bound.key.key }
  }
}

/**
 * The key under which an issuer signed something at `iat`, by its id, or by the key that the leaf of an `x5c` holds.
 * Freezes and dates are asked here, and nobody gets around.
 */
export function issuerKey(issuer: Issuer, by: string | PublicKey, iat: number | undefined): PublicKey {
  const dated = typeof by === 'string' ? findKey(issuer.keys, by) : issuer.keys.find((k) => k.key.equals(by))
  if (issuer.frozen) throw new Refusal('issuer-frozen', 'the issuer is frozen')
  if (!dated) throw new Refusal('issuer-untrusted', 'the key is not in the list')
  if (!within(issuer.notBefore, issuer.notAfter, iat)) throw new Refusal('key-out-of-dates', 'signed outside of the dates of the issuer')
  covers(dated, iat)
  return dated.key
}

/** Whether a status list belongs to a domain: a certificate that points elsewhere chose its own judge. */
export function holdsStatus(domain: Domain, uri: string): boolean {
  const rest = uri.startsWith(domain.statusPrefix) ? uri.slice(domain.statusPrefix.length) : ''
  return domain.statusPrefix !== '' && uri.length <= 512 && !rest.includes('..') && /^[0-9A-Za-z\-._~/]+$/.test(rest)
}
