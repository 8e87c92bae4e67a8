import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { pick, say, when } from '../kit/text'
import { Button, Empty, Failure, Field, useLoad } from '../kit/ui'
import { office } from '../strings/office'
import { officeparty } from '../strings/officeparty'
import { officeregistry } from '../strings/officeregistry'
import { shared } from '../strings/shared'
import { staff } from '../strings/staff'
import { Confirm, Failed, Good, Head, Id, Loads, Panel, type Place, State, Table, list, path, query, useDraft } from './parts'
import { type Client, type Jwk, type Proposal, authorities, clients, parties } from './registry'

const roles = ['department', 'relying-party', 'operator', 'auditor'] as const
const usual: Readonly<Record<string, string>> = { department: 'issue', 'relying-party': 'verify', operator: 'registry disputes corrections devices reviews monitor', auditor: 'registry audit reviews monitor' }

export default function Clients(place: Place): JSX.Element {
  return place.at[0] === '+' ? <Enrol {...place} /> : <All {...place} />
}

function All({ w, self, go }: Place): JSX.Element {
  const of = useLoad(() => clients(w), [])
  const [word, setWord] = useState('')
  const [act, setAct] = useState<{ client: Client; key?: string }>()
  const [said, setSaid] = useState('')
  const operator = self.role === 'operator'
  const close = (): void => setAct(undefined)
  const done = (p: Proposal | undefined): void => { setSaid(say(p?.state === 'open' ? officeregistry.proposed : officeregistry.applied)); of.again() }
  const change = async (c: Client, reason: string): Promise<void> => done(await w.call<Proposal>('POST', '/v1/registry/freezes', { kind: 'client', id: c.id, frozen: !c.suspended, reason }))
  const dropKey = async (c: Client, key: string, reason: string): Promise<void> => { await w.call('POST', `/v1/registry/clients/${path(c.id)}/drop-key`, { key, reason }); done(undefined) }
  return (
    <>
      <Head title={say(office.navClients)} lead={say(officeregistry.clientsLead)}>{operator && <Button onClick={() => go('clients', '+')}>{say(officeregistry.enrol)}</Button>}</Head>
      {said && <Good>{said}</Good>}
      <Panel>
        <Field id="client-filter" label={say(officeregistry.filter)}><input id="client-filter" type="search" autocomplete="off" value={word} onInput={(e) => setWord(e.currentTarget.value)} /></Field>
        <Loads of={of}>{(all) => {
          const rows = all.filter((c) => !word || `${c.id} ${c.party ?? ''} ${list(c.authorities).join(' ')} ${c.role}`.includes(word.trim()))
          return rows.length === 0 ? <Empty>{say(officeregistry.noClients)}</Empty> : (
            <Table caption={say(office.navClients)} rows={rows} keyOf={(c) => c.id} tone={(c) => (c.suspended ? 'bad' : undefined)} columns={[
              { head: say(officeregistry.id), cell: (c) => <><strong class="mono">{c.id}</strong><p class="small">{say(staff[c.role as 'operator'] ?? [c.role, c.role])}{c.party && ` · ${c.party}`}{list(c.authorities).length > 0 && ` · ${list(c.authorities).join(', ')}`}</p></> },
              { head: say(officeregistry.scopes), cell: (c) => <span class="small">{c.scopes.join(' ')}</span> },
              { head: say(officeregistry.keys), cell: (c) => list(c.keys).map((k) => { const kid = k.kid ?? ''; const ends = c.key_ends?.find((e) => e.kid === kid)?.ends; return <p class="small"><span class="mono">{kid.slice(0, 10)}…</span>{ends && <> {when(ends)}</>} {operator && list(c.keys).length > 1 && <button type="button" class="o-copy" aria-label={`${say(officeregistry.dropKey)} ${kid}`} onClick={() => setAct({ client: c, key: kid })}>{say(officeregistry.dropKey)}</button>}</p> }) },
              { head: say(officeparty.state), cell: (c) => <State of={c.suspended ? 'suspended' : 'active'} /> },
              operator && { head: '', kind: 'actions', cell: (c) => (c.id === self.id ? null : <Button kind={c.suspended ? 'quiet' : 'danger'} class="o-small" aria-label={`${say(c.suspended ? officeregistry.resume : officeregistry.suspend)} ${c.id}`} onClick={() => setAct({ client: c })}>{say(c.suspended ? officeregistry.resume : officeregistry.suspend)}</Button>) },
            ]} />
          )
        }}</Loads>
      </Panel>
      {act && !act.key && <Confirm title={`${say(act.client.suspended ? officeregistry.resume : officeregistry.suspend)} · ${act.client.id}`} draft={`client.${act.client.id}`} label={say(act.client.suspended ? officeregistry.resume : officeregistry.suspend)} danger={!act.client.suspended} act={(r) => change(act.client, r)} onClose={close}><p>{say(act.client.suspended ? officeregistry.resumeTell : officeregistry.clientSuspendTell)}</p></Confirm>}
      {act?.key && <Confirm title={`${say(officeregistry.dropKey)} · ${act.client.id}`} draft={`drop.${act.client.id}`} label={say(officeregistry.dropKey)} danger act={(r) => dropKey(act.client, act.key ?? '', r)} onClose={close}><p class="mono address">{act.key}</p><p>{say(officeregistry.dropKeyTell)}</p></Confirm>}
    </>
  )
}

