import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Trouble } from '../kit/api'
import { day, say, when } from '../kit/text'
import { Button, Empty, Failure, Heading, Loading, Notice, useAction, useLoad } from '../kit/ui'
import { walletspace as words } from '../strings/walletspace'
import { purposeName } from './purposes'
import { LevelFace, type Review, levelName } from './rate'
import { own } from './session'

interface Page { readonly reviews: readonly Review[]; readonly next?: string }

/** What she said of the checks, and the answers. */
export function Reviews(): JSX.Element {
  const [all, add] = useState<readonly Review[]>([])
  const [next, more] = useState<string>()
  const first = useLoad(async () => {
    const p = await own<Page>('GET', '/v1/wallet/reviews?limit=20')
    add(p.reviews)
    more(p.next)
    return p
  }, [])
  const action = useAction()
  const missing = first.error instanceof Trouble && first.error.status === 404
  return (
    <section>
      <Heading>{say(words.reviews)}</Heading>
      {first.busy && !first.data && <Loading />}
      {missing ? <Empty>{say(words.notOffered)}</Empty> : first.error !== undefined && <Failure error={first.error} again={first.again} />}
      {first.data && all.length === 0 && <Empty>{say(words.reviewsNone)}</Empty>}
      {all.map((r) => {
        return (
          <article class="panel" key={r.id}>
            <p class="w-rated"><LevelFace level={r.level} /><span class="grow"><strong>{r.party_name ?? say(levelName(r.level))}</strong><span class="small">{say(levelName(r.level))}{r.purpose && <> · {purposeName(r.purpose)}</>} · {when(r.at)}</span></span></p>
            {r.text && <p>{r.text}</p>}
            {r.state === 'open' && r.due_at && <p class="small">{say(words.dueBy, { day: day(r.due_at) })}</p>}
            {r.answer && <Notice tone="good"><p><strong>{say(words.answer)}</strong> {r.answer}</p>{r.measure && <p>{r.measure}</p>}</Notice>}
          </article>
        )
      })}
      {action.error !== undefined && <Failure error={action.error} />}
      {next && <Button kind="quiet" busy={action.busy} onClick={() => action.run(async () => { const p = await own<Page>('GET', `/v1/wallet/reviews?limit=20&before=${encodeURIComponent(next)}`); add([...all, ...p.reviews]); more(p.next) })}>{say(words.earlier)}</Button>}
    </section>
  )
}
