// Package testdata carries the fictitious people, companies and departments
// that the demonstration seeds itself with. It is data: nothing in it is real,
// and the numbers merely satisfy their checksums. Regenerate it with
//
//	go run ./testdata/gen
package testdata

import "embed"

// Files holds push/: one NDJSON file for each issuing department
// (push/<issuer>.ndjson), states.ndjson, live.ndjson, issuers.json, parties.json
// and purposes.json.
//
//go:embed push
var Files embed.FS
