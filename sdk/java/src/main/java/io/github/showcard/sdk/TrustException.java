package io.github.showcard.sdk;

/** A trust list or root set that is not to be believed, or that does not have what was looked for. */
public final class TrustException extends RefusedException {
  private static final long serialVersionUID = 1L;

  /** What is wrong. */
  public enum Fault {
    /** Not a document of this kind, or one that contradicts itself. */
    MALFORMED("trust-list-invalid"),
    /** The signature does not verify. */
    SIGNATURE("trust-list-invalid"),
    /** Too few different root keys signed. */
    THRESHOLD("trust-list-invalid"),
    /** Older than what was already seen. */
    ROLLED_BACK("trust-list-rolled-back"),
    /** Root sets were skipped: each is vouched for by the one before. */
    GAP("trust-list-invalid"),
    /** Expired. What can be known then is indeterminate, not invalid. */
    STALE("trust-list-stale"),
    /** Issued in the future. */
    FUTURE("trust-list-unavailable"),
    /** It could not be had. */
    UNAVAILABLE("trust-list-unavailable"),
    /** No issuing authority has this {@code iss}. */
    ISSUER_UNKNOWN("issuer-untrusted"),
    /** The key is not among those of its supposed owner. */
    KEY_UNKNOWN("issuer-untrusted"),
    /** The key is compromised: nothing it ever signed counts. */
    KEY_FROZEN("key-frozen"),
    /** Signed outside the dates of the key or its owner. */
    KEY_DATES("key-out-of-dates"),
    /** The issuer or provider is frozen as a whole. */
    FROZEN("issuer-frozen");

    private final String code;

    Fault(String code) {
      this.code = code;
    }
  }

  private final Fault fault;

  TrustException(Fault fault, String detail) {
    this(fault, fault.code, detail);
  }

  TrustException(Fault fault, String code, String detail) {
    super(code, detail);
    this.fault = fault;
  }

  /** What is wrong. */
  public Fault fault() {
    return fault;
  }
}
