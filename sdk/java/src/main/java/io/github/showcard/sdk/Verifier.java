package io.github.showcard.sdk;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Checks certificates that are shown, here, without asking the deployment about the holder.
 *
 * <pre>{@code
 * TrustSource trust = new RemoteTrust("https://cards.example.gov.cn", pinnedRoots);
 * Verifier verifier = new Verifier(trust, new RemoteStatus());
 * Result result = verifier.verify(presentation, "bank-1", nonce);
 * if (result.valid()) { … result.claims().text("name") … }
 * }</pre>
 *
 * <p>The checks are made in this order: issuer, signature, validity, holder, status. Any failure makes the outcome invalid; nothing
 * failed but something could not be known makes it indeterminate. No setting turns "unknown" into "valid". Safe for concurrent use.
 */
public final class Verifier {
  private static final Duration STATUS_SKEW = Duration.ofMinutes(1);

  private final TrustSource trust;
  private final StatusSource status;
  private final Clock clock;
  private final Duration maxStatusAge;

  /**
   * Makes a verifier with the system's clock, which takes a status as fresh for two minutes.
   *
   * @param trust where the trust list comes from
   * @param status where states come from
   */
  public Verifier(TrustSource trust, StatusSource status) {
    this(trust, status, Clock.systemUTC(), Duration.ofMinutes(2));
  }

  /**
   * Makes a verifier.
   *
   * @param trust where the trust list comes from
   * @param status where states come from
   * @param clock what time it is
   * @param maxStatusAge how old a status may be before it counts as unknown
   */
  public Verifier(TrustSource trust, StatusSource status, Clock clock, Duration maxStatusAge) {
    this.trust = trust;
    this.status = status;
    this.clock = clock;
    this.maxStatusAge = maxStatusAge;
  }

  /** What every certificate of the profile shows openly. */
  private static final class Open {
    final String issuer;
    final String vct;
    final String region;
    final Instant issuedAt;
    final Instant notBefore;
    final Instant expires;
    final StatusReference status;

    Open(SdJwt shown) throws SyntaxException {
      issuer = text(shown, "iss");
      vct = text(shown, "vct");
      region = text(shown, "region");
      issuedAt = date(shown, "iat");
      notBefore = date(shown, "nbf");
      expires = date(shown, "exp");
      status = shown.claim("status") == null ? null : StatusReference.of(shown.claim("status"));
    }

    private static String text(SdJwt shown, String name) throws SyntaxException {
      Json claim = shown.claim(name);
      if (claim != null && claim.text() == null) {
        throw new SyntaxException(name);
      }
      return claim == null ? "" : claim.text();
    }

    private static Instant date(SdJwt shown, String name) throws SyntaxException {
      return shown.claim(name) == null ? null : Dates.numeric(shown.claim(name));
    }
  }

  /**
   * Checks what was shown. It never throws: what is wrong, or cannot be known, is the result.
   *
   * @param presentation SD-JWT VC with the holder's proof
   * @param audience who we are, as the proof must name it
   * @param nonce the challenge that we made for this presentation
   */
  public Result verify(String presentation, String audience, String nonce) {
    return check(presentation, audience, nonce, false);
  }

  /**
   * Checks an original that a department got back, which is bound to no key. Never use it for something that was shown: a copy
   * that is bound is refused here.
   *
   * @param credential SD-JWT VC without proof
   */
  public Result verifyOriginal(String credential) {
    return check(credential, null, null, true);
  }

  private Result check(String presentation, String audience, String nonce, boolean unbound) {
    Instant now = clock.instant();
    Result r = new Result(now);
    SdJwt shown;
    Open open;
    try {
      shown = SdJwt.parse(presentation);
      open = new Open(shown);
    } catch (RefusedException e) {
      r.signature().fail(e.code());
      return r.conclude(null);
    } catch (SyntaxException e) {
      r.signature().fail("presentation-malformed");
      return r.conclude(null);
    }
    r.vct(open.vct);
    TrustList list;
    try {
      list = trust.current();
    } catch (TrustException e) {
      // Without a list nothing can be said of the issuer, so nothing of the signature.
      r.issuer().unknown(e.code());
      r.signature().unknown(null);
      return r.conclude(null);
    }
    if (list.frozenAll()) {
      r.issuer().fail("all-frozen"); // whoever issued it
      r.signature().unknown(null);
      return r.conclude(null);
    }
    TrustIssuer issuer = list.issuer(open.issuer).orElse(null);
    EcKey key = checkIssuer(r, list, issuer, shown, open);
    if (key == null) {
      r.signature().unknown(null);
      return r.conclude(null);
    }
    try {
      shown.verifyIssuer(key);
    } catch (RefusedException e) {
      r.signature().fail(e.code());
      return r.conclude(null); // nothing below means anything about a forged certificate
    }
    r.signature().pass();
    r.signature().note("algorithm", key.algorithm().joseName());
    checkValidity(r.validity(), open, now);
    checkHolder(r.holder(), list, shown, open, audience, nonce, unbound, now);
    checkStatus(r.status(), list, issuer, open, now);
    return r.conclude(shown.disclosed());
  }

