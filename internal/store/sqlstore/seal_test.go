package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// What must never lie readable in the file.
const (
	secretName     = "欧阳示例"
	secretNumber   = "430102199001011234"
	secretPhoto    = "portrait bytes that nobody may see"
	secretToken    = "eyJhbGciOiJTR0RfU00zX1NNMiIsInR5cCI6ImRjK3NkLWp3dCJ9"
	secretReason   = "convicted of something"
	secretResponse = "the answer to a bank"
)

// secretDigest is of a request that holds little but a number: who has the digest finds the number
// by trying all of them.
func secretDigest() [32]byte { return sm.Sum([]byte(secretNumber)) }

func sealedCertificate(id, rowKey string) issuer.NewCertificate {
	return issuer.NewCertificate{Line: 1, Certificate: issuer.Certificate{
		Identifier: id, Authority: "police", TypeVer: 1, HolderID: "blind-" + id, Credential: secretToken + id, State: issuer.Valid, CreatedAt: time.Now(),
		Row: schemas.Row{
			Key: rowKey, Type: "resident-id", Holder: schemas.HolderRef{Type: "111", Number: secretNumber, Name: secretName},
			Region: "430102", Number: secretNumber, Claims: schemas.Claims{"name": secretName}, Portrait: []byte(secretPhoto),
		},
	}}
}

// fill writes personal data through every method that takes some.
func fill(t *testing.T, s *sqlstore.Store) {
	ctx := t.Context()
	now := time.Now()
	r, err := s.Reserve(ctx, "police", []string{secretNumber}, 2)
	require.NoError(t, err)
	// Departments do take citizens' numbers for row keys.
	one, two := sealedCertificate("one", secretNumber), sealedCertificate("two", "key-"+secretNumber)
	one.Slot, two.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}, issuer.Slot{List: r.List, Index: r.Counters[1]}
	two.Line = 2
	_, err = s.BeginJob(ctx, issuer.JobStart{ID: "job", Authority: "police", Holder: "upload", At: now, Lease: time.Minute})
	require.NoError(t, err)
	_, err = s.Commit(ctx, issuer.Batch{Authority: "police", Job: "job", JobHolder: "upload", Certificates: []issuer.NewCertificate{one, two},
		Results: []issuer.Result{{Line: 3, Key: secretNumber + "x", Code: "field-missing", Detail: secretName}}})
	require.NoError(t, err)
	_, err = s.ChangeState(ctx, issuer.Change{Authority: "police", Identifier: "one", From: []issuer.State{issuer.Valid}, To: issuer.Suspended, Reason: secretReason, At: now})
	require.NoError(t, err)
	require.NoError(t, s.SetLive(ctx, "police", "one", map[string]any{"note": secretName}, now))
	require.NoError(t, s.PutCopy(ctx, wallet.Copy{HolderID: "blind-one", Identifier: "one", Credential: secretToken, RefreshAt: now, CreatedAt: now}))
	require.NoError(t, s.PutCopy(ctx, wallet.Copy{HolderID: "blind-two", Identifier: "two", Credential: secretToken, RefreshAt: now, CreatedAt: now}))
	for _, id := range []string{"v1", "v2"} {
		require.NoError(t, s.Record(ctx, verifier.Verification{ID: id, RequestKey: id, RequestHash: secretDigest(), ShowID: id, Ticket: [32]byte{id[1]}, HolderID: "blind-one", Answer: []byte(secretResponse), Receipt: []byte(secretResponse + id), At: now, AnswerUntil: now.Add(time.Hour)}))
		_, err := s.FileDispute(ctx, rights.Filing{Dispute: rights.Dispute{ID: id, Verification: id, Side: rights.SideHolder, Reason: secretReason, State: rights.Open, FiledAt: now}, Holders: []string{"blind-one"}})
		require.NoError(t, err)
	}
	require.NoError(t, s.PutAppointment(ctx, appointment()))
	require.NoError(t, s.AddPasskey(ctx, passkey.Key{ID: "one", CredentialID: []byte{1}, PersonID: "p", PublicKey: []byte{1}, Name: secretName, CreatedAt: now}, 5))
	require.NoError(t, s.FileCorrection(ctx, correction.Request{ID: "one", PersonID: "p", Says: secretName, Contact: secretNumber}, now, 5))
	require.NoError(t, s.ClaimCorrection(ctx, "one", "op", now, now))
	require.NoError(t, s.AnswerCorrection(ctx, "one", "op", correction.Refused, secretReason, now))
	require.NoError(t, s.PutReview(ctx, badReview("review", "v1")))
	require.NoError(t, s.ChangeReview(ctx, "review", review.Change{By: "op", At: now}))
	require.NoError(t, s.ChangeReview(ctx, "review", review.Change{By: "op", At: now, Answer: secretReason, Measure: secretName}))
	_, _, err = s.BeginRequest(ctx, "client", "request", secretDigest(), now)
	require.NoError(t, err)
	require.NoError(t, s.EndRequest(ctx, "client", "request", 201, []byte(secretResponse+secretName)))
	for _, id := range []string{"session-1", "session-2"} {
		require.NoError(t, s.OpenSession(ctx, access.Session{ID: id, Holder: "blind-one", Name: secretName, Method: "oidc:demo", At: now, SignedInAt: now, Expires: now.Add(time.Hour)}))
	}
	for _, id := range []string{"device-1", "device-2"} {
		k, err := key.Generate(key.SM2)
		require.NoError(t, err)
		require.NoError(t, s.AddDevice(ctx, wallet.Device{ID: id, PersonID: "blind-one", Key: k.Public(), Name: secretName, Session: "session-1", CreatedAt: now}, 5))
	}
	require.NoError(t, s.RefusedDevice(ctx, "blind-one", "proof"))
	require.NoError(t, s.PutStock(ctx, wallet.Stocked{ID: "stock", At: now, HolderID: "blind-two", PersonID: "blind-one", DeviceID: "device-1", Session: "session-1", Identifier: "two",
		Serials: []wallet.Serial{{1}, {2}}, Codes: 2, ExpiresAt: now.Add(time.Hour)}, 5))
}

func TestNothingPersonalLiesReadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	keys := newKeys(t)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + path, Keys: keys})
	require.NoError(t, err)
	fill(t, s)
	digest := secretDigest()
	scan := func() {
		files, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, secret := range []string{secretName, secretNumber, secretPhoto, secretToken, secretReason, secretResponse, string(digest[:])} {
				require.False(t, bytes.Contains(data, []byte(secret)), "%s holds %q", filepath.Base(file), secret)
			}
		}
	}
	scan() // with the log
	require.NoError(t, s.Close())
	scan()
}

// TestMovedValuesDoNotOpen plays somebody who can write to the database, and gives one
// person's data to another, or one column's to the next.
func TestMovedValuesDoNotOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		move string
		read func(*sqlstore.Store) error
	}{
		"row of another certificate":         {`UPDATE certificates SET row_data = (SELECT row_data FROM certificates WHERE identifier = 'two') WHERE identifier = 'one'`, readCertificate},
		"credential of another":              {`UPDATE certificates SET credential = (SELECT credential FROM certificates WHERE identifier = 'two') WHERE identifier = 'one'`, readCertificate},
		"digest of another":                  {`UPDATE certificates SET row_digest = (SELECT row_digest FROM certificates WHERE identifier = 'two') WHERE identifier = 'one'`, readCertificate},
		"credential as row":                  {`UPDATE certificates SET row_data = credential WHERE identifier = 'one'`, readCertificate},
		"row as live data":                   {`UPDATE certificates SET live = row_data WHERE identifier = 'one'`, readCertificate},
		"portrait of another":                {`UPDATE portraits SET image = (SELECT image FROM portraits WHERE identifier = 'two') WHERE identifier = 'one'`, readCertificate},
		"reason from the history":            {`UPDATE certificates SET reason = (SELECT reason FROM certificate_events) WHERE identifier = 'one'`, readCertificate},
		"wallet copy as the original":        {`UPDATE certificates SET credential = (SELECT credential FROM wallet_copies WHERE identifier = 'one') WHERE identifier = 'one'`, readCertificate},
		"one byte less":                      {`UPDATE certificates SET row_data = CAST(substr(row_data, 1, length(row_data) - 1) AS BLOB) WHERE identifier = 'one'`, readCertificate},
		"wallet copy of another holder":      {`UPDATE wallet_copies SET credential = (SELECT credential FROM wallet_copies WHERE identifier = 'two') WHERE identifier = 'one'`, readCopy},
		"answer of another verification":     {`UPDATE verifications SET answer = (SELECT answer FROM verifications WHERE id = 'v2') WHERE id = 'v1'`, readVerification},
		"receipt of another verification":    {`UPDATE verifications SET receipt = (SELECT receipt FROM verifications WHERE id = 'v2') WHERE id = 'v1'`, readVerification},
		"answer as receipt":                  {`UPDATE verifications SET receipt = answer WHERE id = 'v1'`, readVerification},
		"reason of another dispute":          {`UPDATE disputes SET reason = (SELECT reason FROM disputes WHERE id = 'v2') WHERE id = 'v1'`, readDisputes},
		"digest of another request":          {`UPDATE verifications SET request_hash = (SELECT request_hash FROM verifications WHERE id = 'v2') WHERE id = 'v1'`, readVerification},
		"answer to another request":          {`UPDATE requests SET response = (SELECT answer FROM verifications WHERE id = 'v2')`, readRequest},
		"result of another line":             {`UPDATE push_results SET detail = (SELECT detail FROM push_results WHERE line = 3) WHERE line = 1`, readResults},
		"name of another session":            {`UPDATE sessions SET name = (SELECT name FROM sessions WHERE id = 'session-2') WHERE id = 'session-1'`, readSession},
		"name of another device":             {`UPDATE devices SET name = (SELECT name FROM devices WHERE id = 'device-2') WHERE id = 'device-1'`, readDevices},
		"reason of a history from elsewhere": {`UPDATE certificate_events SET reason_id = 'another'`, readEvents},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "showcard.db")
			s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
			fill(t, s)
			require.NoError(t, tc.read(s))
			meddle(t, path, tc.move)
			require.ErrorIs(t, tc.read(s), key.ErrSealed)
		})
	}
}

