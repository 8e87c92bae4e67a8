import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { say, when } from '../kit/text'
import { Button, Field, Notice } from '../kit/ui'
import { nextKey } from '../kit/workstation'
import { office } from '../strings/office'
import { officeparty } from '../strings/officeparty'
import { Badge, Confirm, Good, Head, Id, type OwnKey, Panel, type Place, Table, list, path } from './parts'

export default function Keys({ w, self, refresh }: Place): JSX.Element {
  const [act, setAct] = useState<'next' | OwnKey>()
  const [days, setDays] = useState(7)
  const [done, setDone] = useState(() => { const d = sessionStorage.getItem('showcard.office.keys') ?? ''; sessionStorage.removeItem('showcard.office.keys'); return d })
  const close = (): void => setAct(undefined)
  const change = async (): Promise<void> => {
    await nextKey(w, days * 86400)
    sessionStorage.setItem('showcard.office.keys', 'next')
    location.reload() // under the new key from the first request on
  }
  const drop = async (kid: string): Promise<void> => {
    await w.call('DELETE', `/v1/clients/self/keys/${path(kid)}`)
    await refresh()
    setDone('drop')
  }
  return (
    <>
      <Head title={say(office.navKeys)} lead={say(officeparty.keysLead)}><Button onClick={() => setAct('next')}>{say(officeparty.next)}</Button></Head>
      {done && <Good>{say(done === 'next' ? officeparty.nextDone : officeparty.dropped)}</Good>}
      <Panel>
        <Table caption={say(office.navKeys)} rows={list(self.keys)} keyOf={(k) => k.kid} columns={[
          { head: say(officeparty.key), kind: 'wide', cell: (k) => <><Id text={k.kid} /> {k.kid === w.signer.kid && <Badge tone="good">{say(officeparty.inUse)}</Badge>}</> },
          { head: say(officeparty.ends), cell: (k) => (k.ends ? when(k.ends) : say(officeparty.noEnd)) },
          { head: '', kind: 'actions', cell: (k) => (k.kid === w.signer.kid ? <span class="small">{say(officeparty.dropOwn)}</span> : <Button kind="danger" class="o-small" aria-label={`${say(officeparty.drop)} ${k.kid}`} onClick={() => { setDone(''); setAct(k) }}>{say(officeparty.drop)}</Button>) },
        ]} />
      </Panel>
      {act === 'next' && (
        <Confirm title={say(officeparty.next)} draft="key.next" label={say(officeparty.next)} reason="none" act={change} onClose={close}>
          <p>{say(officeparty.nextTell)}</p>
          <Field id="key-days" label={say(officeparty.overlap)}>
            <select id="key-days" value={days} onChange={(e) => setDays(Number(e.currentTarget.value))}>{[1, 7, 30, 90].map((n) => <option value={n}>{say(officeparty.overlapDays, { n })}</option>)}</select>
          </Field>
        </Confirm>
      )}
      {act && act !== 'next' && (
        <Confirm title={say(officeparty.drop)} draft="key.drop" label={say(officeparty.drop)} danger reason="none" act={() => drop(act.kid)} onClose={close}>
          <Notice tone="warn">{say(officeparty.dropTell)}</Notice>
          <p class="mono address">{act.kid}</p>
        </Confirm>
      )}
    </>
  )
}
