import type { ComponentType, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Trouble, said } from '../kit/api'
import { Failure, Loading } from '../kit/ui'
import { shared } from '../strings/shared'
import { wallet } from '../strings/wallet'

// Everything that is not needed for the first code is fetched when it is opened.

const held = new Map<unknown, unknown>()

/** A part of the page that is fetched when it is first drawn. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>, quiet = false): ComponentType<P> {
  return function Later(props: P): JSX.Element | null {
    const [part, set] = useState(() => held.get(load) as ComponentType<P> | undefined)
    const [failed, fail] = useState(false)
    const [turn, again] = useState(0)
    useEffect(() => {
      if (part) return
      let gone = false
      fail(false)
      load().then((p) => { held.set(load, p); if (!gone) set(() => p) }, () => { if (!gone) fail(true) })
      return () => { gone = true }
    }, [turn])
    if (part) { const Part = part; return <Part {...props} /> }
    if (failed) return <Failure error={new Trouble('part', 0, said(wallet.partMissing), said(shared.checkNetwork))} again={() => again((n) => n + 1)} />
    return quiet ? null : <Loading />
  }
}
