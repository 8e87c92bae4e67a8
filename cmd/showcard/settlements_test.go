package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/verifier"
)

// flaky is a network that comes and goes.
type flaky struct {
	next  http.RoundTripper
	fails int
	after bool // the request arrives, and the answer is lost
}

var errNoNetwork = errors.New("no network")

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.fails == 0 {
		return f.next.RoundTrip(r)
	}
	f.fails--
	if f.after {
		res, err := f.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
	}
	return nil, errNoNetwork
}

// counter is a desk without a network: a real checker, whose bundle says what the test says, and its queue.
type counter struct {
	*verifier.OfflineChecker
	*verifier.Settlement
	network *flaky
	asOf    time.Time
}

// RevokedCode implements verifier.RevokedCodes: an old bundle knows of nothing.
func (c *counter) RevokedCode(sdcwt.Serial) (bool, time.Time, bool) { return false, c.asOf, true }

func counterOf(t *testing.T, d *demo, data, party string) *counter {
	t.Helper()
	c := &counter{network: &flaky{next: http.DefaultTransport}, asOf: time.Now().Add(-time.Hour)}
	var err error
	c.OfflineChecker, err = verifier.NewOfflineChecker(verifier.OfflineConfig{Trust: d.registry, Revoked: c, Types: d.types, Scenes: []string{"identity-check"}})
	require.NoError(t, err)
	c.open(t, d, data, party, filepath.Join(t.TempDir(), "queue"))
	return c
}

// open opens the queue, as after a restart.
func (c *counter) open(t *testing.T, d *demo, data, party, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	as := clientOf(t, data, d.base, party)
	c.Settlement, err = verifier.OpenSettlement(verifier.SettlementConfig{
		Base: d.base, Token: func(ctx context.Context) (string, error) {
			authorization, err := as.authorization(ctx)
			return strings.TrimPrefix(authorization, "Bearer "), err
		},
		File: file, Client: &http.Client{Transport: c.network},
		Wait: func(context.Context, time.Duration) error { return nil },
	})
	require.NoError(t, err)
}

// scan checks a code and queues the check.
func (c *counter) scan(t *testing.T, code string) *verifier.Result {
	t.Helper()
	r := c.Check(t.Context(), code, verifier.Asked{})
	require.NoError(t, c.Add(verifier.Report(code, r, "identity-check", verifier.Asked{})))
	return r
}

