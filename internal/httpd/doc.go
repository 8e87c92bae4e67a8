// Package httpd is the one web server that every role of showcard speaks through.
//
// A room such as issuer or verifier knows nothing of HTTP. Beside it stands an *http package with
// three things: wire structs, handlers, and one ErrorTable that maps the room's sentinel errors to
// problem codes. It hands httpd a list of Routes; httpd does everything that must be the same
// everywhere, in this order:
//
//	request id, security headers, access log, metrics, panic guard   (every request, 404 included)
//	a place among the work, or 503 overloaded at once                (Limits.Rank)
//	who is calling                                                   (Authenticator) 401
//	may this caller do this                                          (Route.Roles, Route.Scope) 403
//	not too often                                                    (Limiter) 429
//	body no larger and no slower than allowed                        413, 408
//	the handler: func(*gin.Context) (any, error)
//	the answer: a value becomes JSON, an error becomes RFC 9457 problem+json
//
// A route without Roles must say Public: nothing is open by accident. A handler reads JSON with
// Decode, which refuses what other parsers guess about: duplicate names, unknown fields, data after
// the value, text that is not UTF-8. Errors that no table knows are answered 500 without a detail
// and logged with the request id, because an unexpected error may carry what nobody should read.
//
// What is logged: method, route template, status, code, size, duration, caller id. What is not:
// paths, query strings, headers, bodies. A path may hold the very ticket that a citizen is showing.
package httpd
