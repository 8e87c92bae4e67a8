import { current } from '../kit/prefs'
import { walletoffline as names } from '../strings/walletoffline'
import { base64url, fromBase64url } from './offlinecode'
import { own } from './session'

// Passkeys (docs/passkeys.md). What goes over the wire is the JSON of WebAuthn Level 3; older browsers cannot read and write it
// themselves, so it is done here.

export interface Passkey {
  readonly id: string
  readonly name: string
  readonly created_at: string
  readonly used_at?: string
}
interface Json { [name: string]: unknown }

export const hasPasskeys = 'PublicKeyCredential' in window

/** What the browser takes of what the server sent. */
function options(o: Json): Json {
  const out: Json = { ...o, challenge: fromBase64url(String(o['challenge'])) }
  const user = o['user'] as Json | undefined
  if (user) out['user'] = { ...user, id: fromBase64url(String(user['id'])) }
  for (const list of ['excludeCredentials', 'allowCredentials']) {
    const all = o[list] as Json[] | undefined
    if (all) out[list] = all.map((c) => ({ ...c, id: fromBase64url(String(c['id'])) }))
  }
  return out
}

/** What the server takes of what the device made. */
function answer(c: PublicKeyCredential): Json {
  const r = c.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse
  const of = (b: ArrayBuffer): string => base64url(new Uint8Array(b))
  const response: Json = { clientDataJSON: of(r.clientDataJSON) }
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle'] as const) if (r[name]) response[name] = of(r[name])
  if (typeof r.getTransports === 'function') response['transports'] = r.getTransports()
  return { id: c.id, rawId: of(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults() }
}

export const passkeys = async (): Promise<Passkey[]> => (await own<{ passkeys: Passkey[] }>('GET', '/v1/me/passkeys')).passkeys

/** Registers a passkey of this device; it counts as a step-up. */
export async function registerPasskey(name?: string): Promise<void> {
  const begun = await own<{ publicKey: Json }>('POST', '/v1/me/passkeys/registration')
  const made = await navigator.credentials.create({ publicKey: options(begun.publicKey) as unknown as PublicKeyCredentialCreationOptions })
  const pair = /Android|iPhone|iPad|Mobile/.test(navigator.userAgent) ? names.phone : names.computer
  await own('POST', '/v1/me/passkeys', { name: name || (current().language === 'zh' ? pair[0] : pair[1]), credential: answer(made as PublicKeyCredential) })
}

/** Has her use one: the session then may show what is sensitive, for a while. */
export async function usePasskey(): Promise<void> {
  const begun = await own<{ publicKey: Json }>('POST', '/v1/me/step-up/challenge')
  const got = await navigator.credentials.get({ publicKey: options(begun.publicKey) as unknown as PublicKeyCredentialRequestOptions })
  await own('POST', '/v1/me/step-up', { credential: answer(got as PublicKeyCredential) })
}

/** Where she proves anew who she is at her provider, and comes back to where she was. */
export async function freshSignIn(): Promise<string> {
  const me = await own<{ method: string }>('GET', '/v1/me')
  return `/v1/sign-in/${encodeURIComponent(me.method.replace(/^oidc:/, ''))}?fresh=true`
}
