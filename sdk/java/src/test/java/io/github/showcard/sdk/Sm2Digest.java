package io.github.showcard.sdk;

import java.math.BigInteger;
import java.util.Arrays;
import org.bouncycastle.crypto.Digest;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.params.ParametersWithID;
import org.bouncycastle.crypto.signers.PlainDSAEncoding;
import org.bouncycastle.crypto.signers.SM2Signer;

/** The SM2 of the library over a digest that a table chose. */
final class Sm2Digest {
  private Sm2Digest() {}

  static boolean verify(byte[] point, byte[] digest, byte[] signature) {
    BigInteger r = new BigInteger(1, Arrays.copyOf(signature, 32));
    if (signature.length != 64 || r.signum() == 0) {
      return false;
    }
    ECPublicKeyParameters key = Curves.point(Algorithm.SM2, point);
    if (key == null) {
      return false;
    }
    SM2Signer v = new SM2Signer(PlainDSAEncoding.INSTANCE, new Chosen(digest));
    v.init(false, new ParametersWithID(key, "1234567812345678".getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
    return v.verifySignature(signature);
  }

  /** Whatever was hashed, this comes out. */
  private static final class Chosen implements Digest {
    private final byte[] digest;

    Chosen(byte[] digest) {
      this.digest = digest;
    }

    @Override
    public String getAlgorithmName() {
      return "chosen";
    }

    @Override
    public int getDigestSize() {
      return digest.length;
    }

    @Override
    public void update(byte in) {}

    @Override
    public void update(byte[] in, int off, int len) {}

    @Override
    public int doFinal(byte[] out, int off) {
      System.arraycopy(digest, 0, out, off, digest.length);
      return digest.length;
    }

    @Override
    public void reset() {}
  }
}
