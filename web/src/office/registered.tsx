import type { JSX } from 'preact'
import { number, pick, say, when } from '../kit/text'
import { Empty, Facts, Notice } from '../kit/ui'
import { type Catalogue, fieldOf, inOrder, typeOf } from '../kit/values'
import { office } from '../strings/office'
import { officeparty } from '../strings/officeparty'
import { shared } from '../strings/shared'
import { typeName, useCatalogue } from './certificates'
import { Head, Panel, type Place, State, Table, series } from './parts'

/** A party as its own client sees it. */
export interface OwnParty {
  readonly id: string
  readonly name: { readonly zh: string; readonly en: string }
  readonly state: string
  readonly purposes: readonly { readonly code: string; readonly name?: { readonly zh: string; readonly en: string } }[]
  readonly fields: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  readonly scenes?: readonly string[]
  readonly portrait?: boolean
  readonly ending?: boolean
  readonly per_minute?: number
  readonly per_day?: number
  readonly not_before?: string
  readonly not_after?: string
}

/** A purpose by its registered name, or its code. */
export const purposeName = (p: OwnParty | undefined, code: string): string => pick(p?.purposes.find((x) => x.code === code)?.name) || code

export default function Registered({ self }: Place): JSX.Element {
  const c = useCatalogue()
  const p = self.party as OwnParty | undefined
  if (!p) return <Empty>{say(office.nothing)}</Empty>
  const types = [...new Set(Object.values(p.fields).flatMap((t) => Object.keys(t)))].sort()
  const yes = (b: boolean | undefined): string => say(b ? shared.yes : shared.no)
  return (
    <>
      <Head title={say(office.navRegistered)} lead={say(officeparty.registeredLead)} />
      <div class="o-cols">
        <Panel title={pick(p.name)}>
          <Facts rows={[
            [say(officeparty.state), <State of={p.state} />],
            [say(officeparty.perMinute), number(p.per_minute ?? 6000)],
            [say(officeparty.perDay), p.per_day ? number(p.per_day) : say(officeparty.noLimit)],
            [say(officeparty.portrait), yes(p.portrait)],
            [say(officeparty.ending), yes(p.ending)],
          ]} />
        </Panel>
        <Panel>
          <Facts rows={[
            [say(officeparty.from), p.not_before ? when(p.not_before) : say(officeparty.open)],
            [say(officeparty.until), p.not_after ? when(p.not_after) : say(officeparty.open)],
            [say(officeparty.scenes), series((p.scenes ?? []).map((s) => (s === 'any' ? say(officeparty.anyScene) : s === p.id ? pick(p.name) : purposeName(p, s)))) || say(office.none)],
            [say(officeparty.scopes), self.scopes.join(' ')],
          ]} />
        </Panel>
      </div>
      {types.length === 0 && <Notice tone="warn">{say(officeparty.noGrants)}</Notice>}
      {types.map((t) => <Matrix c={c} party={p} type={t} />)}
    </>
  )
}

/** Fields down, purposes across: what one may see for what. */
function Matrix({ c, party, type }: { c: Catalogue | undefined; party: OwnParty; type: string }): JSX.Element {
  const t = c && typeOf(c, type)
  const purposes = party.purposes.filter((p) => party.fields[p.code]?.[type])
  const names = inOrder(t, [...new Set(purposes.flatMap((p) => party.fields[p.code]?.[type] ?? []))])
  const caption = say(officeparty.matrix, { type: typeName(c, type) })
  return (
    <Panel title={typeName(c, type)}>
      <Table caption={caption} rows={names} keyOf={(n) => n} columns={[
        { head: say(officeparty.fields), cell: (n) => <>{say(fieldOf(t, n).l)} <span class="mono small">{n}</span></> },
        ...purposes.map((p) => ({
          head: purposeName(party, p.code),
          cell: (n: string) => (party.fields[p.code]?.[type]?.includes(n) ? <span class="is yes" aria-label={say(officeparty.may)} role="img">✓</span> : <span class="small" aria-label={say(officeparty.mayNot)} role="img">—</span>),
        })),
      ]} />
    </Panel>
  )
}
