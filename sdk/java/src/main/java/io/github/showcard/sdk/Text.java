package io.github.showcard.sdk;

import java.util.Objects;

/** What people read, in both languages. */
public final class Text {
  private final String zh;
  private final String en;

  /**
   * Makes one.
   *
   * @param zh in Chinese
   * @param en in English
   */
  public Text(String zh, String en) {
    this.zh = Objects.requireNonNull(zh);
    this.en = Objects.requireNonNull(en);
  }

  static Text of(Json json) {
    if (json == null) {
      return null;
    }
    String zh = json.textOf("zh");
    String en = json.textOf("en");
    return zh == null && en == null ? null : new Text(zh == null ? en : zh, en == null ? zh : en);
  }

  /** In Chinese. */
  public String zh() {
    return zh;
  }

  /** In English. */
  public String en() {
    return en;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Text && ((Text) o).zh.equals(zh) && ((Text) o).en.equals(en);
  }

  @Override
  public int hashCode() {
    return zh.hashCode() * 31 + en.hashCode();
  }

  @Override
  public String toString() {
    return zh + " / " + en;
  }
}
