import type { JSX } from 'preact'
import { call } from '../kit/api'
import { current } from '../kit/prefs'
import { say } from '../kit/text'
import { Button, Empty, Facts, Notice, useLoad } from '../kit/ui'
import { type Catalogue, type TypeDescription, catalogue } from '../kit/values'
import { office } from '../strings/office'
import { officecertificates, officecertificatesKinds } from '../strings/officecertificates'
import { Badge, Head, Id, Loads, type OwnType, Panel, type Place, Table, label, list } from './parts'
import { spread } from './push/text'

// The catalogue of types, with a preview of each card: colours and names come from its description (GET /types/{id}/{version}).

interface Display { readonly locale: string; readonly name: string; readonly description?: string; readonly rendering?: { readonly simple?: { readonly background_color?: string; readonly text_color?: string } } }
interface Metadata { readonly vct: string; readonly display: readonly Display[]; readonly claims: readonly { readonly path: readonly string[]; readonly mandatory?: boolean }[] }

const spoken = (m: Metadata | undefined): Display | undefined => m?.display.find((d) => d.locale.startsWith(current().language)) ?? m?.display[0]

export default function Types(place: Place): JSX.Element {
  const of = useLoad(catalogue, [])
  const [id, version] = place.at
  return <Loads of={of}>{(c) => (id && version && c.types[`${id}/${version}`] ? <One {...place} c={c} id={id} version={version} /> : <All {...place} c={c} />)}</Loads>
}

function Card({ type, meta, link }: { type: TypeDescription; meta: Metadata | undefined; link?: string }): JSX.Element {
  const d = spoken(meta)
  const colors = d?.rendering?.simple
  const body = (
    <>
      <b>{say(type.name)}</b>
      <span>{d?.description}</span>
      <dl>{type.face.map((n) => { const f = type.fields.find((x) => x.n === n); return f && <div><dt>{say(f.l)}</dt><dd class="mono">{say(officecertificates.example)}</dd></div> })}</dl>
    </>
  )
  const style = { background: colors?.background_color ?? '#33475b', color: colors?.text_color ?? '#ffffff' }
  return link ? <a class="o-card" style={style} href={link}>{body}</a> : <div class="o-card" style={style}>{body}</div>
}

function useMetadata(key: string): Metadata | undefined { return useLoad(() => call<Metadata>('GET', `/types/${key}`), [key]).data }

function All({ self, c }: Place & { c: Catalogue }): JSX.Element {
  const keys = Object.keys(c.types)
  const own = list(self.authorities).flatMap((a) => a.types as readonly OwnType[])
  if (!keys.length) return <Empty>{say(office.nothing)}</Empty>
  const mine = (key: string): OwnType | undefined => own.find((t) => `${t.id}/${t.version}` === key)
  keys.sort((a, b) => Number(!mine(a)) - Number(!mine(b)))
  return (
    <>
      <Head title={say(office.navTypes)} lead={say(officecertificates.typesLead)} />
      <div class="o-cards">{keys.map((k) => <Preview k={k} type={c.types[k] as TypeDescription} own={mine(k)} />)}</div>
    </>
  )
}

function Preview({ k, type, own }: { k: string; type: TypeDescription; own: OwnType | undefined }): JSX.Element {
  const meta = useMetadata(k)
  return <div><Card type={type} meta={meta} link={`#types/${k}`} /><p class="small row">{<span class="mono">{k}</span>}{own && <Badge tone={own.frozen ? 'bad' : 'good'}>{say(own.frozen ? officecertificates.frozenType : officecertificates.mine)}</Badge>}</p></div>
}

function One({ go, self, c, id, version }: Place & { c: Catalogue; id: string; version: string }): JSX.Element {
  const type = c.types[`${id}/${version}`] as TypeDescription
  const meta = useMetadata(`${id}/${version}`)
  const own = list(self.authorities).flatMap((a) => a.types as readonly OwnType[]).find((t) => t.id === id)
  const needed = new Set(list(meta?.claims).filter((m) => m.mandatory).map((m) => m.path[0]))
  const pushed = type.fields.filter((f) => f.k !== 'predicate' && !f.f && f.n !== 'identifier' && f.n !== 'portrait_digest')
  const sample = { key: '…', type: id, holder: { type: '…', number: '…', name: '…' }, region: '…', ...Object.fromEntries(type.fields.filter((f) => f.f && f.f !== 'region').map((f) => [f.f as string, '…'])), claims: Object.fromEntries(pushed.map((f) => [f.n, f.k === 'integer' ? 0 : f.k === 'flag' ? true : '…'])) }
  return (
    <>
      <Head title={say(type.name)} lead={spoken(meta)?.description}><Button kind="quiet" onClick={() => go('types')}>{say(officecertificates.toTypes)}</Button></Head>
      {own?.frozen && <Notice tone="bad">{say(officecertificates.frozenType)}</Notice>}
      {own && !own.published && <Notice tone="warn">{say(officecertificates.notPublished)}</Notice>}
      <div class="o-cols">
        <Card type={type} meta={meta} />
        <Panel><Facts rows={[[say(officecertificates.version), version], meta && [say(officecertificates.address), <Id text={meta.vct} />], [say(officecertificates.fields), String(type.fields.length)]]} /></Panel>
      </div>
      <Panel title={say(officecertificates.fields)}>
        <Table caption={say(officecertificates.fields)} rows={[...type.fields, ...list(type.live)]} keyOf={(f) => f.n} columns={[
          { head: say(officecertificates.field), cell: (f) => <strong>{say(f.l)}</strong> },
          { head: say(officecertificates.fieldName), cell: (f) => <span class="mono">{f.n}</span> },
          { head: say(officecertificates.kind), cell: (f) => <>{label(officecertificatesKinds, f.k)}{f.t && <span class="small"> · {f.t}</span>}{f.u && <span class="small"> · {say(f.u)}</span>}</> },
          { head: say(officecertificates.required), cell: (f) => (type.live?.includes(f) ? <Badge tone="none">{say(officecertificates.liveField)}</Badge> : f.k === 'predicate' ? <Badge tone="none">{say(officecertificates.computed)}</Badge> : f.f ? <span class="small">{say(officecertificates.fromRow, { name: f.f })}</span> : needed.has(f.n) ? '✓' : '') },
        ]} />
      </Panel>
      {self.role === 'department' && <Panel title={say(officecertificates.sampleRow)}><pre class="o-pre" tabIndex={0}>{spread(JSON.stringify(sample))}</pre></Panel>}
    </>
  )
}
