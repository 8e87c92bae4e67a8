// How old something is. Two clocks measure it: one may be set back, the other may stop while the phone sleeps. The older counts, so
// that an expired code is never taken for a living one.
export interface Moment {
  readonly wall: number
  readonly steady: number
}
export const now = (): Moment => ({ wall: Date.now(), steady: performance.now() })
export const since = (m: Moment): number => Math.max(Date.now() - m.wall, performance.now() - m.steady)
/** Somewhere near a length of time: a city's phones must not ask in step. */
export const around = (ms: number): number => ms * (0.8 + Math.random() * 0.4)
