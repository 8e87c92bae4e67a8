/**
 * Remembers which proofs were shown here. A proof counts for a minute after it was made and ten seconds before, so what is
 * older is forgotten, and the memory is bounded by how fast a clerk can scan.
 */
export class ReplayMemory {
  readonly #until = new Map<string, number>()
  readonly #most: number

  /** Remembers at most so many at once. When there are more, the checker refuses rather than forget. Default 100,000. */
  constructor(most = 100_000) {
    this.#most = most
  }

  /** How many are remembered. */
  get size(): number {
    return this.#until.size
  }

  /**
   * Whether a proof is shown for the first time, and remembers it. `issuedAt` is in seconds, `now` in milliseconds since 1970.
   * Only good proofs are to be remembered: a stranger must not fill the memory.
   */
  first(serial: string, issuedAt: number, now: number): boolean {
    const seen = this.#until.get(serial)
    if (seen !== undefined && seen >= now) return false
    if (this.#until.size >= this.#most) this.#forget(now)
    if (this.#until.size >= this.#most) return false
    // A minute of age, and ten seconds by which this clock may be set back.
    this.#until.set(serial, (issuedAt + 60 + 10) * 1000)
    return true
  }

  #forget(now: number): void {
    for (const [serial, until] of this.#until) if (until < now) this.#until.delete(serial)
  }
}
