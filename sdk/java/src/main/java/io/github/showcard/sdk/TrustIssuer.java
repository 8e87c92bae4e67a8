package io.github.showcard.sdk;

import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/** An issuing authority. */
public final class TrustIssuer {
  private static final Pattern AUTHORITY = Pattern.compile("[0-9A-Z]{6,18}");

  final String id;
  private final String authority;
  private final Text name;
  private final String domain;
  private final List<String> types;
  private final List<String> regions;
  final List<DatedKey> keys;
  private final Instant notBefore;
  private final Instant notAfter;
  private final boolean frozen;

  TrustIssuer(TrustReader r, Json in) {
    id = TrustReader.url(TrustReader.text(in, "id"), "issuer");
    r.once("issuer", id);
    authority = TrustReader.text(in, "authority");
    name = r.name(in, "issuer");
    domain = TrustReader.text(in, "domain");
    r.known("domain", domain);
    types = TrustReader.texts(in, "types");
    regions = TrustReader.texts(in, "regions");
    String where = "issuer " + id;
    boolean made = TrustReader.made(AUTHORITY, authority);
    for (String t : types) {
      made &= TrustReader.made(TrustReader.TYPE_ID, t);
      r.once(where + " type", t);
    }
    for (String region : regions) {
      made &= TrustReader.made(TrustReader.REGION, region);
      r.once(where + " region", region);
    }
    if (!made) {
      throw TrustReader.malformed("authority, types or regions of an issuer");
    }
    keys = r.keys(TrustReader.objects(in, "keys"), "issuer", where);
    notBefore = r.date(in, "not_before");
    notAfter = r.date(in, "not_after");
    TrustReader.forwards(notBefore, notAfter, "issuer");
    frozen = TrustReader.flag(in, "frozen");
  }

  /** The {@code iss} of its certificates. */
  public String id() {
    return id;
  }

  /** Its unified social credit code. */
  public String authority() {
    return authority;
  }

  /** What people call it. */
  public Text name() {
    return name;
  }

  /** Code of its home domain. */
  public String domain() {
    return domain;
  }

  /**
   * Whether it may issue a type.
   *
   * @param typeId such as {@code resident-id}
   */
  public boolean issues(String typeId) {
    return types.contains(typeId);
  }

  /**
   * Whether it may issue in a region.
   *
   * @param region six digits of GB/T 2260
   */
  public boolean entitled(String region) {
    return TrustList.covers(regions, region);
  }

  List<DatedKey> keys() {
    return Collections.unmodifiableList(keys);
  }

  /** The key under which it signed something at iat. */
  EcKey key(Predicate<DatedKey> is, Instant iat) {
    if (frozen) {
      throw new TrustException(TrustException.Fault.FROZEN, "issuer");
    }
    for (DatedKey k : keys) {
      if (is.test(k)) {
        if (!DatedKey.within(notBefore, notAfter, iat)) {
          throw new TrustException(TrustException.Fault.KEY_DATES, "issuer");
        }
        return k.at(iat);
      }
    }
    throw new TrustException(TrustException.Fault.KEY_UNKNOWN, "issuer");
  }
}
