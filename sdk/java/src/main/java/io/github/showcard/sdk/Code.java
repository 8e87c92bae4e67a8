package io.github.showcard.sdk;

import java.util.Arrays;

/**
 * What a person shows, as a scanner typed it (docs/formats.md §3). It is pure: no network. A ticket is a bearer secret while it
 * lives and an offline code carries personal data, so it never prints.
 */
public final class Code {
  /** The two kinds. */
  public enum Kind {
    /** {@code SC1}: looked up once, at its home domain. */
    TICKET,
    /** {@code SC2}: a signed token that carries everything itself. */
    OFFLINE
  }

  private static final String BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; // RFC 4648 §6
  private static final String ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"; // ISO/IEC 7064
  private static final int TICKET_LENGTH = 34;
  private static final int MAX_TOKEN = 905;
  private static final int MAX_OFFLINE = 3 + (MAX_TOKEN * 8 + 4) / 5;
  private static final int MAX_NORMAL = 2048;
  private static final int MAX_HOST = 253 + 6;

  private final Kind kind;
  private final String text;
  private final byte[] token;

  private Code(Kind kind, String text, byte[] token) {
    this.kind = kind;
    this.text = text;
    this.token = token;
  }

  /**
   * Reads what a scanner, a camera or a person typed: blanks, control characters, byte order marks and an AIM identifier around the
   * code are dropped, full-width forms and lower case folded. Characters are never guessed.
   *
   * @param scanned the text
   * @throws RefusedException {@code code-not-ours}, {@code code-truncated}, {@code code-too-long}, {@code code-alphabet} or {@code
   *     code-check-character}; it never repeats the text
   */
  public static Code parse(String scanned) {
    StringBuilder b = new StringBuilder();
    boolean overflow = !normalise(b, scanned);
    String t = b.toString();
    if (t.length() >= 3 && t.startsWith("]Q") && t.charAt(2) >= '0' && t.charAt(2) <= '6') {
      t = t.substring(3); // ISO/IEC 15424
    }
    if (t.startsWith("SC1") || t.startsWith("SC2")) {
      if (overflow) {
        throw refused("code-too-long");
      }
      return t.startsWith("SC1") ? ticket(t) : offline(t);
    }
    String rest = overflow ? "" : behindHost(t);
    if (!rest.startsWith("/S/SC1")) {
      throw refused("code-not-ours");
    }
    return ticket(rest.substring(3));
  }

  private static RefusedException refused(String code) {
    return new RefusedException(code, "");
  }

  private static Code ticket(String t) {
    if (t.length() != TICKET_LENGTH) {
      throw refused(t.length() < TICKET_LENGTH ? "code-truncated" : "code-too-long");
    }
    for (int i = 3; i < 7; i++) {
      if (ALPHANUMERIC.indexOf(t.charAt(i)) < 0) {
        throw refused("code-alphabet");
      }
    }
    byte[] data = new byte[16];
    boolean spareZero = base32(t.substring(7, 33), data);
    if (ALPHANUMERIC.indexOf(t.charAt(33)) < 0) {
      throw refused("code-alphabet");
    }
    if (checkCharacter(t.substring(0, 33)) != t.charAt(33)) {
      throw refused("code-check-character");
    }
    if (!spareZero) {
      throw refused("code-alphabet");
    }
    return new Code(Kind.TICKET, t, null);
  }

  private static Code offline(String t) {
    if (scannedTwice(t) || t.length() > MAX_OFFLINE) {
      throw refused("code-too-long");
    }
    String body = t.substring(3);
    byte[] token = new byte[body.length() * 5 / 8];
    boolean spareZero = base32(body, token);
    // RFC 4648 §6: a last group of 1, 3 or 6 characters ends inside a byte. Spare bits that are not zero are the same accident: the
    // end is missing.
    int last = body.length() % 8;
    if (body.isEmpty() || last == 1 || last == 3 || last == 6 || !spareZero) {
      throw refused("code-truncated");
    }
    return new Code(Kind.OFFLINE, t, token);
  }

