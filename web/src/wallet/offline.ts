import { Trouble, call, said } from '../kit/api'
import { StorageError, all, clear, drop, load, store } from '../kit/idb'
import { current } from '../kit/prefs'
import { walletoffline as words } from '../strings/walletoffline'
import { type Holding, ended, rightTime, stateOf } from './data'
import { around } from './moment'
import { base64url, fromBase64url, proof } from './offlinecode'

// Codes that need no network (docs/devices.md): a key of this device, which never leaves it, and a small stock of tokens that were
// signed ahead of time. What is kept here opens nothing without that key, and the key cannot be exported.

interface Device {
  readonly id: string
  readonly key: CryptoKeyPair
}
/** One token of the stock: good for one showing. */
interface Stocked {
  readonly identifier: string
  readonly view: string
  readonly cwt: string
  /** By what the server knows it again. */
  readonly serial: string
  readonly expires: number
  readonly renew: number
}
export interface Taken {
  readonly cwt: Uint8Array
  readonly expires: number
  readonly key: CryptoKey
}

const deviceKey = 'device'
const prefix = 'stock/'
const shelf = (identifier: string, view: string): string => `${prefix}${identifier}/${view}/`
/** How many of one view a device has at hand. */
const depth = 4

/** That this browser cannot keep what is needed. */
const full = (): Trouble => new Trouble('storage', 0, said(words.storageFull), said(words.storageFullNext))
async function keeping<T>(act: () => Promise<T>): Promise<T> {
  try { return await act() } catch (e) { throw e instanceof StorageError || (e instanceof DOMException && e.name === 'QuotaExceededError') ? full() : e }
}

// Two tabs must not take the same token. Browsers without locks are left with one tab at a time, as phones have it.
const alone = <T>(act: () => Promise<T>): Promise<T> => ('locks' in navigator ? navigator.locks.request('showcard-stock', act) as Promise<T> : act())

export const device = (): Promise<Device | undefined> => load<Device>('keys', deviceKey).catch(() => undefined)

/** Gives this device a key and has it registered. Wants a sign-in, or a passkey, of the last five minutes. */
export async function register(name: string): Promise<Device> {
  if (!crypto.subtle) throw new Trouble('no-keys', 0, said(words.noKeys), said(words.noKeysNext))
  const begun = await call<{ challenge: string; origin: string; binding: string }>('POST', '/v1/wallet/devices/challenge')
  if (begun.origin !== location.origin) throw new Trouble('origin', 0, said(words.otherOrigin), { zh: begun.origin, en: begun.origin })
  const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  await keeping(() => store('keys', 'device-probe', key)) // before anybody else knows of it: is there room at all?
  await drop('keys', 'device-probe')
  const point = base64url(new Uint8Array(await crypto.subtle.exportKey('raw', key.publicKey)))
  const text = ['showcard device registration 1', location.origin, begun.challenge, begun.binding, point].join('\n')
  const signature = base64url(new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, new TextEncoder().encode(text))))
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey)
  const made = await call<{ id: string }>('POST', '/v1/wallet/devices', { body: { name, key: { kty, crv, x, y }, challenge: begun.challenge, signature } })
  const own: Device = { id: made.id, key }
  await keeping(() => store('keys', deviceKey, own))
  void navigator.storage?.persist?.().catch(() => undefined)
  return own
}

/** Everything of this person leaves the device: she signed out, or the key was killed. */
export async function forget(): Promise<void> {
  await Promise.all([drop('keys', deviceKey), clear('wallet')]).catch(() => undefined)
}

async function stock(): Promise<Map<string, Stocked>> { return all<Stocked>('wallet', prefix) }

/** How many codes are at hand, by certificate and view. */
export async function atHand(): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  const at = rightTime()
  for (const s of (await stock().catch(() => new Map<string, Stocked>())).values()) if (s.expires > at) found.set(`${s.identifier}/${s.view}`, (found.get(`${s.identifier}/${s.view}`) ?? 0) + 1)
  return found
}

/** The views of a certificate that can be shown without a network right now. */
export async function viewsAtHand(identifier: string): Promise<string[]> {
  return [...(await atHand()).keys()].filter((k) => k.startsWith(`${identifier}/`)).map((k) => k.slice(identifier.length + 1))
}

/** Takes a code for one showing: it is off the shelf before it is on the screen. */
export function take(identifier: string, view: string): Promise<Taken | undefined> {
  return alone(async () => {
    const own = await device()
    if (!own) return undefined
    for (const [name, s] of await all<Stocked>('wallet', shelf(identifier, view))) {
      await drop('wallet', name)
      if (s.expires > rightTime() + 30_000) return { cwt: fromBase64url(s.cwt), expires: s.expires, key: own.key.privateKey }
    }
    return undefined
  })
}
export const spent = (t: Taken): boolean => t.expires <= rightTime() + 20_000

