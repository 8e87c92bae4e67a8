package io.github.showcard.sdk;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** What came of checking an offline code. */
public final class OfflineResult extends Result {
  private Duration age;
  private Instant statusAsOf;
  private String view;

  OfflineResult(Instant checkedAt) {
    super(checkedAt);
  }

  void measured(Duration age) {
    this.age = age;
  }

  void view(String name) {
    view = name;
  }

  void knownAsOf(Instant at) {
    statusAsOf = at;
  }

  /**
   * How long before the check the proof was made, by the two clocks: negative when the device's is ahead. Show it to the clerk when it
   * is out of the window: one of the two clocks is wrong, or it is a photograph. Empty when nothing could be read.
   */
  public Optional<Duration> age() {
    return Optional.ofNullable(age);
  }

  /** Which view of the certificate was shown, such as {@code identity}; empty when it is not valid in form. */
  public Optional<String> view() {
    return Optional.ofNullable(view);
  }

  /** As of when it is known that nothing was revoked: always show it. */
  public Optional<Instant> statusAsOf() {
    return Optional.ofNullable(statusAsOf);
  }
}
