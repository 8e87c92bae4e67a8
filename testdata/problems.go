// Package testdata holds what every room, every SDK and every test shares. This file embeds the
// one table of problem codes, so that the binary needs no file beside it.
package testdata

import _ "embed"

// Problems is problems.json: each stable code with its HTTP status, a plain sentence and a next
// action in Chinese and English. Read it through internal/httpd/problem, which checks it.
//
//go:embed problems.json
var Problems []byte
