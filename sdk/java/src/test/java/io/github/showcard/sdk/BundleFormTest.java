package io.github.showcard.sdk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.showcard.sdk.BundleMaker.Raw;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What a bundle may look like, to the last bit. */
class BundleFormTest {
  private static final World W = new World(Algorithm.ES256);

  private static BundleMaker maker() {
    return new BundleMaker(W, World.NOW);
  }

  private static void malformed(byte[] data) {
    assertEquals("bundle-malformed", assertThrows(RefusedException.class, () -> new Bundle(data)).code());
  }

  private static void malformed(Consumer<BundleMaker> bend) {
    BundleMaker m = maker();
    bend.accept(m);
    malformed(m.sign());
  }

  private static void serials(Object... parts) {
    malformed(m -> m.claims.put(-65539, Arrays.asList(parts)));
  }

  private static void list(Object... parts) {
    malformed(m -> m.part("1", parts));
  }

  private static Map<Object, Object> hour(Object hour, byte[] serials) {
    return Map.of(hour, serials);
  }

  private static Map<Object, Object> set(int k, long n, int... data) {
    return Map.of(1, Arrays.asList(k, n, BundleMaker.bytes(data)));
  }

  private static Raw raw(int... data) {
    return new Raw(data);
  }

  @Test
  void good() {
    Bundle b = new Bundle(maker().sign());
    assertEquals(World.BASE, b.issuer);
    assertEquals(World.NOW, b.issuedAt);
    assertTrue(b.trustList == null && b.lists.isEmpty() && b.serials.isEmpty());
    b.verify(W.statusKey.publicKey());

    byte[] root = "{}".getBytes(StandardCharsets.US_ASCII);
    b = new Bundle(maker().trust("a.b.c", root).serials(1, 5).revoked(World.NOW, 1, 2, Long.MAX_VALUE, -1).list("1", 0, 3, 100, new int[] {1, 0, 7, 99}, new int[] {3, 8}).sign());
    assertArrayEquals(root, b.roots.get(0));
    assertEquals("a.b.c", b.trustList);
    assertEquals(4, b.serials.get(World.NOW.getEpochSecond() / 3600).length);
    GapSet.Walk walk = b.lists.get("1").sets[1].walk();
    assertEquals(List.of(0, 7, 99, GapSet.END), List.of(walk.next(), walk.next(), walk.next(), walk.next()));
  }

  @Test
  void envelope() {
    byte[] good = maker().sign();
    malformed(new byte[0]);
    for (int n = 0; n < good.length; n++) {
      malformed(Arrays.copyOf(good, n));
    }
    malformed(Arrays.copyOf(good, good.length + 1));
    malformed(Arrays.copyOfRange(good, 1, good.length)); // no tag
    malformed(new byte[Bundle.MAX_SIZE + 1]);
    BundleMaker m = maker();
    malformed(m.sign(BundleMaker.cbor(m.header), BundleMaker.cbor(m.claims), Map.of(33, new byte[1])));
    malformed(m.sign(BundleMaker.cbor(m.header), BundleMaker.cbor(m.claims), raw(0xf6)));
    malformed(m.sign(new byte[0], BundleMaker.cbor(m.claims), raw(0xa0)));
    malformed(m.sign(BundleMaker.cbor(m.header), new byte[0], raw(0xa0)));
    malformed(x -> x.header.remove(1));
    malformed(x -> x.header.remove(4));
    malformed(x -> x.header.remove(16));
    malformed(x -> x.header.put(16, "application/statuslist+cwt"));
    malformed(x -> x.header.put(4, "text"));
    malformed(x -> x.header.put(1, "ES256"));
    malformed(x -> x.header.put(1, raw(0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)));
    malformed(x -> x.header.put(3, "x"));
    malformed(x -> x.header.put(2, Arrays.asList(16)));
  }

