package io.github.showcard.sdk;

import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a deployment is to check, and what for. Immutable. */
public final class VerificationRequest {
  private final Map<String, Object> body;
  private final String idempotencyKey; // null: the client makes one

  private VerificationRequest(Map<String, Object> body, String idempotencyKey) {
    this.body = body;
    this.idempotencyKey = idempotencyKey;
  }

  private static VerificationRequest of(String member, Object value, String purpose) {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put(member, value);
    body.put("purpose", purpose);
    return new VerificationRequest(body, null);
  }

  /**
   * A code that was scanned.
   *
   * @param code as a scanner types it
   * @param purpose a code that the registry lets us use for this type
   */
  public static VerificationRequest code(String code, String purpose) {
    return of("code", code, purpose);
  }

  /**
   * A picture with a code in it.
   *
   * @param image PNG, JPEG or GIF, at most 5 MiB
   * @param purpose a code that the registry lets us use for this type
   */
  public static VerificationRequest image(byte[] image, String purpose) {
    return of("image", Base64.getEncoder().encodeToString(image), purpose);
  }

  /**
   * A presentation that answers a {@link Client#challenge()}.
   *
   * @param presentation SD-JWT VC with the holder's proof
   * @param nonce of the challenge
   * @param purpose a code that the registry lets us use for this type
   */
  public static VerificationRequest presentation(String presentation, String nonce, String purpose) {
    return of("presentation", presentation, purpose).with("nonce", nonce);
  }

  static VerificationRequest facts(Facts facts, String purpose) {
    return of("facts", facts.body(), purpose);
  }

  private VerificationRequest with(String member, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(body);
    more.put(member, value);
    return new VerificationRequest(more, idempotencyKey);
  }

  /**
   * What is wanted of the certificate. What the holder does not show she is asked for on her phone, and the call waits for her.
   *
   * @param names of fields, all of them registered for us
   */
  public VerificationRequest fields(String... names) {
    return with("fields", Arrays.asList(names.clone()));
  }

  /** The answer is to bring the signed receipt and its salts. */
  public VerificationRequest receipt() {
    return with("receipt", true);
  }

  /** The clerk has compared the person with the portrait. */
  public VerificationRequest clerkCompared() {
    return with("clerk_compared", true);
  }

  /**
   * A key of one's own, so that a request which one's own program repeats within a minute gets the same answer. Without, the client
   * makes one for each call.
   *
   * @param key 1 to 255 printable ASCII characters
   */
  public VerificationRequest idempotencyKey(String key) {
    return new VerificationRequest(body, key);
  }

  String json() {
    return JsonText.of(body);
  }

  String key() {
    return idempotencyKey;
  }

  @Override
  public String toString() {
    return "[verification request redacted]";
  }
}
