package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every public thing has a comment, files stay short, and nothing names the machine. */
class DocumentedTest {
  private static List<Path> sources() throws IOException {
    try (Stream<Path> all = Files.walk(Path.of("src/main/java"))) {
      return all.filter(p -> p.toString().endsWith(".java")).collect(Collectors.toList());
    }
  }

  @Test
  void everyPublicThing() throws IOException {
    List<String> bare = new ArrayList<>();
    for (Path file : sources()) {
      List<String> lines = Files.readAllLines(file);
      assertTrue(lines.size() <= 400, file + " has " + lines.size() + " lines");
      for (int i = 1; i < lines.size(); i++) {
        String before = lines.get(i - 1).trim();
        boolean told = before.endsWith("*/") || before.startsWith("@Override") || before.startsWith("@FunctionalInterface");
        if (lines.get(i).matches(" *(public|protected) .*") && !told) {
          bare.add(file.getFileName() + ":" + (i + 1));
        }
      }
    }
    assertEquals(List.of(), bare);
  }
}
