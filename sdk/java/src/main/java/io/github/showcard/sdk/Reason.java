package io.github.showcard.sdk;

import java.util.Optional;

/** Why a check is not valid. */
public final class Reason {
  private final String code;
  private final Text title;
  private final Text next;

  Reason(String code, Text title, Text next) {
    this.code = code;
    this.title = title;
    this.next = next;
  }

  static Reason of(String code) {
    return new Reason(code, null, null);
  }

  /** The stable code. */
  public String code() {
    return code;
  }

  /** A plain sentence, from the deployment or from the table of this SDK. */
  public Optional<Text> title() {
    return title == null ? Problems.title(code) : Optional.of(title);
  }

  /** What to do next. */
  public Optional<Text> next() {
    return next == null ? Problems.next(code) : Optional.of(next);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Reason && ((Reason) o).code.equals(code);
  }

  @Override
  public int hashCode() {
    return code.hashCode();
  }

  @Override
  public String toString() {
    return code;
  }
}
