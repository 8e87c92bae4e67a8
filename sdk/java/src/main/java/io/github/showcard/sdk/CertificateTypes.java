package io.github.showcard.sdk;

import java.io.IOException;
import java.io.InputStream;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Certificate types, as the JSON files of a deployment describe them ({@code schemas/types}): what the numbers in an offline code
 * stand for. The built-in types of showcard are in the jar; a deployment's own are added with {@link #with}. Immutable.
 */
public final class CertificateTypes {
  private static final List<String> BUILT_IN =
      Arrays.asList("business-licence-1", "drivers-licence-1", "medical-insurance-1", "resident-id-1", "social-security-card-1", "vehicle-licence-1");
  private static final String HIDDEN = "***";
  private static final long FIRST_DAY = -719162; // 0001-01-01
  private static final long LAST_DAY = 2932896; // 9999-12-31

  private final List<Json> types;

  private CertificateTypes(List<Json> types) {
    this.types = types;
  }

  /** The types that every deployment has. */
  public static CertificateTypes builtIn() {
    List<Json> types = new ArrayList<>();
    for (String name : BUILT_IN) {
      try (InputStream in = CertificateTypes.class.getResourceAsStream("types/" + name + ".json")) {
        if (in == null) {
          throw new IllegalStateException("type " + name + " is not in the jar");
        }
        types.add(Json.parse(in.readAllBytes(), 16));
      } catch (IOException | SyntaxException e) {
        throw new IllegalStateException("type " + name, e);
      }
    }
    return new CertificateTypes(Collections.unmodifiableList(types));
  }

  /**
   * The same and one type more.
   *
   * @param json the file of the type
   * @throws IllegalArgumentException if it is none, or its number and version are taken
   */
  public CertificateTypes with(String json) {
    try {
      Json type = Json.parse(json, 16);
      if (type.textOf("id") == null || number(type, "cwt") < 1 || number(type, "version") < 1) {
        throw new IllegalArgumentException("a type has id, version and a number in offline codes");
      }
      if (find((int) number(type, "cwt"), (int) number(type, "version")) != null) {
        throw new IllegalArgumentException("number and version of the type are taken");
      }
      List<Json> more = new ArrayList<>(types);
      more.add(type);
      return new CertificateTypes(Collections.unmodifiableList(more));
    } catch (SyntaxException e) {
      throw new IllegalArgumentException("not strict JSON: " + e.getMessage());
    }
  }

  private static long number(Json of, String name) {
    Json m = of == null ? null : of.get(name);
    return m == null || m.integer() == null ? 0 : m.integer();
  }

  private static Json named(Json list, String name) {
    for (Json one : list == null ? Collections.<Json>emptyList() : list.elements()) {
      if (name.equals(one.textOf("name"))) {
        return one;
      }
    }
    return null;
  }

  private static boolean has(Json list, String text) {
    return list != null && list.elements().stream().anyMatch(e -> text.equals(e.text()));
  }

  private Json find(int type, int version) {
    for (Json t : types) {
      if (number(t, "cwt") == type && number(t, "version") == version) {
        return t;
      }
    }
    return null;
  }

  /** Id of a type by its number, or null. */
  String id(int type, int version) {
    Json t = find(type, version);
    return t == null ? null : t.textOf("id");
  }

  /**
   * What people call a field or predicate of a type.
   *
   * @param typeId such as {@code resident-id}
   * @param field by name
   */
  public Optional<Text> label(String typeId, String field) {
    for (Json t : types) {
      Json f = typeId.equals(t.textOf("id")) ? named(t.get("fields"), field) : null;
      f = f == null && typeId.equals(t.textOf("id")) ? named(t.get("predicates"), field) : f;
      if (f != null) {
        return Optional.ofNullable(Text.of(f.get("label")));
      }
    }
    return Optional.empty();
  }

  /** A view of an offline code, by names. */
  static final class Reading {
    final String type;
    final String view;
    final Claims claims;

    private Reading(String type, String view, Claims claims) {
      this.type = type;
      this.view = view;
      this.claims = claims;
    }
  }

