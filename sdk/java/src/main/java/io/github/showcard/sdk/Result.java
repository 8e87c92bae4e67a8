package io.github.showcard.sdk;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What came of checking a certificate. Every check stands on its own, and the outcome follows from them. It never prints what was
 * disclosed.
 */
public class Result {
  private Outcome outcome = Outcome.INDETERMINATE;
  private List<Reason> reasons = Collections.emptyList();
  private final Instant checkedAt;
  private String type;
  private String vct;
  private final Check signature;
  private final Check issuer;
  private final Check validity;
  private final Check holder;
  private final Check person;
  private final Check status;
  private Claims claims = Claims.NONE;

  Result(Instant checkedAt) {
    this.checkedAt = checkedAt;
    signature = new Check();
    issuer = new Check();
    validity = new Check();
    holder = new Check();
    person = new Check();
    status = new Check();
  }

  /** Reads what a deployment answers. */
  Result(Json json, Instant checkedAt) {
    this.checkedAt = checkedAt;
    outcome = Outcome.of(json.textOf("outcome"));
    List<Reason> said = new ArrayList<>();
    if (json.get("reasons") != null) {
      for (Json one : json.get("reasons").elements()) {
        String code = one.text() != null ? one.text() : one.textOf("code");
        if (code != null) {
          said.add(new Reason(code, Text.of(one.get("title")), Text.of(one.get("next"))));
        }
      }
    }
    reasons = Collections.unmodifiableList(said);
    type = json.textOf("type");
    vct = json.textOf("vct");
    signature = Check.of(json.get("signature"));
    issuer = Check.of(json.get("issuer"));
    validity = Check.of(json.get("validity"));
    holder = Check.of(json.get("holder"));
    person = Check.of(json.get("person"));
    status = Check.of(json.get("status"));
    claims = json.get("claims") == null ? Claims.NONE : new Claims(json.get("claims").members());
  }

  void type(String id) {
    type = id;
  }

  void vct(String name) {
    vct = name;
  }

  /** Gathers the reasons, draws the outcome, and hands out claims if they may be believed. */
  Result conclude(Claims disclosed) {
    boolean failed = false;
    boolean unknown = false;
    List<Reason> why = new ArrayList<>();
    // Person is reported beside the outcome: which assurance is enough, the caller's rules say.
    for (Check c : Arrays.asList(issuer, signature, validity, status, holder)) {
      failed |= c.state() == Check.State.FAILED;
      unknown |= c.state() == Check.State.UNKNOWN;
      c.reason().map(Reason::of).filter(r -> !why.contains(r)).ifPresent(why::add);
    }
    reasons = Collections.unmodifiableList(why);
    outcome = failed ? Outcome.INVALID : unknown || !signature.passed() ? Outcome.INDETERMINATE : Outcome.VALID;
    if (signature.passed() && issuer.passed() && holder.state() != Check.State.FAILED && disclosed != null) {
      claims = disclosed;
    }
    return this;
  }

  /** The one word. Only {@link Outcome#VALID} is a yes. */
  public Outcome outcome() {
    return outcome;
  }

  /** Whether the outcome is a yes. */
  public boolean valid() {
    return outcome == Outcome.VALID;
  }

  /** Why not, most telling first; empty when valid. */
  public List<Reason> reasons() {
    return reasons;
  }

  /** The codes of the reasons. */
  public List<String> codes() {
    return reasons.stream().map(Reason::code).collect(Collectors.toList());
  }

  /** When the check was made. */
  public Instant checkedAt() {
    return checkedAt;
  }

  /** Id of the certificate type, when it is known. */
  public Optional<String> type() {
    return Optional.ofNullable(type);
  }

  /** The {@code vct} of the certificate. */
  public Optional<String> vct() {
    return Optional.ofNullable(vct);
  }

  /** Signed, unaltered, by the key that the trust list gives the issuer? */
  public Check signature() {
    return signature;
  }

  /** Trusted for this type, this region and that time? */
  public Check issuer() {
    return issuer;
  }

  /** Is now between the dates? */
  public Check validity() {
    return validity;
  }

  /** Did the one it was issued to show it, to us, now? What is wrong with a code stands here. */
  public Check holder() {
    return holder;
  }

  /** How the person in front was verified. Never part of the outcome. */
  public Check person() {
    return person;
  }

  /** Neither suspended nor ended, and how fresh is that knowledge? */
  public Check status() {
    return status;
  }

  /** The disclosed fields. None unless signature and issuer passed and holder did not fail. */
  public Claims claims() {
    return claims;
  }

  @Override
  public String toString() {
    return outcome.wire() + " " + reasons;
  }
}
