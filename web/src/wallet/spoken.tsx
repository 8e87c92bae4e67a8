import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { canSpeak, hush, speak } from '../kit/speech'
import { say } from '../kit/text'
import type { Pair, Values } from '../kit/text'
import { walletlive as words } from '../strings/walletlive'

/** A sentence that is read aloud when it appears, and again whenever she wants. Without a voice it is read with the eyes. */
export function Spoken({ text, values, aloud = true }: { text: Pair; values?: Values; aloud?: boolean }): JSX.Element {
  const sentence = say(text, values)
  useEffect(() => {
    if (aloud) speak(text, values)
    return hush
  }, [sentence])
  return (
    <div class="w-spoken">
      <p>{sentence}</p>
      {canSpeak && <button type="button" class="button quiet" onClick={() => speak(text, values)}><svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11" /></svg>{say(words.careListen)}</button>}
    </div>
  )
}

export function SpokenCode({ offline }: { offline: boolean }): JSX.Element { return <Spoken text={offline ? words.careHoldOffline : words.careHold} /> }
