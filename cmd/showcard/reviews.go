package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// mountReviews makes the desk where people say how a check went.
func (a *app) mountReviews() error {
	calendar, err := review.NewCalendar(a.cfg.Holidays, a.cfg.Workdays)
	if err != nil {
		return err
	}
	desk, err := review.New(review.Config{Store: a.store, Seen: a.seen, Calendar: calendar})
	if err != nil {
		return err
	}
	return a.server.Mount(desk.Routes(), review.Errors())
}

// seen finds a check in a person's history: of her own certificate, of what she showed, or of a
// company that she heads or whose certificates she administers.
func (a *app) seen(ctx context.Context, personID, check string) (review.Check, error) {
	v, err := a.store.ByID(ctx, check)
	if errors.Is(err, verifier.ErrNoRecord) || err == nil && v.HolderID == "" {
		return review.Check{}, review.ErrCheckUnknown
	}
	if err != nil {
		return review.Check{}, err
	}
	if v.HolderID != personID && v.PersonID != personID {
		agencies, err := a.wallet.Agencies(ctx, wallet.Person{HolderID: personID})
		if err != nil {
			return review.Check{}, err
		}
		if !slices.ContainsFunc(agencies, func(g wallet.Agency) bool { return g.CompanyID == v.HolderID && g.Role != wallet.RoleAgent }) {
			return review.Check{}, review.ErrCheckUnknown
		}
	}
	at := v.At
	if v.SettledAt.After(at) {
		at = v.SettledAt // made offline: in her history since then
	}
	return review.Check{ID: v.ID, At: at, Party: v.Party, PartyName: v.PartyName, Purpose: v.Purpose, Type: v.Type}, nil
}

// exportReviews goes backwards, a page at a time.
func (a *app) exportReviews(ctx context.Context, holder string, yield func(any) error) error {
	const page = 200
	var after review.Place
	for {
		all, err := a.store.ReviewsOf(ctx, holder, after, page)
		if err != nil {
			return err
		}
		for _, r := range all {
			after = review.Place{At: r.At, ID: r.ID}
			answered := time.Time{}
			if r.State == review.Answered {
				answered = r.EndedAt
			}
			err := yield(struct {
				ID           string     `json:"id"`
				Verification string     `json:"verification"`
				Party        string     `json:"party"`
				PartyName    string     `json:"party_name"`
				Level        int        `json:"level"`
				Text         string     `json:"text,omitempty"`
				At           time.Time  `json:"at"`
				State        string     `json:"state"`
				DueAt        *time.Time `json:"due_at,omitempty"`
				Answer       string     `json:"answer,omitempty"`
				Measure      string     `json:"measure,omitempty"`
				AnsweredAt   *time.Time `json:"answered_at,omitempty"`
			}{r.ID, r.Check.ID, r.Check.Party, r.Check.PartyName, r.Level, r.Text, r.At, string(r.State), optionalTime(r.DueAt), r.Answer, r.Measure, optionalTime(answered)})
			if err != nil {
				return err
			}
		}
		if len(all) < page {
			return nil
		}
	}
}
