package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/internal/rights/rightshttp"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// openRights makes the room of receipts, disputes, export and erasure.
func (a *app) openRights() (*rightshttp.API, error) {
	s, err := rights.New(rights.Config{
		Disputes: a.store, Erasures: a.store, Exporters: a.exporters(),
		Close: func(ctx context.Context, holder string) error {
			a.access.Forget(holder) // her sessions went with the rest
			return a.wallet.CloseAll(ctx, holder)
		},
		Spaces: func(ctx context.Context, holder string) ([]string, error) {
			return a.wallet.Spaces(ctx, wallet.Person{HolderID: holder})
		},
		Receipt: func(ctx context.Context, holders []string, id string) (string, error) {
			text, err := a.verifier.HolderReceipt(ctx, holders, id)
			switch {
			case errors.Is(err, verifier.ErrNoRecord):
				err = fmt.Errorf("%w: %w", rights.ErrLookUnknown, err)
			case errors.Is(err, verifier.ErrNoReceipt):
				err = fmt.Errorf("%w: %w", rights.ErrNoReceipt, err)
			}
			return text, err
		},
	})
	if err != nil {
		return nil, err
	}
	return rightshttp.New(s)
}

// exporters lists what an export takes along, a line for each kind of data about people.
func (a *app) exporters() []rights.Exporter {
	return []rights.Exporter{
		{Name: "certificates", Each: a.exportCertificates},
		{Name: "appointments", Each: a.exportAppointments},
		{Name: "sessions", Each: a.exportSessions},
		{Name: "passkeys", Each: a.exportPasskeys},
		{Name: "devices", Each: a.exportDevices},
		{Name: "codes_of_devices", Each: a.exportStocks},
		{Name: "corrections", Each: a.exportCorrections},
		{Name: "reviews", Each: a.exportReviews},
		{Name: "consents", Each: a.exportConsents},
		{Name: "withdrawals", Each: a.exportWithdrawals},
		{Name: "history", Each: a.exportHistory},
		{Name: "disputes", Each: a.exportDisputes},
	}
}

// exportedCertificate is a certificate with everything in it.
type exportedCertificate struct {
	Identifier string           `json:"identifier"`
	Type       string           `json:"type"`
	Name       schemas.Text     `json:"name"`
	Authority  string           `json:"authority"`
	State      string           `json:"state"`
	StateAt    time.Time        `json:"state_at"`
	Reason     string           `json:"reason,omitempty"`
	ValidFrom  string           `json:"valid_from"`
	ValidUntil string           `json:"valid_until"`
	IssuedAt   time.Time        `json:"issued_at"`
	Fields     schemas.Claims   `json:"fields"`
	Live       map[string]any   `json:"live,omitempty"`
	LiveAt     *time.Time       `json:"live_as_of,omitempty"`
	Portrait   []byte           `json:"portrait,omitempty"` // base64 in JSON
	Events     []exportedChange `json:"events"`
}

type exportedChange struct {
	At     time.Time `json:"at"`
	From   string    `json:"from,omitempty"`
	To     string    `json:"to"`
	Reason string    `json:"reason,omitempty"`
}

