package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.showcard.sdk.FakeServer.Reply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What a checker takes over, and what it refuses. */
class BundlesTest {
  private static final Instant NOW = World.NOW;
  private static final String PATH = "/v1/offline/bundle";

  private final World w = new World(Algorithm.SM2);
  private final Hands clock = new Hands();
  private final byte[] roots = w.roots();
  private final Bundles bundles = keeper();

  private Bundles keeper() {
    return new Bundles(World.BASE, roots, true, Duration.ofHours(24), clock);
  }

  private static void refused(String code, Executable what) {
    RefusedException e = assertThrows(RefusedException.class, what);
    assertEquals(code, e.code());
    assertTrue(e.title().isPresent(), code + " has a sentence");
  }

  private BundleMaker at(int seconds) {
    return new BundleMaker(w, NOW.plusSeconds(seconds));
  }

  /** Everything: three revoked codes and two lists. */
  private BundleMaker whole(int seconds) {
    return at(seconds).trust(w.signedList()).serials(0, 40).revoked(NOW.plusSeconds(3600), 1, 2).revoked(NOW.plusSeconds(7200), 3)
        .list("1", 0, 17, 1001, new int[] {1, 5, 1000}, new int[] {2, 6}, new int[] {3, 7}).list("2", 0, 0, 100);
  }

  private Status status(Bundles of, String list, long index) {
    return of.status(new StatusReference(index, World.BASE + "/status/" + list), home()).status;
  }

  private TrustDomain home() {
    return w.trust().domain("TEST").orElseThrow();
  }

  private static String serial(long n) {
    return String.format("%016x", n);
  }

  @Test
  void nothingAtFirst() {
    assertEquals(Optional.empty(), bundles.asOf());
    assertEquals(TrustException.Fault.UNAVAILABLE, assertThrows(TrustException.class, bundles::current).fault());
    assertFalse(bundles.revoked(serial(1)));
    refused("bundle-list-missing", () -> status(bundles, "1", 0));
    assertEquals("{\"roots\":1,\"statuses\":\"all\"}", bundles.wants().json());
    assertTrue(bundles.wants().everything());
    assertEquals("{\"roots\":1,\"statuses\":\"none\"}", new Bundles(World.BASE + "/", roots).wants().toString());
    assertThrows(IllegalArgumentException.class, () -> new Bundles(World.BASE, roots, true, Duration.ofHours(25), clock));
  }

  @Test
  void takesOverAndChanges() {
    bundles.take(whole(0).sign());
    assertEquals(NOW, bundles.asOf().orElseThrow());
    assertEquals(7, bundles.current().version());
    for (long n = 1; n <= 3; n++) {
      assertTrue(bundles.revoked(serial(n)));
    }
    assertFalse(bundles.revoked(serial(4)));
    assertFalse(bundles.revoked(serial(-1)));
    List<Status> want = Arrays.asList(Status.VALID, Status.INVALID, Status.SUSPENDED, Status.OTHER, Status.VALID);
    for (int i = 0; i < want.size(); i++) {
      assertEquals(want.get(i), status(bundles, "1", 4 + i));
    }
    assertEquals(Status.INVALID, status(bundles, "1", 1000));
    refused("status-index-out-of-range", () -> status(bundles, "1", 1001)); // the packed list has room for it
    refused("status-index-out-of-range", () -> status(bundles, "1", -1));
    refused("bundle-list-missing", () -> status(bundles, "3", 0));
    assertEquals("{\"roots\":1,\"list\":7,\"serials\":40,\"statuses\":\"all\",\"lists\":{\"1\":17,\"2\":0}}", bundles.wants().json());

    // A change: reinstated, ended, revoked. Who has seen half of it already takes it as well.
    clock.at = NOW.plusSeconds(7300);
    bundles.take(at(7300).serials(38, 41).revoked(NOW.plusSeconds(10800), 2, 9).list("1", 16, 19, 1001, new int[] {0, 5}, new int[] {1, 6}).sign());
    assertEquals(Status.VALID, status(bundles, "1", 5));
    assertEquals(Status.INVALID, status(bundles, "1", 6));
    assertEquals(Status.OTHER, status(bundles, "1", 7));
    assertFalse(bundles.revoked(serial(1)), "ended an hour ago: nobody takes it");
    assertTrue(bundles.revoked(serial(2)) && bundles.revoked(serial(3)) && bundles.revoked(serial(9)));
    assertEquals(2, bundles.kept().size());
    StatusSource.Answer other = bundles.status(new StatusReference(1, World.BASE + "/status/2"), home());
    assertEquals(NOW, other.asOf, "it was not told of");
    assertEquals("bundle", other.source);

    Bundles again = keeper();
    again.restore(bundles.kept());
    assertEquals(bundles.asOf(), again.asOf());
    assertEquals(bundles.wants().json(), again.wants().json());
    assertEquals(Status.INVALID, status(again, "1", 6));

    // A whole one stands for all before it.
    bundles.take(at(7301).trust(w.signedList()).serials(0, 41).list("1", 0, 19, 1001).list("2", 0, 1, 100).sign());
    assertEquals(1, bundles.kept().size());
    assertFalse(bundles.revoked(serial(9)));
    assertEquals(Status.VALID, status(bundles, "1", 6));
  }

