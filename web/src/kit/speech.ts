import { current } from './prefs'
import { type Pair, type Values, say } from './text'

// Says aloud what is on the screen (Web Speech). Chinese voices are on nearly every phone here; where there is none, nothing is said.

export const canSpeak = 'speechSynthesis' in window

/** Says a sentence, and stops what was being said. */
export function speak(pair: Pair, values?: Values): void {
  if (!canSpeak) return
  speechSynthesis.cancel()
  const words = new SpeechSynthesisUtterance(say(pair, values))
  words.lang = current().language === 'zh' ? 'zh-CN' : 'en'
  words.rate = 0.9 // a little slower than the voice would by itself
  speechSynthesis.speak(words)
}

export function hush(): void { if (canSpeak) speechSynthesis.cancel() }
