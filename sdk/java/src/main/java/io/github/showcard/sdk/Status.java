package io.github.showcard.sdk;

/** The public status of a certificate (Token Status List §7.1). */
public enum Status {
  /** It stands. */
  VALID,
  /** It has ended, for good. */
  INVALID,
  /** It is suspended, and may come back. */
  SUSPENDED,
  /** A value for applications, which nobody here writes: no certificate with it stands. */
  OTHER;

  static Status of(int value) {
    return value < 3 ? values()[value] : OTHER;
  }
}
