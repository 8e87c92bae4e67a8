package com.example.bank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.showcard.sdk.Answer;
import io.github.showcard.sdk.BundleFile;
import io.github.showcard.sdk.Bundles;
import io.github.showcard.sdk.Client;
import io.github.showcard.sdk.ClientKey;
import io.github.showcard.sdk.Facts;
import io.github.showcard.sdk.OfflineReport;
import io.github.showcard.sdk.OfflineResult;
import io.github.showcard.sdk.OfflineVerifier;
import io.github.showcard.sdk.ProblemException;
import io.github.showcard.sdk.RemoteStatus;
import io.github.showcard.sdk.RemoteTrust;
import io.github.showcard.sdk.ReplayMemory;
import io.github.showcard.sdk.Result;
import io.github.showcard.sdk.SettledCheck;
import io.github.showcard.sdk.SettlementQueue;
import io.github.showcard.sdk.VerificationRequest;
import io.github.showcard.sdk.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.client.TestRestTemplate;
import org.springframework.http.ResponseEntity;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** A person shows her code at the counter, against a real demo. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT, properties = {"spring.main.banner-mode=off", "logging.level.root=warn"})
class AccountOpeningTest {
  @TempDir static Path folder;
  private static Demo demo;

  @Autowired TestRestTemplate counter;
  @Autowired Client client;
  @Autowired RemoteTrust trust;
  @Autowired Verifier verifier;
  @Autowired Bundles bundles;
  @Autowired BundleFile file;
  @Autowired OfflineVerifier offline;

  @DynamicPropertySource
  static void connect(DynamicPropertyRegistry properties) throws IOException {
    demo = new Demo(folder);
    properties.add("showcard.url", () -> demo.base);
    properties.add("showcard.client-id", () -> "demo-bank");
    Path key = demo.keyOf("demo-bank");
    properties.add("showcard.key-file", key::toString);
    properties.add("showcard.roots-file", () -> demo.data.resolve("roots.json").toString());
    properties.add("showcard.bundles-file", () -> folder.resolve("bundles.cbor").toString());
    properties.add("showcard.memory-file", () -> folder.resolve("seen.json").toString());
  }

  @AfterAll
  static void end() {
    demo.close();
  }

  private static String idCard(String person) throws Exception {
    for (JsonNode holding : demo.ask(person, "/v1/wallet/holdings", null).get("holdings")) {
      if (holding.get("type").asText().equals("resident-id")) {
        return holding.get("identifier").asText();
      }
    }
    throw new IllegalStateException("no ID card");
  }

  private static String show(String person, String view) throws Exception {
    return demo.ask(person, "/v1/wallet/shows", Map.of("identifier", idCard(person), "view", view)).get("code").asText();
  }

  private ResponseEntity<JsonNode> scan(String code) {
    return counter.postForEntity("/accounts", Map.of("code", code, "compared", true), JsonNode.class);
  }

  @Test
  void opensAnAccountOnce() throws Exception {
    String person = demo.run("token", "--person", "person-01");
    String code = show(person, "identity");
    ResponseEntity<JsonNode> opened = scan("  " + code.toLowerCase() + "\r\n"); // as scanners type
    assertThat(opened.getStatusCode().value()).as("%s", opened.getBody()).isEqualTo(201);
    assertThat(opened.getBody().get("holder").asText()).isEqualTo("张示例");

    ResponseEntity<JsonNode> again = scan(code);
    assertThat(again.getStatusCode().value()).isEqualTo(422);
    assertThat(again.getBody().get("code").asText()).isEqualTo("code-used");
    assertThat(again.getBody().get("zh").asText()).endsWith("。");

    JsonNode receipt = counter.getForObject("/accounts/" + opened.getBody().get("account").asText() + "/receipt", JsonNode.class);
    assertThat(receipt.get("purpose").asText()).isEqualTo("account-opening");
    assertThat(receipt.get("values").get("name").asText()).isEqualTo("MATCHES");
    assertThat(receipt.get("values").get("id_number").asText()).isEqualTo("MATCHES");
  }

