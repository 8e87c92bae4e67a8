package io.github.showcard.sdk;

import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A registered checker's line to a deployment.
 *
 * <pre>{@code
 * Client client = new Client("https://cards.example.gov.cn", "bank-1", ClientKey.read(Path.of("bank-1.jwk")));
 * Answer answer = client.verify(VerificationRequest.code(scanned, "account-opening").receipt());
 * if (answer.valid()) { … answer.claims().text("name") … }
 * }</pre>
 *
 * <p>It gets its token by {@code private_key_jwt} and keeps it until shortly before its end. What fails on its way (429, 502, 503,
 * 504, broken connections) it repeats with the same {@code Idempotency-Key}, waiting as the deployment asks, with jitter, for as
 * long as its patience lasts; so a code is never counted as used twice. Everything else is a {@link ProblemException}. Safe for
 * concurrent use.
 */
public final class Client {
  /** How a client waits, so that tests need not. */
  interface Pause {
    void sleep(Duration d) throws InterruptedException;
  }

  /** How many checks one call of {@link #settle} reports. */
  public static final int MAX_SETTLED = 200;

  private static final SecureRandom RANDOM = new SecureRandom();

  private final Exchange exchange;
  private final Clock clock;

  /**
   * Makes a client.
   *
   * @param baseUrl public URL of the deployment
   * @param clientId as registered
   * @param key whose public half is registered for the client
   */
  public Client(String baseUrl, String clientId, Signer key) {
    this(builder(baseUrl, clientId, key));
  }

  private Client(Builder b) {
    clock = b.clock;
    exchange = new Exchange(b);
  }

  /**
   * For a client with other than the usual settings.
   *
   * @param baseUrl public URL of the deployment
   * @param clientId as registered
   * @param key whose public half is registered for the client
   */
  public static Builder builder(String baseUrl, String clientId, Signer key) {
    return new Builder(baseUrl, clientId, key);
  }

  /** Settings of a client. */
  public static final class Builder {
    final String base;
    final String clientId;
    final Signer key;
    String audience;
    HttpClient http;
    Clock clock = Clock.systemUTC();
    Duration patience = Duration.ofSeconds(45);
    Pause pause = d -> Thread.sleep(d.toMillis());

    private Builder(String baseUrl, String clientId, Signer key) {
      this.base = Http.base(baseUrl);
      this.audience = base;
      this.clientId = clientId;
      this.key = key;
    }

    /**
     * The public URL of the deployment, where it answers at another address.
     *
     * @param publicUrl what assertions are made out to
     */
    public Builder publicUrl(String publicUrl) {
      audience = publicUrl;
      return this;
    }

    /**
     * What sends the requests: for a proxy, or authorities of one's own.
     *
     * @param client one that follows no redirects
     */
    public Builder http(HttpClient client) {
      if (client.followRedirects() != HttpClient.Redirect.NEVER) {
        throw new IllegalArgumentException("a client that follows redirects would send the token elsewhere");
      }
      http = client;
      return this;
    }

    /**
     * How long a request is repeated. Beyond 60 s a deployment does not repeat its answer, and a clerk has gone home.
     *
     * @param patience 45 s unless set
     */
    public Builder patience(Duration patience) {
      this.patience = patience;
      return this;
    }

    Builder clock(Clock clock, Pause pause) {
      this.clock = clock;
      this.pause = pause;
      return this;
    }

    /** Makes the client. */
    public Client build() {
      return new Client(this);
    }
  }

  /**
   * Checks a code, a picture of one, or a presentation. When fields were asked for that the holder does not show, it waits for her
   * answer.
   *
   * @param request what to check, and what for
   * @return the recorded answer, whatever it is
   * @throws ProblemException when the request was refused, and nothing was spent, or did not get through
   */
  public Answer verify(VerificationRequest request) {
    return post(request);
  }

  /**
   * Checks claims without a code: a yes or no for each.
   *
   * @param facts what is claimed
   * @param purpose a code that the registry lets us use for this type
   */
  public Answer checkFacts(Facts facts, String purpose) {
    return post(VerificationRequest.facts(facts, purpose));
  }

