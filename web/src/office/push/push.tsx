import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { number, pick, say, when } from '../../kit/text'
import { Button, Empty, Failure, Field, Notice, useAction, useLoad } from '../../kit/ui'
import { catalogue } from '../../kit/values'
import { office } from '../../strings/office'
import { officepush, officepushKinds, officepushWrong } from '../../strings/officepush'
import { Failed, Head, Loads, Panel, type Place, State, Table, list, useDraft } from '../parts'
import { type Kind, fromCsv } from './csv'
import { type Job, jobs } from './job'
import { JobView } from './jobview'
import { type Source, WrongFile, scan, sniff } from './source'

// Files that are at hand in this tab, by job: a file cannot be kept over a reload.
export const atHand = new Map<string, Source>()

export function size(bytes: number): string {
  for (const [unit, of] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const) if (bytes >= of) return `${number(Math.round((bytes / of) * 10) / 10)} ${unit}`
  return `${number(bytes)} B`
}

export const validJob = (id: string): boolean => /^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$/.test(id)

/** A name for a job from that of the file and the moment. */
export function jobName(file: string, now = new Date()): string {
  const base = file.replace(/\.gz$/i, '').replace(/\.[A-Za-z0-9]{1,8}$/, '').replace(/[^0-9A-Za-z._-]+/g, '-').replace(/^[^0-9A-Za-z]+/, '').slice(0, 70)
  return `${base || 'push'}-${when(now).replace(/[-:]/g, '').replace(' ', '-')}`
}

export function wrong(e: unknown): string {
  if (!(e instanceof WrongFile)) return ''
  return say(officepushWrong[e.why] ?? officepush.oneFile, { names: e.names.join(', '), line: e.line })
}

/** Says that the file was taken up to a row. */
export const Endless = ({ row }: { row: number }): JSX.Element => <Notice tone="warn">{say(officepush.endless, { row: number(row), before: number(row - 1) })}</Notice>

/** A place for a file: dropped, or chosen. */
export function Drop({ take, label, compact = false }: { take: (f: File) => void; label: string; compact?: boolean }): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  const [over, setOver] = useState(false)
  const [many, setMany] = useState(false)
  const got = (files: FileList | null | undefined): void => {
    setMany((files?.length ?? 0) > 1)
    if (files?.length === 1 && files[0]) take(files[0])
  }
  const picker = <input ref={input} type="file" class="sr" tabIndex={-1} aria-hidden="true" accept=".ndjson,.jsonl,.gz,.csv,.json,.txt,application/x-ndjson,text/csv,application/gzip" onChange={(e) => { got(e.currentTarget.files); e.currentTarget.value = '' }} />
  const button = <Button kind={compact ? 'quiet' : 'plain'} onClick={() => input.current?.click()}>{label}</Button>
  if (compact) return <>{picker}{button}</>
  return (
    <div class={over ? 'o-drop over' : 'o-drop'} onDragOver={(e) => { e.preventDefault(); setOver(true) }} onDragLeave={() => setOver(false)} onDrop={(e) => { e.preventDefault(); setOver(false); got(e.dataTransfer?.files) }}>
      <svg viewBox="0 0 48 48" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"><path d="M24 32V10m-9 9 9-9 9 9M8 32v6a3 3 0 0 0 3 3h26a3 3 0 0 0 3-3v-6" /></svg>
      <strong>{say(officepush.drop)}</strong>
      <p class="small">{say(officepush.shapes)}</p>
      <p>{say(officepush.or)}</p>
      {picker}{button}
      {many && <p role="alert">{say(officepush.oneFile)}</p>}
    </div>
  )
}

interface Ready {
  readonly source: Source
  readonly kind: Kind
  /** The push of this file that was interrupted, and goes on. */
  readonly known?: Job | undefined
  /** One that had the whole of it. */
  readonly done?: Job | undefined
}

/** Reads a file through: what it is, how long, and whether it was pushed in part before. */
export async function prepare(file: File, known: readonly Job[], tell: (sentence: string, part: number) => void, signal: AbortSignal): Promise<Ready> {
  const { shape, gzip } = await sniff(file)
  let body: Blob = file
  let kind: Kind = 'certificates'
  if (shape === 'csv') {
    if (gzip) throw new WrongFile('binary')
    const made = await fromCsv(file, await catalogue(), (b) => tell(say(officepush.converting, { name: file.name }), b / file.size), signal)
    body = made.file
    kind = made.kind
  }
  const source = await scan(body, file.name, gzip, (b) => tell(say(officepush.checking, { name: file.name }), b / body.size), signal)
  const before = known.find((j) => j.state === 'interrupted' && j.content === source.content)
  const done = known.find((j) => j.state === 'done' && j.content === source.content)
  return { source, kind: before?.kind ?? done?.kind ?? kind, known: before, done }
}

export default function Push(place: Place): JSX.Element {
  return place.at[0] ? <JobView key={place.at[0]} {...place} job={place.at[0]} /> : <Start {...place} />
}

