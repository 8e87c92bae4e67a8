package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/verifier"
)

// handset is a device with a CWT. It may wrap the CWT more than once, as a real one that renews its code does.
type handset struct {
	id  string
	k   *key.Private
	cwt []byte
}

// handsetOf registers a device and gives it a code for a view.
func handsetOf(t *testing.T, citizen *client, identifier, view string) *handset {
	t.Helper()
	p := &handset{k: deviceKey(t, key.ES256)}
	p.id = registerDevice(t, citizen, p.k)
	p.stock(t, citizen, identifier, view)
	return p
}

// stock takes another code.
func (p *handset) stock(t *testing.T, citizen *client, identifier, view string) {
	t.Helper()
	var got stockAnswer
	require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/devices/"+p.id+"/stock", map[string]any{"identifier": identifier, "view": view, "count": 1}, "", &got))
	var err error
	p.cwt, err = base64.RawURLEncoding.DecodeString(got.CWTs[0])
	require.NoError(t, err)
}

// show wraps the CWT into a fresh proof.
func (p *handset) show(t *testing.T, proof sdcwt.Proof) string {
	t.Helper()
	if proof.IssuedAt.IsZero() {
		proof.IssuedAt = time.Now()
	}
	if proof.Audience == "" {
		proof.Audience = "any"
	}
	token, err := sdcwt.Prove(t.Context(), p.k, p.cwt, proof)
	require.NoError(t, err)
	return qr.FormatOffline(token)
}

type lookLine struct {
	ID, Party, Via, Outcome, Identifier string
	At                                  time.Time
	SettledAt                           *time.Time `json:"settled_at"`
	Fields                              []string
	Receipt                             bool
}

// looksOf is a person's history without the lines that tell of stocks.
func looksOf(t *testing.T, citizen *client) (all []lookLine) {
	t.Helper()
	var history struct{ Looks []lookLine }
	require.NoError(t, citizen.call(t.Context(), http.MethodGet, "/v1/wallet/history?limit=200", nil, "", &history))
	for _, l := range history.Looks {
		if l.Via != "device" {
			all = append(all, l)
		}
	}
	return all
}

