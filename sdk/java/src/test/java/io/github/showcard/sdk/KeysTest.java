package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KeysTest {
  private static final byte[] MESSAGE = "message digest".getBytes(StandardCharsets.US_ASCII);

  @Test
  void nationalVectors() {
    Json gm = Testdata.json(Testdata.ROOT.resolve("crypto/sm/testdata/gm.json"));
    Json sm2 = gm.get("sm2");
    byte[] point = Testdata.hex("04" + sm2.textOf("x") + sm2.textOf("y"));
    ECPublicKeyParameters key = Curves.point(Algorithm.SM2, point);
    byte[] signature = Testdata.hex(sm2.textOf("r") + sm2.textOf("s"));
    assertEquals(Curves.Verdict.GOOD, Curves.verify(Algorithm.SM2, key, MESSAGE, signature));
    assertArrayEquals(point, Curves.publicPoint(Algorithm.SM2, Curves.scalar(Algorithm.SM2, Testdata.hex(sm2.textOf("d")))));
    for (Json one : gm.get("sm3").elements()) {
      assertArrayEquals(Testdata.hex(one.textOf("digest")), HashName.SM3.sum(one.textOf("message").getBytes(StandardCharsets.US_ASCII)));
    }
  }

  @ParameterizedTest
  @EnumSource(Algorithm.class)
  void signsAndVerifies(Algorithm a) {
    ClientKey k = ClientKey.generate(a);
    byte[] signature = k.sign(MESSAGE);
    assertTrue(k.publicKey().verifies(MESSAGE, signature));
    assertFalse(ClientKey.generate(a).publicKey().verifies(MESSAGE, signature));
    for (int i = 0; i < 64; i++) {
      byte[] other = signature.clone();
      other[i] ^= 1;
      assertFalse(k.publicKey().verifies(MESSAGE, other));
    }
    for (byte[] wrong : new byte[][] {{}, new byte[64], Arrays.copyOf(signature, 63), Arrays.copyOf(signature, 65)}) {
      assertEquals(Curves.Verdict.ENCODING, k.publicKey().verdict(MESSAGE, wrong));
    }
  }

  @ParameterizedTest
  @EnumSource(Algorithm.class)
  void jwkGoesThereAndBack(Algorithm a) {
    EcKey k = ClientKey.generate(a).publicKey();
    assertEquals(k, EcKey.parseJwk(k.toJwk()));
    assertEquals(k.thumbprint(), EcKey.parseJwk(k.toJwk()).id());
    assertEquals(k, EcKey.parseJwk(k.withId("other").toJwk()), "the point decides");
    assertNotEquals(k, ClientKey.generate(a).publicKey());
  }

  @Test
  void thumbprintIsThatOfTheProfile() {
    // RFC 7638 with SHA-256, over crv, kty, x, y.
    EcKey k = Testdata.key("issuer-sm2").publicKey();
    String text = "{\"crv\":\"sm2p256v1\",\"kty\":\"EC\",\"x\":\"bJyLvSTqnxQugzKMJVMhhFPcKGrKn5YAzhcBDZmJL00\",\"y\":\"3rUqtGs5KoJ9Uq3bNacJJW-6a40oqT5xLBejThD3Wuk\"}";
    assertEquals(Base64Url.encode(HashName.SHA256.sum(text.getBytes(StandardCharsets.US_ASCII))), k.thumbprint());
    assertEquals("test-only-issuer-sm2", k.id());
  }

  @Test
  void refusesKeys() {
    String good = Testdata.key("issuer-es256").publicKey().toJwk();
    assertEquals(Algorithm.ES256, EcKey.parseJwk(good).algorithm());
    for (String[] change :
        new String[][] {
          {"\"EC\"", "\"RSA\""}, {"P-256", "P-384"}, {"\"sig\"", "\"enc\""}, {"ES256", "SGD_SM3_SM2"}, {"{", "{\"d\":\"x\","}, {"\"x\":\"", "\"x\":\"A"},
          {"\"kty\"", "\"key_ops\":[\"sign\"],\"kty\""}, {"\"kid\":\"", "\"kid\":\"" + "k".repeat(300)}, {"\"y\"", "\"z\""}, {"{", "{\"kty\":\"EC\","}
        }) {
      assertThrows(IllegalArgumentException.class, () -> EcKey.parseJwk(good.replace(change[0], change[1])), change[1]);
    }
    // Off the curve: the point of one on the other.
    String sm2 = Testdata.key("issuer-sm2").publicKey().toJwk().replace("sm2p256v1", "P-256").replace("SGD_SM3_SM2", "ES256");
    assertThrows(IllegalArgumentException.class, () -> EcKey.parseJwk(sm2));
  }

  @Test
  void privateKeysStayPrivate(@TempDir Path folder) throws IOException {
    String jwk = new String(Testdata.bytes(Testdata.ROOT.resolve("testdata/keys/holder-sm2.json")), StandardCharsets.UTF_8);
    Path file = Files.writeString(folder.resolve("key.jwk"), jwk);
    if (Files.getFileStore(file).supportsFileAttributeView("posix")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
      assertThrows(IllegalArgumentException.class, () -> ClientKey.read(file));
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }
    ClientKey k = ClientKey.read(file);
    assertEquals("test-only-holder-sm2", k.publicKey().id());
    assertEquals("[private key]", k.toString());
    assertThrows(IllegalArgumentException.class, () -> ClientKey.parseJwk(jwk.replace("tZYiD94HOGe3", "tZYiD94HOGe4")));
    assertThrows(IllegalArgumentException.class, () -> ClientKey.parseJwk(k.publicKey().toJwk()));
  }

  /** Signatures at the edges, with the answer of plain big-integer arithmetic: they are over chosen digests, so the hash is left out. */
  @Test
  void edgesOfTheCurve() throws IOException {
    int good = 0;
    for (String line : Files.readAllLines(Testdata.ROOT.resolve("crypto/sm/testdata/verify.jsonl"))) {
      Json v = Testdata.json(line);
      boolean ok = v.get("ok").kind == Json.Kind.TRUE;
      assertEquals(ok, Sm2Digest.verify(Testdata.hex(v.textOf("public")), Testdata.hex(v.textOf("digest")), Testdata.hex(v.textOf("signature"))), line);
      good += ok ? 1 : 0;
    }
    assertTrue(good > 100);
  }
}
