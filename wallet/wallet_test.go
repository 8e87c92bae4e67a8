package wallet_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

const identifier = "1.2.156.3005.2.11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R"

// space is a wallet over real stores. It plays the issuer too: one certificate, signed for
// whatever key the wallet brings.
type space struct {
	*wallet.Wallet
	t         *testing.T
	now       time.Time
	issuer    *key.Private
	keys      []key.Signer
	collected int
	refresh   time.Duration
	ended     bool
	full      string // id of a key that takes no more copies
	frozen    string // id of a compromised key of the issuer
	shows     *memstore.Store
	db        *sqlstore.Store
	held      []wallet.Held // instead of the one certificate
	offline   maker
}

func (s *space) Held(_ context.Context, ids []string, _ ...string) ([]wallet.Held, error) {
	if !slices.Contains(ids, "holder") {
		return nil, nil
	}
	if s.held != nil {
		return s.held, nil
	}
	return []wallet.Held{{
		Identifier: identifier, HolderID: "holder", Type: "resident-id", TypeVer: 1, State: "valid", Ended: s.ended,
		Claims: schemas.Claims{"name": "张示例", "id_number": "11010519491231002X", "address": "北京市"},
	}}, nil
}

func (s *space) Collect(_ context.Context, id, holderID string, bind *key.Public) (wallet.Collected, error) {
	if s.full == bind.ID() {
		return wallet.Collected{}, wallet.ErrKeyFull
	}
	s.collected++
	text, err := sdjwt.Sign(s.issuer, sdjwt.Issue{
		Claims:      map[string]any{"iss": "http://localhost/i", "vct": "http://localhost/t", "iat": s.now.Unix(), "cnf": map[string]any{"jwk": bind.Confirmation()}},
		Disclosable: []sdjwt.Claim{{Name: "name", Value: "张示例"}, {Name: "id_number", Value: "11010519491231002X"}, {Name: "valid_until", Value: "2040-01-01"}},
	})
	return wallet.Collected{Credential: text, RefreshAt: s.now.Add(s.refresh)}, err
}

func newSpace(t *testing.T) *space {
	s := &space{t: t, now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), refresh: 24 * time.Hour}
	clock := func() time.Time { return s.now }
	for _, to := range []**key.Private{&s.issuer} {
		k, err := key.Generate(key.SM2)
		require.NoError(t, err)
		*to = k
	}
	for range 2 {
		k, err := key.Generate(key.SM2)
		require.NoError(t, err)
		s.keys = append(s.keys, k)
	}
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "k")))
	ks, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "k")})
	require.NoError(t, err)
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(folder, "db", "w.db")), Keys: ks, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s.shows, err = memstore.New(memstore.Config{Now: clock})
	require.NoError(t, err)
	types, err := schemas.Embedded()
	require.NoError(t, err)
	s.db, s.offline.now = db, clock
	s.Wallet, err = wallet.New(wallet.Config{
		Devices: db, DeviceChallenges: deviceChallenges{s.shows}, Stocks: db, Offline: &s.offline, Origin: "https://wallet.test",
		Store: db, Shows: s.shows, Index: s.shows, Bell: s.shows, Consents: db, Withdrawals: db, Issuer: s, Types: types, Domain: "TEST", Now: clock,
		Keys:   func(context.Context) ([]key.Signer, error) { return s.keys, nil },
		Frozen: func(_, kid string) bool { return kid == s.frozen },
	})
	require.NoError(t, err)
	return s
}

func (s *space) me() wallet.Person {
	return wallet.Person{HolderID: "holder", Method: "sign-in", VerifiedAt: s.now}
}

func (s *space) show(req wallet.ShowRequest) wallet.Code {
	req.Identifier = identifier
	if req.View == "" && req.Fields == nil {
		req.View = "identity"
	}
	c, err := s.Show(s.t.Context(), s.me(), req)
	require.NoError(s.t, err)
	return c
}

func ticket(t *testing.T, c wallet.Code) [16]byte {
	code, err := qr.Parse(c.Payload)
	require.NoError(t, err)
	require.Equal(t, "TEST", code.Domain)
	return code.Ticket
}