  @Test
  void refusesInWords() throws Exception {
    assertThat(scan("6901234567892").getBody().get("code").asText()).isEqualTo("code-not-ours");
    assertThat(scan("SC1DEMO").getBody().get("code").asText()).isEqualTo("code-truncated");
    // The holder shows too little for an account.
    String person = demo.run("token", "--person", "person-02");
    assertThat(scan(show(person, "over-18")).getStatusCode().value()).isEqualTo(422);
    assertThatThrownBy(() -> client.verify(VerificationRequest.code(show(person, "identity"), "medical-care")))
        .isInstanceOfSatisfying(ProblemException.class, e -> {
          assertThat(e.code()).isEqualTo("purpose-not-registered");
          assertThat(e.title()).isPresent();
          assertThat(e.requestId()).isPresent();
        });
  }

  @Test
  void theSameKeyIsTheSameCheck() throws Exception {
    String code = show(demo.run("token", "--person", "person-03"), "identity");
    VerificationRequest once = VerificationRequest.code(code, "account-opening").idempotencyKey("counter-7-0001");
    Answer first = client.verify(once);
    Answer repeated = client.verify(once);
    assertThat(first.valid()).isTrue();
    assertThat(repeated.id()).isEqualTo(first.id());
    assertThat(client.receipt(first.id()).receipt()).isNotEmpty();
    assertThat(first.portrait()).isTrue();
    assertThat(client.portrait(first.id()).matches(first.claims())).isTrue();
    assertThat(client.challenge().audience()).isEqualTo("demo-bank");
  }

  @Test
  void factsAreAnsweredByYesAndNo() throws Exception {
    String identifier = idCard(demo.run("token", "--person", "person-01"));
    Answer answer = client.checkFacts(Facts.ofCertificate("resident-id", identifier).claim("name", "张示例").claim("not_expired", false), "identity-check");
    assertThat(answer.matches()).containsEntry("name", true).containsEntry("not_expired", false);
    assertThat(answer.codes()).containsExactly("facts-mismatch");
    assertThat(answer.claims().isEmpty()).isTrue();
  }

  @Test
  void strangersGetNoToken() throws Exception {
    Client stranger = new Client(demo.base, "demo-bank", ClientKey.read(demo.keyOf("hunan-police")));
    assertThatThrownBy(stranger::challenge).isInstanceOfSatisfying(ProblemException.class, e -> assertThat(e.code()).isEqualTo("assertion-invalid"));
  }

  /** What a department holds is checked here, against trust list and status list, before and after it suspends it. */
  @Test
  void originalsAreCheckedHere() throws Exception {
    String identifier = idCard(demo.run("token", "--person", "person-04"));
    String police = demo.run("token", "--client", "hunan-police");
    String original = demo.ask(police, "/v1/certificates/" + identifier, null).get("credential").asText();
    Result good = verifier.verifyOriginal(original);
    assertThat(good.toString()).isEqualTo("valid []");
    assertThat(good.claims().text("name")).contains("赵演示");
    assertThat(verifier.verifyOriginal(original.replace("~", "~~")).valid()).isFalse();
    demo.run("revoke", identifier, "--suspend", "--reason", "lost", "--client", "hunan-police");
    assertThat(new Verifier(trust, new RemoteStatus()).verifyOriginal(original).toString()).isEqualTo("invalid [certificate-suspended]");
  }

