package io.github.showcard.sdk;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Puts the disclosures where their digests stand (RFC 9901 §7.1 step 3). */
final class SdJwtProcessor {
  private static final int MAX_NESTING = 32; // of disclosures within disclosures, all levels counted

  final HashName hash;
  final Map<String, Json> claims;
  /** Top-level claims with a digest somewhere inside. */
  final Set<String> holes = new HashSet<>();

  private final Map<String, Disclosure> byDigest = new HashMap<>();
  private final Set<String> seen = new HashSet<>();

  SdJwtProcessor(Json payload, List<Disclosure> disclosures) throws SdJwt.Invalid {
    Map<String, Json> top = new LinkedHashMap<>(payload.members());
    Json named = top.remove(SdJwt.HASH);
    hash = named == null ? HashName.SHA256 : HashName.of(named.text());
    if (hash == null) {
      throw new SdJwt.Invalid("algorithm-not-allowed", "_sd_alg is not on the list");
    }
    for (Disclosure d : disclosures) {
      if (byDigest.put(d.digest(hash), d) != null) {
        throw new SdJwt.Invalid("disclosure-duplicate", "the same disclosure");
      }
    }
    claims = object(top, "", 0);
    for (Disclosure d : disclosures) {
      if (!d.used) {
        throw new SdJwt.Invalid("disclosure-unknown", "the issuer signed no digest of it");
      }
    }
  }

  private static SdJwt.Invalid malformed(String detail) {
    return new SdJwt.Invalid("presentation-malformed", detail);
  }

  private Json value(Json raw, String root, int depth) throws SdJwt.Invalid {
    if (!raw.mayHoldDigests()) {
      return raw;
    }
    if (depth > MAX_NESTING) {
      throw malformed("nested too deep");
    }
    switch (raw.kind) {
      case OBJECT:
        return Json.object(object(new LinkedHashMap<>(raw.members()), root, depth));
      case ARRAY:
        return Json.array(array(raw.elements(), root, depth));
      default:
        return raw;
    }
  }

  private Map<String, Json> object(Map<String, Json> object, String root, int depth) throws SdJwt.Invalid {
    boolean top = depth == 0;
    Json digests = object.remove(SdJwt.DIGESTS);
    if (digests != null) {
      boolean strings = digests.kind == Json.Kind.ARRAY;
      for (Json one : digests.elements()) {
        strings &= one.text() != null || one.isNull();
      }
      if (!strings) {
        throw malformed("_sd is not an array of strings");
      }
    }
    if (object.containsKey(SdJwt.ELEMENT)) {
      throw malformed("... outside of an array");
    }
    if (object.containsKey(SdJwt.HASH)) {
      throw malformed("_sd_alg below the top level");
    }
    // In a fixed order, so that a token with two faults always shows the same one.
    Set<String> names = new TreeSet<>(SdJwtProcessor::compareCodePoints);
    names.addAll(object.keySet());
    for (String name : names) {
      object.put(name, value(object.get(name), top ? name : root, depth + 1));
    }
    if (digests == null) {
      return object;
    }
    for (Json one : digests.elements()) {
      Disclosure d = take(one.text(), root);
      if (d == null) {
        continue;
      }
      if (d.name == null) {
        throw Disclosure.malformed("an array element among the properties of an object");
      }
      if (object.containsKey(d.name)) {
        throw Disclosure.malformed("its name is taken");
      }
      d.top = top;
      object.put(d.name, value(d.value, top ? d.name : root, depth + 1));
    }
    return object;
  }

  private List<Json> array(List<Json> elements, String root, int depth) throws SdJwt.Invalid {
    List<Json> out = new ArrayList<>(elements.size());
    for (Json element : elements) {
      Json digest = element.get(SdJwt.ELEMENT);
      if (digest == null) {
        out.add(value(element, root, depth + 1));
        continue;
      }
      if (element.members().size() != 1 || digest.text() == null && !digest.isNull()) {
        throw malformed("an array digest has one member, a string");
      }
      Disclosure d = take(digest.text(), root);
      if (d == null) {
        continue; // not disclosed, or a decoy: RFC 9901 §7.1 3.d
      }
      if (d.name != null) {
        throw Disclosure.malformed("a property among array elements");
      }
      out.add(value(d.value, root, depth + 1));
    }
    return out;
  }

  /**
   * The disclosure of a digest, or null when it is kept back. A digest that was met before, here or inside of another
   * disclosure, refuses the token (§7.1 step 4).
   */
  private Disclosure take(String digest, String root) throws SdJwt.Invalid {
    if (digest == null) {
      throw malformed("a digest is not a string");
    }
    if (!seen.add(digest)) {
      throw new SdJwt.Invalid("disclosure-duplicate", "a digest");
    }
    if (!root.isEmpty()) {
      holes.add(root);
    }
    Disclosure d = byDigest.get(digest);
    if (d != null) {
      d.used = true;
    }
    return d;
  }

  /** The order of UTF-8, which is that of code points and not of Java's chars. */
  static int compareCodePoints(String a, String b) {
    for (int i = 0; i < a.length() && i < b.length(); i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        return Character.isSurrogate(x) == Character.isSurrogate(y) ? Character.compare(x, y) : Character.isSurrogate(x) ? 1 : -1;
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
