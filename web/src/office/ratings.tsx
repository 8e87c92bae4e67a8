import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { number, pick, say, when } from '../kit/text'
import { Button, Dialog, Empty, Facts, Failure, Field, useAction, useLoad } from '../kit/ui'
import { office } from '../strings/office'
import { officeratings, officeratingsLevels } from '../strings/officeratings'
import { shared } from '../strings/shared'
import { CountBars, tint } from './chart'
import { Badge, Figure, Good, Head, Loads, Panel, type Place, State, Table, Tabs, list, path, query, useDraft } from './parts'
import { type Party, parties } from './registry'
import { Days } from './usage'

// Ratings of checks: everybody's sums, an operator's follow-up. Texts are read by who took the case.

export interface Tally {
  readonly party: string
  readonly party_name: string
  readonly count: number
  readonly levels: Readonly<Record<string, number>>
  readonly open: number
  readonly overdue: number
  readonly average?: number
}
export interface Review {
  readonly id: string
  readonly party: string
  readonly party_name: string
  readonly purpose: string
  readonly type?: string
  readonly level: number
  readonly text?: string
  readonly at: string
  readonly state: string
  readonly due_at?: string
  readonly overdue?: boolean
  readonly claimed_by?: string
  readonly answer?: string
  readonly measure?: string
  readonly answered_at?: string
}

const levelName = (l: string): string => say(officeratingsLevels[l] ?? [l, l])
const levels = ['5', '4', '3', '2', '1'] as const
const colors: Readonly<Record<string, string>> = { '5': tint.good, '4': '#3d8f63', '3': tint.warn, '2': '#cf5a3c', '1': tint.bad }

export default function Ratings(place: Place): JSX.Element {
  return place.self.role === 'relying-party' ? <Own {...place} /> : <Office {...place} />
}

function Levels({ of }: { of: Tally }): JSX.Element {
  return <CountBars title={say(officeratings.levels)} rows={levels.map((l) => ({ key: l, name: levelName(l), count: of.levels[l] ?? 0 }))} colorOf={(k) => colors[k]} />
}

function Own({ w }: Place): JSX.Element {
  const [days, setDays] = useState('30')
  const of = useLoad(() => w.call<Tally>('GET', `/v1/clients/self/reviews?days=${days}`), [days])
  return (
    <>
      <Head title={say(office.navRatings)} lead={say(officeratings.ownLead)} />
      <Days value={days} choose={setDays} />
      <Loads of={of}>{(d) => (d.count === 0 ? <Empty>{say(officeratings.noReviews)}</Empty> : <><Figures of={d} /><Panel><Levels of={d} /></Panel></>)}</Loads>
    </>
  )
}

function Figures({ of }: { of: Tally }): JSX.Element {
  const bad = ((of.levels['1'] ?? 0) + (of.levels['2'] ?? 0)) / Math.max(1, of.count)
  return (
    <dl class="o-figures">
      <Figure name={say(officeratings.count)}>{number(of.count)}</Figure>
      <Figure name={say(officeratings.average)} tone={of.average === undefined ? undefined : of.average >= 4 ? 'good' : of.average < 3 ? 'bad' : 'warn'}>{of.average?.toFixed(1) ?? '—'}<small> / 5</small></Figure>
      <Figure name={say(officeratings.shareBad)} tone={bad > 0.1 ? 'bad' : undefined}>{Math.round(bad * 100)}%</Figure>
      <Figure name={say(officeratings.open)} tone={of.overdue ? 'bad' : of.open ? 'warn' : undefined}>{number(of.open)}{of.overdue > 0 && <small> {say(officeratings.overdue)} {of.overdue}</small>}</Figure>
    </dl>
  )
}

/** Parties and purposes by their names in both languages; a review has one of a party, and the purpose's code. */
function useNames(w: Place['w']): { party: (r: { readonly party: string; readonly party_name: string }) => string; purpose: (r: Review) => string } {
  const { data } = useLoad(() => parties(w), [])
  const of = (id: string): Party | undefined => data?.find((p) => p.id === id)
  return {
    party: (r) => pick(of(r.party)?.name) || r.party_name || r.party,
    purpose: (r) => pick(of(r.party)?.legal_basis?.find((b) => b.purpose === r.purpose)?.name) || r.purpose,
  }
}

