package io.github.showcard.sdk;

import java.io.IOException;
import java.io.InputStream;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The one table of codes, as it was when this SDK was made. A deployment may be newer: an unknown code has no sentence here
 * and is no error.
 */
public final class Problems {
  private static final Map<String, Json> TABLE = load();

  private Problems() {}

  /**
   * The sentence of a code.
   *
   * @param code as a deployment or this SDK gives it
   */
  public static Optional<Text> title(String code) {
    return text(code, "title");
  }

  /**
   * What to do next.
   *
   * @param code as a deployment or this SDK gives it
   */
  public static Optional<Text> next(String code) {
    return text(code, "next");
  }

  /** Every code that is known. */
  public static Set<String> codes() {
    return TABLE.keySet();
  }

  private static Optional<Text> text(String code, String member) {
    Json entry = TABLE.get(code);
    return entry == null ? Optional.empty() : Optional.ofNullable(Text.of(entry.get(member)));
  }

  private static Map<String, Json> load() {
    try (InputStream in = Problems.class.getResourceAsStream("problems.json")) {
      if (in == null) {
        throw new IllegalStateException("problems.json is not in the jar");
      }
      Map<String, Json> table = new HashMap<>();
      for (Json entry : Json.parse(in.readAllBytes(), 8).elements()) {
        table.put(entry.textOf("code"), entry);
      }
      return Collections.unmodifiableMap(table);
    } catch (IOException | SyntaxException e) {
      throw new IllegalStateException("problems.json", e);
    }
  }
}
