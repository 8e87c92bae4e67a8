package io.github.showcard.sdk;

import java.util.Optional;

/** Whatever goes wrong here has a stable code of {@code problems.json}. */
public class ShowcardException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String code;

  /**
   * Makes one.
   *
   * @param code the stable code
   * @param detail for an engineer; never holds what a person disclosed
   */
  public ShowcardException(String code, String detail) {
    this(code, detail, null);
  }

  /**
   * Makes one with a cause.
   *
   * @param code the stable code
   * @param detail for an engineer
   * @param cause what led to it, or null
   */
  public ShowcardException(String code, String detail, Throwable cause) {
    super(detail == null || detail.isEmpty() ? code : code + ": " + detail, cause);
    this.code = code;
  }

  /** The stable code. Codes that this version does not know are passed on as they came. */
  public String code() {
    return code;
  }

  /** A plain sentence for who stands at the counter, when the code is known. */
  public Optional<Text> title() {
    return Problems.title(code);
  }

  /** What to do next, when the code is known. */
  public Optional<Text> next() {
    return Problems.next(code);
  }
}
