import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Verification, portraitMatches } from '@showcard/sdk'
import { say } from '../kit/text'
import { Button, Failure, Notice, useAction } from '../kit/ui'
import { asTrouble } from '../kit/workstation'
import { check } from '../strings/check'
import type { Desk } from './desk'

/** The portrait to compare, and what the clerk finds. It is in this page's memory as long as the answer stands. */
export function Portrait({ desk, answer, refocus }: { desk: Desk; answer: Verification; refocus: () => void }): JSX.Element | null {
  const [url, setUrl] = useState('')
  const [wrong, setWrong] = useState(false)
  const [error, setError] = useState<unknown>()
  const [turn, again] = useState(0)
  const [same, setSame] = useState<boolean>()
  const action = useAction()
  useEffect(() => {
    let made = ''
    let over = false
    setError(undefined)
    desk.w.client.portrait(answer.id).then(async (p) => {
      const digest = answer.claims?.['portrait_digest']
      const genuine = digest === undefined || (await portraitMatches(digest, p))
      if (over) return
      if (genuine) setUrl((made = URL.createObjectURL(new Blob([p.image as BlobPart], { type: p.mediaType }))))
      else setWrong(true)
    }).catch((e: unknown) => { if (!over) setError(asTrouble(e)) })
    return () => { over = true; if (made) URL.revokeObjectURL(made) }
  }, [turn])
  const record = (is: boolean): void => action.run(async () => {
    const after = await desk.w.client.person(answer.id, is)
    setSame(is)
    desk.replace({ ...answer, ...after })
    refocus()
  })
  if (wrong) return <Notice tone="bad"><p>{say(check.portraitWrong)}</p></Notice>
  if (error !== undefined) return <Failure error={error} again={() => again((t) => t + 1)} />
  if (!url) return <div class="c-portrait c-blank"><span class="spinner" aria-hidden="true" /></div>
  return (
    <figure class="c-portrait" id="portrait">
      <img src={url} alt={say(check.portrait)} />
      <figcaption>
        {same === undefined && <p>{say(check.portraitAsk)}</p>}
        {same === undefined && (
          <div class="c-same">
            <Button id="same" busy={action.busy} onClick={() => record(true)}>{say(check.same)}</Button>
            <Button id="not-same" kind="danger" busy={action.busy} onClick={() => record(false)}>{say(check.notSame)}</Button>
          </div>
        )}
        {same !== undefined && <p class={`is ${same ? 'yes' : 'no'}`} role="status" id="person-done">{say(same ? check.sameDone : check.notSameDone)}</p>}
        {action.error !== undefined && <Failure error={asTrouble(action.error)} />}
      </figcaption>
    </figure>
  )
}
