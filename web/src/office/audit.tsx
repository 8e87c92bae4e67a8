import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { request } from '../kit/api'
import { say, when } from '../kit/text'
import { Button, Empty, Facts, Failure, Field, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { office } from '../strings/office'
import { officeaudit, officeauditDetail, officeauditKinds, officeauditSaved } from '../strings/officeaudit'
import { Failed, Head, Id, Panel, type Place, Table, label, list, query, useDraft, useProblems } from './parts'
import { type Proof, type Verdict, check, readKeys } from './proof'

interface Event extends Proof {
  readonly id: string
  readonly at: string
  readonly kind: string
  readonly actor?: string
  readonly subject?: string
  readonly holder?: string
  readonly detail?: Readonly<Record<string, string>>
  readonly fault?: string
}
interface Page { readonly events: readonly Event[]; readonly checkpoint: string; readonly next?: number }
interface Question { readonly kind: string; readonly actor: string; readonly subject: string; readonly holder: string; readonly from: string; readonly to: string; readonly after: string }
const nothing: Question = { kind: '', actor: '', subject: '', holder: '', from: '', to: '', after: '' }

export default function Audit(place: Place): JSX.Element { return place.self.role === 'auditor' ? <Search {...place} /> : <ProveOne /> }

const iso = (local: string): string => { const d = new Date(local); return local && !isNaN(d.getTime()) ? d.toISOString() : '' }

/** A kind by the longest beginning that has a name. */
function kindName(kind: string): string {
  const [, name] = Object.entries(officeauditKinds).filter(([k]) => kind.startsWith(k)).sort(([a], [b]) => b.length - a.length)[0] ?? []
  return name && name !== officeauditKinds[''] ? say(name) : ''
}

function Search({ w, at, go }: Place): JSX.Element {
  const [q, setQ, forget] = useDraft<Question>('audit', nothing)
  // The address may name a kind, so that other sections lead to what they tell of.
  const kind = at[0] ?? ''
  const [asked, setAsked] = useState<Question>(kind ? { ...nothing, kind } : q)
  useEffect(() => { if (kind) { setQ({ ...nothing, kind }); setAsked({ ...nothing, kind }) } }, [kind])
  const why = useProblems()
  const [rows, setRows] = useState<readonly (Event & { readonly note: string })[]>([])
  const [next, setNext] = useState<number>()
  const [one, setOne] = useState<Event & { readonly note: string }>()
  const more = useAction()
  const set = (part: Partial<Question>): void => setQ({ ...q, ...part })
  const ask = (of: Question, after?: number): Promise<Page> => w.call<Page>('GET', `/v1/audit/events${query({ kind: of.kind.trim(), actor: of.actor.trim(), subject: of.subject.trim(), holder: of.holder.trim(), from: iso(of.from), to: iso(of.to), after: after ?? of.after, limit: 50 })}`)
  const found = useLoad(async () => { const d = await ask(asked); setRows(list(d.events).map((e) => ({ ...e, note: e.checkpoint ?? d.checkpoint }))); setNext(d.next); return d }, [asked])
  const text = (name: keyof Question, label: string, more: JSX.IntrinsicElements['input'] = {}, hint?: string): JSX.Element => (
    <Field id={`a-${name}`} label={label} hint={hint}><input id={`a-${name}`} autocomplete="off" spellcheck={false} value={q[name]} onInput={(e) => set({ [name]: e.currentTarget.value })} aria-describedby={hint ? `a-${name}-hint` : undefined} {...more} /></Field>
  )
  return (
    <>
      <Head title={say(office.navAudit)} lead={say(officeaudit.lead)} />
      <Panel>
        <nav class="o-saved" aria-label={say(officeaudit.saved)}>
          <span class="small">{say(officeaudit.saved)}</span>
          {Object.entries(officeauditSaved).map(([k, name]) => <a href={`#audit/${k}`} aria-current={asked.kind === k ? 'true' : undefined}>{say(name)}</a>)}
        </nav>
        <form onSubmit={(e) => { e.preventDefault(); if (kind && kind !== q.kind.trim()) go('audit'); setAsked({ ...q }) }}>
          <div class="o-form">
            {text('kind', say(officeaudit.kind), { list: 'audit-kinds' }, say(officeaudit.kindHint))}
            <datalist id="audit-kinds">{Object.entries(officeauditKinds).filter(([k]) => k).map(([k, v]) => <option value={k}>{say(v)}</option>)}</datalist>
            {text('actor', say(officeaudit.actor))}
            {text('subject', say(officeaudit.subject))}
            {text('holder', say(officeaudit.holder))}
            {text('from', say(officeaudit.from), { type: 'datetime-local' })}
            {text('to', say(officeaudit.to), { type: 'datetime-local' })}
            {text('after', say(officeaudit.after), { type: 'number', min: 0 })}
          </div>
          <div class="row o-last"><Button type="submit" busy={found.busy}>{say(office.search)}</Button><Button kind="quiet" onClick={() => { go('audit'); forget(); setAsked(nothing) }}>{say(office.clear)}</Button></div>
        </form>
      </Panel>
      {one && <Checked key={one.id} proof={one} note={one.note} title={`${one.kind} · ${one.id}`} event={one} />}
      <Panel title={say(officeaudit.results)}>
        {found.error !== undefined && <Failed error={found.error} again={found.again} />}
        {!found.data && found.error === undefined && <Loading />}
        {found.data && rows.length === 0 && <Empty>{say(next === undefined ? officeaudit.none : officeaudit.noneYet)}</Empty>}
        {rows.length > 0 && found.error === undefined && (
          <Table caption={say(officeaudit.results)} rows={rows} keyOf={(e) => e.id} tone={(e) => (e.fault ? 'bad' : undefined)} columns={[
            { head: say(officeaudit.place), kind: 'number', cell: (e) => e.index },
            { head: say(officeaudit.at), cell: (e) => when(e.at, true) },
            { head: say(officeaudit.what), kind: 'wide', cell: (e) => <><strong>{kindName(e.kind)}</strong> <span class="mono">{e.kind}</span>{(e.detail?.['conflicts'] ?? '').split(' ').filter(Boolean).map((c) => <p class="is no">{why(c).title} {why(c).next}</p>)}{e.subject && <p class="small mono address">{e.subject}</p>}{e.detail && <p class="small">{Object.entries(e.detail).filter(([k]) => k !== 'conflicts').map(([k, v]) => `${label(officeauditDetail, k)}: ${v}`).join(' · ')}</p>}{!e.opening && <p class="small">{say(officeaudit.erased)}</p>}{e.fault && <p class="is no">{say(officeaudit.fault, { why: e.fault })}</p>}</> },
            { head: say(officeaudit.who), cell: (e) => <span class="mono small">{e.actor ?? '—'}</span> },
            { head: '', kind: 'actions', cell: (e) => <Button kind="quiet" class="o-small" aria-label={`${say(officeaudit.check)} ${e.index}`} onClick={() => setOne(e)}>{say(officeaudit.check)}</Button> },
          ]} />
        )}
        {more.error !== undefined && <Failure error={more.error} />}
        {next !== undefined && found.error === undefined && <Button kind="quiet" busy={more.busy} onClick={() => more.run(async () => { const d = await ask(asked, next); setRows([...rows, ...list(d.events).map((e) => ({ ...e, note: e.checkpoint ?? d.checkpoint }))]); setNext(d.next) })}>{say(office.more)}</Button>}
      </Panel>
    </>
  )
}

/** For operators: the proof of an entry by its id, without what it says. The routes are public. */
function ProveOne(): JSX.Element {
  const [id, setId] = useState('')
  const [got, setGot] = useState<Proof & { readonly of: string }>()
  const act = useAction()
  return (
    <>
      <Head title={say(office.navAudit)} lead={say(officeaudit.proveLead)} />
      <Panel>
        <form onSubmit={(e) => { e.preventDefault(); act.run(async () => { setGot(undefined); const wanted = id.trim(); setGot({ ...(await (await request('GET', `/v1/audit/proofs/inclusion${query(/^\d+$/.test(wanted) ? { index: wanted } : { entry: wanted })}`)).json() as Proof), of: wanted }) }) }}>
          <Field id="prove-id" label={say(officeaudit.entry)}><input id="prove-id" class="mono" required autocomplete="off" spellcheck={false} maxLength={64} value={id} onInput={(e) => setId(e.currentTarget.value)} /></Field>
          <Button type="submit" busy={act.busy}>{say(officeaudit.get)}</Button>
        </form>
      </Panel>
      {act.error !== undefined && <Failed error={act.error} />}
      {got && <Checked key={got.of} proof={got} note={got.checkpoint ?? ''} title={got.of} />}
    </>
  )
}

/** A proof, checked here, with what that shows and what it does not. */
function Checked({ proof, note, title, event }: { proof: Proof; note: string; title: string; event?: Event }): JSX.Element {
  const of = useLoad(async () => {
    const keys = await (await request('GET', '/v1/audit/keys', { accept: 'text/plain' })).text()
    return { keys, verdict: await check(proof, note, await readKeys(keys), (ms) => when(ms)) }
  }, [title])
  const save = (): void => {
    const a = document.createElement('a')
    a.href = URL.createObjectURL(new Blob([JSON.stringify({ ...proof, checkpoint: note }, null, 2)], { type: 'application/json' }))
    a.download = `proof-${proof.index}.json`
    a.click()
    setTimeout(() => URL.revokeObjectURL(a.href), 60_000)
  }
  return (
    <Panel title={title} aside={<Button kind="quiet" class="o-small" onClick={save}>{say(officeaudit.save)}</Button>}>
      {of.error !== undefined && <Failed error={of.error} again={of.again} />}
      {!of.data && of.error === undefined && <p role="status">{say(officeaudit.checking)}</p>}
      {of.data && <Findings v={of.data.verdict} />}
      <Facts rows={[
        [say(officeaudit.place), `${proof.index} / ${proof.size}`],
        event?.opening ? null : event ? [say(officeaudit.what), say(officeaudit.erased)] : null,
        of.data ? [say(officeaudit.leafHash), <span class="mono small address">{of.data.verdict.leafHash}</span>] : null,
        [say(officeaudit.path, { n: proof.path.length }), <details><summary class="mono small address">{proof.path[0] ?? '—'}</summary>{proof.path.slice(1).map((h) => <div class="mono small address">{h}</div>)}</details>],
        [say(officeaudit.root), <Id text={proof.root} />],
      ]} />
      <h3>{say(officeaudit.checkpoint)}</h3>
      <pre class="o-pre" tabIndex={0}>{note}</pre>
      {of.data && <><h3>{say(officeaudit.keysOf)}</h3><pre class="o-pre" tabIndex={0}>{of.data.keys}</pre></>}
    </Panel>
  )
}

function Findings({ v }: { v: Verdict }): JSX.Element {
  const partly = v.findings.some((f) => f.ok === undefined)
  return (
    <div class="o-cols" data-verdict={v.good ? 'good' : 'bad'}>
      <div>
        <Notice tone={!v.good ? 'bad' : partly ? 'warn' : 'good'} live><strong>{say(!v.good ? officeaudit.bad : partly ? officeaudit.partly : officeaudit.good)}</strong></Notice>
        <h3>{say(officeaudit.doneList)}</h3>
        <ul class="o-proof">{v.findings.map((f) => <li><span class={`o-mark ${f.ok ? 'good' : f.ok === undefined ? 'warn' : 'bad'}`} aria-hidden="true">{f.ok ? '✓' : f.ok === undefined ? '?' : '✕'}</span><span>{f.ok === false && <strong>✕ </strong>}{say(f.what, f.values)}</span></li>)}</ul>
      </div>
      <div>
        <h3>{say(officeaudit.notList)}</h3>
        <ul class="o-proof">{v.open.map((p) => <li><span class="o-mark warn" aria-hidden="true">!</span><span>{say(p)}</span></li>)}</ul>
      </div>
    </div>
  )
}
