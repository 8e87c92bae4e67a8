import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { number, say } from '../../kit/text'
import { Button, Notice } from '../../kit/ui'
import { type Catalogue, catalogue, fieldOf, typeOf } from '../../kit/values'
import { office } from '../../strings/office'
import { officepush } from '../../strings/officepush'
import { CountBars } from '../chart'
import { Panel, type Place, useDraft, useProblems } from '../parts'
import { type Found, type Job, type Refused, inPage } from './job'
import { atHand, jobName } from './push'
import { scan } from './source'
import { at, faultOf, oneLine, spread } from './text'

// Refused rows: what is wrong with each, mended in place, and pushed again under a new job.

function download(name: string, body: Blob): void {
  const a = document.createElement('a')
  const url = URL.createObjectURL(body)
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** The next name in a row of mendings: A, A-m1, A-m2. */
export function nextName(job: string): string {
  const m = /^(.*)-m(\d+)$/.exec(job)
  const next = m ? `${m[1]}-m${Number(m[2]) + 1}` : `${job}-m1`
  return next.length <= 100 ? next : jobName('mended')
}

export function Mend({ place, job, found }: { place: Pick<Place, 'go'>; job: Job; found: Found }): JSX.Element {
  // What was typed, by line. It is kept in this tab until it is pushed.
  const [edits, setEdits, dropEdits] = useDraft<Record<string, string>>(`mend.${job.job}`, {})
  const [restored] = useState(Object.keys(edits).length > 0)
  const [shown, setShown] = useState(50)
  const [busy, setBusy] = useState(false)
  const [types, setTypes] = useState<Catalogue>()
  const why = useProblems()
  useEffect(() => { catalogue().then(setTypes, () => undefined) }, [])
  const texts = new Map(found.refused.map((r) => [r.line, r.text]))
  const mended = Object.entries(edits).filter(([line, text]) => { const before = texts.get(Number(line)); return before !== undefined && oneLine(text) !== oneLine(spread(before)) })
  const broken = mended.filter(([, text]) => faultOf(text) !== '')
  const next = nextName(job.job)
  const codes = useMemo(() => Object.entries(found.codes).sort((a, b) => b[1] - a[1]), [found])
  const push = async (): Promise<void> => {
    setBusy(true)
    const rows = mended.map(([line, text]) => [Number(line), oneLine(text)] as const).sort((a, b) => a[0] - b[0])
    const file = new Blob([rows.map(([, text]) => text + '\n').join('')])
    atHand.set(next, await scan(file, `${next}.ndjson`, false, () => undefined, new AbortController().signal))
    sessionStorage.setItem('showcard.office.push.begin', JSON.stringify({ job: next, kind: job.kind, issuer: job.issuer }))
    dropEdits()
    place.go('push', next)
  }
  return (
    <>
      <Panel title={`${say(officepush.mendTitle)} · ${number(found.count)}`} aside={(
        <div class="row o-last">
          {found.rows && <Button kind="quiet" class="o-small" onClick={() => download(`${job.job}.rejected.ndjson`, found.rows as Blob)}>{say(officepush.downloadRows)}</Button>}
          <Button kind="quiet" class="o-small" onClick={() => download(`${job.job}.rejected.report.ndjson`, found.report)}>{say(officepush.downloadReport)}</Button>
        </div>
      )}>
        <p class="small">{say(officepush.mendLead)}{found.count > inPage ? ` ${say(officepush.mendMore, { n: inPage })}` : ''}</p>
        {codes.length > 1 && <CountBars title={say(officepush.byCode)} rows={codes.map(([code, count]) => ({ name: why(code).title, count }))} />}
        {restored && mended.length > 0 && <Notice live>{say(officepush.restored)}</Notice>}
        {found.refused.slice(0, shown).map((r) => (
          <Row key={r.line} r={r} why={why(r.code ?? '')} types={types} draft={edits[r.line]} set={(t) => setEdits({ ...edits, [r.line]: t })} undo={() => { const { [String(r.line)]: _, ...rest } = edits; setEdits(rest) }} />
        ))}
        {found.refused.length > shown && <Button kind="quiet" onClick={() => setShown(shown + 50)}>{say(office.more)}</Button>}
      </Panel>
      {found.rows && (
        <div class="row">
          <Button busy={busy} disabled={mended.length === 0 || broken.length > 0} onClick={() => { void push() }}>{say(officepush.again, { n: number(mended.length) })}</Button>
          <span class="small">{say(officepush.againHint, { job: next })}</span>
        </div>
      )}
    </>
  )
}

function Row({ r, why, types, draft, set, undo }: { r: Refused; why: { title: string; next: string }; types: Catalogue | undefined; draft: string | undefined; set: (t: string) => void; undo: () => void }): JSX.Element {
  const [open, setOpen] = useState(draft !== undefined)
  const before = r.text === undefined ? undefined : spread(r.text)
  const text = draft ?? before ?? ''
  const changed = draft !== undefined && before !== undefined && oneLine(draft) !== oneLine(before)
  const fault = changed ? faultOf(text) : ''
  const type = types && r.text !== undefined ? typeOf(types, (at(r.text, '/type') ?? '').replace(/"/g, '')) : undefined
  const field = type && r.pointer?.startsWith('/claims/') ? fieldOf(type, r.pointer.slice(8)) : undefined
  const value = r.pointer && r.text !== undefined ? (at(r.text, r.pointer) ?? say(officepush.missing)) : ''
  return (
    <details class={changed && !fault ? 'o-mend changed' : 'o-mend'} open={open} onToggle={(e) => setOpen(e.currentTarget.open)} data-line={r.line}>
      <summary>
        <span>{say(officepush.row, { n: number(r.line) })}</span>
        <span class="mono address">{r.key ?? '—'}</span>
        <span>
          <strong>{why.title}</strong> {why.next}
          {r.pointer && <><br /><small>{field && `${say(field.l)} `}<span class="mono address">{r.pointer}</span>{value && ` · ${say(officepush.now, { value: value.length > 60 ? `${value.slice(0, 60)}…` : value })}`}</small></>}
        </span>
        {changed && <span class="is yes">{say(officepush.changed)}</span>}
      </summary>
      {open && (
        <div>
          {r.detail && <p class="small">{say(officepush.detail)}: {r.detail}</p>}
          {before !== undefined && (
            <>
              <textarea class="o-json" aria-label={say(officepush.text, { n: r.line })} spellcheck={false} rows={Math.min(22, text.split('\n').length + 1)} value={text} onInput={(e) => set(e.currentTarget.value)} aria-invalid={fault ? true : undefined} />
              {fault && <p class="wrong is no" role="alert">{say(officepush.notJson, { why: fault })}</p>}
              {draft !== undefined && <Button kind="quiet" class="o-small" onClick={undo}>{say(officepush.undo)}</Button>}
            </>
          )}
        </div>
      )}
    </details>
  )
}
