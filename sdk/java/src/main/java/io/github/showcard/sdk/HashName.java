package io.github.showcard.sdk;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import org.bouncycastle.crypto.digests.SM3Digest;

/** The two hashes, by the names that {@code _sd_alg} and receipts have for them. */
enum HashName {
  SM3("sm3"),
  SHA256("sha-256");

  final String wire;

  HashName(String wire) {
    this.wire = wire;
  }

  /** Null for a hash that is not on the list. */
  static HashName of(String wire) {
    for (HashName h : values()) {
      if (h.wire.equals(wire)) {
        return h;
      }
    }
    return null;
  }

  byte[] sum(byte[]... parts) {
    if (this == SM3) {
      SM3Digest d = new SM3Digest();
      for (byte[] part : parts) {
        d.update(part, 0, part.length);
      }
      byte[] out = new byte[32];
      d.doFinal(out, 0);
      return out;
    }
    try {
      MessageDigest d = MessageDigest.getInstance("SHA-256");
      for (byte[] part : parts) {
        d.update(part);
      }
      return d.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}
