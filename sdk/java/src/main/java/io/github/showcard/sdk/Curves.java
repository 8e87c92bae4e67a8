package io.github.showcard.sdk;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import org.bouncycastle.asn1.x9.X9ECParameters;
import org.bouncycastle.crypto.CryptoException;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SM3Digest;
import org.bouncycastle.crypto.ec.CustomNamedCurves;
import org.bouncycastle.crypto.params.ECDomainParameters;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.params.ParametersWithID;
import org.bouncycastle.crypto.params.ParametersWithRandom;
import org.bouncycastle.crypto.signers.ECDSASigner;
import org.bouncycastle.crypto.signers.HMacDSAKCalculator;
import org.bouncycastle.crypto.signers.PlainDSAEncoding;
import org.bouncycastle.crypto.signers.SM2Signer;
import org.bouncycastle.math.ec.ECPoint;
import org.bouncycastle.util.BigIntegers;

/** The arithmetic: the one place that knows Bouncy Castle's signers. */
final class Curves {
  /** How a signature came out. */
  enum Verdict {
    GOOD,
    /** Not r‖s with both in range: cut off, DER, or made up. */
    ENCODING,
    WRONG
  }

  private static final ECDomainParameters SM2 = domain("sm2p256v1");
  private static final ECDomainParameters P256 = domain("secp256r1");
  // GM/T 0009: never taken from a token. Who chooses it chooses what was signed.
  private static final byte[] SM2_ID = "1234567812345678".getBytes(StandardCharsets.US_ASCII);
  private static final SecureRandom RANDOM = new SecureRandom();

  private Curves() {}

  private static ECDomainParameters domain(String name) {
    X9ECParameters p = CustomNamedCurves.getByName(name);
    return new ECDomainParameters(p.getCurve(), p.getG(), p.getN(), p.getH());
  }

  private static ECDomainParameters of(Algorithm a) {
    return a == Algorithm.SM2 ? SM2 : P256;
  }

  /** Reads 04‖x‖y or 02/03‖x; null when it is no point of the curve. */
  static ECPublicKeyParameters point(Algorithm a, byte[] encoded) {
    boolean whole = encoded.length == 65 && encoded[0] == 4;
    boolean compressed = encoded.length == 33 && (encoded[0] == 2 || encoded[0] == 3);
    if (!whole && !compressed) {
      return null;
    }
    try {
      ECPoint p = of(a).getCurve().decodePoint(encoded);
      return p.isInfinity() || !p.isValid() ? null : new ECPublicKeyParameters(p, of(a));
    } catch (IllegalArgumentException | ArithmeticException e) {
      return null;
    }
  }

  /** The private key of a scalar of 32 bytes; null when it is out of range. */
  static ECPrivateKeyParameters scalar(Algorithm a, byte[] d) {
    BigInteger n = of(a).getN();
    BigInteger s = new BigInteger(1, d);
    // GB/T 32918.1 §6.1: an SM2 key is at most n-2, because 1+d is inverted.
    BigInteger most = a == Algorithm.SM2 ? n.subtract(BigInteger.TWO) : n.subtract(BigInteger.ONE);
    return d.length != 32 || s.signum() == 0 || s.compareTo(most) > 0 ? null : new ECPrivateKeyParameters(s, of(a));
  }

  static byte[] randomScalar(Algorithm a) {
    byte[] d = new byte[32];
    do {
      RANDOM.nextBytes(d);
    } while (scalar(a, d) == null);
    return d;
  }

  static byte[] publicPoint(Algorithm a, ECPrivateKeyParameters key) {
    return of(a).getG().multiply(key.getD()).normalize().getEncoded(false);
  }

  static Verdict verify(Algorithm a, ECPublicKeyParameters key, byte[] message, byte[] signature) {
    if (signature.length != 64) {
      return Verdict.ENCODING;
    }
    BigInteger n = of(a).getN();
    BigInteger r = new BigInteger(1, Arrays.copyOf(signature, 32));
    BigInteger s = new BigInteger(1, Arrays.copyOfRange(signature, 32, 64));
    if (r.signum() == 0 || s.signum() == 0 || r.compareTo(n) >= 0 || s.compareTo(n) >= 0) {
      return Verdict.ENCODING;
    }
    boolean good;
    if (a == Algorithm.SM2) {
      SM2Signer v = new SM2Signer(PlainDSAEncoding.INSTANCE, new SM3Digest());
      v.init(false, new ParametersWithID(key, SM2_ID));
      v.update(message, 0, message.length);
      good = v.verifySignature(signature);
    } else {
      ECDSASigner v = new ECDSASigner();
      v.init(false, key);
      good = v.verifySignature(HashName.SHA256.sum(message), r, s);
    }
    return good ? Verdict.GOOD : Verdict.WRONG;
  }

  static byte[] sign(Algorithm a, ECPrivateKeyParameters key, byte[] message) {
    if (a == Algorithm.SM2) {
      SM2Signer s = new SM2Signer(PlainDSAEncoding.INSTANCE, new SM3Digest());
      s.init(true, new ParametersWithID(new ParametersWithRandom(key, RANDOM), SM2_ID));
      s.update(message, 0, message.length);
      try {
        return s.generateSignature();
      } catch (CryptoException e) {
        throw new IllegalStateException(e); // of a key in range there is none
      }
    }
    ECDSASigner s = new ECDSASigner(new HMacDSAKCalculator(new SHA256Digest())); // RFC 6979
    s.init(true, key);
    BigInteger[] rs = s.generateSignature(HashName.SHA256.sum(message));
    byte[] out = new byte[64];
    System.arraycopy(BigIntegers.asUnsignedByteArray(32, rs[0]), 0, out, 0, 32);
    System.arraycopy(BigIntegers.asUnsignedByteArray(32, rs[1]), 0, out, 32, 32);
    return out;
  }
}
