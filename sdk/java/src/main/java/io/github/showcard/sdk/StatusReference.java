package io.github.showcard.sdk;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;

/** Where a certificate's status stands. */
public final class StatusReference {
  static final int MAX_URI = 2048;

  private final long index; // -1: beyond any list
  private final String uri;

  /**
   * Makes one.
   *
   * @param index place in the list
   * @param uri of the list
   */
  public StatusReference(long index, String uri) {
    this.index = index;
    this.uri = uri;
  }

  /** Reads the value of a "status" claim. */
  static StatusReference of(Json claim) throws SyntaxException {
    Json list = claim.get("status_list");
    Json idx = list == null ? null : list.get("idx");
    String uri = list == null ? null : list.textOf("uri");
    if (idx == null || idx.number() == null || !idx.number().matches("[0-9]+") || claim.depth() > 8) {
      throw new SyntaxException("no idx, or it has the wrong type");
    }
    if (uri == null || uri.isEmpty() || uri.getBytes(StandardCharsets.UTF_8).length > MAX_URI) {
      throw new SyntaxException("no uri, or it has the wrong type");
    }
    // 2^64 and more is no index at all; what is less is held against the list later.
    if (idx.number().length() > 20 || new BigInteger(idx.number()).bitLength() > 64) {
      throw new SyntaxException("idx out of range");
    }
    Long n = idx.integer();
    return new StatusReference(n == null ? -1 : n, uri);
  }

  /** Place in the list; negative when no list is so long. */
  public long index() {
    return index;
  }

  /** Where the list stands. */
  public String uri() {
    return uri;
  }
}
