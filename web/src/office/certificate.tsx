import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Pair, day, say, when } from '../kit/text'
import { Button, Facts, Field, useLoad } from '../kit/ui'
import { type Catalogue, Region, Value, fieldOf, typeOf } from '../kit/values'
import { office, officeStates } from '../strings/office'
import { officecertificates, officecertificatesEndings } from '../strings/officecertificates'
import { Until, held, typeName, useCatalogue } from './certificates'
import { type Opened, open } from './credential'
import { Confirm, Good, Head, Id, Loads, Panel, type Place, State, path, stateName } from './parts'

// One certificate of one's own authority: what it is, what became of it, and what its department may do with it.

export interface Certificate {
  readonly identifier: string
  readonly key: string
  readonly issuer: string
  readonly type: string
  readonly type_version: number
  readonly state: string
  readonly state_at: string
  readonly reason?: string
  readonly replaced_by?: string
  readonly issued_on: string
  readonly valid_from: string
  readonly valid_until: string
  readonly created_at: string
  readonly status: { readonly uri: string; readonly idx: number }
  readonly live?: Readonly<Record<string, unknown>>
  readonly live_as_of?: string
  readonly credential: string
}
interface Changed { readonly state: string; readonly published: boolean }

type Act = 'suspend' | 'reinstate' | 'end'
const endings = ['revoked', 'cancelled', 'withdrawn', 'transferred', 'lapsed']

