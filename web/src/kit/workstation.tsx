import { Client, Problem, PublicKey, type PublicJwk, type Signer, cryptoKeySigner } from '@showcard/sdk'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { signJws } from '../../../sdk/ts/src/jws'
import { staff } from '../strings/staff'
import { shared } from '../strings/shared'
import { Trouble, call, randomKey, said, troubleOf, unreachable } from './api'
import { config } from './config'
import { drop, load, store } from './idb'
import { Button, Failure, Field, Heading, Loading, Notice, useAction } from './ui'
import { type Text, pick, say } from './text'

// A workstation of staff is a client of the deployment, like any program: it has a key of its own, kept by the browser and not
// extractable, and gets tokens by private_key_jwt (RFC 7523) through the SDK. docs/workstations.md says how one is registered.

export type Role = 'department' | 'relying-party' | 'operator' | 'auditor'

/** What `GET /v1/clients/self` says. */
export interface Self {
  readonly id: string
  readonly role: Role
  readonly scopes: readonly string[]
  readonly party?: {
    readonly id: string
    readonly name: Text
    readonly state: string
    readonly purposes: readonly { readonly code: string; readonly name: Text }[]
    /** By purpose and type: the fields this party is registered to see. */
    readonly fields: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
    readonly scenes?: readonly string[]
    readonly per_minute?: number
    readonly per_day?: number
  }
  readonly authorities?: readonly { readonly id: string; readonly name: Text; readonly types: readonly unknown[]; readonly regions?: readonly string[] }[]
  readonly operators?: number
}

interface Kept {
  readonly clientId: string
  readonly key: CryptoKeyPair
}

const keptAs = 'workstation'
const proves = 'client-key+jwt' // typ of what proves a next key
const keptSelf = 'workstation-self'

/** A workstation that is set up: who it is, and calls in its name. */
export class Workstation {
  readonly client: Client
  constructor(readonly clientId: string, readonly signer: Signer) {
    // The audience of its assertions is the deployment's public URL, whatever address the page was reached at.
    this.client = new Client({ baseUrl: location.origin, publicUrl: config.publicUrl, clientId, key: signer, attempts: 3, timeout: 20_000 })
  }

  /** Calls a route that the SDK has no method for. Changes carry an idempotency key; an answer lost on its way is asked for again under the same. */
  async call<T>(method: string, path: string, body?: unknown, key: string | undefined = method === 'POST' ? randomKey() : undefined): Promise<T> {
    for (let tried = 0; ; tried++) {
      try {
        const token = await this.client.accessToken()
        return await call<T>(method, path, { token, ...(body === undefined ? {} : { body }), ...(key === undefined ? {} : { key }), timeout: 20_000 })
      } catch (e) {
        const t = asTrouble(e)
        if (!(t.status === 0 || t.status === 503) || tried >= 2) throw t
        await new Promise((resolve) => setTimeout(resolve, Math.max(700 * (tried + 1), t.wait * 1000)))
      }
    }
  }

  self(): Promise<Self> { return this.call<Self>('GET', '/v1/clients/self') }
}

/** The SDK's errors in the words of the pages. */
export function asTrouble(e: unknown): Trouble {
  if (e instanceof Problem && e.status) return new Trouble(e.code, e.status, e.title ?? said(shared.oddAnswer), e.next ?? said(shared.later), e.retryAfter ?? 0, e.errors)
  return e instanceof Problem ? unreachable() : troubleOf(e)
}

async function makeKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
}

