import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { say, when } from '../kit/text'
import { Button, Empty, useLoad } from '../kit/ui'
import { office } from '../strings/office'
import { officeregistry, officeregistryKinds, officeregistrySteps } from '../strings/officeregistry'
import { Head, Loads, Panel, type Place, Table, label, list } from './parts'

interface Change { readonly kind: string; readonly id: string; readonly how: string; readonly fields?: readonly string[] }
interface Revision { readonly revision: number; readonly who: string; readonly why: string; readonly at: string; readonly changes: readonly Change[] | null }

const step = 50

/** The registry's revisions, the newest first; the API counts from the oldest, so the last page is looked for once. */
export default function History({ w }: Place): JSX.Element {
  const [from, setFrom] = useState<number>()
  const known = useRef(1)
  const of = useLoad(async () => {
    const page = async (at: number, limit: number): Promise<readonly Revision[]> => list((await w.call<{ revisions: Revision[] }>('GET', `/v1/registry/history?from=${at}&limit=${limit}`)).revisions)
    // Doubling, then halving: some forty questions at most, however long the history is.
    let reach = 64
    for (; (await page(known.current + reach, 1)).length > 0; reach *= 2) known.current += reach
    for (let high = known.current + reach; high - known.current > 1;) {
      const mid = Math.floor((known.current + high) / 2)
      if ((await page(mid, 1)).length > 0) known.current = mid
      else high = mid
    }
    const last = known.current
    const begin = from ?? Math.max(1, last - step + 1)
    return { rows: [...(await page(begin, step))].reverse(), begin, last }
  }, [from])
  return (
    <>
      <Head title={say(office.navHistory)} lead={say(officeregistry.historyLead)}><Button kind="quiet" busy={of.busy} onClick={of.again}>{say(office.refresh)}</Button></Head>
      <Panel>
        <Loads of={of}>{(d) => (d.rows.length === 0 ? <Empty>{say(office.nothing)}</Empty> : (
          <>
            <Table caption={say(office.navHistory)} rows={d.rows} keyOf={(r) => r.revision} columns={[
              { head: say(officeregistry.revision), kind: 'number', cell: (r) => r.revision },
              { head: say(officeregistry.at), cell: (r) => when(r.at, true) },
              { head: say(officeregistry.who), cell: (r) => <span class="mono small">{r.who}</span> },
              { head: say(officeregistry.changes), cell: (r) => { const all = list(r.changes); return <>{all.slice(0, 6).map((c) => <p>{label(officeregistrySteps, c.how)} {label(officeregistryKinds, c.kind)} <strong class="mono">{c.id}</strong>{c.fields && <span class="small"> · {c.fields.join(' ')}</span>}</p>)}{all.length > 6 && <p class="small">+ {all.length - 6}</p>}</> }, kind: 'wide' },
              { head: say(officeregistry.why), cell: (r) => r.why, kind: 'wide' },
            ]} />
            <div class="row">
              {d.begin + step <= d.last && <Button kind="quiet" onClick={() => setFrom(Math.min(d.begin + step, d.last))}>{say(officeregistry.newer)}</Button>}
              {d.begin > 1 && <Button kind="quiet" onClick={() => setFrom(Math.max(1, d.begin - step))}>{say(officeregistry.older)}</Button>}
            </div>
          </>
        ))}</Loads>
      </Panel>
    </>
  )
}