  /** The line is down: what was taken along decides, and what happened since shows as soon as it is up again. */
  @Test
  void theLineIsDown() throws Exception {
    String person = demo.run("token", "--person", "person-05");
    String identifier = idCard(person);
    Phone phone = new Phone(demo, person, identifier, "over-18");
    assertThat(offline.verify(phone.show("bank")).toString()).isEqualTo("indeterminate [trust-list-unavailable]");

    bundles.renew(client);
    file.write(bundles.kept());
    String shown = phone.show("bank");
    OfflineResult good = offline.verify(shown);
    assertThat(good.toString()).isEqualTo("valid []");
    assertThat(good.claims().bool("over_18")).contains(true);
    assertThat(good.statusAsOf()).isEqualTo(bundles.asOf());
    assertThat(offline.verify(shown).toString()).isEqualTo("invalid [code-replayed]");
    assertThat(offline.verify(phone.show("hospital")).toString()).isEqualTo("invalid [offline-audience-wrong]");
    String police = demo.run("token", "--client", "hunan-police");
    String original = demo.ask(police, "/v1/certificates/" + identifier, null).get("credential").asText();
    assertThat(new Verifier(bundles, bundles).verifyOriginal(original).status().detail("source")).contains("bundle");

    demo.run("revoke", identifier, "--suspend", "--reason", "lost", "--client", "hunan-police");
    assertThat(offline.verify(phone.show("any")).toString()).as("nobody told the counter").isEqualTo("valid []");
    bundles.renew(client);
    assertThat(bundles.kept()).hasSize(2);
    assertThat(bundles.kept().get(1).length).isLessThan(bundles.kept().get(0).length / 4);
    assertThat(offline.verify(phone.show("any")).toString()).isEqualTo("invalid [offline-revoked]");
    assertThat(new Verifier(bundles, bundles).verifyOriginal(original).toString()).isEqualTo("invalid [certificate-suspended]");

    // A restart without a network.
    file.write(bundles.kept());
    Bundles again = new Bundles(demo.base, Files.readAllBytes(demo.data.resolve("roots.json")));
    again.restore(file.read());
    assertThat(again.asOf()).isEqualTo(bundles.asOf());
    assertThat(new OfflineVerifier(again, again, new ReplayMemory(), Set.of("any")).verify(phone.show("any")).toString()).isEqualTo("invalid [offline-revoked]");
  }

  /** What was checked while the line was down is told afterwards, counts once, and stands in the holder's history. */
  @Test
  void checksOfTheOutageAreSettled() throws Exception {
    String person = demo.run("token", "--person", "person-06");
    String identifier = idCard(person);
    Phone phone = new Phone(demo, person, identifier, "over-18");
    Bundles taken = new Bundles(demo.base, Files.readAllBytes(demo.data.resolve("roots.json")));
    taken.renew(client);
    OfflineVerifier counter = new OfflineVerifier(taken, taken, new ReplayMemory(), Set.of("any", "bank"));
    List<SettledCheck> settled = new ArrayList<>();
    Path waits = folder.resolve("counter.queue");
    String shown = phone.show("any");
    OfflineReport first = OfflineReport.of(shown, counter.verify(shown), "account-opening").personCompared();
    try (SettlementQueue queue = SettlementQueue.open(waits)) {
      queue.add(first);
    }
    // The counter was started anew, and meanwhile she reports her card as lost.
    demo.run("revoke", identifier, "--suspend", "--reason", "lost", "--client", "hunan-police");
    try (SettlementQueue queue = SettlementQueue.open(waits)) {
      String late = phone.show("any");
      queue.add(OfflineReport.of(late, counter.verify(late), "account-opening"));
      queue.add(first);
      queue.push(client, (report, became) -> settled.add(became));
      assertThat(queue.waiting()).isZero();
    }
    assertThat(settled).extracting(SettledCheck::state).containsExactly(SettledCheck.State.RECORDED, SettledCheck.State.RECORDED, SettledCheck.State.REPEATED);
    assertThat(settled.get(0).toString()).isEqualTo("recorded [] []");
    assertThat(settled.get(1).conflicts()).extracting(Object::toString).contains("conflict-revoked-before");
    assertThat(settled.get(2).id()).isEqualTo(settled.get(0).id());
    assertThat(client.receipt(settled.get(0).id().orElseThrow()).receipt()).isNotEmpty();
    assertThat(demo.ask(person, "/v1/wallet/history", null).toString()).contains("\"via\":\"offline\"");
  }
}
