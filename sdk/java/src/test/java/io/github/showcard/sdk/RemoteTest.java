package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.showcard.sdk.FakeServer.Reply;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RemoteTest {
  private static final String LIST = "/v1/trust-list";
  private static final String ROOTS = "/v1/trust-list/roots";

  private final Hands clock = new Hands();
  private final World w = new World(Algorithm.SM2);
  private FakeServer server;

  @BeforeEach
  void start() throws IOException {
    server = new FakeServer();
    serve();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void serve() {
    server.on(LIST, new Reply(200, w.signedList()));
  }

  private RemoteTrust trust(Path memory) {
    return new RemoteTrust(server.base, w.roots(), memory, null, clock);
  }

  private static TrustException.Fault fault(RemoteTrust t) {
    return assertThrows(TrustException.class, t::current).fault();
  }

  @Test
  void keepsTheListWhileTheNetworkIsAway() {
    RemoteTrust t = trust(null);
    assertEquals(7, t.current().version());
    assertEquals(w.issuer.get("id"), t.current().issuers().get(0).id());
    assertEquals(1, server.count(LIST), "kept for a minute");
    server.on(LIST, new Reply(0, ""));
    clock.at = World.NOW.plusSeconds(3600);
    assertEquals(7, t.current().version());
    assertTrue(t.lastError().isPresent());
    clock.at = World.NOW.plusSeconds(86400);
    assertEquals(TrustException.Fault.STALE, fault(t));
  }

  @Test
  void refusesToGoBack(@TempDir Path folder) throws IOException {
    Path memory = folder.resolve("seen.json");
    RemoteTrust t = trust(memory);
    assertEquals(7, t.current().version());
    assertEquals(7, Testdata.json(memory).get("trust_list_version").integer());
    w.list.put("version", 6);
    serve();
    clock.at = World.NOW.plusSeconds(120);
    assertEquals(7, t.current().version(), "the one at hand is better");
    assertEquals("trust-list-rolled-back", t.lastError().orElseThrow().code());
    RemoteTrust again = trust(memory);
    assertEquals(7, again.current().version(), "also after a restart");
    assertEquals(TrustException.Fault.ROLLED_BACK, again.lastError().orElseThrow().fault());
    clock.at = World.NOW.plusSeconds(86400); // what was kept is of no use any more, but its version is remembered
    w.list.put("iat", World.seconds(clock.at) - 60);
    w.list.put("exp", World.seconds(clock.at) + 86400);
    serve();
    assertEquals(TrustException.Fault.ROLLED_BACK, fault(trust(memory)));
    Files.writeString(memory, "{}");
    assertThrows(IllegalArgumentException.class, () -> trust(memory), "to begin anew is for a person to decide");
  }

  @Test
  void goesOnAfterARestartWithoutANetwork(@TempDir Path folder) throws IOException {
    Path memory = folder.resolve("seen.json");
    assertEquals(7, trust(memory).current().version());
    server.on(LIST, new Reply(0, ""));
    RemoteTrust again = trust(memory);
    assertEquals(7, again.current().version());
    assertTrue(again.lastError().isPresent());
    assertTrue(again.signedList().isPresent());
    clock.at = World.NOW.plusSeconds(86400);
    assertEquals(TrustException.Fault.UNAVAILABLE, fault(trust(memory)), "an expired one serves for its version alone");
    clock.at = World.NOW;
    Files.writeString(memory, Files.readString(memory).replaceFirst("\"list\":\"ey", "\"list\":\"eyJ"));
    assertEquals(TrustException.Fault.UNAVAILABLE, fault(trust(memory)), "nothing is believed for standing in a file");
  }

  @Test
  void statusListsAfterARestart(@TempDir Path folder) {
    String uri = server.base + "/status/1";
    w.domain.put("base_url", server.base);
    w.domain.put("status_prefix", server.base + "/status/");
    TrustDomain home = w.trust().domain("TEST").orElseThrow();
    serveStatus(uri, 0);
    assertEquals(Status.VALID, new RemoteStatus(folder, null, clock).status(new StatusReference(5, uri), home).status);
    server.on("/status/1", new Reply(0, ""));
    assertEquals(World.NOW.minusSeconds(10), new RemoteStatus(folder, null, clock).status(new StatusReference(5, uri), home).asOf);
    clock.at = World.NOW.plusSeconds(3600);
    assertEquals("status-stale", assertThrows(RefusedException.class, () -> new RemoteStatus(folder, null, clock).status(new StatusReference(5, uri), home)).code());
  }

  @Test
  void walksToNewerRoots(@TempDir Path folder) {
    Path memory = folder.resolve("seen.json");
    RemoteTrust t = trust(memory);
    assertEquals(7, t.current().version());
    ClientKey newSigner = ClientKey.generate(Algorithm.SM2);
    List<Object> jwks = Arrays.asList(w.rootKeys.get(0).publicKey().jwk(), w.rootKeys.get(1).publicKey().jwk(), w.rootKeys.get(2).publicKey().jwk());
    Object second = World.map("version", 2, "iat", World.seconds(World.NOW), "exp", World.seconds(World.NOW) + 864000, "threshold", 2, "keys", jwks, "signers", World.dated(newSigner));
    byte[] roots = World.envelope(second, w.rootKeys.subList(1, 3));
    w.list.put("version", 8);
    server.on(LIST, new Reply(200, Jws.sign(newSigner, "trustlist+jwt", newSigner.publicKey().id(), w.list)));
    clock.at = World.NOW.plusSeconds(120);
    assertEquals(7, t.current().version(), "signed by somebody unknown");
    server.on(ROOTS, new Reply(200, new String(roots, StandardCharsets.UTF_8)), new Reply(404, "{}"));
    clock.at = World.NOW.plusSeconds(240);
    assertEquals(8, t.current().version());
    assertTrue(server.seen.stream().anyMatch(s -> s.path.equals(ROOTS + "?version=2")));
    server.on(LIST, new Reply(0, ""));
    assertEquals(8, trust(memory).current().version(), "the walk is kept, too");
    assertEquals(8, new RemoteTrust(server.base, roots, memory, null, clock).current().version(), "also for who pins the new roots");
    // The key that the new roots dropped counts no more.
    w.list.put("version", 9);
    serve();
    clock.at = World.NOW.plusSeconds(360);
    assertEquals(8, t.current().version());
  }

  @Test
  void statusListsAreKeptForTheirTtl() {
    String uri = server.base + "/status/1";
    w.domain.put("base_url", server.base);
    w.domain.put("status_prefix", server.base + "/status/");
    TrustDomain home = w.trust().domain("TEST").orElseThrow();
    serveStatus(uri, 0);
    RemoteStatus s = new RemoteStatus(null, null, clock);
    assertEquals(Status.VALID, s.status(new StatusReference(5, uri), home).status);
    w.states[1] = 1 << 2;
    serveStatus(uri, 30);
    clock.at = World.NOW.plusSeconds(59);
    assertEquals(Status.VALID, s.status(new StatusReference(5, uri), home).status, "not asked again before its ttl");
    clock.at = World.NOW.plusSeconds(61);
    assertEquals(Status.INVALID, s.status(new StatusReference(5, uri), home).status);
    assertEquals(2, server.count("/status/1"));
    // An older list is not believed, and one that cannot be had leaves the last.
    w.states[1] = 0;
    serveStatus(uri, 0);
    clock.at = World.NOW.plusSeconds(180);
    assertEquals(Status.INVALID, s.status(new StatusReference(5, uri), home).status);
    assertEquals("status-index-out-of-range", assertThrows(RefusedException.class, () -> s.status(new StatusReference(5000, uri), home)).code());
    // The key was frozen since.
    w.domain.put("status_keys", World.dated(w.statusKey, "frozen", true));
    TrustDomain frozen = w.trust().domain("TEST").orElseThrow();
    assertEquals("key-frozen", assertThrows(RefusedException.class, () -> s.status(new StatusReference(5, uri), frozen)).code());
  }

  private void serveStatus(String uri, int later) {
    var claims = w.statusClaims();
    claims.put("sub", uri);
    claims.put("iat", World.seconds(World.NOW) - 10 + later);
    server.on("/status/1", new Reply(200, Jws.sign(w.statusKey, "statuslist+jwt", w.statusKey.publicKey().id(), claims)));
  }

  @Test
  void noListAtAll() {
    server.on("/status/1", new Reply(500, ""));
    w.domain.put("base_url", server.base);
    w.domain.put("status_prefix", server.base + "/status/");
    TrustDomain home = w.trust().domain("TEST").orElseThrow();
    RemoteStatus s = new RemoteStatus(null, null, clock);
    for (int i = 0; i < 5; i++) {
      assertEquals("status-unavailable", assertThrows(RefusedException.class, () -> s.status(new StatusReference(5, server.base + "/status/1"), home)).code());
    }
    assertEquals(1, server.count("/status/1"), "a failing server is not asked each time");
  }
}
