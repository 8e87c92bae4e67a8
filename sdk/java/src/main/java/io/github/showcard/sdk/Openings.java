package io.github.showcard.sdk;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The salts of a receipt. They are as secret as the values: who has them can find values by trying. File them with the values and
 * apart from the receipt.
 */
public final class Openings {
  private final String certificate;
  private final Map<String, String> fields;

  /**
   * Makes one of what was filed.
   *
   * @param certificate salt of the identifier, or null
   * @param fields salts by field, base64url
   */
  public Openings(String certificate, Map<String, String> fields) {
    this.certificate = certificate;
    this.fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
  }

  static Openings of(Json json) {
    if (json == null || !json.isObject()) {
      return null;
    }
    Map<String, String> fields = new LinkedHashMap<>();
    Json all = json.get("fields");
    if (all != null) {
      all.members().forEach((name, salt) -> {
        if (salt.text() != null) {
          fields.put(name, salt.text());
        }
      });
    }
    return new Openings(json.textOf("certificate"), fields);
  }

  /** Salt of the certificate's identifier, or null. */
  public String certificate() {
    return certificate;
  }

  /** Salts by field. */
  public Map<String, String> fields() {
    return fields;
  }

  @Override
  public String toString() {
    return "[openings redacted]";
  }
}
