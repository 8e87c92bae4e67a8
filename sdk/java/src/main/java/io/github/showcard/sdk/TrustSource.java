package io.github.showcard.sdk;

/** Gives the current, verified trust list. */
@FunctionalInterface
public interface TrustSource {
  /**
   * The list.
   *
   * @throws TrustException when there is none, or the newest that is known has expired
   */
  TrustList current();
}
