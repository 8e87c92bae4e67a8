package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Whatever is changed in something good, it is refused with a code that is known, and nothing crashes. */
class MutationTest {
  private static final int EACH = 25;

  private static List<Path> good(String folder) {
    return Testdata.files(folder).stream().filter(p -> p.getFileName().toString().startsWith("good-")).collect(Collectors.toList());
  }

  @Test
  void presentations() {
    Random random = Testdata.random();
    for (Path file : good("testdata/vectors/sdjwt")) {
      Json v = Testdata.json(file);
      if (v.get("nonce") == null) {
        continue; // without a proof the holder's choice is not bound: fewer disclosures are good, too
      }
      for (int i = 0; i < EACH; i++) {
        run(v, "presentation", random, file);
      }
    }
  }

  @Test
  void offlineCodes() {
    Random random = Testdata.random();
    for (Path file : good("testdata/vectors/sdcwt")) {
      Json v = Testdata.json(file);
      for (int i = 0; i < EACH; i++) {
        run(v, "code", random, file);
      }
    }
  }

  private static void run(Json v, String member, Random random, Path file) {
    String text = v.textOf(member);
    String changed = mutate(text, random);
    if (changed.equals(text) || member.equals("code") && canonical(changed).equals(canonical(text))) {
      return; // the same in another dress
    }
    Vectors.Outcome got = Vectors.run(with(v, member, changed)); // throws nothing but refusals
    assertNotEquals("valid", got.code, () -> file + ": " + changed);
    assertTrue(Problems.codes().contains(got.code), got.code);
  }

  private static String canonical(String code) {
    try {
      return Code.parse(code).text();
    } catch (RefusedException e) {
      return e.code();
    }
  }

  private static Json with(Json v, String member, String value) {
    var all = new java.util.LinkedHashMap<>(v.members());
    all.put(member, Json.string(value));
    return Json.object(all);
  }

  private static String mutate(String text, Random random) {
    int at = random.nextInt(text.length());
    int to = at + random.nextInt(Math.min(40, text.length() - at) + 1);
    switch (random.nextInt(8)) {
      case 0:
        return text.substring(0, at) + text.substring(to); // cut out
      case 1:
        return text.substring(0, to) + text.substring(at); // doubled
      case 2:
        return text.substring(0, at);
      case 3:
        return text.substring(0, at) + "~.=AZ27\u0000é\ud83d{".charAt(random.nextInt(11)) + text.substring(at);
      case 4: // two places changed for one another
        int other = random.nextInt(text.length());
        StringBuilder b = new StringBuilder(text);
        b.setCharAt(at, text.charAt(other));
        b.setCharAt(other, text.charAt(at));
        return b.toString();
      default: // one character
        String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcxyz-_~.";
        return text.substring(0, at) + alphabet.charAt(random.nextInt(alphabet.length())) + text.substring(at + 1);
    }
  }

  /** Bits anywhere in the bytes of an offline code, past the grammar of the text. */
  @Test
  void bitsOfOfflineTokens() {
    Random random = Testdata.random();
    for (Path file : good("testdata/vectors/sdcwt")) {
      Json v = Testdata.json(file);
      byte[] token = Code.parse(v.textOf("code")).token();
      for (int i = 0; i < EACH; i++) {
        byte[] bad = token.clone();
        for (int n = random.nextInt(3); n >= 0; n--) {
          bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
        }
        if (java.util.Arrays.equals(bad, token)) {
          continue;
        }
        String code = "valid";
        try {
          OfflineToken t = OfflineToken.parse(bad);
          t.verifyIssuer(Vectors.key(v, "issuer"));
          t.verifyProof(java.util.Arrays.asList("any", "bank", "demo-bank", t.audience()), null, t.provedAt());
        } catch (RefusedException e) {
          code = e.code();
        }
        assertNotEquals("valid", code, file.toString());
      }
    }
  }
}
