package com.example.bank;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A real {@code showcard demo} of its own: the built binary, a free port of this machine, a folder that goes away. */
final class Demo implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  final Path data;
  final String base;
  private final String binary;
  private final Process process;
  private final HttpClient http = HttpClient.newHttpClient();

  Demo(Path folder) throws IOException {
    binary = System.getenv("SHOWCARD_BINARY");
    if (binary == null) {
      throw new IllegalStateException("SHOWCARD_BINARY names the built showcard: make -C sdk/java sample");
    }
    data = folder.resolve("data");
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      port = free.getLocalPort();
    }
    base = "http://localhost:" + port;
    process = new ProcessBuilder(binary, "demo", "--addr", "127.0.0.1:" + port, "--data", data.toString()).redirectErrorStream(true).start();
    waitUntilRunning();
  }

  private void waitUntilRunning() throws IOException {
    BufferedReader out = process.inputReader();
    StringBuilder said = new StringBuilder();
    for (String line = out.readLine(); line != null; line = out.readLine()) {
      said.append(line).append('\n');
      if (line.contains("the demo is running")) {
        Thread rest = new Thread(() -> out.lines().forEach(l -> {}));
        rest.setDaemon(true);
        rest.start();
        return;
      }
    }
    throw new IllegalStateException("the demo did not start:\n" + said);
  }

  /** Runs a subcommand with this demo's data. */
  String run(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(binary));
    command.addAll(List.of(args));
    command.addAll(List.of("--data", data.toString()));
    Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (InputStream in = p.getInputStream()) {
      String said = new String(in.readAllBytes()).strip();
      if (!p.waitFor(30, TimeUnit.SECONDS) || p.exitValue() != 0) {
        throw new IllegalStateException(String.join(" ", args) + ": " + said);
      }
      return said;
    }
  }

  /** Asks the deployment as somebody; a body of null is a GET. */
  JsonNode ask(String token, String path, Object body) throws IOException, InterruptedException {
    HttpRequest.Builder r = HttpRequest.newBuilder(URI.create(base + path)).header("Authorization", "Bearer " + token).header("Content-Type", "application/json");
    if (body != null) {
      r.POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body)));
    }
    HttpResponse<String> answer = http.send(r.build(), HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() > 299) {
      throw new IllegalStateException(path + ": " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  /** A key file of one of the demo's clients. */
  Path keyOf(String client) throws IOException {
    for (JsonNode caller : JSON.readTree(data.resolve("demo.json").toFile()).get("callers")) {
      if (caller.get("client_id").asText().equals(client)) {
        return data.resolve(caller.get("key_file").asText());
      }
    }
    throw new IllegalStateException("no client " + client);
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
