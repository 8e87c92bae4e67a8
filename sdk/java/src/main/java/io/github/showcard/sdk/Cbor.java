package io.github.showcard.sdk;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * One item of CBOR, deterministic (RFC 8949 §4.2.1) and nothing else: definite lengths, shortest heads, keys in ascending order and
 * once, eight levels, no item that an offline code has no use for. Each fault has a code of its own.
 */
final class Cbor {
  static final int UNSIGNED = 0;
  static final int NEGATIVE = 1;
  static final int BYTES = 2;
  static final int TEXT = 3;
  static final int ARRAY = 4;
  static final int MAP = 5;
  static final int TAG = 6;
  static final int SIMPLE = 7;

  static final int FALSE = 20;
  static final int TRUE = 21;
  static final int NULL = 22;

  private static final int MAX_DEPTH = 8;
  private static final int TAG_SIGN1 = 18;

  final int major;
  /** Integers; the number of a simple value. */
  final long n;
  /** Strings. */
  final byte[] data;
  /** Arrays; maps as key, value, key, value; the content of a tag. */
  final List<Cbor> items;
  /** The whole item as it stands in the input. */
  final byte[] raw;

  private Cbor(int major, long n, byte[] data, List<Cbor> items, byte[] raw) {
    this.major = major;
    this.n = n;
    this.data = data;
    this.items = items;
    this.raw = raw;
  }

  /** Reads one item and nothing after it. */
  static Cbor read(byte[] input) {
    Reader r = new Reader(input);
    Cbor c = r.item(0);
    if (r.at != input.length) {
      throw refused("offline-cbor-length", "bytes behind the end");
    }
    return c;
  }

  static RefusedException refused(String code, String detail) {
    return new RefusedException(code, detail);
  }

  private static final class Reader {
    private final byte[] in;
    private int at;
    private int major;
    private long n; // unsigned

    Reader(byte[] in) {
      this.in = in;
    }

    private RefusedException early() {
      return refused("offline-cbor-length", "ends too early");
    }

    /** Reads the first byte of an item and the argument behind it. */
    private void head() {
      if (at == in.length) {
        throw early();
      }
      major = (in[at] & 0xff) >> 5;
      int info = in[at++] & 31;
      if (info < 24) {
        n = info;
        return;
      }
      if (info == 31 && major != UNSIGNED && major != NEGATIVE && major != TAG) {
        // Also a break: it ends an indefinite length, which never began.
        throw refused("offline-cbor-indefinite", "");
      }
      if (info > 27 || major == SIMPLE) {
        throw refused("offline-cbor-item", "a reserved head, a float, or a simple value of two bytes");
      }
      int size = 1 << info - 24;
      if (in.length - at < size) {
        throw early();
      }
      n = new BigInteger(1, Arrays.copyOfRange(in, at, at + size)).longValue();
      at += size;
      long least = size == 1 ? 24 : 1L << 8 * (size / 2);
      if (Long.compareUnsigned(n, least) < 0) {
        throw refused("offline-cbor-spelling", "a number is not in its shortest form");
      }
    }

    private Cbor item(int depth) {
      int from = at;
      head();
      switch (major) {
        case UNSIGNED:
        case NEGATIVE:
          if (n < 0) {
            throw refused("offline-cbor-item", "an integer of more than 63 bits");
          }
          return new Cbor(major, major == NEGATIVE ? -1 - n : n, null, null, slice(from));
        case BYTES:
        case TEXT:
          return string(from);
        case SIMPLE:
          if (n != FALSE && n != TRUE && n != NULL) {
            throw refused("offline-cbor-item", "a simple value");
          }
          return new Cbor(major, n, null, null, slice(from));
        default:
          return compound(from, depth);
      }
    }

    private byte[] slice(int from) {
      return Arrays.copyOfRange(in, from, at);
    }

    private Cbor string(int from) {
      if (Long.compareUnsigned(n, in.length - at) > 0) {
        throw refused("offline-cbor-length", "a string longer than the data");
      }
      int kind = major;
      byte[] data = Arrays.copyOfRange(in, at, at + (int) n);
      at += (int) n;
      if (kind == TEXT) {
        utf8(data);
      }
      return new Cbor(kind, 0, data, null, slice(from));
    }

