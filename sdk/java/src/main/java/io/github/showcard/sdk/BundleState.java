package io.github.showcard.sdk;

import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;

/**
 * What an offline checker knows from the bundles it has taken over: revoked serials and status lists. It does not change;
 * {@link #apply} gives the next one, which shares with it what stayed the same.
 */
final class BundleState {
  /** Nothing is known. */
  static final BundleState NONE = new BundleState(null, 0, Collections.emptyNavigableMap(), Collections.emptyMap());

  /** What all lists may have together: 64 MB of two bits each. */
  static final long MAX_ENTRIES = 1L << 28;

  /** A revoked serial is known an hour beyond its end: clocks differ. */
  private static final long FORGET_AFTER = 3600;

  private static final class Known {
    private final long seq;
    private final int size;
    private final Instant asOf;
    private final byte[] packed; // two bits each, from the low end

    private Known(Bundle.Part l, Instant asOf, byte[] packed) {
      this.seq = l.seq;
      this.size = l.size;
      this.asOf = asOf;
      this.packed = packed;
    }
  }

  /** As of the newest bundle; null: there is none. */
  final Instant asOf;

  /** How far the serials go. */
  final long head;

  private final NavigableMap<Long, long[]> serials; // by hour, sorted
  private final Map<String, Known> lists;

  private BundleState(Instant asOf, long head, NavigableMap<Long, long[]> serials, Map<String, Known> lists) {
    this.asOf = asOf;
    this.head = head;
    this.serials = serials;
    this.lists = lists;
  }

  private static RefusedException refused(String code, String detail) {
    return new RefusedException(code, detail);
  }

  /**
   * Takes a verified bundle over.
   *
   * @throws RefusedException {@code bundle-rolled-back}, {@code bundle-gap} or {@code bundle-too-large}
   */
  BundleState apply(Bundle b) {
    continues(b);
    NavigableMap<Long, long[]> revoked = new TreeMap<>();
    if (b.serialsFrom > 0) {
      revoked.putAll(serials);
    }
    b.serials.forEach((hour, some) -> revoked.merge(hour, some, BundleState::union));
    revoked.keySet().removeIf(hour -> b.issuedAt.getEpochSecond() >= hour * 3600 + FORGET_AFTER);
    Map<String, Known> next = new HashMap<>(lists);
    b.lists.forEach((name, l) -> next.put(name, new Known(l, b.issuedAt, packed(name, l))));
    return new BundleState(b.issuedAt, b.serialsHead, revoked, next);
  }

  /** Everything that can be wrong is found before anything is made. */
  private void continues(Bundle b) {
    if (asOf != null && b.issuedAt.isBefore(asOf)) {
      throw refused("bundle-rolled-back", "of " + b.issuedAt + ", known is " + asOf);
    }
    boolean older = b.serialsHead < head;
    boolean gap = b.serialsFrom > head;
    long entries = 0;
    for (Map.Entry<String, Bundle.Part> e : b.lists.entrySet()) {
      Bundle.Part l = e.getValue();
      Known k = lists.get(e.getKey());
      older |= k != null && l.seq < k.seq;
      gap |= l.from > 0 && (k == null || l.from > k.seq || l.size != k.size);
      entries += l.size;
    }
    for (Map.Entry<String, Known> e : lists.entrySet()) {
      entries += b.lists.containsKey(e.getKey()) ? 0 : e.getValue().size;
    }
    if (older) {
      throw refused("bundle-rolled-back", "serials or a list had come further");
    }
    if (gap) {
      throw refused("bundle-gap", "serials or a list begin behind what is known");
    }
    if (entries > MAX_ENTRIES) {
      throw refused("bundle-too-large", "lists of " + entries + " entries");
    }
  }

  private byte[] packed(String name, Bundle.Part l) {
    byte[] p = l.from == 0 ? new byte[(l.size + 3) / 4] : lists.get(name).packed;
    if (l.from > 0 && Arrays.stream(l.sets).anyMatch(Objects::nonNull)) { // most lists stay as they were
      p = p.clone();
    }
    for (int status = 0; status < l.sets.length; status++) {
      if (l.sets[status] == null) {
        continue;
      }
      GapSet.Walk walk = l.sets[status].walk();
      for (int at = walk.next(); at != GapSet.END; at = walk.next()) {
        int shift = 2 * (at & 3);
        p[at >> 2] = (byte) (p[at >> 2] & ~(3 << shift) | status << shift);
      }
    }
    return p;
  }

  /** Both, sorted, each once. */
  private static long[] union(long[] a, long[] b) {
    long[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return Arrays.stream(all).sorted().distinct().toArray();
  }

  /** Whether a serial is among the revoked, in the spelling of {@link OfflineToken#serial()}. */
  boolean revoked(String serial) {
    long sought = Long.parseUnsignedLong(serial, 16) ^ Long.MIN_VALUE;
    return serials.values().stream().anyMatch(some -> Arrays.binarySearch(some, sought) >= 0);
  }

  /** How many serials are known. */
  int serials() {
    return serials.values().stream().mapToInt(some -> some.length).sum();
  }

  /** How far each list is known. */
  Map<String, Long> lists() {
    Map<String, Long> out = new TreeMap<>();
    lists.forEach((name, k) -> out.put(name, k.seq));
    return out;
  }

  /** Whether a bundle has all lists that are known. */
  boolean allIn(Bundle b) {
    return b.lists.keySet().containsAll(lists.keySet());
  }

  /** As of when a list is known, or null when it is not. */
  Instant asOf(String list) {
    Known k = lists.get(list);
    return k == null ? null : k.asOf;
  }

  /**
   * An entry of a list that is known.
   *
   * @throws RefusedException {@code status-index-out-of-range}
   */
  Status status(String list, long index) {
    Known k = lists.get(list);
    if (index < 0 || index >= k.size) {
      throw refused("status-index-out-of-range", "past the end of the list");
    }
    return Status.of(k.packed[(int) (index >> 2)] >> 2 * (index & 3) & 3);
  }
}