/** The key of a card, or what is wrong with it. A private key that somebody pasted is never sent on. */
export function readCard(text: string): { jwk?: Jwk; fault?: 'wrong' | 'private' } {
  let card: unknown
  try { card = JSON.parse(text) } catch { return { fault: 'wrong' } }
  const { kind, jwk } = (card ?? {}) as { kind?: unknown; jwk?: Jwk & { d?: unknown } }
  if (jwk && jwk.d !== undefined) return { fault: 'private' }
  if (kind !== 'showcard-workstation' || jwk?.kty !== 'EC' || !['P-256', 'sm2p256v1'].includes(jwk.crv) || typeof jwk.x !== 'string' || typeof jwk.y !== 'string') return { fault: 'wrong' }
  return { jwk: { kty: 'EC', crv: jwk.crv, x: jwk.x, y: jwk.y, ...(typeof jwk.kid === 'string' ? { kid: jwk.kid } : {}) } }
}

interface Draft { readonly card: string; readonly id: string; readonly role: (typeof roles)[number]; readonly party: string; readonly authorities: readonly string[]; readonly scopes: string; readonly reason: string }
const blank: Draft = { card: '', id: '', role: 'relying-party', party: '', authorities: [], scopes: 'verify', reason: '' }

function Enrol({ w, go }: Place): JSX.Element {
  const [d, setD, forget] = useDraft<Draft>('enrol', blank)
  const of = useLoad(async () => ({ parties: (await parties(w)).filter((p) => p.state !== 'retired'), authorities: await authorities(w) }), [])
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const [done, setDone] = useState<{ id: string; open: boolean }>()
  const { jwk, fault } = d.card.trim() ? readCard(d.card) : {}
  const set = (part: Partial<Draft>): void => setD({ ...d, ...part })
  const send = async (): Promise<void> => {
    if (!jwk) return
    setBusy(true)
    setError(undefined)
    const entry = { id: d.id, role: d.role, scopes: d.scopes.split(/\s+/).filter(Boolean), keys: [jwk], ...(d.role === 'relying-party' ? { party: d.party } : {}), ...(d.role === 'department' ? { authorities: d.authorities } : {}) }
    try {
      const answer = await w.call<Client | Proposal>('PUT', `/v1/registry/clients/${path(d.id)}${query({ reason: d.reason.trim() })}`, entry)
      setDone({ id: d.id, open: 'what' in answer && answer.state === 'open' })
      forget()
    } catch (e) { setError(e) }
    setBusy(false)
  }
  return (
    <>
      <Head title={say(officeregistry.enrol)} lead={say(officeregistry.clientsLead)}><Button kind="quiet" onClick={() => go('clients')}>{say(shared.back)}</Button></Head>
      {of.error !== undefined && <Failed error={of.error} again={of.again} />}
      {done ? <Good><p>{say(done.open ? officeregistry.proposed : officeregistry.applied)}</p><p>{say(officeregistry.tellId)} <Id text={done.id} /></p></Good> : (
        <Panel>
          <form onSubmit={(e) => { e.preventDefault(); void send() }}>
            <Field id="card" label={say(officeregistry.card)} hint={jwk ? say(officeregistry.cardKey, { kid: jwk.kid ?? `${jwk.crv} ${jwk.x.slice(0, 10)}…` }) : say(officeregistry.cardHint)} error={fault && say(fault === 'private' ? officeregistry.cardPrivate : officeregistry.cardWrong)}>
              <textarea id="card" required rows={4} spellcheck={false} aria-describedby="card-hint" value={d.card} onInput={(e) => set({ card: e.currentTarget.value })} />
            </Field>
            <div class="o-form">
              <Field id="e-id" label={say(staff.clientId)} hint={say(officeregistry.idHint)}><input id="e-id" required pattern="[a-z0-9][a-z0-9\-]{0,62}" autocomplete="off" spellcheck={false} aria-describedby="e-id-hint" value={d.id} onInput={(e) => set({ id: e.currentTarget.value })} /></Field>
              <Field id="e-role" label={say(officeregistry.role)}>
                <select id="e-role" value={d.role} onChange={(e) => { const role = e.currentTarget.value as Draft['role']; set({ role, scopes: usual[role] ?? '' }) }}>{roles.map((r) => <option value={r}>{say(staff[r])}</option>)}</select>
              </Field>
              {d.role === 'relying-party' && (
                <Field id="e-party" label={say(officeregistry.party)}>
                  <select id="e-party" required value={d.party} onChange={(e) => set({ party: e.currentTarget.value })}><option value="">—</option>{of.data?.parties.map((p) => <option value={p.id}>{pick(p.name)}</option>)}</select>
                </Field>
              )}
              <Field id="e-scopes" label={say(officeregistry.scopes)}><input id="e-scopes" class="mono" required autocomplete="off" spellcheck={false} value={d.scopes} onInput={(e) => set({ scopes: e.currentTarget.value })} /></Field>
            </div>
            {d.role === 'department' && (
              <fieldset>
                <legend>{say(officeregistry.authorities)}</legend>
                {of.data?.authorities.map((a) => <label class="o-check"><input type="checkbox" checked={d.authorities.includes(a.id)} onChange={(e) => set({ authorities: e.currentTarget.checked ? [...d.authorities, a.id] : d.authorities.filter((x) => x !== a.id) })} /><span>{pick(a.name)}</span></label>)}
              </fieldset>
            )}
            <Field id="e-reason" label={say(office.reason)} hint={say(office.reasonHint)}><input id="e-reason" required maxLength={1000} aria-describedby="e-reason-hint" value={d.reason} onInput={(e) => set({ reason: e.currentTarget.value })} /></Field>
            {error !== undefined && <Failure error={error} />}
            <Button type="submit" busy={busy} disabled={!jwk || (d.role === 'department' && d.authorities.length === 0)}>{say(officeregistry.enrol)}</Button>
          </form>
        </Panel>
      )}
    </>
  )
}
