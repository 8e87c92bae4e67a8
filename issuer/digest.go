package issuer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// rowDigest tells whether a row that is pushed again says the same. It is SM3 over a canonical
// form: the members in the order of schemas.Row, claims sorted by name, numbers as written, no
// spaces. What means the same is written the same: the authority is always named, a certificate
// without an end is long-term. The portrait goes in by its SHA-256, which processors compute in
// hardware: it is the bulk of the row, and its salted digest is computed anyway.
func rowDigest(r schemas.Row, authority string) ([32]byte, error) {
	r.Issuer = authority
	if r.ValidUntil == "" {
		r.ValidUntil = schemas.LongTerm
	}
	image := r.Portrait
	r.Portrait = nil
	canonical, err := r.AppendJSON(append(make([]byte, 0, 1024), `{"row":`...))
	if err != nil {
		return [32]byte{}, fmt.Errorf("issuer: row digest: %w", err)
	}
	if len(image) > 0 {
		sum := sha256.Sum256(image)
		canonical = append(hex.AppendEncode(append(canonical, `,"portrait_sha256":"`...), sum[:]), '"')
	}
	return sm.Sum(append(canonical, '}')), nil
}
