package schemas

import (
	"crypto/hmac"
	"encoding/base32"
	"strings"

	"github.com/showcard/showcard/crypto/sm"
)

// IdentifierClaim is the GB/T 36904 identifier, which every certificate carries beside the
// fields of its type, selectively disclosable like them. [PortraitClaim] is the other one.
const IdentifierClaim = "identifier"

// Has reports whether a certificate of the type can disclose something under that name: a
// field, a predicate, the identifier, or the portrait's digest.
func (t *Type) Has(name string) bool {
	if _, ok := t.Field(name); ok {
		return true
	}
	if _, ok := t.Predicate(name); ok {
		return true
	}
	return name == IdentifierClaim || name == PortraitClaim && t.Portrait
}

// Disclosable returns what a view discloses: its fields, and the portrait's digest if the
// view has the portrait.
func (v View) Disclosable() []string {
	if !v.Portrait {
		return v.Fields
	}
	return append(append([]string(nil), v.Fields...), PortraitClaim)
}

// Index is the blind index of a holder: by it stores find what belongs to her without
// keeping her number. Only who has the key can compute it, or go back by trying numbers.
func (h HolderRef) Index(key []byte) string {
	m := hmac.New(sm.NewHash, key)
	m.Write([]byte("showcard holder\x00" + h.Type + "\x00" + h.Number))
	sum := m.Sum(nil)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}
