package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// DurableStore is all that one durable store offers.
type DurableStore interface {
	issuer.Record
	issuer.History
	issuer.LiveData
	issuer.Jobs
	issuer.Statuses
	issuer.Requests
	wallet.Store
	wallet.Consents
	wallet.Withdrawals
	wallet.Appointments
	wallet.Devices
	wallet.Stocks
	wallet.RevokedSerials
	correction.Store
	review.Store
	passkey.Store
	verifier.Records
	verifier.Comparisons
	verifier.OfflineCodes
	registry.Store
	access.Sessions
	rights.Disputes
	rights.Erasures
	issuer.Contents
	SweepPushes(ctx context.Context, before time.Time) (int64, error)
	SweepConsents(ctx context.Context, before time.Time) (int64, error)
	SweepReviews(ctx context.Context, before time.Time) (int64, error)
	SweepStatusChanges(ctx context.Context, before time.Time, published func(list string) (seq uint64, ok bool)) (int64, error)
	SweepExports(ctx context.Context, now, before time.Time) (int64, error)
	SweepDevices(ctx context.Context, before time.Time) (int64, error)
	SweepSerials(ctx context.Context, before time.Time) (int64, error)
	SweepCodes(ctx context.Context, before time.Time) (int64, error)
	SweepStocks(ctx context.Context, before time.Time) (int64, error)
}

// DurableConfig is what a case asks of the store that it tries.
type DurableConfig struct {
	Now      func() time.Time
	ListSize uint64 // entries of a status list
}

// DurableSubject is a store to be tried, empty. Again opens the same database once more, as
// another process would.
type DurableSubject struct {
	Store DurableStore
	Again func(t *testing.T) DurableStore
}

// OpenDurable makes a subject for one case.
type OpenDurable func(t *testing.T, cfg DurableConfig) DurableSubject

// Durable runs every suite of the durable contracts.
func Durable(t *testing.T, open OpenDurable) {
	for name, suite := range map[string]func(*testing.T, OpenDurable){
		"record": durableRecord, "replace": durableReplace, "slots": durableSlots, "states": durableStates, "sequence": durableSequence,
		"jobs": durableJobs, "bulk changes": durableBulk, "requests": durableRequests, "wallet": durableWallet, "consents": durableConsents, "appointments": durableAppointments, "corrections": durableCorrections, "reviews": durableReviews, "passkeys": durablePasskeys, "devices": durableDevices, "stocks": durableStocks, "revoked serials": durableSerials, "settlements": durableSettlements, "verifications": durableVerifications, "clerks' words": durableComparisons, "found": durableFind, "registry": durableRegistry,
		"disputes": durableDisputes, "erasures": durableErasures, "retention": durableRetention,
		"sessions": durableSessions,
	} {
		t.Run(name, func(t *testing.T) { suite(t, open) })
	}
}

// durableStart is the moment at which cases begin; stores keep microseconds.
var durableStart = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

func openDurable(t *testing.T, open OpenDurable) DurableSubject {
	t.Helper()
	return open(t, DurableConfig{Now: func() time.Time { return durableStart }, ListSize: 4096})
}

// person makes a row with everything that a row can have.
func person(rowKey, holder string) issuer.NewCertificate {
	row := schemas.Row{
		Key: rowKey, Type: "resident-id", Issuer: "hunan-police",
		Holder: schemas.HolderRef{Type: schemas.HolderCitizenID, Number: "430102198803129911", Name: "张示例"},
		Region: "430102", Number: "430102198803129911", IssuedOn: "2020-05-18", ValidFrom: "2020-05-18", ValidUntil: "2040-05-18",
		Claims: schemas.Claims{
			"name": "张示例", "id_number": "430102198803129911", "address": "湖南省长沙市芙蓉区虚构路12号",
			"exact": json.Number("12345678901234567890.10"), "flag": true, "classes": []any{"C1", "D"},
		},
		Portrait:        []byte("\xff\xd8 not a real portrait \x00\x01"),
		Representatives: []schemas.HolderRef{{Type: schemas.HolderCitizenID, Number: "210102197406169914", Name: "何虚名"}},
	}
	n := issuer.NewCertificate{Certificate: issuer.Certificate{
		Identifier: "1.2.156.3005.2.11100000000013338W001.11430000000000000X." + strings.ToUpper(rowKey) + ".001.A",
		Authority:  "hunan-police", Row: row, TypeVer: 1, HolderID: holder, Salt: []byte("0123456789abcdef"),
		Credential: "eyJhbGciOiJTR0RfU00zX1NNMiJ9." + rowKey + "~disclosure~", State: issuer.Valid, StateAt: durableStart, CreatedAt: durableStart,
	}}
	n.RowDigest = sm.Sum([]byte(rowKey))
	return n
}

// store reserves slots for certificates and commits them; all must stand.
func store(t *testing.T, s DurableStore, certificates ...issuer.NewCertificate) []issuer.NewCertificate {
	t.Helper()
	ctx := t.Context()
	r, err := s.Reserve(ctx, "hunan-police", nil, len(certificates))
	require.NoError(t, err)
	require.Len(t, r.Counters, len(certificates))
	for i := range certificates {
		certificates[i].Slot = issuer.Slot{List: r.List, Index: r.Counters[i]}
	}
	done, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Certificates: certificates, By: "police-client"})
	require.NoError(t, err)
	for i, d := range done {
		require.Equal(t, issuer.Committed{Identifier: certificates[i].Identifier, Credential: certificates[i].Credential}, d)
	}
	return certificates
}

// together runs n goroutines at the same moment and waits for them.
func together(n int, do func(i int)) {
	var done sync.WaitGroup
	gun := make(chan struct{})
	for i := range n {
		done.Go(func() {
			<-gun
			do(i)
		})
	}
	close(gun)
	done.Wait()
}

// tally counts answers of goroutines.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[what]++
}

// replay builds the state of a list from its sequence, and requires that nothing is missing.
func replay(t *testing.T, s DurableStore, list string) (map[uint64]uint8, uint64) {
	t.Helper()
	statuses := map[uint64]uint8{}
	var after uint64
	for {
		page, err := s.Changes(t.Context(), list, after, 7)
		require.NoError(t, err)
		if len(page) == 0 {
			return statuses, after
		}
		for _, c := range page {
			require.Equal(t, after+1, c.Seq, "the sequence of list %s has a gap", list)
			after = c.Seq
			statuses[c.Index] = uint8(c.Status)
			if c.Status == 0 {
				delete(statuses, c.Index)
			}
		}
	}
}

// requireConsistent holds every list's snapshot against its replayed sequence.
func requireConsistent(t *testing.T, s DurableStore) {
	t.Helper()
	heads, err := s.Lists(t.Context())
	require.NoError(t, err)
	for _, h := range heads {
		statuses, seq := replay(t, s, h.Name)
		require.Equal(t, h.Seq, seq)
		snap, entries, err := s.Snapshot(t.Context(), h.Name)
		require.NoError(t, err)
		require.Equal(t, h, snap)
		got := map[uint64]uint8{}
		for _, e := range entries {
			got[e.Index] = uint8(e.Status)
		}
		require.Equal(t, statuses, got, "list %s", h.Name)
	}
}

func change(c issuer.NewCertificate, to issuer.State, from ...issuer.State) issuer.Change {
	return issuer.Change{Authority: "hunan-police", Identifier: c.Identifier, From: from, To: to, Reason: "because of " + string(to), By: "police-client", At: durableStart.Add(time.Hour)}
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s%03d", prefix, i) }

// background is for goroutines, which must not outlive a failed test by much.
func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
