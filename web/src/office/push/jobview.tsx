import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Trouble, said, troubleOf } from '../../kit/api'
import { number, say, when } from '../../kit/text'
import { Button, Loading, Notice } from '../../kit/ui'
import { office } from '../../strings/office'
import { officepush, officepushKinds } from '../../strings/officepush'
import { Failed, Figure, Good, Head, Panel, type Place, State } from '../parts'
import type { Kind } from './csv'
import { type Found, type Job, type Progress, gather, jobOf, upload } from './job'
import { Mend } from './mend'
import { Drop, Endless, atHand, prepare, size, wrong } from './push'

// One push: on its way, broken off, or done; and what became of its rows.

interface Begin { readonly job: string; readonly kind: Kind; readonly issuer: string }

function begun(job: string): Begin | undefined {
  try {
    const b = JSON.parse(sessionStorage.getItem('showcard.office.push.begin') ?? 'null') as Begin | null
    return b?.job === job ? b : undefined
  } catch { return undefined }
}

export function JobView({ job: id, ...place }: Place & { job: string }): JSX.Element {
  const { w, go } = place
  const [job, setJob] = useState<Job>()
  const [progress, setProgress] = useState<Progress>()
  const [found, setFound] = useState<Found>()
  const [read, setRead] = useState(0)
  const [error, setError] = useState<unknown>()
  const [paused, setPaused] = useState(false)
  const stop = useRef(new AbortController())

  const look = async (signal: AbortSignal, of: Job): Promise<void> => {
    setJob(of)
    if (of.rejected === 0) { setFound(undefined); return }
    setRead(0)
    setFound(await gather(w, id, atHand.get(id), setRead, signal))
  }
  const start = (): void => {
    stop.current.abort()
    stop.current = new AbortController()
    const { signal } = stop.current
    const b = begun(id)
    const source = atHand.get(id)
    setError(undefined)
    setPaused(false)
    const run = async (): Promise<void> => {
      if (b && source) {
        const done = await upload(w, id, b.kind, b.issuer, source, (p) => { setProgress(p); if (p.job) setJob(p.job) }, signal)
        sessionStorage.removeItem('showcard.office.push.begin')
        await look(signal, done)
      } else await look(signal, await jobOf(w, id))
    }
    run().catch((e: unknown) => { if (!signal.aborted) setError(e instanceof Trouble && e.code === 'push-name-taken' ? new Trouble(e.code, 400, said(officepush.taken), said(officepush.takenNext)) : e) })
  }
  useEffect(() => { start(); return () => stop.current.abort() }, [id])
  const again = (f: File): void => {
    setError(undefined)
    prepare(f, [], () => undefined, stop.current.signal).then((r) => { atHand.set(id, r.source); start() }, (e: unknown) => setError(e))
  }
  const pause = (): void => { stop.current.abort(); setPaused(true); setProgress(undefined); void jobOf(w, id).then(setJob, () => undefined) }

  const source = atHand.get(id)
  const total = source?.rows
  const uploading = progress && progress.stage !== 'done' && error === undefined
  const state = uploading && progress?.stage === 'uploading' ? 'running' : error !== undefined && job?.state === 'running' ? 'interrupted' : job?.state ?? ''
  return (
    <>
      <Head title={id} lead={job && <><State of={state} /> {say(officepushKinds[job.kind] ?? [job.kind, job.kind])} · {when(job.updated_at)}</>}>
        <Button kind="quiet" onClick={() => go('push')}>{say(officepush.back)}</Button>
      </Head>
      {error !== undefined && wrong(error) && <Notice tone="bad"><div class="row apart o-last"><span class="grow">{wrong(error)}</span><Drop compact take={again} label={say(officepush.chooseAgain)} /></div></Notice>}
      {error !== undefined && !wrong(error) && <Failed error={error} again={troubleOf(error).code === 'push-name-taken' ? undefined : start} />}
      {paused && <Notice>{say(officepush.paused)} <Button class="o-small" onClick={start}>{say(officepush.resume)}</Button></Notice>}
      {uploading && <Uploading p={progress} total={total} pause={pause} />}
      {!job && !uploading && error === undefined && <Loading />}
      {job && <Outcome job={job} total={total} />}
      {source?.endless && !uploading && <Endless row={source.endless} />}
      {job?.state === 'done' && job.rejected === 0 && !source?.endless && !uploading && <Good>{say(officepush.allGood, { n: number(job.rows) })}</Good>}
      {job?.state === 'interrupted' && !source && <Notice tone="warn">{say(officepush.toGoOn)}</Notice>}
      {job && job.rejected > 0 && !uploading && error === undefined && !found && <p class="loading" role="status"><span class="spinner" aria-hidden="true" />{say(officepush.reading, { n: number(read) })}</p>}
      {found && job && found.count > 0 && (
        <>
          {!found.rows && <Again job={job} start={start} />}
          <Mend place={place} job={job} found={found} />
        </>
      )}
    </>
  )
}

