package io.github.showcard.sdk;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A deployment that answers what a test tells it to, and remembers what it was asked. */
final class FakeServer implements AutoCloseable {
  /** One request. */
  static final class Seen {
    final String method;
    final String path;
    final String key;
    final String authorization;
    final String body;

    private Seen(HttpExchange x, String body) {
      method = x.getRequestMethod();
      path = x.getRequestURI().toString();
      key = x.getRequestHeaders().getFirst("Idempotency-Key");
      authorization = x.getRequestHeaders().getFirst("Authorization");
      this.body = body;
    }
  }

  /** One answer; a status of 0 hangs up. */
  static final class Reply {
    final int status;
    final byte[] body;
    final Map<String, String> headers = new HashMap<>();

    Reply(int status, String body, String... headers) {
      this(status, body.getBytes(StandardCharsets.UTF_8), headers);
    }

    Reply(int status, byte[] body, String... headers) {
      this.status = status;
      this.body = body;
      this.headers.put("Content-Type", status < 300 ? "application/json" : "application/problem+json");
      for (int i = 0; i < headers.length; i += 2) {
        this.headers.put(headers[i], headers[i + 1]);
      }
    }
  }

  final String base;
  final List<Seen> seen = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, Deque<Reply>> replies = new HashMap<>();
  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  FakeServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    base = "http://127.0.0.1:" + server.getAddress().getPort();
    server.createContext("/", this::handle);
    server.setExecutor(threads);
    server.start();
  }

  /** Answers for a path, in turn; the last one for ever. */
  FakeServer on(String path, Reply... all) {
    synchronized (replies) {
      replies.put(path, new ArrayDeque<>(List.of(all)));
    }
    return this;
  }

  FakeServer granting() {
    return on("/oauth/token", new Reply(200, "{\"access_token\":\"t1\",\"token_type\":\"Bearer\",\"expires_in\":600}"));
  }

  private void handle(HttpExchange x) throws IOException {
    seen.add(new Seen(x, new String(x.getRequestBody().readAllBytes(), StandardCharsets.UTF_8)));
    Reply r;
    synchronized (replies) {
      Deque<Reply> all = replies.getOrDefault(x.getRequestURI().getPath(), new ArrayDeque<>(List.of(new Reply(404, "{\"code\":\"not-found\"}"))));
      r = all.size() > 1 ? all.poll() : all.peek();
    }
    if (r.status == 0) {
      x.close();
      return;
    }
    r.headers.forEach((name, value) -> x.getResponseHeaders().set(name, value));
    x.sendResponseHeaders(r.status, r.body.length == 0 ? -1 : r.body.length);
    x.getResponseBody().write(r.body);
    x.close();
  }

  long count(String path) {
    synchronized (seen) {
      return seen.stream().filter(s -> s.path.equals(path)).count();
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
