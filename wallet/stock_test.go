package wallet_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// maker plays the issuer of codes that need no network. It records first, as issuers must, and lets
// things happen before and after.
type maker struct {
	now             func() time.Time
	orders          []wallet.OfflineOrder
	before, between func()
	refuse          error
}

func (m *maker) OfflineCWTs(ctx context.Context, o wallet.OfflineOrder, record func(context.Context, time.Time) error) ([][]byte, error) {
	if m.refuse != nil {
		return nil, m.refuse
	}
	if m.before != nil {
		m.before()
	}
	if err := record(ctx, m.now().Add(23*time.Hour)); err != nil {
		return nil, err
	}
	m.orders = append(m.orders, o)
	if m.between != nil {
		m.between()
	}
	out := make([][]byte, len(o.Serials))
	for i, serial := range o.Serials {
		out[i] = serial[:]
	}
	return out, nil
}

// recorded puts the space's certificates into the record.
func (s *space) recorded(identifiers ...string) {
	s.t.Helper()
	for _, id := range identifiers {
		r, err := s.db.Reserve(s.t.Context(), "police", nil, 1)
		require.NoError(s.t, err)
		_, err = s.db.Commit(s.t.Context(), issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{{Certificate: issuer.Certificate{
			Identifier: id, TypeVer: 1, HolderID: "holder", Credential: "x", State: issuer.Valid, CreatedAt: s.now, Slot: issuer.Slot{List: r.List, Index: r.Counters[0]},
			Row: schemas.Row{Key: id, Type: "resident-id", Holder: schemas.HolderRef{Type: "111", Number: "11010519491231002X"}},
		}}}})
		require.NoError(s.t, err)
	}
}

// revokedNow are the serials of the sequence.
func revokedNow(t *testing.T, s wallet.RevokedSerials, now time.Time) (all []wallet.Serial) {
	t.Helper()
	head, page, err := s.RevokedSerials(t.Context(), 0, now, 1000)
	require.NoError(t, err)
	require.EqualValues(t, len(page), head)
	for _, r := range page {
		all = append(all, r.Serial)
	}
	return all
}

func identity(count int) wallet.StockRequest {
	return wallet.StockRequest{Identifier: identifier, View: "identity", Count: count}
}

func TestStock(t *testing.T) {
	s, ctx := newSpace(t), t.Context()
	s.recorded(identifier)
	me := signedIn(t, s.db, s.me(), s.now)
	k := generate(t, key.ES256)
	d, err := registers(t, s.Wallet, me, k)
	require.NoError(t, err)
	s.now = s.now.Add(time.Hour) // it asks for nothing fresh
	got, err := s.Stock(ctx, me, d.ID, identity(3))
	require.NoError(t, err)
	require.Len(t, got.CWTs, 3)
	require.Equal(t, s.now.Add(23*time.Hour), got.ExpiresAt)
	require.InDelta(t, 17.25, got.RenewAt.Sub(s.now).Hours(), 2.4)
	require.Equal(t, []string{"name", "id_number", "valid_until", "not_expired"}, got.Fields)
	require.Len(t, s.offline.orders, 1)
	o := s.offline.orders[0]
	require.True(t, o.Device.Equal(k.Public()))
	require.Equal(t, []any{identifier, "holder", "identity", got.Serials, time.Time{}}, []any{o.Identifier, o.HolderID, o.View, o.Serials, o.NotAfter})

	standing, err := s.StandingStock(ctx, me, d.ID)
	require.NoError(t, err)
	require.Len(t, standing, 1)
	require.ElementsMatch(t, got.Serials, standing[0].Serials)
	all, err := s.MyDevices(ctx, me)
	require.NoError(t, err)
	require.Equal(t, s.now, all[0].UsedAt)

	looks, next, err := s.History(ctx, me, wallet.Cursor{}, 10)
	require.NoError(t, err)
	require.Zero(t, next)
	require.Equal(t, []wallet.Look{{
		ID: got.ID, At: s.now, Identifier: identifier, Type: "resident-id", Fields: got.Fields, Outcome: wallet.OutcomeIssued, Via: wallet.ViaDevice, PersonID: "holder", Holder: "holder",
		Device: d.ID, DeviceName: "我的手机", View: "identity", Codes: 3, ExpiresAt: got.ExpiresAt,
	}}, looks)

	// A device holds a bounded number.
	for range 12 {
		_, err = s.Stock(ctx, me, d.ID, identity(wallet.MaxStock))
		require.NoError(t, err)
	}
	_, err = s.Stock(ctx, me, d.ID, identity(wallet.MaxStock))
	require.ErrorIs(t, err, wallet.ErrStockFull)
	first, next, err := s.History(ctx, me, wallet.Cursor{}, 5)
	require.NoError(t, err)
	require.Len(t, first, 5)
	rest, _, err := s.History(ctx, me, next, 50)
	require.NoError(t, err)
	require.Len(t, rest, 8)

	require.NoError(t, s.KillDevice(ctx, me, d.ID))
	require.Len(t, revokedNow(t, s.db, s.now), 3+12*wallet.MaxStock)
	_, err = s.StandingStock(ctx, me, d.ID)
	require.ErrorIs(t, err, wallet.ErrDeviceKilled)
	_, err = s.Stock(ctx, me, d.ID, identity(1))
	require.ErrorIs(t, err, wallet.ErrDeviceKilled)
	require.Len(t, s.offline.orders, 13, "nobody is asked to sign")
}

