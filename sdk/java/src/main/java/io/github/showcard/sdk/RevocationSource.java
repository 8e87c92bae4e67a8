package io.github.showcard.sdk;

import java.time.Instant;
import java.util.Optional;

/** Knows which offline codes were revoked before their 24 hours were over: {@link Bundles} does. */
public interface RevocationSource {
  /**
   * Whether an authority's statement was revoked.
   *
   * @param serial as {@link OfflineToken#serial()} gives it
   */
  boolean revoked(String serial);

  /** As of when this is known; empty when nothing is. */
  Optional<Instant> asOf();
}