  @Test
  void refuses() {
    byte[] good = whole(0).sign();
    refused("bundle-malformed", () -> bundles.take(new byte[3]));
    refused("bundle-from-future", () -> bundles.take(whole(61).sign()));
    refused("bundle-trust-missing", () -> bundles.take(at(0).sign()));
    refused("trust-list-invalid", () -> bundles.take(at(0).trust("a.b.c").sign()));
    refused("trust-list-invalid", () -> bundles.take(at(0).trust(w.signedList(), new byte[2]).sign()));
    refused("trust-list-invalid", () -> bundles.take(at(0).trust(w.signedList(), w.roots(3, w.rootKeys, w.rootKeys)).sign()));
    refused("trust-list-invalid", () -> bundles.take(at(0).trust(w.signedList(), w.roots(2, w.rootKeys, w.rootKeys.subList(0, 1))).sign()));
    refused("trust-list-invalid", () -> bundles.take(at(0).trust(Jws.sign(w.issuerKey, "trustlist+jwt", w.issuerKey.publicKey().id(), w.list)).sign()));
    w.list.put("iat", World.seconds(NOW) + 301);
    refused("trust-list-invalid", () -> bundles.take(at(0).trust(w.signedList()).sign()));
    w.list.put("iat", World.seconds(NOW) - 60);
    refused("bundle-wrong-signer", () -> bundles.take(new BundleMaker(w.statusKey, World.BASE + "/", NOW).trust(w.signedList()).sign()));
    refused("bundle-wrong-signer", () -> new Bundles("https://other.example.cn", roots, true, Duration.ZERO, clock).take(good));
    refused("bundle-wrong-signer", () -> bundles.take(new BundleMaker(w.issuerKey, World.BASE, NOW).trust(w.signedList()).sign()));
    refused("bundle-signature-invalid", () -> {
      byte[] bad = good.clone();
      bad[bad.length - 1] ^= 1;
      bundles.take(bad);
    });
    refused("bundle-signature-invalid", () -> {
      BundleMaker m = whole(0);
      m.header.put(1, Algorithm.ES256.coseNumber());
      bundles.take(m.sign());
    });
    refused("bundle-gap", () -> bundles.take(at(0).trust(w.signedList()).serials(1, 2).sign()));
    assertEquals(Optional.empty(), bundles.asOf());
    assertThrows(TrustException.class, bundles::current);

    bundles.take(good);
    bundles.take(good);
    refused("bundle-rolled-back", () -> bundles.take(whole(-1).sign()));
    refused("bundle-rolled-back", () -> bundles.take(at(1).serials(0, 39).sign()));
    refused("bundle-rolled-back", () -> bundles.take(at(1).serials(40, 40).list("1", 0, 16, 1001).sign()));
    refused("bundle-gap", () -> bundles.take(at(1).serials(41, 42).sign()));
    refused("bundle-gap", () -> bundles.take(at(1).serials(40, 40).list("1", 18, 19, 1001).sign()));
    refused("bundle-gap", () -> bundles.take(at(1).serials(40, 40).list("1", 17, 19, 1000).sign()));
    refused("bundle-gap", () -> bundles.take(at(1).serials(40, 40).list("3", 1, 19, 1000).sign()));
    refused("bundle-too-large", () -> {
      BundleMaker m = at(1).serials(40, 40);
      for (int i = 3; i < 19; i++) {
        m.list(Integer.toString(i), 0, 1, 1 << 24);
      }
      bundles.take(m.sign());
    });
    // All or nothing: neither the list that was good, nor what stood beside it.
    w.list.put("version", 8);
    refused("bundle-gap", () -> bundles.take(at(1).trust(w.signedList()).serials(40, 41).revoked(NOW, 8).list("1", 18, 19, 1001).sign()));
    assertEquals(7, bundles.current().version());
    assertFalse(bundles.revoked(serial(8)));
    assertEquals(NOW, bundles.asOf().orElseThrow());
    assertTrue(bundles.wants().everything(), "after a gap");
    bundles.take(at(1).serials(40, 40).trust(w.signedList()).sign());
    w.list.put("version", 7);
    refused("trust-list-rolled-back", () -> bundles.take(whole(2).sign()));
    clock.at = NOW.plusSeconds(86400);
    refused("trust-list-stale", bundles::current);
    w.list.put("version", 8);
    refused("trust-list-stale", () -> bundles.take(whole(86400).sign()));
  }

