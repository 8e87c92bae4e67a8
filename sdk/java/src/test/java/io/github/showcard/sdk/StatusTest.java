package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class StatusTest {
  private static void refused(String code, Executable what) {
    assertEquals(code, assertThrows(RefusedException.class, what).code());
  }

  /** The test vectors of the draft: 2^20 entries in 1, 2, 4 and 8 bits. */
  @Test
  void vectorsOfTheDraft() {
    Json all = Testdata.json(Testdata.ROOT.resolve("crypto/statuslist/testdata/vectors.json"));
    World w = new World(Algorithm.ES256);
    TrustDomain home = w.trust().domain("TEST").orElseThrow();
    all.members().forEach((bits, v) -> {
      Map<String, Object> claims = w.statusClaims();
      claims.put("status_list", World.map("bits", v.get("bits"), "lst", v.textOf("lst")));
      StatusList l = StatusList.parse(Jws.sign(w.statusKey, "statuslist+jwt", w.statusKey.publicKey().id(), claims), World.BASE + "/status/1", home, World.NOW);
      assertEquals(v.get("entries").integer(), l.size());
      v.get("statuses").members().forEach((at, want) -> assertEquals(Status.of(want.integer().intValue()), l.get(Long.parseLong(at)), "entry " + at));
      int set = 0;
      for (long i = 0; i < l.size(); i++) {
        set += l.get(i) == Status.VALID ? 0 : 1;
      }
      assertEquals(v.get("statuses").members().values().stream().filter(want -> want.integer() != 0).count(), set);
      refused("status-index-out-of-range", () -> l.get(l.size()));
      refused("status-index-out-of-range", () -> l.get(-1));
    });
  }

  private static void bent(String code, Consumer<Map<String, Object>> bend) {
    World w = new World(Algorithm.SM2);
    Map<String, Object> claims = w.statusClaims();
    bend.accept(claims);
    String text = Jws.sign(w.statusKey, "statuslist+jwt", w.statusKey.publicKey().id(), claims);
    refused(code, () -> StatusList.parse(text, World.BASE + "/status/1", w.trust().domain("TEST").orElseThrow(), World.NOW));
  }

  private static Object list(int bits, byte[] packed) {
    return World.map("bits", bits, "lst", Base64Url.encode(packed));
  }

  @Test
  void whatIsWrongWithAList() {
    byte[] good = World.zlib(new byte[256]);
    byte[] checksum = good.clone();
    checksum[checksum.length - 1] ^= 1;
    bent("status-list-invalid", c -> c.remove("sub"));
    bent("status-list-invalid", c -> c.put("sub", 1));
    bent("status-list-invalid", c -> c.put("iat", 1.5));
    bent("status-list-invalid", c -> c.put("exp", null));
    bent("status-list-invalid", c -> c.put("exp", 1));
    bent("status-list-invalid", c -> c.put("ttl", 0));
    bent("status-list-invalid", c -> c.put("status_list", null));
    bent("status-list-invalid", c -> c.put("status_list", list(3, good)));
    bent("status-list-invalid", c -> c.put("status_list", World.map("bits", 2, "lst", Base64Url.encode(good) + "=")));
    bent("status-list-invalid", c -> c.put("status_list", list(2, new byte[] {1, 2, 3})));
    bent("status-list-invalid", c -> c.put("status_list", list(2, new byte[0])));
    bent("status-list-invalid", c -> c.put("status_list", list(2, checksum)));
    bent("status-list-invalid", c -> c.put("status_list", list(2, Arrays.copyOf(good, good.length - 3))));
    bent("status-list-invalid", c -> c.put("status_list", list(2, Arrays.copyOf(good, good.length + 1))));
    bent("status-list-invalid", c -> c.put("status_list", list(2, World.zlib(new byte[0]))));
    bent("status-list-wrong-signer", c -> c.put("sub", World.BASE + "/status/2"));
    bent("status-stale", c -> c.put("exp", World.seconds(World.NOW)));
    bent("status-unavailable", c -> c.put("iat", World.seconds(World.NOW) + 61));
    // A few kilobytes that claim to be gigabytes, or here as much more than a list has.
    bent("status-unavailable", c -> c.put("status_list", list(1, World.zlib(new byte[(1 << 21) + 1]))));
  }

  @Test
  void anotherKeyIsNoSigner() {
    World w = new World(Algorithm.SM2);
    TrustDomain home = w.trust().domain("TEST").orElseThrow();
    String id = w.statusKey.publicKey().id();
    refused("status-list-invalid", () -> StatusList.parse(Jws.sign(w.issuerKey, "statuslist+jwt", id, w.statusClaims()), World.BASE + "/status/1", home, World.NOW));
    refused("issuer-untrusted", () -> StatusList.parse(Jws.sign(w.issuerKey, "statuslist+jwt", w.issuerKey.publicKey().id(), w.statusClaims()), World.BASE + "/status/1", home, World.NOW));
    refused("status-list-invalid", () -> StatusList.parse(Jws.sign(w.statusKey, "JWT", id, w.statusClaims()), World.BASE + "/status/1", home, World.NOW));
  }
}
