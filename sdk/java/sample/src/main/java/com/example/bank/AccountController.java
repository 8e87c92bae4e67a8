package com.example.bank;

import io.github.showcard.sdk.Answer;
import io.github.showcard.sdk.Client;
import io.github.showcard.sdk.ProblemException;
import io.github.showcard.sdk.Reason;
import io.github.showcard.sdk.Receipt;
import io.github.showcard.sdk.Text;
import io.github.showcard.sdk.TrustSource;
import io.github.showcard.sdk.VerificationRequest;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/** The counter: a clerk scans, compares the person with the portrait, and opens an account. */
@RestController
class AccountController {
  private static final String PURPOSE = "account-opening";

  private final Client client;
  private final TrustSource trust;
  private final AccountBook book;

  AccountController(Client client, TrustSource trust, AccountBook book) {
    this.client = client;
    this.trust = trust;
    this.book = book;
  }

  record Scan(String code, boolean compared) {}

  record Opened(String account, String holder) {}

  record Refused(String code, String zh, String en, String next) {}

  record Filed(boolean genuine, Instant checkedAt, String purpose, Map<String, String> values) {}

  @PostMapping("/accounts")
  ResponseEntity<?> open(@RequestBody Scan scan) {
    VerificationRequest request = VerificationRequest.code(scan.code(), PURPOSE).receipt();
    Answer answer = client.verify(scan.compared() ? request.clerkCompared() : request);
    // Only valid is a yes. Who stands there is the bank's rule: here the clerk has to have compared.
    if (!answer.valid()) {
      Reason why = answer.reasons().get(0);
      return refused(HttpStatus.UNPROCESSABLE_ENTITY, why.code(), why.title(), why.next());
    }
    Optional<String> name = answer.claims().text("name");
    Optional<String> number = answer.claims().text("id_number");
    if (name.isEmpty() || number.isEmpty() || !answer.person().passed()) {
      return refused(HttpStatus.UNPROCESSABLE_ENTITY, "nothing-to-disclose", Optional.empty(), Optional.empty());
    }
    String account = book.open(name.get(), number.get(), answer);
    return ResponseEntity.status(HttpStatus.CREATED).body(new Opened(account, name.get()));
  }

  /** Years later: is the receipt in the file genuine, and are these the values that were shown? */
  @GetMapping("/accounts/{account}/receipt")
  ResponseEntity<?> receipt(@PathVariable String account) {
    Answer filed = book.answer(account);
    if (filed == null) {
      return ResponseEntity.notFound().build();
    }
    Receipt receipt = Receipt.verify(filed.receipt().orElseThrow(), trust.current(), Instant.now());
    Map<String, String> values = new LinkedHashMap<>();
    receipt.compare(null, filed.claims(), filed.openings().orElseThrow()).forEach((field, match) -> values.put(field, match.name()));
    return ResponseEntity.ok(new Filed(true, receipt.checkedAt(), receipt.purpose(), values));
  }

  /** What the deployment refused, or did not answer, in words for the clerk. */
  @ExceptionHandler
  ResponseEntity<?> problem(ProblemException e) {
    HttpStatus status = e.status() >= 400 && e.status() < 500 ? HttpStatus.UNPROCESSABLE_ENTITY : HttpStatus.SERVICE_UNAVAILABLE;
    return refused(status, e.code(), e.title(), e.next());
  }

  private static ResponseEntity<?> refused(HttpStatus status, String code, Optional<Text> title, Optional<Text> next) {
    return ResponseEntity.status(status)
        .body(new Refused(code, title.map(Text::zh).orElse(""), title.map(Text::en).orElse(code), next.map(Text::en).orElse("")));
  }
}