  private void changeKey(Consumer<List<Object>> change, ClientKey next) {
    List<Object> keys = World.dated(w.statusKey);
    change.accept(keys);
    keys.addAll(World.dated(next));
    w.domain.put("status_keys", keys);
    w.list.put("version", 8);
  }

  /** Whatever came by a key that does not count any more is forgotten first: then only a whole one is no gap. */
  @Test
  void aFrozenKeyTakesAllWithIt() {
    ClientKey next = ClientKey.generate(Algorithm.SM2);
    Consumer<List<Object>> freeze = keys -> keys.set(0, World.dated(w.statusKey, "frozen", true).get(0));
    Consumer<List<Object>> drop = List::clear;
    Consumer<List<Object>> end = keys -> keys.set(0, World.dated(w.statusKey, "not_after", World.seconds(NOW) - 1).get(0));
    Consumer<List<Object>> namesake = keys -> {
      keys.clear();
      keys.addAll(World.dated(ClientKey.generate(Algorithm.SM2).withId(w.statusKey.publicKey().id())));
    };
    for (Consumer<List<Object>> change : Arrays.asList(freeze, drop, end, namesake)) {
      w.domain.put("status_keys", World.dated(w.statusKey));
      w.list.put("version", 7);
      Bundles b = keeper();
      b.take(whole(0).sign());
      byte[] first = b.kept().get(0);
      changeKey(change, next);
      refused("bundle-gap", () -> b.take(new BundleMaker(next, World.BASE, NOW.plusSeconds(1)).trust(w.signedList()).serials(40, 40).sign()));
      assertTrue(b.revoked(serial(1)), "known still");
      assertTrue(b.wants().everything());
      // What the thief said of the future does not hold up what is true.
      b.take(new BundleMaker(next, World.BASE, NOW.minusSeconds(1)).trust(w.signedList()).serials(0, 3).revoked(NOW, 8).sign());
      assertFalse(b.revoked(serial(1)));
      assertTrue(b.revoked(serial(8)));
      refused("bundle-list-missing", () -> status(b, "1", 0));
      assertEquals(1, b.kept().size());
      assertEquals("{\"roots\":1,\"list\":8,\"serials\":3,\"statuses\":\"all\"}", b.wants().json());
      refused("trust-list-rolled-back", () -> b.take(first));
    }
  }

  /** The verifier's trust list may be newer than that of the bundles. */
  @Test
  void aKeyThatFrozeElsewhere() {
    bundles.take(whole(0).sign());
    changeKey(keys -> keys.set(0, World.dated(w.statusKey, "frozen", true).get(0)), ClientKey.generate(Algorithm.SM2));
    assertThrows(TrustException.class, () -> status(bundles, "1", 0));
  }

  /** What is kept leads from the pinned roots to where it ends, whoever left what out. */
  @Test
  void keptLeadsOnFromThePinnedRoots() {
    bundles.take(whole(0).sign());
    byte[] second = w.roots(2, w.rootKeys, w.rootKeys);
    w.list.put("version", 8);
    bundles.take(at(1).serials(40, 40).trust(w.signedList(), second).sign());
    w.list.put("version", 9);
    // Whole, but for the roots that we have.
    bundles.take(whole(2).trust(w.signedList()).sign());
    assertEquals(3, bundles.kept().size());
    Bundles again = keeper();
    again.restore(bundles.kept());
    assertEquals(bundles.wants().json(), again.wants().json());
    assertEquals("{\"roots\":2,\"list\":9,\"serials\":40,\"statuses\":\"all\",\"lists\":{\"1\":17,\"2\":0}}", again.wants().json());
    bundles.take(whole(3).trust(w.signedList(), second).sign());
    assertEquals(1, bundles.kept().size());

    // The same after a key was frozen: a restart goes the same way.
    ClientKey next = ClientKey.generate(Algorithm.SM2);
    changeKey(List::clear, next);
    w.list.put("version", 10);
    bundles.take(new BundleMaker(next, World.BASE, NOW.plusSeconds(4)).trust(w.signedList()).sign());
    bundles.take(new BundleMaker(next, World.BASE, NOW.plusSeconds(5)).serials(0, 1).sign());
    assertEquals(3, bundles.kept().size());
    Bundles third = keeper();
    third.restore(bundles.kept());
    assertEquals(bundles.wants().json(), third.wants().json());
    assertEquals(NOW.plusSeconds(5), third.asOf().orElseThrow());
  }

