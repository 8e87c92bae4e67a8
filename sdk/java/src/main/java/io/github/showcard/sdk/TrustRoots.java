package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The root set: keys that lie offline in different safes, and the online keys that they let sign trust lists. Pin the file that
 * the operator handed over, and walk on from there:
 *
 * <pre>{@code
 * TrustRoots roots = TrustRoots.parse(pinned);
 * roots = roots.next(newer, now);                  // none, once or several times
 * TrustList list = roots.verify(text, now, newest);  // newest: the highest version seen so far
 * }</pre>
 */
public final class TrustRoots {
  private static final String TYPE_LIST = "trustlist+jwt";
  private static final String TYPE_ROOTS = "trustroots+jwt";
  private static final int MAX_SIZE = 256 << 10;
  private static final int MAX_KEYS = 16;
  private static final int MAX_SIGNERS = 64;
  private static final int MAX_DEPTH = 16;

  private final long version;
  private final Instant issuedAt;
  private final Instant expires;
  private final long threshold;
  private final List<EcKey> keys = new ArrayList<>();
  private final List<DatedKey> signers;
  private final List<Jws> signatures;

  private TrustRoots(List<Jws> signatures) {
    this.signatures = signatures;
    Jws any = signatures.get(signatures.size() - 1);
    TrustReader.checkNames(any.payloadText);
    Json in = any.payload;
    TrustReader r = new TrustReader();
    version = TrustReader.number(in, "version");
    issuedAt = r.date(in, "iat");
    expires = r.date(in, "exp");
    threshold = TrustReader.number(in, "threshold");
    TrustList.frame(version, issuedAt, expires);
    for (Json one : TrustReader.objects(in, "keys")) {
      try {
        keys.add(EcKey.ofJwk(one));
      } catch (EcKey.Unusable e) {
        if (!e.unsupported) {
          throw TrustReader.malformed("a root key: " + e.getMessage());
        }
      }
    }
    signers = r.keys(TrustReader.objects(in, "signers"), "signer", "signers");
    if (keys.size() > MAX_KEYS || signers.size() > MAX_SIGNERS || threshold < 1 || threshold > keys.size()) {
      throw TrustReader.malformed("threshold or number of keys");
    }
    for (EcKey k : keys) {
      TrustReader.keyId(k);
      r.once("root set key", TrustReader.identity(k));
      r.once("root set kid", k.id());
    }
    for (DatedKey d : signers) { // a root key that signs lists would not lie in a safe
      r.once("root set key", TrustReader.identity(d.key()));
      r.once("root set kid", d.key().id());
    }
  }

  private static TrustException refused(TrustException.Fault fault, String code, String detail) {
    return new TrustException(fault, code, detail);
  }

  private static TrustException invalid(TrustException.Fault fault, String detail) {
    return refused(fault, "roots-invalid", detail);
  }

  private static TrustRoots read(byte[] data) {
    if (data.length > MAX_SIZE) {
      throw invalid(TrustException.Fault.MALFORMED, "root set too large");
    }
    try {
      Json envelope = Json.parse(data, MAX_DEPTH);
      TrustReader.checkNames(new String(data, StandardCharsets.UTF_8));
      List<Jws> signatures = new ArrayList<>();
      // The envelope is JOSE's and does not grow, so unknown names are refused here.
      only(envelope, "payload", "signatures");
      List<Json> parts = TrustReader.objects(envelope, "signatures");
      if (!envelope.isObject() || parts.isEmpty() || parts.size() > 2 * MAX_KEYS) {
        throw invalid(TrustException.Fault.MALFORMED, "number of signatures");
      }
      for (Json part : parts) {
        only(part, "protected", "signature");
        try {
          signatures.add(
              Jws.parse(
                  TrustReader.text(part, "protected") + "." + TrustReader.text(envelope, "payload") + "." + TrustReader.text(part, "signature"),
                  TYPE_ROOTS));
        } catch (Jws.Invalid e) {
          if (e.fault != Jws.Fault.ALGORITHM) { // of a kind that this version does not know: does not count
            throw invalid(TrustException.Fault.MALFORMED, e.getMessage());
          }
        }
      }
      if (signatures.isEmpty()) {
        throw refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", "no signature of a known kind");
      }
      return new TrustRoots(signatures);
    } catch (SyntaxException e) {
      throw invalid(TrustException.Fault.MALFORMED, e.getMessage());
    } catch (TrustException e) {
      throw e.code().startsWith("roots-") ? e : invalid(e.fault(), e.getMessage());
    }
  }

