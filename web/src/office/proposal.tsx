import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { say, when } from '../kit/text'
import { Button, Dialog, Empty, Facts, useLoad } from '../kit/ui'
import { officeregistry, officeregistryKinds } from '../strings/officeregistry'
import { shared } from '../strings/shared'
import { Badge, Confirm, Id, Loads, type Place, State, Table, label, path } from './parts'
import { type Proposal, differences, entryOf } from './registry'

// What one operator wants and another has to approve: shown whole, compared with what stands, and decided.

/** What it is about, in words. */
export function subject(p: Proposal): string {
  const f = p.freeze
  if (!f) return `${label(officeregistryKinds, p.what)} · ${p.target}`
  const verb = say(officeregistryKinds[f.frozen ? 'freeze' : 'thaw'] as [string, string])
  return `${verb} · ${label(officeregistryKinds, f.kind)}${f.kind === 'all' ? '' : ` ${f.id}`}${f.key ? ` · ${f.key.slice(0, 12)}…` : ''}`
}

export function Decide({ w, self, p, done }: Pick<Place, 'w' | 'self'> & { p: Proposal; done: () => void }): JSX.Element {
  const [act, setAct] = useState<'look' | 'approve' | 'reject'>()
  const own = p.by === self.id && (self.operators ?? 2) > 1
  const operator = self.role === 'operator'
  const stale = useRef(false)
  // Somebody else may have been quicker: that is said first, and the list is asked for anew when it has been read.
  const close = (): void => { setAct(undefined); if (stale.current) done() }
  const decide = async (how: 'approve' | 'reject', reason: string): Promise<void> => {
    stale.current = true
    await w.call('POST', `/v1/registry/${p.freeze ? 'freezes' : 'proposals'}/${path(p.id ?? '')}/${how}`, { reason })
  }
  return (
    <>
      {own && <Badge tone="warn">{say(officeregistry.needsOther)}</Badge>}
      <Button kind="quiet" class="o-small" aria-label={`${say(officeregistry.look)}: ${subject(p)}`} onClick={() => setAct('look')}>{say(officeregistry.look)}</Button>
      {operator && !own && <Button class="o-small" aria-label={`${say(officeregistry.approve)}: ${subject(p)}`} onClick={() => setAct('approve')}>{say(officeregistry.approve)}</Button>}
      {operator && <Button kind="danger" class="o-small" aria-label={`${say(own ? officeregistry.withdraw : officeregistry.reject)}: ${subject(p)}`} onClick={() => setAct('reject')}>{say(own ? officeregistry.withdraw : officeregistry.reject)}</Button>}
      {act === 'look' && (
        <Dialog title={subject(p)} onClose={close}>
          <Summary p={p} />
          <Compare w={w} p={p} />
          <div class="row o-end"><Button kind="quiet" onClick={close}>{say(shared.close)}</Button></div>
        </Dialog>
      )}
      {act === 'approve' && <Confirm title={`${say(officeregistry.approve)} · ${subject(p)}`} draft={`approve.${p.id}`} label={say(officeregistry.approve)} act={(r) => decide('approve', r)} onClose={close}><Summary p={p} /><Compare w={w} p={p} /><p>{say(officeregistry.approveTell)}</p></Confirm>}
      {act === 'reject' && <Confirm title={`${say(own ? officeregistry.withdraw : officeregistry.reject)} · ${subject(p)}`} draft={`reject.${p.id}`} label={say(own ? officeregistry.withdraw : officeregistry.reject)} danger act={(r) => decide('reject', r)} onClose={close}><Summary p={p} /><p>{say(officeregistry.rejectTell)}</p></Confirm>}
    </>
  )
}

function Summary({ p }: { p: Proposal }): JSX.Element {
  return (
    <Facts rows={[
      [say(officeregistry.by), <span class="mono">{p.by}</span>],
      [say(officeregistry.why), p.why],
      p.at ? [say(officeregistry.at), when(p.at)] : null,
      p.freeze?.key ? [say(officeregistryKinds['service-key'] as [string, string]), <Id text={p.freeze.key} />] : null,
      p.urgent ? ['', <Badge tone="bad">{say(officeregistry.urgentNow)}</Badge>] : null,
    ]} />
  )
}

/** The entry as it stands beside the entry as it will be. */
function Compare({ w, p }: { w: Place['w']; p: Proposal }): JSX.Element {
  const of = useLoad(async () => (p.entry ? { before: await entryOf(w, p.what, p.target) } : { before: undefined }), [p.id])
  if (!p.entry) return <></>
  return (
    <Loads of={of}>{({ before }) => {
      // What the registry keeps by itself is ignored in a PUT, and so here.
      const strip = (e: Readonly<Record<string, unknown>> | undefined): unknown => { if (!e) return {}; const { steps: _s, state: _t, suspended: _u, ...rest } = e; return rest }
      const rows = differences(strip(before), strip(p.entry))
      return rows.length === 0 ? <Empty>{say(officeregistry.same)}</Empty> : (
        <>
          {!before && <p><Badge>{say(officeregistry.newEntry)}</Badge></p>}
          <Table caption={subject(p)} rows={rows} keyOf={(d) => d.at} columns={[
            { head: say(officeregistry.field), cell: (d) => <span class="mono small address">{d.at}</span> },
            !!before && { head: say(officeregistry.before), cell: (d) => d.before ?? '—', kind: 'wide' },
            { head: say(officeregistry.after), cell: (d) => d.after ?? '—', kind: 'wide' },
          ]} />
        </>
      )
    }}</Loads>
  )
}

export function Proposals({ w, self, rows, done, title }: Pick<Place, 'w' | 'self'> & { rows: readonly Proposal[]; done: () => void; title: string }): JSX.Element {
  return (
    <Table caption={title} rows={rows} keyOf={(p) => p.id ?? p.target} tone={(p) => (p.urgent && p.state === 'open' ? 'bad' : undefined)} columns={[
      { head: say(officeregistry.field), cell: (p) => <><strong>{subject(p)}</strong>{p.urgent && p.state === 'open' && <> <Badge tone="bad">{say(officeregistry.urgentNow)}</Badge></>}<p class="small">{p.why}</p></>, kind: 'wide' },
      { head: say(officeregistry.by), cell: (p) => <><span class="mono small">{p.by}</span>{p.decided_by && <p class="mono small">{p.decided_by}</p>}</> },
      { head: say(officeregistry.at), cell: (p) => <>{p.at && when(p.at)}{p.state === 'open' && p.expires && <p class="small">{say(officeregistry.expires, { at: when(p.expires) })}</p>}</> },
      { head: '', kind: 'actions', cell: (p) => (p.state === 'open' ? <Decide w={w} self={self} p={p} done={done} /> : <State of={p.state} />) },
    ]} />
  )
}
