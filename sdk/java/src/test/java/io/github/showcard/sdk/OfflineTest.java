package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Collections;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A checker without a network: the codes of the vectors against a list that names their issuer. */
class OfflineTest {
  private static final Json GOOD = Testdata.json(Testdata.ROOT.resolve("testdata/vectors/sdcwt/sm/good-identity.json"));
  private static final Instant NOW = Instant.ofEpochSecond(GOOD.get("now").integer());

  /** A checker; tests bend the list, what was revoked, or the clock. */
  private static final class Checker {
    final World world = new World(Algorithm.SM2);
    final ReplayMemory memory = new ReplayMemory();
    Instant now = NOW;
    Instant asOf = NOW.minusSeconds(3600);
    String revoked = "";
    boolean bundle = true;

    Checker() {
      world.issuer.put("keys", World.dated(Testdata.key("issuer-sm2")));
      world.list.put("iat", World.seconds(NOW) - 60);
      world.list.put("exp", World.seconds(NOW) + 86400);
    }

    OfflineVerifier verifier() {
      RevocationSource source =
          new RevocationSource() {
            @Override
            public boolean revoked(String serial) {
              return serial.equals(revoked);
            }

            @Override
            public Optional<Instant> asOf() {
              return Optional.ofNullable(asOf);
            }
          };
      TrustRoots roots = TrustRoots.parse(world.roots());
      return new OfflineVerifier(
          () -> roots.archived(world.signedList()),
          bundle ? source : null,
          memory,
          Arrays.asList("any", "bank"),
          CertificateTypes.builtIn(),
          Clock.fixed(now, ZoneOffset.UTC),
          Duration.ofHours(24));
    }
  }

  private static OfflineResult bent(String outcome, Consumer<Checker> bend) {
    Checker c = new Checker();
    bend.accept(c);
    OfflineResult r = c.verifier().verify(GOOD.textOf("code"));
    assertEquals(outcome, r.toString());
    assertEquals(r.valid(), !r.claims().isEmpty() && r.status().passed() && r.validity().passed());
    return r;
  }

  @Test
  void accepts() {
    OfflineResult r = bent("valid []", c -> {});
    assertEquals("阿**", r.claims().text("name").orElseThrow());
    assertEquals("identity", r.view().orElseThrow());
    assertEquals(Duration.ofSeconds(5), r.age().orElseThrow());
    assertEquals(NOW.minusSeconds(3600), r.statusAsOf().orElseThrow());
    assertEquals("device", r.holder().detail("bound").orElseThrow());
    assertFalse(r.toString().contains("阿"));
  }

  @Test
  void refuses() {
    bent("invalid [issuer-untrusted]", c -> c.world.issuer.put("keys", World.dated(Testdata.key("stranger-sm2"))));
    bent("invalid [key-frozen]", c -> c.world.issuer.put("keys", World.dated(Testdata.key("issuer-sm2"), "frozen", true)));
    bent("invalid [issuer-frozen]", c -> c.world.issuer.put("frozen", true));
    bent("invalid [issuer-not-entitled-region]", c -> c.world.issuer.put("regions", Arrays.asList("440000")));
    bent("invalid [issuer-not-entitled-type]", c -> c.world.issuer.put("types", Collections.emptyList()));
    bent("invalid [type-frozen]", c -> c.world.type.put("frozen", true));
    bent("invalid [type-unpublished]", c -> c.world.type.put("version", 2));
    bent("invalid [region-frozen]", c -> c.world.list.put("frozen_regions", Arrays.asList("430000")));
    bent("invalid [all-frozen]", c -> c.world.list.put("frozen_all", true));
    bent("invalid [offline-revoked]", c -> c.revoked = "f7370f144fdb8470");
    bent("invalid [offline-revoked]", c -> {
      c.revoked = "f7370f144fdb8470";
      c.asOf = NOW.minusSeconds(200000); // believed at any age
    });
    bent("indeterminate [status-stale]", c -> c.asOf = NOW.minusSeconds(86401));
    bent("indeterminate [status-stale]", c -> c.asOf = NOW.plusSeconds(61)); // it would never grow old
    bent("valid []", c -> c.asOf = NOW.plusSeconds(60));
    bent("valid []", c -> c.asOf = NOW.minusSeconds(86400));
    bent("indeterminate [status-unavailable]", c -> c.bundle = false);
    bent("indeterminate [status-unavailable]", c -> c.asOf = null);
    OfflineResult old = bent("invalid [offline-proof-expired]", c -> c.now = NOW.plusSeconds(120));
    assertEquals(Duration.ofSeconds(125), old.age().orElseThrow(), "the clerk reads how far the clocks are apart");
    OfflineResult ahead = bent("invalid [offline-proof-from-future]", c -> c.now = NOW.minusSeconds(60));
    assertTrue(ahead.age().orElseThrow().isNegative());
    bent("invalid [offline-expired, status-stale, offline-proof-expired]", c -> c.now = NOW.plusSeconds(100000));
  }

