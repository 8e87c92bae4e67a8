import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Pair, pick, say } from '../kit/text'
import { Button, Empty, Field, Notice, useLoad } from '../kit/ui'
import { Region } from '../kit/values'
import { office } from '../strings/office'
import { officefreeze, officefreezeTells } from '../strings/officefreeze'
import { officeregistryKinds } from '../strings/officeregistry'
import { typeName, useCatalogue } from './certificates'
import { Badge, Confirm, Good, Head, Loads, Panel, type Place, label, useDraft } from './parts'
import { Proposals } from './proposal'
import { type Authority, type Client, type Freezes, type Party, type Proposal, type TypeState, authorities, clients, freezes, parties, types } from './registry'

// The freeze switch. What follows is said before it is pressed, and it is pressed by typing the word.

interface Known { readonly freezes: Freezes; readonly types: readonly TypeState[]; readonly authorities: readonly Authority[]; readonly parties: readonly Party[]; readonly clients: readonly Client[] }
interface Target { readonly kind: string; readonly id: string; readonly key?: string; readonly name: string }
interface Choice { readonly kind: string; readonly id: string; readonly key: string; readonly urgent: boolean }

const kinds = ['type', 'authority', 'authority-key', 'region', 'party', 'client', 'all'] as const
const atOnce = (kind: string): boolean => kind === 'party' || kind === 'client'

export default function Freeze({ w, self }: Place): JSX.Element {
  const c = useCatalogue()
  const of = useLoad(async (): Promise<Known> => {
    const [f, t, a, p, k] = await Promise.all([freezes(w), types(w), authorities(w), parties(w), clients(w)])
    return { freezes: f, types: t, authorities: a, parties: p, clients: k }
  }, [])
  const [open, setOpen] = useState(false)
  const [thaw, setThaw] = useState<Target>()
  const [said, setSaid] = useState('')
  const operator = self.role === 'operator'
  const submit = async (t: Target, frozen: boolean, reason: string, urgent: boolean): Promise<void> => {
    try {
      const p = await w.call<Proposal>('POST', '/v1/registry/freezes', { kind: t.kind, id: t.id, frozen, reason, ...(t.key ? { key: t.key } : {}), ...(urgent ? { urgent } : {}) })
      setSaid(say(p.state !== 'open' ? officefreeze.bites : p.urgent ? officefreeze.bitesAndWaits : officefreeze.waits))
    } finally { of.again() }
  }
  return (
    <>
      <Head title={say(office.navFreeze)} lead={say(officefreeze.lead)}>{operator && <Button kind="danger" disabled={!of.data} onClick={() => { setSaid(''); setOpen(true) }}>{say(officefreeze.begin)}</Button>}</Head>
      {said && <Good>{said}</Good>}
      <Loads of={of}>{(d) => {
        const frozen = inForce(d, (id) => typeName(c, id))
        return (
          <>
            <Panel title={say(officefreeze.inForce)}>
              {frozen.length === 0 ? <Empty>{say(officefreeze.nothingFrozen)}</Empty> : frozen.map((t) => (
                <div class="row apart" data-frozen={`${t.kind} ${t.id}`}>
                  <span><Badge tone="bad">{label(officeregistryKinds, t.kind)}</Badge> <strong>{t.kind === 'region' ? <Region code={t.id} /> : t.name}</strong>{t.key && <span class="mono small"> {t.key.slice(0, 16)}…</span>}</span>
                  {operator && !t.key && <Button kind="quiet" class="o-small" aria-label={`${say(officefreeze.thaw)} ${t.id}`} onClick={() => { setSaid(''); setThaw(t) }}>{say(officefreeze.thaw)}</Button>}
                </div>
              ))}
            </Panel>
            <Panel title={say(officefreeze.history)}>{d.freezes.freezes.length === 0 ? <Empty>{say(officefreeze.noHistory)}</Empty> : <Proposals w={w} self={self} rows={d.freezes.freezes} done={of.again} title={say(officefreeze.history)} />}</Panel>
            {open && <Switch d={d} submit={submit} nameOf={(id) => typeName(c, id)} onClose={() => setOpen(false)} />}
          </>
        )
      }}</Loads>
      {thaw && (
        <Confirm title={`${say(officefreeze.thaw)} · ${thaw.name}`} draft={`thaw.${thaw.kind}.${thaw.id}`} label={say(officefreeze.thaw)} word={say(officefreeze.thawWord)} act={(r) => submit(thaw, false, r, false)} onClose={() => setThaw(undefined)}>
          <p>{say(officefreeze.thawTell)}</p>
        </Confirm>
      )}
    </>
  )
}

