package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class CodeTest {
  private static final String TICKET = "SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47"; // docs/formats.md §3.1

  @Test
  void readsWhatScannersType() {
    for (String dress :
        new String[] {
          TICKET, TICKET + "\r\n", "\ufeff " + TICKET, TICKET.toLowerCase(java.util.Locale.ROOT), "]Q1" + TICKET, "https://show.example.cn/s/" + TICKET,
          "HTTPS://SHOW.EXAMPLE.CN:8443/S/" + TICKET, "\u200b" + TICKET + "\u3000", wide(TICKET), "http://localhost/s/" + TICKET, "https：、、show。example。cn、s、" + TICKET
        }) {
      Code c = Code.parse(dress);
      assertEquals(TICKET, c.text());
      assertEquals(Code.Kind.TICKET, c.kind());
      assertEquals("ticket [redacted]", c.toString());
    }
    assertEquals(Code.Kind.OFFLINE, Code.parse("sc2MZXW6YTBOI").kind());
  }

  private static String wide(String s) {
    StringBuilder b = new StringBuilder();
    s.chars().forEach(c -> b.append((char) (c + 0xFEE0)));
    return b.toString();
  }

  @Test
  void refusesByName() {
    String[][] table = {
      {"", "code-not-ours"}, {"6901234567892", "code-not-ours"}, {"https://show.example.cn/s/", "code-not-ours"}, {"https://a@b/s/" + TICKET, "code-not-ours"},
      {"https:///s/" + TICKET, "code-not-ours"}, {"x".repeat(5000), "code-not-ours"}, {"https://h/s/SC2MZXW6YTBOI", "code-not-ours"},
      {"SC1", "code-truncated"}, {TICKET.substring(0, 33), "code-truncated"}, {TICKET + TICKET, "code-too-long"}, {TICKET + "A", "code-too-long"},
      {TICKET.replace("DEMO", "DE-O"), "code-alphabet"}, {TICKET.replace("RFE62", "RFE61"), "code-alphabet"}, {TICKET.replace("RFE62", "RFE63"), "code-check-character"},
      {TICKET.substring(0, 33) + "8", "code-check-character"}, {TICKET.substring(0, 33) + "-", "code-alphabet"}, {"\u017fC1" + TICKET.substring(3), "code-not-ours"},
      {"SC2", "code-truncated"}, {"SC2A", "code-truncated"}, {"SC2MZXW6YTBOJ", "code-truncated"}, {"SC2MZXW6Y1BOI", "code-alphabet"},
      {"SC2MZXW6YTBOISC2MZXW6YTBOI", "code-too-long"}, {"SC2MZXW6YTBOI SC2MZXW6YTBOI", "code-too-long"}, {"SC2" + "A".repeat(1449), "code-too-long"}, {"SC2" + "A".repeat(3000), "code-too-long"},
      {"SC2MZXW 6YTBOI", "code-alphabet"}
    };
    for (String[] row : table) {
      assertEquals(row[1], assertThrows(RefusedException.class, () -> Code.parse(row[0]), row[0]).code(), row[0]);
    }
    assertEquals("code-not-ours", assertThrows(RefusedException.class, () -> OfflineToken.parse(Code.parse(TICKET))).code());
  }
}
