import { say } from '../kit/text'
import { walletnotes } from '../strings/walletnotes'

export const purposes = ['government-service', 'identity-check', 'account-opening', 'medical-registration', 'traffic-inspection', 'hotel-check-in'] as const

/** What a purpose is called; a code that this page does not know is shown as it is. */
export function purposeName(code: string | undefined): string {
  if (!code || code === 'any') return say(walletnotes.anyPurpose)
  const known = walletnotes[`for-${code}` as keyof typeof walletnotes]
  return known ? say(known) : code
}