func TestShowRefuses(t *testing.T) {
	s := newSpace(t)
	for name, c := range map[string]struct {
		req wallet.ShowRequest
		who string
		err error
	}{
		"another's certificate": {wallet.ShowRequest{Identifier: identifier, View: "identity"}, "stranger", wallet.ErrHoldingUnknown},
		"unknown certificate":   {wallet.ShowRequest{Identifier: "x", View: "identity"}, "holder", wallet.ErrHoldingUnknown},
		"unknown view":          {wallet.ShowRequest{Identifier: identifier, View: "x"}, "holder", schemas.ErrViewUnknown},
		"unknown field":         {wallet.ShowRequest{Identifier: identifier, Fields: []string{"name", "x"}}, "holder", wallet.ErrFieldUnknown},
		"a view and fields":     {wallet.ShowRequest{Identifier: identifier, View: "identity", Fields: []string{"name"}}, "holder", wallet.ErrFieldUnknown},
		"nothing":               {wallet.ShowRequest{Identifier: identifier}, "holder", wallet.ErrNothingChosen},
		"a lifetime too short":  {wallet.ShowRequest{Identifier: identifier, View: "identity", Lifetime: time.Second}, "holder", wallet.ErrLifetime},
		"a lifetime of an hour": {wallet.ShowRequest{Identifier: identifier, View: "identity", Lifetime: time.Hour}, "holder", wallet.ErrLifetime},
		"a negative lifetime":   {wallet.ShowRequest{Identifier: identifier, View: "identity", Lifetime: -time.Second}, "holder", wallet.ErrLifetime},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Show(t.Context(), wallet.Person{HolderID: c.who}, c.req)
			require.ErrorIs(t, err, c.err)
		})
	}
	s.ended = true
	_, err := s.Show(t.Context(), s.me(), wallet.ShowRequest{Identifier: identifier, View: "identity"})
	require.ErrorIs(t, err, wallet.ErrHoldingEnded)
}

// Codes of one show overlap until each one's own end; spending one ends them all.
func TestCodesOverlap(t *testing.T) {
	s := newSpace(t)
	first := s.show(wallet.ShowRequest{})
	require.InDelta(t, 45, first.RenewIn.Seconds(), 6.1)
	s.now = s.now.Add(45 * time.Second)
	second, err := s.Renew(t.Context(), s.me(), first.ShowID)
	require.NoError(t, err)
	for _, c := range []wallet.Code{first, second} {
		o, err := s.Peek(t.Context(), ticket(t, c))
		require.NoError(t, err)
		require.Equal(t, "sign-in", o.Method)
	}
	s.now = s.now.Add(15 * time.Second)
	_, err = s.Peek(t.Context(), ticket(t, first))
	require.ErrorIs(t, err, wallet.ErrTicketExpired)
	_, _, err = s.Redeem(t.Context(), wallet.Redemption{Ticket: ticket(t, second), Claimant: "a", Fields: []string{"name"}, Audience: "bank", Nonce: "n"})
	require.NoError(t, err)
	require.NoError(t, s.Spent(t.Context(), wallet.Scan{ShowID: first.ShowID}))
	_, err = s.Peek(t.Context(), ticket(t, second))
	require.ErrorIs(t, err, wallet.ErrTicketTaken)
	_, err = s.Renew(t.Context(), s.me(), first.ShowID)
	require.ErrorIs(t, err, wallet.ErrShowClosed)
}

func TestRedeem(t *testing.T) {
	s := newSpace(t)
	c := s.show(wallet.ShowRequest{Fields: []string{"name", "id_number"}})
	r := wallet.Redemption{Ticket: ticket(t, c), Claimant: "a", Fields: []string{"name"}, Audience: "bank", Nonce: "n"}
	_, presentation, err := s.Redeem(t.Context(), r)
	require.NoError(t, err)
	vc, err := sdjwt.Parse(presentation, sdjwt.Type)
	require.NoError(t, err)
	require.Equal(t, []string{"name"}, vc.Disclosed())
	cnf, err := vc.Confirmation()
	require.NoError(t, err)
	require.NoError(t, vc.VerifyBinding(cnf, sdjwt.Expect{Audience: "bank", Nonce: "n", Now: s.now}))
	// The same claimant may come again (its answer was lost); another may not.
	_, _, err = s.Redeem(t.Context(), r)
	require.NoError(t, err)
	r.Claimant = "b"
	_, _, err = s.Redeem(t.Context(), r)
	require.ErrorIs(t, err, wallet.ErrTicketTaken)
	// What was not chosen cannot be had by asking.
	r.Claimant, r.Fields = "a", []string{"name", "address"}
	_, _, err = s.Redeem(t.Context(), r)
	require.ErrorIs(t, err, wallet.ErrFieldUnknown)
}

// A copy is collected once, and again when it grows old or its key may not be used any more.
func TestCollectAnew(t *testing.T) {
	s := newSpace(t)
	s.show(wallet.ShowRequest{})
	s.show(wallet.ShowRequest{})
	require.Equal(t, 1, s.collected)
	s.now = s.now.Add(s.refresh)
	s.show(wallet.ShowRequest{})
	require.Equal(t, 2, s.collected)
	// The issuer's key was compromised: what it signed would be refused everywhere.
	old := s.issuer
	var err error
	s.issuer, err = key.Generate(key.SM2)
	require.NoError(t, err)
	s.frozen = old.Public().ID()
	s.show(wallet.ShowRequest{})
	s.show(wallet.ShowRequest{})
	require.Equal(t, 3, s.collected)
	s.collected--
	frozen := s.keys[0]
	s.keys = s.keys[1:]
	c := s.show(wallet.ShowRequest{})
	require.Equal(t, 3, s.collected)
	_, presentation, err := s.Redeem(t.Context(), wallet.Redemption{Ticket: ticket(t, c), Claimant: "a", Fields: []string{"name"}, Audience: "b", Nonce: "n"})
	require.NoError(t, err)
	vc, err := sdjwt.Parse(presentation, sdjwt.Type)
	require.NoError(t, err)
	cnf, err := vc.Confirmation()
	require.NoError(t, err)
	require.False(t, cnf.Equal(frozen.Public()))
	// A key that is full makes way for the next; when all are, nothing is bound.
	s.keys = append(s.keys, frozen)
	s.full = s.keys[0].Public().ID()
	s.now = s.now.Add(s.refresh)
	s.show(wallet.ShowRequest{})
	require.Equal(t, 4, s.collected)
	s.keys, s.now = s.keys[:1], s.now.Add(s.refresh)
	_, err = s.Show(t.Context(), s.me(), wallet.ShowRequest{Identifier: identifier, View: "identity"})
	require.ErrorIs(t, err, wallet.ErrNoKey)
	s.keys = nil
	_, err = s.Show(t.Context(), s.me(), wallet.ShowRequest{Identifier: identifier, View: "identity"})
	require.ErrorIs(t, err, wallet.ErrNoKey)
}

