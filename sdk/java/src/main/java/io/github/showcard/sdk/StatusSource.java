package io.github.showcard.sdk;

import java.time.Duration;
import java.time.Instant;

/** Tells the status of a certificate. */
@FunctionalInterface
public interface StatusSource {
  /**
   * The status.
   *
   * @param reference where it stands
   * @param home the issuer's domain in the trust list: whose word on the status counts
   * @throws RefusedException when it is not known
   */
  Answer status(StatusReference reference, TrustDomain home);

  /** A status and how old the knowledge is. */
  final class Answer {
    final Status status;
    final Instant asOf;
    final String source;
    final Duration maxAge;
    final boolean strict;

    /**
     * Makes one.
     *
     * @param status what it is
     * @param asOf when it was so
     * @param source {@code list}, {@code cache} or {@code bundle}
     * @param maxAge how old this source's word may grow before it counts as unknown, when that is more than the verifier's own bound
     */
    public Answer(Status status, Instant asOf, String source, Duration maxAge) {
      this(status, asOf, source, maxAge, false);
    }

    private Answer(Status status, Instant asOf, String source, Duration maxAge, boolean strict) {
      this.status = status;
      this.asOf = asOf;
      this.source = source;
      this.maxAge = maxAge;
      this.strict = strict;
    }

    /** One that may grow as old as its source says and no older, whatever the verifier's own bound is. */
    static Answer bounded(Status status, Instant asOf, String source, Duration maxAge) {
      return new Answer(status, asOf, source, maxAge, true);
    }

    /** How old it may be for a verifier with a bound of its own. */
    Duration bound(Duration verifiers) {
      return strict || maxAge.compareTo(verifiers) > 0 ? maxAge : verifiers;
    }
  }
}