func TestStockRefuses(t *testing.T) {
	valid := wallet.Held{Identifier: identifier, HolderID: "holder", Type: "resident-id", TypeVer: 1, State: "valid"}
	for name, tc := range map[string]struct {
		req    wallet.StockRequest
		held   func(*wallet.Held)
		person func(*wallet.Person)
		device string
		want   error
	}{
		"none":                      {req: identity(0), want: wallet.ErrStockSize},
		"too many":                  {req: identity(wallet.MaxStock + 1), want: wallet.ErrStockSize},
		"another certificate":       {req: wallet.StockRequest{Identifier: "x", View: "identity", Count: 1}, want: wallet.ErrHoldingUnknown},
		"no such view":              {req: wallet.StockRequest{Identifier: identifier, View: "x", Count: 1}, want: schemas.ErrViewUnknown},
		"a view for the net":        {req: wallet.StockRequest{Identifier: identifier, View: "full", Count: 1}, want: schemas.ErrOfflineView},
		"ended":                     {req: identity(1), held: func(h *wallet.Held) { h.Ended, h.State = true, "revoked" }, want: wallet.ErrHoldingEnded},
		"suspended":                 {req: identity(1), held: func(h *wallet.Held) { h.State = "suspended" }, want: wallet.ErrHoldingSuspended},
		"region frozen":             {req: identity(1), held: func(h *wallet.Held) { h.Stopped = true }, want: wallet.ErrHoldingFrozen},
		"somebody else":             {req: identity(1), person: func(p *wallet.Person) { p.HolderID = "stranger" }, want: wallet.ErrDeviceUnknown},
		"no such device":            {req: identity(1), device: "none", want: wallet.ErrDeviceUnknown},
		"session over":              {req: identity(1), person: func(p *wallet.Person) { p.Session = "over" }, want: wallet.ErrSessionOver},
		"sensitive":                 {req: wallet.StockRequest{Identifier: identifier, View: "insured", Count: 1}, held: func(h *wallet.Held) { h.Type = "medical-insurance" }, want: wallet.ErrStepUp},
		"sensitive, with a passkey": {req: wallet.StockRequest{Identifier: identifier, View: "insured", Count: 1}, held: func(h *wallet.Held) { h.Type = "medical-insurance" }, person: func(p *wallet.Person) { p.StepUp = p.VerifiedAt }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t)
			s.recorded(identifier)
			h := valid
			if tc.held != nil {
				tc.held(&h)
			}
			s.held = []wallet.Held{h}
			me := signedIn(t, s.db, s.me(), s.now)
			d, err := registers(t, s.Wallet, me, generate(t, key.SM2))
			require.NoError(t, err)
			if tc.person != nil {
				tc.person(&me)
			}
			if tc.device != "" {
				d.ID = tc.device
			}
			_, err = s.Stock(t.Context(), me, d.ID, tc.req)
			require.ErrorIs(t, err, tc.want)
			if tc.want != nil {
				require.Empty(t, s.offline.orders, "nobody is asked to sign")
			}
		})
	}
	s := newSpace(t)
	me := signedIn(t, s.db, s.me(), s.now)
	d, err := registers(t, s.Wallet, me, generate(t, key.SM2))
	require.NoError(t, err)
	s.offline.refuse = wallet.ErrHoldingFrozen // a type, or an authority
	_, err = s.Stock(t.Context(), me, d.ID, identity(1))
	require.ErrorIs(t, err, wallet.ErrHoldingFrozen)
}

