package verifier_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

const (
	purpose    = "account-opening"
	identifier = "1.2.156.3005.2.11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R"
)

// service is a verification service over a real record and a real cache. The test plays wallet,
// issuer and registry.
type service struct {
	*verifier.Service
	*world
	store     *sqlstore.Store
	may       verifier.Party
	fields    []string
	originals []verifier.Original
	live      map[string]any
	redeem    error
	asked     func() verifier.Ask
}

func (s *service) Party(context.Context, string) (verifier.Party, error) { return s.may, nil }

func (s *service) Peek(context.Context, [16]byte) (verifier.Offer, error) {
	return verifier.Offer{}, s.redeem
}

func (s *service) Redeem(context.Context, verifier.Redemption) (verifier.Offer, string, error) {
	return verifier.Offer{}, "", s.redeem
}

func (s *service) Spent(context.Context, verifier.Scan) error { return nil }

func (s *service) Ask(context.Context, verifier.AskRequest) (verifier.Ask, error) {
	return verifier.Ask{}, verifier.ErrNotAsked
}

func (s *service) Asked(context.Context, string, string, <-chan struct{}) (verifier.Ask, error) {
	if s.asked != nil {
		return s.asked(), nil
	}
	return verifier.Ask{}, verifier.ErrNoRecord
}

func (s *service) Find(_ context.Context, id string, _ schemas.HolderRef, typ string) ([]verifier.Original, error) {
	var found []verifier.Original
	for _, o := range s.originals {
		if (id == "" || o.Identifier == id) && o.Type == typ {
			found = append(found, o)
		}
	}
	return found, nil
}

func (s *service) Live(_ context.Context, id string) (map[string]any, time.Time, *verifier.Ending, error) {
	for _, o := range s.originals {
		if o.Identifier == id {
			return s.live, s.now, nil, nil
		}
	}
	return nil, time.Time{}, nil, context.DeadlineExceeded // a fault: nobody asks for what is not ours
}

func (s *service) Portrait(context.Context, string) (image, salt []byte, err error) {
	return []byte("a face"), []byte("salt"), nil
}

func newService(t *testing.T) *service {
	s := &service{world: newWorld(t, key.SM2), fields: []string{"name", "over_18", "identifier", schemas.PortraitClaim, "loss_reported"}}
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "k")))
	ks, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "k")})
	require.NoError(t, err)
	s.store, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(folder, "db", "v.db")), Keys: ks})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	s.may = verifier.Party{ID: party, Name: schemas.Text{ZH: "银行", EN: "bank"}, Portrait: true, Fields: func(typ, why string) ([]string, bool, bool) {
		return s.fields, typ == "resident-id", why == purpose
	}}
	s.Service, err = verifier.NewService(verifier.ServiceConfig{
		Verifier: s.v, Wallet: s, Parties: s, Originals: s, Records: s.store, Comparisons: s.store, Challenges: s.cache, Limiter: s.cache,
		Domain: "DEMO", Now: func() time.Time { return s.now },
		Receipts: &verifier.ReceiptConfig{Issuer: base, Hash: receipt.SM3, Signer: func(context.Context) (key.Signer, error) { return s.issuer, nil }},
	})
	require.NoError(t, err)
	return s
}

var bank = verifier.Caller{Client: "bank-client", Party: party}

// original puts the original of a certificate into the issuer's record.
func (s *service) original() {
	c := s.claims()
	delete(c, "cnf")
	s.originals = append(s.originals, verifier.Original{Identifier: identifier, HolderID: "holder", Type: "resident-id", Credential: s.credential(c)})
}

func (s *service) facts(claims map[string]any) *verifier.Answer {
	a, err := s.Check(s.t.Context(), bank, verifier.Request{Purpose: purpose, Facts: &verifier.Facts{Identifier: identifier, Type: "resident-id", Claims: claims}})
	require.NoError(s.t, err)
	return a
}

// What a party may see is what it may see now: its registration was narrowed since the check.
func TestPortraitOfANarrowedParty(t *testing.T) {
	s := newService(t)
	s.original()
	a, err := s.Check(t.Context(), bank, s.presented(identifier))
	require.NoError(t, err)
	require.True(t, a.Portrait)
	_, _, err = s.Service.Portrait(t.Context(), bank, a.ID)
	require.NoError(t, err)
	s.fields = []string{"name"}
	_, _, err = s.Service.Portrait(t.Context(), bank, a.ID)
	require.ErrorIs(t, err, verifier.ErrNoPortrait)
}

