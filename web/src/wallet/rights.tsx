import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Trouble, request, said } from '../kit/api'
import { kept } from '../kit/prefs'
import { say } from '../kit/text'
import { Button, Dialog, Failure, Field, Heading, Notice, useAction } from '../kit/ui'
import { shared } from '../strings/shared'
import { walletoffline } from '../strings/walletoffline'
import { walletspace as words } from '../strings/walletspace'
import { erasedKey } from './cards'
import { save } from './history'
import { own, tellOut } from './session'
import { gone } from './space'
import { SignInAgain } from './stepup'

const stale = (e: unknown): boolean => e instanceof Trouble && (e.code === 'sign-in-not-recent' || e.code === 'fresh-sign-in-required')

/** Taking everything along, and having it erased (PIPL §45, §47; docs/retention.md). */
export function Rights(): JSX.Element {
  const take = useAction()
  const erase = useAction()
  const [done, finish] = useState(false)
  const [confirm, ask] = useState('')
  const [word, type] = useState('')
  const exportAll = (): void => take.run(async () => {
    let text: string
    try { text = await (await request('GET', '/v1/wallet/export', { timeout: 300_000 })).text() } catch (e) { tellOut(e); throw e }
    // The last member says that nothing is missing: a document that was cut off has none.
    if (!/"complete":\s*true\s*\}\s*$/.test(text)) throw new Trouble('cut-off', 0, said(words.exportCut), said(shared.later))
    save(`showcard-${new Date().toISOString().slice(0, 10)}.json`, 'application/json', text)
    finish(true)
  })
  const again = (error: unknown): JSX.Element | null => {
    if (error === undefined) return null
    return stale(error) ? <Notice tone="warn" live><p><strong>{say(walletoffline.fresh)}</strong> {say(walletoffline.freshNote)}</p><SignInAgain label={say(walletoffline.freshDo)} /></Notice> : <Failure error={error} />
  }
  return (
    <section>
      <Heading>{say(words.data)}</Heading>
      <div class="panel">
        <h2>{say(words.exportTitle)}</h2>
        <p>{say(words.exportNote)}</p>
        {again(take.error)}
        {done && <Notice tone="good" live><p>{say(words.exportDone)}</p></Notice>}
        <Button busy={take.busy} onClick={exportAll}>{say(words.exportDo)}</Button>
      </div>
      <div class="panel">
        <h2>{say(words.eraseTitle)}</h2>
        <p>{say(words.eraseNote)}</p>
        <p class="small">{say(words.eraseKeeps)}</p>
        {again(erase.error)}
        <Button kind="danger" busy={erase.busy} onClick={() => erase.run(async () => { type(''); ask((await own<{ confirm: string }>('POST', '/v1/wallet/erasure', {})).confirm) })}>{say(words.eraseDo)}</Button>
      </div>
      {confirm && (
        <Dialog title={say(words.eraseAskTitle)} onClose={() => ask('')}>
          <Notice tone="bad"><p>{say(words.eraseAsk)}</p></Notice>
          <form onSubmit={(e) => { e.preventDefault(); erase.run(async () => { await own('POST', '/v1/wallet/erasure', { confirm }); ask(''); kept.set(erasedKey, 'yes'); await gone() }) }}>
            <Field id="erase-word" label={say(words.eraseType)}><input id="erase-word" autocomplete="off" value={word} onInput={(e) => type(e.currentTarget.value)} /></Field>
            {again(erase.error)}
            <div class="row">
              <Button kind="quiet" onClick={() => ask('')}>{say(shared.cancel)}</Button>
              <Button kind="danger" type="submit" busy={erase.busy} disabled={word.trim().toLowerCase() !== say(words.eraseWord)}>{say(words.eraseYes)}</Button>
            </div>
          </form>
        </Dialog>
      )}
    </section>
  )
}
