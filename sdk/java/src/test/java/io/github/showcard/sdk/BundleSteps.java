package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A checker that does what a file of testdata/vectors/bundle says, step by step, and tells what came of each. */
final class BundleSteps {
  static final List<String> GOOD = Arrays.asList("taken", "valid", "invalid", "suspended", "application-specific");

  private final Json vector;
  private final Hands clock = new Hands();
  private Bundles bundles;
  private OfflineVerifier verifier;

  BundleSteps(Json vector) {
    this.vector = vector;
    begin();
  }

  /** With nothing but the pinned roots. */
  private void begin() {
    bundles = new Bundles(vector.textOf("base"), vector.textOf("roots").getBytes(StandardCharsets.UTF_8), true, Bundles.DAY, clock);
    verifier = new OfflineVerifier(bundles, bundles, new ReplayMemory(), Arrays.asList("any", "bank"), CertificateTypes.builtIn(), clock, Bundles.DAY);
  }

  List<String> run() {
    List<String> out = new ArrayList<>();
    for (Json step : vector.get("steps").elements()) {
      clock.at = Instant.ofEpochSecond(step.get("at").integer());
      try {
        out.add(step(step));
      } catch (RefusedException e) {
        out.add(e.code());
      }
    }
    return out;
  }

  private String step(Json s) {
    switch (s.textOf("do")) {
      case "take":
        bundles.take(bytes(s.textOf("bundle")));
        return "taken";
      case "restart":
        List<byte[]> kept = bundles.kept();
        begin();
        bundles.restore(kept);
        return "taken";
      case "wants":
        return CanonicalJson.of(Testdata.json(bundles.wants().json()));
      case "status":
        Status status = bundles.entry(s.textOf("list"), s.get("idx") == null ? 0 : s.get("idx").integer()).status;
        return status == Status.OTHER ? "application-specific" : status.name().toLowerCase(java.util.Locale.ROOT);
      case "check":
        return check(verifier.verify(s.textOf("code")));
      default:
        throw new IllegalArgumentException(s.textOf("do"));
    }
  }

  /** The one reason why not; of what no vector says, there may be several. */
  private static String check(OfflineResult r) {
    return r.valid() ? "valid" : String.join("+", r.codes());
  }

  private static byte[] bytes(String text) {
    try {
      return Base64Url.decode(text == null ? "" : text); // one is empty
    } catch (SyntaxException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