// Whatever ends the right while codes are being made, before or after their serials were recorded:
// none leaves that is not revoked.
func TestStockOvertaken(t *testing.T) {
	for name, tc := range map[string]struct {
		do      func(s *space, me wallet.Person, d wallet.Device) error
		before  error // when it comes before the serials are recorded; nil: codes are hers to take anew
		between error
	}{
		"killed": {func(s *space, me wallet.Person, d wallet.Device) error { return s.KillDevice(s.t.Context(), me, d.ID) }, wallet.ErrDeviceKilled, wallet.ErrDeviceKilled},
		"signed out": {func(s *space, me wallet.Person, _ wallet.Device) error {
			return s.db.EndSession(s.t.Context(), me.Session)
		}, wallet.ErrSessionOver, wallet.ErrDeviceKilled},
		"signed out everywhere": {func(s *space, _ wallet.Person, _ wallet.Device) error {
			_, err := s.db.EndSessions(s.t.Context(), "holder")
			return err
		}, wallet.ErrSessionOver, wallet.ErrDeviceKilled},
		"suspended": {func(s *space, _ wallet.Person, _ wallet.Device) error {
			_, err := s.db.ChangeState(s.t.Context(), issuer.Change{Authority: "police", Identifier: identifier, From: []issuer.State{issuer.Valid}, To: issuer.Suspended, At: s.now})
			return err
		}, wallet.ErrHoldingSuspended, wallet.ErrStockRevoked},
		"withdrawn": {func(s *space, me wallet.Person, _ wallet.Device) error {
			_, err := s.Withdraw(s.t.Context(), me, wallet.WithdrawRequest{All: true})
			return err
		}, nil, wallet.ErrStockRevoked},
	} {
		for when, want := range map[string]error{"before": tc.before, "between": tc.between} {
			t.Run(name+" "+when, func(t *testing.T) {
				s := newSpace(t)
				s.recorded(identifier)
				me := signedIn(t, s.db, s.me(), s.now)
				d, err := registers(t, s.Wallet, me, generate(t, key.SM2))
				require.NoError(t, err)
				happens := func() { require.NoError(t, tc.do(s, me, d)) }
				if when == "before" {
					s.offline.before = happens
				} else {
					s.offline.between = happens
				}
				got, err := s.Stock(t.Context(), me, d.ID, identity(2))
				require.ErrorIs(t, err, want)
				if want != nil {
					require.Empty(t, got.CWTs)
				}
				if when == "between" {
					require.ElementsMatch(t, s.offline.orders[0].Serials, revokedNow(t, s.db, s.now))
				} else {
					require.Empty(t, revokedNow(t, s.db, s.now))
				}
			})
		}
	}
}

// Somebody who acts for a company takes codes along within her matters, until her right ends.
func TestStockOfCompany(t *testing.T) {
	c, ctx := newCompany(t), t.Context()
	req := wallet.StockRequest{Identifier: licence, View: "identity", Count: 2}
	devices := map[string]wallet.Device{}
	acting := map[string]wallet.Person{}
	for _, who := range []string{"boss", "clerk", "runner"} {
		acting[who] = signedIn(t, c.db, c.person(who), c.now)
		d, err := registers(t, c.Wallet, acting[who], generate(t, key.ES256))
		require.NoError(t, err)
		devices[who] = d
	}
	take := func(who string) (wallet.Stock, error) { return c.Stock(ctx, acting[who], devices[who].ID, req) }
	_, err := take("clerk")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
	got, err := take("boss")
	require.NoError(t, err)
	require.Zero(t, c.offline.orders[0].NotAfter)
	require.Equal(t, "company", got.HolderID)

	c.appoint("boss", "clerk", wallet.RoleAgent, matters("identity"))
	_, err = take("clerk")
	require.ErrorIs(t, err, wallet.ErrNotAppointed, "where there is no network nobody asks for a purpose")
	whole := []wallet.Matter{{Type: "business-licence", Views: []string{"identity"}, Purposes: []string{wallet.All}}}
	id := c.appoint("boss", "runner", wallet.RoleAgent, whole)
	got, err = take("runner")
	require.NoError(t, err)
	require.Equal(t, c.now.AddDate(0, 3, 0), c.offline.orders[1].NotAfter)
	public := req // a view that she was not appointed for
	public.View = "notice"
	_, err = c.Stock(ctx, acting["runner"], devices["runner"].ID, public)
	require.ErrorIs(t, err, wallet.ErrNotAppointed)

	looks, _, err := c.History(ctx, acting["boss"], wallet.Cursor{}, 10)
	require.NoError(t, err)
	require.Len(t, looks, 2)
	for _, l := range looks {
		if l.PersonID == blind(people["runner"]) {
			require.Equal(t, people["runner"].Name, l.ShownBy.Name)
			require.Empty(t, l.DeviceName, "hers, not the company's")
		}
	}
	looks, _, err = c.History(ctx, acting["runner"], wallet.Cursor{}, 10)
	require.NoError(t, err)
	require.Len(t, looks, 1)

	// Dismissed, in the moment in which more are made too.
	require.NoError(t, c.Remove(ctx, acting["boss"], "company", id))
	require.ElementsMatch(t, got.Serials, revokedNow(t, c.db, c.now))
	_, err = take("runner")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
	id = c.appoint("boss", "runner", wallet.RoleAgent, whole)
	c.offline.before = func() { require.NoError(t, c.Remove(ctx, acting["boss"], "company", id)) }
	_, err = take("runner")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
}
