import { Trouble, refusal, request, unreachable } from '../../kit/api'
import { type Workstation, asTrouble } from '../../kit/workstation'
import { list, path, query } from '../parts'
import type { Kind } from './csv'
import { Pile } from './pile'
import { type Source, longest, newline, readable, rowsFrom, tail } from './source'

// A push as docs/push.md has it: the file goes up in one request, and when that breaks, the job is asked how far it came and the
// rest goes up from the last row that was answered.

export interface Job {
  readonly job: string
  readonly issuer: string
  readonly kind: Kind
  readonly content?: string
  readonly state: 'running' | 'interrupted' | 'done'
  readonly rows: number
  readonly accepted: number
  readonly rejected: number
  readonly bytes: number
  readonly started_at: string
  readonly updated_at: string
  readonly finished_at?: string
}

export interface Result {
  readonly line: number
  readonly key?: string
  readonly identifier?: string
  readonly code?: string
  readonly pointer?: string
  readonly detail?: string
}

/** A row that was refused, with its text where the file is at hand and it is no longer than a row may be. */
export interface Refused extends Result {
  readonly text?: string
}

export interface Progress {
  readonly stage: 'asking' | 'uploading' | 'waiting' | 'done'
  readonly sent: number
  readonly size: number
  readonly from: number
  readonly job?: Job | undefined
  readonly tries: number
}

export const jobOf = (w: Workstation, id: string): Promise<Job> => w.call<Job>('GET', `/v1/pushes/${path(id)}`)

/** A token; why there is none in the words of the pages. */
const tokenOf = (w: Workstation): Promise<string> => w.client.accessToken().catch((e: unknown) => { throw asTrouble(e) })

/** Sends one body, and tells how much of it has gone. fetch cannot tell, and cannot stream over HTTP/1.1. */
async function put(w: Workstation, address: string, body: Blob, gzip: boolean, tell: (sent: number) => void, signal: AbortSignal): Promise<Job> {
  const token = await tokenOf(w)
  if (signal.aborted) throw signal.reason
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest()
    x.open('PUT', address)
    x.setRequestHeader('Authorization', `Bearer ${token}`)
    x.setRequestHeader('Content-Type', 'application/x-ndjson')
    x.setRequestHeader('Accept', 'application/json')
    if (gzip) x.setRequestHeader('Content-Encoding', 'gzip')
    const stop = (): void => x.abort()
    signal.addEventListener('abort', stop)
    x.upload.onprogress = (e) => tell(e.loaded)
    x.onloadend = () => {
      signal.removeEventListener('abort', stop)
      if (signal.aborted) { reject(signal.reason); return }
      if (x.status === 0) { reject(unreachable()); return }
      const wait = x.getResponseHeader('Retry-After')
      const answer = new Response(x.responseText, { status: x.status, headers: wait ? { 'Retry-After': wait } : {} })
      if (x.status < 300) answer.json().then((j) => resolve(j as Job), () => reject(unreachable()))
      else void refusal(answer).then(reject)
    }
    x.send(body)
  })
}

const pause = (ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason) }, { once: true })
})

const takenUp = ['push-incomplete', 'body-incomplete', 'body-too-slow', 'push-job-conflict', 'registry-stale', 'token-expired', 'token-invalid']
const passing = (t: Trouble): boolean => t.passing || takenUp.includes(t.code)

