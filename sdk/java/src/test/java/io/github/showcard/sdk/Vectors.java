package io.github.showcard.sdk;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

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
    if (v.get("steps") != null) {
      return new Outcome(String.join(" ", new BundleSteps(v).run()), null);
    }
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
      byte[] nonce = v.textOf("nonce") == null ? null : Testdata.hex(v.textOf("nonce"));
      t.verifyProof(audiences, nonce, now);
      return new Outcome("valid", said(t, CertificateTypes.builtIn().read(t)));
    } catch (RefusedException e) {
      return new Outcome(e.code(), null);
    }
  }

  /** What an offline code says, as the vectors spell it. */
  private static Claims said(OfflineToken t, CertificateTypes.Reading r) {
    Map<String, Object> proof = World.map("serial", t.proofSerial(), "iat", t.provedAt().getEpochSecond(), "aud", t.audience());
    t.nonce().ifPresent(n -> proof.put("nonce", n));
    Map<String, Object> all = World.map("kid", t.keyId(), "serial", t.serial(), "iat", t.issuedAt().getEpochSecond(), "exp", t.expires().getEpochSecond());
    all.putAll(World.map("type", r.type, "version", t.version(), "view", r.view, "region", t.region(), "fields", r.claims.values(), "proof", proof));
    return new Claims(Testdata.json(JsonText.of(all)).members());
  }

  static EcKey key(Json v, String name) {
    return EcKey.parseJwk(v.get(name).json());
  }
}