// A check without a code discloses nothing: whoever may fetch portraits gets none by asking for
// the digest as if it were a fact.
func TestFactsGiveNoPortrait(t *testing.T) {
	s := newService(t)
	s.original()
	a := s.facts(map[string]any{schemas.PortraitClaim: "sm3:guess"})
	require.False(t, a.Portrait)
	_, _, err := s.Service.Portrait(t.Context(), bank, a.ID)
	require.ErrorIs(t, err, verifier.ErrNoPortrait)
}

func (s *service) presented(id string) verifier.Request {
	nonce, _, err := s.Challenge(s.t.Context(), bank)
	require.NoError(s.t, err)
	text, err := sdjwt.Sign(s.issuer, sdjwt.Issue{Claims: s.claims(), Hash: sdjwt.SM3, Disclosable: []sdjwt.Claim{
		{Name: "name", Value: "张示例"}, {Name: "identifier", Value: id}, {Name: schemas.PortraitClaim, Value: "sm3:x"},
	}})
	require.NoError(s.t, err)
	vc, err := sdjwt.Parse(text, sdjwt.Type)
	require.NoError(s.t, err)
	text, err = vc.Present([]string{"name", "identifier", schemas.PortraitClaim}, s.provider, sdjwt.Binding{Audience: party, Nonce: nonce, IssuedAt: s.now})
	require.NoError(s.t, err)
	return verifier.Request{Presentation: text, Nonce: nonce, Purpose: purpose}
}

func TestPresentationOfOurOwn(t *testing.T) {
	s := newService(t)
	s.original()
	s.live = map[string]any{"loss_reported": false}
	a, err := s.Check(t.Context(), bank, s.presented(identifier))
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome, a.Reasons)
	require.Equal(t, s.live, a.Live)
	require.True(t, a.Portrait)
	v, err := s.store.ByID(t.Context(), a.ID)
	require.NoError(t, err)
	require.Equal(t, "holder", v.HolderID, "she sees the check in her history")
}

// A certificate of another domain is checked like any other. What we know of a certificate
// that merely has the same identifier is not told about it.
func TestPresentationFromElsewhere(t *testing.T) {
	s := newService(t)
	a, err := s.Check(t.Context(), bank, s.presented(identifier))
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome, a.Reasons)
	require.Nil(t, a.Live)

	c := s.claims()
	delete(c, "cnf")
	c["iss"] = base + "/issuers/somebody-else"
	s.originals = []verifier.Original{{Identifier: identifier, HolderID: "victim", Type: "resident-id", Credential: s.credential(c)}}
	s.live = map[string]any{"loss_reported": true}
	a, err = s.Check(t.Context(), bank, s.presented(identifier))
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome, a.Reasons)
	require.Nil(t, a.Live)
	require.False(t, a.Portrait)
	_, _, err = s.Service.Portrait(t.Context(), bank, a.ID)
	require.ErrorIs(t, err, verifier.ErrNoPortrait)
	v, err := s.store.ByID(t.Context(), a.ID)
	require.NoError(t, err)
	require.Empty(t, v.HolderID)
}

// Who asks about numbers that have no certificate leaves a trace like everybody else.
func TestFactsAboutNobodyAreRecorded(t *testing.T) {
	s := newService(t)
	a := s.facts(map[string]any{"name": "x"})
	require.Equal(t, verifier.Invalid, a.Outcome)
	require.Equal(t, []string{"certificate-unknown"}, a.Reasons)
	v, err := s.store.ByID(t.Context(), a.ID)
	require.NoError(t, err)
	require.Equal(t, "facts", v.Via)
	require.Equal(t, []string{"name"}, v.Fields)
}

// The predicates in an original are as old as it, and live fields are not in it at all: both are
// compared with what holds now.
func TestFactsAreOfToday(t *testing.T) {
	s := newService(t)
	s.original() // says over_18: true
	s.originals[0].Predicates = map[string]bool{"over_18": false}
	s.live = map[string]any{"loss_reported": true}
	a := s.facts(map[string]any{"over_18": false, "loss_reported": true})
	require.Equal(t, map[string]bool{"over_18": true, "loss_reported": true}, a.Matches)
	require.Equal(t, verifier.Valid, a.Outcome, a.Reasons)
	a = s.facts(map[string]any{"over_18": true, "loss_reported": false})
	require.Equal(t, map[string]bool{"over_18": false, "loss_reported": false}, a.Matches)
	require.Equal(t, verifier.Invalid, a.Outcome)
}

