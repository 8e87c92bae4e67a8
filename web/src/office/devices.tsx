import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { say } from '../kit/text'
import { Button, Field, Notice } from '../kit/ui'
import { office } from '../strings/office'
import { officecertificates, officecertificatesHolders } from '../strings/officecertificates'
import { officeregistry } from '../strings/officeregistry'
import { Confirm, Good, Head, Panel, type Place, Tabs } from './parts'

// Lost devices, for people who cannot do it themselves. The number goes in the body and is not kept on this machine.

export default function Devices({ w }: Place): JSX.Element {
  const [how, setHow] = useState<'holder' | 'device'>('holder')
  const [type, setType] = useState('111')
  const [text, setText] = useState('')
  const [asking, setAsking] = useState(false)
  const [killed, setKilled] = useState<number>()
  const kill = async (reason: string): Promise<void> => {
    const target = how === 'device' ? { device: text.trim() } : { holder: { type, number: text.trim() } }
    const r = await w.call<{ killed: number }>('POST', '/v1/devices/kill', { ...target, reason })
    setKilled(r.killed)
    setText('')
  }
  return (
    <>
      <Head title={say(office.navDevices)} lead={say(officeregistry.devicesLead)} />
      {killed !== undefined && (killed ? <Good>{say(officeregistry.killed, { n: killed })}</Good> : <Notice tone="warn" live>{say(officeregistry.killedNone)}</Notice>)}
      <Panel>
        <Notice>{say(officeregistry.idProof)}</Notice>
        <Tabs label={say(office.navDevices)} value={how} choose={(h) => { setHow(h); setText('') }} options={[['holder', say(officeregistry.allDevices)], ['device', say(officeregistry.oneDevice)]]} />
        <form onSubmit={(e) => { e.preventDefault(); setKilled(undefined); setAsking(true) }}>
          <div class="o-form">
            {how === 'holder' && (
              <Field id="kill-type" label={say(officecertificates.holderType)}>
                <select id="kill-type" value={type} onChange={(e) => setType(e.currentTarget.value)}>{Object.entries(officecertificatesHolders).map(([k, v]) => <option value={k}>{say(v)}</option>)}</select>
              </Field>
            )}
            <Field id="kill-what" label={say(how === 'holder' ? officeregistry.holderNumber : officeregistry.device)}>
              <input id="kill-what" required autocomplete="off" spellcheck={false} maxLength={128} value={text} onInput={(e) => setText(e.currentTarget.value)} />
            </Field>
          </div>
          <Button type="submit" kind="danger" disabled={!text.trim()}>{say(officeregistry.kill)}</Button>
        </form>
      </Panel>
      {asking && <Confirm title={say(officeregistry.kill)} draft="kill" label={say(officeregistry.kill)} danger limit={500} act={kill} onClose={() => setAsking(false)}><p>{say(officeregistry.killTell)}</p><p class="small">{say(officeregistry.killReason)}</p></Confirm>}
    </>
  )
}
