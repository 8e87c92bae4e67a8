package io.github.showcard.sdk;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A check that was made without a network, as {@link Client#settle} reports it (docs/formats.md §8.5). It holds the code, which
 * anybody can read: what keeps it belongs on a disk that is encrypted. It does not print.
 */
public final class OfflineReport {
  private final Json json;
  private final Instant checkedAt;

  private OfflineReport(Json json) throws SyntaxException {
    try {
      checkedAt = OffsetDateTime.parse(String.valueOf(json.textOf("checked_at"))).toInstant(); // other programs write their own zone
    } catch (DateTimeParseException e) {
      throw new SyntaxException("checked_at");
    }
    if (json.textOf("code") == null || json.textOf("purpose") == null || json.textOf("outcome") == null) {
      throw new SyntaxException("no code, purpose or outcome");
    }
    this.json = json;
  }

  /**
   * Writes a check down.
   *
   * @param scanned as it was given to {@link OfflineVerifier#verify}
   * @param result what it said
   * @param purpose what for, a code that the registry lets us use
   */
  public static OfflineReport of(String scanned, OfflineResult result, String purpose) {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("code", scanned);
    m.put("checked_at", result.checkedAt().toString());
    m.put("purpose", purpose);
    m.put("outcome", result.outcome().wire());
    m.put("reasons", result.codes());
    result.statusAsOf().ifPresent(at -> m.put("bundle_as_of", at.toString()));
    return made(m);
  }

  /**
   * The same, of a code that answered the checker's own.
   *
   * @param nonce that the checker's code showed
   */
  public OfflineReport nonce(byte[] nonce) {
    return with("asked", Collections.singletonMap("nonce", Base64Url.encode(nonce)));
  }

  /** The same; and the clerk has compared the person with what she carries. */
  public OfflineReport personCompared() {
    return with("person_compared", true);
  }

  /** As scanned. */
  public String code() {
    return json.textOf("code");
  }

  /** When, by the checker's clock. */
  public Instant checkedAt() {
    return checkedAt;
  }

  /** What for. */
  public String purpose() {
    return json.textOf("purpose");
  }

  /** What the checker said. */
  public Outcome outcome() {
    return Outcome.of(json.textOf("outcome"));
  }

  /** As it travels, and as a queue keeps it. */
  Json json() {
    return json;
  }

  static OfflineReport read(Json json) throws SyntaxException {
    return new OfflineReport(json);
  }

  private OfflineReport with(String name, Object value) {
    Map<String, Object> m = new LinkedHashMap<>(json.members());
    m.put(name, value);
    return made(m);
  }

  private static OfflineReport made(Map<String, Object> members) {
    try {
      return new OfflineReport(Json.parse(JsonText.of(members), 4));
    } catch (SyntaxException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  @Override
  public String toString() {
    return outcome().wire() + " at " + checkedAt;
  }
}
