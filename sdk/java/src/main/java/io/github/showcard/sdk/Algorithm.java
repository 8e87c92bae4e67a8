package io.github.showcard.sdk;

/** The two algorithms that showcard signs with. A key has one; no token chooses. */
public enum Algorithm {
  /** SM2 over SM3, the national profile ({@code docs/profile-sm.md}). */
  SM2("SGD_SM3_SM2", "sm2p256v1", -65537, -65537),
  /** ECDSA on P-256 over SHA-256, the international profile. */
  ES256("ES256", "P-256", -7, 1);

  private final String jose;
  private final String curve;
  private final long cose;
  private final long coseCurve;

  Algorithm(String jose, String curve, long cose, long coseCurve) {
    this.jose = jose;
    this.curve = curve;
    this.cose = cose;
    this.coseCurve = coseCurve;
  }

  /** The {@code alg} of a JWS. */
  public String joseName() {
    return jose;
  }

  /** The {@code crv} of a JWK. */
  public String curveName() {
    return curve;
  }

  long coseNumber() {
    return cose;
  }

  long coseCurve() {
    return coseCurve;
  }

  /** Names that older libraries write for SM2: known, so that they can be refused as what they are. */
  static boolean known(String alg) {
    return alg.equals(SM2.jose) || alg.equals(ES256.jose) || alg.equals("SM2") || alg.equals("SM2SM3");
  }
}
