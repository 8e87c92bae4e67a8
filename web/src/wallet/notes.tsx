import type { JSX } from 'preact'
import { say } from '../kit/text'
import { Notice, type Tone } from '../kit/ui'
import type { walletnotes as Words } from '../strings/walletnotes'
import { walletnotes as words } from '../strings/walletnotes'
import { clock, clockWrong } from './data'
import { purposeName } from './purposes'

/** A sentence that most people never see. */
export function Note({ name, tone = 'warn' }: { name: keyof typeof Words; tone?: Tone }): JSX.Element {
  return <Notice tone={tone} live><p>{say(words[name])}</p></Notice>
}

/** That the clock of this device is wrong, for codes that are signed by it. */
export function Clock(): JSX.Element | null {
  if (!clockWrong()) return null
  return <Notice tone="warn" live><p>{say(words.clockWrong, { minutes: Math.max(1, Math.round(Math.abs(clock.ahead ?? 0) / 60)) })}</p></Notice>
}

/** What else there is to know of an offline code, and of one that will not come. */
export function CodeNotes({ kind, forced, tries, bare, missing, toOffline, toOnline, purpose }: {
  kind: 'online' | 'offline' | undefined
  forced: boolean
  tries: number
  bare: boolean
  missing: boolean
  toOffline: (() => void) | undefined
  toOnline: () => void
  purpose: string
}): JSX.Element {
  return (
    <>
      <div role="status">
        {kind === 'online' && tries > 0 && <Notice tone="warn"><p>{say(words.unsteady)}</p></Notice>}
        {kind === 'offline' && <Notice tone={forced ? 'info' : 'warn'}><p>{say(forced ? words.byChoice : words.byItself)} {say(words.numbersMasked)}</p></Notice>}
        {!kind && tries > 0 && !document.hidden && <Notice tone="bad"><p>{say(bare ? words.noCode : words.expiredCode)}</p></Notice>}
        {missing && <Notice tone="warn"><p>{say(words.noStock)}</p></Notice>}
      </div>
      {kind === 'offline' && <Clock />}
      {purpose && <p class="w-named">{say(words.toPurpose, { purpose: purposeName(purpose) })}</p>}
      {forced ? <button type="button" class="w-link" onClick={toOnline}>{say(words.backOnline)}</button> : toOffline && <button type="button" class="w-link" onClick={toOffline}>{say(words.theyNoNetwork)}</button>}
    </>
  )
}
