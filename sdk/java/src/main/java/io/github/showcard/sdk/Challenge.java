package io.github.showcard.sdk;

import java.time.Instant;
import java.time.format.DateTimeParseException;

/** A single-use challenge that a holder's program answers with a presentation. */
public final class Challenge {
  private final String nonce;
  private final String audience;
  private final Instant expiresAt;

  private Challenge(String nonce, String audience, Instant expiresAt) {
    this.nonce = nonce;
    this.audience = audience;
    this.expiresAt = expiresAt;
  }

  static Challenge of(Json json) {
    try {
      if (json.textOf("nonce") != null && json.textOf("aud") != null && json.textOf("expires_at") != null) {
        return new Challenge(json.textOf("nonce"), json.textOf("aud"), Instant.parse(json.textOf("expires_at")));
      }
    } catch (DateTimeParseException e) {
      // below
    }
    throw ProblemException.malformed("no challenge");
  }

  /** What the proof must carry as {@code nonce}. */
  public String nonce() {
    return nonce;
  }

  /** What the proof must carry as {@code aud}: who we are. */
  public String audience() {
    return audience;
  }

  /** When it ends. */
  public Instant expiresAt() {
    return expiresAt;
  }
}
