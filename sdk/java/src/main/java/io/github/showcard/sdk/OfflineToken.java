package io.github.showcard.sdk;

import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What stands behind {@code SC2} (docs/formats.md §3.2): the device's proof around what the issuing authority signed for one view of
 * one certificate. It is read and trusted in nothing before {@link #verifyIssuer}, and nobody's before {@link #verifyProof}.
 * {@link OfflineVerifier} does all of it in the right order, with the lists of a checker.
 *
 * <p>Every method throws {@link RefusedException} with the code of {@code testdata/vectors}.
 */
public final class OfflineToken {
  private static final int MAX_SIZE = 905;
  private static final long MAX_LIFETIME = 24 * 3600;
  private static final Duration MAX_AGE = Duration.ofSeconds(60);
  private static final Duration SKEW = Duration.ofSeconds(10);

  private static final long TYPE_CWT = 293;
  private static final long TYPE_KBT = 294;
  private static final long KEY_ID = 4;
  private static final long KCWT = 13;
  private static final long AUDIENCE = 3;
  private static final long EXPIRES = 4;
  private static final long ISSUED_AT = 6;
  private static final long ID = 7;
  private static final long CONFIRMATION = 8;
  private static final long NONCE = 39;
  private static final long VIEW = -65537;

  private static final int MAX_NUMBER = 255;
  private static final int MAX_VALUES = 64;
  private static final int MAX_HIDDEN = 1000;
  private static final long MAX_INTEGER = (1L << 53) - 1;

  /** What a mask keeps of a value, and how many characters it hides. */
  static final class Kept {
    final String text;
    final long hidden;

    Kept(String text, long hidden) {
      this.text = text;
      this.hidden = hidden;
    }
  }

  private final CoseSign1 proof;
  private final CoseSign1 cwt;
  private final byte[] keyId;
  private final byte[] serial;
  private final Instant issuedAt;
  private final Instant expires;
  private final EcKey device;
  private final byte[] proofSerial;
  private final Instant provedAt;
  private final String audience;
  private final byte[] nonce; // null: none
  private final long[] view = new long[4]; // type, version, view, region
  private final Map<Integer, Object> values = new LinkedHashMap<>();

  private OfflineToken(byte[] data) {
    if (data.length > MAX_SIZE) {
      throw Cbor.refused("offline-too-large", data.length + " bytes");
    }
    proof = new CoseSign1(Cbor.read(data), TYPE_KBT, KCWT);
    cwt = new CoseSign1(proof.header.get(KCWT), TYPE_CWT, KEY_ID);
    keyId = bytes(cwt.header.get(KEY_ID), 8, 8, "kid");

    Cbor claims = cwt.payload;
    if (!claims.exactly(EXPIRES, ISSUED_AT, ID, CONFIRMATION, VIEW)) {
      throw CoseSign1.malformed("the claims are not exp, iat, cti, cnf and the view");
    }
    serial = bytes(claims.get(ID), 8, 8, "cti");
    long iat = seconds(claims.get(ISSUED_AT));
    long exp = seconds(claims.get(EXPIRES));
    if (exp <= iat || exp - iat > MAX_LIFETIME) {
      throw Cbor.refused("offline-lifetime", "");
    }
    issuedAt = Instant.ofEpochSecond(iat);
    expires = Instant.ofEpochSecond(exp);
    device = device(claims.get(CONFIRMATION));
    readView(claims.get(VIEW));

    Cbor said = proof.payload;
    Cbor answers = said.get(NONCE);
    boolean known = answers == null ? said.exactly(AUDIENCE, ISSUED_AT, ID) : said.exactly(AUDIENCE, ISSUED_AT, ID, NONCE);
    if (!known) {
      throw CoseSign1.malformed("the claims are not aud, iat, cti and perhaps cnonce");
    }
    proofSerial = bytes(said.get(ID), 8, 8, "cti");
    provedAt = Instant.ofEpochSecond(seconds(said.get(ISSUED_AT)));
    audience = said.get(AUDIENCE).utf8Text();
    if (audience == null || !audience.matches("[!-~]{1,64}")) {
      throw CoseSign1.malformed("aud");
    }
    nonce = answers == null ? null : bytes(answers, 8, 32, "cnonce");
  }

  /**
   * Reads an offline code and applies all rules that need no key.
   *
   * @param code of the kind {@link Code.Kind#OFFLINE}
   */
  public static OfflineToken parse(Code code) {
    if (code.kind() != Code.Kind.OFFLINE) {
      throw new RefusedException("code-not-ours", "a ticket is checked by its home domain, not here");
    }
    return parse(code.token());
  }

  static OfflineToken parse(byte[] token) {
    return new OfflineToken(token);
  }

  private static byte[] bytes(Cbor c, int least, int most, String what) {
    if (c.major != Cbor.BYTES || c.data.length < least || c.data.length > most) {
      throw CoseSign1.malformed(what + " has another form");
    }
    return c.data;
  }

  private static long seconds(Cbor c) {
    if (c.major != Cbor.UNSIGNED || c.n == 0 || c.n > Dates.MAX) {
      throw CoseSign1.malformed("a date");
    }
    return c.n;
  }

  /** Type, curve, x and the sign of y: nothing else, so that one key has one spelling. */
  private static EcKey device(Cbor cnf) {
    Cbor key = cnf.get(1);
    if (key == null || cnf.items.size() != 2) {
      throw CoseSign1.malformed("cnf is not one COSE_Key");
    }
    RefusedException no = Cbor.refused("offline-device-key", "want an EC2 key with a compressed point");
    if (!key.exactly(1, -1, -2, -3)) {
      throw no;
    }
    Cbor type = key.get(1);
    Cbor curve = key.get(-1);
    Cbor x = key.get(-2);
    Cbor sign = key.get(-3);
    boolean form = type.major == Cbor.UNSIGNED && type.n == 2 && curve.isInt() && x.major == Cbor.BYTES && x.data.length == 32
        && sign.major == Cbor.SIMPLE && sign.n != Cbor.NULL;
    for (Algorithm a : Algorithm.values()) {
      if (form && a.coseCurve() == curve.n) {
        byte[] point = new byte[33];
        point[0] = (byte) (sign.n == Cbor.TRUE ? 3 : 2);
        System.arraycopy(x.data, 0, point, 1, 32);
        try {
          return EcKey.ofPoint(a, point, null);
        } catch (EcKey.Unusable e) {
          throw no;
        }
      }
    }
    throw no;
  }

  private void readView(Cbor c) {
    if (c.major != Cbor.ARRAY || c.items.size() != 5) {
      throw CoseSign1.malformed("the view is not an array of five");
    }
    for (int i = 0; i < 4; i++) {
      Cbor n = c.items.get(i);
      boolean in = i < 3 ? n.n >= 1 && n.n <= MAX_NUMBER : n.n >= 100000 && n.n <= 999999;
      if (n.major != Cbor.UNSIGNED || !in) {
        throw CoseSign1.malformed("number of type, version, view or region");
      }
      view[i] = n.n;
    }
    Cbor all = c.items.get(4);
    if (all.major != Cbor.MAP || all.items.isEmpty() || all.items.size() > 2 * MAX_VALUES) {
      throw CoseSign1.malformed("the values are not a map of 1 to " + MAX_VALUES);
    }
    for (int i = 0; i < all.items.size(); i += 2) {
      Cbor n = all.items.get(i);
      if (n.major != Cbor.UNSIGNED || n.n < 1 || n.n > MAX_NUMBER) {
        throw CoseSign1.malformed("number of a field");
      }
      values.put((int) n.n, value(all.items.get(i + 1)));
    }
  }

  private static Object value(Cbor c) {
    switch (c.major) {
      case Cbor.UNSIGNED:
      case Cbor.NEGATIVE:
        if (c.n < -MAX_INTEGER || c.n > MAX_INTEGER) {
          throw CoseSign1.malformed("an integer of more than 53 bits");
        }
        return c.n;
      case Cbor.BYTES:
      case Cbor.TEXT:
        return c.text();
      case Cbor.SIMPLE:
        return c.n == Cbor.NULL ? null : Boolean.valueOf(c.n == Cbor.TRUE);
      case Cbor.ARRAY:
        Cbor hidden = c.items.size() == 2 ? c.items.get(1) : null;
        if (hidden != null && hidden.major == Cbor.UNSIGNED && hidden.n >= 1 && hidden.n <= MAX_HIDDEN) {
          return new Kept(c.items.get(0).text(), hidden.n);
        }
        throw CoseSign1.malformed("a value of a kind that the format does not have");
      default:
        throw CoseSign1.malformed("a value of a kind that the format does not have");
    }
  }

  /**
   * Whether a key may be the one that signed: the first bytes of its thumbprint are the code's hint.
   *
   * @param issuer a trusted key
   */
  public boolean hints(EcKey issuer) {
    try {
      return Arrays.equals(Arrays.copyOf(Base64Url.decode(issuer.thumbprint()), 8), keyId);
    } catch (SyntaxException e) {
      throw new IllegalStateException(e); // it is of our own making
    }
  }

  /**
   * Checks the authority's signature. The key decides the algorithm.
   *
   * @param issuer the trusted key
   */
  public void verifyIssuer(EcKey issuer) {
    cwt.verify(issuer, "algorithm-not-allowed", "signature-encoding", "signature-invalid");
  }

  /**
   * Checks that what the authority signed is in force. Clocks may be 10 s apart.
   *
   * @param now the time of checking
   */
  public void checkDates(Instant now) {
    if (issuedAt.isAfter(now.plus(SKEW))) {
      throw Cbor.refused("offline-not-yet", "");
    }
    if (Dates.expired(expires, now, SKEW)) {
      throw Cbor.refused("offline-expired", "");
    }
  }

  /**
   * Checks that the device that it was issued to made the proof, for this checker, now.
   *
   * @param audiences that count here: the scenes of this checker, or, when it showed its own code first, its id alone
   * @param showed the nonce in the checker's own code, or null when it showed none
   * @param now the time of checking
   */
  public void verifyProof(Collection<String> audiences, byte[] showed, Instant now) {
    proof.verify(device, "offline-proof-algorithm", "offline-proof-encoding", "offline-proof-invalid");
    if (!audiences.contains(audience)) {
      throw Cbor.refused("offline-audience-wrong", "");
    }
    if (showed != null && nonce == null) {
      throw Cbor.refused("offline-nonce-missing", "");
    }
    if ((showed == null) != (nonce == null) || showed != null && !MessageDigest.isEqual(showed, nonce)) {
      throw Cbor.refused("offline-nonce-wrong", "");
    }
    if (age(now).compareTo(MAX_AGE) > 0) {
      throw Cbor.refused("offline-proof-expired", "");
    }
    if (age(now).negated().compareTo(SKEW) > 0) {
      throw Cbor.refused("offline-proof-from-future", "");
    }
  }

  /**
   * How long ago the proof was made: negative when the device's clock is ahead. Say it to whoever checks, because a window hides how
   * far two clocks are apart.
   *
   * @param now the time of checking
   */
  public Duration age(Instant now) {
    return Duration.between(provedAt, now);
  }

  /** When the device made the proof, by its clock. */
  public Instant provedAt() {
    return provedAt;
  }

  /** When the last moment is at which the proof can count. */
  Instant proofEnds() {
    return provedAt.plus(MAX_AGE);
  }

  /** Names one proof of one code, for the memory of what was shown. */
  String proofName() {
    return hex(serial) + hex(proofSerial);
  }

  /** Random name of what the authority signed, in hexadecimal: it is what is revoked. */
  public String serial() {
    return hex(serial);
  }

  /** Random name of this one proof, in hexadecimal. */
  public String proofSerial() {
    return hex(proofSerial);
  }

  /** The checker's nonce that the proof answers, in hexadecimal; empty when the checker showed none. */
  public Optional<String> nonce() {
    return Optional.ofNullable(nonce).map(OfflineToken::hex);
  }

  /** The hint which key signed, in hexadecimal. */
  public String keyId() {
    return hex(keyId);
  }

  private static String hex(byte[] data) {
    StringBuilder b = new StringBuilder();
    for (byte one : data) {
      b.append(String.format("%02x", one));
    }
    return b.toString();
  }

  /** When the authority signed, to the hour. */
  public Instant issuedAt() {
    return issuedAt;
  }

  /** When it ends. */
  public Instant expires() {
    return expires;
  }

  /** Whom it was shown to: a scene, or a checker's id. */
  public String audience() {
    return audience;
  }

  /** Six digits of GB/T 2260: where the certificate was issued. */
  public String region() {
    return Long.toString(view[3]);
  }

  int type() {
    return (int) view[0];
  }

  int version() {
    return (int) view[1];
  }

  int view() {
    return (int) view[2];
  }

  /** By number of field or predicate: String, Long, Boolean, null or {@link Kept}. */
  Map<Integer, Object> values() {
    return Collections.unmodifiableMap(values);
  }

  @Override
  public String toString() {
    return "[offline code redacted]";
  }
}
