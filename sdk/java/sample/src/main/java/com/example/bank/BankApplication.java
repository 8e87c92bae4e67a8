package com.example.bank;

import io.github.showcard.sdk.Client;
import io.github.showcard.sdk.ClientKey;
import io.github.showcard.sdk.RemoteStatus;
import io.github.showcard.sdk.RemoteTrust;
import io.github.showcard.sdk.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** A bank that opens accounts for people who show a certificate at the counter. */
@SpringBootApplication
public class BankApplication {
  public static void main(String[] args) {
    SpringApplication.run(BankApplication.class, args);
  }

  @Bean
  Client client(
      @Value("${showcard.url}") String url, @Value("${showcard.client-id}") String id, @Value("${showcard.key-file}") Path key)
      throws IOException {
    return new Client(url, id, ClientKey.read(key));
  }

  @Bean
  RemoteTrust trust(
      @Value("${showcard.url}") String url, @Value("${showcard.roots-file}") Path roots, @Value("${showcard.memory-file}") Path memory)
      throws IOException {
    return new RemoteTrust(url, Files.readAllBytes(roots), memory, null, Clock.systemUTC());
  }

  @Bean
  Verifier verifier(RemoteTrust trust) {
    return new Verifier(trust, new RemoteStatus());
  }
}
