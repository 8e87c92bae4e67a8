package verifier_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// codes is a real record of checks; which codes were given out the test says.
type codes struct {
	*sqlstore.Store
	state verifier.CodeState
	known bool
}

func (c *codes) OfflineCode(context.Context, sdcwt.Serial) (verifier.CodeState, error) {
	if !c.known {
		return verifier.CodeState{}, verifier.ErrNoRecord
	}
	return c.state, nil
}

// settler is a service whose clock stands where a code of the vectors is good.
type settler struct {
	*service
	given *codes
	desk  *counter // whose trust list it is
	code  string
	told  []verifier.SettledCheck
}

func newSettler(t *testing.T) *settler {
	t.Helper()
	s := &settler{service: newService(t)}
	data, err := os.ReadFile("../testdata/vectors/bundle/sm/good-whole.json")
	require.NoError(t, err)
	var v bundleVector
	require.NoError(t, json.Unmarshal(data, &v))
	c := newCounter(t, v, time.Unix(v.Steps[0].At, 0))
	for _, step := range v.Steps {
		if step.Do == "take" && c.bundles.AsOf().IsZero() {
			raw, err := base64.RawURLEncoding.DecodeString(step.Bundle)
			require.NoError(t, err)
			require.NoError(t, c.bundles.Take(raw))
		}
		if step.Do == "check" && step.Expect == "valid" {
			s.code = step.Code
		}
	}
	s.now, s.desk = c.now, c
	s.service.may.Fields = func(typ, why string) ([]string, bool, bool) {
		return []string{"name", "id_number", "valid_until", "not_expired"}, true, why == "bank"
	}
	types, err := schemas.Embedded()
	require.NoError(t, err)
	s.given = &codes{Store: s.store}
	s.Service, err = verifier.NewService(verifier.ServiceConfig{
		Verifier: s.v, Wallet: s, Parties: s, Originals: s, Records: s.store, Comparisons: s.store, Challenges: s.cache, Limiter: s.cache, Domain: "DEMO", Now: func() time.Time { return s.now },
		Offline: &verifier.CodesConfig{Codes: s.given, Trust: c.bundles, Types: types, Settled: func(_ context.Context, _ verifier.Caller, row verifier.SettledCheck) {
			s.told = append(s.told, row)
		}},
	})
	require.NoError(t, err)
	return s
}

func (s *settler) report() *verifier.OfflineReport {
	return &verifier.OfflineReport{Code: s.code, CheckedAt: s.now, Purpose: "bank", Outcome: verifier.Valid}
}

// A serial is the word of whoever signed it. One that was given to another device is in nobody's history.
func TestSerialOfAnotherDevice(t *testing.T) {
	s := newSettler(t)
	s.given.known = true
	s.given.state = verifier.CodeState{Identifier: "one", HolderID: "her", PersonID: "her", Device: newKey(t, key.ES256).Public()}
	a, err := s.Check(t.Context(), bank, verifier.Request{Code: s.code, Purpose: "bank"})
	require.NoError(t, err)
	require.Equal(t, verifier.Indeterminate, a.Outcome)
	require.Equal(t, []string{verifier.CodeUnlisted}, a.Reasons)
	v, err := s.store.ByID(t.Context(), a.ID)
	require.NoError(t, err)
	require.Empty(t, v.HolderID+v.PersonID+v.Identifier)

	done, _, err := s.Settle(t.Context(), bank, []*verifier.OfflineReport{s.report()})
	require.NoError(t, err)
	require.Equal(t, []string{verifier.StateRepeated, verifier.CodeShownOnline}, []string{done[0].State, done[0].Conflicts[0]}, "counted online")
	require.Equal(t, done, s.told)
}

