import './more.css'
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Trouble } from '../kit/api'
import { kept } from '../kit/prefs'
import { say } from '../kit/text'
import { Button, Failure, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { walletlive as words } from '../strings/walletlive'
import { freshSignIn, hasPasskeys, passkeys, registerPasskey, usePasskey } from './webauthn'

/** Goes to the provider to prove anew who she is, and comes back to this view. */
export function SignInAgain({ label }: { label: string }): JSX.Element {
  const action = useAction()
  return (
    <>
      <Button kind="quiet" busy={action.busy} onClick={() => action.run(async () => { const to = await freshSignIn(); if (location.hash.length > 1) kept.set('back', location.hash); location.assign(to) })}>{label}</Button>
      {action.error !== undefined && <Failure error={action.error} />}
    </>
  )
}

/** Asks her to prove that it is she. The browser wants a tap of hers before it asks the device, so there is a button. */
export function StepUp({ done, what }: { done: () => void; what: 'show' | 'data' }): JSX.Element {
  const list = useLoad(passkeys, [])
  const action = useAction()
  const [stopped, stop] = useState(false)
  const at = useRef<HTMLDivElement>(null)
  const has = (list.data?.length ?? 0) > 0
  const ready = list.data !== undefined
  useEffect(() => { if (ready) at.current?.querySelector('button')?.focus() }, [ready])
  const go = (): void => action.run(async () => {
    stop(false)
    try {
      await (has ? usePasskey() : registerPasskey())
      done()
    } catch (e) {
      if (e instanceof Trouble) throw e
      stop(true) // she turned it down, or the device did
    }
  })
  const old = action.error instanceof Trouble && action.error.code === 'fresh-sign-in-required'
  return (
    <div class="panel w-prove" ref={at}>
      <h2>{say(words.proveTitle)}</h2>
      <p>{say(what === 'show' ? words.proveShow : words.proveData)}</p>
      {list.busy && !list.data && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {ready && !hasPasskeys && <Notice tone="warn"><p>{say(words.noPasskeys)}</p></Notice>}
      {ready && hasPasskeys && !old && <Button kind="main" busy={action.busy} onClick={go}>{say(has ? words.usePasskey : words.makePasskey)}</Button>}
      {ready && hasPasskeys && !has && !old && <p class="small">{say(words.makeNote)}</p>}
      <div role="status">{stopped && <Notice tone="warn"><p>{say(words.notDone)}</p></Notice>}</div>
      {action.error !== undefined && <Failure error={action.error} />}
      {(old || !hasPasskeys || stopped) && <SignInAgain label={say(words.orSignIn)} />}
    </div>
  )
}
