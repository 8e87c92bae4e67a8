import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { day, say } from '../kit/text'
import { Button, Empty, Field, useAction, useLoad } from '../kit/ui'
import { type Catalogue, Region, catalogue, typeIds, typeOf } from '../kit/values'
import { office } from '../strings/office'
import { officecertificates, officecertificatesHolders } from '../strings/officecertificates'
import { shared } from '../strings/shared'
import { CertificateView } from './certificate'
import { Failed, Head, Panel, type Place, State, Table, list, stateName, useDraft } from './parts'
import { Replace } from './replace'

export interface Listed {
  readonly identifier: string
  readonly type: string
  readonly version: number
  readonly state: string
  readonly authority: string
  readonly region: string
  readonly issued_at: string
  readonly valid_from: string
  readonly valid_until: string
  readonly replaced_by?: string
}

interface Page { readonly certificates: readonly Listed[]; readonly next?: string }
interface Question { readonly identifier: string; readonly holderType: string; readonly number: string; readonly type: string; readonly state: string }

const nothing: Question = { identifier: '', holderType: '111', number: '', type: '', state: '' }
const searchable = ['valid', 'suspended', 'withdrawn', 'cancelled', 'lapsed', 'transferred', 'revoked']

/** A suspended certificate has a word of its own in Chinese. */
export const held = (state: string): string => (state === 'suspended' ? 'held' : state)

/** The catalogue, once it is there. */
export function useCatalogue(): Catalogue | undefined {
  const [c, set] = useState<Catalogue>()
  useEffect(() => { catalogue().then(set, () => undefined) }, [])
  return c
}

export function typeName(c: Catalogue | undefined, id: string, version?: number): string {
  const t = c && typeOf(c, id, version)
  return t ? say(t.name) : id
}

export function Until({ text }: { text: string }): JSX.Element { return <>{text === 'long-term' || !text ? say(shared.longTerm) : day(text)}</> }

export default function Certificates(place: Place): JSX.Element {
  const [id, what] = place.at
  if (id && what === 'replace') return <Replace key={id} {...place} id={id} />
  return id ? <CertificateView key={id} {...place} id={id} /> : <Search {...place} />
}

function Search({ w, self, go }: Place): JSX.Element {
  const [q, setQ] = useDraft<Question>('search', nothing)
  const [asked, setAsked] = useState<Question>(q)
  const [rows, setRows] = useState<readonly Listed[]>([])
  const [next, setNext] = useState<string>()
  const more = useAction()
  const c = useCatalogue()
  const ask = (of: Question, after?: string): Promise<Page> => w.call<Page>('POST', '/v1/certificates/search', {
    limit: 20, ...(of.identifier.trim() ? { identifier: of.identifier.trim() } : {}), ...(of.number.trim() ? { holder: { type: of.holderType, number: of.number.trim() } } : {}),
    ...(of.type ? { type: of.type } : {}), ...(of.state ? { state: of.state } : {}), ...(after ? { after } : {}),
  })
  const found = useLoad(async () => { const d = await ask(asked); setRows(list(d.certificates)); setNext(d.next); return d }, [asked])
  const set = (part: Partial<Question>): void => setQ({ ...q, ...part })
  const own = new Set(list(self.authorities).flatMap((a) => a.types.map((t) => (typeof t === 'string' ? t : (t as { id: string }).id))))
  return (
    <>
      <Head title={say(office.navCertificates)} lead={say(officecertificates.lead)} />
      <Panel>
        <form onSubmit={(e) => { e.preventDefault(); setAsked({ ...q }) }}>
          <div class="o-form">
            <Field id="q-holder-type" label={say(officecertificates.holderType)}>
              <select id="q-holder-type" value={q.holderType} onChange={(e) => set({ holderType: e.currentTarget.value })}>
                {Object.entries(officecertificatesHolders).map(([k, v]) => <option value={k}>{say(v)}</option>)}
              </select>
            </Field>
            <Field id="q-number" label={say(officecertificates.holderNumber)} hint={say(officecertificates.holderHint)}>
              <input id="q-number" autocomplete="off" spellcheck={false} maxLength={64} aria-describedby="q-number-hint" value={q.number} onInput={(e) => set({ number: e.currentTarget.value })} />
            </Field>
            <Field id="q-type" label={say(officecertificates.type)}>
              <select id="q-type" value={q.type} onChange={(e) => set({ type: e.currentTarget.value })}>
                <option value="">{say(officecertificates.any)}</option>
                {c && typeIds(c).filter((t) => own.size === 0 || own.has(t)).map((t) => <option value={t}>{typeName(c, t)}</option>)}
              </select>
            </Field>
            <Field id="q-state" label={say(officecertificates.state)}>
              <select id="q-state" value={q.state} onChange={(e) => set({ state: e.currentTarget.value })}>
                <option value="">{say(officecertificates.any)}</option>
                {searchable.map((s) => <option value={s}>{stateName(held(s))}</option>)}
              </select>
            </Field>
            <div class="full">
              <Field id="q-identifier" label={say(officecertificates.identifier)}>
                <input id="q-identifier" class="mono" autocomplete="off" spellcheck={false} maxLength={200} value={q.identifier} onInput={(e) => set({ identifier: e.currentTarget.value })} />
              </Field>
            </div>
          </div>
          <div class="row o-last">
            <Button type="submit" busy={found.busy}>{say(office.search)}</Button>
            <Button kind="quiet" onClick={() => { setQ(nothing); setAsked(nothing) }}>{say(office.clear)}</Button>
          </div>
        </form>
      </Panel>
      <Panel title={say(officecertificates.found)}>
        {found.error !== undefined && <Failed error={found.error} again={found.again} />}
        {found.data && rows.length === 0 && <Empty>{say(officecertificates.nothing)}</Empty>}
        {found.error === undefined && rows.length > 0 && (
          <Table caption={say(officecertificates.found)} rows={rows} keyOf={(r) => r.identifier} columns={[
            { head: say(officecertificates.type), cell: (r) => <><a href={`#certificates/${encodeURIComponent(r.identifier)}`}><strong>{typeName(c, r.type, r.version)}</strong></a><br /><span class="mono small address">{r.identifier}</span></>, kind: 'wide' },
            { head: say(officecertificates.state), cell: (r) => <State of={held(r.state)} /> },
            { head: say(officecertificates.region), cell: (r) => <Region code={r.region} /> },
            { head: say(officecertificates.issued), cell: (r) => <span class="o-nowrap">{day(r.issued_at)}</span> },
            { head: say(officecertificates.validity), cell: (r) => <>{day(r.valid_from)} — <Until text={r.valid_until} /></> },
            { head: '', kind: 'actions', cell: (r) => <Button kind="quiet" class="o-small" aria-label={`${say(officecertificates.open)} ${r.identifier}`} onClick={() => go('certificates', r.identifier)}>{say(officecertificates.open)}</Button> },
          ]} />
        )}
        {more.error !== undefined && <Failed error={more.error} />}
        {next && rows.length > 0 && <Button kind="quiet" busy={more.busy} onClick={() => more.run(async () => { const d = await ask(asked, next); setRows([...rows, ...list(d.certificates)]); setNext(d.next) })}>{say(office.more)}</Button>}
      </Panel>
    </>
  )
}