async function publicJwk(key: CryptoKeyPair): Promise<PublicJwk> {
  const { x, y } = await crypto.subtle.exportKey('jwk', key.publicKey)
  return { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' }
}

async function open(kept: Kept): Promise<Workstation> { return new Workstation(kept.clientId, cryptoKeySigner(kept.key.privateKey, await PublicKey.fromJwk(await publicJwk(kept.key)).thumbprint())) }

/** Signs the workstation out: its key is gone for good, and what was typed and not sent, which may name people. */
export async function leave(): Promise<void> {
  try { for (const name of Object.keys(sessionStorage)) if (name.startsWith('showcard.')) sessionStorage.removeItem(name) } catch { /* nothing is kept, then */ }
  await Promise.all([drop('keys', keptAs), drop('keys', keptSelf)])
}

/** The next key of this workstation (docs/governance.md, Keys): both keys sign the same words, and the old one goes on for `overlap` seconds. */
export async function nextKey(w: Workstation, overlap: number): Promise<void> {
  const made = await makeKey()
  const jwk = await publicJwk(made)
  const next = cryptoKeySigner(made.privateKey, await PublicKey.fromJwk(jwk).thumbprint())
  const now = Math.floor(Date.now() / 1000)
  const words = { iss: w.clientId, aud: config.publicUrl, iat: now, exp: now + 120, jwk: { ...jwk, kid: next.kid }, overlap }
  await store('keys', 'workstation-next', made) // before it counts: a key that is registered and lost helps nobody
  await w.call('POST', '/v1/clients/self/keys', { current: await signJws(w.signer, proves, words), next: await signJws(next, proves, words) })
  await store('keys', keptAs, { clientId: w.clientId, key: made } satisfies Kept)
  await drop('keys', 'workstation-next')
}

/** What the workstation is. With `offline`, what it was when it last asked, while nobody answers: a counter opens without a network. */
async function selfOf(w: Workstation, offline: boolean): Promise<Self> {
  const before = offline ? await load<Self>('keys', keptSelf) : undefined
  if (before && before.id === w.clientId && !navigator.onLine) return before
  try {
    const self = await w.self()
    if (offline) await store('keys', keptSelf, self)
    return self
  } catch (e) {
    if (before && before.id === w.clientId && asTrouble(e).status === 0) return before
    throw e
  }
}

/** Signed out in another tab: this one must not go on with a key that is gone. */
function useSignedOut(set: boolean): void {
  useEffect(() => {
    if (!set) return
    const look = (): void => { if (!document.hidden) load('keys', keptAs).then((k) => { if (!k) location.reload() }, () => undefined) }
    document.addEventListener('visibilitychange', look)
    window.addEventListener('focus', look)
    return () => { document.removeEventListener('visibilitychange', look); window.removeEventListener('focus', look) }
  }, [set])
}

/** Shows the set-up until there is a workstation with one of the roles, then what `children` makes of it. */
export function WithWorkstation({ roles, offline = false, children }: { roles: readonly Role[]; offline?: boolean; children: (w: Workstation, self: Self) => JSX.Element }): JSX.Element {
  const [state, set] = useState<{ w?: Workstation; self?: Self; error?: unknown; asked: boolean }>({ asked: false })
  const enter = async (w: Workstation): Promise<void> => {
    const self = await selfOf(w, offline)
    if (!roles.includes(self.role)) { set({ asked: true }); return } // it was set up for another page
    set({ w, self, asked: true })
  }
  const begin = (): void => {
    set({ asked: false })
    load<Kept>('keys', keptAs).then(async (kept) => { kept ? await enter(await open(kept)) : set({ asked: true }) }).catch((error: unknown) => set({ error, asked: true }))
  }
  useEffect(begin, [])
  useSignedOut(state.w !== undefined)
  if (!state.asked) return <Loading />
  if (state.w && state.self) return children(state.w, state.self)
  const unknown = state.error instanceof Trouble && (state.error.status === 401 || state.error.status === 403)
  return (
    <>
      {state.error !== undefined && <Failure error={state.error} again={begin} />}
      {(state.error === undefined || unknown) && <Enrol roles={roles} entered={enter} />}
    </>
  )
}

interface Listed { readonly client_id: string; readonly role: Role; readonly name: Text }

function Enrol({ roles, entered }: { roles: readonly Role[]; entered: (w: Workstation) => Promise<void> }): JSX.Element {
  const [key, setKey] = useState<CryptoKeyPair>()
  const [card, setCard] = useState('')
  const [id, setId] = useState('')
  const [listed, setListed] = useState<readonly Listed[]>([])
  const [copied, setCopied] = useState(false)
  const action = useAction()
  useEffect(() => {
    action.run(async () => {
      if (!crypto.subtle) throw new Trouble('no-keys', 0, { zh: staff.noKeys[0], en: staff.noKeys[1] }, { zh: staff.noKeysNext[0], en: staff.noKeysNext[1] })
      const made = (await load<CryptoKeyPair>('keys', 'workstation-next')) ?? (await makeKey())
      await store('keys', 'workstation-next', made) // the card that was sent stays good when the page is closed
      setKey(made)
      setCard(JSON.stringify({ kind: 'showcard-workstation', jwk: await publicJwk(made) }))
      if (config.demo) {
        const all = (await call<{ clients: Listed[] }>('GET', '/demo/staff')).clients.filter((c) => roles.includes(c.role))
        setListed(all)
        setId((before) => before || (all[0]?.client_id ?? ''))
      }
    })
  }, [])
  const start = (): void => action.run(async () => {
    if (!key) return
    let clientId = id.trim()
    if (config.demo) clientId = (await call<{ client_id: string }>('POST', '/demo/enrol', { body: { client_id: clientId, jwk: await publicJwk(key) } })).client_id
    const kept: Kept = { clientId, key }
    const w = await open(kept)
    await w.self()
    await store('keys', keptAs, kept)
    await drop('keys', 'workstation-next')
    await entered(w)
  })
  return (
    <section class="panel narrow">
      <Heading>{say(staff.title)}</Heading>
      <p>{say(staff.intro)}</p>
      {action.error !== undefined && <Failure error={action.error} />}
      <form onSubmit={(e) => { e.preventDefault(); start() }}>
        {config.demo ? (
          <Field id="enrol-as" label={say(staff.demoPick)}>
            <select id="enrol-as" value={id} onChange={(e) => setId(e.currentTarget.value)}>
              {roles.map((r) => (
                <optgroup label={say(staff[r])}>{listed.filter((c) => c.role === r).map((c) => <option value={c.client_id}>{pick(c.name) || c.client_id}</option>)}</optgroup>
              ))}
            </select>
          </Field>
        ) : (
          <>
            <Field id="enrol-card" label={say(staff.card)} hint={say(staff.cardHint)}><textarea id="enrol-card" readOnly rows={4} value={card} /></Field>
            <Button kind="quiet" onClick={() => { void navigator.clipboard?.writeText(card).then(() => setCopied(true)) }}>{say(staff.copy)}</Button>
            {copied && <Notice live>{say(staff.copied)}</Notice>}
            <Field id="enrol-id" label={say(staff.clientId)}><input id="enrol-id" required autocomplete="off" spellcheck={false} value={id} onInput={(e) => setId(e.currentTarget.value)} /></Field>
          </>
        )}
        <Button type="submit" kind="main" busy={action.busy} disabled={!key || !id}>{say(config.demo ? staff.demoStart : staff.start)}</Button>
      </form>
    </section>
  )
}
