/**
 * Checks electronic certificates that are shown by a code: at a deployment of showcard, and without a network.
 *
 * <p>Four things, each usable alone:
 *
 * <ul>
 *   <li>{@link io.github.showcard.sdk.Client} asks a deployment: {@code client.verify(VerificationRequest.code(text, purpose))}.
 *   <li>{@link io.github.showcard.sdk.Verifier} checks a presentation here, against the trust list and the status lists.
 *   <li>{@link io.github.showcard.sdk.OfflineVerifier} checks a code with neither phone on the network, and
 *       {@link io.github.showcard.sdk.Bundles} is what it takes along,
 *       {@link io.github.showcard.sdk.SettlementQueue} where its checks wait until they can be told.
 *   <li>{@link io.github.showcard.sdk.Receipt} reads what was filed years ago.
 * </ul>
 *
 * <p>The rules are those of {@code docs/formats.md}; every refusal has a code of {@code testdata/problems.json}, and
 * {@link io.github.showcard.sdk.Problems} has its sentence in Chinese and English. Nothing here prints what a person
 * disclosed, a key, or a token.
 */
package io.github.showcard.sdk;
