package io.github.showcard.sdk;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CancellationException;

/** HTTP with bounds on time and size, and without redirects: nobody sends our token elsewhere. */
final class Http {
  /** An answer, whole. */
  static final class Answer {
    final int status;
    final byte[] body;
    final HttpResponse<?> response;

    private Answer(HttpResponse<?> response, byte[] body) {
      this.status = response.statusCode();
      this.body = body;
      this.response = response;
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }
  }

  static final String AGENT = "showcard-sdk-java/" + version();
  private static final int MAX_BODY = 16 << 20;

  private final HttpClient client;

  Http(HttpClient client) {
    this.client =
        client != null
            ? client
            : HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).followRedirects(HttpClient.Redirect.NEVER).build();
  }

  private static String version() {
    String v = Http.class.getPackage().getImplementationVersion();
    return v == null ? "development" : v;
  }

  /** Sends a request. An interrupt is the caller's wish to stop, and stays set. */
  Answer send(HttpRequest request) throws IOException {
    try {
      HttpResponse<InputStream> response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
      try (InputStream in = response.body()) {
        byte[] body = in.readNBytes(MAX_BODY + 1);
        if (body.length > MAX_BODY) {
          throw new IOException("the answer is too large");
        }
        return new Answer(response, body);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted");
    }
  }

  byte[] get(String url, String accept) throws IOException {
    Answer a =
        send(
            HttpRequest.newBuilder(URI.create(url))
                .timeout(Duration.ofSeconds(10))
                .header("Accept", accept)
                .header("User-Agent", AGENT)
                .build());
    if (a.status != 200) {
      throw new IOException("GET: status " + a.status);
    }
    return a.body;
  }

  /** The base of a deployment: https, or http on this machine, and no path. */
  static String base(String url) {
    URI u = URI.create(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
    boolean form = u.getHost() != null && u.getUserInfo() == null && u.getQuery() == null && u.getFragment() == null && u.getPath().isEmpty();
    // A token is a bearer secret; in the clear it stays on this machine.
    boolean safe = "https".equals(u.getScheme()) || "http".equals(u.getScheme()) && form && TrustReader.loopback(u.getHost());
    if (!form || !safe) {
      throw new IllegalArgumentException("want https://HOST without a path (plain http is for this machine only)");
    }
    return u.toString();
  }
}
