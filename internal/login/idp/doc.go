// Package idp is the identity provider of the demo: it lets anybody be any of the demo's
// fictitious people, and says so on its page. In every other way it is a real OpenID Connect
// provider, with discovery, a key set, the authorization code flow, PKCE that is required,
// private_key_jwt, signed ID tokens and the "iss" response parameter; so the demo signs people in
// by the very path that a region's unified identity authentication will use, and no shortcut
// exists that could be left open.
//
// Only `showcard demo` mounts it. The protocol is luikyv/go-oidc's; here are the page, the people
// and a memory of its own, in which a code can be taken once and no oftener.
package idp
