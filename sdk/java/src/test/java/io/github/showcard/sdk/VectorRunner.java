package io.github.showcard.sdk;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Reads vectors, one JSON a line, as the files of testdata/vectors are, and answers each with one line: {"code":…},
 * {"code":"valid","says":…} with what was read as canonical JSON, or {"crash":…}, which never happens. Of vectors in steps the code is
 * those of all steps with blanks between (what a checker wants is JSON without blanks). It is how SDKs in several languages are held
 * against one another.
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
      Vectors.Outcome o = Vectors.run(Testdata.json(line));
      if (o.claims == null) {
        return JsonText.of(Map.of("code", o.code));
      }
      return JsonText.of(Map.of("code", o.code, "says", CanonicalJson.of(Json.object(o.claims.values()))));
    } catch (RuntimeException | StackOverflowError e) {
      return JsonText.of(Map.of("crash", e.toString()));
    }
  }
}
