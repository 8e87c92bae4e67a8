import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { Trouble, randomKey, troubleOf } from '../kit/api'
import { day, pick, say } from '../kit/text'
import { Button, Dialog, Empty, Facts, Failure, Field, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { type Catalogue, catalogue, typeOf } from '../kit/values'
import { shared } from '../strings/shared'
import { walletcompany } from '../strings/walletcompany'
import { purposeName, purposes } from './purposes'
import { useDraft } from './draft'
import { type Session, own } from './session'

const words = walletcompany

interface Matter { readonly type: string; readonly views: readonly string[]; readonly purposes: readonly string[] }
interface Company { readonly id: string; readonly name: string; readonly role: string; readonly appointment?: string; readonly matters: readonly Matter[]; readonly until?: string }
interface Appointment { readonly id: string; readonly company: string; readonly company_name: string; readonly name: string; readonly number_end: string; readonly role: string; readonly matters: readonly Matter[]; readonly until: string; readonly state: string }
type Signed = Extract<Session, { all: unknown }>

const word = (name: string): string => { const p = walletcompany[name as keyof typeof walletcompany]; return p ? say(p) : name }

/** Matters in words: what may be shown, and for what. */
function Matters({ c, all }: { c: Catalogue; all: readonly Matter[] }): JSX.Element {
  const label = (m: Matter): string => {
    const type = m.type === '*' ? say(words.allTypes) : (() => { const t = typeOf(c, m.type); return t ? say(t.name) : m.type })()
    const views = m.views.includes('*') ? say(words.allViews) : m.views.map((v) => { const p = c.tables[`views/${m.type}`]?.[v]; return p ? say(p) : v }).join(' · ')
    return `${type} · ${views} · ${m.purposes.includes('*') ? purposeName('') : m.purposes.map(purposeName).join(' · ')}`
  }
  return <>{all.map((m) => <div>{label(m)}</div>)}</>
}

/** For whom she acts, who acts for her companies, and what she is offered. */
export function Companies({ session, appoint, go, changed }: { session: Signed; appoint: string | undefined; go: (...to: string[]) => void; changed: () => void }): JSX.Element {
  const list = useLoad(async () => {
    const [names, c, a] = await Promise.all([catalogue(), own<{ companies: Company[] }>('GET', '/v1/wallet/companies'), own<{ appointments: Appointment[] }>('GET', '/v1/wallet/appointments')])
    return { names, companies: c.companies, appointments: a.appointments }
  }, [])
  const action = useAction()
  const answer = (a: Appointment, what: string): void => action.run(async () => { await own('POST', `/v1/wallet/appointments/${encodeURIComponent(a.id)}`, { answer: what }); list.again(); changed() })
  const d = list.data
  const company = d?.companies.find((c) => c.id === appoint)
  if (company) return <Appoint session={session} company={company} back={() => go('companies')} />
  const over = d?.appointments.filter((a) => a.state !== 'offered' && a.state !== 'active' && a.state !== 'scheduled') ?? []
  return (
    <section>
      <Heading>{say(words.title)}</Heading>
      {list.busy && !d && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {action.error !== undefined && <Failure error={action.error} />}
      {d?.appointments.filter((a) => a.state === 'offered').map((a) => (
        <article class="panel w-offer-box" key={a.id}>
          <h2>{say(words.offer, { company: a.company_name, role: word(`role-${a.role}`) })}</h2>
          <Facts rows={[[say(words.matters), <Matters c={d.names} all={a.matters} />], [say(words.lastDay), day(a.until)]]} />
          <div class="row"><Button busy={action.busy} onClick={() => answer(a, 'accept')}>{say(words.accept)}</Button><Button kind="quiet" disabled={action.busy} onClick={() => answer(a, 'decline')}>{say(words.decline)}</Button></div>
        </article>
      ))}
      {d && d.companies.length === 0 && !d.appointments.some((a) => a.state === 'offered') && <Empty>{say(words.none)}</Empty>}
      {d?.companies.map((c) => (
        <article class="panel" key={c.id}>
          <h2>{c.name}</h2>
          <p class="w-tags"><span class="w-tag">{word(`role-${c.role}`)}</span>{c.until && <span class="small">{say(words.until, { day: day(c.until) })}</span>}</p>
          <Facts rows={[[say(words.matters), <Matters c={d.names} all={c.matters} />]]} />
          {c.role !== 'agent' && <Agents company={c} names={d.names} appoint={() => go('companies', c.id)} />}
          {c.appointment && <Button kind="danger" busy={action.busy} onClick={() => answer({ id: c.appointment } as Appointment, 'leave')}>{say(words.leave)}</Button>}
        </article>
      ))}
      {over.length > 0 && <><h2>{say(words.before)}</h2><ul class="w-list">{over.map((a) => <li key={a.id}><span class="grow"><strong>{a.company_name}</strong><span class="small">{word(`role-${a.role}`)} · {word(`is-${a.state}`)}</span></span></li>)}</ul></>}
    </section>
  )
}

function Agents({ company, names, appoint }: { company: Company; names: Catalogue; appoint: () => void }): JSX.Element {
  const path = `/v1/wallet/companies/${encodeURIComponent(company.id)}/agents`
  const list = useLoad(() => own<{ appointments: Appointment[] }>('GET', path), [company.id])
  const [removing, remove] = useState<Appointment>()
  const action = useAction()
  const alive = (a: Appointment): boolean => ['offered', 'scheduled', 'active', 'interrupted'].includes(a.state)
  return (
    <>
      <h3>{say(words.agents)}</h3>
      {list.busy && !list.data && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {list.data?.appointments.length === 0 && <p class="small">{say(words.agentsNone)}</p>}
      <ul class="w-list">
        {list.data?.appointments.map((a) => (
          <li key={a.id} class={alive(a) ? '' : 'over'}>
            <span class="grow"><strong>{a.name} <span class="mono">…{a.number_end}</span></strong><span class="small">{word(`role-${a.role}`)} · {word(`is-${a.state}`)}</span><span class="small"><Matters c={names} all={a.matters} /></span><span class="small">{say(words.until, { day: day(a.until) })}</span></span>
            {alive(a) && <Button kind="danger" onClick={() => remove(a)}>{say(words.remove)}</Button>}
          </li>
        ))}
      </ul>
      {action.error !== undefined && <Failure error={action.error} />}
      <Button kind="quiet" onClick={appoint}>{say(words.appoint)}</Button>
      {removing && (
        <Dialog title={say(words.removeTitle, { name: removing.name })} onClose={() => remove(undefined)}>
          <p>{say(words.removeAsk)}</p>
          <div class="row"><Button kind="quiet" onClick={() => remove(undefined)}>{say(shared.cancel)}</Button>
            <Button kind="danger" busy={action.busy} onClick={() => action.run(async () => { const id = removing.id; remove(undefined); await own('DELETE', `${path}/${encodeURIComponent(id)}`); list.again() })}>{say(words.remove)}</Button></div>
        </Dialog>
      )}
    </>
  )
}

function Appoint({ session, company, back }: { session: Signed; company: Company; back: () => void }): JSX.Element {
  const [name, setName, nameSent] = useDraft('appoint-name')
  const [number, setNumber, numberSent] = useDraft('appoint-number')
  const held = session.all.filter((h) => h.acting)
  const [role, setRole] = useState('agent')
  const [type, setType] = useState(held[0]?.type ?? '*')
  const [wanted, setView] = useState('identity')
  const [purpose, setPurpose] = useState('*')
  const soon = new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10)
  const [until, setUntil] = useState(soon)
  const [sent, finish] = useState(false)
  const key = useRef(randomKey())
  const action = useAction()
  const views = held.find((h) => h.type === type)?.views ?? []
  // What was chosen for one certificate need not be there for another; what is shown as chosen is what is sent.
  const view = wanted === '*' || views.some((v) => v.name === wanted) ? wanted : (views[0]?.name ?? '*')
  const send = (): void => action.run(async () => {
    const matters = [{ type, views: [type === '*' || view === '*' ? '*' : view], purposes: [purpose] }]
    try {
      await own('POST', `/v1/wallet/companies/${encodeURIComponent(company.id)}/agents`, { person: { type: '111', number: number.trim().toUpperCase(), name: name.trim() }, role, until, matters }, key.current)
    } catch (e) {
      if (e instanceof Trouble && e.status !== 0) key.current = randomKey()
      throw e
    }
    nameSent(); numberSent()
    finish(true)
  })
  // What is wrong with something that was typed stands there, in words; the pointers are for programs.
  const trouble = action.error === undefined ? undefined : troubleOf(action.error)
  const wrong = (pointer: string): string | undefined => (trouble?.errors.some((e) => e.pointer?.startsWith(pointer)) ? `${pick(trouble.title)} ${pick(trouble.next)}` : undefined)
  const elsewhere = trouble && !wrong('/person/number') && !wrong('/person/name') && !wrong('/until')
  if (sent) return <section><Heading>{say(words.appoint)}</Heading><Notice tone="good" live><p>{say(words.sent)}</p></Notice><Button onClick={back}>{say(shared.back)}</Button></section>
  return (
    <section>
      <Heading>{say(words.appoint)}</Heading>
      <p class="lead">{company.name}</p>
      <form class="panel" onSubmit={(e) => { e.preventDefault(); send() }}>
        <Field id="agent-name" label={say(words.name)} error={wrong('/person/name')}><input id="agent-name" required maxLength={100} autocomplete="off" value={name} onInput={(e) => setName(e.currentTarget.value)} /></Field>
        <Field id="agent-number" label={say(words.number)} hint={say(words.numberHint)} error={wrong('/person/number')}><input id="agent-number" required maxLength={18} minLength={18} autocomplete="off" spellcheck={false} aria-describedby="agent-number-hint" value={number} onInput={(e) => setNumber(e.currentTarget.value)} /></Field>
        <Field id="agent-role" label={say(words.role)}>
          <select id="agent-role" value={role} onChange={(e) => setRole(e.currentTarget.value)}><option value="agent">{word('role-agent')}</option>{company.role === 'representative' && <option value="administrator">{word('role-administrator')}</option>}</select>
        </Field>
        <Field id="agent-type" label={say(words.which)}>
          <select id="agent-type" value={type} onChange={(e) => setType(e.currentTarget.value)}>
            {[...new Map(held.map((h) => [h.type, h])).values()].map((h) => <option key={h.type} value={h.type}>{pick(h.name)}</option>)}
            <option value="*">{say(words.allTypes)}</option>
          </select>
        </Field>
        {type !== '*' && (
          <Field id="agent-view" label={say(words.view)}>
            <select id="agent-view" value={view} onChange={(e) => setView(e.currentTarget.value)}>{views.map((v) => <option key={v.name} value={v.name}>{pick(v.label)}</option>)}<option value="*">{say(words.allViews)}</option></select>
          </Field>
        )}
        <Field id="agent-purpose" label={say(words.purpose)}>
          <select id="agent-purpose" value={purpose} onChange={(e) => setPurpose(e.currentTarget.value)}><option value="*">{purposeName('')}</option>{purposes.map((p) => <option key={p} value={p}>{purposeName(p)}</option>)}</select>
        </Field>
        <Field id="agent-until" label={say(words.lastDay)} error={wrong('/until')}><input id="agent-until" type="date" required value={until} min={new Date().toISOString().slice(0, 10)} onInput={(e) => setUntil(e.currentTarget.value)} /></Field>
        {elsewhere && <Failure error={trouble} />}
        <Button type="submit" kind="main" busy={action.busy}>{say(words.send)}</Button>
      </form>
    </section>
  )
}
