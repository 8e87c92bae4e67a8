package io.github.showcard.sdk;

/** A signed document that is not to be believed, or a text that is none. */
public class RefusedException extends ShowcardException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes one.
   *
   * @param code the stable code
   * @param detail for an engineer
   */
  public RefusedException(String code, String detail) {
    super(code, detail);
  }
}