func TestShowsAreOnesOwn(t *testing.T) {
	s := newSpace(t)
	c := s.show(wallet.ShowRequest{})
	stranger := wallet.Person{HolderID: "stranger"}
	_, err := s.Renew(t.Context(), stranger, c.ShowID)
	require.ErrorIs(t, err, wallet.ErrShowUnknown)
	require.ErrorIs(t, s.Close(t.Context(), stranger, c.ShowID), wallet.ErrShowUnknown)
	require.ErrorIs(t, s.Owns(t.Context(), stranger, c.ShowID, c.Payload), wallet.ErrShowUnknown)
	require.NoError(t, s.Owns(t.Context(), s.me(), c.ShowID, c.Payload))
	other := s.show(wallet.ShowRequest{})
	require.ErrorIs(t, s.Owns(t.Context(), s.me(), other.ShowID, c.Payload), wallet.ErrShowUnknown)
	open, err := s.Open(t.Context(), s.me(), c.ShowID)
	require.NoError(t, err)
	require.True(t, open)
	require.NoError(t, s.Close(t.Context(), s.me(), c.ShowID))
	require.NoError(t, s.Close(t.Context(), s.me(), c.ShowID))
	open, err = s.Open(t.Context(), s.me(), c.ShowID)
	require.NoError(t, err)
	require.False(t, open)
	_, err = s.Peek(t.Context(), ticket(t, c))
	require.ErrorIs(t, err, wallet.ErrTicketClosed)
	_, _, err = s.Redeem(t.Context(), wallet.Redemption{Ticket: ticket(t, c), Claimant: "bank", Fields: []string{"name"}, Audience: "bank", Nonce: "n"})
	require.ErrorIs(t, err, wallet.ErrTicketClosed)
	// One that was used stays so, whatever its holder does afterwards.
	require.NoError(t, s.Spent(t.Context(), wallet.Scan{ShowID: other.ShowID}))
	require.NoError(t, s.Close(t.Context(), s.me(), other.ShowID))
	_, err = s.Peek(t.Context(), ticket(t, other))
	require.ErrorIs(t, err, wallet.ErrTicketTaken)
}

// What a holder writes for a purpose lies in memory with the show: a word, not a book.
func TestSceneIsShort(t *testing.T) {
	s := newSpace(t)
	_, err := s.Show(t.Context(), s.me(), wallet.ShowRequest{Identifier: identifier, View: "identity", Scene: strings.Repeat("x", 257)})
	require.ErrorIs(t, err, wallet.ErrScene)
	s.show(wallet.ShowRequest{Scene: strings.Repeat("x", 256)})
}

// A show that is left alone ends by itself, and its codes never outlive it.
func TestShowEnds(t *testing.T) {
	s := newSpace(t)
	c := s.show(wallet.ShowRequest{})
	s.now = s.now.Add(9*time.Minute + 30*time.Second)
	late, err := s.Renew(t.Context(), s.me(), c.ShowID)
	require.NoError(t, err)
	require.Equal(t, c.OpenUntil, late.ExpiresAt)
	s.now = s.now.Add(30 * time.Second)
	_, err = s.Renew(t.Context(), s.me(), c.ShowID)
	require.ErrorIs(t, err, wallet.ErrShowClosed)
}

func TestHoldingsAreMasked(t *testing.T) {
	s := newSpace(t)
	find := func(reveal bool) any {
		all, err := s.Holdings(t.Context(), s.me(), reveal)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Nil(t, all[0].Claims, "only what is displayed leaves")
		for _, d := range all[0].Display {
			if d.Field == "id_number" {
				return d.Value
			}
		}
		return nil
	}
	require.NotEqual(t, "11010519491231002X", find(false))
	require.Equal(t, "11010519491231002X", find(true))
	all, err := s.Holdings(t.Context(), wallet.Person{HolderID: "stranger"}, true)
	require.NoError(t, err)
	require.Empty(t, all)
}
