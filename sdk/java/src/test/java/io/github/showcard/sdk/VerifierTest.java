package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VerifierTest {
  @ParameterizedTest
  @EnumSource(Algorithm.class)
  void acceptsWhatIsGood(Algorithm a) {
    World w = new World(a);
    Result r = w.verifier().verify(w.presentation("bank", "nonce"), "bank", "nonce");
    assertEquals("valid []", r.toString());
    assertTrue(r.valid());
    assertEquals("张示例", r.claims().text("name").orElseThrow());
    assertEquals("1.50", r.claims().number("points").orElseThrow().toPlainString());
    assertEquals("resident-id", r.type().orElseThrow());
    assertEquals("provider", r.holder().detail("bound").orElseThrow());
    assertEquals("Police", r.issuer().name().orElseThrow().en());
    assertEquals(a.joseName(), r.signature().detail("algorithm").orElseThrow());
    assertEquals(World.NOW.minusSeconds(10), r.status().moment("as_of").orElseThrow());
    assertFalse((r + " " + r.claims()).contains("张示例"), "nothing prints what was disclosed");
  }

  private static void bent(String outcome, String code, Consumer<World> bend) {
    for (Algorithm a : Algorithm.values()) {
      World w = new World(a);
      bend.accept(w);
      Result r = w.verifier().verify(w.presentation("bank", "nonce"), "bank", "nonce");
      assertEquals(outcome + " [" + code + "]", r.toString());
      boolean readable = r.signature().passed() && r.issuer().passed() && r.holder().state() != Check.State.FAILED;
      assertEquals(!readable, r.claims().isEmpty(), "claims are for who may believe them");
    }
  }

  @Test
  void whatIsWrongWithTheIssuer() {
    bent("invalid", "issuer-untrusted", w -> w.certificate.put("iss", World.BASE + "/issuers/nobody"));
    bent("invalid", "issuer-untrusted", w -> w.issuer.put("keys", World.dated(ClientKey.generate(w.algorithm))));
    bent("invalid", "issuer-frozen", w -> w.issuer.put("frozen", true));
    bent("invalid", "key-frozen", w -> w.issuer.put("keys", World.dated(w.issuerKey, "frozen", true)));
    bent("invalid", "key-out-of-dates", w -> w.issuer.put("keys", World.dated(w.issuerKey, "not_before", World.seconds(World.NOW))));
    bent("invalid", "key-out-of-dates", w -> w.issuer.put("not_after", World.seconds(World.NOW) - 7200));
    bent("invalid", "key-out-of-dates", w -> w.certificate.remove("iat"));
    bent("invalid", "type-frozen", w -> w.type.put("frozen", true));
    bent("invalid", "type-unpublished", w -> w.certificate.put("vct", World.BASE + "/types/other/1"));
    bent("invalid", "issuer-not-entitled-type", w -> w.issuer.put("types", Collections.emptyList()));
    bent("invalid", "issuer-not-entitled-region", w -> w.issuer.put("regions", Arrays.asList("440000")));
    bent("invalid", "issuer-not-entitled-region", w -> w.certificate.remove("region"));
    bent("invalid", "region-frozen", w -> w.list.put("frozen_regions", Arrays.asList("430100")));
    bent("invalid", "all-frozen", w -> w.list.put("frozen_all", true));
    bent("indeterminate", "trust-list-stale", w -> w.list.put("exp", World.seconds(World.NOW)));
    bent("indeterminate", "trust-list-unavailable", w -> w.list.put("iat", World.seconds(World.NOW) + 3600));
  }

  @Test
  void whatIsWrongWithTheRest() {
    bent("invalid", "certificate-expired", w -> w.certificate.put("exp", World.seconds(World.NOW) - 11));
    bent("invalid", "certificate-not-yet-valid", w -> w.certificate.put("nbf", World.seconds(World.NOW) + 11));
    bent("invalid", "holder-binding-missing", w -> w.certificate.remove("cnf"));
    bent("invalid", "holder-binding-missing", w -> w.certificate.put("cnf", World.map("jwk", "x")));
    bent("invalid", "key-frozen", w -> w.provider.put("frozen", true));
    bent("invalid", "key-frozen", w -> w.provider.put("keys", World.dated(w.providerKey, "frozen", true)));
    bent("invalid", "certificate-ended", w -> w.states[1] = 1 << 2);
    bent("invalid", "certificate-suspended", w -> w.states[1] = 2 << 2);
    bent("invalid", "certificate-ended", w -> w.states[1] = 3 << 2);
    bent("invalid", "status-missing", w -> w.certificate.remove("status"));
    bent("invalid", "status-list-wrong-signer", w -> w.certificate.put("status", World.map("status_list", World.map("idx", 5, "uri", "https://evil.example/status/1"))));
    bent("invalid", "status-index-out-of-range", w -> w.certificate.put("status", World.map("status_list", World.map("idx", 1024, "uri", World.BASE + "/status/1"))));
    bent("indeterminate", "status-list-wrong-signer", w -> w.certificate.put("status", World.map("status_list", World.map("idx", 5, "uri", World.BASE + "/status/2"))));
    bent("indeterminate", "status-list-wrong-signer", w -> w.domain.put("status_keys", World.dated(ClientKey.generate(w.algorithm))));
    bent("indeterminate", "status-list-wrong-signer", w -> w.domain.put("status_keys", World.dated(w.statusKey, "frozen", true)));
    bent("invalid", "presentation-malformed", w -> w.certificate.put("status", World.map("status_list", World.map("idx", "5", "uri", "x"))));
    bent("invalid", "presentation-malformed", w -> w.certificate.put("exp", "soon"));
    bent("invalid", "presentation-malformed", w -> w.certificate.put("region", 430102));
  }

  @Test
  void whatIsWrongWithTheProof() {
    World w = new World(Algorithm.SM2);
    Map<String, Result> all = new LinkedHashMap<>();
    all.put("audience-wrong", w.verifier().verify(w.presentation("other", "nonce"), "bank", "nonce"));
    all.put("nonce-wrong", w.verifier().verify(w.presentation("bank", "other"), "bank", "nonce"));
    all.put("holder-binding-invalid", w.verifier().verify(w.presentation("bank", "nonce", ClientKey.generate(Algorithm.SM2), World.NOW), "bank", "nonce"));
    all.put("proof-too-old", w.verifier().verify(w.presentation("bank", "nonce", w.providerKey, World.NOW.minusSeconds(61)), "bank", "nonce"));
    all.put("proof-from-future", w.verifier().verify(w.presentation("bank", "nonce", w.providerKey, World.NOW.plusSeconds(11)), "bank", "nonce"));
    all.put("holder-binding-missing", w.verifier().verify(w.credential(), "bank", "nonce"));
    all.forEach((code, r) -> assertEquals("invalid [" + code + "]", r.toString()));
  }

  @Test
  void originalsAreBoundToNobody() {
    World w = new World(Algorithm.ES256);
    assertEquals("invalid [holder-binding-missing]", w.verifier().verifyOriginal(w.credential()).toString(), "a copy is none");
    w.certificate.remove("cnf");
    assertEquals("valid []", w.verifier().verifyOriginal(w.credential()).toString());
  }

  @Test
  void devicesShowTheirOwn() {
    World w = new World(Algorithm.SM2);
    ClientKey device = ClientKey.generate(Algorithm.ES256);
    w.certificate.put("cnf", World.map("jwk", device.publicKey().jwk()));
    Result r = w.verifier().verify(w.presentation("bank", "nonce", device, World.NOW), "bank", "nonce");
    assertEquals("valid []", r.toString());
    assertEquals("device", r.holder().detail("bound").orElseThrow());
  }

  @Test
  void anOldStatusIsUnknown() {
    World w = new World(Algorithm.SM2);
    Verifier v =
        new Verifier(
            w::trust,
            (reference, home) -> new StatusSource.Answer(Status.VALID, World.NOW.minusSeconds(121), "list", java.time.Duration.ZERO),
            java.time.Clock.fixed(World.NOW, java.time.ZoneOffset.UTC),
            java.time.Duration.ofMinutes(2));
    assertEquals("indeterminate [status-stale]", v.verify(w.presentation("bank", "nonce"), "bank", "nonce").toString());
  }
}
