import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Text, number, pick, say, when } from '../kit/text'
import { Button, Facts, Loading, Notice } from '../kit/ui'
import { office } from '../strings/office'
import { officemonitor, officemonitorClasses } from '../strings/officemonitor'
import { shared } from '../strings/shared'
import { CountBars, LineChart, tint } from './chart'
import { Failed, Figure, Head, Panel, type Place, Table, list, notOffered, useProblems } from './parts'

interface Class { readonly class: string; readonly per_second: number; readonly p50_ms: number; readonly p99_ms: number; readonly refused_per_second: number; readonly errors_per_second: number }
interface Picture {
  readonly process: string
  readonly started_at: string
  readonly version: string
  readonly at: string
  readonly classes: readonly Class[] | null
  readonly history: readonly { readonly at: string; readonly per_second: number; readonly p99_ms: number; readonly refused_per_second: number }[] | null
  readonly refusals: readonly { readonly code: string; readonly count: number }[] | null
  readonly places?: number
  readonly places_taken?: number
  readonly waiting?: number
  readonly in_flight?: number
  readonly status?: { readonly age_s: number; readonly max_age_s: number; readonly lists?: number }
  readonly replica?: { readonly lag_s?: number }
  readonly database?: { readonly kind: string; readonly replica_lag_s?: number }
  readonly volatile?: { readonly kind: string; readonly ok: boolean }
  readonly verifications?: { readonly valid?: number; readonly invalid?: number; readonly indeterminate?: number }
  readonly alerts: readonly { readonly code: string; readonly since: string; readonly title: Text; readonly next: Text }[] | null
}

const every = 2000

/** Asks every two seconds while the page is looked at. What was drawn last stays when the server is gone. */
function usePolled(w: Place['w'], on: boolean): { data: Picture | undefined; error: unknown; again: () => void } {
  const [data, setData] = useState<Picture>()
  const [error, setError] = useState<unknown>()
  const [turn, next] = useState(0)
  const going = useRef(false)
  useEffect(() => {
    if (!on) return
    let gone = false
    const ask = (): void => {
      if (gone || going.current || document.hidden) return
      going.current = true
      w.call<Picture>('GET', '/v1/monitor').then((d) => { if (!gone) { setData(d); setError(undefined) } }, (e: unknown) => { if (!gone) { setError(e); if (notOffered(e)) clearInterval(timer) } }).finally(() => { going.current = false })
    }
    const timer = setInterval(ask, every)
    ask()
    document.addEventListener('visibilitychange', ask)
    return () => { gone = true; clearInterval(timer); document.removeEventListener('visibilitychange', ask) }
  }, [on, turn])
  return { data, error, again: () => next(turn + 1) }
}

const one = (n: number): string => number(Math.round(n * 10) / 10)

export default function Monitor({ w, self }: Place): JSX.Element {
  const [on, setOn] = useState(true)
  const { data: d, error, again } = usePolled(w, on)
  const why = useProblems()
  const state = <span class={error !== undefined ? 'o-live off' : on ? 'o-live' : 'o-live idle'} role="status"><i aria-hidden="true" />{error !== undefined && d ? say(officemonitor.lost, { at: when(d.at, true) }) : say(on ? officemonitor.live : officemonitor.paused)}</span>
  return (
    <>
      <Head title={say(office.navMonitor)} lead={say(officemonitor.lead)}>{d && state}{d && <Button kind="quiet" onClick={() => setOn(!on)}>{say(on ? officemonitor.pause : officemonitor.resume)}</Button>}</Head>
      {error !== undefined && <Failed error={error} again={again} />}
      {!d && error === undefined && <Loading />}
      {d && <Drawn d={d} why={(c) => why(c).title} auditor={self.role === 'auditor'} lost={error !== undefined} />}
    </>
  )
}

