package io.github.showcard.sdk;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * The signed trust list: which authorities issue which types in which regions under which keys, which wallet providers hold
 * keys for people, who signs status lists and receipts, and what is frozen. Only {@link TrustRoots} makes one, of a document
 * that a signer of theirs has signed. It is immutable.
 */
public final class TrustList {
  /** How far in the future a document may have been issued, because clocks differ. */
  static final Duration SKEW = Duration.ofMinutes(5);

  private static final Pattern TYPE_CODE = Pattern.compile("[0-9A-Z]{1,32}");
  private static final Pattern PROVIDER = Pattern.compile("[0-9A-Za-z._~/:-]{1,512}");

  private final long version;
  private final Instant issuedAt;
  private final Instant expires;
  private final Map<String, TrustDomain> domains = new HashMap<>();
  private final Map<String, TrustIssuer> issuers = new HashMap<>();
  private final Map<String, Provider> providers = new HashMap<>();
  private final Map<String, CertificateType> types = new HashMap<>();
  private final Map<String, Provider> bound = new HashMap<>(); // by identity of the key
  private final List<String> frozenRegions;
  private final boolean frozenAll;

  /** Reads a payload that was signed as it should be. */
  TrustList(Jws token) {
    TrustReader.checkNames(token.payloadText);
    Json in = token.payload;
    TrustReader r = new TrustReader();
    version = TrustReader.number(in, "version");
    issuedAt = r.date(in, "iat");
    expires = r.date(in, "exp");
    frame(version, issuedAt, expires);
    Set<String> frozen = new HashSet<>();
    List<TrustDomain> allDomains = new ArrayList<>();
    for (Json one : TrustReader.objects(in, "domains")) {
      allDomains.add(new TrustDomain(r, one, allDomains));
    }
    for (Json one : TrustReader.objects(in, "types")) {
      CertificateType t = new CertificateType(r, one);
      types.put(t.vct, t);
    }
    for (Json one : TrustReader.objects(in, "issuers")) {
      TrustIssuer i = new TrustIssuer(r, one);
      issuers.put(i.id, i);
      note(frozen, i.keys);
    }
    for (Json one : TrustReader.objects(in, "providers")) {
      Provider p = new Provider(r, one);
      providers.put(p.id, p);
      note(frozen, p.keys);
    }
    frozenRegions = TrustReader.texts(in, "frozen_regions");
    for (String region : frozenRegions) {
      if (!TrustReader.made(TrustReader.REGION, region)) {
        throw TrustReader.malformed("frozen region");
      }
      r.once("frozen region", region);
    }
    frozenAll = TrustReader.flag(in, "frozen_all");
    for (TrustDomain d : allDomains) {
      domains.put(d.code, d);
      note(frozen, d.statusKeys);
      d.serviceKeys.values().forEach(keys -> note(frozen, keys));
    }
    spread(frozen);
    providers.values().forEach(p -> p.keys.forEach(k -> bound.put(TrustReader.identity(k.key()), p)));
  }

  static void frame(long version, Instant issued, Instant expires) {
    if (version < 1 || version > 1L << 53) { // other languages' numbers end there
      throw TrustReader.malformed("version");
    }
    if (issued == null || expires == null || !issued.isBefore(expires)) {
      throw TrustReader.malformed("iat and exp are needed, in this order");
    }
  }

  private static void note(Set<String> frozen, List<DatedKey> keys) {
    for (DatedKey k : keys) {
      if (k.frozen()) {
        frozen.add(TrustReader.identity(k.key()));
      }
    }
  }

  /** A compromised point is frozen wherever it stands: what happened, happened to the key. */
  private void spread(Set<String> frozen) {
    domains.values().forEach(d -> {
      freeze(d.statusKeys, frozen);
      d.serviceKeys.values().forEach(keys -> freeze(keys, frozen));
    });
    issuers.values().forEach(i -> freeze(i.keys, frozen));
    providers.values().forEach(p -> freeze(p.keys, frozen));
  }

  private static void freeze(List<DatedKey> keys, Set<String> frozen) {
    keys.replaceAll(k -> frozen.contains(TrustReader.identity(k.key())) ? k.freeze() : k);
  }

  static EcKey find(List<DatedKey> keys, Predicate<DatedKey> is, Instant iat) {
    for (DatedKey k : keys) {
      if (is.test(k)) {
        return k.at(iat);
      }
    }
    throw new TrustException(TrustException.Fault.KEY_UNKNOWN, "");
  }

  /** An empty id is enough when there is just one key. */
  static Predicate<DatedKey> named(String kid, List<DatedKey> among) {
    return kid.isEmpty() ? k -> among.size() == 1 : k -> k.key().id().equals(kid);
  }

  /** 1 and up, higher with every publication. */
  public long version() {
    return version;
  }

