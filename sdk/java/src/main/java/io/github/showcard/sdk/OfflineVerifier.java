package io.github.showcard.sdk;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Checks offline codes ({@code SC2}) with neither phone on the network.
 *
 * <pre>{@code
 * OfflineVerifier verifier = new OfflineVerifier(trust, revocations, new ReplayMemory(), Set.of("any", "bank"));
 * OfflineResult result = verifier.verify(scanned);
 * if (result.valid()) { … result.claims().text("name") … }   // masked: 张**
 * }</pre>
 *
 * <p>The same rules as {@link Verifier}: any failure makes it invalid, and what could not be known makes it indeterminate, never valid.
 * Safe for concurrent use.
 */
public final class OfflineVerifier {
  private static final Duration STATUS_SKEW = Duration.ofMinutes(1);

  private final TrustSource trust;
  private final RevocationSource revocations; // null: nothing is known
  private final ReplayMemory memory;
  private final Collection<String> scenes;
  private final CertificateTypes types;
  private final Clock clock;
  private final Duration maxAge;

  /**
   * With the built-in types and the system's clock; what is known of revocations may be a day old.
   *
   * @param trust where the trust list comes from
   * @param revocations what was revoked, or null: then nothing is ever valid
   * @param memory of what was shown here
   * @param scenes that count here: {@code any} and the checker's own
   */
  public OfflineVerifier(TrustSource trust, RevocationSource revocations, ReplayMemory memory, Collection<String> scenes) {
    this(trust, revocations, memory, scenes, CertificateTypes.builtIn(), Clock.systemUTC(), Bundles.DAY);
  }

  /**
   * With everything chosen.
   *
   * @param trust where the trust list comes from
   * @param revocations what was revoked, or null: then nothing is ever valid
   * @param memory of what was shown here
   * @param scenes that count here
   * @param types what the numbers in a code stand for
   * @param clock what time it is
   * @param maxAge how old the knowledge of revocations may be, a day at most: then every code that it is about has ended
   */
  public OfflineVerifier(
      TrustSource trust,
      RevocationSource revocations,
      ReplayMemory memory,
      Collection<String> scenes,
      CertificateTypes types,
      Clock clock,
      Duration maxAge) {
    this.trust = trust;
    this.revocations = revocations;
    this.memory = memory;
    this.scenes = Collections.unmodifiableList(Arrays.asList(scenes.toArray(new String[0])));
    this.types = types;
    this.clock = clock;
    this.maxAge = Bundles.bounded(maxAge);
  }

  /**
   * Checks a code that a holder showed first.
   *
   * @param scanned as a scanner types it
   */
  public OfflineResult verify(String scanned) {
    return verify(scanned, scenes, null);
  }

  /**
   * Checks a code that answers the checker's own.
   *
   * @param scanned as a scanner types it
   * @param checkerId whom it must be made out to
   * @param nonce that the checker's code showed
   */
  public OfflineResult verify(String scanned, String checkerId, byte[] nonce) {
    return verify(scanned, Collections.singletonList(checkerId), nonce.clone());
  }

  private OfflineResult verify(String scanned, Collection<String> audiences, byte[] nonce) {
    Instant now = clock.instant();
    OfflineResult r = new OfflineResult(now);
    OfflineToken token;
    try {
      token = OfflineToken.parse(Code.parse(scanned));
    } catch (RefusedException e) {
      Check c = e.code().startsWith("code-") ? r.holder() : r.signature();
      c.fail(e.code());
      return done(r, null);
    }
    r.measured(token.age(now));
    String typeId = types.id(token.type(), token.version());
    if (typeId != null) {
      r.type(typeId);
    }
    TrustList list;
    try {
      list = trust.current();
    } catch (TrustException e) {
      r.issuer().unknown(e.code());
      r.signature().unknown(null);
      return done(r, null);
    }
    if (!checkIssuer(r, list, token, typeId)) {
      return done(r, null);
    }
    checkRevoked(r, token, now);
    try {
      token.checkDates(now);
      r.validity().pass();
    } catch (RefusedException e) {
      r.validity().fail(e.code());
    }
    r.validity().note("expires", token.expires().toString());
    return done(r, checkHolder(r, token, audiences, nonce, now));
  }

