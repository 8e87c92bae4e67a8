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

// Vectors are the presentations of vectors/sdjwt that a deployment can be asked about although it
// trusts none of their keys: one for each kind of fault that needs no key, and a good one.
//
//go:embed vectors/sdjwt/*/not-sd-jwt.json
//go:embed vectors/sdjwt/*/header-crit.json
//go:embed vectors/sdjwt/*/name-twice.json
//go:embed vectors/sdjwt/*/padding.json
//go:embed vectors/sdjwt/*/typ-wrong.json
//go:embed vectors/sdjwt/*/vct-missing.json
//go:embed vectors/sdjwt/*/exp-disclosable.json
//go:embed vectors/sdjwt/*/sd-not-array.json
//go:embed vectors/sdjwt/*/disclosure-twice.json
//go:embed vectors/sdjwt/*/digest-twice.json
//go:embed vectors/sdjwt/*/disclosure-orphan.json
//go:embed vectors/sdjwt/*/disclosure-not-json.json
//go:embed vectors/sdjwt/*/disclosure-name-sd.json
//go:embed vectors/sdjwt/*/disclosure-name-taken.json
//go:embed vectors/sdjwt/*/algorithm-none.json
//go:embed vectors/sdjwt/*/algorithm-hmac.json
//go:embed vectors/sdjwt/*/hash-unknown.json
//go:embed vectors/sdjwt/*/good-one-claim.json
var Vectors embed.FS
