package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Runs one file of testdata/vectors and gives its code, in the order of testdata/vectors/README.md. */
final class Vectors {
  /** What came of one. */
  static final class Outcome {
    final String code;
    final Claims claims;

    Outcome(String code, Claims claims) {
      this.code = code;
      this.claims = claims;
    }
  }

  private Vectors() {}

  static Outcome run(Json v) {
    return v.get("presentation") != null ? presentation(v) : offline(v);
  }

  private static Outcome presentation(Json v) {
    try {
      Instant now = Instant.ofEpochSecond(v.get("now").integer());
      SdJwt shown = SdJwt.parse(v.textOf("presentation"));
      shown.verifyIssuer(key(v, "issuer"));
      shown.checkDates(now, SdJwt.SKEW);
      if (v.get("nonce") != null) {
        shown.verifyBinding(v.textOf("aud"), v.textOf("nonce"), now);
      }
      return new Outcome("valid", shown.claims());
    } catch (RefusedException e) {
      return new Outcome(e.code(), null);
    }
  }

  private static Outcome offline(Json v) {
    try {
      Instant now = Instant.ofEpochSecond(v.get("now").integer());
      OfflineToken t = OfflineToken.parse(Code.parse(v.textOf("code")));
      t.verifyIssuer(key(v, "issuer"));
      t.checkDates(now);
      List<String> audiences = new ArrayList<>();
      v.get("audiences").elements().forEach(a -> audiences.add(a.text()));
      byte[] nonce = v.textOf("nonce") == null ? null : Base64.getUrlDecoder().decode(v.textOf("nonce").getBytes(StandardCharsets.US_ASCII));
      t.verifyProof(audiences, nonce, now);
      return new Outcome("valid", CertificateTypes.builtIn().read(t));
    } catch (RefusedException e) {
      return new Outcome(e.code(), null);
    }
  }

  static EcKey key(Json v, String name) {
    return EcKey.parseJwk(v.get(name).json());
  }
}
