import './more.css'
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { pick, say } from '../kit/text'
import { Button, Facts, Failure, Loading, useLoad } from '../kit/ui'
import { Value, catalogue, fieldOf, typeOf } from '../kit/values'
import { walletspace as words } from '../strings/walletspace'
import { type Holding, holdings } from './data'
import { tellOut } from './session'

/** Everything a certificate says: masked, until she wants it whole. */
export function Contents({ h }: { h: Holding }): JSX.Element {
  const [whole, reveal] = useState(false)
  const { data, error, busy, again } = useLoad(async () => {
    const [c, all] = await Promise.all([catalogue(), whole ? holdings(true).catch((e: unknown) => { tellOut(e); throw e }) : undefined])
    return { c, fields: (all?.find((one) => one.identifier === h.identifier) ?? h).fields }
  }, [whole, h.identifier])
  if (error !== undefined) return <Failure error={error} again={again} />
  if (!data) return <Loading />
  const type = typeOf(data.c, h.type, h.version)
  return (
    <>
      <Button kind="quiet" aria-pressed={whole} busy={busy} onClick={() => reveal(!whole)}>{say(whole ? words.maskAgain : words.reveal)}</Button>
      <Facts rows={data.fields.map((f) => [pick(f.label), <Value of={data.c} field={fieldOf(type, f.field)} value={f.value} />] as const)} />
    </>
  )
}