type View = 'open' | 'answered' | 'all' | 'summary'

function Office(place: Place): JSX.Element {
  const operator = place.self.role === 'operator'
  const view = (place.at[0] ?? (operator ? 'open' : 'summary')) as View
  return (
    <>
      <Head title={say(office.navRatings)} lead={say(officeratings.lead)} />
      <Tabs label={say(office.navRatings)} value={view} choose={(v) => place.go('ratings', v)} options={[['open', say(officeratings.follow)], ['answered', say(officeratings.answered)], ['all', say(officeratings.all)], ['summary', say(officeratings.summary)]]} />
      {view === 'summary' ? <Summary {...place} /> : <Follow key={view} {...place} state={view} />}
    </>
  )
}

function Summary({ w }: Place): JSX.Element {
  const [days, setDays] = useState('30')
  const names = useNames(w)
  const of = useLoad(() => w.call<{ parties: readonly Tally[] }>('GET', `/v1/reviews/summary?days=${days}`), [days])
  return (
    <>
      <Days value={days} choose={setDays} />
      <Loads of={of}>{(d) => {
        const all = list(d.parties)
        if (!all.length) return <Empty>{say(officeratings.noReviews)}</Empty>
        const total: Tally = all.reduce<Tally>((t, p) => ({ ...t, count: t.count + p.count, open: t.open + p.open, overdue: t.overdue + p.overdue, levels: Object.fromEntries(levels.map((l) => [l, (t.levels[l] ?? 0) + (p.levels[l] ?? 0)])) }), { party: '', party_name: '', count: 0, levels: {}, open: 0, overdue: 0 })
        const average = levels.reduce((n, l) => n + Number(l) * (total.levels[l] ?? 0), 0) / Math.max(1, total.count)
        return (
          <>
            <Figures of={{ ...total, ...(total.count ? { average } : {}) }} />
            <div class="o-cols">
              <Panel><Levels of={total} /></Panel>
              <Panel title={say(officeratings.party)}>
                <Table caption={say(officeratings.summary)} rows={all} keyOf={(p) => p.party} tone={(p) => (p.overdue ? 'bad' : p.open ? 'warn' : undefined)} columns={[
                  { head: say(officeratings.party), cell: (p) => names.party(p) },
                  { head: say(officeratings.count), kind: 'number', cell: (p) => number(p.count) },
                  { head: say(officeratings.average), kind: 'number', cell: (p) => p.average?.toFixed(2) ?? '—' },
                  { head: say(officeratings.open), kind: 'number', cell: (p) => <>{number(p.open)}{p.overdue > 0 && <> <Badge tone="bad">{say(officeratings.overdue)} {p.overdue}</Badge></>}</> },
                ]} />
              </Panel>
            </div>
          </>
        )
      }}</Loads>
    </>
  )
}

