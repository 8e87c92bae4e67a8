package io.github.showcard.sdk;

import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x509.Certificate;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;

/** The key of a leaf certificate. It says nothing of whether a chain is to be trusted: nobody here asks the chain. */
final class Leaf {
  private static final String SM2_CURVE = "1.2.156.10197.1.301";

  private Leaf() {}

  /** Null when there is no key of ours in it. */
  static EcKey key(byte[] der) {
    try {
      SubjectPublicKeyInfo info = Certificate.getInstance(der).getSubjectPublicKeyInfo();
      if (!X9ObjectIdentifiers.id_ecPublicKey.equals(info.getAlgorithm().getAlgorithm())) {
        return null;
      }
      ASN1ObjectIdentifier curve = ASN1ObjectIdentifier.getInstance(info.getAlgorithm().getParameters());
      byte[] point = info.getPublicKeyData().getOctets();
      if (SM2_CURVE.equals(curve.getId())) {
        return EcKey.ofPoint(Algorithm.SM2, point, null);
      }
      return X9ObjectIdentifiers.prime256v1.equals(curve) ? EcKey.ofPoint(Algorithm.ES256, point, null) : null;
    } catch (RuntimeException | EcKey.Unusable e) { // the reader of ASN.1 throws several kinds
      return null;
    }
  }
}
