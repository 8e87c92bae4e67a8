package io.github.showcard.sdk;

import java.time.Instant;
import java.util.Optional;

/** A public key with the time in which it signs. The dates bound the {@code iat} of what it signed, both ends included. */
public final class DatedKey {
  private final EcKey key;
  private final Instant notBefore;
  private final Instant notAfter;
  private final boolean frozen;

  DatedKey(EcKey key, Instant notBefore, Instant notAfter, boolean frozen) {
    this.key = key;
    this.notBefore = notBefore;
    this.notAfter = notAfter;
    this.frozen = frozen;
  }

  DatedKey freeze() {
    return new DatedKey(key, notBefore, notAfter, true);
  }

  /** The key. */
  public EcKey key() {
    return key;
  }

  /** Since when it signs; empty: since ever. */
  public Optional<Instant> notBefore() {
    return Optional.ofNullable(notBefore);
  }

  /** Until when it signs; empty: open. */
  public Optional<Instant> notAfter() {
    return Optional.ofNullable(notAfter);
  }

  /** Whether somebody else may have had it in hand: nothing that it ever signed counts. */
  public boolean frozen() {
    return frozen;
  }

  /** The key, if something signed at iat is its own. */
  EcKey at(Instant iat) {
    if (frozen) {
      throw new TrustException(TrustException.Fault.KEY_FROZEN, "");
    }
    if (!within(notBefore, notAfter, iat)) {
      throw new TrustException(TrustException.Fault.KEY_DATES, "");
    }
    return key;
  }

  /** An unknown iat is outside: without a date, dates cannot be kept. */
  static boolean within(Instant from, Instant until, Instant iat) {
    return iat != null && (from == null || !iat.isBefore(from)) && (until == null || !iat.isAfter(until));
  }
}
