import type { Mark } from '../kit/outcome'

// A clerk looks at the customer and not at the screen: each outcome has a sound of its own, that differs in pitch, length and rhythm.

interface Tone { readonly at: number; readonly hz: number; readonly for: number; readonly shape: OscillatorType }

/** Exported for the stories: what is played, in seconds and hertz. */
export const tunes: Readonly<Record<Mark, readonly Tone[]>> = {
  valid: [{ at: 0, hz: 880, for: 0.09, shape: 'sine' }, { at: 0.1, hz: 1320, for: 0.16, shape: 'sine' }],
  invalid: [{ at: 0, hz: 196, for: 0.22, shape: 'square' }, { at: 0.28, hz: 147, for: 0.34, shape: 'square' }],
  indeterminate: [{ at: 0, hz: 587, for: 0.12, shape: 'triangle' }, { at: 0.18, hz: 587, for: 0.12, shape: 'triangle' }, { at: 0.36, hz: 494, for: 0.2, shape: 'triangle' }],
  refused: [{ at: 0, hz: 330, for: 0.14, shape: 'triangle' }],
}

let audio: AudioContext | undefined

/** Browsers allow sound once somebody touched the page: called then. */
export function allowSound(): void {
  try {
    audio ??= new AudioContext()
    if (audio.state === 'suspended') void audio.resume().catch(() => undefined)
  } catch { /* no sound card, or no such thing: the word and the shape say it all */ }
}

export function play(mark: Mark): void {
  allowSound()
  if (!audio || audio.state !== 'running') return
  for (const t of tunes[mark]) {
    const tone = audio.createOscillator()
    const volume = audio.createGain()
    const at = audio.currentTime + t.at
    tone.type = t.shape
    tone.frequency.value = t.hz
    const loud = t.shape === 'square' ? 0.12 : 0.3
    volume.gain.setValueAtTime(0, at)
    volume.gain.linearRampToValueAtTime(loud, at + 0.012)
    volume.gain.setValueAtTime(loud, at + t.for - 0.03)
    volume.gain.linearRampToValueAtTime(0, at + t.for)
    tone.connect(volume).connect(audio.destination)
    tone.start(at)
    tone.stop(at + t.for)
  }
}