// A device that has no network shows its code to a counter that has one.
func TestOfflineCodeOnline(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	underDemo(t, data, func(ctx context.Context, d *demo) {
		citizen, bank, hall := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank"), clientOf(t, data, d.base, "changsha-service-hall")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		p := handsetOf(t, citizen, identifier, "identity")
		check := func(who *client, body map[string]any, requestKey string) (got asked, err error) {
			if body["purpose"] == nil {
				body["purpose"] = "identity-check"
			}
			err = who.call(ctx, http.MethodPost, "/v1/verifications", body, requestKey, &got)
			return got, err
		}
		cti := sdcwt.NewSerial()
		code := p.show(t, sdcwt.Proof{Serial: cti})
		first, err := check(bank, map[string]any{"code": code, "receipt": true}, "k")
		require.NoError(t, err)
		require.Equal(t, "valid", first.Outcome)
		require.Equal(t, "张**", first.Claims["name"])
		again, err := check(bank, map[string]any{"code": code, "receipt": true}, "k")
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID, "the answer may have been lost")
		for _, who := range []*client{bank, hall} {
			got, err := check(who, map[string]any{"code": code}, "")
			require.NoError(t, err)
			require.Equal(t, "code-replayed", got.reason())
			require.Empty(t, got.Claims)
		}
		second := handsetOf(t, citizenOf(t, d.base, "person-02"), holdingOf(t, data, "person-02", "resident-id"), "identity")
		got, err := check(bank, map[string]any{"code": second.show(t, sdcwt.Proof{Serial: cti})}, "")
		require.NoError(t, err)
		require.Equal(t, "valid", got.Outcome, "devices draw the cti: it is another proof")
		looks := looksOf(t, citizen)
		require.Len(t, looks, 1)
		require.Equal(t, []string{first.ID, "demo-bank", "code", "valid", identifier}, []string{looks[0].ID, looks[0].Party, looks[0].Via, looks[0].Outcome, looks[0].Identifier})
		require.Equal(t, []string{"id_number", "name", "not_expired", "valid_until"}, looks[0].Fields)
		list, err := d.registry.Current(ctx)
		require.NoError(t, err)
		var hers struct{ Receipt string }
		require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history/"+first.ID+"/receipt", nil, "", &hers))
		receipt, err := verifier.VerifyReceipt(list, hers.Receipt)
		require.NoError(t, err)
		require.Equal(t, "device", receipt.Holder)
		require.Equal(t, "record", receipt.Status.Source)

		// For whom it was made, and when.
		for reason, proof := range map[string]sdcwt.Proof{
			"offline-audience-wrong": {Audience: "hospital"}, "offline-proof-expired": {IssuedAt: time.Now().Add(-2 * time.Minute)},
			"offline-proof-from-future": {IssuedAt: time.Now().Add(time.Minute)}, "offline-nonce-wrong": {Nonce: []byte("unasked-for")},
		} {
			got, err := check(bank, map[string]any{"code": p.show(t, proof)}, "")
			require.NoError(t, err)
			require.Equal(t, reason, got.reason())
			require.Empty(t, got.Claims)
		}
		require.Len(t, looksOf(t, citizen), 1, "nothing was seen")
		got, err = check(bank, map[string]any{"code": p.show(t, sdcwt.Proof{Audience: "identity-check"})}, "")
		require.NoError(t, err)
		require.Equal(t, "valid", got.Outcome)

		// The counter showed its own code first.
		var c struct{ Nonce, Aud string }
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications/challenges", nil, "", &c))
		nonce, err := base64.RawURLEncoding.DecodeString(c.Nonce)
		require.NoError(t, err)
		answer := sdcwt.Proof{Audience: c.Aud, Nonce: nonce}
		got, err = check(bank, map[string]any{"code": p.show(t, answer), "nonce": c.Nonce}, "")
		require.NoError(t, err)
		require.Equal(t, "valid", got.Outcome)
		_, err = check(bank, map[string]any{"code": p.show(t, answer), "nonce": c.Nonce}, "")
		require.Equal(t, "challenge-unknown", codeOf(err), "spent")

		// What the party may see.
		p.stock(t, citizen, identifier, "over-60")
		got, err = check(bank, map[string]any{"code": p.show(t, sdcwt.Proof{})}, "")
		require.NoError(t, err)
		require.Equal(t, map[string]any{"not_expired": true}, got.Claims, "over_60 is not for banks")
		_, err = check(bank, map[string]any{"code": p.show(t, sdcwt.Proof{}), "purpose": "traffic-inspection"}, "")
		require.Equal(t, "purpose-not-registered", codeOf(err))
		p.stock(t, citizen, holdingOf(t, data, "person-01", "drivers-licence"), "may-drive-c1")
		_, err = check(bank, map[string]any{"code": p.show(t, sdcwt.Proof{})}, "")
		require.Equal(t, "type-not-registered", codeOf(err))
		require.Equal(t, "refused", looksOf(t, citizen)[0].Outcome, "she sees who tried")

		// She shows a party nothing: the code is none of its business either.
		require.NoError(t, citizen.call(ctx, http.MethodPost, "/v1/wallet/consents/withdraw", map[string]any{"party": "demo-bank", "block": true}, "", nil))
		p.stock(t, citizen, identifier, "identity") // the withdrawal took back the others
		_, err = check(bank, map[string]any{"code": p.show(t, sdcwt.Proof{})}, "")
		require.Equal(t, "holder-refuses", codeOf(err))

		// Killed, and the counter knows at once.
		require.NoError(t, citizen.call(ctx, http.MethodDelete, "/v1/wallet/devices/"+p.id, nil, "", nil))
		got, err = check(hall, map[string]any{"code": p.show(t, sdcwt.Proof{})}, "")
		require.NoError(t, err)
		require.Equal(t, []string{"invalid", "offline-revoked"}, []string{got.Outcome, got.reason()})
		_, err = d.store.SweepCodes(ctx, time.Now().Add(48*time.Hour))
		require.NoError(t, err)
		got, err = check(hall, map[string]any{"code": p.show(t, sdcwt.Proof{})}, "")
		require.NoError(t, err)
		require.Equal(t, []string{"indeterminate", "offline-serial-unknown"}, []string{got.Outcome, got.reason()}, "signed as it should be, and not in the record")
	})
}