  /** Gives the values of an offline code their names again, in the order of the view. */
  Reading read(OfflineToken token) {
    Json type = find(token.type(), token.version());
    Json published = type == null ? null : type.get("published");
    if (published == null || published.kind != Json.Kind.TRUE) {
      throw Cbor.refused("offline-view-unknown", "the type");
    }
    Json offline = type.get("offline");
    Json view = null;
    for (Json one : type.get("views").elements()) {
      if (number(one, "cwt") == token.view() && offline != null && has(offline.get("views"), one.textOf("name"))) {
        view = one;
      }
    }
    if (view == null) {
      throw Cbor.refused("offline-view-unknown", "the view");
    }
    boolean plain = "plain".equals(offline.textOf("masking"));
    Map<String, Json> out = new LinkedHashMap<>();
    for (Json name : view.get("fields").elements()) {
      Json predicate = named(type.get("predicates"), name.text());
      Json field = predicate != null ? predicate : named(type.get("fields"), name.text());
      int number = (int) number(field, "cwt");
      if (token.values().containsKey(number)) {
        Object value = token.values().get(number);
        out.put(name.text(), predicate != null ? flag(value) : restore(field, plain, value));
      }
    }
    if (out.size() != token.values().size() || out.isEmpty()) {
      throw wrong();
    }
    return new Reading(type.textOf("id"), view.textOf("name"), new Claims(out));
  }

  private static RefusedException wrong() {
    return Cbor.refused("offline-value", "not the form of its field");
  }

  private static Json flag(Object value) {
    if (!(value instanceof Boolean)) {
      throw wrong();
    }
    return Json.bool((Boolean) value);
  }

  private static Json restore(Json field, boolean plain, Object value) {
    Json mask = field.get("mask");
    String rule = plain || mask == null ? "none" : String.valueOf(mask.textOf("rule"));
    if (rule.equals("none")) {
      return restorePlain(String.valueOf(field.textOf("kind")), value);
    }
    if (value == null) {
      return Json.string(HIDDEN);
    }
    if (rule.equals("keep") && value instanceof OfflineToken.Kept) {
      OfflineToken.Kept kept = (OfflineToken.Kept) value;
      int from = (int) number(mask, "start");
      int points = kept.text.codePointCount(0, kept.text.length());
      if (points == from + number(mask, "end")) {
        int at = kept.text.offsetByCodePoints(0, from);
        return Json.string(kept.text.substring(0, at) + "*".repeat((int) kept.hidden) + kept.text.substring(at));
      }
    }
    if (rule.equals("name") && value instanceof String && ((String) value).codePointCount(0, ((String) value).length()) == 1) {
      return Json.string(value + "**");
    }
    if (rule.equals("year") && value instanceof Long && (Long) value >= 1000 && (Long) value <= 9999) {
      return Json.string(value + "-**-**");
    }
    throw wrong();
  }

  private static Json restorePlain(String kind, Object value) {
    switch (kind) {
      case "flag":
        return flag(value);
      case "integer":
        if (value instanceof Long) {
          return Json.number((Long) value);
        }
        throw wrong();
      case "date":
      case "term":
        if (kind.equals("term") && Boolean.TRUE.equals(value)) {
          return Json.string("long-term");
        }
        if (value instanceof Long && (Long) value >= FIRST_DAY && (Long) value <= LAST_DAY) {
          return Json.string(LocalDate.ofEpochDay((Long) value).toString());
        }
        throw wrong();
      case "region":
        if (value instanceof Long && (Long) value >= 100000 && (Long) value <= 999999) {
          return Json.string(value.toString());
        }
        throw wrong();
      default:
        if (value instanceof String && !((String) value).isEmpty()) {
          return Json.string((String) value);
        }
        throw wrong();
    }
  }

  /** Ids of the types. */
  public Collection<String> ids() {
    List<String> out = new ArrayList<>();
    types.forEach(t -> out.add(t.textOf("id")));
    return out;
  }
}
