import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Sign, wordOf } from '../kit/outcome'
import { say, when } from '../kit/text'
import { Button } from '../kit/ui'
import { type Catalogue, labels, typeOf } from '../kit/values'
import { check } from '../strings/check'
import type { Desk } from './desk'
import type { Settings } from './settings'

/** What the desk is doing: checking, waiting for the holder, more in the queue. */
export function Doing({ desk, types, settings }: { desk: Desk; types: Catalogue | undefined; settings: Settings }): JSX.Element {
  const [now, tick] = useState(Date.now())
  const { pending, current, queue, note } = desk
  const began = current?.began
  useEffect(() => {
    if (began === undefined) return
    tick(Date.now())
    const t = setInterval(() => tick(Date.now()), 500)
    return () => clearInterval(t)
  }, [began])
  const left = pending ? Math.max(0, Math.ceil((pending.expiresAt.getTime() - now) / 1000)) : 0
  const slow = began !== undefined && performance.now() - began > 3_000
  return (
    <div class="c-doing" aria-live="polite">
      {current && !pending && <p class="c-busy" id="busy"><span class="spinner" aria-hidden="true" />{say(slow ? check.slow : check.checking)}</p>}
      {pending && (
        <div class="c-pending panel" id="pending">
          <p class="c-busy"><span class="spinner" aria-hidden="true" />{say(check.pending, { what: types ? labels(typeOf(types, settings.type), pending.asked) : pending.asked.join(' ') })}</p>
          <p class="c-left" aria-live="off">{say(check.pendingLeft, { n: left })}</p>
        </div>
      )}
      {current && (pending || slow) && <Button kind="quiet" id="give-up" onClick={() => desk.giveUp()}>{say(check.giveUp)}</Button>}
      {queue.length > 0 && <p class="row c-queued" id="queued"><span>{say(check.queued, { n: queue.length })}</span>{!current && <Button kind="quiet" onClick={() => desk.hurry()}>{say(check.hurry)}</Button>}</p>}
      {note && <p class="notice" id="note">{say(...note)}</p>}
    </div>
  )
}

/** Nothing on the screen: ready for the next. */
export function Ready({ desk, types }: { desk: Desk; types: Catalogue | undefined }): JSX.Element {
  return (
    <div class="c-ready panel">
      <svg class="c-corners" viewBox="0 0 100 100" aria-hidden="true"><path d="M4 30V12a8 8 0 0 1 8-8h18M70 4h18a8 8 0 0 1 8 8v18M96 70v18a8 8 0 0 1-8 8H70M30 96H12a8 8 0 0 1-8-8V70" /><path class="bar" d="M18 50h64" /></svg>
      <h2>{say(check.ready)}</h2>
      <p class="lead">{say(check.readyWays)}</p>
      <PastOnes desk={desk} types={types} />
    </div>
  )
}

/** The outcomes just before, without anything of the persons. */
export function PastOnes({ desk, types }: { desk: Desk; types: Catalogue | undefined }): JSX.Element | null {
  if (!desk.past.length) return null
  return (
    <section class="c-past" aria-label={say(check.recent)}>
      <h3>{say(check.recent)}</h3>
      <ol>
        {desk.past.map((p) => {
          const type = types && typeOf(types, p.type)
          return <li key={p.id}><Sign mark={p.mark} size="small" /><span>{say(wordOf(p.mark))}</span><span class="small">{[type && say(type.name), when(p.at, true).slice(11)].filter(Boolean).join(' · ')}</span></li>
        })}
      </ol>
    </section>
  )
}