/** Uploads until the server has everything. */
export async function upload(w: Workstation, id: string, kind: Kind, issuer: string, s: Source, tell: (p: Progress) => void, signal: AbortSignal): Promise<Job> {
  let p: Progress = { stage: 'asking', sent: 0, size: s.file.size, from: 1, tries: 0 }
  const say = (next: Partial<Progress>): void => { p = { ...p, ...next }; if (!signal.aborted) tell(p) }
  let anew = false
  let furthest = 0
  for (let tries = 0; ; tries++) {
    let polling: ReturnType<typeof setInterval> | undefined
    const sending = new AbortController()
    const stop = (): void => sending.abort(signal.reason)
    signal.addEventListener('abort', stop)
    try {
      say({ stage: 'asking', tries })
      const before = await jobOf(w, id).catch((e: unknown) => { if (e instanceof Trouble && e.status === 404) return undefined; throw e })
      const same = before?.content === s.content && before.kind === kind
      if (before && !same && tries === 0) throw new Trouble('push-name-taken', 409, { zh: '', en: '' }, { zh: '', en: '' })
      if (before && same && before.state === 'done') { say({ stage: 'done', job: before }); return before }
      const from = before && same && !anew ? Math.max(1, before.rows) : 1
      const { body, gzip } = await tail(s, from)
      await readable(body)
      say({ stage: 'uploading', from, sent: 0, size: body.size, job: before })
      polling = setInterval(() => { jobOf(w, id).then((job) => { if (polling) say({ job }) }, (e: unknown) => {
        // Who may not even ask any more, such as a workstation that was suspended meanwhile, sends nothing more either.
        if (e instanceof Trouble && (e.status === 401 || e.status === 403) && !passing(e)) sending.abort(e)
      }) }, 1000)
      const done = await put(w, `/v1/pushes/${path(id)}${query({ kind: kind === 'certificates' ? undefined : kind, content: s.content, issuer, from: from > 1 ? from : undefined })}`, body, gzip, (sent) => say({ sent }), sending.signal)
      say({ stage: 'done', job: done, sent: body.size })
      return done
    } catch (e) {
      if (signal.aborted || !(e instanceof Trouble)) throw e
      if (e.code === 'push-resume-refused' && !anew) { anew = true; continue }
      if ((p.job?.rows ?? 0) > furthest) { furthest = p.job?.rows ?? 0; tries = 0 } // it goes on, however often it breaks
      if (!passing(e) || tries >= 12) throw e
      say({ stage: 'waiting', tries: tries + 1 })
      await pause(Math.max(e.wait * 1000, Math.min(15_000, 1000 * 2 ** Math.min(tries, 4))), signal)
    } finally {
      signal.removeEventListener('abort', stop)
      clearInterval(polling)
      polling = undefined
    }
  }
}

/** The results of a job, as they come. */
export async function* results(w: Workstation, id: string, signal: AbortSignal): AsyncGenerator<Result> {
  const response = await request('GET', `/v1/pushes/${path(id)}/results`, { token: await tokenOf(w), accept: 'application/x-ndjson', signal, timeout: 30_000, stream: true })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (!reader) return
  let rest = ''
  try {
    for (;;) {
      let next: ReadableStreamReadResult<string>
      try { next = await reader.read() } catch (e) { if (signal.aborted) throw e; throw unreachable() }
      rest += next.value ?? ''
      const lines = rest.split('\n')
      rest = next.done ? '' : (lines.pop() ?? '')
      for (const l of lines) if (l.trim()) yield JSON.parse(l) as Result
      if (next.done) return
    }
  } finally { void reader.cancel().catch(() => undefined) }
}

/** How many refused rows can be mended in the page; all of them can be taken as a file. */
export const inPage = 500

export interface Found {
  readonly refused: readonly Refused[]
  readonly count: number
  readonly codes: Readonly<Record<string, number>>
  /** The refused rows as they came, and beside them line by line what is wrong. */
  readonly rows?: Blob
  readonly report: Blob
}

/** Goes through results and, where it is at hand, the file, side by side: both are in the order of the rows. */
export async function gather(w: Workstation, id: string, s: Source | undefined, tell: (rows: number) => void, signal: AbortSignal): Promise<Found> {
  const refused: Refused[] = []
  const codes: Record<string, number> = {}
  const rows = new Pile()
  const report = new Pile()
  const texts = s && rowsFrom(s)
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let count = 0
  let seen = 0
  for await (const r of results(w, id, signal)) {
    if (++seen % 500 === 0) tell(seen)
    if (r.code === undefined) continue
    count++
    codes[r.code] = (codes[r.code] ?? 0) + 1
    let bytes: Uint8Array<ArrayBuffer> | undefined
    while (texts) {
      const next = await texts.next()
      if (next.done) break
      if (next.value.row === r.line) { bytes = next.value.bytes; break }
    }
    if (bytes) { rows.add(bytes); rows.add(newline) }
    report.add(encoder.encode(JSON.stringify({ row: count, ...r }) + '\n'))
    if (refused.length < inPage) refused.push({ ...r, ...(bytes && bytes.length <= longest ? { text: decoder.decode(bytes).replace(/\r$/, '') } : {}) })
  }
  await texts?.return(undefined)
  tell(seen)
  return { refused, count, codes, ...(s ? { rows: rows.blob() } : {}), report: report.blob() }
}

export const jobs = async (w: Workstation, after = ''): Promise<{ jobs: readonly Job[]; next?: string }> => {
  const r = await w.call<{ jobs: Job[]; next?: string }>('GET', `/v1/pushes${query({ limit: 20, after })}`)
  return { ...r, jobs: list(r.jobs) }
}
