import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { pick, say, when } from '../kit/text'
import { Button, Empty, Facts, Failure, Field, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { type Catalogue, catalogue, labels, typeOf } from '../kit/values'
import { Sign, markOf } from '../kit/outcome'
import { walletspace } from '../strings/walletspace'
import { purposeName } from './purposes'
import { Reason } from './done'
import { useDraft } from './draft'
import { Rate } from './rate'
import { own } from './session'

const words = walletspace

export interface Look {
  readonly id: string
  readonly at: string
  readonly identifier: string
  readonly type: string
  readonly party: string
  readonly party_name: string
  readonly party_name_en?: string
  readonly purpose: string
  readonly fields: readonly string[] | null
  readonly outcome: string
  readonly reasons: readonly string[] | null
  readonly via: string
  readonly settled_at?: string
  readonly device_name?: string
  readonly codes?: number
  readonly expires_at?: string
  readonly consent?: string
  readonly asked?: readonly string[]
  readonly receipt: boolean
  readonly portrait_fetched_at?: string
  readonly disputed?: string
  readonly shown_by?: { readonly name?: string }
}
interface Page { readonly looks: readonly Look[]; readonly next?: string }

// The last lists that were seen: an entry is opened from them, and coming back does not ask again from the start.
let seen: readonly Look[] = []
const word = (name: string): string => { const p = walletspace[name as keyof typeof walletspace]; return p ? say(p) : name }

const partyOf = (l: Look): string => pick({ zh: l.party_name, en: l.party_name_en ?? l.party_name })

export function History({ c, go }: { c: Catalogue; go: (...to: string[]) => void }): JSX.Element {
  const [checks, only] = useState(true)
  const [pages, add] = useState<readonly Look[]>([])
  const [next, more] = useState<string>()
  const first = useLoad(async () => {
    const p = await own<Page>('GET', '/v1/wallet/history?limit=30')
    add(p.looks)
    more(p.next)
    seen = p.looks
    return p
  }, [])
  const action = useAction()
  const earlier = (): void => action.run(async () => {
    const p = await own<Page>('GET', `/v1/wallet/history?limit=30&cursor=${encodeURIComponent(next ?? '')}`)
    seen = [...pages, ...p.looks]
    add(seen)
    more(p.next)
  })
  const shown = pages.filter((l) => !checks || l.via !== 'device')
  return (
    <section>
      <Heading>{say(words.history)}</Heading>
      {pages.some((l) => l.via === 'device') && (
        <div class="w-switch" role="group">
          <button type="button" aria-pressed={checks} onClick={() => only(true)}>{say(words.historyChecks)}</button>
          <button type="button" aria-pressed={!checks} onClick={() => only(false)}>{say(words.historyAll)}</button>
        </div>
      )}
      {first.busy && !first.data && <Loading />}
      {first.error !== undefined && <Failure error={first.error} again={first.again} />}
      {first.data && shown.length === 0 && <Empty><p><strong>{say(words.nobody)}</strong></p><p>{say(words.nobodyNote)}</p></Empty>}
      <ol class="w-looks">
        {shown.map((l) => {
          const type = typeOf(c, l.type)
          const device = l.via === 'device'
          return (
            <li key={l.id}>
              <a href={`#look/${l.id}`} onClick={(e) => { e.preventDefault(); go('look', l.id) }}>
                {device ? <span class="w-phone" aria-hidden="true" /> : <Sign mark={l.outcome === 'refused' ? 'refused' : markOf(l.outcome)} size="small" />}
                <span class="grow">
                  <strong>{device ? say(words.gaveCodes, { n: l.codes ?? 0, device: l.device_name ?? say(words.someDevice) }) : partyOf(l)}</strong>
                  <span>{type ? say(type.name) : l.type}{!device && <> · {purposeName(l.purpose)}</>}</span>
                  <span class="small">{when(l.at)}{!device && <> · {word(`out-${l.outcome}`)}</>}{l.disputed && <> · {word(`disputed-${l.disputed}`)}</>}</span>
                </span>
                <span aria-hidden="true">›</span>
              </a>
            </li>
          )
        })}
      </ol>
      {action.error !== undefined && <Failure error={action.error} />}
      {next && <Button kind="quiet" busy={action.busy} onClick={earlier}>{say(words.earlier)}</Button>}
    </section>
  )
}

/** One entry in full, with what she can do about it. */
export function OneLook({ id, go }: { id: string; go: (...to: string[]) => void }): JSX.Element {
  const { data, error, again } = useLoad(async () => {
    const c = await catalogue()
    let look = seen.find((l) => l.id === id)
    if (!look) look = (await own<Page>('GET', '/v1/wallet/history?limit=200')).looks.find((l) => l.id === id)
    return { c, look }
  }, [id])
  if (error !== undefined) return <Failure error={error} again={again} />
  if (!data) return <Loading />
  const { c, look: l } = data
  if (!l) return <Notice tone="warn"><p>{say(words.lookGone)}</p></Notice>
  const type = typeOf(c, l.type)
  const device = l.via === 'device'
  return (
    <section class="w-look">
      <div class="w-look-top">{!device && <Sign mark={l.outcome === 'refused' ? 'refused' : markOf(l.outcome)} size="large" />}
        <div><Heading>{device ? say(words.gaveCodes, { n: l.codes ?? 0, device: l.device_name ?? say(words.someDevice) }) : partyOf(l)}</Heading><p class="lead">{word(`out-${l.outcome}`)}</p></div></div>
      <div class="panel">
        <Facts rows={[
          [say(words.when), when(l.at, true)],
          l.settled_at !== undefined && [say(words.settled), when(l.settled_at)],
          [say(words.certificate), type ? say(type.name) : l.type],
          !device && [say(words.purpose), purposeName(l.purpose)],
          [say(words.how), word(`via-${l.via}`)],
          [say(words.saw), l.fields?.length ? labels(type, l.fields) : say(words.sawNothing)],
          l.consent !== undefined && [say(words.consented), say(walletspace[`consent-${l.consent}` as keyof typeof walletspace] ?? words.consented, { what: labels(type, l.asked ?? []) })],
          l.portrait_fetched_at !== undefined && [say(words.portraitSeen), when(l.portrait_fetched_at)],
          l.shown_by?.name !== undefined && [say(words.shownBy), l.shown_by.name],
          l.expires_at !== undefined && [say(words.goodUntil), when(l.expires_at)],
          ...(l.reasons ?? []).map((r) => [say(words.reason), <Reason code={r} />] as const),
        ]} />
      </div>
      {l.receipt && <Receipt id={l.id} />}
      {!device && l.outcome !== 'refused' && <Rate verification={l.id} />}
      {!device && <Dispute look={l} />}
      {!device && <Button kind="quiet" onClick={() => go('corrections', 'verification', l.id)}>{say(words.wrongHere)}</Button>}
    </section>
  )
}

/** Gives the browser a file to keep. */
export function save(name: string, kind: string, text: string | Blob): void {
  const at = URL.createObjectURL(typeof text === 'string' ? new Blob([text], { type: kind }) : text)
  const a = document.createElement('a')
  a.href = at
  a.download = name
  document.body.append(a)
  a.click()
  a.remove()
  setTimeout(() => URL.revokeObjectURL(at), 60_000)
}

function Receipt({ id }: { id: string }): JSX.Element {
  const action = useAction()
  return (
    <>
      <p class="small">{say(words.receiptNote)}</p>
      <Button kind="quiet" busy={action.busy} onClick={() => action.run(async () => save(`receipt-${id}.jws`, 'application/jose', (await own<{ receipt: string }>('GET', `/v1/wallet/history/${encodeURIComponent(id)}/receipt`)).receipt))}>{say(words.receiptSave)}</Button>
      {action.error !== undefined && <Failure error={action.error} />}
    </>
  )
}

interface Disputed { readonly id: string; readonly side: string; readonly state: string; readonly reason?: string; readonly answer?: string; readonly filed_at: string }

function Dispute({ look }: { look: Look }): JSX.Element {
  const path = `/v1/wallet/history/${encodeURIComponent(look.id)}/disputes`
  const list = useLoad(() => own<{ disputes: Disputed[] }>('GET', path), [look.id])
  const [open, show] = useState(false)
  const [text, write, sent] = useDraft(`dispute-${look.id}`)
  const action = useAction()
  const all = list.data?.disputes ?? []
  const can = !all.some((d) => d.side === 'holder' && d.state === 'open')
  return (
    <>
      {all.map((d) => (
        <Notice key={d.id} tone={d.state === 'open' ? 'warn' : d.state === 'upheld' ? 'good' : 'info'}>
          <p><strong>{d.side === 'party' ? `${say(words.byParty)} · ` : ''}{word(`disputed-${d.state}`)}</strong> <span class="small">{when(d.filed_at)}</span></p>
          {d.reason && <p>{d.reason}</p>}
          {d.answer && <p><strong>{say(words.answer)}</strong> {d.answer}</p>}
        </Notice>
      ))}
      {can && !open && !text && <Button kind="quiet" onClick={() => show(true)}>{say(words.dispute)}</Button>}
      {can && (open || text) && (
        <form class="panel" onSubmit={(e) => { e.preventDefault(); if (text.trim()) action.run(async () => { await own('POST', path, { reason: text.trim() }); write(''); sent(); show(false); list.again() }) }}>
          <p>{say(words.disputeNote)}</p>
          <Field id="dispute" label={say(words.disputeWhy)}><textarea id="dispute" required maxLength={2000} value={text} onInput={(e) => write(e.currentTarget.value)} /></Field>
          {action.error !== undefined && <Failure error={action.error} />}
          <Button type="submit" busy={action.busy}>{say(words.disputeSend)}</Button>
        </form>
      )}
    </>
  )
}
