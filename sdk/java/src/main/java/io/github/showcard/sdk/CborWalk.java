package io.github.showcard.sdk;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Walks over deterministic CBOR (RFC 8949 §4.2.1) whose shape is known beforehand, and makes nothing of what it passes: a bundle of
 * megabytes says of itself how much there is, so nothing is allocated on its word. Whatever is not as expected is
 * {@code bundle-malformed}. {@link Cbor} reads what is small and has a code for each fault.
 */
final class CborWalk {
  /** What the numbers of every language hold exactly. */
  static final long MAX_NUMBER = (1L << 53) - 1;

  private final byte[] in;
  private final int end;
  private int at;

  CborWalk(byte[] in) {
    this(in, 0, in.length);
  }

  private CborWalk(byte[] in, int from, int end) {
    this.in = in;
    this.at = from;
    this.end = end;
  }

  static RefusedException malformed(String detail) {
    return new RefusedException("bundle-malformed", detail);
  }

  /** Reads a head and gives its argument, at most 2^63 − 1. */
  private long head(int major) {
    if (at == end || (in[at] & 0xff) >> 5 != major) {
      throw malformed("an item is missing, or is of another kind");
    }
    int info = in[at++] & 31;
    if (info < 24) {
      return info;
    }
    if (info > 27) {
      throw malformed("an indefinite or reserved length");
    }
    int size = 1 << info - 24;
    if (end - at < size) {
      throw malformed("ends too early");
    }
    long n = 0;
    for (int i = 0; i < size; i++) {
      n = n << 8 | in[at++] & 0xff;
    }
    long least = size == 1 ? 24 : 1L << 8 * (size / 2);
    if (n < least) { // or beyond 63 bits
      throw malformed("a number that is not in its shortest form, or too large");
    }
    return n;
  }

  /** Whether there is something left. */
  boolean more() {
    return at < end;
  }

  /** Nothing may be left. */
  void end() {
    if (at < end) {
      throw malformed("something follows");
    }
  }

  /** Another walk over what is left. */
  CborWalk again() {
    return new CborWalk(in, at, end);
  }

  /** How far the walk has come, in the whole input. */
  int at() {
    return at;
  }

  void tag(long number) {
    if (head(Cbor.TAG) != number) {
      throw malformed("another tag");
    }
  }

  void array(int members) {
    if (head(Cbor.ARRAY) != members) {
      throw malformed("an array of another length");
    }
  }

  /** How many members an array has: no more than there are bytes. */
  int array() {
    return counted(head(Cbor.ARRAY), 1);
  }

  /** How many pairs a map has. */
  int map() {
    return counted(head(Cbor.MAP), 2);
  }

  private int counted(long n, int each) {
    if (n > (end - at) / each) {
      throw malformed("more members than data");
    }
    return (int) n;
  }

  /** A number of 0 and up. */
  long number(long most) {
    long n = head(Cbor.UNSIGNED);
    if (n > most) {
      throw malformed("a number beyond " + most);
    }
    return n;
  }

  /** A number of either sign. */
  long integer() {
    return at < end && (in[at] & 0xff) >> 5 == Cbor.NEGATIVE ? -1 - head(Cbor.NEGATIVE) : head(Cbor.UNSIGNED);
  }

  /** Steps over a key of a map if it is this one. In the order of the keys, so each is found where it must stand. */
  boolean key(long label) {
    int before = at;
    if (at < end && (in[at] & 0xff) >> 5 <= Cbor.NEGATIVE && integer() == label) {
      return true;
    }
    at = before;
    return false;
  }

  void expect(long label) {
    if (!key(label)) {
      throw malformed("no label " + label + ", or one before it");
    }
  }

  /** A byte string, to be walked over in turn. */
  CborWalk bytes() {
    int n = counted(head(Cbor.BYTES), 1);
    at += n;
    return new CborWalk(in, at - n, at);
  }

  String text(int most) {
    int n = counted(head(Cbor.TEXT), 1);
    if (n > most) {
      throw malformed("a text of more than " + most + " bytes");
    }
    at += n;
    boolean ascii = true;
    for (int i = at - n; i < at; i++) {
      ascii &= in[i] >= 0;
    }
    if (ascii) { // a trust list may have megabytes
      return new String(in, at - n, n, StandardCharsets.US_ASCII);
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in, at - n, n)).toString(); // reports what is malformed
    } catch (CharacterCodingException e) {
      throw malformed("text that is not UTF-8");
    }
  }

  /** How many bytes are left. */
  int size() {
    return end - at;
  }

  /** A byte that is left. */
  int get(int offset) {
    return in[at + offset] & 0xff;
  }

  /** Eight bytes that are left, as a number that sorts as they do. */
  long eight(int offset) {
    long n = 0;
    for (int i = 0; i < 8; i++) {
      n = n << 8 | get(offset + i);
    }
    return n ^ Long.MIN_VALUE;
  }

  /** All that is left. */
  byte[] copy() {
    return Arrays.copyOfRange(in, at, end);
  }
}
