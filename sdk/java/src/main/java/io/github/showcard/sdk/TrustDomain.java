package io.github.showcard.sdk;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** One deployment: the home of certificates, codes and status lists. */
public final class TrustDomain {
  private static final Pattern CODE = Pattern.compile("[0-9A-Z]{4}");
  private static final Pattern USE = Pattern.compile("[0-9a-z-]{1,32}");

  final String code;
  private final Text name;
  final String baseUrl;
  final String statusPrefix;
  final List<DatedKey> statusKeys;
  final Map<String, List<DatedKey>> serviceKeys = new HashMap<>();

  TrustDomain(TrustReader r, Json in, List<TrustDomain> before) {
    code = TrustReader.text(in, "code");
    if (!TrustReader.made(CODE, code)) {
      throw TrustReader.malformed("a domain's code is four characters 0-9A-Z");
    }
    r.once("domain", code);
    name = r.name(in, "domain");
    baseUrl = TrustReader.url(TrustReader.text(in, "base_url"), "base_url");
    statusPrefix = TrustReader.url(TrustReader.text(in, "status_prefix"), "status_prefix");
    // Without the slash, https://a.example would also begin https://a.example.evil/.
    if (baseUrl.endsWith("/") || !statusPrefix.endsWith("/")) {
      throw TrustReader.malformed("base_url without and status_prefix with a slash at the end");
    }
    for (TrustDomain o : before) {
      if (o.statusPrefix.startsWith(statusPrefix) || statusPrefix.startsWith(o.statusPrefix)) {
        throw TrustReader.malformed("status_prefix overlaps");
      }
    }
    String where = "domain " + code;
    statusKeys = r.keys(TrustReader.objects(in, "status_keys"), "status", where);
    List<Json> services = TrustReader.objects(in, "service_keys");
    r.keys(services, "service", where + " services"); // none twice, not even for another use
    for (Json one : services) {
      String use = TrustReader.text(one, "use");
      List<DatedKey> key = new TrustReader().keys(Collections.singletonList(one), "service", where);
      if (!key.isEmpty() && !TrustReader.made(USE, use)) {
        throw TrustReader.malformed("use of a service key");
      }
      serviceKeys.computeIfAbsent(use, u -> new ArrayList<>()).addAll(key);
    }
  }

  /** Four characters, as in dynamic codes. */
  public String code() {
    return code;
  }

  /** What people call it. */
  public Text name() {
    return name;
  }

  /** Its public URL, without a slash at the end. */
  public String baseUrl() {
    return baseUrl;
  }

  /** The key under which a status list of the domain was signed. */
  EcKey statusKey(String kid, Instant iat) {
    return TrustList.find(statusKeys, TrustList.named(kid, statusKeys), iat);
  }

  /** The key under which the domain signed something of a use. It must be named: several overlap while they rotate. */
  EcKey serviceKey(String use, String kid, Instant iat) {
    return TrustList.find(serviceKeys.getOrDefault(use, Collections.emptyList()), k -> k.key().id().equals(kid), iat);
  }

  /**
   * Whether a status list belongs to the domain: a certificate that points elsewhere chose its own judge.
   *
   * @param uri of the list
   */
  public boolean holdsStatus(String uri) {
    String rest = uri.startsWith(statusPrefix) ? uri.substring(statusPrefix.length()) : "";
    return !rest.isEmpty() && uri.length() <= 512 && !rest.contains("..") && TrustReader.plainPath(rest);
  }
}
