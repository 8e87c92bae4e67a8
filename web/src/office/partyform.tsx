import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { say } from '../kit/text'
import { Button, Empty, Failure, Field, useLoad } from '../kit/ui'
import { type Catalogue, inOrder, fieldOf, typeIds, typeOf } from '../kit/values'
import { office } from '../strings/office'
import { officeparty } from '../strings/officeparty'
import { officeregistry } from '../strings/officeregistry'
import { shared } from '../strings/shared'
import { typeName, useCatalogue } from './certificates'
import { Good, Head, Loads, Panel, type Place, list, path, query, useDraft } from './parts'
import { type Party, type Proposal, parties } from './registry'

// A relying party is written down whole, first or anew. What is typed is kept in this tab until it is sent.

interface Draft {
  readonly id: string
  readonly zh: string
  readonly en: string
  readonly contact: string
  readonly perMinute: string
  readonly perDay: string
  readonly notBefore: string
  readonly notAfter: string
  readonly portrait: boolean
  readonly ending: boolean
  readonly grants: readonly { readonly type: string; readonly purposes: string; readonly fields: readonly string[] }[]
  readonly bases: Readonly<Record<string, { readonly basis: string; readonly zh: string; readonly en: string }>>
  readonly reason: string
}

const blank: Draft = { id: '', zh: '', en: '', contact: '', perMinute: '', perDay: '', notBefore: '', notAfter: '', portrait: false, ending: false, grants: [{ type: '', purposes: '', fields: [] }], bases: {}, reason: '' }
const words = (text: string): readonly string[] => [...new Set(text.split(/[\s,;，；、]+/).filter(Boolean))]
const local = (t: string | undefined): string => { if (!t) return ''; const d = new Date(t); return new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16) }

function draftOf(p: Party): Draft {
  return {
    id: p.id, zh: p.name.zh, en: p.name.en, contact: p.contact ?? '', perMinute: p.per_minute ? String(p.per_minute) : '', perDay: p.per_day ? String(p.per_day) : '', notBefore: local(p.not_before), notAfter: local(p.not_after),
    portrait: !!p.portrait, ending: !!p.ending, grants: p.grants.map((g) => ({ type: g.type, purposes: g.purposes.join(' '), fields: g.fields })),
    bases: Object.fromEntries(list(p.legal_basis).map((b) => [b.purpose, { basis: b.basis, zh: b.name?.zh ?? '', en: b.name?.en ?? '' }])), reason: '',
  }
}

function partyOf(d: Draft, before: Party | undefined): object {
  // A moment that was not touched goes back as it came: the form knows minutes, the registry seconds.
  const moment = (typed: string, had: string | undefined): string | undefined => (typed === local(had) ? had : typed ? new Date(typed).toISOString().replace('.000Z', 'Z') : undefined)
  const purposes = [...new Set(d.grants.flatMap((g) => words(g.purposes)))]
  return {
    id: d.id, name: { zh: d.zh.trim(), en: d.en.trim() || d.zh.trim() }, contact: d.contact.trim(), portrait: d.portrait, ending: d.ending,
    ...(Number(d.perMinute) > 0 ? { per_minute: Number(d.perMinute) } : {}), ...(Number(d.perDay) > 0 ? { per_day: Number(d.perDay) } : {}),
    not_before: moment(d.notBefore, before?.not_before), not_after: moment(d.notAfter, before?.not_after),
    grants: d.grants.filter((g) => g.type).map((g) => ({ type: g.type, purposes: words(g.purposes), fields: [...g.fields].sort() })),
    legal_basis: purposes.flatMap((p) => { const b = d.bases[p]; return b?.basis.trim() ? [{ purpose: p, basis: b.basis.trim(), ...(b.zh.trim() ? { name: { zh: b.zh.trim(), en: b.en.trim() || b.zh.trim() } } : {}) }] : [] }),
  }
}

export function PartyForm(place: Place & { id?: string }): JSX.Element {
  const { w, id } = place
  const c = useCatalogue()
  const of = useLoad(async () => ({ party: id ? (await parties(w)).find((p) => p.id === id) : undefined }), [id])
  return <Loads of={of}>{({ party }) => (c ? <Form {...place} c={c} before={party} /> : <Empty>{say(shared.loading)}</Empty>)}</Loads>
}