  /** Fills data; says whether the bits left over are zero. */
  private static boolean base32(String text, byte[] data) {
    int acc = 0;
    int bits = 0;
    int n = 0;
    for (int i = 0; i < text.length(); i++) {
      int v = BASE32.indexOf(text.charAt(i));
      if (v < 0) {
        throw refused("code-alphabet");
      }
      acc = acc << 5 | v;
      bits += 5;
      if (bits >= 8) {
        bits -= 8;
        data[n++] = (byte) (acc >> bits);
      }
    }
    return (acc & (1 << bits) - 1) == 0;
  }

  /** ISO/IEC 7064 MOD 37,36. */
  private static char checkCharacter(String s) {
    int p = 36;
    for (int i = 0; i < s.length(); i++) {
      p = (p + ALPHANUMERIC.indexOf(s.charAt(i))) % 36;
      p = (p == 0 ? 36 : p) * 2 % 37;
    }
    return ALPHANUMERIC.charAt((37 - p) % 36);
  }

  /**
   * A gun triggered twice into one field. S, C and 2 are base32 characters, so without this look the pair would pass as one longer
   * token.
   */
  private static boolean scannedTwice(String t) {
    int blank = t.indexOf(' ');
    if (blank >= 0 && t.substring(blank).stripLeading().startsWith("SC2")) {
      return true; // the suffix key of the first scan stands between them
    }
    for (int p = t.indexOf("SC2", 3); p >= 0 && p <= t.length() / 2; p = t.indexOf("SC2", p + 1)) {
      if (t.startsWith(t.substring(p))) {
        return true;
      }
    }
    return false;
  }

  /** What follows HTTPS://HOST, or nothing. The host is not believed. */
  private static String behindHost(String t) {
    int from = t.startsWith("HTTPS://") ? 8 : t.startsWith("HTTP://") ? 7 : -1;
    if (from < 0) {
      return "";
    }
    int to = from;
    while (to < t.length() && (ALPHANUMERIC.indexOf(t.charAt(to)) >= 0 || ".-:".indexOf(t.charAt(to)) >= 0)) {
      to++;
    }
    return to == from || to - from > MAX_HOST ? "" : t.substring(to);
  }

  /** Writes the text in upper case, folded and trimmed; false when there was more than anybody needs. */
  private static boolean normalise(StringBuilder b, String s) {
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      char f = c < 0x80 ? c : fold(c);
      if (f <= ' ' || f == 0x7f) {
        if (b.length() == 0) {
          continue;
        }
        f = ' ';
      } else if (f >= 'a' && f <= 'z') {
        f -= 'a' - 'A';
      }
      if (b.length() == MAX_NORMAL) {
        return false;
      }
      b.append(f);
      if (Character.isHighSurrogate(c) && i + 1 < s.length() && Character.isLowSurrogate(s.charAt(i + 1))) {
        i++;
      }
    }
    while (b.length() > 0 && b.charAt(b.length() - 1) == ' ') {
      b.setLength(b.length() - 1);
    }
    return true;
  }

  /** What input methods and terminals make of ASCII, back to it. */
  private static char fold(char c) {
    if (c >= 0xFF01 && c <= 0xFF5E) {
      return (char) (c - 0xFEE0);
    }
    if (c == 0x3002) {
      return '.';
    }
    if (c == 0x3001) {
      return '/';
    }
    boolean blank = c == 0x3000 || c == 0x00A0 || c == 0xFEFF || c == 0x2060 || c >= 0x200B && c <= 0x200F;
    return blank ? ' ' : 0x80;
  }

  /** Which kind it is. */
  public Kind kind() {
    return kind;
  }

  /** The code in its one canonical spelling. */
  public String text() {
    return text;
  }

  /** The signed token of an offline code. */
  byte[] token() {
    return token == null ? new byte[0] : Arrays.copyOf(token, token.length);
  }

  @Override
  public String toString() {
    return kind == Kind.TICKET ? "ticket [redacted]" : "offline code [redacted]";
  }
}