  @Test
  void claims() {
    malformed(maker().sign(BundleMaker.cbor(Collections.emptyList())));
    malformed(m -> m.claims.remove(1));
    malformed(m -> m.claims.remove(6));
    malformed(m -> m.claims.remove(-65539));
    malformed(m -> m.claims.put(4, 1800000000));
    malformed(m -> m.claims.put(-65541, 1));
    malformed(m -> m.claims.put("1", 1));
    malformed(m -> m.claims.put(1, ""));
    malformed(m -> m.claims.put(1, "x".repeat(2049)));
    malformed(m -> m.claims.put(1, raw(0x61, 0xff))); // not UTF-8
    malformed(m -> m.claims.put(1, raw(0x7f, 0x61, 0x61, 0xff))); // indefinite
    malformed(m -> m.claims.put(6, -1));
    malformed(m -> m.claims.put(6, raw(0xf9, 0x3e, 0x00)));
    malformed(m -> m.claims.put(6, raw(0xf6)));
    malformed(m -> m.claims.put(6, raw(0x1b, 0, 0, 0, 0, 0x6b, 0x49, 0xd2, 0))); // not its shortest form
    malformed(m -> m.claims.put(6, Dates.MAX + 1));
    malformed(m -> m.trust(""));
    malformed(m -> m.claims.put(-65538, Arrays.asList(Arrays.asList("{}"), "a.b.c")));
    malformed(m -> m.claims.put(-65538, Arrays.asList(Arrays.asList(), "a.b.c", 1)));
    malformed(m -> m.trust("a.b.c", Collections.nCopies(129, new byte[1]).toArray(new byte[0][])));
    // Labels in another order, and one twice.
    malformed(maker().sign(new Raw(join(0xa3, 6, 1, 1, 0x61, 'a', 0x3a, 0, 1, 0, 2, raw(0x83, 0, 0, 0xa0))).data));
    malformed(maker().sign(new Raw(join(0xa4, 1, 0x61, 'a', 6, 1, 6, 1, 0x3a, 0, 1, 0, 2, raw(0x83, 0, 0, 0xa0))).data));
    assertEquals("a", new Bundle(maker().sign(new Raw(join(0xa3, 1, 0x61, 'a', 6, 1, 0x3a, 0, 1, 0, 2, raw(0x83, 0, 0, 0xa0))).data)).issuer);
  }

  @Test
  void serials() {
    serials(0, 0);
    serials(0, 0, Map.of(), 0);
    serials(2, 1, Map.of());
    serials(raw(0xf6), 0, Map.of());
    serials(0, 1L << 53, Map.of());
    serials(0, 0, hour(500000, new byte[7]));
    serials(0, 0, hour(500000, new byte[0]));
    serials(0, 0, hour(500000, new byte[16])); // twice
    serials(0, 0, hour(500000, BundleMaker.bytes(2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)));
    serials(0, 0, hour(500000, BundleMaker.bytes(0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0))); // unsigned
    serials(0, 0, hour("500000", new byte[8]));
    serials(0, 0, hour(Dates.MAX / 3600, new byte[8]));
    serials(0, 0, Map.of(500000, new byte[8], 500001, new byte[8])); // in two hours
    serials(0, 0, raw(0xa2, 2, 0x48, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x48, 0, 0, 0, 0, 0, 0, 0, 2)); // hours out of order
    serials(0, 0, raw(0xa2, 2, 0x48, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0x48, 0, 0, 0, 0, 0, 0, 0, 2)); // an hour twice
  }

