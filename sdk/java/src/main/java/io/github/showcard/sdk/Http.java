package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

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
    // The timeout of a request ends with the headers of its answer; a body that does not come is given up as well.
    Duration whole = request.timeout().orElse(Duration.ofSeconds(30)).plusSeconds(5);
    CompletableFuture<HttpResponse<byte[]>> answer = client.sendAsync(request, info -> new Bounded());
    try {
      HttpResponse<byte[]> response = answer.get(whole.toMillis(), TimeUnit.MILLISECONDS);
      return new Answer(response, response.body());
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted");
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new IOException("the answer does not end");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException) {
        throw (IOException) e.getCause();
      }
      throw new IOException(e.getCause());
    }
  }

  /** Collects a body of bounded size. */
  private static final class Bounded implements HttpResponse.BodySubscriber<byte[]> {
    private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();
    private Flow.Subscription subscription;

    @Override
    public CompletionStage<byte[]> getBody() {
      return whole;
    }

    @Override
    public void onSubscribe(Flow.Subscription s) {
      subscription = s;
      s.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(List<ByteBuffer> pieces) {
      for (ByteBuffer piece : pieces) {
        byte[] b = new byte[piece.remaining()];
        piece.get(b);
        if (body.size() + b.length > MAX_BODY) {
          subscription.cancel();
          whole.completeExceptionally(new IOException("the answer is too large"));
          return;
        }
        body.write(b, 0, b.length);
      }
    }

    @Override
    public void onError(Throwable t) {
      whole.completeExceptionally(t);
    }

    @Override
    public void onComplete() {
      whole.complete(body.toByteArray());
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
