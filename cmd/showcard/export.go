package main

import (
	"context"
	"time"

	"github.com/showcard/showcard/schemas"
)

// What an export tells of passkeys, corrections, consents and withdrawals. No list of a person's
// is longer than these bounds, which their rooms keep.
const exportedAtOnce = 1000

// optionalTime leaves the zero time out of JSON.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *app) exportPasskeys(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.Passkeys(ctx, holder)
	if err != nil {
		return err
	}
	for _, k := range all {
		err := yield(struct {
			ID        string     `json:"id"`
			Name      string     `json:"name"`
			CreatedAt time.Time  `json:"created_at"`
			UsedAt    *time.Time `json:"used_at,omitempty"`
		}{k.ID, k.Name, k.CreatedAt, optionalTime(k.UsedAt)})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) exportCorrections(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.CorrectionsOf(ctx, holder, exportedAtOnce)
	if err != nil {
		return err
	}
	for _, r := range all {
		err := yield(struct {
			ID         string     `json:"id"`
			Kind       string     `json:"kind"`
			About      string     `json:"about,omitempty"`
			Field      string     `json:"field,omitempty"`
			Says       string     `json:"says"`
			Contact    string     `json:"contact,omitempty"`
			State      string     `json:"state"`
			FiledAt    time.Time  `json:"filed_at"`
			Outcome    string     `json:"outcome,omitempty"`
			Answer     string     `json:"answer,omitempty"`
			AnsweredAt *time.Time `json:"answered_at,omitempty"`
		}{r.ID, r.Kind, r.About, r.Field, r.Says, r.Contact, string(r.State), r.FiledAt, string(r.Outcome), r.Answer, optionalTime(r.AnsweredAt)})
		if err != nil {
			return err
		}
	}
	return nil
}

// exportConsents goes backwards, a page at a time. Pages overlap by one moment, or asks that share
// it would be lost; what was told already is stepped over.
func (a *app) exportConsents(ctx context.Context, holder string, yield func(any) error) error {
	const page = 200
	before, told := time.Now().Add(time.Second), map[string]bool{}
	for {
		asks, err := a.store.Asks(ctx, holder, "", before, page)
		if err != nil {
			return err
		}
		fresh, last := map[string]bool{}, before
		for _, one := range asks {
			last = one.At
			fresh[one.ID] = true
			if told[one.ID] {
				continue
			}
			err := yield(struct {
				ID         string       `json:"id"`
				At         time.Time    `json:"at"`
				Identifier string       `json:"identifier"`
				Party      string       `json:"party"`
				PartyName  schemas.Text `json:"party_name"`
				Purpose    string       `json:"purpose"`
				Shown      []string     `json:"shown"`
				Asked      []string     `json:"asked"`
				Answer     string       `json:"answer"`
				AnsweredAt *time.Time   `json:"answered_at,omitempty"`
			}{one.ID, one.At, one.Identifier, one.Party, one.PartyName, one.Purpose, one.Shown, one.Asked, one.Standing(time.Now()), optionalTime(one.AnsweredAt)})
			if err != nil {
				return err
			}
		}
		if len(asks) < page || last.Equal(before) {
			return nil
		}
		before, told = last.Add(time.Microsecond), fresh
	}
}

func (a *app) exportWithdrawals(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.Withdrawals(ctx, holder)
	if err != nil {
		return err
	}
	for _, w := range all {
		err := yield(struct {
			ID          string    `json:"id"`
			Party       string    `json:"party,omitempty"`
			Certificate string    `json:"certificate,omitempty"`
			Block       bool      `json:"block,omitempty"`
			At          time.Time `json:"at"`
		}{w.ID, w.Party, w.Certificate, w.Block, w.At})
		if err != nil {
			return err
		}
	}
	return nil
}