  private Answer post(VerificationRequest request) {
    String key = request.key() == null ? random(16) : request.key();
    if (!key.matches("[ -~]{1,255}")) {
      throw new IllegalArgumentException("an idempotency key is 1 to 255 printable ASCII characters");
    }
    HttpRequest.Builder r =
        exchange
            .request("/v1/verifications")
            .header("Idempotency-Key", key)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(request.json()));
    Http.Answer a = exchange.send(r, true);
    while (a.status == 202) {
      a = pending(Exchange.json(a));
    }
    return Answer.of(Exchange.json(a));
  }

  /** Waits for a holder who is being asked. The deployment ends it: she has a minute or two. */
  private Http.Answer pending(Json asked) {
    String id = asked.textOf("id");
    Instant until;
    try {
      until = Instant.parse(String.valueOf(asked.textOf("expires_at")));
    } catch (DateTimeParseException e) {
      throw ProblemException.malformed("expires_at");
    }
    if (id == null || clock.instant().isAfter(until.plusSeconds(60))) {
      throw ProblemException.malformed("a holder is asked for ever");
    }
    return exchange.send(exchange.request("/v1/verifications/" + path(id) + "?wait=20"), true);
  }

  /** Makes a single-use challenge for a presentation. */
  public Challenge challenge() {
    HttpRequest.Builder r = exchange.request("/v1/verifications/challenges").POST(HttpRequest.BodyPublishers.noBody());
    return Challenge.of(Exchange.json(exchange.send(r, true))); // one that was lost on its way lapses
  }

  /**
   * The receipt of a check, with its salts, as long as the record is kept.
   *
   * @param id of the check
   */
  public SignedReceipt receipt(String id) {
    return SignedReceipt.of(Exchange.json(exchange.send(exchange.request("/v1/verifications/" + path(id) + "/receipt"), true)));
  }

  /**
   * The portrait of a certificate that was checked, for five minutes: compare it with the person, and {@link Portrait#matches} with
   * what was signed. Fetching it stands in the holder's history.
   *
   * @param id of the check
   */
  public Portrait portrait(String id) {
    HttpRequest.Builder r = exchange.request("/v1/verifications/" + path(id) + "/portrait").setHeader("Accept", "image/jpeg, image/webp, application/problem+json");
    return Portrait.of(exchange.send(r, true));
  }

  /**
   * Says, after a check, whether the person in front is the one of the certificate: within five minutes, once; the same word again
   * is the same answer. {@code false} makes the check invalid, and a receipt that is fetched afterwards says so.
   *
   * @param id of the check
   * @param same whether it is the same person
   * @return the answer with the word in it
   */
  public Answer person(String id, boolean same) {
    HttpRequest.Builder r =
        exchange
            .request("/v1/verifications/" + path(id) + "/person")
            .header("Idempotency-Key", random(16))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"same\":" + same + "}"));
    return Answer.of(Exchange.json(exchange.send(r, true)));
  }

  /**
   * What an offline checker takes along. {@link Bundles#renew} asks for it and takes it over.
   *
   * @param wants what the checker has
   * @return as the deployment signed it, trusted in nothing yet
   */
  public byte[] offlineBundle(BundleRequest wants) {
    HttpRequest.Builder r =
        exchange
            .request("/v1/offline/bundle")
            .setHeader("Accept", Bundle.TYPE + ", application/problem+json")
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(wants.json()));
    return exchange.send(r, true).body; // it reads only
  }

  /**
   * Reports checks that were made without a network, in their order; each becomes a verification with its receipt, and stands in the
   * holder's history. A report that got no answer is made again: a proof is counted once. What was refused as
   * {@code check-from-future} may be reported again later, nothing else that was refused. {@link SettlementQueue} keeps them until
   * there is a network.
   *
   * @param reports at most {@link #MAX_SETTLED}
   */
  public Settled settle(List<OfflineReport> reports) {
    if (reports.isEmpty() || reports.size() > MAX_SETTLED) {
      throw new IllegalArgumentException("1 to " + MAX_SETTLED + " checks are settled at once");
    }
    List<Json> checks = reports.stream().map(OfflineReport::json).collect(Collectors.toList());
    HttpRequest.Builder r =
        exchange
            .request("/v1/verifications/offline")
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(JsonText.of(Collections.singletonMap("checks", checks))));
    return Settled.of(Exchange.json(exchange.send(r, true)), reports.size());
  }

  void pause(Duration d) {
    exchange.sleep(d);
  }

  /** An access token, for routes that this class does not have. It is kept, so ask at each use. */
  public String accessToken() {
    return exchange.accessToken();
  }

  private static String path(String id) {
    return URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20");
  }

  static String random(int bytes) {
    byte[] b = new byte[bytes];
    RANDOM.nextBytes(b);
    return Base64Url.encode(b);
  }
}
