import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { pick, say, when } from '../kit/text'
import { Button, Empty, Notice, type Loaded, useAction, useLoad } from '../kit/ui'
import { office } from '../strings/office'
import { officeregistry, officeregistryKinds } from '../strings/officeregistry'
import { AnswerCorrection, AnswerDispute, type Correction, type Dispute } from './answers'
import { Badge, Failed, Figure, Good, Head, Loads, Panel, type Place, State, Table, label, list, notOffered, path } from './parts'
import { Proposals } from './proposal'
import type { Review } from './ratings'
import { type Party, parties, proposals } from './registry'

// What waits for an operator, of all kinds, on one page. What this server does not offer is left out.

/** Who wrote a party down last, which is who may not review it. */
export const writtenBy = (p: Party): string => [...list(p.steps)].reverse().find((s) => s.what === 'register' || s.what === 'change')?.by ?? ''

export default function Queue(place: Place): JSX.Element {
  const { w, self, go } = place
  const waiting = useLoad(async () => (await proposals(w)).filter((p) => p.state === 'open'), [])
  const all = useLoad(async () => (await parties(w)).filter((p) => p.state === 'registered' || p.state === 'approved'), [])
  const corrections = useLoad(async () => list((await w.call<{ corrections: Correction[] }>('GET', '/v1/corrections')).corrections), [])
  const disputes = useLoad(async () => list((await w.call<{ disputes: Dispute[] }>('GET', '/v1/disputes?state=open')).disputes), [])
  const reviews = useLoad(async () => list((await w.call<{ reviews: Review[] }>('GET', '/v1/reviews?state=open')).reviews), [])
  const again = (): void => { for (const l of [waiting, all, corrections, disputes, reviews]) l.again() }
  // Looked at anew when somebody comes back to the page, and twice a minute: another operator may have been quicker.
  useEffect(() => {
    const look = (): void => { if (!document.hidden && !document.querySelector('[role=dialog]')) again() }
    const timer = setInterval(look, 30_000)
    document.addEventListener('visibilitychange', look)
    return () => { clearInterval(timer); document.removeEventListener('visibilitychange', look) }
  }, [])
  const freezes = waiting.data?.filter((p) => p.freeze)
  const changes = waiting.data?.filter((p) => !p.freeze)
  const count = (n: number | undefined): ComponentChildren => (n === undefined ? '—' : n)
  const tone = (n: number | undefined): 'warn' | undefined => (n ? 'warn' : undefined)
  const groups: readonly (readonly [string, number | undefined])[] = [
    [say(officeregistry.proposals), changes?.length], [say(officeregistry.freezes), freezes?.length], [say(officeregistry.toReview), all.data?.length],
    [say(officeregistry.corrections), corrections.data?.length], [say(officeregistry.disputes), disputes.data?.length], [say(officeregistry.reviews), reviews.data?.length],
  ]
  const empty = groups.every(([, n]) => n === 0)
  return (
    <>
      <Head title={say(office.navQueue)} lead={say(officeregistry.queueLead)}><Button kind="quiet" busy={waiting.busy} onClick={again}>{say(office.refresh)}</Button></Head>
      {self.operators === 1 && <Notice>{say(officeregistry.oneOperator)}</Notice>}
      <dl class="o-figures">{groups.map(([name, n]) => <Figure name={name} tone={tone(n)}>{count(n)}</Figure>)}</dl>
      {empty && <Empty><p><strong>{say(officeregistry.nothingWaits)}</strong></p></Empty>}
      {waiting.error !== undefined && <Failed error={waiting.error} again={waiting.again} />}
      {freezes && freezes.length > 0 && <Panel title={say(officeregistry.freezes)}><Proposals w={w} self={self} rows={freezes} done={again} title={say(officeregistry.freezes)} /></Panel>}
      {changes && changes.length > 0 && <Panel title={say(officeregistry.proposals)}><Proposals w={w} self={self} rows={changes} done={again} title={say(officeregistry.proposals)} /></Panel>}
      <Group of={all} title={say(officeregistry.toReview)}>{(rows) => (
        <Table caption={say(officeregistry.toReview)} rows={rows} keyOf={(p) => p.id} columns={[
          { head: say(officeregistry.party), cell: (p) => <><a href={`#parties/${p.id}`}><strong>{pick(p.name)}</strong></a><p class="mono small">{p.id}</p></> },
          { head: say(officeregistry.by), cell: (p) => <span class="mono small">{writtenBy(p)}</span> },
          { head: say(officeregistry.at), cell: (p) => when(p.steps?.[p.steps.length - 1]?.at) },
          { head: '', kind: 'actions', cell: (p) => <><State of={p.state ?? ''} />{p.state === 'registered' && writtenBy(p) === self.id && (self.operators ?? 2) > 1 ? <Badge tone="warn">{say(officeregistry.needsOther)}</Badge> : <Button class="o-small" aria-label={`${say(p.state === 'registered' ? officeregistry.review : officeregistry.release)} ${p.id}`} onClick={() => go('parties', p.id)}>{say(p.state === 'registered' ? officeregistry.review : officeregistry.release)}</Button>}</> },
        ]} />
      )}</Group>
      <Group of={corrections} title={say(officeregistry.corrections)}>{(rows) => <Corrections {...place} rows={rows} done={corrections.again} />}</Group>
      <Group of={disputes} title={say(officeregistry.disputes)}>{(rows) => <Disputes {...place} rows={rows} done={disputes.again} />}</Group>
      {reviews.data && reviews.data.length > 0 && (
        <Panel title={say(officeregistry.reviews)} aside={<Button class="o-small" onClick={() => go('ratings', 'open')}>{say(officeregistry.look)}</Button>}>
          <p class="o-last">{reviews.data.filter((r) => r.overdue).length > 0 && <Badge tone="bad">{say(officeregistry.overdue)} {reviews.data.filter((r) => r.overdue).length}</Badge>} {reviews.data.slice(0, 5).map((r) => r.party_name || r.party).join(' · ')}</p>
        </Panel>
      )}
    </>
  )
}

