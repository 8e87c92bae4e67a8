package io.github.showcard.sdk;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;

/** A clock that a test moves. */
final class Hands extends Clock {
  Instant at = World.NOW;

  @Override
  public ZoneId getZone() {
    return ZoneId.of("UTC");
  }

  @Override
  public Clock withZone(ZoneId zone) {
    return this;
  }

  @Override
  public Instant instant() {
    return at;
  }
}
