package io.github.showcard.sdk;

import java.util.Locale;

/** The one word a clerk acts on. Only {@link #VALID} is a yes. */
public enum Outcome {
  /** Every required check passed, with fresh status and trust. */
  VALID,
  /** A check failed. */
  INVALID,
  /** Nothing failed, but something could not be known. */
  INDETERMINATE;

  /** A word that this version does not know is never a yes. */
  static Outcome of(String wire) {
    for (Outcome o : values()) {
      if (o.wire().equals(wire)) {
        return o;
      }
    }
    return INDETERMINATE;
  }

  /** As it travels. */
  public String wire() {
    return name().toLowerCase(Locale.ROOT);
  }
}