  @Test
  void lists() {
    malformed(m -> m.claims.put(-65540, Map.of()));
    for (String name : Arrays.asList("", "../1", "a b", "x".repeat(65), "é", "1\n")) {
      malformed(m -> m.part(name, 0, 0, 100, Map.of()));
    }
    malformed(m -> m.claims.put(-65540, Map.of(1, Arrays.asList(0, 0, 100, Map.of()))));
    Object one = raw(0x84, 0, 0, 1, 0xa0);
    malformed(m -> m.claims.put(-65540, raw(join(0xa2, 0x61, 'b', one, 0x61, 'a', one))));
    malformed(m -> m.claims.put(-65540, raw(join(0xa2, 0x61, 'a', one, 0x61, 'a', one))));
    malformed(m -> m.claims.put(-65540, raw(join(0xa2, 0x62, 'a', 'a', one, 0x61, 'b', one))));
    assertEquals(2, new Bundle(maker().part("b", 0, 0, 1, Map.of()).part("aa", 0, 0, 1, Map.of()).sign()).lists.size());
    list(0, 1, 100);
    list(2, 1, 100, Map.of());
    list(0, 1, 0, Map.of());
    list(0, 1, (1 << 24) + 1, Map.of());
    list(0, 1L << 53, 100, Map.of());
    list(0, 1, 100, Map.of(4, BundleMaker.set(0, 100, 1)));
    list(0, 1, 100, Map.of(0, BundleMaker.set(0, 100, 1))); // valid entries of a whole list
    list(1, 1, 100, raw(0xa2, 2, 0x83, 0, 1, 0x41, 0, 1, 0x83, 0, 1, 0x41, 0x80)); // statuses out of order
    list(1, 1, 100, raw(0xa2, 1, 0x83, 0, 1, 0x41, 0, 1, 0x83, 0, 1, 0x41, 0x80));
    assertEquals(100, new Bundle(maker().part("1", 1, 1, 100, Map.of(0, BundleMaker.set(0, 100, 1))).sign()).lists.get("1").size);
  }

  private static int[] join(Object... parts) {
    return Arrays.stream(parts)
        .flatMapToInt(
            p -> {
              if (p instanceof Raw) {
                byte[] data = ((Raw) p).data;
                return java.util.stream.IntStream.range(0, data.length).map(i -> data[i]);
              }
              return java.util.stream.IntStream.of(p instanceof Character ? (Character) p : (Integer) p);
            })
        .toArray();
  }

  @Test
  void sets() {
    list(0, 1, 100, set(0, 0));
    list(0, 1, 100, set(0, 0, 0));
    list(0, 1, 100, set(25, 1, 0, 0, 0, 0));
    list(0, 1, 100, set(0, 9, 0)); // more than the data can hold
    list(0, 1, 100, set(0, CborWalk.MAX_NUMBER, 0));
    list(0, 1, 100, set(0, 1, 0xff)); // ends in the unary part
    list(0, 1, 100, set(6, 1, 0b1111_0000)); // ends in the low bits
    list(0, 1, 7, set(0, 1, 0b1111_1110)); // behind the list
    list(0, 1, 100, set(0, 1, 0, 0)); // a byte too many
    list(0, 1, 100, set(0, 1, 0b0000_0001)); // a bit too many
    list(0, 1, 100, Map.of(1, Arrays.asList(0, 1, "a")));
    list(0, 1, 100, Map.of(1, Arrays.asList(0, 1)));
    for (int s = 2; s < 4; s++) {
      list(0, 1, 100, Map.of(1, BundleMaker.set(3, 100, 5, 7, 90), s, BundleMaker.set(3, 100, 6, 90))); // an entry in two
    }
    list(1, 1, 100, Map.of(0, BundleMaker.set(3, 100, 5), 1, BundleMaker.set(3, 100, 5)));
  }

  /** Sets of every density come back as they went. */
  @Test
  void setsOfEveryDensity() {
    Random random = Testdata.random();
    for (int k = 0; k <= 24; k++) {
      int size = (int) Math.min(1 << 24, 200L << k);
      int[] places = random.ints(100, 0, size).sorted().distinct().toArray();
      GapSet.Walk walk = new GapSet(new CborWalk(BundleMaker.cbor(BundleMaker.set(k, size, places))), size).walk();
      for (int want : places) {
        assertEquals(want, walk.next());
      }
      assertEquals(GapSet.END, walk.next());
    }
  }

