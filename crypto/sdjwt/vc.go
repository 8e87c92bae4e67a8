package sdjwt

import (
	"fmt"
	"slices"
)

// Type is the "typ" of an SD-JWT VC, "application/" left out. The older "vc+sd-jwt" is not
// accepted: the draft took its transition note back.
const Type = "dc+sd-jwt"

// permanent are the claims that a verifier must always see: neither they nor anything inside
// them may be selectively disclosable (SD-JWT VC, "Claims").
var permanent = [...]string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}

// Permanent reports whether a claim of that name must not be selectively disclosable.
func Permanent(name string) bool { return slices.Contains(permanent[:], name) }

// CheckVC checks the rules of SD-JWT VC on top of SD-JWT: "vct" is there, and no claim that
// must be open was, or could be, kept back.
func CheckVC(s *SDJWT) error {
	if s.Token.Header.Type != Type {
		return fmt.Errorf("%w: typ is not %s", ErrVC, Type)
	}
	for i := range s.Disclosures {
		if d := &s.Disclosures[i]; d.top && Permanent(d.Name) {
			return fmt.Errorf("%w: %s is selectively disclosable", ErrVC, d.Name)
		}
	}
	for name := range s.holes {
		if Permanent(name) {
			return fmt.Errorf("%w: %s is selectively disclosable", ErrVC, name)
		}
	}
	raw, _ := s.Claim("vct")
	if vct, err := Text("vct", raw); err != nil || vct == "" {
		return fmt.Errorf("%w: no vct", ErrVC)
	}
	if raw, ok := s.Claim("iss"); ok {
		if iss, err := Text("iss", raw); err != nil || iss == "" {
			return fmt.Errorf("%w: iss is not a string", ErrVC)
		}
	}
	return nil
}
