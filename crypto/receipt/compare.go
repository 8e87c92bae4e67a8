package receipt

import (
	"crypto/subtle"
	"encoding/json"

	"github.com/showcard/showcard/crypto/jose"
)

// Match is what came of comparing one value with a receipt.
type Match string

// The answers of Compare.
const (
	Matches Match = "matches"  // it is what was disclosed
	Differs Match = "differs"  // it is not, or the salt is another's
	NoSalt  Match = "no-salt"  // it cannot be known
	NoValue Match = "no-value" // nothing was given to compare
	Foreign Match = "foreign"  // the receipt has no such field
)

// Compared is the comparison of one field. The name of the certificate's identifier is "".
type Compared struct {
	Name  string
	Match Match
}

// Compare holds values against the digests of a receipt, field by field: those of the receipt in
// its order, then values of which it says nothing.
func (r *Receipt) Compare(identifier string, values map[string]json.RawMessage, o Openings) []Compared {
	out := make([]Compared, 0, len(r.Fields)+1)
	if r.Certificate != "" {
		var text json.RawMessage
		if identifier != "" {
			text, _ = json.Marshal(identifier) // a string marshals
		}
		out = append(out, Compared{"", r.compare(r.Certificate, o.Certificate, text)})
	}
	known := make(map[string]bool, len(r.Fields))
	for _, f := range r.Fields {
		known[f.Name] = true
		out = append(out, Compared{f.Name, r.compare(f.Digest, o.Fields[f.Name], values[f.Name])})
	}
	for _, name := range sortedNames(values) {
		if !known[name] {
			out = append(out, Compared{name, Foreign})
		}
	}
	return out
}

func (r *Receipt) compare(digest, salt string, value json.RawMessage) Match {
	switch {
	case value == nil:
		return NoValue
	case salt == "":
		return NoSalt
	}
	want, err := jose.Decode(digest)
	if err != nil {
		return Differs
	}
	// A salt of another length would let one text be cut in two ways.
	raw, err := jose.Decode(salt)
	if err != nil || len(raw) != saltSize {
		return Differs
	}
	got, err := r.Hash.digest(raw, value)
	if err != nil || subtle.ConstantTimeCompare(got, want) != 1 {
		return Differs
	}
	return Matches
}
