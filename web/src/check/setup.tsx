import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { shared } from '../strings/shared'
import { check } from '../strings/check'
import { staff } from '../strings/staff'
import { pick, say } from '../kit/text'
import { Button, Dialog, Failure, Field, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { type Catalogue, catalogue, fieldOf, inOrder, typeOf } from '../kit/values'
import { type Self, type Workstation, leave } from '../kit/workstation'
import { all } from '../kit/idb'
import type { Settings } from './settings'
import { forgetRoots, pinRoots, rootsHere } from './standby'

interface Props { w: Workstation; self: Self; before: Settings; done: (s: Settings) => void; back?: (() => void) | undefined }

/** What is chosen once for a counter. */
export function SetUp({ self, before, done, back }: Props): JSX.Element {
  const [s, set] = useState(before)
  const [leaving, askLeave] = useState<number>()
  const types = useLoad(() => catalogue(), [])
  const roots = useLoad(() => rootsHere(), [])
  const action = useAction()
  const purposes = self.party?.purposes ?? []
  if (!purposes.length) return <section class="panel narrow"><Heading>{say(check.setup)}</Heading><Notice tone="warn"><p><strong>{say(check.noPurposes)}</strong> {say(check.noPurposesNext)}</p></Notice></section>
  const start = (): void => action.run(async () => {
    if (s.offline && roots.data && !roots.data.pinned) await pinRoots(roots.data.text)
    done({ ...s, counter: s.counter.trim() })
  })
  return (
    <section class="panel narrow c-setup">
      <Heading>{say(check.setup)}</Heading>
      <p class="lead">{pick(self.party?.name)}</p>
      <p>{say(check.setupIntro)}</p>
      {action.error !== undefined && <Failure error={action.error} />}
      <form onSubmit={(e) => { e.preventDefault(); start() }}>
        <Field id="counter" label={say(check.counter)} hint={say(check.counterHint)}>
          <input id="counter" maxLength={40} autocomplete="off" aria-describedby="counter-hint" value={s.counter} onInput={(e) => set({ ...s, counter: e.currentTarget.value })} />
        </Field>
        <Field id="purpose" label={say(check.purpose)} hint={say(check.purposeHint)}>
          <select id="purpose" aria-describedby="purpose-hint" value={s.purpose} onChange={(e) => set({ ...s, purpose: e.currentTarget.value, type: '', fields: [] })}>
            {purposes.map((p) => <option key={p.code} value={p.code}>{pick(p.name) || p.code}</option>)}
          </select>
        </Field>
        {types.data ? <Extra of={types.data} self={self} s={s} set={set} /> : types.error !== undefined ? <Failure error={types.error} again={types.again} /> : <Loading />}
        <fieldset class="c-choice">
          <label class="c-tick"><input type="checkbox" id="offline-use" checked={s.offline} onChange={(e) => set({ ...s, offline: e.currentTarget.checked })} /><span>{say(check.offlineUse)}</span></label>
          <p class="hint small">{say(check.offlineUseHint)}</p>
          {s.offline && roots.error !== undefined && <Failure error={roots.error} again={roots.again} />}
          {s.offline && roots.data && (
            <div class="c-roots">
              <p class="small"><strong>{say(check.fingerprint)}</strong></p>
              <p class="c-fingerprint mono" id="fingerprint" lang="en">{(roots.data.fingerprint.match(/.{4}/g) ?? []).map((group) => <span key={group}>{group}</span>)}</p>
              {roots.data.pinned
                ? <p class="small">{say(check.fingerprintPinned)} <button type="button" class="c-link" onClick={() => { void forgetRoots().then(roots.again) }}>{say(check.forget)}</button></p>
                : <p class="small"><strong>{say(check.fingerprintNew)}</strong></p>}
            </div>
          )}
        </fieldset>
        <Button type="submit" kind="main" busy={action.busy}>{say(check.start)}</Button>
        <div class="row apart">
          {back ? <Button kind="quiet" onClick={back}>{say(shared.back)}</Button> : <span />}
          <Button kind="danger" onClick={() => { all('desk', 'waits:').then((m) => askLeave(m.size), () => askLeave(0)) }}>{say(staff.leave)}</Button>
        </div>
      </form>
      {leaving !== undefined && (
        <Dialog title={say(staff.leave)} onClose={() => askLeave(undefined)}>
          <p>{say(staff.leaveAsk)}</p>
          {leaving > 0 && <Notice tone="warn"><p>{say(check.leaveWaiting, { n: leaving })}</p></Notice>}
          <div class="row">
            <Button kind="quiet" onClick={() => askLeave(undefined)}>{say(shared.cancel)}</Button>
            <Button kind="danger" onClick={() => { void leave().finally(() => location.reload()) }}>{say(staff.leave)}</Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}

/** A counter that needs more than people mostly show says so before the scan, for a scan spends the code. */
function Extra({ of, self, s, set }: { of: Catalogue; self: Self; s: Settings; set: (s: Settings) => void }): JSX.Element | null {
  const may = self.party?.fields[s.purpose] ?? {}
  const ids = Object.keys(may).filter((id) => may[id]?.length)
  if (!ids.length) return null
  const type = typeOf(of, s.type)
  const toggle = (name: string, on: boolean): void => set({ ...s, fields: on ? [...s.fields, name] : s.fields.filter((f) => f !== name) })
  return (
    <details class="c-extra" open={s.fields.length > 0}>
      <summary>{say(check.extra)} {s.fields.length > 0 && <span>({s.fields.length})</span>}</summary>
      <Field id="extra-type" label={say(check.extraType)}>
        <select id="extra-type" value={s.type} onChange={(e) => set({ ...s, type: e.currentTarget.value, fields: [] })}>
          <option value="">{say(check.extraNone)}</option>
          {ids.map((id) => { const t = typeOf(of, id); return <option key={id} value={id}>{t ? say(t.name) : id}</option> })}
        </select>
      </Field>
      {s.type && (
        <fieldset class="c-choice" id="extra-fields">
          <legend>{say(check.extraFields)}</legend>
          {inOrder(type, may[s.type] ?? []).map((n) => (
            <label key={n} class="c-tick"><input type="checkbox" value={n} checked={s.fields.includes(n)} onChange={(e) => toggle(n, e.currentTarget.checked)} /><span>{say(fieldOf(type, n).l)}</span></label>
          ))}
        </fieldset>
      )}
    </details>
  )
}
