import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Trouble } from '../kit/api'
import { say, when } from '../kit/text'
import { Button, Dialog, Empty, Failure, Field, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { shared } from '../strings/shared'
import { walletlive } from '../strings/walletlive'
import { walletoffline } from '../strings/walletoffline'
import { walletspace as words } from '../strings/walletspace'
import { ownName } from './offline'
import { own } from './session'
import { SignInAgain } from './stepup'
import { type Passkey, hasPasskeys, passkeys, registerPasskey } from './webauthn'

export function Passkeys(): JSX.Element {
  const list = useLoad(passkeys, [])
  const [name, setName] = useState(ownName)
  const [removing, remove] = useState<Passkey>()
  const [stopped, stop] = useState(false)
  const action = useAction()
  const stale = action.error instanceof Trouble && action.error.code === 'fresh-sign-in-required'
  const add = (): void => action.run(async () => {
    stop(false)
    try { await registerPasskey(name.trim() || ownName()) } catch (e) { if (e instanceof Trouble) throw e; stop(true); return }
    list.again()
  })
  return (
    <section>
      <Heading>{say(words.passkeys)}</Heading>
      <p class="lead">{say(words.passkeysNote)}</p>
      {list.busy && !list.data && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {list.data?.length === 0 && <Empty>{say(words.passkeysNone)}</Empty>}
      <ul class="w-list">
        {list.data?.map((p) => (
          <li key={p.id}>
            <span class="grow"><strong>{p.name}</strong><span class="small">{p.used_at ? say(words.passkeyUsed, { when: when(p.used_at) }) : say(words.passkeyMade, { when: when(p.created_at) })}</span></span>
            <Button kind="danger" onClick={() => remove(p)}>{say(words.remove)}</Button>
          </li>
        ))}
      </ul>
      {stale && <Notice tone="warn" live><p><strong>{say(walletoffline.fresh)}</strong> {say(walletoffline.freshNote)}</p><SignInAgain label={say(walletoffline.freshDo)} /></Notice>}
      {action.error !== undefined && !stale && <Failure error={action.error} />}
      <div role="status">{stopped && <Notice tone="warn"><p>{say(walletlive.notDone)}</p></Notice>}</div>
      {hasPasskeys ? (
        <form class="panel" onSubmit={(e) => { e.preventDefault(); add() }}>
          <Field id="passkey-name" label={say(words.passkeyName)}><input id="passkey-name" maxLength={60} autocomplete="off" value={name} onInput={(e) => setName(e.currentTarget.value)} /></Field>
          <Button type="submit" busy={action.busy}>{say(words.passkeyAdd)}</Button>
        </form>
      ) : <Notice tone="warn"><p>{say(walletlive.noPasskeys)}</p></Notice>}
      {removing && (
        <Dialog title={say(words.removePasskey, { name: removing.name })} onClose={() => remove(undefined)}>
          <p>{say(words.removePasskeyAsk)}</p>
          <div class="row">
            <Button kind="quiet" onClick={() => remove(undefined)}>{say(shared.cancel)}</Button>
            <Button kind="danger" busy={action.busy} onClick={() => action.run(async () => { const id = removing.id; remove(undefined); await own('DELETE', `/v1/me/passkeys/${encodeURIComponent(id)}`); list.again() })}>{say(words.remove)}</Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}
