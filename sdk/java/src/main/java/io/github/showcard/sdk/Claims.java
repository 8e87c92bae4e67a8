package io.github.showcard.sdk;

import java.math.BigDecimal;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Fields of a certificate by name. They are personal data: they never print; {@link #json()} is for who files them. */
public final class Claims {
  static final Claims NONE = new Claims(Collections.emptyMap());
  private static final int MAX_DIGITS = 1000;

  private final Map<String, Json> values;

  Claims(Map<String, Json> values) {
    this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /** Which fields there are. */
  public Set<String> names() {
    return values.keySet();
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return values.isEmpty();
  }

  /**
   * A field that is a text.
   *
   * @param name of the field
   */
  public Optional<String> text(String name) {
    Json v = values.get(name);
    return v == null ? Optional.empty() : Optional.ofNullable(v.text());
  }

  /**
   * A field that is a yes or a no. Absent is unknown, never no.
   *
   * @param name of the field
   */
  public Optional<Boolean> bool(String name) {
    Json v = values.get(name);
    boolean is = v != null && (v.kind == Json.Kind.TRUE || v.kind == Json.Kind.FALSE);
    return is ? Optional.of(v.kind == Json.Kind.TRUE) : Optional.empty();
  }

  /**
   * A field that is a number, exactly. One that nobody could mean (more than a thousand digits) is empty.
   *
   * @param name of the field
   */
  public Optional<BigDecimal> number(String name) {
    Json v = values.get(name);
    if (v == null || v.number() == null || v.number().length() > MAX_DIGITS) {
      return Optional.empty();
    }
    try {
      return Optional.of(new BigDecimal(v.number()));
    } catch (NumberFormatException e) { // an exponent beyond its range
      return Optional.empty();
    }
  }

  /**
   * A field as JSON, with numbers as they were written.
   *
   * @param name of the field
   */
  public Optional<String> json(String name) {
    Json v = values.get(name);
    return v == null ? Optional.empty() : Optional.of(v.json());
  }

  /** All fields as one JSON object. */
  public String json() {
    return JsonText.of(values);
  }

  Map<String, Json> values() {
    return values;
  }

  @Override
  public String toString() {
    return "[claims redacted]";
  }
}
