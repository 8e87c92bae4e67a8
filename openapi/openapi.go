// Package openapi holds the description of the HTTP interface, as the server serves it at
// /openapi.json: what every route takes, answers and refuses, in OpenAPI 3.1.
//
// The document is written by hand, because what a caller needs to know (units, why a field may
// be missing, what to do after a refusal) does not stand in Go types. So that it stays true, a
// test of cmd/showcard holds it against the routes of the real server, both ways, and validates
// real answers of a running demo against its schemas.
package openapi

import _ "embed" // Document

// Document is openapi.json.
//
//go:embed openapi.json
var Document []byte
