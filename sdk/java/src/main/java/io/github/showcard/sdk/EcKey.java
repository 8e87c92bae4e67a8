package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;

/**
 * A public key, SM2 or P-256. It knows its own algorithm, so nothing ever asks a token which one it would like
 * (RFC 8725 §3.1). Two keys are the same when their points are; ids are hints.
 */
public final class EcKey {
  /** A JWK or COSE_Key that is none, or is of a kind that nobody here has a use for. */
  static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    /** Of a kind that is stepped over in sets (RFC 7517 §5). */
    final boolean unsupported;

    private Unusable(String detail, boolean unsupported) {
      super(detail, null, false, false);
      this.unsupported = unsupported;
    }

    static Unusable malformed(String detail) {
      return new Unusable(detail, false);
    }

    static Unusable unsupported(String detail) {
      return new Unusable(detail, true);
    }
  }

  private static final int MAX_JWK = 8 << 10;

  private final Algorithm algorithm;
  private final byte[] point; // 04‖x‖y
  private final ECPublicKeyParameters parameters;
  private final String id; // null: the thumbprint

  private EcKey(Algorithm algorithm, ECPublicKeyParameters parameters, String id) {
    this.algorithm = algorithm;
    this.parameters = parameters;
    this.point = parameters.getQ().getEncoded(false);
    this.id = id;
  }

  /**
   * Reads a public JWK by the names of the profile.
   *
   * @param jwk the JSON
   * @throws IllegalArgumentException if it is none, is private, or is of another kind
   */
  public static EcKey parseJwk(String jwk) {
    try {
      return ofJwk(Json.parse(jwk, 4));
    } catch (SyntaxException | Unusable e) {
      throw new IllegalArgumentException("not a public JWK: " + e.getMessage());
    }
  }

  static EcKey ofJwk(Json jwk) throws Unusable {
    if (jwk.isNull()) {
      throw Unusable.unsupported("null");
    }
    if (!jwk.isObject() || jwk.depth() > 4 || jwk.json().getBytes(StandardCharsets.UTF_8).length > MAX_JWK) {
      throw Unusable.malformed("not a JWK");
    }
    if (jwk.get("d") != null) {
      throw Unusable.malformed("a private key where a public one belongs");
    }
    String kty = member(jwk, "kty");
    String crv = member(jwk, "crv");
    String x = member(jwk, "x");
    String y = member(jwk, "y");
    String kid = member(jwk, "kid");
    String use = member(jwk, "use");
    String alg = member(jwk, "alg");
    if (!kty.equals("EC")) {
      throw Unusable.unsupported("kty");
    }
    if (!use.isEmpty() && !use.equals("sig")) {
      throw Unusable.unsupported("use");
    }
    forVerifying(jwk.get("key_ops"));
    Algorithm a = null;
    for (Algorithm one : Algorithm.values()) {
      a = one.curveName().equals(crv) ? one : a;
    }
    if (a == null) {
      throw Unusable.unsupported("crv");
    }
    if (!alg.isEmpty() && !alg.equals(a.joseName())) {
      throw Unusable.malformed("alg of another curve");
    }
    byte[] encoded = new byte[65];
    encoded[0] = 4;
    coordinate(x, encoded, 1);
    coordinate(y, encoded, 33);
    if (kid.getBytes(StandardCharsets.UTF_8).length > 256) {
      throw Unusable.malformed("kid");
    }
    return ofPoint(a, encoded, kid.isEmpty() ? null : kid);
  }

  private static String member(Json jwk, String name) throws Unusable {
    Json m = jwk.get(name);
    if (m == null) {
      return "";
    }
    if (m.text() == null) {
      throw Unusable.malformed(name + " is not a string");
    }
    return m.text();
  }

  /** RFC 7517 §4.3: a key that its owner published for something else. */
  private static void forVerifying(Json operations) throws Unusable {
    if (operations == null) {
      return;
    }
    boolean verify = false;
    for (Json one : operations.elements()) {
      if (one.text() == null && !one.isNull()) {
        throw Unusable.malformed("key_ops");
      }
      verify |= "verify".equals(one.text());
    }
    if (operations.kind != Json.Kind.ARRAY && !operations.isNull()) {
      throw Unusable.malformed("key_ops");
    }
    if (!verify) {
      throw Unusable.unsupported("key_ops without verify");
    }
  }

  /** RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included. */
  private static void coordinate(String text, byte[] to, int at) throws Unusable {
    try {
      byte[] c = Base64Url.decode(text);
      if (c.length == 32) {
        System.arraycopy(c, 0, to, at, 32);
        return;
      }
    } catch (SyntaxException e) {
      // below
    }
    throw Unusable.malformed("a coordinate is not 32 bytes of base64url");
  }

  /** Reads 04‖x‖y or 02/03‖x. */
  static EcKey ofPoint(Algorithm a, byte[] encoded, String id) throws Unusable {
    ECPublicKeyParameters p = Curves.point(a, encoded);
    if (p == null) {
      throw Unusable.malformed("not a point of the curve");
    }
    return new EcKey(a, p, id);
  }

  EcKey withId(String other) {
    return new EcKey(algorithm, parameters, other);
  }

  /** The one algorithm that this key verifies. */
  public Algorithm algorithm() {
    return algorithm;
  }

  /** The key's own {@code kid}, or else its RFC 7638 thumbprint. */
  public String id() {
    return id == null ? thumbprint() : id;
  }

  /** The RFC 7638 thumbprint, with SHA-256 for both algorithms, base64url. */
  public String thumbprint() {
    String text = "{\"crv\":\"" + algorithm.curveName() + "\",\"kty\":\"EC\",\"x\":\"" + x() + "\",\"y\":\"" + y() + "\"}";
    return Base64Url.encode(HashName.SHA256.sum(text.getBytes(StandardCharsets.US_ASCII)));
  }

  /** The JWK with {@code kid}, {@code use} and {@code alg}, as an operator registers it. */
  public String toJwk() {
    return JsonText.of(jwk());
  }

  Map<String, Object> jwk() {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("kty", "EC");
    m.put("crv", algorithm.curveName());
    m.put("x", x());
    m.put("y", y());
    m.put("kid", id());
    m.put("use", "sig");
    m.put("alg", algorithm.joseName());
    return m;
  }

  private String x() {
    return Base64Url.encode(Arrays.copyOfRange(point, 1, 33));
  }

  private String y() {
    return Base64Url.encode(Arrays.copyOfRange(point, 33, 65));
  }

  /**
   * Whether a 64-byte signature r‖s over a message is this key's.
   *
   * @param message what was signed
   * @param signature r‖s
   */
  public boolean verifies(byte[] message, byte[] signature) {
    return verdict(message, signature) == Curves.Verdict.GOOD;
  }

  Curves.Verdict verdict(byte[] message, byte[] signature) {
    return Curves.verify(algorithm, parameters, message, signature);
  }

  /** Same algorithm, same point; the id does not matter. */
  @Override
  public boolean equals(Object o) {
    return o instanceof EcKey && ((EcKey) o).algorithm == algorithm && Arrays.equals(((EcKey) o).point, point);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(point);
  }

  @Override
  public String toString() {
    return algorithm + " key " + id();
  }
}
