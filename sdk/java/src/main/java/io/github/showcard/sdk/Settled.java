package io.github.showcard.sdk;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** The answer to {@link Client#settle}. */
public final class Settled {
  private final List<SettledCheck> checks;
  private final Duration retryAfter;

  private Settled(List<SettledCheck> checks, Duration retryAfter) {
    this.checks = Collections.unmodifiableList(checks);
    this.retryAfter = retryAfter;
  }

  static Settled of(Json json, int reported) {
    List<SettledCheck> checks = new ArrayList<>();
    if (json.get("checks") != null) {
      json.get("checks").elements().forEach(one -> checks.add(SettledCheck.of(one)));
    }
    if (checks.isEmpty() || checks.size() > reported) {
      throw ProblemException.malformed(checks.size() + " answers to " + reported + " checks");
    }
    Long seconds = json.get("retry_after") == null ? null : json.get("retry_after").integer();
    return new Settled(checks, seconds == null || seconds < 0 ? null : Duration.ofSeconds(Math.min(seconds, 86400)));
  }

  /** In the order of the reports. Fewer than those: report the rest again, after {@link #retryAfter()}. */
  public List<SettledCheck> checks() {
    return checks;
  }

  /** How long to wait before the rest. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }
}