  private static void only(Json in, String... names) {
    if (!Arrays.asList(names).containsAll(in.members().keySet())) {
      throw invalid(TrustException.Fault.MALFORMED, "an unknown member");
    }
  }

  /** The same key twice is one key; a bad signature under a key of the set is never an accident. */
  private void signedBy(TrustRoots by) {
    Set<EcKey> good = new HashSet<>();
    for (Jws t : signatures) {
      for (EcKey k : by.keys) {
        if (!k.id().equals(t.keyId)) {
          continue;
        }
        try {
          t.verify(k);
        } catch (Jws.Invalid e) {
          throw invalid(TrustException.Fault.SIGNATURE, "root key " + k.id());
        }
        good.add(k);
      }
    }
    if (good.size() < by.threshold) {
      throw refused(TrustException.Fault.THRESHOLD, "roots-too-few-signatures", good.size() + " of " + by.threshold);
    }
  }

  /**
   * Reads the root set that a verifier was given by hand. It vouches for itself, which proves that the file is whole, not whence
   * it came.
   *
   * @param data the file {@code roots.json}
   */
  public static TrustRoots parse(byte[] data) {
    TrustRoots r = read(data);
    r.signedBy(r);
    return r;
  }

  /**
   * Takes the root set that follows this one: exactly one version on, signed by a threshold of the old keys, who hand over, and
   * of the new, who prove that they exist. Expired roots still lead to the next, or whoever slept too long would never wake.
   *
   * @param data the next root set
   * @param now the time of reading
   */
  public TrustRoots next(byte[] data, Instant now) {
    TrustRoots r = read(data);
    if (r.version <= version) {
      throw refused(TrustException.Fault.ROLLED_BACK, "roots-rolled-back", r.version + " after " + version);
    }
    if (r.version > version + 1) {
      throw refused(TrustException.Fault.GAP, "roots-gap", r.version + " after " + version);
    }
    r.signedBy(this);
    r.signedBy(r);
    if (r.issuedAt.isAfter(now.plus(TrustList.SKEW))) {
      throw invalid(TrustException.Fault.FUTURE, "issued in the future");
    }
    return r;
  }

  /**
   * Reads a trust list.
   *
   * @param text compact JWS
   * @param now the time of reading
   * @param newest the highest version that was ever accepted, 0 for none: a lower one is refused
   */
  public TrustList verify(String text, Instant now, long newest) {
    if (!now.isBefore(expires)) {
      throw new TrustException(TrustException.Fault.STALE, "root set " + version);
    }
    TrustList l = archived(text);
    if (l.version() < newest) {
      throw new TrustException(TrustException.Fault.ROLLED_BACK, "list " + l.version() + ", seen " + newest);
    }
    if (l.issuedAt().isAfter(now.plus(TrustList.SKEW))) {
      throw new TrustException(TrustException.Fault.FUTURE, "list " + l.version());
    }
    if (!l.freshAt(now)) {
      throw new TrustException(TrustException.Fault.STALE, "list " + l.version());
    }
    return l;
  }

  /**
   * Reads a list that was filed away, whether or not it has expired. It is for looking back: it says nothing of what was frozen
   * since, so nothing that is shown today may be judged by it.
   *
   * @param text compact JWS
   */
  public TrustList archived(String text) {
    try {
      Jws t = Jws.parse(text, TYPE_LIST);
      DatedKey signer = signers.stream().filter(s -> !t.keyId.isEmpty() && s.key().id().equals(t.keyId)).findFirst().orElse(null);
      if (signer == null) {
        throw new TrustException(TrustException.Fault.KEY_UNKNOWN, "list signer");
      }
      t.verify(signer.key());
      TrustList l = new TrustList(t);
      signer.at(l.issuedAt());
      return l;
    } catch (Jws.Invalid e) {
      boolean form = e.fault == Jws.Fault.MALFORMED || e.fault == Jws.Fault.TYPE;
      throw new TrustException(form ? TrustException.Fault.MALFORMED : TrustException.Fault.SIGNATURE, e.getMessage());
    }
  }

  /** 1 and up, without gaps. */
  public long version() {
    return version;
  }

  /** When it ends. */
  public Instant expires() {
    return expires;
  }
}
