import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { number, pick, say, when } from '../kit/text'
import { Button, Empty, Facts, useLoad } from '../kit/ui'
import { labels, typeOf } from '../kit/values'
import { officeparty } from '../strings/officeparty'
import { officeregistry, officeregistrySteps } from '../strings/officeregistry'
import { shared } from '../strings/shared'
import { typeName, useCatalogue } from './certificates'
import { Badge, Confirm, Good, Head, Loads, Panel, type Place, State, Tabs, label, list, path } from './parts'
import { writtenBy } from './queue'
import { type Party, type Proposal, parties } from './registry'
import { Days, UsageCharts, type UsageOf } from './usage'

type Act = 'approve' | 'reject' | 'release' | 'suspend' | 'resume' | 'retire'

/** A relying party: what it is registered for, how it came there, what an operator may do with it, and what it did. */
export function PartyView({ w, self, go, id, usage }: Place & { id: string; usage: boolean }): JSX.Element {
  const of = useLoad(async () => (await parties(w)).find((p) => p.id === id), [id])
  const [act, setAct] = useState<Act>()
  const [said, setSaid] = useState('')
  const p = of.data
  const own = !!p && writtenBy(p) === self.id && (self.operators ?? 2) > 1
  const operator = self.role === 'operator'
  const close = (): void => setAct(undefined)
  const run = async (reason: string): Promise<void> => {
    if (!act || !p) return
    const seen = p.steps?.[p.steps.length - 1]?.at
    try {
      const answer = await w.call<Party | Proposal>('POST', `/v1/registry/parties/${path(id)}/${act}`, act === 'approve' ? { seen, reason } : { reason })
      setSaid(say('what' in answer && answer.state === 'open' ? officeregistry.proposed : officeregistry.applied))
    } finally { of.again() }
  }
  const ask = (a: Act): void => { setSaid(''); setAct(a) }
  const tells: Readonly<Record<Act, string>> = {
    approve: say(officeregistry.reviewTell), reject: say(officeregistry.reviewTell), release: say(officeregistry.releaseTell),
    suspend: say(officeregistry.suspendTell), resume: say(officeregistry.resumeTell), retire: say(officeregistry.retireTell),
  }
  const names: Readonly<Record<Act, string>> = { approve: say(officeregistry.approve), reject: say(officeregistry.reject), release: say(officeregistry.release), suspend: say(officeregistry.suspend), resume: say(officeregistry.resume), retire: say(officeregistry.retire) }
  return (
    <>
      <Head title={p ? pick(p.name) : id} lead={p && <><State of={p.state ?? ''} /> <span class="mono">{id}</span></>}><Button kind="quiet" onClick={() => go('parties')}>{say(officeregistry.backParties)}</Button></Head>
      {said && <Good>{said}</Good>}
      {p && operator && (
        <div class="row">
          {p.state === 'registered' && (own ? <Badge tone="warn">{say(officeregistry.needsOther)}</Badge> : <><Button onClick={() => ask('approve')}>{names.approve}</Button><Button kind="danger" onClick={() => ask('reject')}>{names.reject}</Button></>)}
          {p.state === 'approved' && <Button onClick={() => ask('release')}>{names.release}</Button>}
          {p.state === 'suspended' && <Button onClick={() => ask('resume')}>{names.resume}</Button>}
          {p.state !== 'retired' && <Button kind="quiet" onClick={() => go('parties', id, 'edit')}>{say(officeregistry.edit)}</Button>}
          {p.state === 'released' && <Button kind="danger" onClick={() => ask('suspend')}>{names.suspend}</Button>}
          {p.state !== 'retired' && <Button kind="danger" onClick={() => ask('retire')}>{names.retire}</Button>}
        </div>
      )}
      <Tabs label={id} value={usage ? 'usage' : 'life'} choose={(v) => (v === 'usage' ? go('parties', id, 'usage') : go('parties', id))} options={[['life', say(officeregistry.life)], ['usage', say(officeregistry.usage)]]} />
      {usage ? <PartyUsage w={w} id={id} /> : <Loads of={of}>{(d) => (d ? <Entry p={d} /> : <Empty>{id}</Empty>)}</Loads>}
      {act && (
        <Confirm title={`${names[act]} · ${p ? pick(p.name) : id}`} draft={`party.${act}.${id}`} label={names[act]} danger={act === 'suspend' || act === 'retire' || act === 'reject'} word={act === 'retire' || act === 'suspend' ? id : undefined} act={run} onClose={close}>
          <p>{tells[act]}</p>
        </Confirm>
      )}
    </>
  )
}

function PartyUsage({ w, id }: { w: Place['w']; id: string }): JSX.Element {
  const [days, setDays] = useState('30')
  const of = useLoad(() => w.call<UsageOf>('GET', `/v1/registry/parties/${path(id)}/usage?days=${days}`), [id, days])
  return <><Days value={days} choose={setDays} /><Loads of={of}>{(d) => <UsageCharts usage={d} days={Number(days)} />}</Loads></>
}

function Entry({ p }: { p: Party }): JSX.Element {
  const c = useCatalogue()
  const name = (code: string): string => pick(p.legal_basis?.find((b) => b.purpose === code)?.name) || code
  return (
    <>
      <div class="o-cols">
        <Panel title={say(officeregistry.life)}>
          <Facts rows={[
            [say(officeregistry.partyContact), p.contact || '—'],
            [say(officeparty.perMinute), number(p.per_minute || 6000)],
            [say(officeparty.perDay), p.per_day ? number(p.per_day) : say(officeparty.noLimit)],
            [say(officeparty.portrait), say(p.portrait ? shared.yes : shared.no)],
            [say(officeparty.ending), say(p.ending ? shared.yes : shared.no)],
            [say(officeparty.from), p.not_before ? when(p.not_before) : say(officeparty.open)],
            [say(officeparty.until), p.not_after ? when(p.not_after) : say(officeparty.open)],
            ...list(p.legal_basis).map((b) => [name(b.purpose), b.basis] as const),
          ]} />
        </Panel>
        <Panel title={say(officeregistry.steps)}>
          {list(p.steps).length === 0 && <Empty>{say(officeregistry.noSteps)}</Empty>}
          <ol class="o-steps">{[...list(p.steps)].reverse().map((s) => <li class="o-step"><strong>{label(officeregistrySteps, s.what)}</strong> <span class="small">{when(s.at)} · <span class="mono">{s.by}</span></span>{s.why && <div class="small">{s.why}</div>}</li>)}</ol>
        </Panel>
      </div>
      {p.grants.map((g) => {
        const t = c && typeOf(c, g.type)
        return (
          <Panel title={typeName(c, g.type)} aside={<span class="o-badges">{g.purposes.map((code) => <Badge>{name(code)}</Badge>)}</span>}>
            <p class="o-last">{labels(t, g.fields)}</p>
          </Panel>
        )
      })}
    </>
  )
}