  @Test
  void aPhotographIsFoundTheSecondTime() {
    Checker c = new Checker();
    OfflineVerifier v = c.verifier();
    assertTrue(v.verify(GOOD.textOf("code")).valid());
    OfflineResult again = v.verify(GOOD.textOf("code").toLowerCase(java.util.Locale.ROOT));
    assertEquals("invalid [code-replayed]", again.toString());
    assertTrue(again.claims().isEmpty());
    assertEquals(1, c.memory.size());
  }

  @Test
  void answersOfAnotherScene() {
    Checker c = new Checker();
    assertEquals("invalid [offline-audience-wrong]", c.verifier().verify(GOOD.textOf("code"), "demo-bank", new byte[8]).toString());
    Json answered = Testdata.json(Testdata.ROOT.resolve("testdata/vectors/sdcwt/sm/good-nonce.json"));
    assertEquals("valid []", c.verifier().verify(answered.textOf("code"), "demo-bank", Testdata.hex(answered.textOf("nonce"))).toString());
    assertEquals("invalid [offline-nonce-wrong]", c.verifier().verify(answered.textOf("code"), "demo-bank", new byte[8]).toString());
  }

  @Test
  void typesOfADeployment() {
    CertificateTypes types = CertificateTypes.builtIn();
    assertEquals("Name", types.label("resident-id", "name").orElseThrow().en());
    assertEquals("已满18周岁", types.label("resident-id", "over_18").orElseThrow().zh());
    assertTrue(types.label("resident-id", "nothing").isEmpty());
    assertThrows(IllegalArgumentException.class, () -> types.with("{}"));
    assertThrows(IllegalArgumentException.class, () -> types.with("{\"id\":\"x\",\"cwt\":1,\"version\":1}"), "taken");
    assertTrue(types.with("{\"id\":\"pass\",\"cwt\":128,\"version\":1}").ids().contains("pass"));
  }

  @Test
  void aDayAndNotLonger() {
    TrustSource none = () -> null;
    for (Duration age : Arrays.asList(Duration.ofHours(25), Duration.ofSeconds(-1))) {
      assertThrows(IllegalArgumentException.class, () -> new OfflineVerifier(none, null, null, Arrays.asList(), null, Clock.systemUTC(), age));
    }
  }

  @Test
  void memoryIsBoundedAndForgets() {
    ReplayMemory m = new ReplayMemory(2);
    m.once("a", NOW, NOW);
    m.once("b", NOW, NOW);
    assertEquals("overloaded", assertThrows(RefusedException.class, () -> m.once("c", NOW, NOW)).code());
    assertEquals("code-replayed", assertThrows(RefusedException.class, () -> m.once("a", NOW, NOW)).code());
    m.once("c", NOW.plusSeconds(60), NOW.plusSeconds(1));
    assertEquals(1, m.size());
  }

  @Test
  void otherTextsAreNone() {
    assertEquals("invalid [code-not-ours]", new Checker().verifier().verify("6901234567892").toString());
    assertEquals("invalid [code-not-ours]", new Checker().verifier().verify("SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47").toString());
    assertEquals("invalid [offline-malformed]", new Checker().verifier().verify("SC2AA").toString());
  }
}
