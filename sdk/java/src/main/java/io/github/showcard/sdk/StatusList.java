package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * A signed status list (Token Status List, JWT form): the states of about a million certificates. A few kilobytes of zlib can
 * claim to be gigabytes, so unpacking is bounded, and happens only after the signature was checked.
 */
public final class StatusList {
  /** A status list that is not to be believed. */
  public static final class Refused extends RefusedException {
    private static final long serialVersionUID = 1L;

    Refused(String code, String detail) {
      super(code, detail);
    }
  }

  private static final String TYPE = "statuslist+jwt";
  private static final Duration SKEW = Duration.ofMinutes(1);
  private static final long MAX_ENTRIES = 1 << 24;
  private static final long MAX_TTL = 366L * 24 * 3600;

  private final Jws token;
  private final String subject;
  private final Instant issuedAt;
  private final Instant expires; // null: does not
  private final Duration ttl;
  private final int bits;
  private final byte[] packed;
  private byte[] states; // after verify

  private StatusList(Jws token) {
    this.token = token;
    Json all = token.payload;
    subject = text(all, "sub");
    long iat = required(all, "iat");
    Long exp = optional(all, "exp");
    Long hint = optional(all, "ttl");
    if (iat <= 0 || iat > Dates.MAX || exp != null && (exp <= iat || exp > Dates.MAX) || hint != null && hint <= 0) {
      throw malformed("iat, exp or ttl");
    }
    issuedAt = Instant.ofEpochSecond(iat);
    expires = exp == null ? null : Instant.ofEpochSecond(exp);
    ttl = Duration.ofSeconds(hint == null ? 0 : Math.min(hint, MAX_TTL));
    Json list = all.get("status_list");
    if (list == null || !list.isObject()) {
      throw malformed("no status_list");
    }
    long each = required(list, "bits");
    String lst = text(list, "lst");
    String aggregation = list.get("aggregation_uri") == null ? "" : text(list, "aggregation_uri");
    try {
      packed = Base64Url.decode(lst);
    } catch (SyntaxException e) {
      throw malformed("lst is not base64url");
    }
    if (each != 1 && each != 2 && each != 4 && each != 8) {
      throw malformed("bits");
    }
    bits = (int) each;
    if (subject.isEmpty() || tooLong(subject) || tooLong(aggregation)) {
      throw malformed("sub or aggregation_uri");
    }
  }

  private static boolean tooLong(String uri) {
    return uri.getBytes(StandardCharsets.UTF_8).length > StatusReference.MAX_URI;
  }

  private static Refused malformed(String detail) {
    return new Refused("status-list-invalid", detail);
  }

  private static String text(Json of, String name) {
    String s = of.textOf(name);
    if (s == null) {
      throw malformed(name + " is missing or no string");
    }
    return s;
  }

  private static long required(Json of, String name) {
    Long n = optional(of, name);
    if (n == null) {
      throw malformed("no " + name);
    }
    return n;
  }

  private static Long optional(Json of, String name) {
    Json m = of.get(name);
    if (m == null) {
      return null;
    }
    if (m.integer() == null) {
      throw malformed(name + " is not a whole number");
    }
    return m.integer();
  }

  /** Reads the form; nothing is trusted yet. */
  static StatusList read(String text) {
    try {
      return new StatusList(Jws.parse(text, TYPE));
    } catch (Jws.Invalid e) {
      throw malformed(e.getMessage());
    }
  }

  /**
   * Reads a status list and checks it against the domain whose list it must be.
   *
   * @param text compact JWS
   * @param uri as the certificate names the list
   * @param home the issuer's domain in the trust list
   * @param now the time of reading
   * @throws RefusedException when it is not to be believed
   */
  public static StatusList parse(String text, String uri, TrustDomain home, Instant now) {
    StatusList l = read(text);
    l.verify(home.statusKey(l.keyId(), l.issuedAt), uri, now);
    return l;
  }

  /** Checks signature, subject and dates (§8.3). Only then it unpacks. */
  void verify(EcKey key, String uri, Instant now) {
    try {
      token.verify(key);
    } catch (Jws.Invalid e) {
      throw malformed(e.getMessage());
    }
    if (!subject.equals(uri)) {
      throw new Refused("status-list-wrong-signer", "it is about another list");
    }
    if (!freshAt(now)) {
      throw new Refused("status-stale", "expired");
    }
    if (issuedAt.isAfter(now.plus(SKEW))) {
      throw new Refused("status-unavailable", "issued in the future");
    }
    states = unpack(packed, MAX_ENTRIES * bits / 8);
  }

  /** Reads to the end, so that the checksum is compared, and takes nothing after it. */
  static byte[] unpack(byte[] packed, long limit) {
    Inflater z = new Inflater();
    try {
      z.setInput(packed);
      ByteArrayOutputStream out = new ByteArrayOutputStream(Math.min(packed.length * 8, 1 << 20));
      byte[] piece = new byte[16 << 10];
      while (!z.finished()) {
        int n = z.inflate(piece);
        if (n == 0 && (z.needsInput() || z.needsDictionary())) {
          throw malformed("the list is cut off");
        }
        if (out.size() + n > limit) {
          throw new Refused("status-unavailable", "more entries than anybody needs");
        }
        out.write(piece, 0, n);
      }
      if (z.getRemaining() > 0 || out.size() == 0) {
        throw malformed("something follows the list, or it is empty");
      }
      return out.toByteArray();
    } catch (DataFormatException e) {
      throw malformed("not zlib");
    } finally {
      z.end();
    }
  }

  /**
   * The status at a place. A certificate with a place past the end is to be refused (§8.3), not taken for valid.
   *
   * @param index as the certificate says
   */
  public Status get(long index) {
    if (index < 0 || index >= size()) {
      throw new Refused("status-index-out-of-range", "past the end of the list");
    }
    long bit = index * bits;
    return Status.of(states[(int) (bit / 8)] >> bit % 8 & (1 << bits) - 1);
  }

  /** How many entries there are. */
  public long size() {
    return states.length * 8L / bits;
  }

  /** The moment whose state it shows. */
  public Instant issuedAt() {
    return issuedAt;
  }

  /** How long to keep it before asking again; zero: no hint. */
  public Duration ttl() {
    return ttl;
  }

  /**
   * Whether it has not expired.
   *
   * @param now the time of asking
   */
  public boolean freshAt(Instant now) {
    return expires == null || now.isBefore(expires);
  }

  String keyId() {
    return token.keyId;
  }
}