function Drawn({ d, why, auditor, lost }: { d: Picture; why: (code: string) => string; auditor: boolean; lost: boolean }): JSX.Element {
  const classes = list(d.classes)
  const history = list(d.history)
  const sum = (of: (c: Class) => number): number => classes.reduce((n, c) => n + of(c), 0)
  const busy = classes.filter((c) => c.per_second > 0)
  const worst = Math.max(0, ...busy.map((c) => c.p99_ms))
  const all = sum((c) => c.per_second)
  const middle = all > 0 ? busy.reduce((n, c) => n + c.p50_ms * c.per_second, 0) / all : 0
  const errors = sum((c) => c.errors_per_second)
  const v = d.verifications ?? {}
  const outcomes = [{ key: 'valid', name: say(shared.outcomeValid), count: v.valid ?? 0 }, { key: 'invalid', name: say(shared.outcomeInvalid), count: v.invalid ?? 0 }, { key: 'indeterminate', name: say(shared.outcomeIndeterminate), count: v.indeterminate ?? 0 }]
  const status = d.status
  const lag = d.replica?.lag_s
  const dbLag = d.database?.replica_lag_s
  const clock = history.map((h) => when(h.at).slice(11))
  return (
    <>
      {list(d.alerts).length === 0 ? !lost && <Notice tone="good">{say(officemonitor.noAlerts)}</Notice> : (
        <Notice tone="bad"><p><strong>{say(officemonitor.alerts)}</strong></p><ul>{list(d.alerts).map((a) => <li><strong>{pick(a.title)}</strong> {pick(a.next)} <span class="small o-nowrap">{say(officemonitor.since, { at: when(a.since, true) })}</span></li>)}</ul></Notice>
      )}
      <dl class="o-figures">
        <Figure name={say(officemonitor.perSecond)}>{one(all)}</Figure>
        <Figure name={say(officemonitor.p50)}>{one(middle)} <small>ms</small></Figure>
        <Figure name={say(officemonitor.p99)} tone={worst > 1000 ? 'bad' : worst > 300 ? 'warn' : undefined}>{one(worst)} <small>ms</small></Figure>
        <Figure name={say(officemonitor.refused)}>{one(sum((c) => c.refused_per_second))}</Figure>
        <Figure name={say(officemonitor.errors)} tone={errors > 0 ? 'bad' : undefined}>{one(errors)}</Figure>
        {status && <Figure name={say(officemonitor.statusAge)} tone={status.age_s > status.max_age_s ? 'bad' : status.age_s > status.max_age_s / 2 ? 'warn' : 'good'}>{say(officemonitor.seconds, { n: one(status.age_s) })}<small class="under">{say(officemonitor.ofMax, { n: one(status.max_age_s) })}</small></Figure>}
        {lag !== undefined && <Figure name={say(officemonitor.replica)} tone={lag > 5 ? 'bad' : 'good'}>{say(officemonitor.seconds, { n: one(lag) })}</Figure>}
        {dbLag !== undefined && <Figure name={say(officemonitor.dbReplica)} tone={dbLag > 5 ? 'bad' : 'good'}>{say(officemonitor.seconds, { n: one(dbLag) })}</Figure>}
        {d.places !== undefined && <Figure name={say(officemonitor.places)} tone={(d.places_taken ?? 0) >= d.places ? 'bad' : undefined}>{number(d.places_taken ?? 0)}<small> / {number(d.places)}</small></Figure>}
        {d.waiting !== undefined && <Figure name={say(officemonitor.waiting)} tone={d.waiting > 0 ? 'warn' : undefined}>{number(d.waiting)}</Figure>}
        {d.in_flight !== undefined && <Figure name={say(officemonitor.inFlight)}>{number(d.in_flight)}</Figure>}
      </dl>
      <div class="o-cols">
        <Panel><LineChart title={say(officemonitor.load)} unit="1/s" labels={clock} series={[{ name: say(officemonitor.requests), values: history.map((h) => h.per_second), color: tint.accent }, { name: say(officemonitor.refusals), values: history.map((h) => h.refused_per_second), color: tint.bad }]} /></Panel>
        <Panel><LineChart title={say(officemonitor.p99)} unit="ms" labels={clock} series={[{ name: say(officemonitor.p99), values: history.map((h) => h.p99_ms), color: '#7a3d9c' }]} /></Panel>
        <Panel><CountBars title={say(officemonitor.outcomes)} rows={outcomes.some((o) => o.count) ? outcomes : []} empty={say(officemonitor.noChecks)} colorOf={(k) => (k === 'valid' ? tint.good : k === 'invalid' ? tint.bad : tint.warn)} /><p class="small">{auditor ? <a href="#audit/verification.conflict">{say(officemonitor.conflicts)}</a> : say(officemonitor.conflictsElsewhere)}</p></Panel>
        <Panel><CountBars title={say(officemonitor.codes)} rows={list(d.refusals).map((r) => ({ name: why(r.code), count: r.count }))} empty={say(officemonitor.noRefusals)} colorOf={() => tint.bad} /></Panel>
      </div>
      <Panel title={say(officemonitor.classes)}>
        <Table caption={say(officemonitor.classes)} rows={[...classes].sort((a, b) => b.per_second - a.per_second)} keyOf={(c) => c.class} columns={[
          { head: say(officemonitor.className), cell: (c) => <>{say(officemonitorClasses[c.class] ?? [c.class, c.class])} <span class="mono small">{c.class}</span></> },
          { head: say(officemonitor.perSecond), kind: 'number', cell: (c) => one(c.per_second) },
          { head: say(officemonitor.p50), kind: 'number', cell: (c) => say(officemonitor.ms, { n: one(c.p50_ms) }) },
          { head: say(officemonitor.p99), kind: 'number', cell: (c) => say(officemonitor.ms, { n: one(c.p99_ms) }) },
          { head: say(officemonitor.refused), kind: 'number', cell: (c) => one(c.refused_per_second) },
          { head: say(officemonitor.errors), kind: 'number', cell: (c) => one(c.errors_per_second) },
        ]} />
      </Panel>
      <Panel title={say(officemonitor.process)}>
        <Facts rows={[
          [say(officemonitor.process), <span class="mono">{d.process}</span>], [say(officemonitor.version), d.version], [say(officemonitor.started), when(d.started_at, true)],
          d.database ? [say(officemonitor.database), d.database.kind] : null,
          d.volatile ? [say(officemonitor.volatile), <>{d.volatile.kind} · <span class={d.volatile.ok ? 'is yes' : 'is no'}>{say(d.volatile.ok ? officemonitor.ok : officemonitor.broken)}</span></>] : null,
          status?.lists !== undefined ? [say(officemonitor.lists), number(status.lists)] : null,
        ]} />
      </Panel>
    </>
  )
}
