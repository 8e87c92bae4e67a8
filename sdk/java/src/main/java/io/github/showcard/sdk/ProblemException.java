package io.github.showcard.sdk;

import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLException;

/**
 * A request that a deployment refused, or that did not get through (RFC 9457). Decide by {@link #code()}; codes that this version
 * does not know are passed on as they came.
 */
public final class ProblemException extends ShowcardException {
  private static final long serialVersionUID = 1L;
  private static final List<Integer> PASSING = Arrays.asList(429, 502, 503, 504);

  /** What is wrong with one member of the request. */
  public static final class Detail {
    private final String pointer;
    private final String code;
    private final String text;

    private Detail(Json json) {
      pointer = orEmpty(json.textOf("pointer"));
      code = orEmpty(json.textOf("code"));
      text = orEmpty(json.textOf("detail"));
    }

    /** Where it stands in the body (RFC 6901). */
    public String pointer() {
      return pointer;
    }

    /** The stable code. */
    public String code() {
      return code;
    }

    /** For an engineer. */
    public String text() {
      return text;
    }
  }

  private final int status;
  private final transient Text title;
  private final transient Text next;
  private final String detail;
  private final String requestId;
  private final Duration retryAfter;
  private final transient List<Detail> errors;

  private ProblemException(String code, int status, Json json, String detail, Duration retryAfter, Throwable cause) {
    super(code, detail, cause);
    this.status = status;
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.requestId = json == null ? null : json.textOf("request_id");
    String en = json == null ? null : json.textOf("title");
    String zh = json == null ? null : json.textOf("title_zh");
    this.title = en == null ? null : new Text(zh == null ? en : zh, en);
    this.next = json == null ? null : Text.of(json.get("next"));
    List<Detail> all = new ArrayList<>();
    if (json != null && json.get("errors") != null) {
      json.get("errors").elements().forEach(e -> all.add(new Detail(e)));
    }
    this.errors = Collections.unmodifiableList(all);
  }

  private static String orEmpty(String s) {
    return s == null ? "" : s;
  }

  /** A connection that broke, or never came about. */
  static ProblemException unreachable(Throwable cause) {
    return new ProblemException("server-unreachable", 0, null, cause.getClass().getSimpleName(), null, cause);
  }

  /** A success whose body is not what was promised. */
  static ProblemException malformed(String detail) {
    return new ProblemException("server-answer-malformed", 0, null, detail, null, null);
  }

  /** An answer that asks to come again later. */
  static ProblemException later(Duration wait) {
    return new ProblemException("rate-limited", 429, null, "the rest was not looked at", wait, null);
  }

  /** Reads an answer that is no success. */
  static ProblemException of(Http.Answer a, Clock clock) {
    Duration wait = retryAfter(a.header("Retry-After"), clock);
    String kind = a.header("Content-Type").split(";", 2)[0].trim();
    Json json = null;
    try {
      if (kind.equals("application/problem+json") || kind.equals("application/json")) {
        json = Json.parse(new String(a.body, StandardCharsets.UTF_8), 16);
      }
    } catch (SyntaxException e) {
      // some proxy's page
    }
    String code = json == null ? null : json.textOf("code");
    String detail = json == null ? null : json.textOf("detail");
    if (json != null && json.textOf("error") != null) { // RFC 6749 §5.2; "code" is ours, and finer
      detail = json.textOf("error_description");
      code = code == null ? oauth(json.textOf("error")) : code;
    }
    if (code == null || code.isEmpty()) {
      code = PASSING.contains(a.status) ? "server-unreachable" : "server-answer-malformed";
    }
    return new ProblemException(code, a.status, json, detail == null ? "status " + a.status : detail, wait, null);
  }

  private static String oauth(String error) {
    switch (error) {
      case "invalid_client":
        return "assertion-invalid";
      case "invalid_scope":
        return "scope-not-granted";
      case "unsupported_grant_type":
        return "grant-unsupported";
      default:
        return "token-request-malformed";
    }
  }

  /** RFC 9110 §10.2.3: seconds or a date. */
  private static Duration retryAfter(String header, Clock clock) {
    if (header.matches("[0-9]{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(header));
    }
    try {
      Duration d = Duration.between(clock.instant(), ZonedDateTime.parse(header, DateTimeFormatter.RFC_1123_DATE_TIME));
      return d.isNegative() ? Duration.ZERO : d;
    } catch (DateTimeException e) {
      return null;
    }
  }

  /** Whether it may go away by itself. */
  boolean passing() {
    boolean untrusted = getCause() instanceof SSLException;
    return PASSING.contains(status) || status == 0 && code().equals("server-unreachable") && !untrusted;
  }

  /** The HTTP status; 0 when there was no answer. */
  public int status() {
    return status;
  }

  @Override
  public Optional<Text> title() {
    return title == null ? super.title() : Optional.of(title);
  }

  @Override
  public Optional<Text> next() {
    return next == null ? super.next() : Optional.of(next);
  }

  /** For an engineer. */
  public Optional<String> detail() {
    return Optional.ofNullable(detail);
  }

  /** By which the operator finds the request. */
  public Optional<String> requestId() {
    return Optional.ofNullable(requestId);
  }

  /** How long the deployment asks to wait. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }

  /** What is wrong with which member of the request. */
  public List<Detail> errors() {
    return errors == null ? Collections.emptyList() : errors;
  }
}
