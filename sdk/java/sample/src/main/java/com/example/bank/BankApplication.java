package com.example.bank;

import io.github.showcard.sdk.BundleFile;
import io.github.showcard.sdk.Bundles;
import io.github.showcard.sdk.Client;
import io.github.showcard.sdk.ClientKey;
import io.github.showcard.sdk.OfflineVerifier;
import io.github.showcard.sdk.RefusedException;
import io.github.showcard.sdk.RemoteStatus;
import io.github.showcard.sdk.RemoteTrust;
import io.github.showcard.sdk.ReplayMemory;
import io.github.showcard.sdk.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Primary;

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
  @Primary // while the line is up, the newest list decides
  RemoteTrust trust(
      @Value("${showcard.url}") String url, @Value("${showcard.roots-file}") Path roots, @Value("${showcard.memory-file}") Path memory)
      throws IOException {
    return new RemoteTrust(url, Files.readAllBytes(roots), memory, null, Clock.systemUTC());
  }

  /** What the counter knows when the line is down. What is on the disk is signed: it goes on from there, or begins anew. */
  @Bean
  Bundles bundles(@Value("${showcard.url}") String url, @Value("${showcard.roots-file}") Path roots, BundleFile file) throws IOException {
    Bundles bundles = new Bundles(url, Files.readAllBytes(roots), true, Duration.ofHours(24), Clock.systemUTC());
    try {
      bundles.restore(file.read());
    } catch (RefusedException e) {
      LoggerFactory.getLogger(BankApplication.class).warn("the bundles on the disk are not taken: {}", e.code());
    }
    return bundles;
  }

  @Bean
  BundleFile bundleFile(@Value("${showcard.bundles-file}") Path file) {
    return new BundleFile(file);
  }

  @Bean
  OfflineVerifier offline(Bundles bundles) {
    return new OfflineVerifier(bundles, bundles, new ReplayMemory(), Set.of("any", "bank"));
  }

  @Bean
  Verifier verifier(RemoteTrust trust) {
    return new Verifier(trust, new RemoteStatus());
  }
}
