package io.github.showcard.sdk;

/** A text is not what its format asks for. It says nothing of the text: that may be private. */
final class SyntaxException extends Exception {
  private static final long serialVersionUID = 1L;

  SyntaxException(String detail) {
    super(detail, null, false, false);
  }
}
