package io.github.showcard.sdk;

import java.util.LinkedHashMap;
import java.util.Map;

/** What a checker has, so that a bundle need only say what is new: {@link Bundles#wants()}. */
public final class BundleRequest {
  private final long roots;
  private final long list;
  private final long serials;
  private final boolean statuses;
  private final Map<String, Long> lists;

  BundleRequest(long roots, long list, long serials, boolean statuses, Map<String, Long> lists) {
    this.roots = roots;
    this.list = list;
    this.serials = serials;
    this.statuses = statuses;
    this.lists = lists;
  }

  /** Whether it asks for everything, as who has nothing does. */
  public boolean everything() {
    return list == 0;
  }

  /** The body of the request (docs/formats.md §12), for who sends it another way. */
  public String json() {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("roots", roots);
    if (list > 0) {
      m.put("list", list);
    }
    if (serials > 0) {
      m.put("serials", serials);
    }
    m.put("statuses", statuses ? "all" : "none");
    if (!lists.isEmpty()) {
      m.put("lists", lists);
    }
    return JsonText.of(m);
  }

  @Override
  public String toString() {
    return json();
  }
}
