import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Trouble, randomKey } from '../kit/api'
import { type Pair, day, say } from '../kit/text'
import { Button, Failure, Field, Notice, useAction } from '../kit/ui'
import { walletlive as words, walletlive } from '../strings/walletlive'
import { useDraft } from './draft'
import { own } from './session'

// 好差评: five levels, once for each check. A deployment that does not offer it answers 404, and then there is nothing to see.

export interface Review {
  readonly id: string
  readonly verification: string
  readonly party_name?: string
  readonly purpose?: string
  readonly level: 1 | 2 | 3 | 4 | 5
  readonly text?: string
  readonly at: string
  readonly state: string
  readonly due_at?: string
  readonly answer?: string
  readonly measure?: string
}
export const levelName = (level: number): Pair => walletlive[`level-${level}` as keyof typeof words]

const faces: Record<number, string> = { 5: 'M20 36c5 9 19 9 24 0z', 4: 'M21 38c5 6 17 6 22 0', 3: 'M22 41h20', 2: 'M22 44c5-6 15-6 20 0', 1: 'M20 46c4-9 20-9 24 0' }
export function LevelFace({ level }: { level: number }): JSX.Element {
  return <svg class={`w-level l${level}`} viewBox="0 0 64 64" aria-hidden="true" focusable="false"><circle cx="32" cy="32" r="28" /><path class="eyes" d="M23 25v3M41 25v3" /><path class="mouth" d={faces[level] ?? ''} /></svg>
}

export function Rate({ verification, changed }: { verification: string; changed?: () => void }): JSX.Element | null {
  const [level, pick] = useState(0)
  const [text, write, sent] = useDraft(`review-${verification}`)
  const [done, finish] = useState<Review>()
  const [offered, offer] = useState<'yes' | 'no' | 'before' | undefined>()
  const action = useAction()
  const key = useRef(randomKey())
  useEffect(() => {
    // Whether it is offered here at all, and whether she has done it.
    own<{ reviews: Review[] }>('GET', '/v1/wallet/reviews?limit=50').then(
      ({ reviews }) => { const before = reviews.find((r) => r.verification === verification); if (before) finish(before); offer('yes') },
      (e: unknown) => offer(e instanceof Trouble && e.status === 404 ? 'no' : 'yes'),
    )
  }, [verification])
  if (!offered || offered === 'no') return null
  if (done) {
    return (
      <Notice tone="good" live>
        <p class="w-rated"><LevelFace level={done.level} /><strong>{say(words.rated, { level: say(levelName(done.level)) })}</strong></p>
        {done.due_at && <p>{say(words.rateDue, { day: day(done.due_at) })}</p>}
      </Notice>
    )
  }
  if (offered === 'before') return <Notice><p>{say(words.alreadyRated)}</p></Notice>
  const send = (): void => action.run(async () => {
    try {
      finish(await own<Review>('POST', '/v1/wallet/reviews', { verification, level, ...(text.trim() ? { text: text.trim() } : {}) }, key.current))
      sent()
      changed?.()
    } catch (e) {
      if (e instanceof Trouble && e.code === 'review-exists') return offer('before')
      if (e instanceof Trouble && e.status === 404 && e.code === 'not-found') return offer('no')
      if (e instanceof Trouble && e.status !== 0) key.current = randomKey()
      throw e
    }
  })
  return (
    <form class="panel w-rate" onSubmit={(e) => { e.preventDefault(); if (level) send() }}>
      <fieldset>
        <legend><h2>{say(words.rate)}</h2></legend>
        <div class="w-levels">
          {[5, 4, 3, 2, 1].map((n) => (
            <label key={n} class={level === n ? 'on' : ''}>
              <input type="radio" class="sr" name="level" value={n} checked={level === n} onChange={() => pick(n)} />
              <LevelFace level={n} /><span>{say(levelName(n))}</span>
            </label>
          ))}
        </div>
      </fieldset>
      {level > 0 && (
        <>
          <Field id="rate-text" label={say(level <= 2 ? words.rateWordsBad : words.rateWords)} hint={say(words.rateHint)}>
            <textarea id="rate-text" aria-describedby="rate-text-hint" rows={3} maxLength={500} value={text} onInput={(e) => write(e.currentTarget.value)} />
          </Field>
          {action.error !== undefined && <Failure error={action.error} />}
          <Button type="submit" busy={action.busy}>{say(words.rateSend)}</Button>
          <p class="small">{say(words.rateOnce)}</p>
        </>
      )}
    </form>
  )
}