// Checks made offline become receipts, lines of the history and entries of the log; what the counters
// could not know is told.
func TestSettlement(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	underDemo(t, data, func(ctx context.Context, d *demo) {
		citizen, operator := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		p := handsetOf(t, citizen, identifier, "identity")
		bank, hall := counterOf(t, d, data, "demo-bank"), counterOf(t, d, data, "changsha-service-hall")
		push := func(c *counter, want int) (rows []verifier.SettledCheck) {
			t.Helper()
			all, err := c.Push(ctx)
			require.NoError(t, err)
			require.Len(t, all, want)
			require.Zero(t, c.Waiting())
			for _, one := range all {
				rows = append(rows, one.SettledCheck)
			}
			return rows
		}

		// A good one; the network goes before it comes, and after.
		seen := bank.scan(t, p.show(t, sdcwt.Proof{}))
		require.Equal(t, verifier.Valid, seen.Outcome)
		bank.network.fails = 2
		first := push(bank, 1)[0]
		require.Equal(t, verifier.SettledCheck{Proof: seen.Offline.Proof, State: "recorded", ID: first.ID, Outcome: "valid", Reasons: []string{}, Conflicts: []string{}}, first)
		bank.scan(t, p.show(t, sdcwt.Proof{}))
		bank.network.fails, bank.network.after = 1, true
		require.Equal(t, "repeated", push(bank, 1)[0].State, "the answer was lost")
		looks := looksOf(t, citizen)
		require.Len(t, looks, 2)
		require.Equal(t, []string{first.ID, "demo-bank", "offline", "valid", identifier}, []string{looks[1].ID, looks[1].Party, looks[1].Via, looks[1].Outcome, looks[1].Identifier})
		require.True(t, looks[1].At.Equal(seen.CheckedAt.Truncate(time.Microsecond)))
		require.True(t, looks[1].SettledAt.After(looks[1].At))
		require.Equal(t, []string{"id_number", "name", "not_expired", "valid_until"}, looks[1].Fields)

		// Its receipt holds for the party and the holder, by the tool.
		saved := fileOf(t, "list.jws", []byte(fetchText(t, d.base+"/v1/trust-list")))
		var kept struct {
			Receipt  string
			Openings verifier.Openings
		}
		require.NoError(t, operator.call(ctx, http.MethodGet, "/v1/verifications/"+first.ID+"/receipt", nil, "", &kept))
		tool := func(path string) string {
			return toolOf(t, 0, "verify", path, "--trust-list", saved, "--roots", filepath.Join(data, rootsFile))
		}
		require.Contains(t, tool(fileOf(t, "receipt.jws", []byte(kept.Receipt))), "GENUINE RECEIPT")
		filed, err := json.Marshal(map[string]any{"receipt": kept.Receipt, "openings": kept.Openings, "claims": seen.Claims})
		require.NoError(t, err)
		require.Contains(t, tool(fileOf(t, "answer.json", filed)), "一致 matches")
		list, err := d.registry.Current(ctx)
		require.NoError(t, err)
		var hers struct{ Receipt string }
		require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history/"+first.ID+"/receipt", nil, "", &hers))
		receipt, err := verifier.VerifyReceipt(list, hers.Receipt)
		require.NoError(t, err)
		require.Equal(t, []any{"offline", seen.CheckedAt.Unix(), "identity-check"}, []any{receipt.Via, receipt.CheckedAt, receipt.Purpose})

		// The same proof at two counters far apart, and at one that has a network.
		code := p.show(t, sdcwt.Proof{})
		bank.scan(t, code)
		hall.scan(t, code)
		here := push(bank, 1)[0]
		require.Empty(t, here.Conflicts)
		there := push(hall, 1)[0]
		require.Equal(t, []string{"conflict-shown-elsewhere"}, there.Conflicts)
		bank.scan(t, code)
		again := push(bank, 1)[0]
		require.Equal(t, []string{"repeated", here.ID}, []string{again.State, again.ID})
		require.Equal(t, []string{"conflict-shown-elsewhere"}, again.Conflicts, "the other side is told when it asks again")
		code = p.show(t, sdcwt.Proof{})
		var online asked
		require.NoError(t, operator.call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "identity-check"}, "", &online))
		hall.scan(t, code)
		require.Equal(t, []string{"conflict-shown-online"}, push(hall, 1)[0].Conflicts)

		// What the counter said is not so.
		old := p.show(t, sdcwt.Proof{IssuedAt: time.Now().Add(-5 * time.Minute)})
		report := func(code string, outcome verifier.Outcome) verifier.OfflineReport {
			return verifier.OfflineReport{Code: code, CheckedAt: time.Now(), Purpose: "identity-check", Outcome: outcome, BundleAsOf: bank.asOf, PersonCompared: true}
		}
		other := report(p.show(t, sdcwt.Proof{}), "valid")
		other.Purpose = "traffic-inspection"
		wrong := settle(t, operator, report(old, "valid"), report(old, "invalid"), report(p.show(t, sdcwt.Proof{}), "invalid"), report(p.show(t, sdcwt.Proof{}), "indeterminate"), other)
		for i, want := range []verifier.SettledCheck{
			{State: "recorded", Outcome: "invalid", Reasons: []string{"offline-proof-expired"}, Conflicts: []string{"conflict-said-valid"}},
			{State: "repeated", Outcome: "invalid", Reasons: []string{"offline-proof-expired"}, Conflicts: []string{"conflict-said-valid"}},
			{State: "recorded", Outcome: "valid", Reasons: []string{}, Conflicts: []string{"conflict-said-invalid"}},
			{State: "recorded", Outcome: "valid", Reasons: []string{}, Conflicts: []string{}},
			{State: "recorded", Outcome: "valid", Reasons: []string{}, Conflicts: []string{"conflict-not-registered"}}, // the code is good; the party may not
		} {
			want.ID, want.Proof = wrong[i].ID, wrong[i].Proof
			require.Equal(t, want, wrong[i], i)
		}

		// Refused rows leave the others alone, and nothing behind.
		before := len(looksOf(t, citizen))
		early, late, good := report(p.show(t, sdcwt.Proof{}), "valid"), report(p.show(t, sdcwt.Proof{}), "valid"), report(p.show(t, sdcwt.Proof{}), "valid")
		early.CheckedAt, late.CheckedAt = time.Now().Add(-8*24*time.Hour), time.Now().Add(5*time.Minute)
		reasons := []string{}
		for _, row := range settle(t, operator, early, late, map[string]any{"code": 7}, map[string]any{"code": good.Code, "checked_at": good.CheckedAt, "purpose": "", "outcome": "valid"},
			map[string]any{"code": good.Code, "checked_at": good.CheckedAt, "purpose": "identity-check", "outcome": "fine"}, report(showOf(t, citizen, identifier), "valid"),
			report("SC2AAAA", "valid"), good) {
			if row.State == "refused" {
				require.Empty(t, row.ID)
				reasons = append(reasons, row.Reasons[0])
			} else {
				reasons = append(reasons, row.State)
			}
		}
		require.Equal(t, []string{"check-too-old", "check-from-future", "check-malformed", "check-malformed", "check-malformed", "code-not-ours", "offline-cbor-length", "recorded"}, reasons)
		require.Len(t, looksOf(t, citizen), before+1)
		for _, n := range []int{0, verifier.MaxSettled + 1} {
			err := operator.call(ctx, http.MethodPost, "/v1/verifications/offline", map[string]any{"checks": slices.Repeat([]any{good}, n)}, "", nil)
			require.Equal(t, "field-invalid", codeOf(err))
		}

		// Dated ahead of the service: it waits, and so does what comes after it. Nobody's token: all waits.
		require.NoError(t, bank.Add(late))
		bank.scan(t, p.show(t, sdcwt.Proof{}))
		_, err = bank.Push(ctx)
		require.ErrorIs(t, err, verifier.ErrClockAhead)
		require.Equal(t, 2, bank.Waiting())
		bank = counterOf(t, d, data, "demo-bank")

		// Revoked after the check, and before it.
		bank.scan(t, p.show(t, sdcwt.Proof{}))
		require.NoError(t, citizen.call(ctx, http.MethodDelete, "/v1/wallet/devices/"+p.id, nil, "", nil))
		require.Equal(t, verifier.Valid, bank.scan(t, p.show(t, sdcwt.Proof{})).Outcome, "the bundle is an hour old")
		revoked := push(bank, 2)
		require.Equal(t, []any{verifier.Valid, []string{}}, []any{revoked[0].Outcome, revoked[0].Conflicts})
		require.Equal(t, []any{verifier.Invalid, []string{"offline-revoked"}, []string{"conflict-revoked-before"}}, []any{revoked[1].Outcome, revoked[1].Reasons, revoked[1].Conflicts})
		require.Len(t, looksOf(t, citizen), before+4, "she sees both, and the one that came after what waits")

		d.settledInTheLog(t, data, first.ID, there.ID, here.ID, seen.CheckedAt)

		// Of a person who has left nothing is known; that the code was ours is.
		p = handsetOf(t, citizen, identifier, "identity")
		bank.scan(t, p.show(t, sdcwt.Proof{}))
		var c struct{ Confirm string }
		require.NoError(t, citizen.call(ctx, http.MethodPost, "/v1/wallet/erasure", map[string]any{}, "", &c))
		require.NoError(t, citizen.call(ctx, http.MethodPost, "/v1/wallet/erasure", map[string]any{"confirm": c.Confirm}, "", nil))
		gone := push(bank, 1)[0]
		require.Equal(t, []any{"recorded", verifier.Valid}, []any{gone.State, gone.Outcome})
		require.Empty(t, looksOf(t, citizenOf(t, d.base, "person-01")))

	})
}