func (a *app) exportCertificates(ctx context.Context, holder string, yield func(any) error) error {
	held, err := a.issuer.Held(ctx, []string{holder})
	if err != nil {
		return err
	}
	for _, c := range held {
		t, err := a.types.Version(c.Row.Type, c.TypeVer)
		if err != nil {
			return err
		}
		until := c.Row.ValidUntil
		if until == "" {
			until = schemas.LongTerm
		}
		out := exportedCertificate{
			Identifier: c.Identifier, Type: c.Row.Type, Name: t.Name, Authority: c.Authority, State: string(c.State), StateAt: c.StateAt, Reason: c.Reason,
			ValidFrom: c.Row.ValidFrom, ValidUntil: until, IssuedAt: c.CreatedAt, Fields: t.ClaimsOf(c.Row), Live: c.Live,
		}
		if !c.LiveAt.IsZero() {
			out.LiveAt = &c.LiveAt
		}
		// One portrait at a time: a list of certificates comes without.
		if out.Portrait, _, err = a.issuer.Portrait(ctx, c.Identifier); err != nil && !errors.Is(err, issuer.ErrNoPortrait) {
			return err
		}
		events, err := a.store.Events(ctx, c.Identifier)
		if err != nil {
			return err
		}
		for _, e := range events {
			out.Events = append(out.Events, exportedChange{At: e.At, From: string(e.From), To: string(e.To), Reason: e.Reason})
		}
		if err := yield(out); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) exportAppointments(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.AppointmentsOf(ctx, holder, 1000)
	if err != nil {
		return err
	}
	for _, one := range all {
		err := yield(struct {
			ID       string          `json:"id"`
			Company  string          `json:"company"`
			Role     string          `json:"role"`
			Matters  []wallet.Matter `json:"matters"`
			Named    string          `json:"named"` // as she was named
			State    string          `json:"state"`
			Starts   time.Time       `json:"starts_at"`
			Ends     time.Time       `json:"ends_at"`
			Made     time.Time       `json:"created_at"`
			Answered *time.Time      `json:"answered_at,omitempty"`
			Ended    *time.Time      `json:"ended_at,omitempty"`
		}{one.ID, one.CompanyName, one.Role, one.Matters, one.PersonName, string(one.State), one.From, one.Until, one.CreatedAt, optionalTime(one.AnsweredAt), optionalTime(one.EndedAt)})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) exportSessions(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.SessionsOf(ctx, holder)
	if err != nil {
		return err
	}
	for _, one := range all {
		err := yield(struct {
			Name      string    `json:"name,omitempty"`
			Method    string    `json:"method"`
			Assurance string    `json:"assurance"`
			At        time.Time `json:"at"`
			Expires   time.Time `json:"expires_at"`
		}{one.Name, one.Method, one.Assurance, one.At, one.Expires})
		if err != nil {
			return err
		}
	}
	return nil
}

// exportedLook is a line of the history.
type exportedLook struct {
	ID         string     `json:"id"`
	At         time.Time  `json:"at"`
	Identifier string     `json:"identifier,omitempty"`
	Type       string     `json:"type"`
	Party      string     `json:"party"`
	PartyName  string     `json:"party_name"`
	Purpose    string     `json:"purpose"`
	Fields     []string   `json:"fields"`
	Outcome    string     `json:"outcome"`
	Reasons    []string   `json:"reasons"`
	Via        string     `json:"via"`
	Portrait   *time.Time `json:"portrait_fetched_at,omitempty"`
	SettledAt  *time.Time `json:"settled_at,omitempty"`
	Disputed   string     `json:"disputed,omitempty"`
	Compared   *time.Time `json:"person_compared_at,omitempty"`
	Same       *bool      `json:"person_same,omitempty"`
}

func (a *app) exportHistory(ctx context.Context, holder string, yield func(any) error) error {
	const page = 200
	before := wallet.Cursor{At: time.Now().Add(time.Second)}
	for {
		looks, err := a.store.Looks(ctx, holder, before, page)
		if err != nil {
			return err
		}
		for _, l := range looks {
			out := exportedLook{l.ID, l.At, l.Identifier, l.Type, l.Party, l.PartyName, l.Purpose, l.Fields, l.Outcome, l.Reasons, l.Via, nil, optionalTime(l.SettledAt), l.Disputed, nil, nil}
			if !l.PortraitAt.IsZero() {
				out.Portrait = &l.PortraitAt
			}
			if !l.ComparedAt.IsZero() {
				out.Compared, out.Same = &l.ComparedAt, &l.ComparedSame
			}
			if err := yield(out); err != nil {
				return err
			}
			before = wallet.Cursor{At: l.At, ID: l.ID}
		}
		if len(looks) < page {
			return nil
		}
	}
}

func (a *app) exportDisputes(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.DisputesBy(ctx, holder)
	if err != nil {
		return err
	}
	for _, d := range all {
		err := yield(struct {
			ID           string       `json:"id"`
			Verification string       `json:"verification"`
			Reason       string       `json:"reason,omitempty"`
			State        rights.State `json:"state"`
			FiledAt      time.Time    `json:"filed_at"`
			Answer       string       `json:"answer,omitempty"`
		}{d.ID, d.Verification, d.Reason, d.State, d.FiledAt, d.Answer})
		if err != nil {
			return err
		}
	}
	return nil
}

// retention lists what is swept, a line for each kind of data.
func (a *app) retention() rights.Retention {
	keep := a.cfg.Retention
	return rights.Retention{Logger: a.log, Sweeps: slices.Concat(a.deviceSweeps(), []rights.Sweep{
		rights.Older("verifications and answers", keep.Records, func(ctx context.Context, before time.Time) (int64, error) {
			answers, records, err := a.store.Sweep(ctx, before.Add(keep.Records), before)
			return answers + records, err
		}),
		rights.Older("receipts of consents", keep.Records, a.store.SweepConsents), // as long as the checks that they belong to
		rights.Older("requests", keep.Requests, a.store.SweepRequests),
		{Name: "sessions", Run: a.store.SweepSessions},
		rights.Older("corrections", keep.Records, a.store.SweepCorrections),
		rights.Older("reviews", keep.Records, a.store.SweepReviews),
		rights.Older("pushes", keep.Pushes, a.store.SweepPushes),
		rights.Older("changes of status lists", keep.StatusChanges, func(ctx context.Context, before time.Time) (int64, error) {
			return a.store.SweepStatusChanges(ctx, before, a.issuer.Published)
		}),
		{Name: "exports and erasures", Run: func(ctx context.Context, now time.Time) (int64, error) {
			return a.store.SweepExports(ctx, now, now.Add(-48*time.Hour))
		}},
	})}
}
