package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/schemas"
)

// OpenAsks returns what a person is being asked.
func (w *Wallet) OpenAsks(ctx context.Context, p Person) ([]Ask, error) {
	return w.cfg.Consents.OpenAsks(ctx, p.HolderID, w.cfg.Now())
}

// Consents returns the receipts of what was asked of a person's certificates and of those of
// her companies, newest first. Of a company an agent sees what she herself was asked.
func (w *Wallet) Consents(ctx context.Context, p Person, before time.Time, limit int) ([]Ask, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	if before.IsZero() {
		before = w.cfg.Now().Add(time.Second)
	}
	ids, acting, err := w.spaces(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []Ask
	for _, id := range ids {
		only := ""
		if strongest(acting, id) == RoleAgent {
			only = p.HolderID
		}
		asks, err := w.cfg.Consents.Asks(ctx, id, only, before, limit)
		if err != nil {
			return nil, fmt.Errorf("wallet: consents: %w", err)
		}
		all = append(all, asks...)
	}
	slices.SortFunc(all, func(a, b Ask) int { return b.At.Compare(a.At) })
	all = all[:min(len(all), limit)]
	for i := range all {
		all[i].Answer = all[i].Standing(w.cfg.Now())
	}
	return all, nil
}

// Lapse writes down the silence of asks that nobody came back for.
func (w *Wallet) Lapse(ctx context.Context) (n int, err error) {
	const most = 500
	ids, err := w.cfg.Consents.Overdue(ctx, w.cfg.Now().Add(-finishFor), most)
	if err != nil {
		return 0, fmt.Errorf("wallet: overdue asks: %w", err)
	}
	for _, id := range ids {
		if _, err := w.cfg.Consents.Decide(ctx, id, AnswerLapsed, w.cfg.Now().UTC()); err != nil && !errors.Is(err, ErrConsentAnswered) {
			return n, fmt.Errorf("wallet: overdue asks: %w", err)
		}
		n++
	}
	return n, nil
}

// Labels gives the names of a type and of what it can disclose, as people read them.
func (w *Wallet) Labels(typeID string) (name schemas.Text, label func(field string) schemas.Text) {
	t, err := w.cfg.Types.Type(typeID)
	if err != nil {
		return schemas.Text{ZH: typeID, EN: typeID}, func(f string) schemas.Text { return schemas.Text{ZH: f, EN: f} }
	}
	return t.Name, func(f string) schemas.Text {
		if field, ok := t.Field(f); ok {
			return field.Label
		}
		if p, ok := t.Predicate(f); ok {
			return p.Label
		}
		switch f {
		case schemas.PortraitClaim:
			return schemas.Text{ZH: "相片", EN: "Portrait"}
		case schemas.IdentifierClaim:
			return schemas.Text{ZH: "证照标识", EN: "Certificate identifier"}
		}
		return schemas.Text{ZH: f, EN: f}
	}
}