  private static OfflineResult done(OfflineResult r, Claims claims) {
    r.conclude(claims);
    return r;
  }

  /** Which issuers have a key that the code hints at, and whose signature it is. False when the rest means nothing. */
  private static boolean checkIssuer(OfflineResult r, TrustList list, OfflineToken token, String typeId) {
    if (list.frozenAll()) {
      r.issuer().fail("all-frozen");
      r.signature().unknown(null);
      return false;
    }
    Map<EcKey, TrustIssuer> candidates = new LinkedHashMap<>();
    list.issuers().forEach(i -> i.keys().stream().filter(k -> token.hints(k.key())).forEach(k -> candidates.put(k.key(), i)));
    if (candidates.isEmpty()) {
      r.issuer().fail("issuer-untrusted");
      r.signature().unknown(null);
      return false;
    }
    RefusedException wrong = null;
    for (Map.Entry<EcKey, TrustIssuer> c : candidates.entrySet()) {
      try {
        token.verifyIssuer(c.getKey());
        r.signature().pass();
        r.signature().note("algorithm", c.getKey().algorithm().joseName());
        entitled(r.issuer(), list, c.getValue(), c.getKey(), token, typeId);
        return true;
      } catch (RefusedException e) {
        wrong = e;
      }
    }
    r.signature().fail(wrong.code());
    return false;
  }

  private static void entitled(Check c, TrustList list, TrustIssuer issuer, EcKey key, OfflineToken token, String typeId) {
    c.note("id", issuer.id());
    c.name(issuer.name());
    c.note("authority", issuer.authority());
    try {
      issuer.key(k -> k.key().equals(key), token.issuedAt());
    } catch (TrustException e) {
      c.fail(e.code());
      return;
    }
    TrustList.CertificateType type =
        list.types().stream().filter(t -> t.id().equals(typeId) && t.version() == token.version()).findFirst().orElse(null);
    if (list.regionFrozen(token.region())) {
      c.fail("region-frozen");
    } else if (typeId == null) {
      c.fail("offline-view-unknown"); // the numbers stand for nothing here
    } else if (type == null) {
      c.fail("type-unpublished");
    } else if (type.frozen()) {
      c.fail("type-frozen");
    } else if (!issuer.issues(typeId)) {
      c.fail("issuer-not-entitled-type");
    } else if (!issuer.entitled(token.region())) {
      c.fail("issuer-not-entitled-region");
    } else {
      c.pass();
    }
  }

  private void checkRevoked(OfflineResult r, OfflineToken token, Instant now) {
    // In this order: what is learnt meanwhile is then newer than it is said to be.
    Instant asOf = revocations == null ? null : revocations.asOf().orElse(null);
    if (asOf == null) {
      r.status().unknown("status-unavailable");
      return;
    }
    r.knownAsOf(asOf);
    r.status().note("as_of", asOf.toString());
    if (revocations.revoked(token.serial())) {
      r.status().fail("offline-revoked"); // believed at any age
    } else if (asOf.isBefore(now.minus(maxAge)) || asOf.isAfter(now.plus(STATUS_SKEW))) { // such a one would never grow old
      r.status().unknown("status-stale");
    } else {
      r.status().pass();
    }
  }

  /** The device's proof, the values, and last of all whether it was shown before. */
  private Claims checkHolder(OfflineResult r, OfflineToken token, Collection<String> audiences, byte[] nonce, Instant now) {
    r.holder().note("bound", "device");
    try {
      token.verifyProof(audiences, nonce, now);
      CertificateTypes.Reading reading = types.read(token);
      r.view(reading.view);
      memory.once(token.proofName(), token.proofEnds(), now);
      r.holder().pass();
      return reading.claims;
    } catch (RefusedException e) {
      if (e.code().equals("overloaded")) {
        r.holder().unknown(e.code()); // whether it was shown before
      } else {
        r.holder().fail(e.code());
      }
      return null;
    }
  }
}
