package io.github.showcard.sdk;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.TreeMap;

/**
 * The one way that RFC 8785 (JCS) allows to write a JSON value. Whoever filed a value in another spelling still finds its digest.
 */
final class CanonicalJson {
  private CanonicalJson() {}

  static String of(Json value) {
    StringBuilder b = new StringBuilder();
    write(b, value);
    return b.toString();
  }

  private static void write(StringBuilder b, Json v) {
    switch (v.kind) {
      case OBJECT:
        String divider = "";
        b.append('{');
        for (var e : new TreeMap<>(v.members()).entrySet()) { // by UTF-16 code units: §3.2.3
          JsonText.quote(b.append(divider), e.getKey());
          write(b.append(':'), e.getValue());
          divider = ",";
        }
        b.append('}');
        break;
      case ARRAY:
        b.append('[');
        for (int i = 0; i < v.elements().size(); i++) {
          write(i == 0 ? b : b.append(','), v.elements().get(i));
        }
        b.append(']');
        break;
      case STRING:
        JsonText.quote(b, v.text());
        break;
      case NUMBER:
        b.append(number(v.number()));
        break;
      default:
        b.append(v.json());
    }
  }

  /** As ECMAScript writes doubles (§3.2.2.3). What no double holds stays as it was written: nobody's check shall fail for it. */
  static String number(String written) {
    double d = Double.parseDouble(written);
    if (Double.isInfinite(d)) {
      return written;
    }
    if (d == 0) {
      return "0";
    }
    BigDecimal shortest = shortest(Math.abs(d)).stripTrailingZeros();
    String digits = shortest.unscaledValue().toString();
    int point = digits.length() - shortest.scale(); // ECMAScript's n
    StringBuilder b = new StringBuilder(d < 0 ? "-" : "");
    if (point > 21 || point <= -6) {
      b.append(digits.charAt(0));
      if (digits.length() > 1) {
        b.append('.').append(digits, 1, digits.length());
      }
      return b.append('e').append(point > 0 ? "+" : "-").append(Math.abs(point - 1)).toString();
    }
    if (point <= 0) {
      return b.append("0.").append("0".repeat(-point)).append(digits).toString();
    }
    if (point >= digits.length()) {
      return b.append(digits).append("0".repeat(point - digits.length())).toString();
    }
    return b.append(digits, 0, point).append('.').append(digits, point, digits.length()).toString();
  }

  /**
   * The fewest digits that read back as the same double, and of those the nearest. Double.toString gives more than the fewest
   * before Java 19.
   */
  private static BigDecimal shortest(double d) {
    BigDecimal exact = new BigDecimal(d);
    for (int precision = 1; precision < 17; precision++) {
      BigDecimal best = null;
      for (RoundingMode mode : new RoundingMode[] {RoundingMode.DOWN, RoundingMode.UP}) {
        BigDecimal r = exact.round(new MathContext(precision, mode));
        if (r.doubleValue() == d && (best == null || r.subtract(exact).abs().compareTo(best.subtract(exact).abs()) < 0)) {
          best = r;
        }
      }
      if (best != null) {
        return best;
      }
    }
    return exact.round(new MathContext(17));
  }
}
