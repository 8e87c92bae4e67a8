package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;

/** One thing that the holder chose to show: {@code [salt, name, value]}, or {@code [salt, value]} in an array. */
final class Disclosure {
  private static final int MAX_DEPTH = 16;

  final String encoded; // what is hashed
  final String name; // null: an array element
  final Json value;
  boolean used;
  boolean top; // stands at the top level of the payload

  private Disclosure(String encoded, String name, Json value) {
    this.encoded = encoded;
    this.name = name;
    this.value = value;
  }

  /** Names that steer the format: RFC 9901 §7.1 3.c.ii and §4.1.1. */
  private static boolean reserved(String name) {
    return name.equals(SdJwt.DIGESTS) || name.equals(SdJwt.ELEMENT) || name.equals(SdJwt.HASH);
  }

  static Disclosure parse(String encoded) throws SdJwt.Invalid {
    Json all;
    try {
      all = Json.parse(Base64Url.decode(encoded), MAX_DEPTH);
    } catch (SyntaxException e) {
      throw malformed(e.getMessage());
    }
    int n = all.elements().size();
    if (n < 2 || n > 3) {
      throw malformed("want [salt, name, value] or [salt, value]");
    }
    if (all.elements().get(0).text() == null) {
      throw malformed("the salt is not a string");
    }
    if (n == 2) {
      return new Disclosure(encoded, null, all.elements().get(1));
    }
    String name = all.elements().get(1).text();
    if (name == null || name.isEmpty()) {
      throw malformed("the name is not a string");
    }
    if (reserved(name)) {
      throw malformed("a reserved name");
    }
    return new Disclosure(encoded, name, all.elements().get(2));
  }

  /** RFC 9901 §4.2.3: over the text, not over the JSON. */
  String digest(HashName hash) {
    return Base64Url.encode(hash.sum(encoded.getBytes(StandardCharsets.US_ASCII)));
  }

  static SdJwt.Invalid malformed(String detail) {
    return new SdJwt.Invalid("disclosure-malformed", detail);
  }
}
