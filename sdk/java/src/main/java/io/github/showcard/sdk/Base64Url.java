package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/** Canonical base64url only: no padding, no line breaks, spare bits zero, or two texts could carry one signature. */
final class Base64Url {
  private Base64Url() {}

  static byte[] decode(String text) throws SyntaxException {
    return decode(text, Base64.getUrlDecoder(), Base64.getUrlEncoder().withoutPadding());
  }

  /** RFC 7515 §4.1.6: x5c alone is standard base64, padded. */
  static byte[] decodeStandard(String text) throws SyntaxException {
    return decode(text, Base64.getDecoder(), Base64.getEncoder());
  }

  private static byte[] decode(String text, Base64.Decoder decoder, Base64.Encoder encoder) throws SyntaxException {
    byte[] characters = new byte[text.length()];
    for (int i = 0; i < characters.length; i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        throw new SyntaxException("not base64");
      }
      characters[i] = (byte) c;
    }
    byte[] data;
    try {
      data = decoder.decode(characters);
    } catch (IllegalArgumentException e) {
      throw new SyntaxException("not base64");
    }
    // The decoder lets padding and spare bits pass that the encoder would not write.
    if (!Arrays.equals(encoder.encode(data), characters)) {
      throw new SyntaxException("not canonical base64");
    }
    return data;
  }

  static String encode(byte[] data) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(data);
  }

  static String encode(String text) {
    return encode(text.getBytes(StandardCharsets.UTF_8));
  }
}