// What cannot be judged yet, or would be more than the party may have checked, waits.
func TestSettleWaits(t *testing.T) {
	s := newSettler(t)
	rows := []*verifier.OfflineReport{s.report(), nil, s.report(), s.report()}
	s.desk.now = s.now.Add(48 * time.Hour) // the trust list has expired
	_, _, err := s.Settle(t.Context(), bank, rows[:1])
	require.ErrorContains(t, err, "trust-list-stale")
	s.desk.now = s.now
	s.service.may.PerMinute = 4 // one of which is gone
	done, wait, err := s.Settle(t.Context(), bank, rows)
	require.NoError(t, err)
	require.Equal(t, []string{verifier.StateRecorded, verifier.StateRefused, verifier.StateRepeated}, []string{done[0].State, done[1].State, done[2].State})
	require.Equal(t, []string{verifier.CodeCheckMalformed}, done[1].Reasons)
	require.Equal(t, []string{verifier.CodeSaidValid}, done[0].Conflicts, "nobody gave this code out")
	require.Positive(t, wait)
	_, _, err = s.Settle(t.Context(), bank, rows[3:])
	var limited *verifier.RateLimitedError
	require.ErrorAs(t, err, &limited)

	s.service.may.PerDay = 1
	other := verifier.Caller{Client: "hall-client", Party: "hall"}
	s.service.may.ID, s.service.may.PerMinute = other.Party, 0
	_, _, err = s.Settle(t.Context(), other, rows[:1])
	require.NoError(t, err)
	_, _, err = s.Settle(t.Context(), other, rows[:1])
	var day *verifier.DayQuotaError
	require.ErrorAs(t, err, &day)
	s.service.may.Suspended = true
	_, _, err = s.Settle(t.Context(), bank, rows)
	require.ErrorIs(t, err, verifier.ErrPartySuspended)

	without := newService(t)
	_, _, err = without.Settle(t.Context(), bank, rows)
	require.ErrorIs(t, err, qr.ErrNotOurs)
	_, err = without.Check(t.Context(), bank, verifier.Request{Code: s.code, Purpose: purpose})
	require.ErrorIs(t, err, qr.ErrNotOurs)
	_, err = verifier.NewService(verifier.ServiceConfig{
		Verifier: s.v, Wallet: s, Parties: s, Originals: s, Records: s.store, Comparisons: s.store, Challenges: s.cache, Limiter: s.cache, Domain: "DEMO", Offline: &verifier.CodesConfig{},
	})
	require.Error(t, err)
}

// disk is a file whose power may go.
type disk struct {
	*os.File
	fails bool
}

var errDisk = errors.New("disk")

func (d *disk) Sync() error {
	if d.fails {
		return errDisk
	}
	return d.File.Sync()
}

func openQueue(t *testing.T, path string) (*verifier.Settlement, *disk, error) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	d := &disk{File: f}
	q, err := verifier.OpenSettlement(verifier.SettlementConfig{Base: "https://a", File: d, Token: func(context.Context) (string, error) { return "", errDisk }})
	return q, d, err
}

// The queue is on the disk, whatever happens.
func TestSettlementFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	q, d, err := openQueue(t, path)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, q.Add(verifier.OfflineReport{Code: "SC2", Purpose: "bank", Outcome: verifier.Valid}))
	}
	_, err = q.Push(t.Context())
	require.ErrorIs(t, err, errDisk, "no token")
	require.Equal(t, 3, q.Waiting())
	d.fails = true
	require.ErrorIs(t, q.Add(verifier.OfflineReport{Code: "SC2"}), errDisk)
	d.fails = false
	require.ErrorIs(t, q.Add(verifier.OfflineReport{Code: "SC2"}), errDisk, "nobody knows what is on it")

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		text string
		want int
		bad  bool
	}{
		"empty": {"", 0, false}, "cut off": {string(whole[:len(whole)-9]), 3, false}, "a blank line": {"\n", 0, true}, "nothing": {"{}\n", 0, true},
		"more settled than there were": {"{\"settled\":1}\n", 0, true}, "some settled": {string(whole) + "{\"settled\":3}\n", 1, false}, "less than none": {"{\"settled\":-1}\n", 0, true},
	} {
		path := filepath.Join(t.TempDir(), "q")
		require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o600))
		q, _, err := openQueue(t, path)
		if tc.bad {
			require.ErrorIs(t, err, verifier.ErrSettlementFile, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, tc.want, q.Waiting(), name)
		require.NoError(t, q.Add(verifier.OfflineReport{Code: "SC2"}), name)
		q, _, err = openQueue(t, path)
		require.NoError(t, err, name)
		require.Equal(t, tc.want+1, q.Waiting(), name)
	}
	_, err = verifier.OpenSettlement(verifier.SettlementConfig{})
	require.Error(t, err)
}
