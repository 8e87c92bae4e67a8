package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.showcard.sdk.FakeServer.Reply;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checks that were made without a network: how they are told, and how they wait for it. */
class SettlementTest {
  private static final String SETTLE = "/v1/verifications/offline";
  private static final Instant THEN = Instant.parse("2026-11-22T08:00:00Z");

  private final List<Duration> pauses = new ArrayList<>();
  private final List<String> heard = new ArrayList<>();
  private FakeServer server;
  private Client client;
  @TempDir Path folder;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer().granting();
    client = Client.builder(server.base, "bank-1", ClientKey.generate(Algorithm.SM2)).patience(Duration.ofMinutes(10)).clock(Clock.systemUTC(), pauses::add).build();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Path path() {
    return folder.resolve("counter.queue");
  }

  private static OfflineReport report(String code) {
    OfflineResult result = new OfflineResult(THEN);
    result.knownAsOf(THEN.minusSeconds(60));
    return OfflineReport.of(code, result, "account-opening");
  }

  private static String row(String state, String... reasons) {
    String codes = List.of(reasons).stream().map(r -> "\"" + r + "\"").collect(Collectors.joining(","));
    return "{\"proof\":\"0a\",\"state\":\"" + state + "\",\"reasons\":[" + codes + "],\"conflicts\":[],\"a_new_member\":1}";
  }

  private static Reply answer(String more, String... rows) {
    return new Reply(200, "{\"checks\":[" + String.join(",", rows) + "]" + more + "}");
  }

  private void push(SettlementQueue queue) throws IOException {
    queue.push(client, (report, settled) -> heard.add(report.code() + " " + settled.state()));
  }

  private List<String> told() {
    return server.seen.stream().filter(s -> s.path.equals(SETTLE)).map(s -> s.body.replaceAll("\\{\"code\":\"(\\w+)\".*?\\}", "$1")).collect(Collectors.toList());
  }

  @Test
  void reportsAsTheyTravel() {
    server.on(SETTLE, answer("", "{\"proof\":\"0a\",\"state\":\"recorded\",\"id\":\"v1\",\"outcome\":\"invalid\",\"reasons\":[\"offline-revoked\"],\"conflicts\":[\"conflict-revoked-before\"]}"));
    OfflineReport report = report("SC2AAAA").personCompared().nonce(new byte[] {1, 2, 3});
    SettledCheck settled = client.settle(List.of(report)).checks().get(0);
    assertEquals(
        "{\"checks\":[{\"code\":\"SC2AAAA\",\"checked_at\":\"2026-11-22T08:00:00Z\",\"purpose\":\"account-opening\",\"outcome\":\"indeterminate\",\"reasons\":[],"
            + "\"bundle_as_of\":\"2026-11-22T07:59:00Z\",\"person_compared\":true,\"asked\":{\"nonce\":\"AQID\"}}]}",
        server.seen.get(1).body);
    assertEquals(SettledCheck.State.RECORDED, settled.state());
    assertEquals("v1", settled.id().orElseThrow());
    assertEquals(Outcome.INVALID, settled.outcome().orElseThrow());
    assertEquals("recorded [offline-revoked] [conflict-revoked-before]", settled.toString());
    assertTrue(settled.conflicts().get(0).title().isPresent());
    assertFalse(report.toString().contains("SC2"), "what a person showed does not print");
    assertThrows(IllegalArgumentException.class, () -> client.settle(Collections.emptyList()));
    assertThrows(IllegalArgumentException.class, () -> client.settle(Collections.nCopies(201, report)));
  }

  @Test
  void answersThatAreNone() {
    for (Reply wrong : List.of(answer(""), answer("", row("recorded"), row("recorded")), answer("", row("lost")), new Reply(200, "{\"checks\":1}"), new Reply(200, "[]"))) {
      server.on(SETTLE, wrong);
      ProblemException e = assertThrows(ProblemException.class, () -> client.settle(List.of(report("A"))));
      assertEquals("server-answer-malformed", e.code());
    }
  }

