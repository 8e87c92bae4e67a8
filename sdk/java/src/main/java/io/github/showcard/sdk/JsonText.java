package io.github.showcard.sdk;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Map;

/** Writes JSON: the requests of the client and the payloads that it signs. */
final class JsonText {
  private JsonText() {}

  /** Writes maps, iterables, texts, numbers, truth values, null and {@link Json}. */
  static String of(Object value) {
    StringBuilder b = new StringBuilder();
    write(b, value, 0);
    return b.toString();
  }

  private static void write(StringBuilder b, Object value, int depth) {
    if (depth > 32) {
      throw new IllegalArgumentException("nested too deep for JSON");
    }
    if (value == null || value instanceof Boolean) {
      b.append(value);
    } else if (value instanceof CharSequence) {
      quote(b, value.toString());
    } else if (value instanceof Json) {
      b.append(((Json) value).json());
    } else if (value instanceof Map) {
      String divider = "";
      b.append('{');
      for (Map.Entry<?, ?> e : ((Map<?, ?>) value).entrySet()) {
        quote(b.append(divider), String.valueOf(e.getKey()));
        write(b.append(':'), e.getValue(), depth + 1);
        divider = ",";
      }
      b.append('}');
    } else if (value instanceof Iterable) {
      String divider = "";
      b.append('[');
      for (Object one : (Iterable<?>) value) {
        write(b.append(divider), one, depth + 1);
        divider = ",";
      }
      b.append(']');
    } else if (value instanceof Integer || value instanceof Long || value instanceof Short || value instanceof Byte
        || value instanceof BigInteger || value instanceof BigDecimal || finite(value)) {
      b.append(value);
    } else {
      throw new IllegalArgumentException("no JSON for a " + value.getClass().getName());
    }
  }

  private static boolean finite(Object value) {
    return value instanceof Double && Double.isFinite((Double) value) || value instanceof Float && Float.isFinite((Float) value);
  }

  /** A string with the fewest escapes, as RFC 8785 §3.2.2.2 has it. */
  static void quote(StringBuilder b, String s) {
    b.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      int at = "\b\t\n\f\r\"\\".indexOf(c);
      if (at >= 0) {
        b.append('\\').append("btnfr\"\\".charAt(at));
      } else if (c < 0x20) {
        b.append(String.format("\\u%04x", (int) c));
      } else {
        b.append(c);
      }
    }
    b.append('"');
  }
}
