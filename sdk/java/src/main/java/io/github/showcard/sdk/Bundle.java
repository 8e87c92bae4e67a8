package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * One bundle for offline checkers (docs/formats.md §12): its form was checked to the last entry, and nothing of it is trusted before
 * {@link #verify}. {@link Bundles} takes it over.
 */
final class Bundle {
  /** Where bundles come from, and what they call themselves. */
  static final String TYPE = "application/showcard-bundle+cbor";

  static final int MAX_SIZE = 4 << 20;
  private static final int MAX_LISTS = 1 << 12;
  private static final int MAX_LIST_SIZE = 1 << 24;
  private static final int MAX_ROOTS = 128;
  private static final int MAX_ISSUER = 2048;
  private static final int MAX_NAME = 64;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]+");
  private static final int MAX_HOURS = 1 << 12;
  private static final long LAST_HOUR = Dates.MAX / 3600 - 1; // its end is a date still
  private static final int SERIAL = 8;

  private static final long TAG_SIGN1 = 18;
  private static final long ALGORITHM = 1;
  private static final long KEY_ID = 4;
  private static final long TYPE_LABEL = 16;
  private static final long ISSUER = 1;
  private static final long ISSUED_AT = 6;
  private static final long TRUST = -65538;
  private static final long SERIALS = -65539;
  private static final long LISTS = -65540;

  /** A status list: whole, or what entries have become since. */
  static final class Part {
    /** 0: whole. */
    final long from;

    final long seq;
    final int size;
    /** By status; null where nothing is said. */
    final GapSet[] sets = new GapSet[4];

    private Part(CborWalk in) {
      in.array(4);
      from = in.number(CborWalk.MAX_NUMBER);
      seq = in.number(CborWalk.MAX_NUMBER);
      size = (int) in.number(MAX_LIST_SIZE);
      if (from > seq || size == 0) {
        throw CborWalk.malformed("numbers of a list");
      }
      int least = from == 0 ? 1 : 0; // a whole list has no set for what is valid: everything else is
      for (int n = in.map(); n > 0; n--) {
        int status = (int) in.number(sets.length - 1);
        if (status < least) {
          throw CborWalk.malformed("a set out of order, or of valid entries in a whole list");
        }
        least = status + 1;
        sets[status] = new GapSet(in, size);
      }
      disjoint();
    }

    /** Walks through all sets at once, to their ends: no place is in two. */
    private void disjoint() {
      GapSet.Walk[] walks = new GapSet.Walk[sets.length];
      int[] places = new int[sets.length];
      Arrays.fill(places, GapSet.END);
      for (int s = 0; s < sets.length; s++) {
        if (sets[s] != null) {
          walks[s] = sets[s].walk();
          places[s] = walks[s].next();
        }
      }
      for (int last = GapSet.END; ; ) {
        int first = -1;
        for (int s = 0; s < places.length; s++) {
          if (places[s] != GapSet.END && (first < 0 || places[s] < places[first])) {
            first = s;
          }
        }
        if (first < 0) {
          return;
        }
        if (places[first] == last) {
          throw CborWalk.malformed("an entry in two sets");
        }
        last = places[first];
        places[first] = walks[first].next();
      }
    }
  }

  final byte[] data;
  final String keyId;
  final String issuer;
  final Instant issuedAt;
  /** Root sets, each after the one before. */
  final List<byte[]> roots = new ArrayList<>();
  /** The trust list; null: it has none. */
  final String trustList;
  /** 0: the serials are all that were revoked and have not ended. */
  final long serialsFrom;

  final long serialsHead;
  /** By the hour since 1970 in which the last of them ends: ascending, as {@link CborWalk#eight} reads them. */
  final NavigableMap<Long, long[]> serials = new TreeMap<>();
  /** By name. */
  final Map<String, Part> lists = new HashMap<>();

  private final long algorithm;
  private final CborWalk header;
  private final CborWalk claims;
  private final byte[] signature;

  /**
   * Reads a bundle.
   *
   * @throws RefusedException {@code bundle-malformed}
   */
  Bundle(byte[] data) {
    if (data.length > MAX_SIZE) {
      throw CborWalk.malformed(data.length + " bytes");
    }
    this.data = data;
    CborWalk in = new CborWalk(data);
    in.tag(TAG_SIGN1);
    in.array(4);
    header = in.bytes();
    fields(in, 0); // nothing that is not signed
    claims = in.bytes();
    signature = in.bytes().copy();
    in.end();

    CborWalk h = header.again();
    fields(h, 3);
    h.expect(ALGORITHM);
    algorithm = h.integer();
    h.expect(KEY_ID);
    keyId = new String(h.bytes().copy(), StandardCharsets.UTF_8); // a hint
    h.expect(TYPE_LABEL);
    if (!h.text(TYPE.length()).equals(TYPE)) {
      throw CborWalk.malformed("typ");
    }
    h.end();

    CborWalk c = claims.again();
    int members = c.map();
    c.expect(ISSUER);
    issuer = c.text(MAX_ISSUER);
    c.expect(ISSUED_AT);
    issuedAt = Instant.ofEpochSecond(c.number((LAST_HOUR + 1) * 3600 - 1));
    boolean trust = c.key(TRUST);
    trustList = trust ? trust(c) : null;
    c.expect(SERIALS);
    c.array(3);
    serialsFrom = c.number(CborWalk.MAX_NUMBER);
    serialsHead = c.number(CborWalk.MAX_NUMBER);
    serials(c);
    boolean listed = c.key(LISTS);
    if (listed) {
      lists(c);
    }
    c.end();
    if (issuer.isEmpty() || serialsFrom > serialsHead || members != 3 + (trust ? 1 : 0) + (listed ? 1 : 0)) {
      throw CborWalk.malformed("iss, numbers of serials, or a claim that the format does not have");
    }
  }

  private static void fields(CborWalk in, int count) {
    if (in.map() != count) {
      throw CborWalk.malformed("members that the format does not have, or lacks");
    }
  }

  private String trust(CborWalk c) {
    c.array(2);
    int n = c.array();
    if (n > MAX_ROOTS) {
      throw CborWalk.malformed("too many roots");
    }
    for (int i = 0; i < n; i++) {
      roots.add(c.bytes().copy());
    }
    String list = c.text(MAX_SIZE);
    if (list.isEmpty()) {
      throw CborWalk.malformed("trust without a list");
    }
    return list;
  }

  private void serials(CborWalk c) {
    int hours = c.map();
    if (hours > MAX_HOURS) {
      throw CborWalk.malformed("too many hours");
    }
    int count = 0;
    long before = -1;
    for (int i = 0; i < hours; i++) {
      long hour = c.number(LAST_HOUR);
      CborWalk all = c.bytes();
      if (hour <= before || all.size() == 0 || all.size() % SERIAL != 0) {
        throw CborWalk.malformed("serials of an hour");
      }
      before = hour;
      long[] ended = new long[all.size() / SERIAL];
      for (int n = 0; n < ended.length; n++) {
        ended[n] = all.eight(n * SERIAL);
        if (n > 0 && ended[n] <= ended[n - 1]) {
          throw CborWalk.malformed("serials are out of order");
        }
      }
      serials.put(hour, ended);
      count += ended.length;
    }
    if (hours > 1) {
      once(count);
    }
  }

  /** No serial ends in two hours. */
  private void once(int count) {
    long[] all = new long[count];
    int at = 0;
    for (long[] hour : serials.values()) {
      System.arraycopy(hour, 0, all, at, hour.length);
      at += hour.length;
    }
    Arrays.sort(all);
    for (int i = 1; i < count; i++) {
      if (all[i] == all[i - 1]) {
        throw CborWalk.malformed("a serial twice");
      }
    }
  }

  private void lists(CborWalk c) {
    int n = c.map();
    if (n == 0 || n > MAX_LISTS) {
      throw CborWalk.malformed("number of lists");
    }
    String before = "";
    for (int i = 0; i < n; i++) {
      String name = c.text(MAX_NAME);
      // The order of deterministic CBOR: the length stands in front.
      boolean after = name.length() == before.length() ? name.compareTo(before) > 0 : name.length() > before.length();
      if (!after || !NAME.matcher(name).matches()) {
        throw CborWalk.malformed("names of lists");
      }
      before = name;
      lists.put(name, new Part(c));
    }
  }

  /**
   * Checks the signature. The key decides the algorithm.
   *
   * @param key that the trust list gives for the name of the signer
   * @throws RefusedException {@code bundle-signature-invalid}
   */
  void verify(EcKey key) {
    byte[] signed = CoseSign1.toBeSigned(header.copy(), claims.copy());
    if (algorithm != key.algorithm().coseNumber() || !key.verifies(signed, signature)) {
      throw new RefusedException("bundle-signature-invalid", "");
    }
  }

  /** Whether it says everything, and continues nothing. */
  boolean whole() {
    return trustList != null && serialsFrom == 0 && lists.values().stream().allMatch(l -> l.from == 0);
  }

  /** Bundles that stand one behind the other, as they are kept in a file: each as its own bytes. */
  static List<byte[]> split(byte[] sequence) {
    List<byte[]> all = new ArrayList<>();
    CborWalk in = new CborWalk(sequence);
    while (in.more()) {
      int from = in.at();
      in.tag(TAG_SIGN1);
      in.array(4);
      in.bytes();
      fields(in, 0);
      in.bytes();
      in.bytes();
      all.add(Arrays.copyOfRange(sequence, from, in.at()));
    }
    return all;
  }
}
