package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;

/**
 * A file in which a checker keeps its bundles over a restart, one behind the other as they were signed (a CBOR sequence, RFC 8742).
 * Nobody has to believe it: {@link Bundles#restore} verifies each. One program writes it at a time.
 */
public final class BundleFile {
  private static final long MAX_SIZE = 64 << 20; // a chain is renewed long before

  private final Path file;

  /**
   * Names the file, which need not be there yet. Its folder must.
   *
   * @param file such as {@code bundles.cbor}
   */
  public BundleFile(Path file) {
    this.file = file;
  }

  /**
   * What was written last; nothing, if nothing was.
   *
   * @throws IOException when it cannot be read, or is too large to be one
   * @throws RefusedException {@code bundle-malformed} when there is something else in it: begin with {@link Bundles#renew}
   */
  public List<byte[]> read() throws IOException {
    try {
      if (Files.size(file) > MAX_SIZE) {
        throw new IOException("larger than any chain of bundles");
      }
      return Bundle.split(Files.readAllBytes(file));
    } catch (NoSuchFileException e) {
      return Collections.emptyList();
    }
  }

  /**
   * Replaces what was written before, at once: after a power cut there is the old file or the new one.
   *
   * @param kept of {@link Bundles#kept()}
   * @throws IOException when it cannot be written
   */
  public void write(List<byte[]> kept) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    kept.forEach(out::writeBytes);
    RemoteTrust.write(file, out.toByteArray());
  }
}