  /** A chain does not grow for ever, not even when a list is never spoken of again. */
  @Test
  void theChainIsBounded() {
    clock.at = NOW.plusSeconds(3600);
    bundles.take(whole(0).sign());
    for (int i = 1; i < 64; i++) {
      assertFalse(bundles.wants().everything());
      bundles.take(at(i).serials(40, 40).sign());
    }
    assertEquals(64, bundles.kept().size());
    assertTrue(bundles.wants().everything());
    bundles.take(at(64).trust(w.signedList()).serials(0, 40).list("2", 0, 0, 100).sign());
    assertEquals(1, bundles.kept().size());
    assertEquals("{\"2\":0}", JsonText.of(Testdata.json(bundles.wants().json()).get("lists")));
    Bundles again = keeper();
    again.restore(bundles.kept());
    assertEquals(bundles.wants().json(), again.wants().json());
    // Before that it stays, and so does the bundle that told of it.
    bundles.take(at(65).trust(w.signedList()).serials(0, 40).list("5", 0, 0, 100).sign());
    assertEquals(2, bundles.kept().size());
    assertEquals(Status.VALID, status(bundles, "2", 1));
  }

  /** Restored, each is judged as of its own date; how old it is shows when something is checked. */
  @Test
  void restores() {
    bundles.take(whole(0).sign());
    List<byte[]> kept = bundles.kept();
    kept.get(0)[7] ^= 1; // a copy
    assertNotEquals(kept.get(0)[7], bundles.kept().get(0)[7]);
    clock.at = NOW.plusSeconds(90000);
    Bundles later = keeper();
    later.restore(bundles.kept());
    assertEquals(NOW, later.asOf().orElseThrow());
    assertEquals("trust-list-stale", assertThrows(TrustException.class, later::current).code());
    refused("trust-list-stale", () -> keeper().take(bundles.kept().get(0)));
    clock.at = NOW.minusSeconds(61);
    refused("bundle-from-future", () -> keeper().restore(bundles.kept()));
    refused("bundle-malformed", () -> keeper().restore(Collections.singletonList(new byte[0])));
    refused("bundle-rolled-back", () -> later.restore(Arrays.asList(whole(-100).sign())));
  }

  /** For certificates that are presented whole: the bundle's own bound counts, whatever the verifier would take. */
  @Test
  void certificates() {
    bundles.take(whole(0).list("1", 0, 18, 1001, new int[] {1, 9}).sign());
    Verifier lax = new Verifier(w::trust, new Bundles(World.BASE, roots), clock, Duration.ofDays(30));
    assertEquals("indeterminate [bundle-list-missing]", lax.verify(w.presentation("b", "n"), "b", "n").toString());
    Verifier v = new Verifier(w::trust, bundles, clock, Duration.ofDays(30));
    Result good = v.verify(w.presentation("b", "n"), "b", "n");
    assertEquals("valid []", good.toString());
    assertEquals("bundle", good.status().detail("source").orElseThrow());
    assertEquals(NOW, good.status().moment("as_of").orElseThrow());
    bundles.take(at(1).serials(40, 40).list("1", 18, 19, 1001, new int[] {2, 5}).sign());
    assertEquals("invalid [certificate-suspended]", v.verify(w.presentation("b", "n"), "b", "n").toString());

    Bundles hour = new Bundles(World.BASE, roots, true, Duration.ofHours(1), clock);
    hour.take(at(0).trust(w.signedList()).list("1", 0, 0, 1001).sign());
    Verifier strict = new Verifier(w::trust, hour, clock, Duration.ofDays(30));
    clock.at = NOW.plusSeconds(3600);
    assertEquals("valid []", strict.verify(w.presentation("b", "n", w.providerKey, clock.at), "b", "n").toString());
    clock.at = NOW.plusSeconds(3601);
    assertEquals("indeterminate [status-stale]", strict.verify(w.presentation("b", "n", w.providerKey, clock.at), "b", "n").toString());
  }

