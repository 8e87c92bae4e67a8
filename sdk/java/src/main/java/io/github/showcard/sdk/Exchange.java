package io.github.showcard.sdk;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

/** Sends requests of a client: its token, and what is repeated. */
final class Exchange {
  private static final String ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  private static final int ATTEMPTS = 6;
  private static final Duration MAX_PAUSE = Duration.ofSeconds(20);

  private final String base;
  private final String audience;
  private final String clientId;
  private final Signer key;
  private final Clock clock;
  private final Duration patience;
  private final Client.Pause pause;
  private final Http http;

  private final Object tokenLock = new Object();
  private String bearer; // under tokenLock
  private Instant until;

  Exchange(Client.Builder b) {
    base = b.base;
    audience = b.audience;
    clientId = b.clientId;
    key = b.key;
    clock = b.clock;
    patience = b.patience;
    pause = b.pause;
    http = new Http(b.http);
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(base + path)).timeout(Duration.ofSeconds(30)).header("User-Agent", Http.AGENT).header("Accept", "application/json");
  }

  /** Sends with a token, again if that may be. The answer is a success. */
  Http.Answer send(HttpRequest.Builder r, boolean repeatable) {
    return again(
        repeatable ? ATTEMPTS : 1,
        () -> {
          String token = token();
          try {
            return once(r.setHeader("Authorization", "Bearer " + token).build());
          } catch (ProblemException e) {
            if (!e.code().equals("token-expired") && !e.code().equals("token-invalid")) {
              throw e;
            }
            // The server restarted with another key, or our clocks differ: once more, with a new one.
            forget(token);
            return once(r.setHeader("Authorization", "Bearer " + token()).build());
          }
        });
  }

  private Http.Answer once(HttpRequest r) {
    Http.Answer a;
    try {
      a = http.send(r);
    } catch (IOException e) {
      throw ProblemException.unreachable(e);
    }
    if (a.status < 200 || a.status > 299) {
      throw ProblemException.of(a, clock);
    }
    return a;
  }

  /**
   * Between attempts it waits as the server asks, or with growing, random pauses, so that a thousand clients of a restarted server
   * do not come back in step.
   */
  private <T> T again(int attempts, Supplier<T> attempt) {
    Instant end = clock.instant().plus(patience);
    for (int n = 1; ; n++) {
      try {
        return attempt.get();
      } catch (ProblemException e) {
        if (n >= attempts || !e.passing()) {
          throw e;
        }
        long ceiling = Math.min(250L << Math.min(n - 1, 16), MAX_PAUSE.toMillis());
        Duration wait = Duration.ofMillis(ceiling / 2 + ThreadLocalRandom.current().nextLong(ceiling / 2));
        if (e.retryAfter().isPresent()) {
          wait = e.retryAfter().get().plusMillis(ThreadLocalRandom.current().nextLong(250));
        }
        if (clock.instant().plus(wait).isAfter(end)) {
          throw e;
        }
        sleep(wait);
      }
    }
  }

  void sleep(Duration wait) {
    try {
      pause.sleep(wait);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted");
    }
  }

  /** A token for who sends requests of her own. */
  String accessToken() {
    return again(ATTEMPTS, this::token);
  }

  /** One request for a token at a time: whoever comes meanwhile waits for it. What fails on its way is repeated with the request. */
  private String token() {
    synchronized (tokenLock) {
      if (bearer == null || !clock.instant().isBefore(until)) {
        Json granted = json(grant());
        Long seconds = granted.get("expires_in") == null ? null : granted.get("expires_in").integer();
        if (granted.textOf("access_token") == null || seconds == null || seconds < 0) {
          throw ProblemException.malformed("the token endpoint gave no token");
        }
        long life = Math.min(seconds, 86400);
        bearer = granted.textOf("access_token");
        until = clock.instant().plusSeconds(life - Math.min(life / 5, 30));
      }
      return bearer;
    }
  }

  private void forget(String token) {
    synchronized (tokenLock) {
      if (token.equals(bearer)) {
        bearer = null;
      }
    }
  }

  private Http.Answer grant() {
    String form =
        "grant_type=client_credentials&client_assertion_type="
            + URLEncoder.encode(ASSERTION_TYPE, StandardCharsets.UTF_8)
            + "&client_assertion="
            + assertion();
    return once(request("/oauth/token").header("Content-Type", "application/x-www-form-urlencoded").POST(HttpRequest.BodyPublishers.ofString(form)).build());
  }

  /** RFC 7523 §3: made anew for each attempt, because each is taken once. */
  private String assertion() {
    long now = clock.instant().getEpochSecond();
    Map<String, Object> claims = new LinkedHashMap<>();
    claims.put("iss", clientId);
    claims.put("sub", clientId);
    claims.put("aud", audience);
    claims.put("iat", now);
    claims.put("exp", now + 60);
    claims.put("jti", Client.random(16));
    return Jws.sign(key, "client-authentication+jwt", key.publicKey().id(), claims);
  }

  static Json json(Http.Answer a) {
    try {
      return Json.parse(a.body, 32);
    } catch (SyntaxException e) {
      throw ProblemException.malformed(e.getMessage());
    }
  }
}
