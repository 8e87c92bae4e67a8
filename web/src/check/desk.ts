import { type OfflineResult, type Pending, Problem, type Text, type Verification, sentence } from '@showcard/sdk'
import { Trouble, randomKey, said } from '../kit/api'
import { type Mark, markOf } from '../kit/outcome'
import type { Pair, Values } from '../kit/text'
import { type Workstation, asTrouble } from '../kit/workstation'
import { check as strings } from '../strings/check'
import { type Scanned, looksLike, recognise } from './foreign'
import { type Settings, count } from './settings'
import { play } from './sounds'
import type { Standby } from './standby'

// The desk takes scans in, one after the other, and has one answer at a time on its screen. It knows nothing of how they are drawn.

export interface Reason { readonly code: string; readonly title: Text; readonly next: Text }

/** What stands on the screen. */
export interface Shown {
  readonly id: number
  readonly mark: Mark
  readonly reasons: readonly Reason[]
  readonly answer?: Verification
  readonly offline?: OfflineResult
  /** Under which an offline check waits to be settled. */
  readonly waits?: string
  /** Asks again for an answer that was lost. */
  readonly again?: () => void
  /** The workstation itself was turned away. */
  readonly turnedAway?: boolean
  readonly at: Date
  /** When it was scanned (performance.now); absent where the holder was asked first: her time is not ours. */
  readonly began?: number
}

/** An answer that has made room for the next: no data of the person. */
export interface Past { readonly id: number; readonly mark: Mark; readonly type?: string | undefined; readonly at: Date }

export type Note = readonly [Pair, Values?]

type Input = { readonly scanned: Scanned; readonly image?: undefined } | { readonly image: string; readonly scanned?: undefined }
type Item = Input & { readonly began: number; readonly same: string; key: string; asked: number }

const ignoreRepeat = 3_000 // ms: guns read twice, and a code stays in front of a camera
const seen = 1_500 // ms that an answer stands before the next scan takes its place
const sameAnswer = 50_000 // ms in which the server gives the same answer to the same key
const offlineAfter = 4_000 // ms without an answer, and an offline code is checked here
const mostWaiting = 20

export class Desk {
  current: Item | undefined
  pending: Pending | undefined
  shown: Shown | undefined
  note: Note | undefined
  past: readonly Past[] = []
  readonly queue: Item[] = []
  changed: () => void = () => undefined
  #next = 1
  #last = { same: '', at: 0 }
  #shownAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #stop: AbortController | undefined

  constructor(readonly w: Workstation, readonly standby: Standby, public settings: Settings) {}

  /** A scan: from a gun, a camera, a keyboard or a picture that was read here. `began` is when it was there (performance.now). */
  scan(raw: string, began: number): void {
    const scanned = recognise(raw)
    this.#take({ scanned, began, same: 'text' in scanned ? scanned.text : raw.trim().slice(0, 200), key: randomKey(), asked: 0 })
  }