  /** Known, entitled to the type and the region, its key good at the time of issue. Gives the key, or null. */
  private static EcKey checkIssuer(Result r, TrustList list, TrustIssuer issuer, SdJwt shown, Open open) {
    Check c = r.issuer();
    c.note("id", open.issuer);
    if (issuer == null) {
      c.fail("issuer-untrusted");
      return null;
    }
    c.name(issuer.name());
    c.note("authority", issuer.authority());
    EcKey key;
    try {
      key = issuer.key(signer(shown, issuer), open.issuedAt);
    } catch (TrustException e) {
      c.fail(e.code());
      return null;
    }
    Optional<TrustList.CertificateType> type = list.type(open.vct);
    type.ifPresent(t -> r.type(t.id()));
    if (list.regionFrozen(open.region)) {
      c.fail("region-frozen");
    } else if (type.isEmpty()) {
      c.fail("type-unpublished");
    } else if (type.get().frozen()) {
      c.fail("type-frozen");
    } else if (!issuer.issues(type.get().id())) {
      c.fail("issuer-not-entitled-type");
    } else if (!issuer.entitled(open.region)) {
      c.fail("issuer-not-entitled-region");
    } else {
      c.pass();
    }
    return key;
  }

  /** A chain only carries the key here; it is the trust list that vouches for it. */
  private static Predicate<DatedKey> signer(SdJwt shown, TrustIssuer issuer) {
    if (shown.chain().isEmpty()) {
      return TrustList.named(shown.keyId(), issuer.keys());
    }
    EcKey leaf = Leaf.key(shown.chain().get(0));
    return k -> k.key().equals(leaf);
  }

  private static void checkValidity(Check c, Open open, Instant now) {
    c.note("not_before", open.notBefore == null ? null : open.notBefore.toString());
    c.note("expires", open.expires == null ? null : open.expires.toString());
    if (open.notBefore != null && Dates.early(open.notBefore, now, SdJwt.SKEW)) {
      c.fail("certificate-not-yet-valid");
    } else if (open.expires != null && Dates.expired(open.expires, now, SdJwt.SKEW)) {
      c.fail("certificate-expired");
    } else {
      c.pass();
    }
  }

  private static void checkHolder(
      Check c, TrustList list, SdJwt shown, Open open, String audience, String nonce, boolean unbound, Instant now) {
    c.note("bound", "none");
    if (unbound && shown.claim("cnf") == null) {
      return;
    }
    EcKey holder;
    try {
      holder = shown.confirmation();
    } catch (RefusedException e) {
      c.fail("holder-binding-missing");
      return;
    }
    try {
      Optional<TrustList.Provider> provider = list.boundTo(holder, open.issuedAt);
      c.note("bound", provider.isPresent() ? "provider" : "device");
      provider.ifPresent(p -> c.note("provider", p.id()));
    } catch (TrustException e) {
      c.note("bound", "provider");
      c.fail("key-frozen");
      return;
    }
    try {
      shown.verifyBinding(holder, audience, nonce, now, SdJwt.MAX_PROOF_AGE, SdJwt.SKEW);
      c.pass();
    } catch (RefusedException e) {
      c.fail(e.code());
    }
  }

  private void checkStatus(Check c, TrustList list, TrustIssuer issuer, Open open, Instant now) {
    if (open.status == null) {
      c.fail("status-missing"); // a certificate without one cannot be revoked
      return;
    }
    TrustDomain home = list.domain(issuer.domain()).orElse(null);
    if (home == null || !home.holdsStatus(open.status.uri())) {
      c.fail("status-list-wrong-signer");
      return;
    }
    StatusSource.Answer answer;
    try {
      answer = status.status(open.status, home);
    } catch (TrustException e) {
      boolean stranger = e.fault() == TrustException.Fault.KEY_UNKNOWN || e.fault() == TrustException.Fault.KEY_FROZEN;
      c.unknown(stranger ? "status-list-wrong-signer" : "status-unavailable");
      return;
    } catch (RefusedException e) {
      if (e.code().equals("status-index-out-of-range")) {
        c.fail(e.code());
      } else {
        c.unknown(e.code());
      }
      return;
    }
    c.note("as_of", answer.asOf.toString());
    c.note("source", answer.source);
    Duration bound = answer.bound(maxStatusAge);
    // A bad status is believed at any age; a good one only while it is fresh.
    if (answer.status == Status.SUSPENDED) {
      c.fail("certificate-suspended");
    } else if (answer.status != Status.VALID) {
      c.fail("certificate-ended");
    } else if (answer.asOf.isBefore(now.minus(bound)) || answer.asOf.isAfter(now.plus(STATUS_SKEW))) {
      c.unknown("status-stale");
    } else {
      c.pass();
    }
  }
}