function Form({ w, go, id, c, before }: Place & { id?: string; c: Catalogue; before: Party | undefined }): JSX.Element {
  const [d, setD, forget] = useDraft<Draft>(`party.${id ?? '+'}`, before ? draftOf(before) : blank)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const [said, setSaid] = useState('')
  const set = (part: Partial<Draft>): void => setD({ ...d, ...part })
  const setGrant = (i: number, part: Partial<Draft['grants'][number]>): void => set({ grants: d.grants.map((g, k) => (k === i ? { ...g, ...part } : g)) })
  const purposes = [...new Set(d.grants.flatMap((g) => words(g.purposes)))]
  const setBasis = (p: string, part: Partial<Draft['bases'][string]>): void => set({ bases: { ...d.bases, [p]: { ...(d.bases[p] ?? { basis: '', zh: '', en: '' }), ...part } } })
  const send = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      const answer = await w.call<Party | Proposal>('PUT', `/v1/registry/parties/${path(d.id)}${query({ reason: d.reason.trim() })}`, partyOf(d, before))
      forget()
      if ('what' in answer && answer.state === 'open') setSaid(say(officeregistry.proposed))
      else go('parties', d.id)
    } catch (e) { setError(e) }
    setBusy(false)
  }
  const text = (name: 'id' | 'zh' | 'en' | 'contact' | 'perMinute' | 'perDay' | 'notBefore' | 'notAfter', label: string, more: JSX.IntrinsicElements['input'] = {}, hint?: string): JSX.Element => (
    <Field id={`p-${name}`} label={label} hint={hint}><input id={`p-${name}`} autocomplete="off" value={d[name]} onInput={(e) => set({ [name]: e.currentTarget.value })} aria-describedby={hint ? `p-${name}-hint` : undefined} {...more} /></Field>
  )
  return (
    <>
      <Head title={id ? `${say(officeregistry.edit)} · ${d.zh || id}` : say(officeregistry.register)} lead={say(officeregistry.partiesLead)}><Button kind="quiet" onClick={() => (id ? go('parties', id) : go('parties'))}>{say(shared.back)}</Button></Head>
      {said && <Good>{said}</Good>}
      <form onSubmit={(e) => { e.preventDefault(); void send() }}>
        <Panel>
          <div class="o-form">
            {text('id', say(officeregistry.id), { required: true, disabled: !!id, pattern: '[a-z0-9][a-z0-9\\-]{0,62}', spellcheck: false }, say(officeregistry.idHint))}
            {text('contact', say(officeregistry.partyContact), { required: true }, say(officeregistry.contactHint))}
            {text('zh', say(officeregistry.nameZh), { required: true })}
            {text('en', say(officeregistry.nameEn))}
            {text('perMinute', say(officeparty.perMinute), { type: 'number', min: 1, placeholder: '6000' })}
            {text('perDay', say(officeparty.perDay), { type: 'number', min: 1 })}
            {text('notBefore', say(officeregistry.notBefore), { type: 'datetime-local' })}
            {text('notAfter', say(officeregistry.notAfter), { type: 'datetime-local' })}
          </div>
          <label class="o-check"><input type="checkbox" checked={d.portrait} onChange={(e) => set({ portrait: e.currentTarget.checked })} /><span>{say(officeparty.portrait)}</span></label>
          <label class="o-check"><input type="checkbox" checked={d.ending} onChange={(e) => set({ ending: e.currentTarget.checked })} /><span>{say(officeparty.ending)}</span></label>
        </Panel>
        <Panel title={say(officeregistry.grants)} aside={<Button kind="quiet" class="o-small" onClick={() => set({ grants: [...d.grants, { type: '', purposes: '', fields: [] }] })}>{say(officeregistry.addGrant)}</Button>}>
          {d.grants.map((g, i) => {
            const t = typeOf(c, g.type)
            const names = [...inOrder(t, (t?.fields ?? []).map((f) => f.n)), ...(t?.live ?? []).map((f) => f.n)]
            return (
              <fieldset>
                <legend>{say(officeregistry.grant, { n: i + 1 })}</legend>
                <div class="o-form">
                  <Field id={`g-type-${i}`} label={say(officeparty.type)}>
                    <select id={`g-type-${i}`} required value={g.type} onChange={(e) => setGrant(i, { type: e.currentTarget.value, fields: [] })}>
                      <option value="">—</option>
                      {typeIds(c).map((x) => <option value={x}>{typeName(c, x)}</option>)}
                    </select>
                  </Field>
                  <Field id={`g-purposes-${i}`} label={say(officeregistry.purposes)} hint={say(officeregistry.purposesHint)}><input id={`g-purposes-${i}`} required autocomplete="off" spellcheck={false} value={g.purposes} onInput={(e) => setGrant(i, { purposes: e.currentTarget.value })} /></Field>
                </div>
                <div class="o-checks" role="group" aria-label={say(officeparty.fields)}>
                  {names.map((n) => <label class="o-check"><input type="checkbox" checked={g.fields.includes(n)} onChange={(e) => setGrant(i, { fields: e.currentTarget.checked ? [...g.fields, n] : g.fields.filter((x) => x !== n) })} /><span>{say(fieldOf(t, n).l)}</span></label>)}
                </div>
                {d.grants.length > 1 && <Button kind="quiet" class="o-small" onClick={() => set({ grants: d.grants.filter((_, k) => k !== i) })}>{say(officeregistry.removeGrant)}</Button>}
              </fieldset>
            )
          })}
          {purposes.map((p) => (
            <div class="o-form">
              <Field id={`b-${p}`} label={say(officeregistry.basis, { purpose: p })}><input id={`b-${p}`} required maxLength={1000} value={d.bases[p]?.basis ?? ''} onInput={(e) => setBasis(p, { basis: e.currentTarget.value })} /></Field>
              <Field id={`bz-${p}`} label={say(officeregistry.purposeZh, { purpose: p })}><input id={`bz-${p}`} value={d.bases[p]?.zh ?? ''} onInput={(e) => setBasis(p, { zh: e.currentTarget.value })} /></Field>
              <Field id={`be-${p}`} label={say(officeregistry.purposeEn, { purpose: p })}><input id={`be-${p}`} value={d.bases[p]?.en ?? ''} onInput={(e) => setBasis(p, { en: e.currentTarget.value })} /></Field>
            </div>
          ))}
        </Panel>
        <Panel>
          <Field id="p-reason" label={say(officeregistry.saveReason)} hint={say(office.reasonHint)}><input id="p-reason" required maxLength={1000} aria-describedby="p-reason-hint" value={d.reason} onInput={(e) => set({ reason: e.currentTarget.value })} /></Field>
          {error !== undefined && <Failure error={error} />}
          <Button type="submit" busy={busy}>{say(officeregistry.save)}</Button>
        </Panel>
      </form>
    </>
  )
}
