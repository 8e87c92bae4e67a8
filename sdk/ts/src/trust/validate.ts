import { utf8Length } from '../bytes.js'
import type { Text } from '../errors.js'
import type { DatedKey, TrustListParts } from './model.js'
import { malformed } from './read.js'

const maxKeys = 64 // per owner

/** Watches that nothing stands twice. */
export class Once {
  private readonly seen = new Set<string>()

  add(kind: string, value: string): void {
    if (this.has(kind, value)) throw malformed(`${kind} stands twice`)
    this.seen.add(`${kind}\u0000${value}`)
  }

  has(kind: string, value: string): boolean {
    return this.seen.has(`${kind}\u0000${value}`)
  }
}

function insist(good: boolean, what: string): void {
  if (!good) throw malformed(what)
}

/** Checks the keys of one owner. A point may stand once per kind of owner, a key id once per owner: either would leave open whose dates count. */
export function checkKeys(once: Once, keys: readonly DatedKey[], kind: string, where: string): void {
  insist(keys.length <= maxKeys, `${where}: too many keys`)
  for (const k of keys) {
    checkKeyId(k.kid, where)
    once.add(`${kind} key`, k.key.identity)
    once.add(`${where} kid`, k.kid)
  }
}

/** Checks a key id. */
export function checkKeyId(kid: string, where: string): void {
  insist(kid !== '' && kid !== '-' && utf8Length(kid) <= 256, `${where}: key id`)
}

function checkName(name: Text, where: string): void {
  for (const s of [name.zh, name.en]) insist(s !== '' && utf8Length(s) <= 400, `${where}: name in Chinese and English`)
}

function checkOrder(from: number | undefined, until: number | undefined, where: string): void {
  insist(from === undefined || until === undefined || until >= from, `${where}: dates run backwards`)
}

const loopback = /^(?:localhost|[a-z0-9.-]+\.localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/

/** Takes one spelling of a URL: identifiers are compared byte by byte. http is for a demonstration on one's own machine. */
export function isPlainUrl(s: string): boolean {
  if (s.length > 512) return false
  const parts = /^(https?):\/\/([a-z0-9._-]*[a-z0-9_-]|\[[0-9a-f:.]+\])(?::[0-9]*)?((?:\/[0-9A-Za-z\-._~/]*)?)$/.exec(s)
  if (!parts) return false
  const [, scheme, host = '', path = ''] = parts
  return (scheme === 'https' || loopback.test(host)) && !path.includes('..') && !path.includes('//')
}

/** Checks that a list says one thing only: codes and URLs have their form, nothing stands twice, what is referred to exists. */
export function checkList(list: TrustListParts): void {
  const once = new Once()
  list.domains.forEach((d, i) => {
    const where = `domain ${d.code.slice(0, 8)}`
    insist(/^[0-9A-Z]{4}$/.test(d.code), `${where}: a code is four characters`)
    once.add('domain', d.code)
    checkName(d.name, where)
    insist(isPlainUrl(d.baseUrl) && !d.baseUrl.endsWith('/'), `${where}: base_url`)
    // Without the slash https://a.example would also begin https://a.example.evil/.
    insist(isPlainUrl(d.statusPrefix) && d.statusPrefix.endsWith('/'), `${where}: status_prefix`)
    for (const other of list.domains.slice(0, i)) {
      insist(!other.statusPrefix.startsWith(d.statusPrefix) && !d.statusPrefix.startsWith(other.statusPrefix), `${where}: status_prefix overlaps`)
    }
    checkKeys(once, d.statusKeys, 'status', where)
    for (const k of d.serviceKeys) insist(/^[a-z0-9-]{1,32}$/.test(k.use), `${where}: use of a service key`)
    checkKeys(once, d.serviceKeys, 'service', `${where} services`)
  })
  for (const t of list.types) {
    insist(/^[0-9a-z-]{1,64}$/.test(t.id), 'type: id')
    insist(t.version >= 1 && t.version <= 1 << 20, `type ${t.id}: version`)
    insist(/^[0-9A-Z]{1,32}$/.test(t.code), `type ${t.id}: code`)
    insist(isPlainUrl(t.vct), `type ${t.id}: vct`)
    once.add('type version', `${t.id}/${t.version}`)
    once.add('vct', t.vct)
  }
  for (const s of list.issuers) {
    insist(isPlainUrl(s.id), 'issuer: id')
    const where = `issuer ${s.id}`
    once.add('issuer', s.id)
    insist(/^[0-9A-Z]{6,18}$/.test(s.authority), `${where}: authority`)
    checkName(s.name, where)
    insist(once.has('domain', s.domain), `${where}: domain is not in the list`)
    for (const id of s.types) {
      insist(/^[0-9a-z-]{1,64}$/.test(id), `${where}: type`)
      once.add(`${where} type`, id)
    }
    for (const r of s.regions) {
      insist(/^[0-9]{6}$/.test(r), `${where}: region`)
      once.add(`${where} region`, r)
    }
    checkKeys(once, s.keys, 'issuer', where)
    checkOrder(s.notBefore, s.notAfter, where)
  }
  for (const p of list.providers) {
    insist(/^[0-9A-Za-z\-._~/:]{1,512}$/.test(p.id), 'provider: id')
    const where = `provider ${p.id}`
    once.add('provider', p.id)
    checkName(p.name, where)
    insist(once.has('domain', p.domain), `${where}: domain is not in the list`)
    checkKeys(once, p.keys, 'provider', where)
  }
  for (const r of list.frozenRegions) {
    insist(/^[0-9]{6}$/.test(r), 'frozen region')
    once.add('frozen region', r)
  }
}
