import './more.css'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Trouble } from '../kit/api'
import { say, when } from '../kit/text'
import { Button, Dialog, Empty, Failure, Field, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { shared } from '../strings/shared'
import { walletoffline } from '../strings/walletoffline'
import { Clock } from './notes'
import { type Holding, describe } from './data'
import { atHand, device, forget, ownName, register, tend } from './offline'
import { type Session, own } from './session'
import { SignInAgain } from './stepup'

const words = walletoffline

interface Device {
  readonly id: string
  readonly name: string
  readonly created_at: string
  readonly used_at?: string
  readonly killed_at?: string
  readonly killed_by?: string
}
type Signed = Extract<Session, { all: unknown }>

/** A line below the cards for who has not turned it on: what it is good for, one tap away. */
export function Offer({ ready, go }: { ready: boolean; go: (...to: string[]) => void }): JSX.Element | null {
  const [has, set] = useState<boolean>()
  useEffect(() => { void device().then((d) => set(d !== undefined)) }, [ready])
  if (has !== false || ready) return null
  return <button type="button" class="w-offer" onClick={() => go('devices')}><span class="w-phone" aria-hidden="true" /><span class="grow"><strong>{say(words.offer)}</strong><span class="small">{say(words.offerNote)}</span></span><span aria-hidden="true">›</span></button>
}

export function Devices({ session, changed }: { session: Signed; changed: () => void }): JSX.Element {
  const list = useLoad(async () => {
    const [mine, ready, all] = [await device(), await atHand(), (await own<{ devices: Device[] }>('GET', '/v1/wallet/devices')).devices]
    const codes = [...ready.values()].reduce((a, b) => a + b, 0)
    return { mine: all.find((d) => d.id === mine?.id && !d.killed_at), codes, all }
  }, [])
  const [killing, kill] = useState<Device>()
  const [name, setName] = useState(ownName)
  const action = useAction()
  const fill = async (): Promise<void> => {
    await tend(session.all, (h: Holding) => describe(session.catalogue, h)?.offline ?? [], (h) => describe(session.catalogue, h)?.sensitive ?? false)
    list.again()
    changed()
  }
  const stale = action.error instanceof Trouble && action.error.code === 'fresh-sign-in-required'
  const d = list.data
  return (
    <section>
      <Heading>{say(words.title)}</Heading>
      <p class="lead">{say(words.lead)}</p>
      <Clock />
      {list.busy && !d && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {action.error !== undefined && !stale && <Failure error={action.error} />}
      {stale && <Notice tone="warn" live><p><strong>{say(words.fresh)}</strong> {say(words.freshNote)}</p><SignInAgain label={say(words.freshDo)} /></Notice>}
      {d && (d.mine ? (
        <div class="panel w-on">
          <p><strong>✓ {say(words.isOn)}</strong></p>
          <p role="status">{say(action.busy ? words.filling : words.ready, { n: d.codes })}</p>
          <Button kind="quiet" busy={action.busy} onClick={() => action.run(fill)}>{say(words.fillNow)}</Button>
        </div>
      ) : (
        <form class="panel" onSubmit={(e) => { e.preventDefault(); action.run(async () => { await register(name.trim() || ownName()); await fill() }) }}>
          <Field id="device-name" label={say(words.name)}><input id="device-name" maxLength={60} value={name} autocomplete="off" onInput={(e) => setName(e.currentTarget.value)} /></Field>
          <p class="small">{say(words.privacy)}</p>
          <Button type="submit" kind="main" busy={action.busy}>{say(words.turnOn)}</Button>
        </form>
      ))}
      {d && (
        <>
          <h2>{say(words.devices)}</h2>
          {d.all.length === 0 && <Empty>{say(words.none)}</Empty>}
          <ul class="w-list">
            {d.all.map((one) => (
              <li key={one.id} class={one.killed_at ? 'over' : ''}>
                <span class="w-phone" aria-hidden="true" />
                <span class="grow">
                  <strong>{one.name}{one.id === d.mine?.id && <span class="w-tag">{say(words.mine)}</span>}</strong>
                  <span class="small">{one.killed_at ? `${say(words.killedAt, { when: when(one.killed_at) })} · ${say(walletoffline[`by-${one.killed_by ?? 'holder'}` as keyof typeof walletoffline])}` : one.used_at ? say(words.usedAt, { when: when(one.used_at) }) : say(words.since, { when: when(one.created_at) })}</span>
                </span>
                {!one.killed_at && <Button kind="danger" onClick={() => kill(one)}>{say(words.kill)}</Button>}
              </li>
            ))}
          </ul>
        </>
      )}
      {killing && (
        <Dialog title={say(words.killTitle, { name: killing.name })} onClose={() => kill(undefined)}>
          <p>{say(words.killAsk)}</p>
          <div class="row">
            <Button kind="quiet" onClick={() => kill(undefined)}>{say(shared.cancel)}</Button>
            <Button kind="danger" busy={action.busy} onClick={() => action.run(async () => {
              await own('DELETE', `/v1/wallet/devices/${encodeURIComponent(killing.id)}`)
              if (killing.id === d?.mine?.id) await forget()
              kill(undefined)
              list.again()
              changed()
            })}>{say(words.kill)}</Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}
