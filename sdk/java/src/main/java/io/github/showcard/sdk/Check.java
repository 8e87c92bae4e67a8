package io.github.showcard.sdk;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** One check of several: its state, why it did not pass, and what else is known of it. */
public final class Check {
  /** How a check ended. */
  public enum State {
    /** Yes. */
    PASSED("passed"),
    /** No. */
    FAILED("failed"),
    /** It could not be found out. */
    UNKNOWN("unknown"),
    /** Not required here, or meaningless after what failed before. */
    NOT_CHECKED("not-checked");

    private final String wire;

    State(String wire) {
      this.wire = wire;
    }

    /** As it travels. */
    public String wire() {
      return wire;
    }

    static State of(String wire) {
      for (State s : values()) {
        if (s.wire.equals(wire)) {
          return s;
        }
      }
      return UNKNOWN;
    }
  }

  private State state = State.NOT_CHECKED;
  private String reason;
  private final Map<String, Json> details = new LinkedHashMap<>();

  Check() {}

  static Check of(Json json) {
    Check c = new Check();
    if (json == null) {
      return c;
    }
    c.state = State.of(json.textOf("state"));
    c.reason = json.textOf("reason");
    c.details.putAll(json.members());
    return c;
  }

  void pass() {
    state = State.PASSED;
  }

  void fail(String code) {
    state = State.FAILED;
    reason = code;
  }

  void unknown(String code) {
    state = State.UNKNOWN;
    reason = code;
  }

  void note(String name, String value) {
    if (value != null) {
      details.put(name, Json.string(value));
    }
  }

  /** How it ended. */
  public State state() {
    return state;
  }

  /** Whether it passed. */
  public boolean passed() {
    return state == State.PASSED;
  }

  /** The stable code of why not. */
  public Optional<String> reason() {
    return Optional.ofNullable(reason);
  }

  /**
   * What else is known, by the names of docs/formats.md §8.2: {@code algorithm}, {@code authority}, {@code provider},
   * {@code bound}, {@code source}, {@code method}…
   *
   * @param name of the detail
   */
  public Optional<String> detail(String name) {
    Json v = details.get(name);
    return v == null ? Optional.empty() : Optional.ofNullable(v.text());
  }

  /**
   * A detail that is a moment: {@code as_of}, {@code expires}, {@code not_before}, {@code at}.
   *
   * @param name of the detail
   */
  public Optional<Instant> moment(String name) {
    try {
      return detail(name).map(Instant::parse);
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }

  /** What people call the issuer, of the check of an issuer. */
  public Optional<Text> name() {
    Json name = details.get("name");
    return name == null ? Optional.empty() : Optional.ofNullable(Text.of(name));
  }

  void name(Text name) {
    Map<String, Json> both = new LinkedHashMap<>();
    both.put("zh", Json.string(name.zh()));
    both.put("en", Json.string(name.en()));
    details.put("name", Json.object(both));
  }

  @Override
  public String toString() {
    return state.wire + (reason == null ? "" : " (" + reason + ")");
  }
}
