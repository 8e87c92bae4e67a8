package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DeflaterOutputStream;

/** A deployment in small: it signs what the SDK reads, with keys of its own. Tests bend one thing at a time. */
final class World {
  static final String BASE = "https://cards.example.cn";
  static final Instant NOW = Instant.parse("2026-11-22T08:00:00Z");

  final Algorithm algorithm;
  final HashName hash;
  final List<ClientKey> rootKeys = new ArrayList<>();
  final ClientKey listKey;
  final ClientKey issuerKey;
  final ClientKey statusKey;
  final ClientKey providerKey;
  final ClientKey receiptKey;
  final Map<String, Object> list = new LinkedHashMap<>();
  final Map<String, Object> domain = new LinkedHashMap<>();
  final Map<String, Object> issuer = new LinkedHashMap<>();
  final Map<String, Object> provider = new LinkedHashMap<>();
  final Map<String, Object> type = new LinkedHashMap<>();
  final Map<String, Object> certificate = new LinkedHashMap<>();
  byte[] states = new byte[256];

  World(Algorithm a) {
    algorithm = a;
    hash = a == Algorithm.SM2 ? HashName.SM3 : HashName.SHA256;
    for (int i = 0; i < 3; i++) {
      rootKeys.add(ClientKey.generate(a));
    }
    listKey = ClientKey.generate(a);
    issuerKey = ClientKey.generate(a);
    statusKey = ClientKey.generate(a);
    providerKey = ClientKey.generate(a);
    receiptKey = ClientKey.generate(a);

    domain.putAll(map("code", "TEST", "name", map("zh", "测试", "en", "Test"), "base_url", BASE, "status_prefix", BASE + "/status/"));
    domain.put("status_keys", dated(statusKey));
    domain.put("service_keys", Arrays.asList(map("use", "receipt", "jwk", receiptKey.publicKey().jwk(), "not_before", 1)));
    issuer.putAll(map("id", BASE + "/issuers/police", "authority", "11430000MB1D000127", "name", map("zh", "公安", "en", "Police"), "domain", "TEST"));
    issuer.putAll(map("types", Arrays.asList("resident-id"), "regions", Arrays.asList("430000"), "keys", dated(issuerKey)));
    provider.putAll(map("id", "hosted-wallet", "name", map("zh", "空间", "en", "Wallet"), "domain", "TEST", "keys", dated(providerKey)));
    type.putAll(map("id", "resident-id", "version", 1, "vct", BASE + "/types/resident-id/1", "code", "11100000000013127D001"));
    list.putAll(map("version", 7, "iat", seconds(NOW) - 60, "exp", seconds(NOW) + 86400));
    list.putAll(map("domains", Arrays.asList(domain), "issuers", Arrays.asList(issuer), "providers", Arrays.asList(provider), "types", Arrays.asList(type)));

    certificate.putAll(map("iss", BASE + "/issuers/police", "vct", BASE + "/types/resident-id/1", "region", "430102"));
    certificate.putAll(map("iat", seconds(NOW) - 3600, "nbf", seconds(NOW) - 86400, "exp", seconds(NOW) + 86400));
    certificate.put("status", map("status_list", map("idx", 5, "uri", BASE + "/status/1")));
    certificate.put("cnf", map("jwk", providerKey.publicKey().jwk()));
  }

