import type { JSX } from 'preact'
import { shared } from '../strings/shared'
import type { Pair } from './text'

// An outcome is a word, a colour and a shape, because colour alone does not tell everybody.

export type Mark = 'valid' | 'invalid' | 'indeterminate' | 'refused'

export function markOf(outcome: string): Mark { return outcome in words ? (outcome as Mark) : 'indeterminate' }

const words: Record<Mark, Pair> = {
  valid: shared.outcomeValid, invalid: shared.outcomeInvalid, indeterminate: shared.outcomeIndeterminate, refused: shared.outcomeRefused,
}
export const wordOf = (mark: Mark): Pair => words[mark]

// Circle, octagon, triangle, square.
const shapes: Record<Mark, readonly [string, string]> = {
  valid: ['M32 3a29 29 0 1 0 .01 0z', 'M17 33l11 11 20-23'],
  invalid: ['M20 3h24l17 17v24L44 61H20L3 44V20z', 'M21 21l22 22M43 21L21 43'],
  indeterminate: ['M32 3l30 56H2z', 'M25 30c0-10 14-9 13 0-.5 4-6 5-6 11M32 49v3'],
  refused: ['M4 4h56v56H4z', 'M18 32h28'],
}

export function Sign({ mark, size = 'large' }: { mark: Mark; size?: 'large' | 'small' }): JSX.Element {
  return (
    <svg class={`sign ${size} ${mark}`} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <path class="shape" d={shapes[mark][0]} />
      <path class="mark" d={shapes[mark][1]} />
    </svg>
  )
}
