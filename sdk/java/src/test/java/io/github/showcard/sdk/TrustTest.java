package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class TrustTest {
  private static void refused(TrustException.Fault fault, String code, Executable what) {
    TrustException e = assertThrows(TrustException.class, what);
    assertEquals(fault, e.fault());
    assertEquals(code, e.code());
    assertTrue(e.title().isPresent(), code + " has a sentence");
  }

  @Test
  void rootsWalkOneStepAtATime() {
    World w = new World(Algorithm.SM2);
    List<ClientKey> fresh = Arrays.asList(ClientKey.generate(Algorithm.SM2), ClientKey.generate(Algorithm.SM2), w.rootKeys.get(2));
    TrustRoots first = TrustRoots.parse(w.roots());
    byte[] second = w.roots(2, fresh, Arrays.asList(w.rootKeys.get(0), w.rootKeys.get(2), fresh.get(0)));
    assertEquals(2, first.next(second, World.NOW).version());
    refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", () -> first.next(w.roots(2, fresh, fresh), World.NOW)); // only one of the old
    refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", () -> first.next(w.roots(2, fresh, w.rootKeys.subList(0, 2)), World.NOW)); // none of the new
    refused(TrustException.Fault.GAP, "roots-gap", () -> first.next(w.roots(3, w.rootKeys, w.rootKeys), World.NOW));
    refused(TrustException.Fault.ROLLED_BACK, "roots-rolled-back", () -> first.next(w.roots(), World.NOW));
    refused(TrustException.Fault.FUTURE, "roots-invalid", () -> first.next(second, World.NOW.minusSeconds(7200)));
    refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", () -> TrustRoots.parse(w.roots(1, w.rootKeys, w.rootKeys.subList(0, 1))));
    ClientKey one = w.rootKeys.get(0);
    refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", () -> TrustRoots.parse(w.roots(1, w.rootKeys, Arrays.asList(one, one)))); // one key twice is one
    refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", () -> TrustRoots.parse(w.roots(1, w.rootKeys, Arrays.asList(one, ClientKey.generate(Algorithm.SM2)))));
  }

  @Test
  void oneByteOfTheRoots() {
    World w = new World(Algorithm.ES256);
    byte[] good = w.roots();
    var random = Testdata.random();
    for (int i = 0; i < 400; i++) {
      byte[] bad = good.clone();
      bad[random.nextInt(bad.length)] ^= 1 << random.nextInt(7);
      assertThrows(TrustException.class, () -> TrustRoots.parse(bad), () -> new String(bad, StandardCharsets.UTF_8));
    }
  }

  @Test
  void listsDoNotGoBack() {
    World w = new World(Algorithm.SM2);
    TrustRoots roots = TrustRoots.parse(w.roots());
    assertEquals(7, roots.verify(w.signedList(), World.NOW, 7).version());
    refused(TrustException.Fault.ROLLED_BACK, "trust-list-rolled-back", () -> roots.verify(w.signedList(), World.NOW, 8));
    refused(TrustException.Fault.STALE, "trust-list-stale", () -> roots.verify(w.signedList(), World.NOW.plusSeconds(86400), 0));
    refused(TrustException.Fault.STALE, "trust-list-stale", () -> roots.verify(w.signedList(), World.NOW.plusSeconds(864000), 0)); // the roots
    assertEquals(7, roots.archived(w.signedList()).version());
    refused(TrustException.Fault.KEY_UNKNOWN, "issuer-untrusted", () -> roots.archived(Jws.sign(w.issuerKey, "trustlist+jwt", w.issuerKey.publicKey().id(), w.list)));
    refused(TrustException.Fault.SIGNATURE, "trust-list-invalid", () -> roots.archived(Jws.sign(w.issuerKey, "trustlist+jwt", w.listKey.publicKey().id(), w.list)));
    refused(TrustException.Fault.MALFORMED, "trust-list-invalid", () -> roots.archived(Jws.sign(w.listKey, "receipt+jwt", w.listKey.publicKey().id(), w.list)));
  }

  private static void malformed(Consumer<World> bend) {
    World w = new World(Algorithm.SM2);
    bend.accept(w);
    refused(TrustException.Fault.MALFORMED, "trust-list-invalid", () -> w.trust());
  }

  @Test
  void listsSayOneThingOnly() {
    malformed(w -> w.list.put("version", 0));
    malformed(w -> w.list.put("version", 1.5));
    malformed(w -> w.list.put("iat", null));
    malformed(w -> w.list.put("Version", 1));
    malformed(w -> w.issuer.put("näme", 1));
    malformed(w -> w.domain.put("code", "test"));
    malformed(w -> w.domain.put("base_url", World.BASE + "/"));
    malformed(w -> w.domain.put("base_url", "http://cards.example.cn"));
    malformed(w -> w.domain.put("base_url", "https://Cards.example.cn"));
    malformed(w -> w.domain.put("base_url", "https://a@cards.example.cn"));
    malformed(w -> w.domain.put("status_prefix", World.BASE + "/status"));
    malformed(w -> w.domain.put("status_prefix", World.BASE + "/a/../status/"));
    malformed(w -> w.domain.put("name", World.map("zh", "", "en", "x")));
    malformed(w -> w.list.put("domains", Arrays.asList(w.domain, w.domain)));
    malformed(w -> w.issuer.put("domain", "NONE"));
    malformed(w -> w.issuer.put("types", Arrays.asList("resident-id", "resident-id")));
    malformed(w -> w.issuer.put("regions", Arrays.asList("43")));
    malformed(w -> w.issuer.put("authority", "x"));
    malformed(w -> w.issuer.put("frozen", "yes"));
    malformed(w -> w.issuer.put("keys", World.dated(w.issuerKey, "not_after", 0, "not_before", -1)));
    malformed(w -> w.issuer.put("keys", World.dated(w.issuerKey, "not_before", 9, "not_after", 8)));
    malformed(w -> w.issuer.put("keys", Arrays.asList(World.dated(w.issuerKey).get(0), World.dated(w.issuerKey).get(0))));
    malformed(w -> w.provider.put("id", "a b"));
    malformed(w -> w.type.put("version", 0));
    malformed(w -> w.list.put("frozen_regions", Arrays.asList("430000", "430000")));
    malformed(w -> w.list.put("issuers", World.map("a", 1)));
  }

  @Test
  void strangeThingsAreSteppedOver() {
    World w = new World(Algorithm.SM2);
    w.list.put("a_new_member", World.map("x", Arrays.asList(1, 2)));
    List<Object> keys = World.dated(w.issuerKey);
    keys.add(World.map("jwk", World.map("kty", "OKP", "crv", "Ed25519", "x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")));
    w.issuer.put("keys", keys);
    assertEquals("valid []", w.verifier().verify(w.presentation("b", "n"), "b", "n").toString());
  }

  @Test
  void aFrozenPointIsFrozenEverywhere() {
    World w = new World(Algorithm.SM2);
    w.provider.put("keys", World.dated(w.issuerKey, "frozen", true)); // the issuer's, in another place
    w.certificate.remove("cnf");
    assertEquals("invalid [key-frozen]", w.verifier().verifyOriginal(w.credential()).toString());
  }

  @Test
  void regions() {
    assertTrue(TrustList.covers(Arrays.asList("430000"), "430102"));
    assertTrue(TrustList.covers(Arrays.asList("000000"), "430102"));
    assertTrue(TrustList.covers(Arrays.asList("430102"), "430102"));
    assertEquals(false, TrustList.covers(Arrays.asList("430100"), "430202"));
    assertEquals(false, TrustList.covers(Arrays.asList(), "430202"));
    assertEquals(false, TrustList.covers(Arrays.asList("430000"), "43010"));
    assertEquals(false, TrustList.covers(Arrays.asList("430000"), ""));
  }

  @Test
  void goldenPayloads() {
    World w = new World(Algorithm.SM2);
    Json list = Testdata.json(Testdata.ROOT.resolve("crypto/trustlist/testdata/list.json"));
    TrustList l = TrustRoots.parse(w.roots()).archived(Jws.sign(w.listKey, "trustlist+jwt", w.listKey.publicKey().id(), list));
    assertEquals(list.get("version").integer(), l.version());
    assertEquals(list.get("issuers").elements().size(), l.issuers().size());
  }
}
