package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A certificate as it was shown: SD-JWT VC (RFC 9901), read and taken apart, and trusted in nothing before
 * {@link #verifyIssuer}. {@link Verifier} does all of it in the right order; this is for who holds the issuer's key already.
 *
 * <pre>{@code
 * SdJwt shown = SdJwt.parse(presentation);          // form, disclosures, the rules of SD-JWT VC
 * shown.verifyIssuer(issuerKey);                    // the issuer
 * shown.checkDates(now, Duration.ofSeconds(10));    // nbf and exp
 * shown.verifyBinding(audience, nonce, now);        // the holder
 * Claims claims = shown.claims();
 * }</pre>
 *
 * <p>Every method throws {@link RefusedException} with the code of {@code testdata/vectors}.
 */
public final class SdJwt {
  /** Why a text is no presentation. */
  static final class Invalid extends Exception {
    private static final long serialVersionUID = 1L;
    final String code;

    Invalid(String code, String detail) {
      super(detail, null, false, false);
      this.code = code;
    }
  }

  static final String DIGESTS = "_sd";
  static final String HASH = "_sd_alg";
  static final String ELEMENT = "...";

  /** How old a holder's proof may be. */
  public static final Duration MAX_PROOF_AGE = Duration.ofSeconds(60);
  /** How far clocks may differ. */
  public static final Duration SKEW = Duration.ofSeconds(10);

  private static final String TYPE = "dc+sd-jwt";
  private static final String TYPE_BINDING = "kb+jwt";
  private static final int MAX_SIZE = 256 << 10;
  private static final int MAX_DISCLOSURES = 512;
  /** What a verifier must always see: SD-JWT VC, "Claims". */
  private static final List<String> PERMANENT = Arrays.asList("iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status");

  private final Jws token;
  private final String bound; // the text that sd_hash covers
  private final String keyBinding; // "" when there is none
  private final SdJwtProcessor processed;
  private final List<Disclosure> disclosures;

  private SdJwt(Jws token, String bound, String keyBinding, SdJwtProcessor processed, List<Disclosure> disclosures) {
    this.token = token;
    this.bound = bound;
    this.keyBinding = keyBinding;
    this.processed = processed;
    this.disclosures = disclosures;
  }

  /**
   * Reads a presentation and applies all rules that need no key.
   *
   * @param text {@code JWT~disclosure~…~KB-JWT}
   * @throws RefusedException with the code of what is wrong with it
   */
  public static SdJwt parse(String text) {
    try {
      return read(text);
    } catch (Invalid e) {
      throw new RefusedException(e.code, e.getMessage());
    }
  }

  private static SdJwt read(String text) throws Invalid {
    int first = text.indexOf('~');
    int last = text.lastIndexOf('~');
    if (text.length() > MAX_SIZE || first < 0) {
      throw new Invalid("presentation-malformed", first < 0 ? "a JWT without ~ is not an SD-JWT" : "too long");
    }
    Jws token;
    try {
      token = Jws.parse(text.substring(0, first), TYPE);
    } catch (Jws.Invalid e) {
      throw new Invalid(e.fault == Jws.Fault.ALGORITHM ? "algorithm-not-allowed" : "presentation-malformed", e.getMessage());
    }
    List<Disclosure> disclosures = new ArrayList<>();
    if (first < last) {
      String[] parts = text.substring(first + 1, last).split("~", -1);
      if (parts.length > MAX_DISCLOSURES) {
        throw new Invalid("presentation-malformed", "too many disclosures");
      }
      for (String part : parts) {
        disclosures.add(Disclosure.parse(part));
      }
    }
    SdJwtProcessor processed = new SdJwtProcessor(token.payload, disclosures);
    SdJwt shown = new SdJwt(token, text.substring(0, last + 1), text.substring(last + 1), processed, disclosures);
    shown.checkCredential();
    return shown;
  }

  /** The rules of SD-JWT VC: "vct" is there, and nothing that must be open was, or could be, kept back. */
  private void checkCredential() throws Invalid {
    for (Disclosure d : disclosures) {
      if (d.top && PERMANENT.contains(d.name)) {
        throw new Invalid("presentation-malformed", d.name + " is selectively disclosable");
      }
    }
    for (String name : processed.holes) {
      if (PERMANENT.contains(name)) {
        throw new Invalid("presentation-malformed", name + " is selectively disclosable");
      }
    }
    Json vct = claim("vct");
    Json iss = claim("iss");
    if (vct == null || vct.text() == null || vct.text().isEmpty()) {
      throw new Invalid("presentation-malformed", "no vct");
    }
    if (iss != null && (iss.text() == null || iss.text().isEmpty())) {
      throw new Invalid("presentation-malformed", "iss is not a string");
    }
  }

  /**
   * Checks the issuer's signature. The key decides the algorithm.
   *
   * @param issuer the trusted key
   */
  public void verifyIssuer(EcKey issuer) {
    try {
      token.verify(issuer);
    } catch (Jws.Invalid e) {
      String code =
          e.fault == Jws.Fault.ALGORITHM
              ? "algorithm-not-allowed"
              : e.fault == Jws.Fault.ENCODING ? "signature-encoding" : "signature-invalid";
      throw new RefusedException(code, e.getMessage());
    }
  }

  /**
   * Checks {@code nbf} and {@code exp} where they are present.
   *
   * @param now the time of checking
   * @param skew how far clocks may differ
   */
  public void checkDates(Instant now, Duration skew) {
    try {
      if (claim("exp") != null && Dates.expired(Dates.numeric(claim("exp")), now, skew)) {
        throw new RefusedException("certificate-expired", "");
      }
      if (claim("nbf") != null && Dates.early(Dates.numeric(claim("nbf")), now, skew)) {
        throw new RefusedException("certificate-not-yet-valid", "");
      }
    } catch (SyntaxException e) {
      throw new RefusedException("presentation-malformed", "exp or nbf: " + e.getMessage());
    }
  }

  /** The key that may show the certificate, {@code cnf.jwk} (RFC 7800 §3.2). */
  public EcKey confirmation() {
    Json cnf = claim("cnf");
    if (cnf == null) {
      throw new RefusedException("holder-binding-missing", "the certificate is bound to no key");
    }
    try {
      if (cnf.get("jwk") == null) {
        throw new RefusedException("holder-binding-invalid", "no jwk in cnf");
      }
      return EcKey.ofJwk(cnf.get("jwk"));
    } catch (EcKey.Unusable e) {
      throw new RefusedException("holder-binding-invalid", "cnf: " + e.getMessage());
    }
  }

  /**
   * Checks the holder's proof: her signature, over exactly these disclosures, for this checker, its nonce, and now
   * (RFC 9901 §7.3).
   *
   * @param audience who we are
   * @param nonce the challenge that we made
   * @param now the time of checking
   */
  public void verifyBinding(String audience, String nonce, Instant now) {
    verifyBinding(confirmation(), audience, nonce, now, MAX_PROOF_AGE, SKEW);
  }

  void verifyBinding(EcKey holder, String audience, String nonce, Instant now, Duration maxAge, Duration skew) {
    if (keyBinding.isEmpty()) {
      throw new RefusedException("holder-binding-missing", "no proof of the holder");
    }
    if (audience == null || audience.isEmpty() || nonce == null || nonce.isEmpty()) {
      throw new RefusedException("holder-binding-invalid", "nothing to check the proof against");
    }
    try {
      Jws proof = Jws.parse(keyBinding, TYPE_BINDING);
      proof.verify(holder);
      Map<String, Json> said = proof.payload.members();
      same(said.get("sd_hash"), Base64Url.encode(processed.hash.sum(bound.getBytes(StandardCharsets.US_ASCII))), "holder-binding-invalid");
      same(said.get("nonce"), nonce, "nonce-wrong");
      same(said.get("aud"), audience, "audience-wrong");
      Instant iat = Dates.numeric(said.get("iat"));
      if (iat.isAfter(now.plus(skew))) {
        throw new RefusedException("proof-from-future", "");
      }
      if (iat.isBefore(now.minus(maxAge))) {
        throw new RefusedException("proof-too-old", "");
      }
      checkBounds(said, now, skew);
    } catch (Jws.Invalid | SyntaxException e) {
      throw new RefusedException("holder-binding-invalid", e.getMessage());
    }
  }

  /** A wallet may bound its proof further. */
  private static void checkBounds(Map<String, Json> said, Instant now, Duration skew) {
    Json exp = said.get("exp");
    Json nbf = said.get("nbf");
    try {
      if (exp != null && Dates.expired(Dates.numeric(exp), now, skew) || nbf != null && Dates.early(Dates.numeric(nbf), now, skew)) {
        throw new RefusedException("proof-too-old", "outside of its own dates");
      }
    } catch (SyntaxException e) {
      throw new RefusedException("proof-too-old", e.getMessage());
    }
  }

  private static void same(Json claim, String want, String wrong) throws SyntaxException {
    if (claim == null || claim.text() == null) {
      throw new SyntaxException("a claim of the proof is missing or no string");
    }
    if (!MessageDigest.isEqual(claim.text().getBytes(StandardCharsets.UTF_8), want.getBytes(StandardCharsets.UTF_8))) {
      throw new RefusedException(wrong, "");
    }
  }

  /** Everything that is said openly or was disclosed, digests gone (RFC 9901 §7.1). Trust it after the checks. */
  public Claims claims() {
    return new Claims(processed.claims);
  }

  /** What the holder chose to show, at the top level. */
  public Claims disclosed() {
    Map<String, Json> out = new LinkedHashMap<>();
    for (Disclosure d : disclosures) {
      if (d.top) {
        out.put(d.name, processed.claims.get(d.name));
      }
    }
    return new Claims(out);
  }

  /** Whether a holder's proof came along. Whether one is wanted is the checker's rule, never read off here. */
  public boolean hasBinding() {
    return !keyBinding.isEmpty();
  }

  Json claim(String name) {
    return processed.claims.get(name);
  }

  String keyId() {
    return token.keyId;
  }

  List<byte[]> chain() {
    return token.x5c;
  }

  @Override
  public String toString() {
    return "[SD-JWT redacted]";
  }
}
