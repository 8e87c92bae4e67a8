package main

import (
	"context"
	"errors"
	"slices"

	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// openCorrections makes the desk where people say that a result about them is wrong.
func (a *app) openCorrections() (*correction.Desk, error) {
	return correction.New(correction.Config{
		Store: a.store, Recorded: a.recorded, Within: a.cfg.CorrectionWithin, PerDay: a.cfg.CorrectionsPerDay,
	})
}

// recorded says who recorded a result that a person may have corrected: about herself, about what
// she showed, or about a company that she heads.
func (a *app) recorded(ctx context.Context, personID, kind, about string) (string, error) {
	var holder, shownBy, by string
	switch kind {
	case correction.AboutVerification:
		v, err := a.store.ByID(ctx, about)
		if err != nil && !errors.Is(err, verifier.ErrNoRecord) {
			return "", err
		}
		holder, shownBy, by = v.HolderID, v.PersonID, v.Caller
	case correction.AboutCertificate:
		c, err := a.store.Certificate(ctx, about)
		if err != nil && !errors.Is(err, issuer.ErrUnknown) {
			return "", err
		}
		holder, by = c.HolderID, c.Authority
	}
	if holder == "" {
		return "", correction.ErrAboutUnknown
	}
	if holder == personID || shownBy == personID {
		return by, nil
	}
	agencies, err := a.wallet.Agencies(ctx, wallet.Person{HolderID: personID})
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(agencies, func(g wallet.Agency) bool { return g.CompanyID == holder && g.Role == wallet.RoleRepresentative }) {
		return by, nil
	}
	return "", correction.ErrAboutUnknown
}