/** A group that is shown when it has something, or failed. */
function Group<T>({ of, title, children }: { of: Loaded<readonly T[]>; title: string; children: (rows: readonly T[]) => ComponentChildren }): JSX.Element | null {
  if (of.error !== undefined && notOffered(of.error)) return null
  if (of.data?.length === 0 && of.error === undefined) return null
  return <Panel title={title}><Loads of={of}>{children}</Loads></Panel>
}

function Corrections({ w, self, rows, done }: Place & { rows: readonly Correction[]; done: () => void }): JSX.Element {
  const [one, setOne] = useState<Correction>()
  const [sent, setSent] = useState(false)
  const act = useAction()
  const take = (c: Correction): void => act.run(async () => { try { setOne(await w.call<Correction>('POST', `/v1/corrections/${path(c.id)}/claim`)) } finally { done() } })
  return (
    <>
      {sent && <Good>{say(officeregistry.applied)}</Good>}
      {act.error !== undefined && <Failed error={act.error} />}
      <Table caption={say(officeregistry.corrections)} rows={rows} keyOf={(c) => c.id} tone={(c) => (c.overdue ? 'bad' : undefined)} columns={[
        { head: say(officeregistry.about), cell: (c) => <>{label(officeregistryKinds, c.about.kind)}{c.field && <span class="mono small"> · {c.field}</span>}</> },
        { head: say(officeregistry.due), cell: (c) => <>{when(c.due_at)} {c.overdue && <Badge tone="bad">{say(officeregistry.overdue)}</Badge>}</> },
        { head: say(officeregistry.with), cell: (c) => (c.claimed_by ? <span class="mono small">{c.claimed_by}</span> : <State of={c.state} />) },
        { head: '', kind: 'actions', cell: (c) => (c.recorded_by === self.id ? <Badge tone="warn">{say(officeregistry.ownResult)}</Badge> : <Button class="o-small" busy={act.busy} aria-label={`${say(c.claimed_by === self.id ? officeregistry.answerIt : officeregistry.claim)} ${c.id}`} onClick={() => take(c)}>{say(c.claimed_by === self.id ? officeregistry.answerIt : officeregistry.claim)}</Button>) },
      ]} />
      {one && <AnswerCorrection w={w} of={one} onClose={() => setOne(undefined)} done={() => { setOne(undefined); setSent(true); done() }} />}
    </>
  )
}

function Disputes({ w, rows, done }: Place & { rows: readonly Dispute[]; done: () => void }): JSX.Element {
  const [one, setOne] = useState<Dispute>()
  return (
    <>
      <Table caption={say(officeregistry.disputes)} rows={rows} keyOf={(d) => d.id} columns={[
        { head: say(officeregistry.by), cell: (d) => <>{d.side === 'party' ? d.party : say(officeregistryKinds['holder'] as [string, string])}</> },
        { head: say(officeregistry.why), cell: (d) => d.reason ?? '—', kind: 'wide' },
        { head: say(officeregistry.at), cell: (d) => when(d.filed_at) },
        { head: '', kind: 'actions', cell: (d) => <Button class="o-small" aria-label={`${say(officeregistry.answerIt)} ${d.id}`} onClick={() => setOne(d)}>{say(officeregistry.answerIt)}</Button> },
      ]} />
      {one && <AnswerDispute w={w} of={one} onClose={() => setOne(undefined)} done={() => { setOne(undefined); done() }} />}
    </>
  )
}
