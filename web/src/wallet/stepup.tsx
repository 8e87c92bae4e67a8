import './more.css'
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Trouble } from '../kit/api'
import { kept } from '../kit/prefs'
import { say } from '../kit/text'
import { Button, Failure, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { walletlive as words } from '../strings/walletlive'
import { freshSignIn, hasPasskeys, passkeys, registerPasskey, usePasskey } from './webauthn'

// When she went to prove anew who she is. If the server asks all the same after that, this sign-in was not of the assurance that
// may stand in for a passkey (docs/decisions/0024), and going again would lead nowhere.
const freshKey = 'showcard.fresh'
const fresh = (): boolean => { try { return Date.now() - Number(sessionStorage.getItem(freshKey)) < 5 * 60_000 } catch { return false } }

/** Goes to the provider to prove anew who she is, and comes back to this view. */
export function SignInAgain({ label }: { label: string }): JSX.Element {
  const action = useAction()
  const leave = async (): Promise<void> => {
    const to = await freshSignIn()
    if (location.hash.length > 1) kept.set('back', location.hash)
    try { sessionStorage.setItem(freshKey, String(Date.now())) } catch { /* then she is offered it again */ }
    location.assign(to)
  }
  return (
    <>
      <Button kind="quiet" busy={action.busy} onClick={() => action.run(leave)}>{label}</Button>
      {action.error !== undefined && <Failure error={action.error} />}
    </>
  )
}

/** Asks her to prove that it is she. The browser wants a tap of hers before it asks the device, so there is a button. */
export function StepUp({ done, what }: { done: () => void; what: 'show' | 'data' }): JSX.Element {
  const list = useLoad(passkeys, [])
  const action = useAction()
  const [stopped, stop] = useState(false)
  const [proved] = useState(fresh)
  const at = useRef<HTMLDivElement>(null)
  const has = (list.data?.length ?? 0) > 0
  const ready = list.data !== undefined
  useEffect(() => { if (ready) at.current?.querySelector('button')?.focus() }, [ready])
  const go = (act: () => Promise<void>): void => action.run(async () => {
    stop(false)
    try {
      await act()
      done()
    } catch (e) {
      if (e instanceof Trouble) throw e
      stop(true) // she turned it down, or the device did
    }
  })
  const old = action.error instanceof Trouble && action.error.code === 'fresh-sign-in-required'
  const failed = stopped || proved || action.error !== undefined
  return (
    <div class="panel w-prove" ref={at}>
      <h2>{say(words.proveTitle)}</h2>
      <p>{say(what === 'show' ? words.proveShow : words.proveData)}</p>
      {list.busy && !list.data && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {ready && proved && <Notice tone="warn"><p>{say(hasPasskeys ? words.notEnough : words.notEnoughBare)}</p></Notice>}
      {ready && !hasPasskeys && !proved && <Notice tone="warn"><p>{say(words.noPasskeys)}</p></Notice>}
      {ready && hasPasskeys && !old && <Button kind="main" busy={action.busy} onClick={() => go(has ? usePasskey : registerPasskey)}>{say(has ? words.usePasskey : words.makePasskey)}</Button>}
      {ready && hasPasskeys && !has && !old && <p class="small">{say(words.makeNote)}</p>}
      <div role="status">{stopped && <Notice tone="warn"><p>{say(words.notDone)}</p></Notice>}</div>
      {action.error !== undefined && <Failure error={action.error} />}
      {ready && has && failed && !proved && <p class="small">{say(words.lost)}</p>}
      <div class="row">
        {ready && hasPasskeys && has && failed && !old && <Button kind="quiet" disabled={action.busy} onClick={() => go(registerPasskey)}>{say(words.makePasskey)}</Button>}
        {(old || !hasPasskeys || stopped && !proved) && <SignInAgain label={say(words.orSignIn)} />}
      </div>
    </div>
  )
}
