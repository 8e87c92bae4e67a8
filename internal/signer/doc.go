// Package signer is keys behind a socket: a process of its own holds the private keys of a
// deployment and uses them on request, so that who breaks into the server, or reads its memory, has
// no key to carry away. It is the seam for a security module, and a working reference for one.
//
//	server process                         signer process
//	key.Store ── Client ── unix socket ──  Server ── key.Store (the file), or an HSM
//
// The server's own keystore keeps what must be near: the keys of blind names and of the order of
// status indices. Private keys and the key-encryption key are behind the socket. There is no request
// that gives one out.
//
// # Protocol
//
// Frames over a unix stream socket, numbers big-endian:
//
//	request   length (4) | id (8) | operation (1) | payload
//	answer    length (4) | id (8) | result (1)    | payload
//
// Length counts what follows it, at most [MaxFrame]. Requests may follow each other without waiting
// (pipelining); answers come in any order and bear the id of their request. Payloads:
//
//	1 keys       –                                              → JSON: [{"name": …, "jwk": …}, …]
//	2 sign       n (2) | name | message                         → r‖s, 64 bytes
//	3 generate   n (2) | name | algorithm                       → JWK
//	4 wrap       n (2) | name | m (4) | associated data | plain → wrapped
//	5 unwrap     n (2) | name | m (4) | associated data | wrapped → plain
//
// Result 0 is done; others are the errors of [errorOf], with a text that is for logs.
//
// Who may connect is decided by the socket's mode (0600) and, on Linux, by the user id that the
// kernel names. What may be signed is decided by the [Policy]: which key signs which kind of message,
// and how many a second.
package signer
