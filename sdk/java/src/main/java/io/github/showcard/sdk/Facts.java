package io.github.showcard.sdk;

import java.util.LinkedHashMap;
import java.util.Map;

/** Claims to check against a certificate, without a code: a yes or no for each, and nothing is disclosed. Immutable. */
public final class Facts {
  private final Map<String, Object> about;
  private final Map<String, Object> claims;

  private Facts(Map<String, Object> about, Map<String, Object> claims) {
    this.about = about;
    this.claims = claims;
  }

  /**
   * About the certificate of an identifier.
   *
   * @param type of the certificate, such as {@code resident-id}
   * @param identifier by GB/T 36904
   */
  public static Facts ofCertificate(String type, String identifier) {
    Map<String, Object> about = new LinkedHashMap<>();
    about.put("type", type);
    about.put("identifier", identifier);
    return new Facts(about, new LinkedHashMap<>());
  }

  /**
   * About whatever a holder has of a type.
   *
   * @param type of the certificate
   * @param holderType by GB/T 36903: {@code 111} citizen, {@code 001} company
   * @param number of the holder
   */
  public static Facts ofHolder(String type, String holderType, String number) {
    Map<String, Object> holder = new LinkedHashMap<>();
    holder.put("type", holderType);
    holder.put("number", number);
    Map<String, Object> about = new LinkedHashMap<>();
    about.put("type", type);
    about.put("holder", holder);
    return new Facts(about, new LinkedHashMap<>());
  }

  /**
   * The same and one claim more.
   *
   * @param field of the type
   * @param value text, number, truth value, or lists and maps of them
   */
  public Facts claim(String field, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(claims);
    more.put(field, value);
    return new Facts(about, more);
  }

  Map<String, Object> body() {
    Map<String, Object> all = new LinkedHashMap<>(about);
    all.put("claims", claims);
    return all;
  }

  @Override
  public String toString() {
    return "[facts redacted]";
  }
}
