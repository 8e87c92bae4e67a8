package io.github.showcard.sdk;

/** Holds a private key, in memory ({@link ClientKey}) or in a security module. */
public interface Signer {
  /** The public half, with the id that it is registered under. */
  EcKey publicKey();

  /**
   * Signs.
   *
   * @param message what is signed: SM2 hashes it with SM3 and the key, ES256 with SHA-256
   * @return the 64 bytes r‖s, never DER
   */
  byte[] sign(byte[] message);
}
