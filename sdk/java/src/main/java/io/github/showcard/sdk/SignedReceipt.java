package io.github.showcard.sdk;

/** A receipt as a deployment hands it out, with its salts. File the two apart. */
public final class SignedReceipt {
  private final String receipt;
  private final Openings openings;

  private SignedReceipt(String receipt, Openings openings) {
    this.receipt = receipt;
    this.openings = openings;
  }

  static SignedReceipt of(Json json) {
    Openings o = Openings.of(json.get("openings"));
    if (json.textOf("receipt") == null || o == null) {
      throw ProblemException.malformed("no receipt");
    }
    return new SignedReceipt(json.textOf("receipt"), o);
  }

  /** Compact JWS: check it with {@link Receipt#verify}. */
  public String receipt() {
    return receipt;
  }

  /** The salts. */
  public Openings openings() {
    return openings;
  }
}
