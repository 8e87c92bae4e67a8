package io.github.showcard.sdk;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What became of a check that was reported (docs/formats.md §8.5). */
public final class SettledCheck {
  /** How it was settled. */
  public enum State {
    /** It is a verification now, in the holder's history. */
    RECORDED,
    /** This proof had been counted for the party before. */
    REPEATED,
    /** Nothing is recorded as a look; {@link SettledCheck#reasons()} says why. */
    REFUSED
  }

  private final Json json;
  private final State state;

  private SettledCheck(Json json, State state) {
    this.json = json;
    this.state = state;
  }

  static SettledCheck of(Json json) {
    for (State s : State.values()) {
      if (s.name().toLowerCase(Locale.ROOT).equals(json.textOf("state"))) {
        return new SettledCheck(json, s);
      }
    }
    throw ProblemException.malformed("a check without a known state");
  }

  /** Hexadecimal serial of the proof, where it could be read. */
  public Optional<String> proof() {
    return Optional.ofNullable(json.textOf("proof"));
  }

  /** How it was settled. */
  public State state() {
    return state;
  }

  /** Of the verification: {@link Client#receipt} answers for it. */
  public Optional<String> id() {
    return Optional.ofNullable(json.textOf("id"));
  }

  /** What the deployment found as of then; empty when it was refused. */
  public Optional<Outcome> outcome() {
    return Optional.ofNullable(json.textOf("outcome")).map(Outcome::of);
  }

  /** Why it is not valid, or why it was refused. */
  public List<Reason> reasons() {
    return codes("reasons");
  }

  /** What the checker could not know, or knew otherwise. Somebody looks at such a case again. */
  public List<Reason> conflicts() {
    return codes("conflicts");
  }

  boolean refusedFor(String code) {
    return state == State.REFUSED && reasons().contains(Reason.of(code));
  }

  private List<Reason> codes(String member) {
    List<Reason> out = new ArrayList<>();
    if (json.get(member) != null) {
      json.get(member).elements().stream().map(Json::text).filter(c -> c != null).forEach(c -> out.add(Reason.of(c)));
    }
    return Collections.unmodifiableList(out);
  }

  @Override
  public String toString() {
    return state.name().toLowerCase(Locale.ROOT) + " " + reasons() + " " + conflicts();
  }
}
