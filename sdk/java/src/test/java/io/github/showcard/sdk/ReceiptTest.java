package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReceiptTest {
  @ParameterizedTest
  @EnumSource(Algorithm.class)
  void readsAndCompares(Algorithm a) {
    World w = new World(a);
    Receipt r = Receipt.verify(w.receipt(w.receiptClaims()), w.trust(), World.NOW);
    assertEquals("check-1", r.id());
    assertEquals("bank", r.party());
    assertEquals("Bank", r.partyName().orElseThrow().en());
    assertEquals("valid", r.outcome());
    assertEquals(2, r.fields().size());
    Openings salts = new Openings(World.SALT, Map.of("name", World.SALT, "points", World.SALT));
    Claims right = new Claims(Testdata.json("{\"name\":\"\\u5f20示例\",\"points\":1.50}").members());
    assertEquals("{=MATCHES, name=MATCHES, points=MATCHES}", r.compare("1.2.156.3005.2.x", right, salts).toString());
    Claims wrong = new Claims(Testdata.json("{\"name\":\"李样本\",\"age\":1}").members());
    assertEquals("{=NO_VALUE, name=DIFFERS, points=NO_VALUE, age=FOREIGN}", r.compare(null, wrong, salts).toString());
    assertEquals("{=NO_SALT, name=NO_SALT, points=NO_SALT}", r.compare("x", right, new Openings(null, Collections.emptyMap())).toString());
    Openings cut = new Openings(null, Map.of("name", World.SALT.substring(2)));
    assertEquals(Receipt.Match.DIFFERS, r.compare(null, right, cut).get("name"));
    assertFalse((salts + " " + right).contains(World.SALT));
  }

  private static void bent(String code, Consumer<Map<String, Object>> bend) {
    World w = new World(Algorithm.SM2);
    Map<String, Object> claims = w.receiptClaims();
    bend.accept(claims);
    assertEquals(code, assertThrows(RefusedException.class, () -> Receipt.verify(w.receipt(claims), w.trust(), World.NOW)).code());
  }

  @Test
  void whatIsWrongWithAReceipt() {
    bent("receipt-of-stranger", c -> c.put("iss", "https://other.example.cn"));
    bent("receipt-invalid", c -> c.put("unknown", 1));
    bent("receipt-invalid", c -> c.put("ISS", "x"));
    bent("receipt-invalid", c -> c.remove("jti"));
    bent("receipt-invalid", c -> c.put("via", ""));
    bent("receipt-invalid", c -> c.put("party", "bank"));
    bent("receipt-invalid", c -> c.put("hash", "md5"));
    bent("receipt-invalid", c -> c.put("iat", 1.5));
    bent("receipt-invalid", c -> c.remove("checked_at"));
    bent("receipt-invalid", c -> c.put("purpose", "x".repeat(1025)));
    bent("receipt-invalid", c -> c.put("certificate", "AAAA"));
    bent("receipt-invalid", c -> c.put("fields", Arrays.asList(World.map("name", "a", "digest", "AAAA"))));
    bent("receipt-invalid", c -> c.put("fields", Arrays.asList(World.map("name", "a", "digest", c.get("certificate")), World.map("name", "a", "digest", c.get("certificate")))));
    bent("receipt-invalid", c -> c.put("fields", Arrays.asList(World.map("name", "a", "digest", c.get("certificate"), "value", "x"))));
    bent("receipt-invalid", c -> c.put("status", World.map("state", "passed", "as_of", "now")));
    bent("receipt-invalid", c -> c.put("checked_at", World.seconds(World.NOW) + 301)); // after it was signed
    bent("receipt-invalid", c -> c.put("iat", World.seconds(World.NOW) + 301));
  }

  @Test
  void whatIsWrongWithItsKey() {
    World w = new World(Algorithm.SM2);
    String receipt = w.receipt(w.receiptClaims());
    Map<String, Object> use = World.map("use", "receipt", "jwk", w.receiptKey.publicKey().jwk());
    w.domain.put("service_keys", Arrays.asList(use));
    use.put("frozen", true);
    assertEquals("receipt-key-frozen", assertThrows(RefusedException.class, () -> Receipt.verify(receipt, w.trust(), World.NOW)).code());
    use.put("frozen", false);
    use.put("not_after", World.seconds(World.NOW) - 1);
    assertEquals("key-out-of-dates", assertThrows(RefusedException.class, () -> Receipt.verify(receipt, w.trust(), World.NOW)).code());
    use.remove("not_after");
    use.put("use", "audit");
    assertEquals("key-unknown", assertThrows(RefusedException.class, () -> Receipt.verify(receipt, w.trust(), World.NOW)).code());
    use.put("use", "receipt");
    assertEquals("check-1", Receipt.verify(receipt, w.trust(), World.NOW).id());
    assertEquals("receipt-invalid", assertThrows(RefusedException.class, () -> Receipt.verify(receipt + "A", w.trust(), World.NOW)).code());
  }
}
