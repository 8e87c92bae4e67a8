package io.github.showcard.sdk;

import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Fetches signed status lists and keeps each for its ttl. What it keeps was verified under the key that the trust list gives the
 * domain. Whoever asks tells nobody which certificate she looks at. Safe for concurrent use.
 */
public final class RemoteStatus implements StatusSource {
  private static final Duration RETRY = Duration.ofSeconds(1);
  private static final Duration MAX_AGE = Duration.ofMinutes(5); // bounds what the ttl of a list can talk us into
  private static final int MAX_LISTS = 64; // each may take a few megabytes

  private final Http http;
  private final Clock clock;
  private final Path folder; // null: nothing is kept
  private final Map<String, Kept> lists =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Kept> eldest) {
          return size() > MAX_LISTS;
        }
      };

  /** A list, or why there is none. */
  private static final class Kept {
    private StatusList list;
    private EcKey signer;
    private Instant fetched;
    private Instant failed;
    private RefusedException error;
  }

  /** With the system's clock. */
  public RemoteStatus() {
    this(null, null, Clock.systemUTC());
  }

  /**
   * Makes one.
   *
   * @param folder where lists are kept, so that a restart goes on without a network as long as they are fresh; or null
   * @param client to send requests with, or null
   * @param clock what time it is
   */
  public RemoteStatus(Path folder, HttpClient client, Clock clock) {
    this.folder = folder;
    this.http = new Http(client);
    this.clock = clock;
  }

  @Override
  public Answer status(StatusReference reference, TrustDomain home) {
    Kept kept;
    synchronized (lists) {
      kept = lists.computeIfAbsent(reference.uri(), uri -> new Kept());
    }
    synchronized (kept) { // one fetch at a time for each list
      Instant now = clock.instant();
      StatusList l = kept.list;
      boolean stale = l == null || !now.isBefore(kept.fetched.plus(l.ttl())) || !l.freshAt(now);
      if (stale && (kept.failed == null || now.isAfter(kept.failed.plus(RETRY)))) {
        fetch(kept, reference.uri(), home, now);
      }
      if (kept.list == null) {
        throw kept.error;
      }
      trusted(kept, home);
      Status status = kept.list.get(reference.index());
      Duration twice = kept.list.ttl().multipliedBy(2);
      return new Answer(status, kept.list.issuedAt(), "list", twice.compareTo(MAX_AGE) < 0 ? twice : MAX_AGE);
    }
  }

  private void fetch(Kept kept, String uri, TrustDomain home, Instant now) {
    try {
      String text;
      try {
        text = new String(http.get(uri, "application/statuslist+jwt"), StandardCharsets.UTF_8).strip();
      } catch (IOException e) {
        if (kept.list != null || folder == null || !Files.exists(file(uri))) {
          throw e;
        }
        // Nothing is believed for standing there: it is verified like one from the network, and is as old as it is.
        take(kept, Files.readString(file(uri)), uri, home, now);
        kept.failed = now;
        return;
      }
      take(kept, text, uri, home, now);
      kept.failed = null;
      if (folder != null) {
        RemoteTrust.write(file(uri), text.getBytes(StandardCharsets.UTF_8));
      }
    } catch (RefusedException e) {
      kept.error = e;
      kept.failed = now;
    } catch (IOException e) {
      kept.error = new StatusList.Refused("status-unavailable", e.getClass().getSimpleName());
      kept.failed = now;
    }
  }

  private static void take(Kept kept, String text, String uri, TrustDomain home, Instant now) {
    StatusList l = StatusList.read(text);
    EcKey signer = home.statusKey(l.keyId(), l.issuedAt());
    l.verify(signer, uri, now);
    if (kept.list != null && l.issuedAt().isBefore(kept.list.issuedAt())) {
      throw new StatusList.Refused("status-unavailable", "older than one already seen");
    }
    kept.list = l;
    kept.signer = signer;
    kept.fetched = now;
  }

  private Path file(String uri) {
    return folder.resolve(Base64Url.encode(HashName.SHA256.sum(uri.getBytes(StandardCharsets.UTF_8))) + ".jws");
  }

  /** The key may have been frozen since the list was kept: the trust list is asked each time. */
  private static void trusted(Kept kept, TrustDomain home) {
    try {
      if (!home.statusKey(kept.list.keyId(), kept.list.issuedAt()).equals(kept.signer)) {
        throw new TrustException(TrustException.Fault.KEY_UNKNOWN, "another key has its id");
      }
    } catch (TrustException e) {
      kept.list = null; // perhaps there is one by a better key
      kept.error = e;
      throw e;
    }
  }
}
