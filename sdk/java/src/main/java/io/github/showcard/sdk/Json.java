package io.github.showcard.sdk;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A JSON value of a stranger, read the strict way (docs/formats.md §1): one value and nothing after it, valid UTF-8, no name
 * twice, no half of a surrogate pair, bounded nesting. Numbers stay the text they are: a double would spoil some, and a
 * BigDecimal of a made-up exponent could take all memory.
 */
final class Json {
  enum Kind {
    OBJECT,
    ARRAY,
    STRING,
    NUMBER,
    TRUE,
    FALSE,
    NULL
  }

  // Names are not kept in a table: nobody shall fill it, and a clash of hashes is no fault of the text.
  private static final JsonFactory FACTORY =
      ((JsonFactoryBuilder) JsonFactory.builder())
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(80) // ours is counted below
                  .maxNumberLength(Integer.MAX_VALUE)
                  .maxStringLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .build())
          .build();

  final Kind kind;
  private final String text; // of a string without quotes, of a number as written
  private final Map<String, Json> members;
  private final List<Json> elements;
  private final String source; // null: was put together here
  private final int start;
  private final int end;

  private Json(Kind kind, String text, Map<String, Json> members, List<Json> elements, String source, int start, int end) {
    this.kind = kind;
    this.text = text;
    this.members = members;
    this.elements = elements;
    this.source = source;
    this.start = start;
    this.end = end;
  }

  static Json parse(byte[] utf8, int maxDepth) throws SyntaxException {
    try {
      return parse(
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(ByteBuffer.wrap(utf8))
              .toString(),
          maxDepth);
    } catch (CharacterCodingException e) {
      throw new SyntaxException("not UTF-8");
    }
  }

  static Json parse(String source, int maxDepth) throws SyntaxException {
    if (source.startsWith("\ufeff")) {
      throw new SyntaxException("a byte order mark");
    }
    try (JsonParser p = FACTORY.createParser(source.toCharArray())) {
      JsonToken first = p.nextToken();
      if (first == null) {
        throw new SyntaxException("no JSON value");
      }
      Json value = read(p, first, source, 0, maxDepth);
      if (p.nextToken() != null) {
        throw new SyntaxException("something follows the value");
      }
      return value;
    } catch (IOException e) {
      throw new SyntaxException("not strict JSON"); // the message would quote the text
    }
  }

  private static Json read(JsonParser p, JsonToken t, String source, int depth, int maxDepth) throws IOException, SyntaxException {
    if (t == JsonToken.START_OBJECT || t == JsonToken.START_ARRAY) {
      if (depth == maxDepth) {
        throw new SyntaxException("nested too deep");
      }
      int start = (int) p.currentLocation().getCharOffset() - 1;
      return t == JsonToken.START_OBJECT
          ? readObject(p, source, start, depth + 1, maxDepth)
          : readArray(p, source, start, depth + 1, maxDepth);
    }
    switch (t) {
      case VALUE_STRING:
        int begin = (int) p.currentTokenLocation().getCharOffset();
        String s = whole(p.getText());
        return new Json(Kind.STRING, s, null, null, source, begin, (int) p.currentLocation().getCharOffset());
      case VALUE_NUMBER_INT:
      case VALUE_NUMBER_FLOAT:
        return new Json(Kind.NUMBER, p.getText(), null, null, null, 0, 0);
      case VALUE_TRUE:
        return new Json(Kind.TRUE, null, null, null, null, 0, 0);
      case VALUE_FALSE:
        return new Json(Kind.FALSE, null, null, null, null, 0, 0);
      case VALUE_NULL:
        return new Json(Kind.NULL, null, null, null, null, 0, 0);
      default:
        throw new SyntaxException("not a JSON value");
    }
  }

  private static Json readObject(JsonParser p, String source, int start, int depth, int maxDepth) throws IOException, SyntaxException {
    Map<String, Json> members = new LinkedHashMap<>();
    JsonToken t;
    while ((t = p.nextToken()) == JsonToken.FIELD_NAME) {
      String name = whole(p.currentName());
      JsonToken value = p.nextToken();
      if (value == null) {
        throw new SyntaxException("the object does not end");
      }
      members.put(name, read(p, value, source, depth, maxDepth));
    }
    if (t != JsonToken.END_OBJECT) {
      throw new SyntaxException("the object does not end");
    }
    return new Json(Kind.OBJECT, null, Collections.unmodifiableMap(members), null, source, start, (int) p.currentLocation().getCharOffset());
  }

  private static Json readArray(JsonParser p, String source, int start, int depth, int maxDepth) throws IOException, SyntaxException {
    List<Json> elements = new ArrayList<>();
    JsonToken t;
    while ((t = p.nextToken()) != JsonToken.END_ARRAY) {
      if (t == null) {
        throw new SyntaxException("the array does not end");
      }
      elements.add(read(p, t, source, depth, maxDepth));
    }
    return new Json(Kind.ARRAY, null, null, Collections.unmodifiableList(elements), source, start, (int) p.currentLocation().getCharOffset());
  }

  /** Refuses half of a surrogate pair, which only an escape can write. */
  private static String whole(String s) throws SyntaxException {
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (Character.isSurrogate(c)) {
        if (!Character.isHighSurrogate(c) || i + 1 == s.length() || !Character.isLowSurrogate(s.charAt(i + 1))) {
          throw new SyntaxException("half of a surrogate pair");
        }
        i++;
      }
    }
    return s;
  }

  static Json object(Map<String, Json> members) {
    return new Json(Kind.OBJECT, null, Collections.unmodifiableMap(members), null, null, 0, 0);
  }

  static Json array(List<Json> elements) {
    return new Json(Kind.ARRAY, null, null, Collections.unmodifiableList(elements), null, 0, 0);
  }

  static Json string(String s) {
    return new Json(Kind.STRING, s, null, null, null, 0, 0);
  }

  static Json number(long n) {
    return new Json(Kind.NUMBER, Long.toString(n), null, null, null, 0, 0);
  }

  static Json bool(boolean b) {
    return new Json(b ? Kind.TRUE : Kind.FALSE, null, null, null, null, 0, 0);
  }

  boolean isObject() {
    return kind == Kind.OBJECT;
  }

  boolean isNull() {
    return kind == Kind.NULL;
  }

  /** The members of an object; none of anything else. */
  Map<String, Json> members() {
    return members == null ? Collections.emptyMap() : members;
  }

  /** The elements of an array; none of anything else. */
  List<Json> elements() {
    return elements == null ? Collections.emptyList() : elements;
  }

  /** A member, or null. */
  Json get(String name) {
    return members == null ? null : members.get(name);
  }

  /** A string, or null when this is none. */
  String text() {
    return kind == Kind.STRING ? text : null;
  }

  /** A number as it was written, or null when this is none. */
  String number() {
    return kind == Kind.NUMBER ? text : null;
  }

  /** The text of a member, or null when there is none or it is no string. */
  String textOf(String name) {
    Json m = get(name);
    return m == null ? null : m.text();
  }

  /** A whole number written in digits that fits 64 bits, or null. 1.0 and 1e3 are none. */
  Long integer() {
    if (kind != Kind.NUMBER) {
      return null;
    }
    try {
      return Long.valueOf(text);
    } catch (NumberFormatException e) {
      return null;
    }
  }

  /** How many levels there are: 0 for what is neither object nor array. */
  int depth() {
    int below = 0;
    for (Json j : members().values()) {
      below = Math.max(below, j.depth());
    }
    for (Json j : elements()) {
      below = Math.max(below, j.depth());
    }
    return members == null && elements == null ? 0 : below + 1;
  }

  /**
   * Whether digests of SD-JWT may stand in here. It is quick and errs on the safe side: a backslash can spell any name.
   */
  boolean mayHoldDigests() {
    if (kind == Kind.STRING || kind == Kind.OBJECT || kind == Kind.ARRAY) {
      String raw = json();
      return raw.indexOf('\\') >= 0 || raw.contains("\"_sd") || raw.contains("\"...\"");
    }
    return false;
  }

  /** As JSON: what was read as it stood, to the letter. */
  String json() {
    if (source != null) {
      return source.substring(start, end);
    }
    StringBuilder b = new StringBuilder();
    write(b);
    return b.toString();
  }

  private void write(StringBuilder b) {
    if (source != null) {
      b.append(source, start, end);
      return;
    }
    switch (kind) {
      case OBJECT:
        b.append('{');
        members.forEach((name, value) -> {
          JsonText.quote(b.append(b.charAt(b.length() - 1) == '{' ? "" : ","), name);
          value.write(b.append(':'));
        });
        b.append('}');
        break;
      case ARRAY:
        b.append('[');
        for (int i = 0; i < elements.size(); i++) {
          elements.get(i).write(i == 0 ? b : b.append(','));
        }
        b.append(']');
        break;
      case STRING:
        JsonText.quote(b, text);
        break;
      case NUMBER:
        b.append(text);
        break;
      case TRUE:
        b.append("true");
        break;
      case FALSE:
        b.append("false");
        break;
      default:
        b.append("null");
    }
  }
}
