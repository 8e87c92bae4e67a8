import type { ComponentChildren, JSX } from 'preact'
import { request } from '../kit/api'
import { number, pick, say, when } from '../kit/text'
import { Empty, Facts, useLoad } from '../kit/ui'
import { Region } from '../kit/values'
import { office } from '../strings/office'
import { officeparty } from '../strings/officeparty'
import { officeregistry } from '../strings/officeregistry'
import { typeName, useCatalogue } from './certificates'
import { read } from './credential'
import { Figure, Head, Id, Loads, Panel, type Place, State, Table, Tabs, list, series } from './parts'
import { type DatedKey, authorities, domains, providers, types } from './registry'

// The signed trust list as everybody sees it: when it was signed and until when it counts; and the entries behind it, with the
// dates of every key.

interface Payload { readonly version: number; readonly iat: number; readonly exp: number }

async function published(): Promise<Payload> {
  const response = await request('GET', '/v1/trust-list', { accept: 'application/jose' })
  return read((await response.text()).split('.')[1]) as Payload
}

type View = 'authorities' | 'types' | 'domains' | 'providers'

export default function Trust({ w, at, go }: Place): JSX.Element {
  const view = (at[0] ?? 'authorities') as View
  const top = useLoad(published, [])
  return (
    <>
      <Head title={say(office.navTrust)} lead={say(officeregistry.trustLead)} />
      <Loads of={top}>{(d) => {
        const hours = (d.exp * 1000 - Date.now()) / 3600_000
        return (
          <>
            <dl class="o-figures">
              <Figure name={say(officeregistry.listVersion)}>{number(d.version)}</Figure>
              <Figure name={say(officeregistry.listIssued)}><small>{when(d.iat * 1000)}</small></Figure>
              <Figure name={say(officeregistry.listExpires)} tone={hours <= 0 ? 'bad' : hours < 4 ? 'warn' : 'good'}><small>{when(d.exp * 1000)}<br />{hours > 0 ? say(officeregistry.listLeft, { n: Math.floor(hours) }) : say(officeregistry.listOver)}</small></Figure>
            </dl>
            <p class="small">{say(officeregistry.notVerified)}</p>
          </>
        )
      }}</Loads>
      <Tabs label={say(office.navTrust)} value={view} choose={(v) => go('trust', v)} options={[['authorities', say(officeregistry.authorities)], ['types', say(officeregistry.types)], ['domains', say(officeregistry.domains)], ['providers', say(officeregistry.providers)]]} />
      {view === 'authorities' && <Authorities w={w} />}
      {view === 'types' && <Types w={w} />}
      {view === 'domains' && <Domains w={w} />}
      {view === 'providers' && <Providers w={w} />}
    </>
  )
}

function keyState(k: DatedKey): string {
  const now = Date.now()
  if (k.frozen) return 'frozen'
  return k.not_after && Date.parse(k.not_after) <= now ? 'ended' : 'active'
}

function Keys({ keys, caption }: { keys: readonly DatedKey[]; caption: string }): JSX.Element {
  return (
    <Table caption={caption} rows={keys} keyOf={(k) => k.jwk.kid ?? k.jwk.x} columns={[
      { head: say(officeparty.key), cell: (k) => <Id text={k.jwk.kid ?? ''} />, kind: 'wide' },
      keys.some((k) => k.use) && { head: say(officeregistry.use), cell: (k) => k.use ?? '' },
      { head: say(officeregistry.algorithm), cell: (k) => (k.jwk.crv === 'sm2p256v1' ? 'SM2' : 'ES256') },
      { head: say(officeregistry.from), cell: (k) => when(k.not_before) },
      { head: say(officeregistry.until), cell: (k) => (k.not_after ? when(k.not_after) : say(officeregistry.open)) },
      { head: say(officeparty.state), cell: (k) => <State of={keyState(k)} /> },
    ]} />
  )
}

function Entries<T>({ load, children }: { load: () => Promise<readonly T[]>; children: (e: T) => ComponentChildren }): JSX.Element {
  const of = useLoad(load, [])
  return <Loads of={of}>{(all) => (all.length === 0 ? <Empty>{say(office.nothing)}</Empty> : all.map(children))}</Loads>
}

function Authorities({ w }: Pick<Place, 'w'>): JSX.Element {
  const c = useCatalogue()
  return (
    <Entries load={() => authorities(w)}>{(a) => (
      <Panel title={pick(a.name)} aside={<State of={a.frozen ? 'frozen' : a.not_after && Date.parse(a.not_after) < Date.now() ? 'ended' : 'active'} />}>
        <Facts rows={[
          [say(officeregistry.id), <span class="mono">{a.id}</span>], [say(officeregistry.uscc), <span class="mono">{a.uscc}</span>],
          [say(officeregistry.types), series(a.types.map((t) => typeName(c, t))) || say(office.none)],
          [say(officeregistry.regions), a.regions.length ? a.regions.map((r, i) => <>{i > 0 && ' · '}<Region code={r} /></>) : say(office.none)],
          a.not_before || a.not_after ? [say(officeregistry.from), `${a.not_before ? when(a.not_before) : '—'} – ${a.not_after ? when(a.not_after) : say(officeregistry.open)}`] : null,
        ]} />
        <Keys keys={a.keys} caption={`${say(officeregistry.keys)} · ${pick(a.name)}`} />
      </Panel>
    )}</Entries>
  )
}

function Types({ w }: Pick<Place, 'w'>): JSX.Element {
  const of = useLoad(() => types(w), [])
  const c = useCatalogue()
  return (
    <Panel>
      <Loads of={of}>{(all) => (
        <Table caption={say(officeregistry.types)} rows={all} keyOf={(t) => t.id} columns={[
          { head: say(officeregistry.types), cell: (t) => <><a href={`#types/${t.id}/${t.version}`}>{typeName(c, t.id)}</a> <span class="mono small">{t.id}</span></> },
          { head: say(officeregistry.typeVersion), kind: 'number', cell: (t) => t.version },
          { head: say(officeparty.state), cell: (t) => <State of={t.frozen ? 'frozen' : t.published ? 'published' : 'unpublished'} /> },
        ]} />
      )}</Loads>
    </Panel>
  )
}

function Domains({ w }: Pick<Place, 'w'>): JSX.Element {
  return (
    <Entries load={() => domains(w)}>{(d) => (
      <Panel title={`${pick(d.name)} · ${d.code}`}>
        <Facts rows={[[say(officeregistry.address), <span class="mono address">{d.base_url}</span>]]} />
        <Keys keys={[...d.status_keys.map((k) => ({ ...k, use: 'status' })), ...list(d.service_keys)]} caption={`${say(officeregistry.keys)} · ${d.code}`} />
      </Panel>
    )}</Entries>
  )
}

function Providers({ w }: Pick<Place, 'w'>): JSX.Element {
  return <Entries load={() => providers(w)}>{(p) => <Panel title={pick(p.name)} aside={<State of={p.frozen ? 'frozen' : 'active'} />}><Keys keys={p.keys} caption={`${say(officeregistry.keys)} · ${pick(p.name)}`} /></Panel>}</Entries>
}
