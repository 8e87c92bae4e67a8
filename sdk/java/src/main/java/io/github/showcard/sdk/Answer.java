package io.github.showcard.sdk;

import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a deployment answers to a check (docs/formats.md §8.2). */
public final class Answer extends Result {
  private final Json json;

  private Answer(Json json, Instant checkedAt) {
    super(json, checkedAt);
    this.json = json;
  }

  static Answer of(Json json) {
    if (json.textOf("id") == null || json.textOf("outcome") == null || json.textOf("checked_at") == null) {
      throw ProblemException.malformed("no id, outcome or checked_at");
    }
    try {
      return new Answer(json, Instant.parse(json.textOf("checked_at")));
    } catch (DateTimeParseException e) {
      throw ProblemException.malformed("checked_at");
    }
  }

  /** Id of the check: of its record, receipt and disputes. */
  public String id() {
    return json.textOf("id");
  }

  /** As asked. */
  public String purpose() {
    String p = json.textOf("purpose");
    return p == null ? "" : p;
  }

  /** What changes daily, as it is now. */
  public Claims live() {
    return json.get("live") == null ? Claims.NONE : new Claims(json.get("live").members());
  }

  /** Whether the portrait may be fetched for five minutes. */
  public boolean portrait() {
    return json.get("portrait") != null && json.get("portrait").kind == Json.Kind.TRUE;
  }

  /** Of facts: whether each field is as claimed. */
  public Map<String, Boolean> matches() {
    Map<String, Boolean> out = new LinkedHashMap<>();
    if (json.get("matches") != null) {
      json.get("matches").members().forEach((name, yes) -> out.put(name, yes.kind == Json.Kind.TRUE));
    }
    return Collections.unmodifiableMap(out);
  }

  /** What the holder said when she was asked for more: {@code yes}, {@code no}, {@code lapsed}, {@code refused}, {@code closed}. */
  public Optional<String> consent() {
    return json.get("consent") == null ? Optional.empty() : Optional.ofNullable(json.get("consent").textOf("answer"));
  }

  /** What she was asked for. */
  public List<String> asked() {
    List<String> out = new ArrayList<>();
    if (json.get("consent") != null && json.get("consent").get("asked") != null) {
      json.get("consent").get("asked").elements().forEach(one -> out.add(one.text()));
    }
    return Collections.unmodifiableList(out);
  }

  /** The signed receipt, when it was asked for. Check it with {@link Receipt#verify}. */
  public Optional<String> receipt() {
    return Optional.ofNullable(json.textOf("receipt"));
  }

  /** The salts of the receipt. */
  public Optional<Openings> openings() {
    return Optional.ofNullable(Openings.of(json.get("openings")));
  }

  /** The whole answer as it came, to be filed where personal data is kept. */
  public String json() {
    return json.json();
  }
}
