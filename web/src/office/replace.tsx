import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { randomKey } from '../kit/api'
import { say } from '../kit/text'
import { Button, Empty, Failure, Field, Notice, useLoad } from '../kit/ui'
import { type Catalogue, typeOf } from '../kit/values'
import { officecertificates } from '../strings/officecertificates'
import { officepush } from '../strings/officepush'
import { shared } from '../strings/shared'
import type { Certificate } from './certificate'
import { typeName, useCatalogue } from './certificates'
import { open } from './credential'
import { Good, Head, Id, Loads, Panel, type Place, path, useDraft } from './parts'
import { faultOf, spread } from './push/text'

// The next version of a certificate: the row is filled in from the one there is, and goes out under one key however often it is asked for.

/** The row that would issue the certificate as it is: members of the row, and the fields that are not taken from it. */
function rowOf(cert: Certificate, c: Catalogue): string {
  const { claims, payload } = open(cert.credential)
  const type = typeOf(c, cert.type, cert.type_version)
  const own = Object.fromEntries((type?.fields ?? []).filter((f) => f.k !== 'predicate' && !f.f && f.n !== 'identifier' && f.n !== 'portrait_digest' && claims[f.n] !== undefined).map((f) => [f.n, claims[f.n]]))
  const taken = (member: string): unknown => { const f = type?.fields.find((x) => x.f === member); return f && claims[f.n] }
  const number = type?.fields.find((f) => ['citizen-id', 'holder-number', 'uscc'].includes(f.k))
  const name = number && type?.face.find((n) => n !== number.n) // where the holder is not in the certificate, nothing is guessed
  const holder = { type: number?.k === 'uscc' ? '001' : '111', number: (number && claims[number.n]) ?? '', name: (name && claims[name]) ?? '' }
  return spread(JSON.stringify({
    key: '', type: cert.type, holder, region: taken('region') ?? payload['region'] ?? '', ...(taken('number') === undefined ? {} : { number: taken('number') }),
    issued_on: new Date(Date.now() + 8 * 3600_000).toISOString().slice(0, 10), valid_from: cert.valid_from, valid_until: cert.valid_until, claims: own,
  }))
}

async function portraitOf(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  const jpeg = bytes[0] === 0xff && bytes[1] === 0xd8
  const webp = String.fromCharCode(...bytes.slice(8, 12)) === 'WEBP'
  if (bytes.length > 20 << 10 || !(jpeg || webp)) return ''
  return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''))
}

export function Replace(place: Place & { id: string }): JSX.Element {
  const of = useLoad(() => place.w.call<Certificate>('GET', `/v1/certificates/${path(place.id)}`), [place.id])
  const c = useCatalogue()
  return <Loads of={of}>{(d) => (c ? <Form {...place} cert={d} c={c} /> : <Empty>{say(shared.loading)}</Empty>)}</Loads>
}

function Form({ w, id, go, cert, c }: Place & { id: string; cert: Certificate; c: Catalogue }): JSX.Element {
  const [text, setText, forget] = useDraft(`replace.${id}`, rowOf(cert, c))
  const [key] = useDraft(`replace.key.${id}`, randomKey())
  const [portrait, setPortrait] = useState('')
  const [refused, setRefused] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const [issued, setIssued] = useState('')
  const fault = faultOf(text)
  const wantsPortrait = typeOf(c, cert.type, cert.type_version)?.fields.some((f) => f.n === 'portrait_digest')
  const send = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      const row = JSON.parse(text) as Record<string, unknown>
      const answer = await w.call<{ identifier: string }>('POST', `/v1/certificates/${path(id)}/replace`, portrait ? { ...row, portrait } : row, `${key}-${(await digest(text + portrait)).slice(0, 16)}`)
      forget()
      setIssued(answer.identifier)
    } catch (e) { setError(e) }
    setBusy(false)
  }
  return (
    <>
      <Head title={`${say(officecertificates.replace)} · ${typeName(c, cert.type, cert.type_version)}`} lead={say(officecertificates.replaceLead)}>
        <Button kind="quiet" onClick={() => go('certificates', id)}>{say(shared.back)}</Button>
      </Head>
      {issued ? <Good>{say(officecertificates.replaced)} <a href={`#certificates/${encodeURIComponent(issued)}`}><Id text={issued} /></a></Good> : (
        <Panel>
          <form onSubmit={(e) => { e.preventDefault(); void send() }}>
            <Field id="replace-row" label={say(officecertificates.replaceRow)} hint={say(officecertificates.replaceHint)} error={fault ? say(officepush.notJson, { why: fault }) : undefined}>
              <textarea id="replace-row" class="o-json" rows={24} spellcheck={false} aria-describedby="replace-row-hint" value={text} onInput={(e) => setText(e.currentTarget.value)} />
            </Field>
            {wantsPortrait && (
              <Field id="replace-portrait" label={say(officecertificates.portrait)} error={refused ? say(officecertificates.portraitWrong) : undefined}>
                <input id="replace-portrait" type="file" accept="image/jpeg,image/webp" onChange={(e) => { const f = e.currentTarget.files?.[0]; if (f) void portraitOf(f).then((p) => { setPortrait(p); setRefused(!p) }) }} />
              </Field>
            )}
            {portrait && <p role="status">{say(officecertificates.portraitReady)}</p>}
            <Notice tone="warn">{say(officecertificates.replaceAsk)}</Notice>
            {error !== undefined && <Failure error={error} />}
            <Button type="submit" busy={busy} disabled={!!fault}>{say(officecertificates.replace)}</Button>
          </form>
        </Panel>
      )}
    </>
  )
}

// The same words under the same key: an answer that was lost is given again; other words are another request.
async function digest(text: string): Promise<string> {
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))), (b) => b.toString(16).padStart(2, '0')).join('')
}
