package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/showcard/showcard/schemas"
)

// Codes of rows that only an issuer can refuse, besides those of schemas. Each stands in
// testdata/problems.json.
const (
	CodeIssuerNotYours    = "issuer-not-yours"
	CodeIssuerType        = "issuer-not-entitled-type"
	CodeIssuerRegion      = "issuer-not-entitled-region"
	CodeTypeFrozen        = "type-frozen"
	CodeRegionFrozen      = "region-frozen"
	CodeAllFrozen         = "all-frozen"
	CodeRowKeyReused      = "row-key-reused"
	CodeReplacedAlready   = "replaced-already"
	CodeStateRefused      = "state-transition-refused"
	CodeReplaceContradict = "replacement-contradicts"
	CodeLineBroken        = "push-line-broken"
	CodeLineEmpty         = "push-line-empty"
	CodeChangeUnknown     = "push-change-unknown"
	CodeUnknown           = "certificate-unknown"
	CodeContentErased     = "certificate-content-erased"
)

// RefusedError is a row that is not issued, with everything that is wrong with it. It is
// ErrRefused.
type RefusedError struct {
	Problems []schemas.Problem // warnings too
}

// Error names the codes only.
func (e *RefusedError) Error() string {
	var codes []string
	for _, p := range e.Problems {
		if !p.Warning {
			codes = append(codes, p.Code)
		}
	}
	return ErrRefused.Error() + ": " + strings.Join(codes, ", ")
}

// Is makes it ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// desk is what one authority's rows are held against, looked up once per batch: a freeze bites
// from the next batch on.
type desk struct {
	issuer    *Issuer
	authority Authority
	mode      schemas.Mode
	types     map[string]deskType
}

type deskType struct {
	typ     *schemas.Type
	problem *schemas.Problem
}

// newDesk prepares for the types that occur in the rows.
func (i *Issuer) newDesk(ctx context.Context, o Order, entries []*entry) (*desk, error) {
	a, err := i.authority(ctx, o.Authority)
	if err != nil {
		return nil, err
	}
	d := &desk{issuer: i, authority: a, mode: o.Mode, types: map[string]deskType{}}
	for _, e := range entries {
		id := e.row.Type
		if _, known := d.types[id]; known || schemas.Refused(e.problems) {
			continue
		}
		one, err := d.lookup(ctx, id)
		if err != nil {
			return nil, err
		}
		d.types[id] = one
	}
	return d, nil
}

func (d *desk) lookup(ctx context.Context, id string) (deskType, error) {
	typ, err := d.issuer.cfg.Types.Type(id)
	if err == nil {
		err = d.issuer.cfg.Registry.TypeUsable(ctx, id)
	}
	switch {
	case err == nil:
		return deskType{typ: typ}, nil
	case errors.Is(err, ErrTypeFrozen):
		return deskType{problem: &schemas.Problem{Code: CodeTypeFrozen, Pointer: "/type", Detail: "the registry has frozen the type"}}, nil
	case errors.Is(err, schemas.ErrTypeUnknown), errors.Is(err, schemas.ErrTypeUnpublished):
		p := schemas.TypeProblem(err)
		return deskType{problem: &p}, nil
	}
	return deskType{}, fmt.Errorf("issuer: type: %w", err)
}

// check finds everything that is wrong with a row. What was wrong with its form comes first, and
// hides what would follow from it.
func (d *desk) check(e *entry) {
	if schemas.Refused(e.problems) {
		return
	}
	if e.row.Issuer != "" && e.row.Issuer != d.authority.ID {
		e.refuse(CodeIssuerNotYours, "/issuer", "the row names another authority than it was pushed for")
	}
	t := d.types[e.row.Type]
	if t.problem != nil {
		e.problems = append(e.problems, *t.problem)
		return
	}
	e.typ = t.typ
	if !slices.Contains(d.authority.Types, t.typ.ID) {
		e.refuse(CodeIssuerType, "/type", "the registry does not let this authority issue the type")
	}
	if !slices.ContainsFunc(d.authority.Regions, func(p string) bool { return schemas.RegionCovers(p, e.row.Region) }) {
		e.refuse(CodeIssuerRegion, "/region", "the registry does not let this authority issue for the region")
	}
	switch err := d.authority.stopped(e.row.Region); {
	case errors.Is(err, ErrAllFrozen):
		e.refuse(CodeAllFrozen, "", "the registry has frozen everything")
	case err != nil:
		e.refuse(CodeRegionFrozen, "/region", "the registry has frozen the region")
	}
	if old := e.replaces; old.Identifier != "" {
		if e.row.Type != old.Row.Type {
			e.refuse(CodeReplaceContradict, "/type", "a certificate is replaced by one of its own type")
		}
		if e.row.Holder.Type != old.Row.Holder.Type || e.row.Holder.Number != old.Row.Holder.Number {
			e.refuse(CodeReplaceContradict, "/holder/number", "a certificate is replaced by one of the same holder")
		}
	}
	e.problems = append(e.problems, t.typ.Validate(e.row, d.issuer.cfg.Now(), d.mode)...)
}