// One proof at two processes counts once, whoever posts it how often.
func TestOfflineCodeTwiceAtOnce(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	servers := []*process{startDemo(t, data, "--volatile", redis.URL), startDemo(t, data, "--volatile", redis.URL)}
	citizen := citizenOf(t, servers[0].base, "person-01")
	p := handsetOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"), "identity")
	var parties []*client
	for _, id := range []string{"demo-bank", "changsha-service-hall"} {
		for _, s := range servers {
			c := clientOf(t, data, s.base, id)
			_, err := c.authorization(t.Context())
			require.NoError(t, err)
			parties = append(parties, c)
		}
	}
	code := p.show(t, sdcwt.Proof{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	start := make(chan struct{})
	const posts = 60
	for i := range posts {
		wg.Go(func() {
			<-start
			var got asked
			err := parties[i%4].call(context.Background(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "identity-check"}, fmt.Sprint("race-", i), &got)
			what := got.Outcome
			switch {
			case err != nil:
				what = err.Error()
			case what != "valid":
				what = got.reason()
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[what]++
		})
	}
	close(start)
	wg.Wait()
	require.Equal(t, map[string]int{"valid": 1, "code-replayed": posts - 1}, outcomes)
	require.Len(t, looksOf(t, citizen), 1)
}

// settleAnswer is what became of a push.
type settleAnswer struct {
	Checks     []verifier.SettledCheck
	RetryAfter int `json:"retry_after"`
}

func settle(t *testing.T, who *client, checks ...any) []verifier.SettledCheck {
	t.Helper()
	var got settleAnswer
	require.NoError(t, who.call(t.Context(), http.MethodPost, "/v1/verifications/offline", map[string]any{"checks": checks}, "", &got))
	require.Len(t, got.Checks, len(checks))
	require.Zero(t, got.RetryAfter)
	return got.Checks
}

// A server that is killed while a queue settles has counted what it had counted, once; the queue is
// pushed again.
func TestSettlementKilledHalfWay(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	server := startDemo(t, data)
	citizen, bank := citizenOf(t, server.base, "person-01"), clientOf(t, data, server.base, "demo-bank")
	p := handsetOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"), "identity")
	checks := make([]any, verifier.MaxSettled)
	for i := range checks {
		checks[i] = verifier.OfflineReport{Code: p.show(t, sdcwt.Proof{}), CheckedAt: time.Now(), Purpose: "identity-check", Outcome: verifier.Valid}
	}
	pushed := make(chan error, 1)
	go func() {
		pushed <- bank.call(context.Background(), http.MethodPost, "/v1/verifications/offline", map[string]any{"checks": checks}, "", nil)
	}()
	for len(looksOf(t, citizen)) == 0 { // until the first is on the disk
		select {
		case err := <-pushed:
			require.NoError(t, err)
			require.Fail(t, "all was settled before anything was seen")
		default:
		}
	}
	require.Error(t, server.stop(syscall.SIGKILL))
	require.Error(t, <-pushed, "nobody was answered")

	server = startDemo(t, data)
	citizen, bank = citizenOf(t, server.base, "person-01"), clientOf(t, data, server.base, "demo-bank")
	before := len(looksOf(t, citizen))
	require.Positive(t, before)
	states, ids := map[string]int{}, map[string]bool{}
	for _, row := range settle(t, bank, checks...) {
		states[row.State]++
		ids[row.ID] = true
		require.Equal(t, verifier.Valid, row.Outcome)
		require.Empty(t, row.Conflicts)
	}
	require.Equal(t, before, states[verifier.StateRepeated])
	require.Equal(t, verifier.MaxSettled-before, states[verifier.StateRecorded])
	require.Len(t, ids, verifier.MaxSettled)
	require.Len(t, looksOf(t, citizen), verifier.MaxSettled)
}

// settlements walks the routes of offline codes at the service.
func (j *judge) settlements(citizen *client, party, identifier string) {
	const post = http.MethodPost
	p := handsetOf(j.t, citizen, identifier, "may-drive-c1")
	code := p.show(j.t, sdcwt.Proof{})
	ask := map[string]any{"code": code, "purpose": "traffic-inspection"}
	j.call(post, "/v1/verifications", party, ask, http.StatusOK)
	j.call(post, "/v1/verifications", party, ask, http.StatusOK) // replayed
	row := map[string]any{"code": code, "checked_at": time.Now(), "purpose": "traffic-inspection", "outcome": "valid", "reasons": []string{"status-stale"}, "bundle_as_of": time.Now(), "person_compared": true}
	answered := map[string]any{"code": code, "checked_at": time.Now(), "purpose": "traffic-inspection", "outcome": "invalid", "asked": map[string]any{"nonce": "MTIzNDU2Nzg"}}
	j.call(post, "/v1/verifications/offline", party, map[string]any{"checks": []any{row, answered}}, http.StatusOK)
	j.call(post, "/v1/verifications/offline", party, map[string]any{"checks": []any{}}, http.StatusUnprocessableEntity)
	j.call(http.MethodGet, "/v1/wallet/history", citizen.bearer, nil, http.StatusOK)
}
