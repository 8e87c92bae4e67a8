// Package login lets people in: with any OpenID Connect provider, such as a region's unified
// identity authentication (统一身份认证). Showcard keeps no passwords; it is a client of the
// provider, by the authorization code flow with PKCE (OpenID Connect Core §3.1, RFC 9700).
//
//	browser                      showcard                         provider
//	GET /v1/sign-in/{id}  ---->  state, nonce, verifier
//	                      <----  into a sealed cookie, 303  ---->  authorize: she proves who she is
//	GET …/callback?code   <--------------------------------------  303 back
//	                      ---->  cookie, state, iss, used once?
//	                             code + verifier + our key  ---->  token endpoint
//	                             ID token: signature, iss, aud, azp, nonce, times, acr
//	                             claims -> holder type, number, name; number checked
//	                      <----  a new session, its cookie, 303 to where she came from
//
// What the provider says becomes a subject: holder type, holder number, name and assurance
// level. Of the number only its blind index goes on; the name is kept sealed with the session.
//
// # Cookies
//
// Two, and they differ in one attribute on purpose. The session is SameSite=Strict: no other
// site can make a browser act for whoever is signed in. The transaction, which ties the answer
// of the provider to the browser that asked, is SameSite=Lax: it has to come along when the
// provider, another site, sends the browser back by a link or a redirect, and Strict would
// withhold it. Each sign-in has a transaction cookie of its own, so two tabs do not disturb one
// another. It is sealed; what it holds is worth something only together with an answer to it.
//
// # Algorithms
//
// Signatures of RSA, ECDSA and Ed25519 are checked by go-oidc. It cannot read SM2, and one SM2
// key breaks its reader of whole key sets; so this package reads key sets itself (keys.go), hands
// go-oidc only keys that it understands, and checks ID tokens signed with SM2 by crypto/jose.
package login