  private Client client(FakeServer server) {
    return new Client(server.base, "bank-1", ClientKey.generate(Algorithm.SM2));
  }

  private static Reply reply(BundleMaker m) {
    return new Reply(200, m.sign(), "Content-Type", Bundle.TYPE);
  }

  @Test
  void renews() throws IOException {
    try (FakeServer server = new FakeServer().granting()) {
      Client client = client(server);
      server.on(PATH, reply(whole(0)), reply(at(1).serials(41, 42)), reply(whole(2)), reply(at(3).serials(41, 42)), new Reply(403, "{\"code\":\"forbidden-role\"}"));
      bundles.renew(client);
      bundles.renew(client); // a gap: everything, once
      assertEquals(NOW.plusSeconds(2), bundles.asOf().orElseThrow());
      assertEquals(1, bundles.kept().size());
      assertEquals("forbidden-role", assertThrows(ProblemException.class, () -> bundles.renew(client)).code());
      List<String> asked = new java.util.ArrayList<>();
      server.seen.stream().filter(s -> s.path.equals(PATH)).forEach(s -> asked.add(s.method + " " + s.authorization + " " + s.body));
      String all = "POST Bearer t1 {\"roots\":1,\"statuses\":\"all\"}";
      String more = "POST Bearer t1 {\"roots\":1,\"list\":7,\"serials\":40,\"statuses\":\"all\",\"lists\":{\"1\":17,\"2\":0}}";
      assertEquals(List.of(all, more, all, more, all), asked);
      server.on(PATH, reply(at(4).serials(41, 42)));
      refused("bundle-gap", () -> bundles.renew(client));
      assertEquals(7, server.count(PATH));
      assertEquals(NOW.plusSeconds(2), bundles.asOf().orElseThrow());
    }
  }

  @Test
  void aFile(@TempDir Path folder) throws IOException {
    BundleFile file = new BundleFile(folder.resolve("bundles.cbor"));
    assertTrue(file.read().isEmpty());
    bundles.take(whole(0).sign());
    bundles.take(at(0).serials(40, 41).sign());
    file.write(bundles.kept());
    Bundles again = keeper();
    again.restore(file.read());
    assertEquals(bundles.wants().json(), again.wants().json());
    try (var all = Files.list(folder)) {
      assertEquals(1, all.count(), "nothing is left beside it");
    }
    byte[] data = Files.readAllBytes(folder.resolve("bundles.cbor"));
    data[40] ^= 1;
    Files.write(folder.resolve("bundles.cbor"), data);
    assertThrows(RefusedException.class, () -> keeper().restore(file.read()));
    Files.write(folder.resolve("bundles.cbor"), Arrays.copyOf(data, data.length - 1));
    refused("bundle-malformed", file::read);
  }

  /** Readers see one bundle or the next, while they change. */
  @Test
  void manyThreads() throws Exception {
    BundleMaker[] turns = {at(0).trust(w.signedList()).serials(0, 1).revoked(NOW, 1).list("1", 0, 1, 8), at(0).trust(w.signedList()).serials(0, 1).revoked(NOW, 1).list("1", 0, 1, 8, new int[] {1, 0, 7})};
    byte[][] signed = {turns[0].sign(), turns[1].sign()};
    bundles.take(signed[0]);
    TrustDomain home = home();
    ExecutorService pool = Executors.newFixedThreadPool(3);
    try {
      Future<?> writer = pool.submit(() -> {
        for (int i = 0; i < 50; i++) {
          bundles.take(signed[i % 2]);
        }
      });
      for (Future<?> reader : List.of(pool.submit(() -> look(home, writer)), pool.submit(() -> look(home, writer)))) {
        reader.get();
      }
      writer.get();
    } finally {
      pool.shutdownNow();
    }
  }

  private void look(TrustDomain home, Future<?> writer) {
    while (!writer.isDone()) {
      assertTrue(bundles.revoked(serial(1)));
      assertEquals(NOW, bundles.asOf().orElseThrow());
      assertEquals(7, bundles.current().version());
      assertEquals("bundle", bundles.status(new StatusReference(7, World.BASE + "/status/1"), home).source);
    }
  }
}
