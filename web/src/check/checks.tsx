import type { ComponentChildren, JSX } from 'preact'
import type { OfflineResult, Verification } from '@showcard/sdk'
import { type Pair, day, pick, say, when } from '../kit/text'
import { check, checkBound, checkEndings, checkMethods, checkStates } from '../strings/check'
import { reasonOf } from './desk'

interface Row { readonly name: Pair; readonly state: string; readonly details: readonly (string | undefined | false)[] }

const signs: Record<string, string> = { passed: '✓', failed: '✕', unknown: '?', 'not-checked': '–' }
const named = (table: Record<string, Pair>, code: string | undefined): string | undefined => (code ? (table[code] ? say(table[code]) : code) : undefined)

/** Every check on its own line, for who wants to know. */
function Checks({ rows, children }: { rows: readonly Row[]; children?: ComponentChildren }): JSX.Element {
  return (
    <details class="c-checks" id="checks-part">
      <summary>{say(check.everyCheck)}</summary>
      <table>
        <thead><tr><th scope="col">{say(check.checkWhat)}</th><th scope="col">{say(check.checkState)}</th><th scope="col">{say(check.checkDetail)}</th></tr></thead>
        <tbody id="checks">
          {rows.map((r) => (
            <tr key={r.name[1]}>
              <th scope="row">{say(r.name)}</th>
              <td class={`c-state ${r.state}`}><span aria-hidden="true">{signs[r.state] ?? '–'}</span> {named(checkStates, r.state)}</td>
              <td>{r.details.filter(Boolean).map((d) => <div>{d}</div>)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {children}
    </details>
  )
}

export function ChecksOnline({ answer: a }: { answer: Verification }): JSX.Element {
  const why = (code: string | undefined): string | undefined => (code ? pick(a.reasons.find((r) => r.code === code)?.title) || pick(reasonOf(code).title) : undefined)
  const { validity, status, person } = a
  const rows: Row[] = [
    { name: check.signature, state: a.signature.state, details: [a.signature.algorithm, why(a.signature.reason)] },
    { name: check.issuer, state: a.issuer.state, details: [pick(a.issuer.name), a.issuer.authority, why(a.issuer.reason)] },
    { name: check.validity, state: validity.state, details: [(validity.not_before || validity.expires) && `${day(validity.not_before)} – ${day(validity.expires)}`, why(validity.reason)] },
    { name: check.status, state: status.state, details: [status.ending && `${named(checkEndings, status.ending.state) ?? ''} ${when(status.ending.at)}`, status.as_of && say(check.asOf, { at: when(status.as_of) }), why(status.reason)] },
    { name: check.holder, state: a.holder.state, details: [named(checkBound, a.holder.bound), why(a.holder.reason)] },
    { name: check.person, state: person.state, details: [named(checkMethods, person.method?.split(':')[0]), person.at && when(person.at), why(person.reason)] },
  ]
  return <Checks rows={rows}><p class="small" id="record">{say(check.record, { id: a.id, at: when(a.checked_at, true) })}</p></Checks>
}

export function ChecksOffline({ result: r }: { result: OfflineResult }): JSX.Element {
  const why = (code: string | undefined): string | undefined => (code ? pick(reasonOf(code).title) : undefined)
  const age = r.proofAge === undefined ? undefined : Math.round(r.proofAge)
  const rows: Row[] = [
    { name: check.signature, state: r.signature.state, details: [r.signature.algorithm, why(r.signature.reason)] },
    { name: check.issuer, state: r.issuer.state, details: [pick(r.issuer.name), r.issuer.authority, why(r.issuer.reason)] },
    { name: check.validity, state: r.validity.state, details: [r.validity.expires && `${when(r.validity.issuedAt)} – ${when(r.validity.expires)}`, why(r.validity.reason)] },
    { name: check.status, state: r.status.state, details: [r.status.asOf && say(check.asOf, { at: when(r.status.asOf) }), why(r.status.reason)] },
    { name: check.holder, state: r.holder.state, details: [r.holder.state === 'passed' && say(checkBound['device'] as Pair), age !== undefined && (age < 0 ? say(check.proofAhead, { n: -age }) : say(check.proofAge, { n: age })), why(r.holder.reason)] },
  ]
  return <Checks rows={rows}>{r.proof && <p class="small mono">{r.proof}</p>}</Checks>
}