func meddle(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	r, err := db.Exec(statement)
	require.NoError(t, err)
	n, err := r.RowsAffected()
	require.NoError(t, err)
	require.NotZero(t, n)
}

func readCertificate(s *sqlstore.Store) error {
	_, err := s.Certificate(background(), "one")
	return err
}

func readCopy(s *sqlstore.Store) error {
	_, err := s.Copy(background(), "blind-one", "one")
	return err
}

func readVerification(s *sqlstore.Store) error {
	_, err := s.ByID(background(), "v1")
	return err
}

func readRequest(s *sqlstore.Store) error {
	_, _, err := s.BeginRequest(background(), "client", "request", secretDigest(), time.Now())
	return err
}

func readResults(s *sqlstore.Store) error {
	_, err := s.Results(background(), "job", "police", 0, 10)
	return err
}

func readEvents(s *sqlstore.Store) error {
	_, err := s.Events(background(), "one")
	return err
}

func readSession(s *sqlstore.Store) error {
	_, err := s.Session(background(), "session-1")
	return err
}

func TestDatabaseNeedsItsKeystore(t *testing.T) {
	cfg := sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "showcard.db"), Keys: newKeys(t)}
	s, err := sqlstore.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	other := cfg
	other.Keys = newKeys(t)
	_, err = sqlstore.Open(t.Context(), other)
	require.ErrorIs(t, err, key.ErrOtherKeystore)
	open(t, cfg)
}

func readDisputes(s *sqlstore.Store) error {
	_, err := s.DisputesOf(background(), "v1")
	return err
}

func readDevices(s *sqlstore.Store) error {
	_, err := s.Devices(context.Background(), "blind-one")
	return err
}