    private Cbor compound(int from, int depth) {
      if (depth == MAX_DEPTH) {
        throw refused("offline-cbor-nesting", "");
      }
      int kind = major;
      if (kind == TAG && n != TAG_SIGN1) {
        throw refused("offline-cbor-item", "a tag");
      }
      // Every item has a byte at least. Compared before anything is multiplied or allocated.
      if (kind != TAG && Long.compareUnsigned(n, in.length - at) > 0) {
        throw refused("offline-cbor-length", "more members than data");
      }
      long count = kind == TAG ? 1 : kind == MAP ? 2 * n : n;
      List<Cbor> items = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        Cbor member = item(depth + 1);
        if (kind == MAP && i % 2 == 0 && i > 0) {
          int order = Arrays.compareUnsigned(items.get(i - 2).raw, member.raw);
          if (order == 0) {
            throw refused("offline-cbor-duplicate", "");
          }
          if (order > 0) {
            throw refused("offline-cbor-spelling", "keys are out of order");
          }
        }
        items.add(member);
      }
      return new Cbor(kind, 0, null, Collections.unmodifiableList(items), slice(from));
    }
  }

  private static String utf8(byte[] data) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString(); // reports what is malformed
    } catch (CharacterCodingException e) {
      throw refused("offline-cbor-item", "text that is not UTF-8");
    }
  }

  boolean isInt() {
    return major == UNSIGNED || major == NEGATIVE;
  }

  /** The value of an integer key of a map, or null. */
  Cbor get(long label) {
    for (int i = 0; major == MAP && i < items.size(); i += 2) {
      if (items.get(i).isInt() && items.get(i).n == label) {
        return items.get(i + 1);
      }
    }
    return null;
  }

  /** Whether a map has these integer keys and no other. */
  boolean exactly(long... labels) {
    boolean all = major == MAP && items.size() == 2 * labels.length;
    for (int i = 0; all && i < labels.length; i++) {
      all = get(labels[i]) != null;
    }
    return all;
  }

  /** A text string, or null when this is none. */
  String utf8Text() {
    return major == TEXT ? utf8(data) : null;
  }

  /**
   * Text of a value: UTF-8 as a text string, or UTF-16 as a byte string, whichever is shorter, and UTF-8 when they are as long. The
   * other spelling is refused.
   */
  String text() {
    if (major == TEXT) {
      String s = utf8(data);
      if (2 * s.length() < data.length) {
        throw refused("offline-cbor-spelling", "text that is shorter in UTF-16");
      }
      return s;
    }
    if (major != BYTES || data.length % 2 != 0) {
      throw refused("offline-malformed", "a value that is not text");
    }
    // By hand: the decoder of the library has opinions about U+FFFE.
    char[] units = new char[data.length / 2];
    for (int i = 0; i < units.length; i++) {
      units[i] = (char) ((data[2 * i] & 0xff) << 8 | data[2 * i + 1] & 0xff);
    }
    String s = new String(units);
    for (int i = 0; i < units.length; i++) {
      if (Character.isSurrogate(units[i])) {
        if (i + 1 == units.length || !Character.isSurrogatePair(units[i], units[i + 1])) {
          throw refused("offline-malformed", "half a surrogate pair");
        }
        i++;
      }
    }
    if (s.getBytes(StandardCharsets.UTF_8).length <= data.length) {
      throw refused("offline-cbor-spelling", "text that is no longer in UTF-8");
    }
    return s;
  }

  /** A byte string with its head, as it is signed over. */
  static byte[] bytes(byte[] data) {
    int n = data.length;
    int size = n < 24 ? 0 : n < 1 << 8 ? 1 : n < 1 << 16 ? 2 : 4;
    byte[] out = new byte[1 + size + n];
    out[0] = (byte) (0x40 | (size == 0 ? n : size == 1 ? 24 : size == 2 ? 25 : 26));
    for (int i = 0; i < size; i++) {
      out[1 + i] = (byte) (n >> 8 * (size - 1 - i));
    }
    System.arraycopy(data, 0, out, 1 + size, n);
    return out;
  }
}
