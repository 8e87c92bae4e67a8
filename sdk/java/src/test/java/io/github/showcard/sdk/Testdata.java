package io.github.showcard.sdk;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Files of the repository that every SDK shares. */
final class Testdata {
  static final Path ROOT = Path.of("..", "..");

  private Testdata() {}

  static List<Path> files(String folder) {
    Path at = ROOT.resolve(folder);
    if (!Files.isDirectory(at)) {
      return Collections.emptyList();
    }
    try (Stream<Path> all = Files.walk(at)) {
      return all.filter(p -> p.toString().endsWith(".json")).sorted().collect(Collectors.toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Json json(Path file) {
    return json(new String(bytes(file), StandardCharsets.UTF_8));
  }

  static Json json(String text) {
    try {
      return Json.parse(text, 32);
    } catch (SyntaxException e) {
      throw new IllegalArgumentException(e);
    }
  }

  static ClientKey key(String name) {
    return ClientKey.parseJwk(new String(bytes(ROOT.resolve("testdata/keys/" + name + ".json")), StandardCharsets.UTF_8));
  }

  static byte[] hex(String text) {
    byte[] out = new byte[text.length() / 2];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
    }
    return out;
  }

  /** Tests repeat themselves exactly. */
  static Random random() {
    return new Random(20261122);
  }
}
