package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every SDK gives the same code for every file of testdata/vectors. */
class VectorsTest {
  @TestFactory
  Stream<DynamicTest> presentations() {
    return Testdata.files("testdata/vectors/sdjwt").stream().map(VectorsTest::test);
  }

  @TestFactory
  Stream<DynamicTest> offlineCodes() {
    return Testdata.files("testdata/vectors/sdcwt").stream().map(VectorsTest::test);
  }

  @TestFactory
  Stream<DynamicTest> bundles() {
    return Testdata.files("testdata/vectors/bundle").stream().map(VectorsTest::steps);
  }

  private static DynamicTest steps(Path file) {
    return DynamicTest.dynamicTest(
        file.getParent().getFileName() + "/" + file.getFileName(),
        () -> {
          Json v = Testdata.json(file);
          List<String> got = new BundleSteps(v).run();
          List<Json> steps = v.get("steps").elements();
          for (int i = 0; i < steps.size(); i++) {
            Json wants = steps.get(i).get("wants");
            assertEquals(wants == null ? steps.get(i).textOf("expect") : CanonicalJson.of(wants), got.get(i), "step " + i + ": " + v.textOf("comment"));
            assertTrue(wants != null || BundleSteps.GOOD.contains(got.get(i)) || Problems.codes().contains(got.get(i)), got.get(i));
          }
        });
  }

  private static DynamicTest test(Path file) {
    return DynamicTest.dynamicTest(file.getParent().getFileName() + "/" + file.getFileName(), () -> check(Testdata.json(file)));
  }

  private static void check(Json v) {
    Vectors.Outcome got = Vectors.run(v);
    assertEquals(v.textOf("expect"), got.code, v.textOf("comment"));
    if (!got.code.equals("valid")) {
      assertTrue(Problems.codes().contains(got.code), got.code);
      return;
    }
    Json said = v.get("claims") != null ? v.get("claims") : v.get("token");
    assertNotNull(said);
    assertEquals(said.members().keySet(), got.claims.names());
    for (Map.Entry<String, Json> want : said.members().entrySet()) {
      assertEquals(CanonicalJson.of(want.getValue()), CanonicalJson.of(got.claims.values().get(want.getKey())), want.getKey());
      if (want.getValue().number() != null) {
        assertEquals(want.getValue().number(), got.claims.values().get(want.getKey()).number(), "numbers stay exact");
      }
    }
  }

  @Test
  void stepsInALine() {
    Json v = Testdata.json(Testdata.ROOT.resolve("testdata/vectors/bundle/international/tampered.json"));
    assertEquals("bundle-signature-invalid trust-list-unavailable taken", Vectors.run(v).code);
  }

  @Test
  void theyAreThere() {
    assertTrue(Testdata.files("testdata/vectors/sdcwt").size() > 300);
    assertTrue(Testdata.files("testdata/vectors/sdjwt").size() > 150);
    assertTrue(Testdata.files("testdata/vectors/bundle").size() > 170);
  }
}
