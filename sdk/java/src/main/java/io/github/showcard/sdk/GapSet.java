package io.github.showcard.sdk;

/**
 * Places of a status list, ascending, as the gaps between them in Golomb-Rice code (docs/formats.md §12): the gap divided by 2^k in
 * unary, as ones and a zero, then the k low bits. It stays packed; a walk unpacks one place after the other.
 */
final class GapSet {
  static final int END = -1;
  private static final int MAX_SHIFT = 24; // no gap of a list is longer

  private final int shift;
  private final long count;
  private final CborWalk bits;
  private final long size;

  /**
   * Reads the three parts. The places are looked at by who walks.
   *
   * @param size of the list
   */
  GapSet(CborWalk in, long size) {
    in.array(3);
    shift = (int) in.number(MAX_SHIFT);
    count = in.number(CborWalk.MAX_NUMBER);
    bits = in.bytes();
    this.size = size;
    // Each takes a bit of unary and its low bits at least, so the data bounds their number.
    if (count == 0 || count > bits.size() * 8L / (shift + 1)) {
      throw CborWalk.malformed("a set of " + count + " entries in " + bits.size() + " bytes");
    }
  }

  Walk walk() {
    return new Walk();
  }

  /** One pass over the places. */
  final class Walk {
    private final long total = bits.size() * 8L;
    private long at; // bit
    private long left = count;
    private long least; // place of the next gap's end at the earliest

    private int bit() {
      if (at == total) {
        throw CborWalk.malformed("a set ends too early");
      }
      int b = bits.get((int) (at >> 3)) >> 7 - (int) (at & 7) & 1;
      at++;
      return b;
    }

    /** The next place, or {@link #END} after the last, when nothing but zeros fill its byte. */
    int next() {
      if (left == 0) {
        end();
        return END;
      }
      left--;
      long gap = 0;
      while (bit() == 1) {
        gap++;
      }
      for (int i = 0; i < shift; i++) {
        gap = gap << 1 | bit();
      }
      long place = least + gap;
      if (place >= size) {
        throw CborWalk.malformed("an entry behind the end of the list");
      }
      least = place + 1;
      return (int) place;
    }

    private void end() {
      if (total - at >= 8) {
        throw CborWalk.malformed("bytes behind a set");
      }
      while (at < total) {
        if (bit() == 1) {
          throw CborWalk.malformed("bits behind a set");
        }
      }
    }
  }
}
