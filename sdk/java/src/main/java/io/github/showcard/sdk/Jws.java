package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Signed tokens: JWS in compact form (RFC 7515 §7.1) and nothing else of JOSE. Reading has two steps that cannot be taken in
 * the wrong order: {@link #parse} looks at the form alone, {@link #verify} lets the trusted key decide.
 */
final class Jws {
  /** What is wrong with a token. */
  enum Fault {
    MALFORMED,
    /** Not on the list, or not the trusted key's own. */
    ALGORITHM,
    /** RFC 8725 §3.11: a token of one kind must never pass for another. */
    TYPE,
    /** Not r‖s in range. */
    ENCODING,
    SIGNATURE
  }

  /** A token that is not to be read, or not to be believed. */
  static final class Invalid extends Exception {
    private static final long serialVersionUID = 1L;
    final Fault fault;

    Invalid(Fault fault, String detail) {
      super(detail, null, false, false);
      this.fault = fault;
    }
  }

  static final int MAX_SIZE = 4 << 20;
  private static final int MAX_HEADER = 16 << 10;
  private static final int MAX_DEPTH = 16;
  private static final int MAX_CHAIN = 8;
  // crit and b64 change what is signed; jwk, jku and x5u let the token bring its own key.
  private static final List<String> REFUSED = Arrays.asList("crit", "b64", "jwk", "jku", "x5u", "zip", "enc");

  final String algorithm;
  final String type;
  final String keyId; // "" when there is none
  final List<byte[]> x5c;
  final String payloadText;
  final Json payload;
  private final byte[] signed;
  private final byte[] signature;

  private Jws(Header h, String payloadText, Json payload, byte[] signed, byte[] signature) {
    this.algorithm = h.algorithm;
    this.type = h.type;
    this.keyId = h.keyId;
    this.x5c = h.x5c;
    this.payloadText = payloadText;
    this.payload = payload;
    this.signed = signed;
    this.signature = signature;
  }

  private static final class Header {
    String algorithm = "";
    String type = "";
    String keyId = "";
    List<byte[]> x5c = new ArrayList<>();
  }

  /** Takes a token apart and checks its form and its "typ". It does not trust it. */
  static Jws parse(String text, String type) throws Invalid {
    if (text.length() > MAX_SIZE) {
      throw new Invalid(Fault.MALFORMED, "too long");
    }
    int dot1 = text.indexOf('.');
    int dot2 = text.lastIndexOf('.');
    if (dot1 < 0 || dot1 == dot2 || text.substring(dot1 + 1, dot2).indexOf('.') >= 0) {
      throw new Invalid(Fault.MALFORMED, "want header.payload.signature");
    }
    if (dot1 > MAX_HEADER) {
      throw new Invalid(Fault.MALFORMED, "header too long");
    }
    Header h = header(decode(text.substring(0, dot1), "header"));
    if (!h.type.equals(type)) {
      throw new Invalid(Fault.TYPE, "typ is not " + type);
    }
    byte[] data = decode(text.substring(dot1 + 1, dot2), "payload");
    Json payload = object(data, MAX_DEPTH, "payload");
    byte[] signature = decode(text.substring(dot2 + 1), "signature");
    // The part before the second dot is base64url and a dot: both were decoded.
    byte[] signed = text.substring(0, dot2).getBytes(StandardCharsets.US_ASCII);
    return new Jws(h, new String(data, StandardCharsets.UTF_8), payload, signed, signature);
  }

  private static byte[] decode(String part, String what) throws Invalid {
    try {
      return Base64Url.decode(part);
    } catch (SyntaxException e) {
      throw new Invalid(Fault.MALFORMED, what + ": " + e.getMessage());
    }
  }

  private static Json object(byte[] data, int depth, String what) throws Invalid {
    if (data.length == 0 || data[0] != '{') {
      throw new Invalid(Fault.MALFORMED, what + " is not a JSON object");
    }
    try {
      return Json.parse(data, depth);
    } catch (SyntaxException e) {
      throw new Invalid(Fault.MALFORMED, what + ": " + e.getMessage());
    }
  }

  private static Header header(byte[] data) throws Invalid {
    Json all = object(data, 4, "header");
    for (String name : REFUSED) {
      if (all.get(name) != null) {
        throw new Invalid(Fault.MALFORMED, "header " + name + " is not accepted");
      }
    }
    Header h = new Header();
    h.algorithm = member(all, "alg");
    h.type = member(all, "typ");
    h.keyId = member(all, "kid");
    Json chain = all.get("x5c");
    if (chain != null) {
      for (Json one : chain.elements()) {
        if (one.text() == null) {
          throw new Invalid(Fault.MALFORMED, "x5c");
        }
      }
      if (chain.kind != Json.Kind.ARRAY) {
        throw new Invalid(Fault.MALFORMED, "x5c");
      }
    }
    if (h.algorithm.isEmpty()) {
      throw new Invalid(Fault.MALFORMED, "no alg");
    }
    if (!Algorithm.known(h.algorithm)) {
      throw new Invalid(Fault.ALGORITHM, "alg is not on the list");
    }
    if (chain != null) {
      if (chain.elements().isEmpty() || chain.elements().size() > MAX_CHAIN) {
        throw new Invalid(Fault.MALFORMED, "x5c");
      }
      for (Json one : chain.elements()) {
        try {
          byte[] der = Base64Url.decodeStandard(one.text());
          if (der.length == 0) {
            throw new Invalid(Fault.MALFORMED, "x5c");
          }
          h.x5c.add(der);
        } catch (SyntaxException e) {
          throw new Invalid(Fault.MALFORMED, "x5c is not base64");
        }
      }
    }
    return h;
  }

  private static String member(Json header, String name) throws Invalid {
    Json m = header.get(name);
    if (m == null) {
      return "";
    }
    if (m.text() == null) {
      throw new Invalid(Fault.MALFORMED, "header " + name + " has the wrong type");
    }
    return m.text();
  }

  /** The algorithm is the key's own; a header that says otherwise is refused before any arithmetic. */
  void verify(EcKey key) throws Invalid {
    if (!algorithm.equals(key.algorithm().joseName())) {
      throw new Invalid(Fault.ALGORITHM, "the trusted key is for another algorithm");
    }
    switch (key.verdict(signed, signature)) {
      case GOOD:
        return;
      case ENCODING:
        throw new Invalid(Fault.ENCODING, "the signature is not r‖s in range");
      default:
        throw new Invalid(Fault.SIGNATURE, "the signature does not verify");
    }
  }

  /** Makes a token. A type or key id of null is left out. */
  static String sign(Signer signer, String type, String keyId, Object claims) {
    Map<String, Object> header = new LinkedHashMap<>();
    header.put("alg", signer.publicKey().algorithm().joseName());
    if (type != null) {
      header.put("typ", type);
    }
    if (keyId != null) {
      header.put("kid", keyId);
    }
    String signed = Base64Url.encode(JsonText.of(header)) + "." + Base64Url.encode(JsonText.of(claims));
    byte[] signature = signer.sign(signed.getBytes(StandardCharsets.US_ASCII));
    if (signature.length != 64) { // a security module that answers in DER, most likely
      throw new IllegalStateException("the signer returned " + signature.length + " bytes, want r‖s");
    }
    return signed + "." + Base64Url.encode(signature);
  }
}
