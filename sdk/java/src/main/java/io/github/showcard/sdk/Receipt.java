package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A signed statement of who checked a certificate, when, why and with what outcome, which says nothing about the person
 * (docs/formats.md §8.4). It is verified when it is there: {@link #verify} is the only way to one.
 */
public final class Receipt {
  /** What came of comparing one value with a receipt. */
  public enum Match {
    /** It is what was disclosed. */
    MATCHES,
    /** It is not, or the salt is another's. */
    DIFFERS,
    /** It cannot be known. */
    NO_SALT,
    /** Nothing was given to compare. */
    NO_VALUE,
    /** The receipt has no such field. */
    FOREIGN
  }

  /** A disclosed field, by its salted digest. */
  public static final class Field {
    private final String name;
    private final String digest;
    private final Boolean matches;

    private Field(String name, String digest, Boolean matches) {
      this.name = name;
      this.digest = digest;
      this.matches = matches;
    }

    /** Its name. */
    public String name() {
      return name;
    }

    /** HASH(salt ‖ value as canonical JSON), base64url. */
    public String digest() {
      return digest;
    }

    /** Of a check of facts: the yes or no. */
    public Optional<Boolean> matches() {
      return Optional.ofNullable(matches);
    }
  }

  private static final String TYPE = "receipt+jwt";
  private static final String USE = "receipt";
  private static final Duration SKEW = Duration.ofMinutes(5);
  private static final int MAX_SIZE = 64 << 10;
  private static final int MAX_FIELDS = 512;
  private static final int MAX_TEXT = 1024;
  private static final int MAX_VALUE_DEPTH = 64;
  private static final int SALT = 16;

  private final Json said;
  private final HashName hash;
  private final List<Field> fields = new ArrayList<>();

  private Receipt(Json said) throws SyntaxException {
    this.said = said;
    // A reader that shows half of a statement would put its name to the whole.
    only(said, "iss", "jti", "iat", "checked_at", "party", "client", "purpose", "via", "outcome", "reasons", "type", "authority",
        "status", "holder", "person", "consent", "hash", "certificate", "fields");
    List<String> texts = new ArrayList<>();
    for (String name : Arrays.asList("iss", "jti", "client", "purpose", "via", "outcome", "type", "holder")) {
      texts.add(text(said, name));
    }
    Json party = object(said, "party", "id", "name");
    Json name = object(party, "name", "zh", "en");
    texts.addAll(Arrays.asList(text(party, "id"), text(name, "zh"), text(name, "en")));
    texts.addAll(list(said, "reasons"));
    shapes();
    for (String needed : Arrays.asList(texts.get(0), texts.get(1), texts.get(4), texts.get(5), texts.get(8))) {
      check(!needed.isEmpty(), "iss, jti, party, via and outcome are needed");
    }
    hash = HashName.of(text(said, "hash"));
    check(hash != null, "hash");
    for (String s : texts) {
      check(s.getBytes(StandardCharsets.UTF_8).length <= MAX_TEXT, "a text is too long");
    }
    check(date(said, "iat") > 0 && date(said, "checked_at") > 0, "dates");
    if (!text(said, "certificate").isEmpty()) {
      digest(text(said, "certificate"));
    }
    readFields();
  }

  /** The parts that are passed on as they are still have their form. */
  private void shapes() throws SyntaxException {
    Json authority = object(said, "authority", "iss", "code");
    text(authority, "iss");
    text(authority, "code");
    Json status = object(said, "status", "state", "as_of", "source");
    text(status, "state");
    text(status, "source");
    number(status, "as_of");
    Json person = object(said, "person", "state", "method", "at");
    text(person, "state");
    text(person, "method");
    number(person, "at");
    Json consent = object(said, "consent", "answer", "asked");
    text(consent, "answer");
    check(list(consent, "asked").size() <= MAX_FIELDS && list(said, "reasons").size() <= MAX_FIELDS, "too many");
  }

  private void readFields() throws SyntaxException {
    Json all = said.get("fields");
    if (all == null || all.isNull()) {
      return;
    }
    check(all.kind == Json.Kind.ARRAY && all.elements().size() <= MAX_FIELDS, "fields");
    Set<String> seen = new HashSet<>();
    for (Json one : all.elements()) {
      check(one.isObject(), "a field");
      only(one, "name", "digest", "matches");
      String name = text(one, "name");
      check(!name.isEmpty() && name.getBytes(StandardCharsets.UTF_8).length <= 128 && seen.add(name), "name of a field");
      String digest = text(one, "digest");
      digest(digest);
      Json matches = one.get("matches");
      boolean none = matches == null || matches.isNull();
      check(none || matches.kind == Json.Kind.TRUE || matches.kind == Json.Kind.FALSE, "matches");
      fields.add(new Field(name, digest, none ? null : matches.kind == Json.Kind.TRUE));
    }
  }

  private static void check(boolean ok, String detail) throws SyntaxException {
    if (!ok) {
      throw new SyntaxException(detail);
    }
  }

  private static void only(Json in, String... names) throws SyntaxException {
    check(Arrays.asList(names).containsAll(in.members().keySet()), "an unknown member");
  }

  private static String text(Json of, String name) throws SyntaxException {
    Json m = of == null ? null : of.get(name);
    if (m == null || m.isNull()) {
      return "";
    }
    check(m.text() != null, name + " is not a string");
    return m.text();
  }

  private static long number(Json of, String name) throws SyntaxException {
    Json m = of == null ? null : of.get(name);
    if (m == null || m.isNull()) {
      return 0;
    }
    check(m.integer() != null, name + " is not a whole number");
    return m.integer();
  }

  private static long date(Json of, String name) throws SyntaxException {
    long n = number(of, name);
    check(n <= Dates.MAX, name + " is out of range");
    return n;
  }

  private static Json object(Json of, String name, String... members) throws SyntaxException {
    Json m = of == null ? null : of.get(name);
    if (m == null || m.isNull()) {
      return null;
    }
    check(m.isObject(), name + " is not an object");
    only(m, members);
    return m;
  }

  private static List<String> list(Json of, String name) throws SyntaxException {
    List<String> out = new ArrayList<>();
    Json m = of == null ? null : of.get(name);
    if (m != null && !m.isNull()) {
      check(m.kind == Json.Kind.ARRAY, name + " is not a list");
      for (Json one : m.elements()) {
        check(one.text() != null || one.isNull(), name + " is not a list of strings");
        out.add(one.isNull() ? "" : one.text());
      }
    }
    return out;
  }

  private static byte[] digest(String text) throws SyntaxException {
    byte[] sum = Base64Url.decode(text);
    check(sum.length == 32, "a digest");
    return sum;
  }

  /**
   * Reads a receipt and checks it against a trust list. A list that has expired serves too ({@link TrustRoots#archived}); it does
   * not say what was frozen since, so say of when it is.
   *
   * @param text compact JWS
   * @param list of today, or one that was filed
   * @param now the time of checking
   * @throws RefusedException {@code receipt-invalid}, {@code receipt-of-stranger}, {@code receipt-key-frozen}, {@code key-unknown}
   *     or {@code key-out-of-dates}
   */
  public static Receipt verify(String text, TrustList list, Instant now) {
    if (text.length() > MAX_SIZE) {
      throw new RefusedException("receipt-invalid", "too long");
    }
    try {
      Jws token = Jws.parse(text, TYPE);
      check(token.payload.depth() <= 6, "nested too deep");
      Receipt r = new Receipt(token.payload);
      TrustDomain home = list.domainAt(r.issuer()).orElseThrow(() -> new RefusedException("receipt-of-stranger", "not in the list"));
      token.verify(home.serviceKey(USE, token.keyId, r.signedAt()));
      check(!r.signedAt().isAfter(now.plus(SKEW)) && !r.checkedAt().isAfter(r.signedAt().plus(SKEW)), "dates cannot be");
      return r;
    } catch (TrustException e) {
      throw new RefusedException(code(e.fault()), "its key");
    } catch (Jws.Invalid | SyntaxException e) {
      throw new RefusedException("receipt-invalid", e.getMessage());
    }
  }

  private static String code(TrustException.Fault fault) {
    switch (fault) {
      case KEY_FROZEN:
        return "receipt-key-frozen";
      case KEY_DATES:
        return "key-out-of-dates";
      default:
        return "key-unknown";
    }
  }

  /**
   * Holds values against the digests: those of the receipt in its order, then values of which it says nothing. The name of the
   * certificate's identifier is empty.
   *
   * @param identifier of the certificate, or null
   * @param values what was filed
   * @param salts what was filed apart
   */
  public Map<String, Match> compare(String identifier, Claims values, Openings salts) {
    Map<String, Match> out = new LinkedHashMap<>();
    String certificate = said.textOf("certificate");
    if (certificate != null && !certificate.isEmpty()) {
      Json text = identifier == null || identifier.isEmpty() ? null : Json.string(identifier);
      out.put("", compare(certificate, salts.certificate(), text));
    }
    for (Field f : fields) {
      out.put(f.name, compare(f.digest, salts.fields().get(f.name), values.values().get(f.name)));
    }
    for (String name : new TreeSet<>(values.names())) {
      out.putIfAbsent(name, Match.FOREIGN);
    }
    return out;
  }

  private Match compare(String digest, String salt, Json value) {
    if (value == null) {
      return Match.NO_VALUE;
    }
    if (salt == null || salt.isEmpty()) {
      return Match.NO_SALT;
    }
    try {
      byte[] raw = Base64Url.decode(salt);
      // A salt of another length would let one text be cut in two ways.
      boolean same = raw.length == SALT && value.depth() <= MAX_VALUE_DEPTH && MessageDigest.isEqual(
          hash.sum(raw, CanonicalJson.of(value).getBytes(StandardCharsets.UTF_8)), digest(digest));
      return same ? Match.MATCHES : Match.DIFFERS;
    } catch (SyntaxException e) {
      return Match.DIFFERS;
    }
  }

  /**
   * The hash over what the receipt says without the moment of the signature, as the deployment's audit log has it since the
   * check.
   */
  public String auditDigest() {
    Map<String, Json> spoken = new LinkedHashMap<>(said.members());
    spoken.remove("iat");
    return Base64Url.encode(hash.sum(CanonicalJson.of(Json.object(spoken)).getBytes(StandardCharsets.UTF_8)));
  }

  /** Public URL of the deployment that made the check. */
  public String issuer() {
    return said.textOf("iss");
  }

  /** Id of the verification. */
  public String id() {
    return said.textOf("jti");
  }

  /** When it was signed; the same receipt may be signed again. */
  public Instant signedAt() {
    return Instant.ofEpochSecond(said.get("iat").integer());
  }

  /** When the check was made. */
  public Instant checkedAt() {
    return Instant.ofEpochSecond(said.get("checked_at").integer());
  }

  /** Id of the relying party. */
  public String party() {
    return said.get("party").textOf("id");
  }

  /** Its name, as registered at that moment. */
  public Optional<Text> partyName() {
    return Optional.ofNullable(Text.of(said.get("party").get("name")));
  }

  /** Client of the party. */
  public String client() {
    return textOrEmpty("client");
  }

  /** What the check was for. */
  public String purpose() {
    return textOrEmpty("purpose");
  }

  /** {@code code}, {@code presentation} or {@code facts}. */
  public String via() {
    return said.textOf("via");
  }

  /** {@code valid}, {@code invalid} or {@code indeterminate}. */
  public String outcome() {
    return said.textOf("outcome");
  }

  /** Why it was not valid, by code. */
  public List<String> reasons() {
    try {
      return list(said, "reasons");
    } catch (SyntaxException e) {
      return Collections.emptyList(); // it was read before
    }
  }

  /** Id of the certificate type, when it was known. */
  public Optional<String> type() {
    return Optional.ofNullable(said.textOf("type"));
  }

  /** Which key the certificate was bound to. */
  public Optional<String> holder() {
    return Optional.ofNullable(said.textOf("holder"));
  }

  /** The disclosed fields. */
  public List<Field> fields() {
    return Collections.unmodifiableList(fields);
  }

  /** All that it says, as JSON. */
  public String json() {
    return said.json();
  }

  private String textOrEmpty(String name) {
    String s = said.textOf(name);
    return s == null ? "" : s;
  }
}