/** What is frozen, from where the registry marks it. */
function inForce(d: Known, nameOf: (type: string) => string): readonly Target[] {
  return [
    ...(d.freezes.stopped.all ? [{ kind: 'all', id: 'all', name: say(officefreeze.everything) }] : []),
    ...d.freezes.stopped.regions.map((id) => ({ kind: 'region', id, name: id })),
    ...d.types.filter((t) => t.frozen).map((t) => ({ kind: 'type', id: t.id, name: nameOf(t.id) })),
    ...d.authorities.filter((a) => a.frozen).map((a) => ({ kind: 'authority', id: a.id, name: pick(a.name) })),
    ...d.authorities.flatMap((a) => a.keys.filter((k) => k.frozen).map((k) => ({ kind: 'authority-key', id: a.id, key: k.jwk.kid ?? '', name: pick(a.name) }))),
    ...d.parties.filter((p) => p.state === 'suspended').map((p) => ({ kind: 'party', id: p.id, name: pick(p.name) })),
    ...d.clients.filter((c) => c.suspended && !c.id.startsWith('browser-')).map((c) => ({ kind: 'client', id: c.id, name: c.id })),
  ]
}

function Switch({ d, submit, nameOf, onClose }: { d: Known; submit: (t: Target, frozen: boolean, reason: string, urgent: boolean) => Promise<void>; nameOf: (id: string) => string; onClose: () => void }): JSX.Element {
  const [choice, setChoice, forget] = useDraft<Choice>('freeze', { kind: '', id: '', key: '', urgent: false })
  const set = (part: Partial<Choice>): void => setChoice({ ...choice, ...part })
  const options: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    type: d.types.filter((t) => !t.frozen).map((t) => [t.id, nameOf(t.id)] as const),
    authority: d.authorities.filter((a) => !a.frozen).map((a) => [a.id, pick(a.name)] as const),
    'authority-key': d.authorities.map((a) => [a.id, pick(a.name)] as const),
    party: d.parties.filter((p) => p.state === 'released').map((p) => [p.id, pick(p.name)] as const),
    client: d.clients.filter((c) => !c.suspended).map((c) => [c.id, c.id] as const),
  }
  const of = options[choice.kind]
  const keys = choice.kind === 'authority-key' ? (d.authorities.find((a) => a.id === choice.id)?.keys ?? []).filter((k) => !k.frozen) : []
  const id = choice.kind === 'all' ? 'all' : choice.id
  const whole = choice.kind !== '' && id !== '' && (choice.kind !== 'authority-key' || choice.key !== '') && (choice.kind !== 'region' || /^\d{6}$/.test(id))
  const name = choice.kind === 'all' ? say(officefreeze.everything) : of?.find(([k]) => k === id)?.[1] ?? id
  return (
    <Confirm title={say(officefreeze.freeze)} draft="freeze" label={say(officefreeze.freeze)} danger word={say(officefreeze.word)} onClose={onClose} act={async (reason) => {
      if (!whole) return
      await submit({ kind: choice.kind, id, name, ...(choice.key ? { key: choice.key } : {}) }, true, reason, choice.urgent && !atOnce(choice.kind))
      forget()
    }}>
      <Field id="freeze-kind" label={say(officefreeze.what)}>
        <select id="freeze-kind" required value={choice.kind} onChange={(e) => setChoice({ kind: e.currentTarget.value, id: '', key: '', urgent: choice.urgent })}>
          <option value="">—</option>
          {kinds.map((k) => <option value={k}>{say(officeregistryKinds[k] as Pair)}</option>)}
        </select>
      </Field>
      {of && (
        <Field id="freeze-id" label={say(officefreeze.which)}>
          <select id="freeze-id" required value={choice.id} onChange={(e) => set({ id: e.currentTarget.value, key: '' })}><option value="">—</option>{of.map(([k, n]) => <option value={k}>{n}</option>)}</select>
        </Field>
      )}
      {choice.kind === 'authority-key' && choice.id && (
        <Field id="freeze-key" label={say(officefreeze.key)}>
          <select id="freeze-key" required value={choice.key} onChange={(e) => set({ key: e.currentTarget.value })}><option value="">—</option>{keys.map((k) => <option value={k.jwk.kid}>{k.jwk.kid}</option>)}</select>
        </Field>
      )}
      {choice.kind === 'region' && (
        <Field id="freeze-region" label={say(officefreeze.region)} hint={/^\d{6}$/.test(choice.id) ? <Region code={choice.id} /> : undefined}>
          <input id="freeze-region" required inputMode="numeric" pattern="[0-9]{6}" maxLength={6} autocomplete="off" value={choice.id} onInput={(e) => set({ id: e.currentTarget.value.trim() })} />
        </Field>
      )}
      {choice.kind === '' ? <p class="small">{say(officefreeze.choose)}</p> : (
        <>
          {!atOnce(choice.kind) && <label class="o-check"><input type="checkbox" checked={choice.urgent} onChange={(e) => set({ urgent: e.currentTarget.checked })} /><span>{say(officefreeze.urgent)}</span></label>}
          <Notice tone="bad"><p><strong>{say(officefreeze.consequences)}{whole && ` · ${name}`}</strong></p><p>{say(officefreezeTells[choice.kind] as Pair)}</p><p>{say(atOnce(choice.kind) ? officefreeze.atOnce : choice.urgent ? officefreeze.urgentTell : officefreeze.calmTell)}</p></Notice>
        </>
      )}
    </Confirm>
  )
}