  /** When it was signed. */
  public Instant issuedAt() {
    return issuedAt;
  }

  /** When it ends. */
  public Instant expires() {
    return expires;
  }

  /**
   * Whether it has not expired.
   *
   * @param now the time of asking
   */
  public boolean freshAt(Instant now) {
    return now.isBefore(expires);
  }

  /** Whether everything is stopped. */
  public boolean frozenAll() {
    return frozenAll;
  }

  /**
   * Whether nothing of a region counts for now.
   *
   * @param region six digits of GB/T 2260
   */
  public boolean regionFrozen(String region) {
    return covers(frozenRegions, region);
  }

  /**
   * An issuing authority.
   *
   * @param iss as its certificates name it
   */
  public Optional<TrustIssuer> issuer(String iss) {
    return Optional.ofNullable(issuers.get(iss));
  }

  /** All issuing authorities. */
  public List<TrustIssuer> issuers() {
    return new ArrayList<>(issuers.values());
  }

  /**
   * A deployment.
   *
   * @param code of the domain, four characters
   */
  public Optional<TrustDomain> domain(String code) {
    return Optional.ofNullable(domains.get(code));
  }

  /**
   * A deployment.
   *
   * @param baseUrl its public URL
   */
  public Optional<TrustDomain> domainAt(String baseUrl) {
    return domains.values().stream().filter(d -> d.baseUrl.equals(baseUrl)).findFirst();
  }

  /**
   * A published certificate type.
   *
   * @param vct as its certificates name it
   */
  public Optional<CertificateType> type(String vct) {
    return Optional.ofNullable(types.get(vct));
  }

  /** All published types. */
  public List<CertificateType> types() {
    return new ArrayList<>(types.values());
  }

  /**
   * The wallet provider whose key a certificate is bound to; empty when it is a device's.
   *
   * @throws TrustException when it is a provider's and must not count
   */
  Optional<Provider> boundTo(EcKey key, Instant iat) {
    Provider p = bound.get(TrustReader.identity(key));
    if (p == null) {
      return Optional.empty();
    }
    if (p.frozen) {
      throw new TrustException(TrustException.Fault.FROZEN, "wallet provider");
    }
    find(p.keys, k -> k.key().equals(key), iat);
    return Optional.of(p);
  }

  /** GB/T 2260: trailing pairs of zeros cover what is below. */
  static boolean covers(List<String> regions, String region) {
    if (region == null || !TrustReader.made(TrustReader.REGION, region)) {
      return false;
    }
    for (String p : regions) {
      String prefix = p;
      while (prefix.endsWith("00")) {
        prefix = prefix.substring(0, prefix.length() - 2);
      }
      if (region.startsWith(prefix)) {
        return true;
      }
    }
    return false;
  }

  /** A wallet provider, whose keys hold copies for people without a device key. */
  public static final class Provider {
    private final String id;
    private final Text name;
    private final List<DatedKey> keys;
    private final boolean frozen;

    private Provider(TrustReader r, Json in) {
      id = TrustReader.text(in, "id");
      if (!TrustReader.made(PROVIDER, id)) {
        throw TrustReader.malformed("id of a provider");
      }
      r.once("provider", id);
      name = r.name(in, "provider");
      r.known("domain", TrustReader.text(in, "domain"));
      keys = r.keys(TrustReader.objects(in, "keys"), "provider", "provider " + id);
      frozen = TrustReader.flag(in, "frozen");
    }

    /** Its id. */
    public String id() {
      return id;
    }

    /** What people call it. */
    public Text name() {
      return name;
    }
  }

  /** A published version of a certificate type. */
  public static final class CertificateType {
    private final String id;
    private final long version;
    private final String vct;
    private final String code;
    private final boolean frozen;

    private CertificateType(TrustReader r, Json in) {
      id = TrustReader.text(in, "id");
      version = TrustReader.number(in, "version");
      vct = TrustReader.url(TrustReader.text(in, "vct"), "vct");
      code = TrustReader.text(in, "code");
      if (!TrustReader.made(TrustReader.TYPE_ID, id) || version < 1 || version > 1 << 20 || !TrustReader.made(TYPE_CODE, code)) {
        throw TrustReader.malformed("id, version or code of a type");
      }
      r.once("type version", id + "/" + version);
      r.once("vct", vct);
      frozen = TrustReader.flag(in, "frozen");
    }

    /** Such as {@code resident-id}. */
    public String id() {
      return id;
    }

    /** 1 and up. */
    public long version() {
      return version;
    }

    /** The {@code vct} of its certificates. */
    public String vct() {
      return vct;
    }

    /** National code of the type. */
    public String code() {
      return code;
    }

    /** Whether nothing of it counts for now. */
    public boolean frozen() {
      return frozen;
    }
  }
}
