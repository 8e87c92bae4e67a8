package login

import (
	"fmt"
	"strings"

	"github.com/showcard/showcard/schemas"
)

// Subject is who signed in, in the terms of unified identity authentication.
type Subject struct {
	Holder    schemas.HolderRef // type, number, name
	Assurance string
}

// subject maps the provider's claims. Whatever is missing or cannot be a number of its type ends
// the sign-in: a blind index over a wrong number would be an empty space, or somebody else's.
func (p *provider) subject(v verified) (Subject, error) {
	s := Subject{Assurance: p.Assurance, Holder: schemas.HolderRef{Type: p.Claims.DefaultType}}
	if level, listed := p.ACR[v.ACR]; listed {
		s.Assurance = level
	}
	if p.Require != "" && rank(s.Assurance) < rank(p.Require) {
		return Subject{}, fmt.Errorf("%w: %s, want %s", ErrAssurance, s.Assurance, p.Require)
	}
	var err error
	if p.Claims.HolderType != "" {
		if s.Holder.Type, err = p.holderType(v.all); err != nil {
			return Subject{}, err
		}
	}
	if s.Holder.Number, err = text(v.all, p.Claims.HolderNumber); err != nil {
		return Subject{}, err
	}
	s.Holder.Number = strings.ToUpper(s.Holder.Number) // the check digit of GB 11643 is often written x
	if s.Holder.Name, err = text(v.all, p.Claims.Name); err != nil {
		return Subject{}, err
	}
	if err := s.Holder.Check(); err != nil {
		return Subject{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return s, nil
}

func (p *provider) holderType(claims map[string]any) (string, error) {
	said, err := text(claims, p.Claims.HolderType)
	if err != nil {
		return "", err
	}
	if len(p.Claims.Types) == 0 {
		if (schemas.HolderRef{Type: said}).Legal() { // who speaks for a company is decided elsewhere
			return "", fmt.Errorf("%w: a legal person signs in only where the configuration lists it", ErrIdentity)
		}
		return said, nil
	}
	code, listed := p.Claims.Types[said]
	if !listed {
		return "", fmt.Errorf("%w: holder type not in the configuration", ErrIdentity)
	}
	return code, nil
}

// text reads a claim. Errors name the claim and never its value.
func text(claims map[string]any, name string) (string, error) {
	s, ok := claims[name].(string)
	if s = strings.TrimSpace(s); !ok || s == "" {
		return "", fmt.Errorf("%w: claim %q is missing", ErrIdentity, name)
	}
	return s, nil
}
