package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How trust documents are read: members of any other name are stepped over, so that an old reader survives a newer list;
 * everything else is strict (docs/formats.md §5.1).
 */
final class TrustReader {
  static final Pattern TYPE_ID = Pattern.compile("[0-9a-z-]{1,64}");
  static final Pattern REGION = Pattern.compile("[0-9]{6}");
  private static final int MAX_URL = 512;
  private static final int MAX_KEYS = 64;
  private static final Pattern PLAIN_PATH = Pattern.compile("[0-9A-Za-z._~/-]*");
  private static final Pattern URL =
      Pattern.compile("(https?)://(\\[[0-9a-f:.]+\\]|[0-9a-z._~-]+)(:[0-9]*)?(/[0-9A-Za-z._~/-]*)?");

  private final Set<String> seen = new HashSet<>();

  static TrustException malformed(String detail) {
    return new TrustException(TrustException.Fault.MALFORMED, detail);
  }

  /**
   * Refuses capital letters, escapes and anything beyond ASCII in the names of members, and null anywhere: a reader that folds
   * case, or takes null for nothing, would see another document. The text is strict JSON already.
   */
  static void checkNames(String json) {
    for (int at = 0; at < json.length(); at++) {
      char c = json.charAt(at);
      if (c == 'n') { // outside of strings, only null begins so
        throw malformed("null");
      }
      if (c != '"') {
        continue;
      }
      int start = at + 1;
      for (at = start; json.charAt(at) != '"'; at++) {
        if (json.charAt(at) == '\\') {
          at++;
        }
      }
      int after = at + 1;
      while (after < json.length() && after <= at + 64 && " \t\r\n".indexOf(json.charAt(after)) >= 0) {
        after++;
      }
      if (after > at + 64) {
        throw malformed("too much white space");
      }
      if (after < json.length() && json.charAt(after) == ':') {
        for (int i = start; i < at; i++) {
          char n = json.charAt(i);
          if (!(n >= 'a' && n <= 'z' || n >= '0' && n <= '9' || "_-.#:/".indexOf(n) >= 0)) {
            throw malformed("a name that is not lower-case ASCII");
          }
        }
      }
    }
  }

  static long number(Json of, String name) {
    Json m = of.get(name);
    if (m == null) {
      return 0;
    }
    Long n = m.integer();
    if (n == null) {
      throw malformed(name + " is not a whole number");
    }
    return n;
  }

  static String text(Json of, String name) {
    Json m = of.get(name);
    if (m == null) {
      return "";
    }
    if (m.text() == null) {
      throw malformed(name + " is not a string");
    }
    return m.text();
  }

  static boolean flag(Json of, String name) {
    Json m = of.get(name);
    if (m == null || m.kind == Json.Kind.FALSE) {
      return false;
    }
    if (m.kind != Json.Kind.TRUE) {
      throw malformed(name + " is neither true nor false");
    }
    return true;
  }

  static List<Json> objects(Json of, String name) {
    Json m = of.get(name);
    if (m == null) {
      return new ArrayList<>();
    }
    boolean right = m.kind == Json.Kind.ARRAY;
    for (Json one : m.elements()) {
      right &= one.isObject();
    }
    if (!right) {
      throw malformed(name + " is not a list of objects");
    }
    return m.elements();
  }

  static List<String> texts(Json of, String name) {
    List<String> out = new ArrayList<>();
    Json m = of.get(name);
    if (m == null) {
      return out;
    }
    if (m.kind != Json.Kind.ARRAY) {
      throw malformed(name + " is not a list");
    }
    for (Json one : m.elements()) {
      if (one.text() == null) {
        throw malformed(name + " is not a list of strings");
      }
      out.add(one.text());
    }
    return out;
  }

