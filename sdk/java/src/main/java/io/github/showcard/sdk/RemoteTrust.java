package io.github.showcard.sdk;

import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Keeps a deployment's trust list at hand. It starts from pinned roots, follows the chain of newer roots, refuses a list older
 * than one it has seen, and goes on answering from the last good list while the network is away, until that list expires. Safe for
 * concurrent use.
 */
public final class RemoteTrust implements TrustSource {
  private static final Duration RENEW = Duration.ofMinutes(1);
  private static final Duration ROOTS_RENEW = Duration.ofHours(1);
  private static final Duration RETRY = Duration.ofSeconds(1); // a failing server is not asked at every verification
  private static final int MAX_STEPS = 120; // a rotation a month for ten years

  private final String base;
  private final Http http;
  private final Clock clock;
  private final Path memory; // null: none
  private final List<String> chain = new ArrayList<>(); // root sets that followed the pinned one

  private TrustRoots roots;
  private TrustList list;
  private String text; // of the list
  private Instant fetched;
  private Instant walked;
  private TrustException lastError;
  private long newest;
  private long seenRoots;

  /**
   * Without a memory: a restart may believe an older list again.
   *
   * @param baseUrl of the deployment, such as {@code https://cards.example.gov.cn}
   * @param pinnedRoots from the operator on a safe way, not from that address
   */
  public RemoteTrust(String baseUrl, byte[] pinnedRoots) {
    this(baseUrl, pinnedRoots, null, null, Clock.systemUTC());
  }

  /**
   * With a memory.
   *
   * @param baseUrl of the deployment
   * @param pinnedRoots from the operator on a safe way
   * @param memory a file of this one verifier that keeps list, roots and the newest versions seen, so that a restart goes on without a
   *     network and believes nothing older; or null
   * @param client to send requests with, or null
   * @param clock what time it is
   */
  public RemoteTrust(String baseUrl, byte[] pinnedRoots, Path memory, HttpClient client, Clock clock) {
    this.base = Http.base(baseUrl);
    this.roots = TrustRoots.parse(pinnedRoots);
    this.memory = memory;
    this.http = new Http(client);
    this.clock = clock;
    if (memory != null && Files.exists(memory)) {
      recall();
    }
  }

  /**
   * Takes up what was kept. Nothing of it is believed for standing there: roots are walked from the pinned ones, the list is verified
   * by them, and an expired one serves for its version alone.
   */
  private void recall() {
    Json seen;
    try {
      seen = Json.parse(Files.readAllBytes(memory), 3);
      newest = TrustReader.number(seen, "trust_list_version");
      seenRoots = TrustReader.number(seen, "roots_version");
      if (newest < 1) {
        throw new SyntaxException("no version");
      }
    } catch (IOException | SyntaxException | TrustException e) {
      // A file that cannot be read may have been more: to begin anew is for a person to decide.
      throw new IllegalArgumentException("the memory of the trust list cannot be read");
    }
    Instant now = clock.instant();
    try {
      for (String next : TrustReader.texts(seen, "roots")) {
        follow(next, now);
      }
      String kept = TrustReader.text(seen, "list");
      list = roots.version() < seenRoots ? null : roots.verify(kept, now, newest);
      text = list == null ? null : kept;
    } catch (TrustException e) {
      lastError = e; // the deployment will be asked
    }
  }

  /** Roots that were pinned anew since are ahead of what was kept. */
  private void follow(String next, Instant now) {
    try {
      roots = roots.next(next.getBytes(StandardCharsets.UTF_8), now);
      chain.add(next);
    } catch (TrustException e) {
      if (e.fault() != TrustException.Fault.ROLLED_BACK) {
        throw e;
      }
    }
  }

  @Override
  public synchronized TrustList current() {
    Instant now = clock.instant();
    if (fetched == null || now.isAfter(fetched.plus(lastError == null ? RENEW : RETRY))) {
      try {
        refresh(now);
        lastError = null;
      } catch (TrustException e) {
        lastError = e;
      } catch (IOException e) {
        lastError = new TrustException(TrustException.Fault.UNAVAILABLE, e.getClass().getSimpleName());
      }
      fetched = now;
    }
    if (list == null) {
      throw lastError;
    }
    if (!list.freshAt(now)) {
      throw new TrustException(TrustException.Fault.STALE, "list " + list.version());
    }
    return list;
  }

  /** Why the last renewal failed, if it did. */
  public synchronized Optional<TrustException> lastError() {
    return Optional.ofNullable(lastError);
  }

  /** The list as it was signed, to file it beside receipts; empty before the first. */
  public synchronized Optional<String> signedList() {
    return Optional.ofNullable(text);
  }

  private void refresh(Instant now) throws IOException {
    String got = new String(http.get(base + "/v1/trust-list", "application/jose"), StandardCharsets.US_ASCII);
    long seen = list == null ? newest : Math.max(newest, list.version());
    TrustRoots by = roots;
    List<String> steps = new ArrayList<>();
    TrustList good = null;
    TrustException judged = null;
    try {
      good = by.verify(got, now, seen);
    } catch (TrustException e) {
      if (e.fault() == TrustException.Fault.ROLLED_BACK) {
        throw e;
      }
      judged = e;
    }
    // The list may be signed by a key that only newer roots name, or that only newer roots drop.
    if (judged != null || by.version() < seenRoots || walked == null || !now.isBefore(walked.plus(ROOTS_RENEW))) {
      for (int step = 0; step < MAX_STEPS; step++) {
        String next = following(by);
        try {
          by = by.next(next.getBytes(StandardCharsets.UTF_8), now);
          steps.add(next);
        } catch (TrustException e) {
          break; // there are none, they cannot be had, or they do not follow
        }
        try {
          good = by.verify(got, now, seen);
          judged = null;
        } catch (TrustException e) {
          judged = e;
        }
      }
      if (judged != null) {
        throw judged; // the list is to blame: no roots are taken, and it may come right
      }
      if (by.version() < seenRoots) {
        throw new TrustException(TrustException.Fault.UNAVAILABLE, "newer roots were seen before than the server offers");
      }
      walked = now;
    }
    if (!got.equals(text) || by != roots) {
      chain.addAll(steps);
      remember(good.version(), by.version(), got);
    }
    roots = by;
    list = good;
    text = got;
    seenRoots = Math.max(seenRoots, by.version());
  }

  /** The next root set as the deployment has it, or nothing. */
  private String following(TrustRoots by) {
    try {
      return new String(http.get(base + "/v1/trust-list/roots?version=" + (by.version() + 1), "application/json"), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }

  private void remember(long listVersion, long rootsVersion, String signed) throws IOException {
    if (memory == null) {
      return;
    }
    Map<String, Object> seen = new LinkedHashMap<>();
    seen.put("trust_list_version", listVersion);
    seen.put("roots_version", rootsVersion);
    seen.put("roots", chain);
    seen.put("list", signed);
    write(memory, JsonText.of(seen).getBytes(StandardCharsets.UTF_8));
  }

  /** Writes beside and renames: after a power cut there is the old file or the new one. */
  static void write(Path file, byte[] data) throws IOException {
    Path beside = Files.createTempFile(file.toAbsolutePath().getParent(), ".showcard-", "");
    try {
      try (FileChannel out = FileChannel.open(beside, StandardOpenOption.WRITE)) {
        for (ByteBuffer rest = ByteBuffer.wrap(data); rest.hasRemaining(); ) {
          out.write(rest);
        }
        out.force(true); // or the name could be there before the content
      }
      Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(beside);
    }
  }
}