function Start({ w, self, go }: Place): JSX.Element {
  const [ready, setReady] = useState<Ready>()
  const [busy, setBusy] = useState<{ text: string; part: number }>()
  const [error, setError] = useState<unknown>()
  const [job, setJob, dropJob] = useDraft('push.job', '')
  const [kind, setKind] = useDraft<Kind>('push.kind', 'certificates')
  const [issuer, setIssuer] = useDraft('push.issuer', '')
  const past = useLoad(() => jobs(w), [])
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const take = (file: File): void => {
    stop.current.abort()
    stop.current = new AbortController()
    const { signal } = stop.current
    setReady(undefined)
    setError(undefined)
    setBusy({ text: say(officepush.checking, { name: file.name }), part: 0 })
    prepare(file, list(past.data?.jobs), (text, part) => setBusy({ text, part }), signal).then((r) => {
      setBusy(undefined)
      setReady(r)
      setJob(r.known?.job ?? jobName(file.name))
      if (r.known || r.done || r.kind !== 'certificates') setKind(r.kind)
    }, (e: unknown) => { if (!signal.aborted) { setBusy(undefined); setError(e) } })
  }
  const begin = (): void => {
    if (!ready || !validJob(job)) return
    atHand.set(job, ready.source)
    sessionStorage.setItem('showcard.office.push.begin', JSON.stringify({ job, kind, issuer }))
    const to = job
    dropJob()
    go('push', to)
  }
  const authorities = list(self.authorities)
  return (
    <>
      <Head title={say(office.navPush)} lead={say(officepush.lead)} />
      {error !== undefined && (wrong(error) ? <Notice tone="bad">{wrong(error)}</Notice> : <Failure error={error} />)}
      {!ready && !busy && <Drop take={take} label={say(officepush.choose)} />}
      {busy && (
        <Panel>
          <p role="status">{busy.text}</p>
          <div class="o-bar" role="progressbar" aria-label={busy.text} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(busy.part * 100)}><span style={{ width: `${busy.part * 100}%` }} /></div>
        </Panel>
      )}
      {ready && (
        <Panel title={say(officepush.ready, { name: ready.source.name, rows: number(ready.source.rows), size: size(ready.source.file.size) })}>
          {ready.source.endless && <Endless row={ready.source.endless} />}
          {ready.known && <Notice>{say(officepush.goesOn, { row: number(ready.known.rows) })}</Notice>}
          {!ready.known && ready.done && <Notice>{say(officepush.pushedBefore)} <a href={`#push/${encodeURIComponent(ready.done.job)}`}>{ready.done.job}</a></Notice>}
          <form onSubmit={(e) => { e.preventDefault(); begin() }}>
            <div class="o-form">
              <Field id="push-job" label={say(officepush.jobId)} hint={say(officepush.jobIdHint)} error={job && !validJob(job) ? say(officepush.jobIdWrong) : undefined}>
                <input id="push-job" required maxLength={100} autocomplete="off" spellcheck={false} aria-describedby="push-job-hint" value={job} onInput={(e) => setJob(e.currentTarget.value.trim())} disabled={!!ready.known} />
              </Field>
              <Field id="push-kind" label={say(officepush.kind)}>
                <select id="push-kind" value={kind} onChange={(e) => setKind(e.currentTarget.value as Kind)} disabled={!!ready.known}>
                  {(['certificates', 'replacements', 'states'] as const).map((k) => <option value={k}>{say(officepushKinds[k] as [string, string])}</option>)}
                </select>
              </Field>
              {authorities.length > 1 && (
                <Field id="push-issuer" label={say(officepush.issuer)}>
                  <select id="push-issuer" value={issuer} onChange={(e) => setIssuer(e.currentTarget.value)}>
                    <option value="">{say(officepush.issuerRow)}</option>
                    {authorities.map((a) => <option value={a.id}>{pick(a.name)}</option>)}
                  </select>
                </Field>
              )}
            </div>
            <div class="row">
              <Button type="submit" disabled={!validJob(job)}>{say(officepush.start)}</Button>
              <Button kind="quiet" onClick={() => setReady(undefined)}>{say(officepush.other)}</Button>
            </div>
          </form>
        </Panel>
      )}
      <Panel title={say(officepush.jobs)} aside={<Button kind="quiet" class="o-small" onClick={past.again}>{say(office.refresh)}</Button>}>
        <Loads of={past}>{(d) => <Jobs place={{ w, self, go }} first={d} />}</Loads>
      </Panel>
    </>
  )
}

function Jobs({ place, first }: { place: Pick<Place, 'w' | 'self' | 'go'>; first: { jobs: readonly Job[]; next?: string } }): JSX.Element {
  const [more, setMore] = useState<{ jobs: readonly Job[]; next?: string | undefined }>({ jobs: [], next: first.next })
  useEffect(() => setMore({ jobs: [], next: first.next }), [first])
  const action = useAction()
  const all = [...first.jobs, ...more.jobs]
  if (!all.length) return <Empty>{say(officepush.noJobs)}</Empty>
  return (
    <>
      <Table caption={say(officepush.jobs)} rows={all} keyOf={(j) => j.job} tone={(j) => (j.state === 'interrupted' ? 'warn' : undefined)} columns={[
        { head: say(officepush.job), cell: (j) => <a href={`#push/${encodeURIComponent(j.job)}`}>{j.job}</a> },
        { head: say(officepush.kind), cell: (j) => say(officepushKinds[j.kind] ?? [j.kind, j.kind]) },
        { head: say(officepush.state), cell: (j) => <State of={j.state} /> },
        { head: say(officepush.rows), kind: 'number', cell: (j) => number(j.rows) },
        { head: say(officepush.rejected), kind: 'number', cell: (j) => (j.rejected ? <strong class="is no">{number(j.rejected)}</strong> : number(0)) },
        { head: say(officepush.at), cell: (j) => when(j.updated_at) },
      ]} />
      {action.error !== undefined && <Failed error={action.error} />}
      {more.next && <Button kind="quiet" busy={action.busy} onClick={() => action.run(async () => { const d = await jobs(place.w, more.next); setMore({ jobs: [...more.jobs, ...d.jobs], next: d.next }) })}>{say(office.more)}</Button>}
    </>
  )
}
