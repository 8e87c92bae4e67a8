package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** A COSE_Sign1 (RFC 9052 §4.2) of an offline code, taken apart and not trusted. */
final class CoseSign1 {
  private static final long ALGORITHM = 1;
  private static final long CRITICAL = 2;
  private static final long TYPE = 16;

  final Cbor header;
  final Cbor payload;
  private final byte[] protectedBytes;
  private final byte[] payloadBytes;
  private final byte[] signature;

  /** Checks an envelope: tag 18, four parts, the protected header with alg, typ and one label more, an empty unprotected one. */
  CoseSign1(Cbor c, long type, long also) {
    boolean form = c.major == Cbor.TAG && c.items.get(0).major == Cbor.ARRAY && c.items.get(0).items.size() == 4;
    if (!form) {
      throw malformed("not a tagged COSE_Sign1");
    }
    Cbor open = c.items.get(0).items.get(0);
    Cbor unsigned = c.items.get(0).items.get(1);
    Cbor body = c.items.get(0).items.get(2);
    Cbor end = c.items.get(0).items.get(3);
    if (open.major != Cbor.BYTES || unsigned.major != Cbor.MAP || body.major != Cbor.BYTES || end.major != Cbor.BYTES) {
      throw malformed("the parts of a COSE_Sign1 have other types");
    }
    header = Cbor.read(open.data);
    // RFC 9052 §3.1: what is listed there must be understood, and nothing that could be is.
    if (header.get(CRITICAL) != null || unsigned.get(CRITICAL) != null) {
      throw Cbor.refused("offline-critical-header", "");
    }
    if (header.major != Cbor.MAP) {
      throw malformed("the protected header is no map");
    }
    Cbor said = header.get(TYPE);
    if (said == null || said.major != Cbor.UNSIGNED || said.n != type) {
      throw Cbor.refused("offline-type-wrong", "want typ " + type);
    }
    if (header.get(ALGORITHM) == null || !header.get(ALGORITHM).isInt()) {
      throw malformed("no alg, or not a number");
    }
    if (!header.exactly(ALGORITHM, TYPE, also) || !unsigned.items.isEmpty()) {
      throw malformed("a header that the format does not have, or lacks");
    }
    payload = Cbor.read(body.data);
    protectedBytes = open.data;
    payloadBytes = body.data;
    signature = end.data;
  }

  static RefusedException malformed(String detail) {
    return Cbor.refused("offline-malformed", detail);
  }

  /** The key decides the algorithm. The codes are of an algorithm, an encoding and a signature that are not right. */
  void verify(EcKey key, String algorithm, String encoding, String wrong) {
    if (header.get(ALGORITHM).n != key.algorithm().coseNumber()) {
      throw Cbor.refused(algorithm, "the key is for another algorithm");
    }
    switch (key.verdict(toBeSigned(protectedBytes, payloadBytes), signature)) {
      case GOOD:
        return;
      case ENCODING:
        throw Cbor.refused(encoding, "not r‖s in range");
      default:
        throw Cbor.refused(wrong, "");
    }
  }

  /** ["Signature1", protected, external data (none), payload]: RFC 9052 §4.4. */
  static byte[] toBeSigned(byte[] protectedBytes, byte[] payloadBytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(0x84);
    out.write(0x6a);
    out.writeBytes("Signature1".getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(Cbor.bytes(protectedBytes));
    out.write(0x40);
    out.writeBytes(Cbor.bytes(payloadBytes));
    return out.toByteArray();
  }
}
