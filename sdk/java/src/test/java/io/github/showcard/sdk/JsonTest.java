package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "", " ", "{} {}", "{\"a\":", "{\"a\":1,}", "[1,]", "[,1]", "[-]", "01", "-01", "+1", "1.", ".5", "1e", "NaN", "Infinity", "nul", "truex", "'a'", "{a:1}",
        "\"\\", "\"a", "\"\\x\"", "\"\\u12\"", "\"\u0001\"", "\"\\ud83d\"", "\"\\ude00\"", "[\"\\ud83d\\u0041\"]", "{\"\\ud83d\":1}",
        "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "[0,{\"b\":1,\"b\":1}]", "[[[[[[[[[0]]]]]]]]]", "/**/1", "1//", "\ufeff{}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "1 2", "[1 2]", "]", "}", "{]", "[}"
      })
  void refuses(String text) {
    assertThrows(SyntaxException.class, () -> Json.parse(text, 8), text);
  }

  @Test
  void refusesWhatIsNotUtf8() {
    for (String latin : new String[] {"\"\u00ff\"", "\"\u00c0\u0080\"", "\"\u00ed\u00a0\u0080\"", "\"\u00f4\u0090\u0080\u0080\""}) {
      assertThrows(SyntaxException.class, () -> Json.parse(latin.getBytes(StandardCharsets.ISO_8859_1), 8));
    }
    // Other encodings are not guessed.
    assertThrows(SyntaxException.class, () -> Json.parse("{\"a\":1}".getBytes(StandardCharsets.UTF_16), 8));
    assertThrows(SyntaxException.class, () -> Json.parse("{\"a\":1}".getBytes(StandardCharsets.UTF_16LE), 8));
  }

  @Test
  void reads() throws SyntaxException {
    Json j = Json.parse(" {\"a\":[1.50,12345678901234567890,true,false,null,\"\\u00e9\\n\",{}],\"A\":[],\"\\ud83d\\ude00\":\"😀\"} ", 8);
    assertEquals("1.50", j.get("a").elements().get(0).number());
    assertEquals("12345678901234567890", j.get("a").elements().get(1).number());
    assertNull(j.get("a").elements().get(1).integer());
    assertEquals("é\n", j.get("a").elements().get(5).text());
    assertEquals("😀", j.textOf("😀"));
    assertEquals(3, j.depth());
  }

  @Test
  void longOnesToo() throws SyntaxException {
    String digits = "9".repeat(5000);
    String name = "n".repeat(60000);
    Json j = Json.parse("{\"" + name + "\":" + digits + ",\"s\":\"" + "x".repeat(100000) + "\"}", 2);
    assertEquals(digits, j.get(name).number());
    assertEquals(100000, j.textOf("s").length());
  }

  /** What was read stays as it stood, to the letter, at every level. */
  @Test
  void keepsTheSource() throws SyntaxException {
    for (String text :
        new String[] {
          "{\"a\":{\"b\":[1,\"x\\u0041\",{}],\"c\":\"\"},\"d\":[ ],\"e\":\"é\\\"\"}",
          " { \"a\" : { \"b\" : [ 1 , \"x\\u0041\" , { } ] , \"c\" : \"\" } , \"d\" : [ ] , \"e\" : \"é\\\"\" } ",
          "[[\"a\",[\"b\"]],\"" + "x".repeat(9000) + "\",{\"k\":\"v\"}]",
          "\"alone\"",
          " [\"\\\\\"] "
        }) {
      Json j = Json.parse(text, 8);
      assertEquals(text.strip(), j.json());
      same(j);
    }
  }

  private static void same(Json j) throws SyntaxException {
    Json again = Json.parse(j.json(), 8);
    assertEquals(CanonicalJson.of(j), CanonicalJson.of(again));
    assertEquals(j.json(), again.json());
    for (Json below : j.members().values()) {
      same(below);
    }
    for (Json below : j.elements()) {
      same(below);
    }
  }

  @Test
  void digestsAreFoundWhereTheyMayBe() throws SyntaxException {
    for (String yes : new String[] {"{\"_sd\":[]}", "[{\"...\":\"x\"}]", "{\"a\":\"\\u005f\"}", "\"_sd\"", "\"a\\n\""}) {
      assertEquals(true, Json.parse(yes, 8).mayHoldDigests(), yes);
    }
    for (String no : new String[] {"{\"sd\":[]}", "[1,2]", "\"x\"", "1", "null"}) {
      assertEquals(false, Json.parse(no, 8).mayHoldDigests(), no);
    }
  }

  /** The examples of RFC 8785 §3.2.2, §3.2.3 and appendix B. */
  @Test
  void canonical() throws SyntaxException {
    String[][] table = {
      {"null", "null"},
      {" true ", "true"},
      {"\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"", "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""},
      {"[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]", "[333333333.3333333,1e+30,4.5,0.002,1e-27]"},
      {"-0", "0"}, {"-0.0", "0"}, {"5e-324", "5e-324"}, {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"9007199254740992", "9007199254740992"}, {"1e21", "1e+21"}, {"1e20", "100000000000000000000"}, {"1e999", "1e999"}, {"1e-999", "0"},
      {"2e23", "2e+23"}, {"2.2250738585072014e-308", "2.2250738585072014e-308"}, {"9.5367431640625e-7", "9.5367431640625e-7"}, {"0.000001", "0.000001"},
      {"1.1e-7", "1.1e-7"}, {"-123.456", "-123.456"}, {"123456789012345680000", "123456789012345680000"}, {"4.35", "4.35"}, {"100", "100"},
      {"{\"b\":[{}],\"a\":[]}", "{\"a\":[],\"b\":[{}]}"},
      {"{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\u20ac\":3}", "{\"€\":3,\"😀\":2,\"\ufb33\":1}"}
    };
    for (String[] row : table) {
      assertEquals(row[1], CanonicalJson.of(Json.parse(row[0], 64)), row[0]);
    }
  }

  @Test
  void numbersReadBack() {
    var random = Testdata.random();
    for (int i = 0; i < 500; i++) {
      double d = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(d)) {
        String text = CanonicalJson.number(Double.toString(d));
        assertEquals(d, Double.parseDouble(text), text);
        assertEquals(text, CanonicalJson.number(text));
      }
    }
  }
}
