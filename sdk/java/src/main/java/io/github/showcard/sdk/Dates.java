package io.github.showcard.sdk;

import java.time.Duration;
import java.time.Instant;

/** NumericDate (RFC 7519 §2). */
final class Dates {
  /** 9999-12-31T23:59:59Z: beyond it nothing else agrees. */
  static final long MAX = 253402300799L;

  private Dates() {}

  /** Reads a claim; fractions are cut off. */
  static Instant numeric(Json claim) throws SyntaxException {
    if (claim == null || claim.number() == null) {
      throw new SyntaxException("not a NumericDate");
    }
    double seconds = Double.parseDouble(claim.number());
    if (seconds < 0 || seconds > MAX) {
      throw new SyntaxException("a date out of range");
    }
    return Instant.ofEpochSecond((long) seconds);
  }

  /** Whether "exp" has passed. */
  static boolean expired(Instant exp, Instant now, Duration skew) {
    return !now.minus(skew).isBefore(exp);
  }

  /** Whether "nbf" has not come. */
  static boolean early(Instant nbf, Instant now, Duration skew) {
    return now.plus(skew).isBefore(nbf);
  }
}