  /** Whatever byte is changed, nothing that was changed is believed; and whatever a signer writes is read within bounds or refused. */
  @Test
  void anyByte() {
    BundleMaker m = maker().trust("a.b.c", new byte[3]).revoked(World.NOW, 1, 2, 3).list("1", 0, 3, 100, new int[] {1, 3, 7, 99}, new int[] {2, 8}).list("2", 4, 5, 100);
    byte[] good = m.sign();
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 0x20;
      String code = assertThrows(RefusedException.class, () -> new Bundle(bad).verify(W.statusKey.publicKey())).code();
      assertTrue(code.equals("bundle-malformed") || code.equals("bundle-signature-invalid"), code);
    }
    Random random = Testdata.random();
    byte[] payload = BundleMaker.cbor(m.claims);
    byte[] header = BundleMaker.cbor(m.header);
    for (int i = 0; i < 20_000; i++) {
      byte[] bad = payload.clone();
      for (int n = random.nextInt(3); n >= 0; n--) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      }
      try {
        BundleState.NONE.apply(new Bundle(unsigned(header, bad)));
      } catch (RefusedException e) {
        assertTrue(Problems.codes().contains(e.code()), e.code());
      }
    }
  }

  /** For the form alone. */
  private static byte[] unsigned(byte[] header, byte[] payload) {
    byte[] rest = BundleMaker.cbor(Arrays.asList(header, raw(0xa0), payload, new byte[64]));
    byte[] out = new byte[rest.length + 1];
    out[0] = (byte) 0xd2;
    System.arraycopy(rest, 0, out, 1, rest.length);
    return out;
  }

  /** What is made of a bundle is in proportion to it, whatever it says of itself. */
  @Test
  void memoryIsBounded() {
    int room = Bundle.MAX_SIZE - 1000;
    ByteBuffer all = ByteBuffer.allocate(room / 8 * 8);
    while (all.hasRemaining()) {
      all.putLong(all.position());
    }
    int entries = 1 << 24;
    bounded(m -> m.serials(0, 1).hours.put(1, all.array()));
    bounded(m -> m.trust("x".repeat(room)));
    bounded(m -> m.trust("x", new byte[room]));
    bounded(m -> m.part("1", 0, 1, entries, Map.of(1, Arrays.asList(0, entries, new byte[entries / 8])))); // each of them
    bounded(m -> m.part("1", 0, 1, entries, Map.of(1, Arrays.asList(0, room * 8L, new byte[room])))); // more than there are
    bounded(m -> m.part("1", 0, 1, entries, Map.of(1, Arrays.asList(24, 1L, filled(room))))); // one gap for ever
    bounded(m -> m.claims.put(-65538, raw(0x82, 0x9a, 0xff, 0xff, 0xff, 0xff)));
    bounded(m -> m.claims.put(-65539, raw(0x83, 0, 0, 0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)));
    bounded(m -> m.claims.put(-65540, raw(0xba, 0x7f, 0xff, 0xff, 0xff)));
  }

  private static byte[] filled(int n) {
    byte[] b = new byte[n];
    Arrays.fill(b, (byte) 0xff);
    return b;
  }

  private static void bounded(Consumer<BundleMaker> bend) {
    BundleMaker m = maker();
    bend.accept(m);
    byte[] data = unsigned(BundleMaker.cbor(m.header), BundleMaker.cbor(m.claims));
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
    try {
      new Bundle(data);
    } catch (RefusedException e) {
      assertEquals("bundle-malformed", e.code());
    }
    long made = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
    assertTrue(made < 4L * data.length + (1 << 20), made + " bytes of " + data.length);
  }

  @Test
  void aSequence() {
    byte[] one = maker().sign();
    byte[] two = Arrays.copyOf(one, 2 * one.length);
    System.arraycopy(one, 0, two, one.length, one.length);
    List<byte[]> split = Bundle.split(two);
    assertEquals(2, split.size());
    assertArrayEquals(one, split.get(1));
    assertTrue(Bundle.split(new byte[0]).isEmpty());
    assertThrows(RefusedException.class, () -> Bundle.split(Arrays.copyOf(two, two.length - 1)));
  }
}
