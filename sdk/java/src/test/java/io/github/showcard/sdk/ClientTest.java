package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.showcard.sdk.FakeServer.Reply;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ClientTest {
  private static final String CHECKS = "/v1/verifications";
  private static final String ANSWER =
      "{\"id\":\"c1\",\"outcome\":\"valid\",\"reasons\":[],\"checked_at\":\"2026-11-22T01:28:17.42966701Z\",\"purpose\":\"account-opening\",\"type\":\"resident-id\","
          + "\"signature\":{\"state\":\"passed\",\"algorithm\":\"SGD_SM3_SM2\"},\"issuer\":{\"state\":\"passed\",\"name\":{\"zh\":\"公安\",\"en\":\"Police\"}},"
          + "\"validity\":{\"state\":\"passed\"},\"holder\":{\"state\":\"passed\",\"bound\":\"provider\"},\"person\":{\"state\":\"passed\",\"method\":\"clerk\"},"
          + "\"status\":{\"state\":\"passed\",\"as_of\":\"2026-11-22T01:28:17Z\",\"source\":\"cache\"},\"claims\":{\"name\":\"张示例\",\"points\":1.50},\"live\":{\"lost\":false},"
          + "\"portrait\":true,\"a_new_member\":[1]}";
  private static final VerificationRequest REQUEST = VerificationRequest.code("SC1", "account-opening");

  private final List<Duration> pauses = new ArrayList<>();
  private final ClientKey key = ClientKey.generate(Algorithm.SM2);
  private FakeServer server;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer().granting();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Client client() {
    return client(key, Duration.ofMinutes(10));
  }

  private Client client(ClientKey k, Duration patience) {
    return Client.builder(server.base, "bank-1", k).patience(patience).clock(Clock.systemUTC(), pauses::add).build();
  }

  private static Reply problem(int status, String code, String... headers) {
    return new Reply(
        status,
        "{\"type\":\"x\",\"title\":\"No.\",\"title_zh\":\"不行。\",\"status\":" + status + ",\"code\":\"" + code + "\",\"next\":{\"zh\":\"等\",\"en\":\"Wait.\"},"
            + "\"request_id\":\"R1\",\"detail\":\"why\",\"errors\":[{\"pointer\":\"/code\",\"code\":\"x\",\"detail\":\"y\"}]}",
        headers);
  }

  @Test
  void readsAnAnswer() {
    server.on(CHECKS, new Reply(200, ANSWER));
    Answer a = client().verify(REQUEST.receipt().clerkCompared().fields("name"));
    assertTrue(a.valid());
    assertEquals("c1", a.id());
    assertEquals("张示例", a.claims().text("name").orElseThrow());
    assertEquals("1.50", a.claims().json("points").orElseThrow(), "numbers stay exact");
    assertEquals(Boolean.FALSE, a.live().bool("lost").orElseThrow());
    assertEquals("clerk", a.person().detail("method").orElseThrow());
    assertEquals("Police", a.issuer().name().orElseThrow().en());
    assertTrue(a.portrait());
    assertEquals(ANSWER, a.json());
    assertFalse(a.toString().contains("张示例"));
    assertEquals("{\"code\":\"SC1\",\"purpose\":\"account-opening\",\"receipt\":true,\"clerk_compared\":true,\"fields\":[\"name\"]}", server.seen.get(1).body);
  }

  @ParameterizedTest
  @EnumSource(Algorithm.class)
  void provesWhoItIs(Algorithm algorithm) throws Jws.Invalid {
    server.on(CHECKS, new Reply(200, ANSWER));
    ClientKey k = ClientKey.generate(algorithm).withId("k1");
    client(k, Duration.ofSeconds(1)).verify(REQUEST);
    String form = URLDecoder.decode(server.seen.get(0).body, StandardCharsets.UTF_8);
    Jws assertion = Jws.parse(form.substring(form.indexOf("client_assertion=") + 17), "client-authentication+jwt");
    assertion.verify(k.publicKey());
    assertEquals("k1", assertion.keyId);
    assertEquals("bank-1", assertion.payload.textOf("iss"));
    assertEquals("bank-1", assertion.payload.textOf("sub"));
    assertEquals(server.base, assertion.payload.textOf("aud"));
    assertEquals(60, assertion.payload.get("exp").integer() - assertion.payload.get("iat").integer());
    assertEquals("Bearer t1", server.seen.get(1).authorization);
  }

  @Test
  void repeatsWithTheSameKey() {
    server.on(CHECKS, new Reply(0, ""), problem(503, "registry-stale", "Retry-After", "2"), problem(429, "rate-limited", "Retry-After", "0"), new Reply(502, "<html>"), new Reply(200, ANSWER));
    assertTrue(client().verify(REQUEST).valid());
    List<FakeServer.Seen> checks = new ArrayList<>(server.seen.subList(1, server.seen.size()));
    assertEquals(5, checks.size());
    assertEquals(1, checks.stream().map(s -> s.key).distinct().count(), "one key, or a code would be used twice");
    assertEquals(1, checks.stream().map(s -> s.body).distinct().count());
    assertEquals(1, server.count("/oauth/token"));
    assertEquals(4, pauses.size());
    assertTrue(pauses.get(1).toMillis() >= 2000 && pauses.get(1).toMillis() < 2250, "as the server asks, with jitter");
    client().verify(REQUEST);
    assertNotEquals(checks.get(0).key, server.seen.get(server.seen.size() - 1).key, "another call is another check");
  }

  @Test
  void givesUpInTime() {
    server.on(CHECKS, problem(503, "overloaded"));
    assertEquals("overloaded", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
    assertEquals(6, server.count(CHECKS));
    server.on(CHECKS, problem(429, "rate-limited", "Retry-After", "3600"));
    ProblemException e = assertThrows(ProblemException.class, () -> client(key, Duration.ofSeconds(45)).verify(REQUEST));
    assertEquals(Duration.ofHours(1), e.retryAfter().orElseThrow());
    assertEquals(7, server.count(CHECKS), "nobody waits an hour");
  }

  @Test
  void problemsAreOneType() {
    server.on(CHECKS, problem(422, "a-code-of-tomorrow"));
    ProblemException e = assertThrows(ProblemException.class, () -> client().verify(REQUEST));
    assertEquals("a-code-of-tomorrow", e.code());
    assertEquals(422, e.status());
    assertEquals("不行。", e.title().orElseThrow().zh());
    assertEquals("Wait.", e.next().orElseThrow().en());
    assertEquals("R1", e.requestId().orElseThrow());
    assertEquals("why", e.detail().orElseThrow());
    assertEquals("/code", e.errors().get(0).pointer());
    assertEquals(1, server.count(CHECKS), "a no is not asked again");
    server.on(CHECKS, new Reply(500, "<html>", "Content-Type", "text/html"));
    assertEquals("server-answer-malformed", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
    for (String broken : new String[] {"", "[]", "{\"id\":\"x\"", "{\"id\":\"x\",\"id\":\"y\"}", "{\"id\":1,\"outcome\":\"valid\",\"checked_at\":\"\"}", ANSWER.replace("2026-11-22T01:28:17.4", "yesterday")}) {
      server.on(CHECKS, new Reply(200, broken));
      assertEquals("server-answer-malformed", assertThrows(ProblemException.class, () -> client().verify(REQUEST), broken).code());
    }
    server.on(CHECKS, new Reply(200, ANSWER.replace("\"outcome\":\"valid\"", "\"outcome\":\"perhaps\"")));
    assertEquals(Outcome.INDETERMINATE, client().verify(REQUEST).outcome(), "a word that is not known is no yes");
  }

  @Test
  void tokenProblems() {
    server.on("/oauth/token", new Reply(401, "{\"error\":\"invalid_client\",\"error_description\":\"invalid_client: no\",\"code\":\"client-suspended\"}", "Content-Type", "application/json"));
    ProblemException e = assertThrows(ProblemException.class, () -> client().verify(REQUEST));
    assertEquals("client-suspended", e.code());
    assertTrue(e.title().isPresent(), "from the table of the SDK");
    server.on("/oauth/token", new Reply(401, "{\"error\":\"invalid_client\"}", "Content-Type", "application/json"));
    assertEquals("assertion-invalid", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
    server.on("/oauth/token", problem(503, "registry-stale"));
    assertEquals("registry-stale", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
    assertEquals(5, pauses.size(), "six attempts in all, not six for each");
    server.on("/oauth/token", new Reply(200, "{}"));
    assertEquals("server-answer-malformed", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
  }

  @Test
  void aTokenThatEndedIsReplacedOnce() {
    server.on(CHECKS, problem(401, "token-expired"), new Reply(200, ANSWER));
    assertTrue(client().verify(REQUEST).valid());
    assertEquals("t1", client().accessToken());
    assertEquals(3, server.count("/oauth/token"));
    server.on(CHECKS, problem(401, "token-invalid"));
    assertEquals("token-invalid", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
  }

  @Test
  void oneTokenForAll() throws Exception {
    server.on(CHECKS, new Reply(200, ANSWER));
    Client client = client();
    ExecutorService threads = Executors.newFixedThreadPool(8);
    List<Callable<Answer>> calls = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      calls.add(() -> client.verify(REQUEST));
    }
    for (Future<Answer> f : threads.invokeAll(calls)) {
      assertTrue(f.get().valid());
    }
    threads.shutdown();
    assertEquals(1, server.count("/oauth/token"));
  }

  @Test
  void waitsForTheHolder() {
    String pending = "{\"id\":\"c1\",\"state\":\"pending\",\"expires_at\":\"" + Clock.systemUTC().instant().plusSeconds(45) + "\",\"asked\":[\"address\"]}";
    server.on(CHECKS, new Reply(202, pending)).on(CHECKS + "/c1", new Reply(202, pending), new Reply(200, ANSWER.replace("\"portrait\"", "\"consent\":{\"answer\":\"yes\",\"asked\":[\"address\"]},\"portrait\"")));
    Answer a = client().verify(REQUEST.fields("address"));
    assertEquals("yes", a.consent().orElseThrow());
    assertEquals(List.of("address"), a.asked());
    assertEquals(2, server.count(CHECKS + "/c1?wait=20"));
    server.on(CHECKS, new Reply(202, pending.replace("2026", "1999")));
    assertEquals("server-answer-malformed", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
  }

  @Test
  void theRestOfTheVocabulary() {
    server.on(CHECKS + "/challenges", new Reply(200, "{\"nonce\":\"n\",\"aud\":\"bank\",\"expires_at\":\"2026-11-22T08:05:00Z\"}"));
    Challenge c = client().challenge();
    assertEquals("n bank 2026-11-22T08:05:00Z", c.nonce() + " " + c.audience() + " " + c.expiresAt());
    server.on(CHECKS + "/c1/receipt", new Reply(200, "{\"receipt\":\"a.b.c\",\"openings\":{\"certificate\":\"s\",\"fields\":{\"name\":\"t\"}}}"));
    SignedReceipt r = client().receipt("c1");
    assertEquals("a.b.c s t", r.receipt() + " " + r.openings().certificate() + " " + r.openings().fields().get("name"));
    server.on(CHECKS, new Reply(200, ANSWER.replace("\"portrait\"", "\"matches\":{\"name\":true,\"sex\":false},\"portrait\"")));
    Facts facts = Facts.ofHolder("resident-id", "111", "11010519491231002X").claim("name", "张样例").claim("over_18", true);
    assertEquals(Boolean.FALSE, client().checkFacts(facts, "identity-check").matches().get("sex"));
    assertEquals(
        "{\"facts\":{\"type\":\"resident-id\",\"holder\":{\"type\":\"111\",\"number\":\"11010519491231002X\"},\"claims\":{\"name\":\"张样例\",\"over_18\":true}},\"purpose\":\"identity-check\"}",
        server.seen.get(server.seen.size() - 1).body);
    byte[] salt = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    server.on(CHECKS + "/c1/portrait", new Reply(200, "JPEG", "Content-Type", "image/jpeg", "Portrait-Salt", Base64Url.encode(salt)));
    Portrait portrait = client().portrait("c1");
    assertEquals("image/jpeg", portrait.mediaType());
    String digest = Base64Url.encode(HashName.SM3.sum(salt, portrait.image()));
    assertTrue(portrait.matches(new Claims(Testdata.json("{\"portrait_digest\":\"sm3:" + digest + "\"}").members())));
    assertFalse(portrait.matches(new Claims(Testdata.json("{\"portrait_digest\":\"sha-256:" + digest + "\"}").members())));
    assertFalse(portrait.matches(Claims.NONE));
    client().verify(VerificationRequest.presentation("p", "n", "x").idempotencyKey("mine"));
    assertEquals("mine", server.seen.get(server.seen.size() - 1).key);
    assertThrows(IllegalArgumentException.class, () -> client().verify(REQUEST.idempotencyKey("")));
    assertEquals("not-found", assertThrows(ProblemException.class, () -> client().receipt("../x y")).code());
    assertEquals("/v1/verifications/..%2Fx%20y/receipt", server.seen.get(server.seen.size() - 1).path);
  }

  @Test
  void theClerksWord() {
    String path = CHECKS + "/c1/person";
    server.on(path, problem(503, "overloaded", "Retry-After", "1"), new Reply(200, ANSWER.replace("\"outcome\":\"valid\"", "\"outcome\":\"invalid\"")), problem(409, "person-recorded"));
    Answer a = client().person("c1", false);
    assertFalse(a.valid());
    assertEquals("clerk", a.person().detail("method").orElseThrow());
    assertEquals("{\"same\":false}", server.seen.get(server.seen.size() - 1).body);
    assertEquals(2, server.count(path));
    assertEquals("person-recorded", assertThrows(ProblemException.class, () -> client().person("c1", true)).code());
    assertEquals("{\"same\":true}", server.seen.get(server.seen.size() - 1).body);
  }

  @Test
  void tokensStayOnTheWayThatIsMeant() {
    for (String base : new String[] {"http://cards.example.cn", "ftp://localhost", "https://a@b", "https://h/path", "https://h?q", "cards", "https://"}) {
      assertThrows(IllegalArgumentException.class, () -> new Client(base, "bank-1", key), base);
    }
    new Client("https://cards.example.cn/", "bank-1", key);
    new Client("http://localhost:8080", "bank-1", key);
    new Client("http://[::1]:8080", "bank-1", key);
    server.on(CHECKS, new Reply(307, "", "Location", "http://127.0.0.1:1/"));
    assertEquals("server-answer-malformed", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
    server.close();
    assertEquals("server-unreachable", assertThrows(ProblemException.class, () -> client().verify(REQUEST)).code());
  }
}
