package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes bundles as a deployment does, and as it must not: tests bend header and claims. */
final class BundleMaker {
  /** CBOR as it stands. */
  static final class Raw {
    final byte[] data;

    Raw(int... data) {
      this.data = bytes(data);
    }
  }

  final Map<Object, Object> header = new LinkedHashMap<>();
  final Map<Object, Object> claims = new LinkedHashMap<>();
  final Map<Object, Object> hours = new LinkedHashMap<>();
  final Map<Object, Object> lists = new LinkedHashMap<>();
  private final ClientKey signer;

  /** Knows nothing of serials and lists. */
  BundleMaker(World w, Instant iat) {
    this(w.statusKey, World.BASE, iat);
  }

  BundleMaker(ClientKey signer, String base, Instant iat) {
    this.signer = signer;
    header.put(1, signer.publicKey().algorithm().coseNumber());
    header.put(4, signer.publicKey().id().getBytes(StandardCharsets.UTF_8));
    header.put(16, Bundle.TYPE);
    claims.put(1, base);
    claims.put(6, iat.getEpochSecond());
    serials(0, 0);
  }

  static byte[] bytes(int... data) {
    byte[] out = new byte[data.length];
    for (int i = 0; i < data.length; i++) {
      out[i] = (byte) data[i];
    }
    return out;
  }

  BundleMaker trust(String list, byte[]... roots) {
    claims.put(-65538, Arrays.asList(Arrays.asList((Object[]) roots), list));
    return this;
  }

  BundleMaker serials(long from, long head) {
    claims.put(-65539, Arrays.asList(from, head, hours));
    return this;
  }

  /** Revokes serials, in ascending order. */
  BundleMaker revoked(Instant end, long... serials) {
    ByteBuffer all = ByteBuffer.allocate(8 * serials.length);
    for (long one : serials) {
      all.putLong(one);
    }
    hours.put((end.getEpochSecond() + 3599) / 3600, all.array());
    return this;
  }

  /** Adds a list; sets are given as status, place, place… */
  BundleMaker list(String name, long from, long seq, int size, int[]... sets) {
    Map<Object, Object> all = new LinkedHashMap<>();
    for (int[] set : sets) {
      all.put(set[0], set(5, size, Arrays.copyOfRange(set, 1, set.length)));
    }
    return part(name, from, seq, size, all);
  }

  BundleMaker part(String name, Object... parts) {
    lists.put(name, Arrays.asList(parts));
    claims.put(-65540, lists);
    return this;
  }

  static List<Object> set(int k, int size, int... places) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    StringBuilder bits = new StringBuilder();
    int next = 0;
    for (int at : places) {
      int gap = at - next;
      bits.append("1".repeat(gap >> k)).append('0');
      for (int i = k - 1; i >= 0; i--) {
        bits.append(gap >> i & 1);
      }
      next = at + 1;
    }
    while (bits.length() % 8 != 0) {
      bits.append('0');
    }
    for (int i = 0; i < bits.length(); i += 8) {
      out.write(Integer.parseInt(bits.substring(i, i + 8), 2));
    }
    return Arrays.asList(k, places.length, out.toByteArray());
  }

  byte[] sign() {
    return sign(cbor(claims));
  }

  byte[] sign(byte[] payload) {
    return sign(cbor(header), payload, new Raw(0xa0));
  }

  byte[] sign(byte[] open, byte[] payload, Object unsigned) {
    byte[] signature = signer.sign(CoseSign1.toBeSigned(open, payload));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(0xd2);
    out.writeBytes(cbor(Arrays.asList(open, unsigned, payload, signature)));
    return out.toByteArray();
  }

  static byte[] cbor(Object o) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    write(out, o);
    return out.toByteArray();
  }

  private static void write(ByteArrayOutputStream out, Object o) {
    if (o instanceof Raw) {
      out.writeBytes(((Raw) o).data);
    } else if (o instanceof Number) {
      long n = ((Number) o).longValue();
      head(out, n < 0 ? Cbor.NEGATIVE : Cbor.UNSIGNED, n < 0 ? -1 - n : n);
    } else if (o instanceof String) {
      byte[] text = ((String) o).getBytes(StandardCharsets.UTF_8);
      head(out, Cbor.TEXT, text.length);
      out.writeBytes(text);
    } else if (o instanceof byte[]) {
      out.writeBytes(Cbor.bytes((byte[]) o));
    } else if (o instanceof List) {
      head(out, Cbor.ARRAY, ((List<?>) o).size());
      ((List<?>) o).forEach(one -> write(out, one));
    } else {
      List<byte[][]> pairs = new ArrayList<>();
      ((Map<?, ?>) o).forEach((k, v) -> pairs.add(new byte[][] {cbor(k), cbor(v)}));
      pairs.sort((a, b) -> Arrays.compareUnsigned(a[0], b[0]));
      head(out, Cbor.MAP, pairs.size());
      pairs.forEach(pair -> Arrays.stream(pair).forEach(out::writeBytes));
    }
  }

  private static void head(ByteArrayOutputStream out, int major, long n) {
    int size = n < 24 ? 0 : n < 1 << 8 ? 1 : n < 1 << 16 ? 2 : n < 1L << 32 ? 4 : 8;
    out.write(major << 5 | (size == 0 ? (int) n : 24 + Integer.numberOfTrailingZeros(size)));
    for (int i = size - 1; i >= 0; i--) {
      out.write((int) (n >> 8 * i));
    }
  }
}