export function CertificateView({ w, id, go }: Place & { id: string }): JSX.Element {
  const of = useLoad(() => w.call<Certificate>('GET', `/v1/certificates/${path(id)}`), [id])
  const [act, setAct] = useState<Act>()
  const [ending, setEnding] = useState('revoked')
  const [done, setDone] = useState<Changed>()
  const c = useCatalogue()
  const change = async (to: string, body: object): Promise<void> => {
    try {
      // Asking again for what is so already is answered as done, so an answer that was lost costs nothing.
      setDone(await w.call<Changed>('POST', `/v1/certificates/${path(id)}/${to}`, body))
    } finally { of.again() }
  }
  const cert = of.data
  const alive = cert?.state === 'valid' || cert?.state === 'suspended'
  const close = (): void => setAct(undefined)
  const asking = (which: Act): void => { setDone(undefined); setAct(which) }
  return (
    <>
      <Head title={cert ? typeName(c, cert.type, cert.type_version) : say(office.navCertificates)} lead={cert ? <><State of={held(cert.state)} /> <Id text={cert.identifier} /></> : <span class="mono address">{id}</span>}>
        <Button kind="quiet" onClick={() => go('certificates')}>{say(officecertificates.back)}</Button>
      </Head>
      {done && <Good>{say(done.published ? officecertificates.changed : officecertificates.changedSoon, { state: stateName(held(done.state)) })}</Good>}
      {cert && alive && (
        <div class="row">
          {cert.state === 'valid' && <Button kind="quiet" onClick={() => asking('suspend')}>{say(officecertificates.suspend)}</Button>}
          {cert.state === 'suspended' && <Button onClick={() => asking('reinstate')}>{say(officecertificates.reinstate)}</Button>}
          {cert.state === 'valid' && <Button kind="quiet" onClick={() => go('certificates', id, 'replace')}>{say(officecertificates.replace)}</Button>}
          <Button kind="danger" onClick={() => asking('end')}>{say(officecertificates.end)}</Button>
        </div>
      )}
      <Loads of={of}>{(d) => (
        <div class="o-cols">
          <Panel title={say(officecertificates.facts)}>
            <Facts rows={[
              [say(officecertificates.key), <span class="mono address">{d.key}</span>],
              [say(officecertificates.authority), d.issuer],
              [say(officecertificates.issued), day(d.issued_on)],
              [say(officecertificates.validity), <>{day(d.valid_from)} — <Until text={d.valid_until} /></>],
              [say(officecertificates.version), String(d.type_version)],
              [say(officecertificates.statusList), <span class="mono small address">{d.status.uri} #{d.status.idx}</span>],
            ]} />
          </Panel>
          <Panel title={say(officecertificates.history)}>
            <ol class="o-steps">
              {d.state !== 'valid' && <Step head={<State of={held(d.state)} />} at={d.state_at} why={d.reason} more={d.replaced_by && <>{say(officecertificates.replacedBy)} <a class="mono address" href={`#certificates/${encodeURIComponent(d.replaced_by)}`}>{d.replaced_by}</a></>} />}
              {d.state === 'valid' && d.state_at !== d.created_at && <Step head={<State of="valid" />} at={d.state_at} why={d.reason} />}
              <Step head={<strong>{say(officecertificates.signed)}</strong>} at={d.created_at} />
            </ol>
          </Panel>
          {d.live && Object.keys(d.live).length > 0 && (
            <Panel title={say(officecertificates.live)} aside={d.live_as_of && <span class="small">{say(officecertificates.liveAt, { at: when(d.live_as_of) })}</span>}>
              <Content c={c} cert={d} values={d.live} />
            </Panel>
          )}
          <Panel title={say(officecertificates.content)}><Credential c={c} cert={d} /></Panel>
        </div>
      )}</Loads>
      {act === 'suspend' && <Confirm title={say(officecertificates.suspend)} draft={`suspend.${id}`} label={say(officecertificates.suspend)} limit={500} reason="free" act={(reason) => change('suspend', reason ? { reason } : {})} onClose={close}><p>{say(officecertificates.suspendTell)}</p></Confirm>}
      {act === 'reinstate' && <Confirm title={say(officecertificates.reinstate)} draft={`reinstate.${id}`} label={say(officecertificates.reinstate)} limit={500} reason="free" act={(reason) => change('reinstate', reason ? { reason } : {})} onClose={close}><p>{say(officecertificates.reinstateTell)}</p></Confirm>}
      {act === 'end' && (
        <Confirm title={say(officecertificates.end)} draft={`end.${id}`} label={say(officecertificates.end)} danger limit={500} word={say(officeStates[ending] as Pair)} act={(reason) => change('revoke', { kind: ending, reason })} onClose={close}>
          <p>{say(officecertificates.endTell)}</p>
          <Field id="end-kind" label={say(officecertificates.endKind)}>
            <select id="end-kind" value={ending} onChange={(e) => setEnding(e.currentTarget.value)}>{endings.map((k) => <option value={k}>{say(officecertificatesEndings[k] as Pair)}</option>)}</select>
          </Field>
        </Confirm>
      )}
    </>
  )
}

function Step({ head, at, why, more }: { head: ComponentChildren; at: string; why?: string | undefined; more?: ComponentChildren }): JSX.Element {
  return <li class="o-step"><div>{head} <span class="small">{when(at, true)}</span></div>{why && <div>{why}</div>}{more && <div class="small">{more}</div>}</li>
}

/** What is in it stays covered until somebody asks: a console is seen by more eyes than one pair. */
function Credential({ c, cert }: { c: Catalogue | undefined; cert: Certificate }): JSX.Element {
  const [shown, setShown] = useState<Opened>()
  if (!shown) return <Button kind="quiet" onClick={() => setShown(open(cert.credential))}>{say(officecertificates.showContent)}</Button>
  return <><Content c={c} cert={cert} values={shown.claims} /><Button kind="quiet" class="o-small" onClick={() => setShown(undefined)}>{say(officecertificates.hide)}</Button></>
}

function Content({ c, cert, values }: { c: Catalogue | undefined; cert: Certificate; values: Readonly<Record<string, unknown>> }): JSX.Element {
  const type = c && typeOf(c, cert.type, cert.type_version)
  return <Facts rows={Object.entries(values).map(([name, v]) => { const f = fieldOf(type, name); return [say(f.l), f.k === 'region' ? <Region code={String(v)} /> : c ? <Value of={c} field={f} value={v} /> : String(v)] as const })} />
}
