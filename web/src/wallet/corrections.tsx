import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { randomKey, Trouble } from '../kit/api'
import { day, pick, say, when } from '../kit/text'
import { Button, Empty, Failure, Field, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { fieldOf, typeOf } from '../kit/values'
import { walletspace } from '../strings/walletspace'
import { useDraft } from './draft'
import { type Session, own } from './session'

const words = walletspace

interface Correction {
  readonly id: string
  readonly about: { readonly kind: string; readonly id?: string }
  readonly field?: string
  readonly says?: string
  readonly state: string
  readonly filed_at: string
  readonly due_at: string
  readonly overdue: boolean
  readonly outcome?: string
  readonly answer?: string
}

/** 更正申请: what she says is wrong, and what became of it. */
export function Corrections({ session, about }: { session: Extract<Session, { all: unknown }>; about: readonly string[] }): JSX.Element {
  const list = useLoad(() => own<{ corrections: Correction[] }>('GET', '/v1/wallet/corrections'), [])
  const look = about[0] === 'verification' ? (about[1] ?? '') : ''
  const [open, show] = useState(look !== '')
  const [of, pickOf] = useState(look ? `verification:${look}` : session.all[0] ? `certificate:${session.all[0].identifier}` : 'sign-in:')
  const [field, pickField] = useState('')
  const [text, write, sent] = useDraft('correction')
  const [contact, setContact, contactSent] = useDraft('correction-contact')
  const [done, finish] = useState<Correction>()
  const key = useRef(randomKey())
  const action = useAction()
  const [kind = '', ...rest] = of.split(':')
  const id = rest.join(':')
  const h = kind === 'certificate' ? session.all.find((one) => one.identifier === id) : undefined
  const aboutOf = (c: Correction): string => {
    if (c.about.kind !== 'certificate') return say(c.about.kind === 'sign-in' ? words.correctSignIn : words.correctLook)
    const one = session.all.find((x) => x.identifier === c.about.id)
    const named = c.field && one && pick(one.fields.find((x) => x.field === c.field)?.label)
    return [one ? pick(one.name) : '', named].filter(Boolean).join(' · ')
  }
  const send = (): void => action.run(async () => {
    try {
      finish(await own<Correction>('POST', '/v1/wallet/corrections', { about: { kind, ...(id ? { id } : {}) }, ...(field ? { field } : {}), says: text.trim(), ...(contact.trim() ? { contact: contact.trim() } : {}) }, key.current))
    } catch (e) {
      if (e instanceof Trouble && e.status !== 0) key.current = randomKey()
      throw e
    }
    write(''); sent(); setContact(''); contactSent(); show(false)
    key.current = randomKey()
    list.again()
  })
  return (
    <section>
      <Heading>{say(words.corrections)}</Heading>
      {done && <Notice tone="good" live><p>{say(words.correctSent, { day: day(done.due_at) })}</p></Notice>}
      {!open && !text && <Button onClick={() => { finish(undefined); show(true) }}>{say(words.correctNew)}</Button>}
      {(open || text) && (
        <form class="panel" onSubmit={(e) => { e.preventDefault(); if (text.trim()) send() }}>
          <Field id="about" label={say(words.correctAbout)}>
            <select id="about" value={of} onChange={(e) => { pickOf(e.currentTarget.value); pickField('') }}>
              {look && <option value={`verification:${look}`}>{say(words.correctLook)}</option>}
              {session.all.map((one) => <option key={one.identifier} value={`certificate:${one.identifier}`}>{pick(one.name)} · {pick(one.issuer)}</option>)}
              <option value="sign-in:">{say(words.correctSignIn)}</option>
            </select>
          </Field>
          {h && (
            <Field id="which" label={say(words.correctField)}>
              <select id="which" value={field} onChange={(e) => pickField(e.currentTarget.value)}>
                <option value="">{say(words.correctAny)}</option>
                {h.fields.map((f) => <option key={f.field} value={f.field}>{pick(f.label) || say(fieldOf(typeOf(session.catalogue, h.type), f.field).l)}</option>)}
              </select>
            </Field>
          )}
          <Field id="says" label={say(words.correctSays)}><textarea id="says" required maxLength={2000} value={text} onInput={(e) => write(e.currentTarget.value)} /></Field>
          <Field id="contact" label={say(words.correctContact)}><input id="contact" maxLength={200} autocomplete="tel" value={contact} onInput={(e) => setContact(e.currentTarget.value)} /></Field>
          {action.error !== undefined && <Failure error={action.error} />}
          <Button type="submit" kind="main" busy={action.busy}>{say(words.correctSend)}</Button>
        </form>
      )}
      {list.busy && !list.data && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {list.data?.corrections.length === 0 && !open && <Empty>{say(words.correctionsNone)}</Empty>}
      {list.data?.corrections.map((one) => (
        <article class="panel" key={one.id}>
          <p class="row apart"><strong>{say(walletspace[`st-${one.state}` as keyof typeof walletspace])}{one.outcome && <> · {say(walletspace[`oc-${one.outcome}` as keyof typeof walletspace])}</>}</strong>
            <span class="small">{one.state === 'answered' ? when(one.filed_at) : one.overdue ? say(words.overdue) : say(words.dueBy, { day: day(one.due_at) })}</span></p>
          <p class="small">{aboutOf(one)}</p>
          {one.says && <p>{one.says}</p>}
          {one.answer && <Notice tone="info"><p><strong>{say(words.answer)}</strong> {one.answer}</p></Notice>}
        </article>
      ))}
    </section>
  )
}
