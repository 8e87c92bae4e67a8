package io.github.showcard.sdk;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/**
 * What was shown to this checker within the window of a proof. A photograph that is shown a second time is found; two checkers who
 * do not know of one another cannot find it. One memory for all threads and all verifiers of a counter.
 */
public final class ReplayMemory {
  private final int most;
  private final Map<String, Instant> shown = new HashMap<>();

  /** Remembers up to 100,000 proofs at once: more than a thousand a second. */
  public ReplayMemory() {
    this(100_000);
  }

  /**
   * Makes a memory.
   *
   * @param most how many proofs are remembered at once; beyond them codes are refused, not forgotten
   */
  public ReplayMemory(int most) {
    this.most = most;
  }

  /**
   * Notes a proof that was found good.
   *
   * @throws RefusedException {@code code-replayed} when it was shown before, {@code overloaded} when there is no room
   */
  synchronized void once(String proof, Instant until, Instant now) {
    if (shown.containsKey(proof)) {
      throw new RefusedException("code-replayed", "");
    }
    if (shown.size() >= most) {
      shown.values().removeIf(end -> end.isBefore(now));
      if (shown.size() >= most) {
        throw new RefusedException("overloaded", "the memory of what was shown is full");
      }
    }
    shown.put(proof, until);
  }

  /** How many proofs are remembered. */
  public synchronized int size() {
    return shown.size();
  }
}
