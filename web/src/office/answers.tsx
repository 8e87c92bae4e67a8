import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Pair, say, when } from '../kit/text'
import { Button, Dialog, Facts, Failure, Field, useAction } from '../kit/ui'
import { officeStates } from '../strings/office'
import { officeregistry, officeregistryKinds } from '../strings/officeregistry'
import { shared } from '../strings/shared'
import { type Place, label, path, useDraft } from './parts'

// Answers to people: what somebody says is wrong (docs/corrections.md), and disputes about a check (docs/receipts.md).

export interface Correction {
  readonly id: string
  readonly about: { readonly kind: string; readonly id?: string }
  readonly field?: string
  readonly says?: string
  readonly contact?: string
  readonly state: string
  readonly filed_at: string
  readonly due_at: string
  readonly overdue: boolean
  readonly recorded_by?: string
  readonly claimed_by?: string
}
export interface Dispute { readonly id: string; readonly verification: string; readonly side: string; readonly party?: string; readonly reason?: string; readonly state: string; readonly filed_at: string }

interface Props<T> { readonly w: Place['w']; readonly of: T; readonly onClose: () => void; readonly done: () => void }

function Form({ id, outcomes, send, onClose }: { id: string; outcomes: readonly string[]; send: (outcome: string, answer: string) => Promise<void>; onClose: () => void }): JSX.Element {
  const [outcome, setOutcome] = useState(outcomes[0] ?? '')
  const [text, setText, forget] = useDraft(`answer.${id}`, '')
  const act = useAction()
  return (
    <form onSubmit={(e) => { e.preventDefault(); act.run(async () => { await send(outcome, text.trim()); forget() }) }}>
      <Field id="answer-outcome" label={say(officeregistry.outcome)}>
        <select id="answer-outcome" value={outcome} onChange={(e) => setOutcome(e.currentTarget.value)}>{outcomes.map((o) => <option value={o}>{say(officeStates[o] as Pair)}</option>)}</select>
      </Field>
      <Field id="answer-text" label={say(officeregistry.answer)} hint={say(officeregistry.answerHint)}><textarea id="answer-text" class="o-text" rows={5} maxLength={2000} required value={text} onInput={(e) => setText(e.currentTarget.value)} /></Field>
      {act.error !== undefined && <Failure error={act.error} />}
      <div class="row o-end"><Button kind="quiet" onClick={onClose}>{say(shared.close)}</Button><Button type="submit" busy={act.busy} disabled={!text.trim()}>{say(officeregistry.answerIt)}</Button></div>
    </form>
  )
}

export function AnswerCorrection({ w, of, onClose, done }: Props<Correction>): JSX.Element {
  return (
    <Dialog title={`${say(officeregistry.corrections)} · ${label(officeregistryKinds, of.about.kind)}`} onClose={onClose}>
      <Facts rows={[
        [say(officeregistry.says), of.says ?? '—'], of.field ? [say(officeregistry.field), <span class="mono">{of.field}</span>] : null, of.contact ? [say(officeregistry.contact), of.contact] : null,
        of.about.id ? [say(officeregistry.about), <span class="mono small address">{of.about.id}</span>] : null, [say(officeregistry.due), when(of.due_at)],
      ]} />
      <Form id={of.id} outcomes={['corrected', 'forwarded', 'refused']} onClose={onClose} send={async (outcome, answer) => { await w.call('POST', `/v1/corrections/${path(of.id)}/answer`, { outcome, answer }); done() }} />
    </Dialog>
  )
}

export function AnswerDispute({ w, of, onClose, done }: Props<Dispute>): JSX.Element {
  return (
    <Dialog title={say(officeregistry.disputes)} onClose={onClose}>
      <Facts rows={[[say(officeregistry.why), of.reason ?? '—'], [say(officeregistry.about), <span class="mono small address">{of.verification}</span>], [say(officeregistry.at), when(of.filed_at)]]} />
      <Form id={of.id} outcomes={['upheld', 'rejected']} onClose={onClose} send={async (state, answer) => { await w.call('POST', `/v1/disputes/${path(of.id)}/answer`, { state, answer }); done() }} />
    </Dialog>
  )
}
