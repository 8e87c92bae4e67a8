package io.github.showcard.sdk;

import java.security.MessageDigest;

/** The image of the holder. It is no part of the certificate; a salted digest of it is. It never prints. */
public final class Portrait {
  private static final int SALT = 16;

  private final byte[] image;
  private final String mediaType;
  private final byte[] salt;

  private Portrait(byte[] image, String mediaType, byte[] salt) {
    this.image = image;
    this.mediaType = mediaType;
    this.salt = salt;
  }

  static Portrait of(Http.Answer a) {
    try {
      return new Portrait(a.body, a.header("Content-Type"), Base64Url.decode(a.header("Portrait-Salt")));
    } catch (SyntaxException e) {
      throw ProblemException.malformed("Portrait-Salt");
    }
  }

  /** JPEG or WebP. */
  public byte[] image() {
    return image.clone();
  }

  /** {@code image/jpeg} or {@code image/webp}. */
  public String mediaType() {
    return mediaType;
  }

  /**
   * Whether it is the image that the issuer signed the digest of (docs/formats.md §2.4).
   *
   * @param claims with {@code portrait_digest}
   */
  public boolean matches(Claims claims) {
    String[] said = claims.text("portrait_digest").orElse("").split(":", 2);
    HashName hash = HashName.of(said[0]);
    if (said.length != 2 || hash == null || salt.length != SALT) {
      return false;
    }
    try {
      return MessageDigest.isEqual(Base64Url.decode(said[1]), hash.sum(salt, image));
    } catch (SyntaxException e) {
      return false;
    }
  }

  @Override
  public String toString() {
    return "[portrait redacted]";
  }
}
