package sqlstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

var (
	placeholder = regexp.MustCompile(`\$\d+`)
	// The registry and the heads of the lists are small and read whole; every other table grows
	// with the people, and may only be entered through an index.
	scanned = regexp.MustCompile(`SCAN (certificates|portraits|slots|status_changes|certificate_events|push_jobs|push_results|requests|wallet_copies|appointments|corrections|reviews|passkeys|verifications|consents|withdrawals|representatives|passkey_users|sessions|disputes|exports|erasures|devices|device_stocks|device_serials|revoked_serials)\b`)
)

func TestStatementsUseIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.db")
	s := open(t, sqlstore.Config{URL: "sqlite:" + path, Keys: newKeys(t)})
	fill(t, s)
	ctx, now := t.Context(), time.Now()
	for _, read := range []func(*sqlstore.Store) error{readCertificate, readCopy, readVerification, readRequest, readResults, readEvents} {
		require.NoError(t, read(s))
	}
	heads, err := s.Lists(ctx)
	require.NoError(t, err)
	list := heads[0].Name
	_, _, err = s.Snapshot(ctx, list)
	require.NoError(t, err)
	_, err = s.Changes(ctx, list, 0, 10)
	require.NoError(t, err)
	_, err = s.Held(ctx, []string{"blind-one"}, 10)
	require.NoError(t, err)
	for _, q := range []issuer.Question{{Identifier: "one"}, {HolderID: "blind-one", Type: "x"}, {Type: "x"}, {State: issuer.Suspended}, {State: issuer.Valid, After: issuer.Place{At: now, ID: "x"}}} {
		q.Authorities, q.Limit = []string{"police"}, 10
		_, err = s.FindCertificates(ctx, q)
		require.NoError(t, err)
	}
	_, err = s.JobsOf(ctx, []string{"police"}, issuer.Place{}, 10)
	require.NoError(t, err)
	require.NoError(t, s.Compared(ctx, "v1", verifier.Comparison{At: now, Outcome: "valid", Same: true}))
	require.NoError(t, s.AddCopy(ctx, issuer.Copy{Identifier: "one", Slot: issuer.Slot{List: list, Index: 77}}))
	for i, id := range []string{"one", "one-2"} { // replaced, and refused
		r, err := s.Reserve(ctx, "police", nil, 1)
		require.NoError(t, err)
		n := sealedCertificate("one-"+string(rune('2'+i)), id)
		n.Replaces, n.Slot = "one", issuer.Slot{List: list, Index: r.Counters[0]}
		_, err = s.Commit(ctx, issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{n}})
		require.NoError(t, err)
	}
	_, err = s.EndJob(ctx, "job", "upload", true, now)
	require.NoError(t, err)
	_, err = s.Licences(ctx, "p")
	require.NoError(t, err)
	_, err = s.AppointmentsOf(ctx, "p", 10)
	require.NoError(t, err)
	_, err = s.AppointmentsIn(ctx, "c", 10)
	require.NoError(t, err)
	require.NoError(t, s.ChangeAppointment(ctx, "a", []wallet.AppointmentState{wallet.Offered}, wallet.Accepted, "p", now))
	require.NoError(t, s.FileCorrection(ctx, correction.Request{ID: "x", PersonID: "p"}, now, 1))
	_, err = s.CorrectionsOf(ctx, "p", 10)
	require.NoError(t, err)
	_, err = s.CorrectionsDue(ctx, 10)
	require.NoError(t, err)
	require.NoError(t, s.ClaimCorrection(ctx, "x", "op", now, now))
	require.NoError(t, s.AnswerCorrection(ctx, "x", "op", correction.Refused, "a", now))
	eachReviewStatement(t, s, now)
	_, err = s.PasskeyHandle(ctx, "p", []byte{1})
	require.NoError(t, err)
	_, err = s.Passkeys(ctx, "p")
	require.NoError(t, err)
	require.NoError(t, s.UsePasskey(ctx, "p", "one", 2, 5, now))
	require.ErrorIs(t, s.UsePasskey(ctx, "p", "one", 2, 5, now), passkey.ErrCounter)
	require.NoError(t, s.RemovePasskey(ctx, "p", "one"))
	_, err = s.LooksShownBy(ctx, "blind-one", "p", wallet.Cursor{At: now}, 10)
	require.NoError(t, err)
	_, err = s.Looks(ctx, "blind-one", wallet.Cursor{At: now}, 10)
	require.NoError(t, err)
	_, err = s.ByTicket(ctx, [32]byte{'1'})
	require.NoError(t, err)
	_, err = s.ByRequest(ctx, "client", "none")
	require.Error(t, err)
	v := benchmarkVerification(1)
	require.NoError(t, s.Record(ctx, v))
	v.ID, v.Challenge = "other", "challenge"
	require.Error(t, s.Record(ctx, v))
	v.RequestKey = ""
	require.Error(t, s.Record(ctx, v))
	_, _, err = s.Sweep(ctx, now, now.AddDate(-1, 0, 0))
	require.NoError(t, err)
	_, err = s.SweepRequests(ctx, now.AddDate(-1, 0, 0))
	require.NoError(t, err)
	require.NoError(t, s.StepUpSession(ctx, "session-1", now))
	_, err = s.Devices(ctx, "blind-one")
	require.NoError(t, err)
	_, err = s.Standing(ctx, "blind-one", "device-1", now)
	require.NoError(t, err)
	_, err = s.Stocked(ctx, "blind-two", "", wallet.Cursor{At: now}, 10)
	require.NoError(t, err)
	_, err = s.Stocked(ctx, "blind-two", "blind-one", wallet.Cursor{At: now}, 10)
	require.NoError(t, err)
	_, err = s.KillDevices(ctx, wallet.DeviceKill{ID: "device-1", PersonID: "blind-one", At: now})
	require.NoError(t, err)
	require.ErrorIs(t, s.PutStock(ctx, wallet.Stocked{ID: "no", HolderID: "blind-two", PersonID: "blind-one", DeviceID: "device-1", Session: "session-1", Identifier: "two"}, 5), wallet.ErrDeviceKilled)
	_, err = s.KillDevices(ctx, wallet.DeviceKill{PersonID: "blind-one", At: now})
	require.NoError(t, err)
	require.NoError(t, s.ChangeAppointment(ctx, "a", []wallet.AppointmentState{wallet.Accepted}, wallet.Removed, "p", now))
	_, err = s.PutWithdrawal(ctx, wallet.Withdrawal{ID: "w", PersonID: "p", Certificate: "one", At: now})
	require.NoError(t, err)
	_, _, err = s.RevokedSerials(ctx, 0, now, 10)
	require.NoError(t, err)
	_, err = s.OfflineCode(ctx, sdcwt.NewSerial())
	require.ErrorIs(t, err, verifier.ErrNoRecord)
	shown := benchmarkVerification(2)
	shown.ShowID, shown.Challenge, shown.RequestKey, shown.Proof = "", "", "", []byte("proof")
	require.NoError(t, s.Record(ctx, shown))
	for _, party := range []string{"one", "two", "one"} {
		shown.ID, shown.Party, shown.Via = "settled-"+party, party, verifier.ViaOffline
		_, _, err = s.Settle(ctx, verifier.Settling{Verification: shown, Shown: true})
		require.NoError(t, err)
	}
	shown.ID, shown.Code = "moved", &verifier.CodeState{}
	require.ErrorIs(t, s.Record(ctx, shown), verifier.ErrSpent)
	shown.Proof = []byte("another")
	require.ErrorIs(t, s.Record(ctx, shown), verifier.ErrCodeMoved)
	for _, sweep := range []func(context.Context, time.Time) (int64, error){s.SweepDevices, s.SweepSerials, s.SweepCodes, s.SweepStocks} {
		_, err = sweep(ctx, now.AddDate(-1, 0, 0))
		require.NoError(t, err)
	}
	require.NoError(t, s.EndSession(ctx, "session-1"))
	_, err = s.EndSessions(ctx, "blind-one")
	require.NoError(t, err)
	_, err = s.SweepSessions(ctx, now)
	require.NoError(t, err)
	_, err = s.SweepConsents(ctx, now)
	require.NoError(t, err)
	_, err = s.SweepCorrections(ctx, now)
	require.NoError(t, err)
	_, err = s.SweepReviews(ctx, now)
	require.NoError(t, err)
	_, err = s.OpenAsks(ctx, "p", now)
	require.NoError(t, err)
	_, err = s.Overdue(ctx, now, 10)
	require.NoError(t, err)
	require.NoError(t, s.PrepareErasure(ctx, "p", "token", now.Add(time.Minute)))
	_, err = s.Erase(ctx, "p", "token", now)
	require.NoError(t, err)
	require.NoError(t, s.Save(ctx, 0, []registry.Entry{{Kind: "k", ID: "i", Body: []byte("{}")}}, "who", "why", now))
	_, err = s.Load(ctx)
	require.NoError(t, err)

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	explained := 0
	for _, text := range s.Statements() {
		if !regexp.MustCompile(`^\s*(SELECT|UPDATE|DELETE|INSERT)`).MatchString(text) {
			continue
		}
		rows, err := db.Query("EXPLAIN QUERY PLAN " + placeholder.ReplaceAllString(text, "'x'"))
		require.NoError(t, err, text)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		require.NotRegexp(t, scanned, strings.Join(plan, "\n"), text)
		explained++
	}
	require.Greater(t, explained, 35)
}
