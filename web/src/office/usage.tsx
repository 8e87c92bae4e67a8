import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { number, pick, say } from '../kit/text'
import { Empty, Notice, useLoad } from '../kit/ui'
import { type Catalogue, fieldOf } from '../kit/values'
import { office } from '../strings/office'
import { officeparty, officepartyVia } from '../strings/officeparty'
import { shared } from '../strings/shared'
import { typeName, useCatalogue } from './certificates'
import { BarChart, CountBars, tint } from './chart'
import { Figure, Head, Loads, Panel, type Place, Tabs, list, useProblems } from './parts'
import { type OwnParty, purposeName } from './registered'

interface Group { readonly day: string; readonly purpose: string; readonly type: string; readonly via: string; readonly outcome: string; readonly checks: number }
interface Count { readonly name: string; readonly count: number }
export interface UsageOf {
  readonly party: string
  readonly from: string
  readonly checks: number
  readonly groups: readonly Group[]
  readonly reasons: readonly Count[]
  readonly fields: readonly Count[]
  readonly flags: readonly { readonly code: string; readonly text: { readonly zh: string; readonly en: string } }[]
}

export default function Usage({ w, self }: Place): JSX.Element {
  const [days, setDays] = useState('30')
  const of = useLoad(() => w.call<UsageOf>('GET', `/v1/clients/self/usage?days=${days}`), [days])
  return (
    <>
      <Head title={say(office.navUsage)} lead={say(officeparty.usageLead)} />
      <Days value={days} choose={setDays} />
      <Loads of={of}>{(d) => <UsageCharts usage={d} days={Number(days)} party={self.party as OwnParty | undefined} />}</Loads>
    </>
  )
}

export function Days({ value, choose }: { value: string; choose: (d: string) => void }): JSX.Element {
  return <Tabs label={say(office.days)} value={value} choose={choose} options={['7', '30', '90'].map((d) => [d, say(office.lastDays, { n: d })] as const)} />
}

const dayMs = 86_400_000
/** Every day from the first one on: a day without checks is a gap that must be seen. */
function everyDay(from: string, days: number): string[] {
  const first = Date.parse(`${from}T00:00:00Z`)
  const today = Date.parse(`${new Date(Date.now() + 8 * 3600_000).toISOString().slice(0, 10)}T00:00:00Z`)
  const n = Number.isNaN(first) ? days : Math.min(days, Math.max(1, Math.round((today - first) / dayMs) + 1))
  return Array.from({ length: n }, (_, i) => new Date(today - (n - 1 - i) * dayMs).toISOString().slice(0, 10))
}

function sum(groups: readonly Group[], by: (g: Group) => string): Count[] {
  const all = new Map<string, number>()
  for (const g of groups) all.set(by(g), (all.get(by(g)) ?? 0) + g.checks)
  return [...all].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count)
}

export function UsageCharts({ usage, days, party }: { usage: UsageOf; days: number; party?: OwnParty | undefined }): JSX.Element {
  const c = useCatalogue()
  const why = useProblems()
  const groups = list(usage.groups)
  const dates = everyDay(usage.from, days)
  const of = (outcome: string): number[] => dates.map((d) => groups.filter((g) => g.day === d && g.outcome === outcome).reduce((n, g) => n + g.checks, 0))
  const valid = groups.filter((g) => g.outcome === 'valid').reduce((n, g) => n + g.checks, 0)
  const busiest = sum(groups, (g) => g.day)[0]
  return (
    <>
      {list(usage.flags).map((f) => <Notice tone="warn"><strong>{say(officeparty.flags)}</strong> {pick(f.text)}</Notice>)}
      {usage.checks === 0 ? <Empty>{say(officeparty.noUse)}</Empty> : (
        <>
          <dl class="o-figures">
            <Figure name={say(officeparty.checks)}>{number(usage.checks)}</Figure>
            <Figure name={say(officeparty.rate)} tone={valid >= usage.checks * 0.9 ? 'good' : undefined}>{Math.round((100 * valid) / usage.checks)}%</Figure>
            {busiest && <Figure name={say(officeparty.busiest)}>{number(busiest.count)} <small>{busiest.name}</small></Figure>}
          </dl>
          <Panel>
            <BarChart title={say(officeparty.byDay)} labels={dates.map((d) => d.slice(5))} series={[
              { name: say(shared.outcomeValid), values: of('valid'), color: tint.good },
              { name: say(shared.outcomeInvalid), values: of('invalid'), color: tint.bad },
              { name: say(shared.outcomeIndeterminate), values: of('indeterminate'), color: tint.warn },
              // What was turned away is a line in the holder's history, too.
              ...(groups.some((g) => g.outcome === 'refused') ? [{ name: say(shared.outcomeRefused), values: of('refused'), color: tint.none }] : []),
            ]} />
          </Panel>
          <div class="o-cols">
            <Panel><CountBars title={say(officeparty.byPurpose)} rows={sum(groups, (g) => purposeName(party, g.purpose))} /></Panel>
            <Panel><CountBars title={say(officeparty.byType)} rows={sum(groups, (g) => (g.type ? typeName(c, g.type) : say(office.none)))} /></Panel>
            <Panel><CountBars title={say(officeparty.byVia)} rows={sum(groups, (g) => say(officepartyVia[g.via] ?? [g.via, g.via]))} /></Panel>
            <Panel><CountBars title={say(officeparty.byReason)} rows={list(usage.reasons).map((r) => ({ name: why(r.name).title, count: r.count }))} colorOf={() => tint.bad} /></Panel>
            <Panel><CountBars title={say(officeparty.byField)} rows={list(usage.fields).map((f) => ({ name: fieldName(c, f.name), count: f.count }))} /></Panel>
          </div>
        </>
      )}
    </>
  )
}

function fieldName(c: Catalogue | undefined, name: string): string {
  for (const t of Object.values(c?.types ?? {})) { const f = fieldOf(t, name); if (f.l[0] !== name) return say(f.l) }
  return name
}