function Follow({ w, self, state }: Place & { state: 'open' | 'answered' | 'all' }): JSX.Element {
  const [rows, setRows] = useState<readonly Review[]>([])
  const [next, setNext] = useState<string>()
  const [one, setOne] = useState<Review>()
  const [sent, setSent] = useState(false)
  const ask = (before?: string): Promise<{ reviews: readonly Review[]; next?: string }> => w.call('GET', `/v1/reviews${query({ state, limit: 50, before })}`)
  const of = useLoad(async () => { const d = await ask(); setRows(list(d.reviews)); setNext(d.next); return d }, [state])
  const act = useAction()
  const more = useAction()
  const operator = self.role === 'operator'
  const names = useNames(w)
  const take = (r: Review): void => act.run(async () => {
    setSent(false)
    try { setOne(r.state === 'open' && r.claimed_by !== self.id ? await w.call<Review>('POST', `/v1/reviews/${path(r.id)}/claim`) : await w.call<Review>('GET', `/v1/reviews/${path(r.id)}`)) } finally { of.again() }
  })
  return (
    <Panel>
      {sent && <Good>{say(officeratings.sent)}</Good>}
      {act.error !== undefined && <Failure error={act.error} />}
      <Loads of={of}>{() => (rows.length === 0 ? <Empty>{say(state === 'open' ? officeratings.noneOpen : officeratings.noReviews)}</Empty> : (
        <Table caption={say(office.navRatings)} rows={rows} keyOf={(r) => r.id} tone={(r) => (r.overdue ? 'bad' : undefined)} columns={[
          { head: say(officeratings.level), cell: (r) => <Badge tone={r.level <= 2 ? 'bad' : r.level === 3 ? 'warn' : 'good'}>{levelName(String(r.level))}</Badge> },
          { head: say(officeratings.party), cell: (r) => <>{names.party(r)}<br /><span class="small">{names.purpose(r)}</span></> },
          { head: say(officeratings.at), cell: (r) => when(r.at) },
          { head: say(officeratings.due), cell: (r) => <>{r.due_at ? when(r.due_at) : '—'} {r.overdue && <Badge tone="bad">{say(officeratings.overdue)}</Badge>}</> },
          { head: say(officeratings.claimedBy), cell: (r) => <>{r.claimed_by ? <span class="mono small">{r.claimed_by}</span> : <State of={r.state} />}</> },
          operator && { head: '', kind: 'actions', cell: (r) => ((r.state === 'open' || r.claimed_by === self.id) && <Button kind={r.claimed_by === self.id ? 'quiet' : 'plain'} class="o-small" busy={act.busy} onClick={() => take(r)}>{say(r.state === 'open' && r.claimed_by !== self.id ? officeratings.claim : officeratings.read)}</Button>) },
        ]} />
      ))}</Loads>
      {more.error !== undefined && <Failure error={more.error} />}
      {next && <Button kind="quiet" busy={more.busy} onClick={() => more.run(async () => { const d = await ask(next); setRows([...rows, ...list(d.reviews)]); setNext(d.next) })}>{say(office.more)}</Button>}
      {one && <Answer w={w} review={{ ...one, party_name: names.party(one), purpose: names.purpose(one) }} onClose={() => setOne(undefined)} done={() => { setOne(undefined); setSent(true); of.again() }} />}
    </Panel>
  )
}

function Answer({ w, review, onClose, done }: Pick<Place, 'w'> & { review: Review; onClose: () => void; done: () => void }): JSX.Element {
  const [text, setText, forget] = useDraft(`review.${review.id}`, '')
  const [measure, setMeasure, forgetMeasure] = useDraft(`review.m.${review.id}`, '')
  const act = useAction()
  const send = (): void => act.run(async () => {
    await w.call('POST', `/v1/reviews/${path(review.id)}/answer`, { text: text.trim(), ...(measure.trim() ? { measure: measure.trim() } : {}) })
    forget()
    forgetMeasure()
    done()
  })
  return (
    <Dialog title={`${levelName(String(review.level))} · ${review.party_name || review.party}`} onClose={onClose}>
      <Facts rows={[[say(officeratings.textOf), review.text || say(officeratings.noText)], [say(officeratings.purpose), review.purpose], [say(officeratings.at), when(review.at)], review.due_at ? [say(officeratings.due), when(review.due_at)] : null, review.answer ? [say(officeratings.answer), review.answer] : null, review.measure ? [say(officeratings.measure), review.measure] : null]} />
      {review.state === 'open' ? (
        <form onSubmit={(e) => { e.preventDefault(); send() }}>
          <Field id="review-answer" label={say(officeratings.answer)} hint={say(officeratings.answerHint)}><textarea id="review-answer" class="o-text" required rows={4} value={text} onInput={(e) => setText(e.currentTarget.value)} /></Field>
          <Field id="review-measure" label={say(officeratings.measure)}><textarea id="review-measure" class="o-text" rows={2} value={measure} onInput={(e) => setMeasure(e.currentTarget.value)} /></Field>
          {act.error !== undefined && <Failure error={act.error} />}
          <div class="row o-end"><Button kind="quiet" onClick={onClose}>{say(shared.close)}</Button><Button type="submit" busy={act.busy} disabled={!text.trim()}>{say(officeratings.send)}</Button></div>
        </form>
      ) : <div class="row o-end"><Button kind="quiet" onClick={onClose}>{say(shared.close)}</Button></div>}
    </Dialog>
  )
}