/** The text of a code, signed at this moment. */
export const prove = (t: Taken, scene: string): Promise<string> => proof(t.cwt, t.key, scene, Math.floor(rightTime() / 1000))

/** Fetches what a shelf lacks. What was there and is good stays until its end, as devices.md has it. */
async function fill(own: Device, identifier: string, view: string): Promise<void> {
  const at = rightTime()
  const there = [...(await all<Stocked>('wallet', shelf(identifier, view))).values()]
  const fresh = there.filter((s) => s.expires > at && s.renew > at)
  if (fresh.length > depth / 2) return
  const r = await call<{ cwts: string[]; serials: string[]; expires_at: string; renew_at: string }>('POST', `/v1/wallet/devices/${own.id}/stock`, { body: { identifier, view, count: depth - fresh.length } })
  const expires = Date.parse(r.expires_at)
  const renew = Date.parse(r.renew_at)
  for (const [i, cwt] of r.cwts.entries()) {
    const serial = r.serials[i] ?? ''
    await keeping(() => store('wallet', `${shelf(identifier, view)}${serial}`, { identifier, view, cwt, serial, expires, renew } satisfies Stocked))
  }
}

/** Drops what does not stand any more, in the order of the server. True when this device is still hers and alive. */
export async function look(): Promise<boolean> {
  const own = await device()
  if (!own) return false
  try {
    const { stock: standing } = await call<{ stock: { serials: string[] }[] }>('GET', `/v1/wallet/devices/${own.id}/stock`)
    const good = new Set(standing.flatMap((s) => s.serials))
    for (const [name, s] of await stock()) if (!good.has(s.serial)) await drop('wallet', name)
    return true
  } catch (e) {
    // Killed, or another person's: somebody else has signed in here.
    if (e instanceof Trouble && (e.code === 'device-killed' || e.code === 'device-unknown')) { await forget(); return false }
    throw e
  }
}

/** The offline views of a holding; the ones that the catalogue names, most telling first. */
export const offlineViews = (h: Holding, names: readonly string[] = []): string[] => h.views.map((v) => v.name).filter((n) => names.includes(n))

let running: Promise<void> | undefined
/** Looks at the stock and fills it: of each certificate that can be shown the first offline view, and those she has used. */
export function tend(all: readonly Holding[], views: (h: Holding) => readonly string[], sensitive: (h: Holding) => boolean): Promise<void> {
  running ??= (async () => {
    if (!(await look())) return
    const own = await device()
    if (!own) return
    const used = new Set((await atHand()).keys())
    for (const h of all) {
      if (ended(h) || stateOf(h) !== 'valid') continue
      const offered = offlineViews(h, views(h))
      for (const view of offered.filter((v, i) => used.has(`${h.identifier}/${v}`) || (i === 0 && !sensitive(h)))) {
        // What is sensitive wants a passkey each time, so it is fetched when she has just used one, and not here; what is refused is left.
        try { await fill(own, h.identifier, view) } catch (e) { if (e instanceof Trouble && (e.status === 0 || e.status >= 500 || e.code === 'storage' || e.status === 429)) throw e }
      }
    }
  })().finally(() => { running = undefined })
  return running
}

/** After a view was shown: it is kept at hand for the next time, if it may be. */
export async function remember(h: Holding, view: string, views: readonly string[]): Promise<void> {
  const own = await device()
  if (own && offlineViews(h, views).includes(view)) await fill(own, h.identifier, view)
}

/** Calls again and again while the page is open: within minutes of the last time, never in step with others. */
export function rounds(act: () => Promise<void>): () => void {
  let timer = 0
  let last = 0
  const go = (): void => {
    window.clearTimeout(timer)
    timer = window.setTimeout(go, around(10 * 60_000))
    if (document.hidden || Date.now() - last < 60_000) return
    last = Date.now()
    act().catch(() => undefined)
  }
  const soon = (): void => { window.clearTimeout(timer); timer = window.setTimeout(go, Math.random() * 5000) }
  window.addEventListener('online', soon)
  document.addEventListener('visibilitychange', soon)
  go()
  return () => {
    window.clearTimeout(timer)
    window.removeEventListener('online', soon)
    document.removeEventListener('visibilitychange', soon)
  }
}

/** What a device calls itself until its owner says otherwise. */
export function ownName(): string {
  const pair = /iPad|Tablet/.test(navigator.userAgent) ? words.tablet : /Android|iPhone|Mobile/.test(navigator.userAgent) ? words.phone : words.computer
  return current().language === 'zh' ? pair[0] : pair[1]
}
