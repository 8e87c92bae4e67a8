import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Text, pick, say, when } from '../kit/text'
import { Button, Dialog, Empty, Facts, Failure, Heading, Loading, useAction, useLoad } from '../kit/ui'
import { shared } from '../strings/shared'
import { walletspace as words } from '../strings/walletspace'
import { purposeName } from './purposes'
import { own } from './session'

interface Consent {
  readonly id: string
  readonly at: string
  readonly type_name: Text
  readonly party: string
  readonly party_name: Text
  readonly purpose: string
  readonly asked: readonly { readonly label: Text }[]
  readonly answer: string
  readonly answer_text: Text
}
interface Withdrawal { readonly id: string; readonly party?: string; readonly certificate?: string; readonly all?: boolean; readonly block?: boolean; readonly at: string }

/** What she agreed to, and taking it back. */
export function Consents(): JSX.Element {
  const list = useLoad(async () => {
    const [c, w] = await Promise.all([own<{ consents: Consent[] }>('GET', '/v1/wallet/consents?limit=100'), own<{ withdrawals: Withdrawal[] }>('GET', '/v1/wallet/withdrawals')])
    return { consents: c.consents, withdrawals: w.withdrawals }
  }, [])
  const [from, withdraw] = useState<{ party?: string }>()
  const [block, setBlock] = useState(false)
  const action = useAction()
  const d = list.data
  const partyName = (party: string): string => pick(d?.consents.find((c) => c.party === party)?.party_name) || party
  const nameOf = (w: Withdrawal): string => (w.all ? say(words.ofAll) : w.party ? partyName(w.party) : w.certificate ?? '')
  return (
    <section>
      <Heading>{say(words.consents)}</Heading>
      <p class="lead">{say(words.consentsNote)}</p>
      {list.busy && !d && <Loading />}
      {list.error !== undefined && <Failure error={list.error} again={list.again} />}
      {action.error !== undefined && <Failure error={action.error} />}
      {d && d.withdrawals.length > 0 && (
        <>
          <h2>{say(words.withdrawals)}</h2>
          <ul class="w-list">
            {d.withdrawals.map((w) => (
              <li key={w.id}>
                <span class="grow"><strong>{nameOf(w)}</strong><span class="small">{when(w.at)}{w.block && <> · {say(words.blocked)}</>}</span></span>
                <Button kind="quiet" busy={action.busy} onClick={() => action.run(async () => { await own('DELETE', `/v1/wallet/withdrawals/${encodeURIComponent(w.id)}`); list.again() })}>{say(words.lift)}</Button>
              </li>
            ))}
          </ul>
        </>
      )}
      {d && d.consents.length === 0 && <Empty>{say(words.noConsents)}</Empty>}
      {d?.consents.map((c) => (
        <article class="panel" key={c.id}>
          <h2>{pick(c.party_name)}</h2>
          <p class={`w-answer ${c.answer}`}>{pick(c.answer_text)}</p>
          <Facts rows={[
            [say(words.asked), c.asked.map((f) => pick(f.label)).join(' · ')],
            [say(words.certificate), pick(c.type_name)],
            [say(words.purpose), purposeName(c.purpose)],
            [say(words.when), when(c.at)],
          ]} />
          {!d.withdrawals.some((w) => w.party === c.party || w.all) && <Button kind="quiet" onClick={() => { setBlock(false); withdraw({ party: c.party }) }}>{say(words.withdrawFrom)}</Button>}
        </article>
      ))}
      {d && !d.withdrawals.some((w) => w.all) && <Button kind="danger" onClick={() => { setBlock(false); withdraw({}) }}>{say(words.withdrawAll)}</Button>}
      {from && (
        <Dialog title={from.party ? say(words.withdrawTitle, { party: partyName(from.party) }) : say(words.withdrawAll)} onClose={() => withdraw(undefined)}>
          <p>{say(words.withdrawAsk)}</p>
          {from.party && <label class="w-check"><input type="checkbox" checked={block} onChange={(e) => setBlock(e.currentTarget.checked)} /> {say(words.block)}</label>}
          <div class="row">
            <Button kind="quiet" onClick={() => withdraw(undefined)}>{say(shared.cancel)}</Button>
            <Button kind="danger" busy={action.busy} onClick={() => action.run(async () => {
              await own('POST', '/v1/wallet/consents/withdraw', from.party ? { party: from.party, ...(block ? { block } : {}) } : { all: true })
              withdraw(undefined)
              list.again()
            })}>{say(words.withdrawDo)}</Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}