  /** A picture in which this device found no code: the server looks once more. */
  picture(image: string, began: number): void { this.#take({ image, began, same: '', key: randomKey(), asked: 0 }) }

  /** Something that never was a scan. */
  refuse(code: string, began: number, reason?: Reason): void { this.#show({ mark: 'refused', reasons: [reason ?? reasonOf(code)] }, began) }

  /** The customer has gone: nothing of hers stays on the screen. */
  clear(): void {
    if (this.shown) this.past = [{ id: this.shown.id, mark: this.shown.mark, type: this.shown.answer?.type ?? this.shown.offline?.type, at: this.shown.at }, ...this.past].slice(0, 5)
    this.shown = undefined
    this.note = undefined
    this.changed()
  }

  /** The next of the queue, without waiting for the answer to have been seen. */
  hurry(): void { this.#shownAt = 0; this.#run() }

  /** The clerk waits no longer for the holder, or for the server. */
  giveUp(): void { this.#stop?.abort(new Trouble('given-up', 0, said(strings.givenUp), said(strings.givenUpNext))) }

  /** What came of a comparison of faces takes the place of the answer before it. */
  replace(answer: Verification): void {
    if (this.shown?.answer?.id !== answer.id) return
    const mark = markOf(answer.outcome)
    if (mark !== this.shown.mark && !this.settings.muted) play(mark)
    this.shown = { ...this.shown, answer, mark, reasons: answer.reasons }
    this.changed()
  }

  close(): void { clearTimeout(this.#timer); this.#stop?.abort(new Error('closed')) }

  #take(item: Item): void {
    const again = item.same !== '' && (this.current?.same === item.same || this.queue.some((q) => q.same === item.same) || (this.#last.same === item.same && this.#fresh()))
    if (again || this.queue.length >= mostWaiting) {
      this.note = [again ? strings.twice : strings.tooMany]
      if (this.#last.same === item.same) this.#last.at = Date.now()
      this.changed()
      return
    }
    this.note = undefined
    this.queue.push(item)
    this.changed()
    this.#run()
  }

  /** Whether what was scanned last still counts as that: its answer is on the screen, or it was a moment ago. */
  #fresh(): boolean { return (this.shown !== undefined && this.shown.mark !== 'refused') || Date.now() - this.#last.at < ignoreRepeat }

  #run(): void {
    clearTimeout(this.#timer)
    if (this.current || !this.queue.length) return
    // An answer that nobody could have seen yet keeps its place for a moment when more was scanned meanwhile.
    const left = this.shown && this.#shownAt ? this.#shownAt + seen - performance.now() : 0
    const next = this.queue[0]
    if (left > 0 && next && next.began < this.#shownAt) {
      this.#timer = setTimeout(() => this.#run(), left)
      return
    }
    this.queue.shift()
    if (!next) return
    this.current = next
    this.clear()
    void this.#check(next).finally(() => {
      this.current = undefined
      this.pending = undefined
      this.#last = { same: next.same, at: Date.now() }
      this.changed()
      this.#run()
    })
  }

  async #check(item: Item): Promise<void> {
    const { scanned } = item
    if (scanned?.kind === 'foreign') {
      const { looks, host } = scanned
      this.#show({ mark: 'refused', reasons: [{ code: 'code-not-ours', title: looksTitle(looks, host), next: sentence('code-not-ours')?.next ?? said(strings.rescan) }] }, item.began)
      return
    }
    if (scanned?.kind === 'damaged') { this.refuse(scanned.code, item.began); return }
    if (scanned?.kind === 'offline' && !this.standby.online) { await this.#offline(scanned.text, item); return }
    try {
      await this.#online(item)
      this.standby.saw(true)
    } catch (e) {
      const t = asTrouble(e)
      const gone = t.code === 'offline' || t.status >= 502
      if (gone) this.standby.saw(false)
      if (gone && scanned?.kind === 'offline') { await this.#offline(scanned.text, item); return }
      const next = gone ? said(scanned ? strings.ticketOffline : strings.pictureOffline) : t.next
      const turnedAway = t.status === 401 || ['client-suspended', 'forbidden-role', 'forbidden-scope'].includes(t.code)
      this.#show({ mark: 'refused', reasons: [{ code: t.code, title: t.title, next }], turnedAway, ...(gone || t.passing ? { again: () => this.#again(item) } : {}) }, item.began)
    }
  }

  /** The same question under the same key: an answer that was given and lost is the same answer. */
  #again(item: Item): void {
    if (this.current) return
    if (performance.now() - item.asked > sameAnswer) item.key = randomKey()
    this.#last.same = ''
    this.queue.unshift({ ...item, began: performance.now() })
    this.#shownAt = 0
    this.#run()
  }

  async #online(item: Item): Promise<void> {
    const stop = (this.#stop = new AbortController())
    const { purpose, fields } = this.settings
    // An offline code asks nobody on the way, and can be checked here: so it does not wait for long.
    const timer = item.scanned?.kind === 'offline' ? setTimeout(() => stop.abort(new Problem({ code: 'server-unreachable', status: 0 })), offlineAfter) : undefined
    if (!item.asked) item.asked = performance.now()
    let asked = false
    try {
      const request = item.scanned && 'text' in item.scanned ? { code: item.scanned.text } : { image: item.image ?? '' }
      const answer = await this.w.client.verify({ ...request, purpose, ...(fields.length ? { fields } : {}) }, {
        idempotencyKey: item.key, signal: stop.signal,
        onPending: (p) => { asked = true; this.pending = p; this.changed() },
      })
      count(answer.outcome)
      this.#show({ mark: markOf(answer.outcome), reasons: answer.reasons, answer }, asked ? undefined : item.began)
    } finally {
      clearTimeout(timer)
      this.#stop = undefined
    }
  }

  async #offline(text: string, item: Item): Promise<void> {
    const { purpose } = this.settings
    const offline = await this.standby.check(text, purpose)
    const waits = offline.proof ? await this.standby.keep(text, offline, purpose) : undefined
    count(offline.outcome)
    this.#show({ mark: markOf(offline.outcome), reasons: offline.reasons.map(reasonOf), offline, ...(waits ? { waits } : {}) }, item.began)
  }

  #show(s: Omit<Shown, 'id' | 'at'>, began: number | undefined): void {
    this.shown = { ...s, id: this.#next++, at: new Date(), ...(began === undefined ? {} : { began }) }
    this.#shownAt = performance.now()
    if (!this.settings.muted) play(s.mark)
    this.changed()
  }
}

/** The sentences of a code that this device found by itself. */
export function reasonOf(code: string): Reason {
  const s = sentence(code)
  return { code, title: s?.title ?? said(strings.unknownReason), next: s?.next ?? said(strings.rescan) }
}

function looksTitle(looks: ReturnType<typeof looksLike>['looks'], host: string | undefined): Text {
  const fill = (t: string): string => (host ? t.replace('{host}', host) : t)
  const pair = host ? strings.looksAddressAt : strings[`looks_${looks}`]
  return { zh: fill(pair[0]), en: fill(pair[1]) }
}
