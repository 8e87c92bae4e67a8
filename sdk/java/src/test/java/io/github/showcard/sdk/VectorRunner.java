package io.github.showcard.sdk;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Reads vectors, one JSON a line, as the files of testdata/vectors are, and answers each with one line: its code, or {"crash":…}, which never
 * happens. It is how SDKs in several languages are held against one another.
 */
public final class VectorRunner {
  private VectorRunner() {}

  /**
   * Runs until the end of the input.
   *
   * @param args none
   */
  public static void main(String[] args) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(answer(line));
    }
  }

  private static String answer(String line) {
    try {
      return Vectors.run(Testdata.json(line)).code;
    } catch (RuntimeException | StackOverflowError e) {
      return "{\"crash\":" + JsonText.of(e.toString()) + "}";
    }
  }
}
