import type { JSX } from 'preact'
import { say } from '../kit/text'
import { Field } from '../kit/ui'
import { type TypeDescription, fieldOf } from '../kit/values'
import { wallet } from '../strings/wallet'
import { walletnotes as words } from '../strings/walletnotes'
import { purposeName, purposes } from './purposes'

/** Narrows a showing: for one purpose only, and of her own choice the fields one by one. */
export function Narrow({ type, every, own, setOwn, purpose, setPurpose }: {
  type: TypeDescription | undefined
  /** All that can be chosen, and what is; absent while she shows a view. */
  every: readonly string[] | undefined
  own: readonly string[]
  setOwn: (names: readonly string[]) => void
  purpose: string
  setPurpose: (code: string) => void
}): JSX.Element {
  return (
    <>
      {every && (
        <fieldset class="w-fields">
          <legend class="sr">{say(wallet.ownChoice)}</legend>
          {every.map((name) => (
            <label key={name}><input type="checkbox" value={name} checked={own.includes(name)} onChange={(e) => setOwn(e.currentTarget.checked ? [...own, name] : own.filter((n) => n !== name))} />{say(fieldOf(type, name).l)}</label>
          ))}
        </fieldset>
      )}
      <Field id="purpose" label={say(words.useFor)} hint={say(words.useForHint)}>
        <select id="purpose" aria-describedby="purpose-hint" value={purpose} onChange={(e) => setPurpose(e.currentTarget.value)}>
          <option value="">{say(words.anyPurpose)}</option>
          {purposes.map((p) => <option key={p} value={p}>{purposeName(p)}</option>)}
        </select>
      </Field>
    </>
  )
}