// A party that was suspended gets nothing more, not even an answer that it has had.
func TestSuspendedPartyGetsNoRepetition(t *testing.T) {
	s := newService(t)
	s.original()
	req := verifier.Request{Purpose: purpose, Key: "k", Facts: &verifier.Facts{Identifier: identifier, Type: "resident-id", Claims: map[string]any{"name": "张示例"}}}
	a, err := s.Check(t.Context(), bank, req)
	require.NoError(t, err)
	b, err := s.Check(t.Context(), bank, req)
	require.NoError(t, err)
	require.Equal(t, a.ID, b.ID)
	s.may.Suspended = true
	_, err = s.Check(t.Context(), bank, req)
	require.ErrorIs(t, err, verifier.ErrPartySuspended)
}

// Purposes are words of the registry, not a place to keep things.
func TestPurposeIsShort(t *testing.T) {
	s := newService(t)
	nonce, _, err := s.Challenge(t.Context(), bank)
	require.NoError(t, err)
	_, err = s.Check(t.Context(), bank, verifier.Request{Presentation: "x", Nonce: nonce, Purpose: strings.Repeat("p", 1<<20)})
	require.ErrorIs(t, err, verifier.ErrPurposeNotRegistered)
}

// A show that its holder closed is told from one that was used.
func TestClosedCode(t *testing.T) {
	s := newService(t)
	s.redeem = verifier.ErrCodeClosed
	a, err := s.Check(t.Context(), bank, verifier.Request{Code: ticketCode(t), Purpose: purpose})
	require.NoError(t, err)
	require.Equal(t, verifier.Invalid, a.Outcome)
	require.Equal(t, []string{"code-closed"}, a.Reasons)
}

// A code whose certificate cannot be shown any more (it has ended or was frozen since the show was
// opened, and the wallet has no copy) is a no, not a fault.
func TestCodeOfWhatCannotBeShown(t *testing.T) {
	s := newService(t)
	s.redeem = verifier.ErrNotShowable
	a, err := s.Check(t.Context(), bank, verifier.Request{Code: ticketCode(t), Purpose: purpose})
	require.NoError(t, err)
	require.Equal(t, verifier.Invalid, a.Outcome)
	require.Equal(t, []string{"holding-not-showable"}, a.Reasons)
}

func ticketCode(t *testing.T) string {
	code, err := qr.FormatTicket("DEMO", [16]byte{1})
	require.NoError(t, err)
	return code
}

// Who showed a company's certificate has lost the right to, since.
func TestCodeOfARemovedAgent(t *testing.T) {
	s := newService(t)
	s.redeem = verifier.ErrAgencyOver
	a, err := s.Check(t.Context(), bank, verifier.Request{Code: ticketCode(t), Purpose: purpose})
	require.NoError(t, err)
	require.Equal(t, verifier.Invalid, a.Outcome)
	require.Equal(t, []string{"agency-over"}, a.Reasons)
	require.Empty(t, a.Claims)
}

// Two wait for the same holder, and the other is done first: the show is used, by this very check.
func TestOvertakenByItself(t *testing.T) {
	s := newService(t)
	s.redeem = verifier.ErrCodeUsed
	s.asked = func() verifier.Ask {
		require.NoError(t, s.store.Record(t.Context(), verifier.Verification{
			ID: "ask", At: s.now, Caller: bank.Client, Party: party, ShowID: "show", Ticket: [32]byte{1}, Purpose: purpose, Via: "code",
			Outcome: "valid", Answer: []byte(`{"id":"ask","outcome":"valid"}`), AnswerUntil: s.now.Add(time.Minute),
		}))
		return verifier.Ask{ID: "ask", Ticket: [32]byte{1}, Type: "resident-id", Party: party, Purpose: purpose, Shown: []string{"name"}, Answer: "lapsed", Note: []byte(`{}`)}
	}
	a, err := s.Await(t.Context(), bank, "ask", nil)
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome, a.Reasons)
}
