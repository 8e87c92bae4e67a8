package io.github.showcard.sdk;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * What an offline checker takes along to where there is no network: the trust list, the codes that were revoked before their end and,
 * if wanted, the status lists of a deployment, all signed together as of one moment (docs/formats.md §12).
 *
 * <pre>{@code
 * Bundles bundles = new Bundles("https://cards.example.gov.cn", pinnedRoots);
 * BundleFile file = new BundleFile(Path.of("bundles.cbor"));
 * bundles.restore(file.read());   // signed, so the disk need not be believed
 * bundles.renew(client);          // whenever there is network
 * file.write(bundles.kept());
 * OfflineVerifier verifier = new OfflineVerifier(bundles, bundles, new ReplayMemory(), Set.of("any", "bank"));
 * }</pre>
 *
 * <p>A bundle is taken over whole or not at all: when it is refused, what was known is known still. Always show {@link #asOf()}. What a
 * bundle says of codes and certificates counts for a day at most; then all codes that it is about have ended, and it knows nothing of
 * those that came since. Safe for concurrent use.
 */
public final class Bundles implements TrustSource, StatusSource, RevocationSource {
  /** How old what a bundle says may be at most. */
  static final Duration DAY = Duration.ofHours(24);

  private static final Duration SKEW = Duration.ofMinutes(1);

  // Bounds of the chain that is kept, before everything is asked for anew.
  private static final int MAX_KEPT = 64;
  private static final int MAX_KEPT_BYTES = 2 * Bundle.MAX_SIZE;

  private final String base;
  private final TrustRoots pinned;
  private final boolean statuses;
  private final Duration maxAge;
  private final Clock clock;
  private final Object taking = new Object();
  private final Object renewing = new Object();

  private volatile Held have;
  private volatile boolean anew; // what is held does not continue: everything is wanted

  /** What is known, replaced whole. */
  private static final class Held {
    private final TrustRoots roots;
    private final TrustList list; // null: none
    private final BundleState state;
    private final List<Signed> signers; // whose word the state is
    private final List<byte[]> kept; // leads from the pinned roots to here

    private Held(TrustRoots roots, TrustList list, BundleState state, List<Signed> signers, List<byte[]> kept) {
      this.roots = roots;
      this.list = list;
      this.state = state;
      this.signers = signers;
      this.kept = kept;
    }

    private boolean full() {
      return kept.size() >= MAX_KEPT || kept.stream().mapToInt(one -> one.length).sum() >= MAX_KEPT_BYTES;
    }
  }

  /** Under which key a bundle was taken. */
  private static final class Signed {
    private final String keyId;
    private final EcKey key;
    private final Instant at;

    private Signed(String keyId, EcKey key, Instant at) {
      this.keyId = keyId;
      this.key = key;
      this.at = at;
    }

    private boolean standsIn(TrustDomain home) {
      try {
        return home.statusKey(keyId, at).equals(key);
      } catch (TrustException e) {
        return false;
      }
    }
  }

  /**
   * For offline codes, which need no status lists, with the system's clock and an age of up to a day.
   *
   * @param baseUrl of the deployment, as it stands in the trust list
   * @param pinnedRoots from the operator on a safe way
   */
  public Bundles(String baseUrl, byte[] pinnedRoots) {
    this(baseUrl, pinnedRoots, false, DAY, Clock.systemUTC());
  }

  /**
   * With everything chosen.
   *
   * @param baseUrl of the deployment, as it stands in the trust list
   * @param pinnedRoots from the operator on a safe way
   * @param statuses whether to ask for the status lists as well, for certificates that are presented whole
   * @param maxAge how old what a bundle says of a certificate may be, a day at most; of codes, {@link OfflineVerifier} decides
   * @param clock what time it is
   */
  public Bundles(String baseUrl, byte[] pinnedRoots, boolean statuses, Duration maxAge, Clock clock) {
    this.base = baseUrl.endsWith("/") ? baseUrl.substring(0, baseUrl.length() - 1) : baseUrl;
    this.pinned = TrustRoots.parse(pinnedRoots);
    this.statuses = statuses;
    this.maxAge = bounded(maxAge);
    this.clock = clock;
    this.have = new Held(pinned, null, BundleState.NONE, Collections.emptyList(), Collections.emptyList());
  }

  static Duration bounded(Duration age) {
    if (age.isNegative() || age.compareTo(DAY) > 0) {
      throw new IllegalArgumentException("what is known of revocations says nothing after a day");
    }
    return age;
  }

  private static RefusedException refused(String code, String detail) {
    return new RefusedException(code, detail);
  }

  /**
   * Verifies a bundle and takes it over.
   *
   * @param bundle as the deployment signed it
   * @throws RefusedException when it is not to be believed, with the code of docs/formats.md §12; nothing has changed then
   */
  public void take(byte[] bundle) {
    synchronized (taking) {
      take(new Bundle(bundle.clone()), clock.instant());
    }
  }

  /**
   * Takes over what {@link #kept()} gave in an earlier life of this program. Each is judged as of its own date; whether it is too old
   * by now shows when something is checked.
   *
   * @param kept in the same order
   * @throws RefusedException at the first that is not to be believed; those before it are known then
   */
  public void restore(List<byte[]> kept) {
    synchronized (taking) {
      Instant now = clock.instant();
      for (byte[] one : kept) {
        Bundle b = new Bundle(one.clone());
        take(b, b.issuedAt.isBefore(now) ? b.issuedAt : now);
      }
    }
  }

  /** What to keep over a restart, in order. */
  public List<byte[]> kept() {
    List<byte[]> out = new ArrayList<>();
    have.kept.forEach(one -> out.add(one.clone()));
    return out;
  }

  private void take(Bundle b, Instant at) {
    if (b.issuedAt.isAfter(at.plus(SKEW))) {
      throw refused("bundle-from-future", "it would never grow old");
    }
    Held was = have;
    TrustRoots roots = was.roots;
    TrustList list = was.list;
    if (b.trustList != null) {
      try {
        roots = follow(was.roots, b, at);
        list = roots.verify(b.trustList, at, was.list == null ? 0 : was.list.version());
      } catch (TrustException e) {
        throw untrusted(e);
      }
    }
    TrustDomain home = home(list, b);
    EcKey key;
    try {
      key = home.statusKey(b.keyId, b.issuedAt);
    } catch (TrustException e) {
      throw refused("bundle-wrong-signer", e.code());
    }
    b.verify(key);
    // A key that the list does not know any more may have said anything: all that came under it is forgotten.
    boolean standing = was.signers.stream().allMatch(s -> s.standsIn(home));
    BundleState state;
    try {
      state = (standing ? was.state : BundleState.NONE).apply(b);
    } catch (RefusedException e) {
      anew |= e.code().equals("bundle-gap");
      throw e;
    }
    Signed by = new Signed(b.keyId, key, b.issuedAt);
    if (!alone(b, roots, at)) {
      have = new Held(roots, list, state, and(standing ? was.signers : Collections.emptyList(), by), and(was.kept, b.data));
      return;
    }
    anew = false;
    boolean complete = !standing || was.state.allIn(b);
    if (complete || was.full()) {
      // What it does not speak of cannot be kept for ever, and what is not kept is not known.
      BundleState fresh = complete ? state : BundleState.NONE.apply(b);
      have = new Held(roots, list, fresh, Collections.singletonList(by), Collections.singletonList(b.data));
    } else {
      have = new Held(roots, list, state, and(was.signers, by), and(was.kept, b.data));
    }
  }

  private static <T> List<T> and(List<T> some, T one) {
    List<T> all = new ArrayList<>(some);
    all.add(one);
    return Collections.unmodifiableList(all);
  }

  /** Whether a checker that has nothing but the pinned roots could begin with this bundle. */
  private boolean alone(Bundle b, TrustRoots reached, Instant at) {
    if (!b.whole()) {
      return false;
    }
    try {
      return pinned.version() == reached.version() || follow(pinned, b, at).version() == reached.version();
    } catch (TrustException e) {
      return false; // it has only the roots that were new to us
    }
  }

  /** Each of the roots that is newer than those at hand follows them. */
  private static TrustRoots follow(TrustRoots from, Bundle b, Instant at) {
    TrustRoots roots = from;
    for (byte[] one : b.roots) {
      try {
        roots = roots.next(one, at);
      } catch (TrustException e) {
        if (e.fault() != TrustException.Fault.ROLLED_BACK) {
          throw e;
        }
      }
    }
    return roots;
  }

  /** Old and older have names of their own; whatever else is wrong with roots or list, whoever made the bundle has to look after it. */
  private static TrustException untrusted(TrustException e) {
    boolean old = e.fault() == TrustException.Fault.STALE || e.fault() == TrustException.Fault.ROLLED_BACK;
    return old ? e : new TrustException(e.fault(), "trust-list-invalid", e.getMessage());
  }

  private TrustDomain home(TrustList list, Bundle b) {
    if (list == null) {
      throw refused("bundle-trust-missing", "");
    }
    if (!b.issuer.equals(base)) {
      throw refused("bundle-wrong-signer", "of another deployment");
    }
    return list.domainAt(base).orElseThrow(() -> refused("bundle-wrong-signer", "the trust list does not have the deployment"));
  }

  /** What to ask for next. */
  public BundleRequest wants() {
    Held h = have;
    if (anew || h.kept.isEmpty() || h.full()) {
      return new BundleRequest(pinned.version(), 0, 0, statuses, Collections.emptyMap());
    }
    return new BundleRequest(
        h.roots.version(), h.list.version(), h.state.head, statuses, statuses ? h.state.lists() : Collections.emptyMap());
  }

  /**
   * Fetches what is new and takes it over. What does not continue what is held is asked for whole, once.
   *
   * @param client of the deployment, with the scope {@code verify}
   * @throws ProblemException when nothing could be fetched
   * @throws RefusedException when what came is not to be believed; nothing has changed then
   */
  public void renew(Client client) {
    synchronized (renewing) {
      try {
        take(client.offlineBundle(wants()));
      } catch (RefusedException e) {
        if (!e.code().equals("bundle-gap")) {
          throw e;
        }
        take(client.offlineBundle(wants()));
      }
    }
  }

  /** The moment of the newest bundle; empty: there is none. Its age belongs on the screen. */
  @Override
  public Optional<Instant> asOf() {
    return Optional.ofNullable(have.state.asOf);
  }

  @Override
  public boolean revoked(String serial) {
    return have.state.revoked(serial);
  }

  @Override
  public TrustList current() {
    TrustList list = have.list;
    if (list == null) {
      throw new TrustException(TrustException.Fault.UNAVAILABLE, "no bundle");
    }
    if (!list.freshAt(clock.instant())) {
      throw new TrustException(TrustException.Fault.STALE, "list " + list.version());
    }
    return list;
  }

  /**
   * The status of a certificate whose list was taken along.
   *
   * @throws RefusedException {@code bundle-list-missing} when it was not
   */
  @Override
  public Answer status(StatusReference reference, TrustDomain home) {
    boolean ours = home.baseUrl().equals(base) && reference.uri().startsWith(home.statusPrefix);
    Held h = have;
    Answer answer = entry(h.state, ours ? reference.uri().substring(home.statusPrefix.length()) : "", reference.index());
    // The caller's trust list may be newer than the bundle's.
    if (!h.signers.stream().allMatch(s -> s.standsIn(home))) {
      throw new TrustException(TrustException.Fault.KEY_UNKNOWN, "who signed the bundle does not count any more");
    }
    return answer;
  }

  private Answer entry(BundleState state, String list, long index) {
    Instant asOf = state.asOf(list);
    if (asOf == null) {
      throw refused("bundle-list-missing", "");
    }
    return Answer.bounded(state.status(list, index), asOf, "bundle", maxAge);
  }

  /** What the bundles say of an entry, whoever asks. */
  Answer entry(String list, long index) {
    return entry(have.state, list, index);
  }
}
