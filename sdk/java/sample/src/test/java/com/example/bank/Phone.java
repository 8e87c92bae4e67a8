package com.example.bank;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.showcard.sdk.Algorithm;
import io.github.showcard.sdk.ClientKey;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** A person's phone: it registers a key of its own, fetches codes while it has a network, and shows them without (docs/devices.md). */
final class Phone {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Base64.Encoder BASE64URL = Base64.getUrlEncoder().withoutPadding();
  private static final String BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

  private final ClientKey key = ClientKey.generate(Algorithm.ES256);
  private final byte[] cwt;

  Phone(Demo demo, String person, String identifier, String view) throws Exception {
    JsonNode asked = demo.ask(person, "/v1/wallet/devices/challenge", Map.of());
    ObjectNode jwk = (ObjectNode) JSON.readTree(key.publicKey().toJwk());
    jwk.retain("kty", "crv", "x", "y");
    ByteArrayOutputStream point = new ByteArrayOutputStream();
    point.write(4);
    point.writeBytes(Base64.getUrlDecoder().decode(jwk.get("x").asText()));
    point.writeBytes(Base64.getUrlDecoder().decode(jwk.get("y").asText()));
    String lines =
        String.join(
            "\n",
            "showcard device registration 1",
            asked.get("origin").asText(),
            asked.get("challenge").asText(),
            asked.get("binding").asText(),
            BASE64URL.encodeToString(point.toByteArray()));
    String signature = BASE64URL.encodeToString(key.sign(lines.getBytes(StandardCharsets.UTF_8)));
    String id =
        demo.ask(person, "/v1/wallet/devices", Map.of("name", "手机", "key", jwk, "challenge", asked.get("challenge"), "signature", signature)).get("id").asText();
    JsonNode stock = demo.ask(person, "/v1/wallet/devices/" + id + "/stock", Map.of("identifier", identifier, "view", view, "count", 1));
    cwt = Base64.getUrlDecoder().decode(stock.get("cwts").get(0).asText());
  }

  /** Shows its code to a scene, now (docs/formats.md §3.2). */
  String show(String scene) {
    byte[] once = new byte[8];
    new SecureRandom().nextBytes(once);
    byte[] open = join(List.of(bytes(0xa3, 0x01, 0x26, 0x0d), cwt, bytes(0x10, 0x19, 0x01, 0x26)));
    byte[] now = ByteBuffer.allocate(4).putInt((int) Instant.now().getEpochSecond()).array();
    byte[] claims = join(List.of(bytes(0xa3, 0x03, 0x60 + scene.length()), scene.getBytes(StandardCharsets.US_ASCII), bytes(0x06, 0x1a), now, bytes(0x07, 0x48), once));
    byte[] context = "Signature1".getBytes(StandardCharsets.US_ASCII);
    byte[] signature = key.sign(join(List.of(bytes(0x84, 0x6a), context, string(open), bytes(0x40), string(claims))));
    return "SC2" + base32(join(List.of(bytes(0xd2, 0x84), string(open), bytes(0xa0), string(claims), string(signature))));
  }

  private static byte[] bytes(int... all) {
    byte[] out = new byte[all.length];
    for (int i = 0; i < all.length; i++) {
      out[i] = (byte) all[i];
    }
    return out;
  }

  private static byte[] join(List<byte[]> parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    parts.forEach(out::writeBytes);
    return out.toByteArray();
  }

  /** A byte string of CBOR. */
  private static byte[] string(byte[] data) {
    int n = data.length;
    return join(List.of(n < 24 ? bytes(0x40 + n) : n < 256 ? bytes(0x58, n) : bytes(0x59, n >> 8, n), data));
  }

  private static String base32(byte[] data) {
    StringBuilder out = new StringBuilder();
    int bits = 0;
    int have = 0;
    for (byte one : data) {
      bits = (bits << 8 | one & 0xff) & 0xfff;
      for (have += 8; have >= 5; have -= 5) {
        out.append(BASE32.charAt(bits >> have - 5 & 31));
      }
    }
    return have == 0 ? out.toString() : out.append(BASE32.charAt(bits << 5 - have & 31)).toString();
  }
}