function Uploading({ p, total, pause }: { p: Progress; total: number | undefined; pause: () => void }): JSX.Element {
  const part = p.size ? Math.min(1, p.sent / p.size) : 0
  const rows = p.job?.rows ?? 0
  return (
    <Panel title={say(officepush.upload)} aside={<Button kind="quiet" class="o-small" onClick={pause}>{say(officepush.pause)}</Button>}>
      {p.stage === 'asking' && <p role="status">{say(officepush.asking)}</p>}
      {p.stage === 'waiting' && <Notice tone="warn" live>{say(officepush.waiting, { n: p.tries })}</Notice>}
      <p class="row apart o-last"><span>{say(officepush.sent)}</span><span>{size(p.sent)} / {size(p.size)}</span></p>
      <div class="o-bar" role="progressbar" aria-label={say(officepush.sent)} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)}><span style={{ width: `${part * 100}%` }} /></div>
      <p class="row apart o-last"><span>{say(officepush.rowsDone)}</span><span>{number(rows)}{total ? ` / ${number(total)}` : ''}</span></p>
      <Split job={p.job} total={total} />
    </Panel>
  )
}

/** Rows that stand and rows that were refused, as one bar. */
function Split({ job, total }: { job: Job | undefined; total: number | undefined }): JSX.Element {
  const of = Math.max(1, total ?? 0, job?.rows ?? 0)
  const good = ((job?.accepted ?? 0) / of) * 100
  const bad = ((job?.rejected ?? 0) / of) * 100
  return (
    <div class="o-bar" role="img" aria-label={`${say(officepush.accepted)} ${job?.accepted ?? 0}, ${say(officepush.rejected)} ${job?.rejected ?? 0}`}>
      <span class="good" style={{ width: `${good}%` }} /><span class="bad" style={{ width: `${bad && Math.max(0.5, bad)}%` }} />
    </div>
  )
}

function Outcome({ job, total }: { job: Job; total: number | undefined }): JSX.Element {
  const seconds = (Date.parse(job.finished_at ?? job.updated_at) - Date.parse(job.started_at)) / 1000
  return (
    <dl class="o-figures">
      <Figure name={say(officepush.rowsDone)}>{number(job.rows)}{total && total !== job.rows ? <small> / {number(total)}</small> : null}</Figure>
      <Figure name={say(officepush.accepted)} tone="good">{number(job.accepted)}</Figure>
      <Figure name={say(officepush.rejected)} tone={job.rejected ? 'bad' : undefined}>{number(job.rejected)}</Figure>
      {seconds > 0.5 && <Figure name={say(officepush.speed)}>{number(Math.round(job.rows / seconds))}</Figure>}
    </dl>
  )
}

/** The file of a push from before, so that its rows can be shown. */
function Again({ job, start }: { job: Job; start: () => void }): JSX.Element {
  const [error, setError] = useState('')
  const take = (f: File): void => {
    setError('')
    prepare(f, [], () => undefined, new AbortController().signal).then((r) => {
      if (job.content && r.source.content !== job.content) { setError(say(officepush.notSameFile)); return }
      atHand.set(job.job, r.source)
      start()
    }, (e: unknown) => setError(wrong(e) || say(office.sectionFailed)))
  }
  return <Notice><div class="row apart o-last"><span class="grow">{error || say(officepush.noFile)}</span><Drop compact take={take} label={say(officepush.chooseAgain)} /></div></Notice>
}