// settledInTheLog reads what an auditor reads of it, and holds the rows against the log.
func (d *demo) settledInTheLog(t *testing.T, data, good, atOdds, other string, checked time.Time) {
	t.Helper()
	_, err := d.audit.Build(t.Context())
	require.NoError(t, err)
	auditor := clientOf(t, data, d.base, "demo-auditor")
	find := func(kind, subject string) (at time.Time, detail map[string]string) {
		t.Helper()
		var page struct {
			Events []struct {
				At     time.Time
				Detail map[string]string
			}
		}
		require.NoError(t, auditor.call(t.Context(), http.MethodGet, "/v1/audit/events?kind="+kind+"&subject="+subject, nil, "", &page))
		require.Len(t, page.Events, 1)
		return page.Events[0].At, page.Events[0].Detail
	}
	at, detail := find("verification.recorded", good)
	require.Equal(t, []string{"offline", checked.Truncate(time.Microsecond).Format(time.RFC3339Nano)}, []string{detail["via"], detail["checked_at"]})
	require.True(t, at.After(checked), "when it was settled")
	_, detail = find("verification.conflict", atOdds)
	require.Equal(t, []string{"conflict-shown-elsewhere", other, "valid"}, []string{detail["conflicts"], detail["other"], detail["said"]})
	require.NotEmpty(t, detail["bundle_as_of"])
	_, detail = find("verification.conflict", other)
	require.Equal(t, []string{"conflict-shown-elsewhere", atOdds}, []string{detail["conflicts"], detail["other"]})
	compared, err := d.store.CheckRows(t.Context(), time.Time{}, func(f audit.Finding) { require.Fail(t, "at odds with the log", "%+v", f) })
	require.NoError(t, err)
	require.Positive(t, compared.Rows)
	var figures strings.Builder
	res, err := http.Get(d.base + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	_, err = io.Copy(&figures, res.Body)
	require.NoError(t, err)
	require.Regexp(t, `showcard_settled_conflicts [1-9]`, figures.String())
}