  static Map<String, Object> map(Object... pairs) {
    Map<String, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      out.put((String) pairs[i], pairs[i + 1]);
    }
    return out;
  }

  static List<Object> dated(ClientKey k, Object... more) {
    Map<String, Object> m = map("jwk", k.publicKey().jwk(), "not_before", 1);
    m.putAll(map(more));
    return new ArrayList<>(Arrays.asList(m));
  }

  static long seconds(Instant at) {
    return at.getEpochSecond();
  }

  /** The root set, signed by some of the keys. */
  byte[] roots(int version, List<ClientKey> keys, List<ClientKey> signers) {
    List<Object> jwks = new ArrayList<>();
    keys.forEach(k -> jwks.add(k.publicKey().jwk()));
    Map<String, Object> payload = map("version", version, "iat", seconds(NOW) - 3600, "exp", seconds(NOW) + 864000, "threshold", 2);
    payload.putAll(map("keys", jwks, "signers", dated(listKey)));
    return envelope(payload, signers);
  }

  byte[] roots() {
    return roots(1, rootKeys, rootKeys.subList(0, 2));
  }

  static byte[] envelope(Object payload, List<ClientKey> signers) {
    List<Object> signatures = new ArrayList<>();
    String body = "";
    for (ClientKey k : signers) {
      String[] parts = Jws.sign(k, "trustroots+jwt", k.publicKey().id(), payload).split("\\.");
      body = parts[1];
      signatures.add(map("protected", parts[0], "signature", parts[2]));
    }
    return JsonText.of(map("payload", body, "signatures", signatures)).getBytes(StandardCharsets.UTF_8);
  }

  String signedList() {
    return Jws.sign(listKey, "trustlist+jwt", listKey.publicKey().id(), list);
  }

  TrustList trust() {
    return TrustRoots.parse(roots()).verify(signedList(), NOW, 0);
  }

  Map<String, Object> statusClaims() {
    return map("sub", BASE + "/status/1", "iat", seconds(NOW) - 10, "exp", seconds(NOW) + 3600, "ttl", 60,
        "status_list", map("bits", 2, "lst", Base64Url.encode(zlib(states))));
  }

  String statusList() {
    return Jws.sign(statusKey, "statuslist+jwt", statusKey.publicKey().id(), statusClaims());
  }

  static byte[] zlib(byte[] data) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeflaterOutputStream z = new DeflaterOutputStream(out)) {
      z.write(data);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** Shows a name and a number, by the provider's key. */
  String presentation(String audience, String nonce) {
    return presentation(audience, nonce, providerKey, NOW);
  }

  String presentation(String audience, String nonce, ClientKey holder, Instant at) {
    String text = credential();
    Map<String, Object> proof = map("iat", seconds(at), "aud", audience, "nonce", nonce);
    proof.put("sd_hash", Base64Url.encode(hash.sum(text.getBytes(StandardCharsets.US_ASCII))));
    return text + Jws.sign(holder, "kb+jwt", null, proof);
  }

  String credential() {
    String name = Base64Url.encode("[\"c2FsdC1vZi10aGUtbmFtZQ\",\"name\",\"张示例\"]");
    String points = Base64Url.encode("[\"c2FsdC1vZi10aGUtbnVtYmVy\",\"points\",1.50]");
    Map<String, Object> payload = new LinkedHashMap<>(certificate);
    List<Object> digests = new ArrayList<>();
    for (String one : Arrays.asList(name, points, "a-decoy")) {
      digests.add(Base64Url.encode(hash.sum(one.getBytes(StandardCharsets.US_ASCII))));
    }
    payload.put("_sd", digests);
    payload.put("_sd_alg", hash.wire);
    return Jws.sign(issuerKey, "dc+sd-jwt", issuerKey.publicKey().id(), payload) + "~" + name + "~" + points + "~";
  }

  Verifier verifier() {
    TrustRoots roots = TrustRoots.parse(roots());
    return new Verifier(
        () -> roots.verify(signedList(), NOW, 0),
        (reference, home) -> {
          StatusList l = StatusList.parse(statusList(), reference.uri(), home, NOW);
          return new StatusSource.Answer(l.get(reference.index()), l.issuedAt(), "list", l.ttl());
        },
        Clock.fixed(NOW, ZoneOffset.UTC),
        Duration.ofMinutes(2));
  }

  Map<String, Object> receiptClaims() {
    Map<String, Object> r = map("iss", BASE, "jti", "check-1", "iat", seconds(NOW), "checked_at", seconds(NOW) - 5);
    r.putAll(map("party", map("id", "bank", "name", map("zh", "银行", "en", "Bank")), "client", "bank-1", "purpose", "account-opening", "via", "code"));
    r.putAll(map("outcome", "valid", "reasons", new ArrayList<>(), "type", "resident-id", "hash", hash.wire));
    r.putAll(map("certificate", digest("\"1.2.156.3005.2.x\""), "fields", Arrays.asList(map("name", "name", "digest", digest("\"张示例\"")), map("name", "points", "digest", digest("1.5")))));
    return r;
  }

  static final String SALT = Base64Url.encode("0123456789abcdef");

  private String digest(String canonical) {
    return Base64Url.encode(hash.sum("0123456789abcdef".getBytes(StandardCharsets.US_ASCII), canonical.getBytes(StandardCharsets.UTF_8)));
  }

  String receipt(Map<String, Object> claims) {
    return Jws.sign(receiptKey, "receipt+jwt", receiptKey.publicKey().id(), claims);
  }
}