  @Test
  void waitsOnTheDisk() throws IOException {
    try (SettlementQueue queue = SettlementQueue.open(path())) {
      queue.add(report("A"));
      queue.add(report("B"));
      IOException e = assertThrows(IOException.class, () -> SettlementQueue.open(path()));
      assertTrue(e.getMessage().contains("open"));
    }
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path())));
    // The power went while a third was written.
    Files.write(path(), "{\"check\":{\"code\":\"C\"".getBytes(StandardCharsets.UTF_8), StandardOpenOption.APPEND);
    try (SettlementQueue queue = SettlementQueue.open(path())) {
      assertEquals(2, queue.waiting());
      queue.add(report("D"));
      server.on(SETTLE, new Reply(503, "{\"code\":\"overloaded\"}"));
      assertEquals("overloaded", assertThrows(ProblemException.class, () -> push(queue)).code());
      assertEquals(3, queue.waiting(), "what got no answer waits");
      server.on(SETTLE, answer(",\"retry_after\":7", row("recorded"), row("refused", "check-too-old")), answer("", row("repeated")));
      pauses.clear();
      push(queue);
      assertEquals(List.of("A RECORDED", "B REFUSED", "D REPEATED"), heard);
      assertEquals(List.of(Duration.ofSeconds(7)), pauses);
      assertEquals(0, queue.waiting());
      assertEquals(0, Files.size(path()), "an empty queue is an empty file");
    }
    assertEquals("{\"checks\":[D]}", told().get(told().size() - 1));
  }

  @Test
  void forgetsWhatWasSettledAndNoMore() throws IOException {
    try (SettlementQueue queue = SettlementQueue.open(path())) {
      for (String code : List.of("A", "B", "C")) {
        queue.add(report(code));
      }
      // The counter's own file of results is full at the second: it hears of that again.
      server.on(SETTLE, answer("", row("recorded"), row("recorded"), row("recorded")));
      assertThrows(
          IllegalStateException.class,
          () -> queue.push(client, (report, settled) -> {
            if (report.code().equals("B")) {
              throw new IllegalStateException();
            }
          }));
      assertEquals(2, queue.waiting());
    }
    try (SettlementQueue queue = SettlementQueue.open(path())) {
      assertEquals(2, queue.waiting());
      // A clock that is ahead: it waits, and so does all that comes behind it.
      server.on(SETTLE, answer("", row("repeated"), row("refused", "check-from-future")));
      RefusedException e = assertThrows(RefusedException.class, () -> push(queue));
      assertEquals("check-from-future", e.code());
      assertTrue(e.next().isPresent());
      assertEquals(List.of("B REPEATED"), heard);
      assertEquals(1, queue.waiting());
      // The day's quota is used up.
      queue.add(report("D"));
      server.on(SETTLE, answer(",\"retry_after\":3600", row("recorded")));
      ProblemException later = assertThrows(ProblemException.class, () -> push(queue));
      assertEquals(Duration.ofHours(1), later.retryAfter().orElseThrow());
      assertEquals(1, queue.waiting());
    }
  }

  @Test
  void tellsTwoHundredAtOnce() throws IOException {
    try (SettlementQueue queue = SettlementQueue.open(path())) {
      for (int i = 0; i < 250; i++) {
        queue.add(report("N" + i));
      }
      String[] rows = IntStream.range(0, 200).mapToObj(i -> row("recorded")).toArray(String[]::new);
      server.on(SETTLE, answer("", rows), answer("", List.of(rows).subList(0, 50).toArray(new String[0])));
      push(queue);
      assertEquals(250, heard.size());
      assertEquals("N249 RECORDED", heard.get(249));
      assertEquals(2, server.count(SETTLE));
    }
  }

  @Test
  void whatIsSomethingElseIsNotTouched() throws IOException {
    String check = "{\"check\":" + report("A").json().json() + "}\n";
    for (String text : List.of("hello\n", "{}\n", check + "{\"settled\":2}\n", "{\"settled\":0}\n", "{\"check\":{\"code\":\"A\"}}\n", check.trim() + check)) {
      Files.writeString(path(), text);
      assertThrows(IOException.class, () -> SettlementQueue.open(path()), text);
      assertEquals(text, Files.readString(path()));
    }
    String elsewhere = check.replace("08:00:00Z", "16:00:00.5+08:00"); // as the Go SDK writes it
    Files.writeString(path(), check + elsewhere + "{\"settled\":1}\n");
    try (SettlementQueue queue = SettlementQueue.open(path())) {
      assertEquals(1, queue.waiting());
    }
  }
}