  /** A date, or null where it is absent or zero. */
  Instant date(Json of, String name) {
    long seconds = number(of, name);
    if (seconds == 0) {
      return null;
    }
    if (seconds < 0 || seconds > Dates.MAX) {
      throw malformed(name + " is out of range");
    }
    return Instant.ofEpochSecond(seconds);
  }

  /** A pair of dates runs forwards. */
  static void forwards(Instant from, Instant until, String where) {
    if (from != null && until != null && until.isBefore(from)) {
      throw malformed(where + ": dates run backwards");
    }
  }

  Text name(Json of, String where) {
    Json m = of.get("name");
    if (m == null || !m.isObject()) {
      throw malformed(where + ": no name");
    }
    String zh = text(m, "zh");
    String en = text(m, "en");
    for (String s : new String[] {zh, en}) {
      if (s.isEmpty() || s.getBytes(StandardCharsets.UTF_8).length > 400) {
        throw malformed(where + ": name in Chinese and English, at most 400 bytes each");
      }
    }
    return new Text(zh, en);
  }

  /** Notes a value of a kind and refuses it the second time. */
  void once(String kind, String value) {
    if (!seen.add(kind + "\0" + value)) {
      throw malformed(kind + " stands twice");
    }
  }

  void known(String kind, String value) {
    if (!seen.contains(kind + "\0" + value)) {
      throw malformed("a " + kind + " is not in the list");
    }
  }

  /** Keys of one owner. Kinds of key that this version does not know are stepped over. */
  List<DatedKey> keys(List<Json> all, String kind, String where) {
    List<DatedKey> out = new ArrayList<>();
    for (Json one : all) {
      DatedKey k = key(one);
      if (k == null) {
        continue;
      }
      keyId(k.key());
      once(kind + " key", identity(k.key()));
      once(where + " kid", k.key().id());
      out.add(k);
    }
    if (out.size() > MAX_KEYS) {
      throw malformed(where + ": too many keys");
    }
    return out;
  }

  private DatedKey key(Json one) {
    Json jwk = one.get("jwk");
    if (jwk == null) {
      throw malformed("a key without jwk");
    }
    number(one, "not_before");
    number(one, "not_after");
    boolean frozen = flag(one, "frozen");
    long copies = number(one, "max_copies");
    EcKey key;
    try {
      key = EcKey.ofJwk(jwk);
    } catch (EcKey.Unusable e) {
      if (e.unsupported) {
        return null;
      }
      throw malformed("a key: " + e.getMessage());
    }
    Instant from = date(one, "not_before");
    Instant until = date(one, "not_after");
    forwards(from, until, "key");
    if (copies < 0) {
      throw malformed("max_copies below zero");
    }
    return new DatedKey(key, from, until, frozen);
  }

  static void keyId(EcKey key) {
    String id = key.id();
    if (id.isEmpty() || id.equals("-") || id.getBytes(StandardCharsets.UTF_8).length > 256) {
      throw malformed("key id");
    }
  }

  static String identity(EcKey k) {
    return k.algorithm() + "\0" + k.thumbprint();
  }

  /** One spelling of a URL: identifiers are compared byte by byte. http is for one's own machine. */
  static String url(String s, String where) {
    Matcher m = URL.matcher(s);
    if (s.length() > MAX_URL || !m.matches()) {
      throw malformed(where + " is not a plain URL");
    }
    String host = m.group(2);
    String path = m.group(4) == null ? "" : m.group(4);
    if (host.endsWith(".") || path.contains("..") || path.contains("//") || m.group(1).equals("http") && !loopback(host)) {
      throw malformed(where + " is not a URL of the list");
    }
    return s;
  }

  static boolean loopback(String host) {
    return host.equals("localhost") || host.endsWith(".localhost") || host.matches("127(\\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}")
        || host.equals("[::1]") || host.equals("::1");
  }

  static boolean plainPath(String rest) {
    return PLAIN_PATH.matcher(rest).matches();
  }

  static boolean made(Pattern form, String s) {
    return form.matcher(s).matches();
  }
}
