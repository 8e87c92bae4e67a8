package io.github.showcard.sdk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;

/** A client's private key in memory, as {@code showcard keygen --out} writes it: a JWK with {@code d}. It never prints. */
public final class ClientKey implements Signer {
  private static final int MAX_FILE = 64 << 10;
  private static final Set<PosixFilePermission> OTHERS =
      EnumSet.complementOf(EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE));

  private final EcKey open;
  private final ECPrivateKeyParameters secret;

  private ClientKey(EcKey open, ECPrivateKeyParameters secret) {
    this.open = open;
    this.secret = secret;
  }

  /**
   * Makes a new key. Register what {@link #publicKey()} says with the operator.
   *
   * @param algorithm SM2, or ES256 for the international profile
   */
  public static ClientKey generate(Algorithm algorithm) {
    return of(algorithm, Curves.randomScalar(algorithm), null);
  }

  private static ClientKey of(Algorithm a, byte[] d, String id) {
    ECPrivateKeyParameters secret = Curves.scalar(a, d);
    if (secret == null) {
      throw new IllegalArgumentException("d is out of range");
    }
    try {
      return new ClientKey(EcKey.ofPoint(a, Curves.publicPoint(a, secret), id), secret);
    } catch (EcKey.Unusable e) {
      throw new IllegalArgumentException("d is out of range");
    }
  }

  /**
   * Reads a key file. One that others on the machine may read is refused.
   *
   * @param file a private JWK
   * @throws IOException if it cannot be read
   * @throws IllegalArgumentException if it is none, or others may read it
   */
  public static ClientKey read(Path file) throws IOException {
    if (Files.size(file) > MAX_FILE) {
      throw new IllegalArgumentException("too large for a key");
    }
    if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Set<PosixFilePermission> others = EnumSet.copyOf(OTHERS);
      others.retainAll(Files.getPosixFilePermissions(file));
      if (!others.isEmpty()) {
        throw new IllegalArgumentException("others may read the key file: set its mode to 0600");
      }
    }
    return parseJwk(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
  }

  /**
   * Reads a private JWK.
   *
   * @param jwk the JSON, with {@code d}
   * @throws IllegalArgumentException if it is none, or {@code d} does not belong to {@code x} and {@code y}
   */
  public static ClientKey parseJwk(String jwk) {
    try {
      Json all = Json.parse(jwk, 4);
      String d = all.textOf("d");
      if (d == null) {
        throw new IllegalArgumentException("not a private JWK");
      }
      Map<String, Json> rest = new LinkedHashMap<>(all.members());
      rest.remove("d");
      EcKey open = EcKey.ofJwk(Json.object(rest));
      ClientKey k = of(open.algorithm(), Base64Url.decode(d), open.id());
      if (!k.open.equals(open)) {
        throw new IllegalArgumentException("d does not belong to x and y");
      }
      return k;
    } catch (SyntaxException | EcKey.Unusable e) {
      throw new IllegalArgumentException("not a private JWK"); // what is wrong with it could say what it is
    }
  }

  /**
   * The same key under another id.
   *
   * @param id the {@code kid} that it is registered under
   */
  public ClientKey withId(String id) {
    return new ClientKey(open.withId(id), secret);
  }

  @Override
  public EcKey publicKey() {
    return open;
  }

  @Override
  public byte[] sign(byte[] message) {
    return Curves.sign(open.algorithm(), secret, message);
  }

  @Override
  public String toString() {
    return "[private key]";
  }
}
