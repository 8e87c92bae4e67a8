package verifier_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

// remote is another domain's status list, and the domain as the trust list has it.
type remote struct {
	*verifier.RemoteStatus
	signer   *key.Private
	home     *trustlist.Domain
	ref      statuslist.Reference
	now      time.Time
	issued   time.Time
	requests atomic.Int64
}

func newRemote(t *testing.T) *remote {
	r := &remote{signer: newKey(t, key.SM2), now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	r.issued = r.now
	list, err := statuslist.New(2, 64)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.requests.Add(1)
		token := statuslist.Token{Subject: r.ref.URI, IssuedAt: r.issued, Expires: r.issued.Add(time.Hour), TTL: time.Minute, List: list}
		text, err := token.Sign(r.signer, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	r.ref = statuslist.Reference{Index: 7, URI: server.URL + "/status/1"}
	r.home = &trustlist.Domain{Code: "AWAY", StatusPrefix: server.URL + "/status/", StatusKeys: []trustlist.DatedKey{{Key: r.signer.Public()}}}
	r.RemoteStatus = verifier.FetchStatus(server.Client())
	r.SetNow(func() time.Time { return r.now })
	return r
}

// A list that is kept counts as long as its signer does, not as long as its ttl.
func TestRemoteStatusSignerFrozen(t *testing.T) {
	r := newRemote(t)
	got, err := r.Status(t.Context(), r.ref, r.home)
	require.NoError(t, err)
	require.Equal(t, statuslist.Valid, got.Status)
	r.home.StatusKeys[0].Frozen = true
	_, err = r.Status(t.Context(), r.ref, r.home)
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)
	r.home.StatusKeys = []trustlist.DatedKey{{Key: newKey(t, key.SM2).Public()}, {Key: newKey(t, key.SM2).Public()}}
	_, err = r.Status(t.Context(), r.ref, r.home)
	require.ErrorIs(t, err, trustlist.ErrKeyUnknown)
}

// A server that hands out an older list than before is not believed, and not asked at every check.
func TestRemoteStatusRolledBack(t *testing.T) {
	r := newRemote(t)
	_, err := r.Status(t.Context(), r.ref, r.home)
	require.NoError(t, err)
	r.issued = r.issued.Add(-time.Minute)
	r.now = r.now.Add(2 * time.Minute)
	for range 5 {
		got, err := r.Status(t.Context(), r.ref, r.home)
		require.NoError(t, err)
		require.Equal(t, r.issued.Add(time.Minute), got.AsOf)
	}
	require.EqualValues(t, 2, r.requests.Load())
}

// A trust list that never came is asked for once a second, not at every check; so is one that
// could not be renewed.
func TestRemoteTrustIsNotAskedAtEveryCheck(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		http.Error(w, "down", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	root, list := newKey(t, key.SM2), newKey(t, key.SM2)
	roots := &trustlist.Roots{Version: 1, IssuedAt: now, Expires: now.AddDate(1, 0, 0), Threshold: 1,
		Keys: []*key.Public{root.Public()}, Signers: []trustlist.DatedKey{{Key: list.Public()}}}
	pinned, err := roots.Sign(root)
	require.NoError(t, err)
	trust, err := verifier.FetchTrust(server.URL, pinned, server.Client())
	require.NoError(t, err)
	trust.SetNow(func() time.Time { return now })
	for range 5 {
		_, err := trust.Current(t.Context())
		require.Error(t, err)
	}
	require.EqualValues(t, 1, requests.Load())
	now = now.Add(2 * time.Second)
	_, err = trust.Current(t.Context())
	require.Error(t, err)
	require.EqualValues(t, 2, requests.Load())
}

// A status that claims to be of later than now never grows old: the clock that wrote it is wrong,
// and what it says is not known.
func TestStatusFromTheFuture(t *testing.T) {
	w := newWorld(t, key.SM2)
	cache, err := memstore.New(memstore.Config{Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	list, err := statuslist.New(2, issuer.ListSize)
	require.NoError(t, err)
	require.NoError(t, cache.Replace(t.Context(), issuer.ListHead{Name: listID, Size: issuer.ListSize, Seq: 1}, list.Raw(), w.now.Add(time.Hour)))
	v, err := verifier.New(verifier.Config{
		Trust: w, Status: verifier.CachedStatus{Prefix: base + "/status/", Size: issuer.ListSize, Cache: cache}, Now: func() time.Time { return w.now },
	})
	require.NoError(t, err)
	p := w.present(w.credential(w.claims()), w.provider, sdjwt.Binding{Audience: party, Nonce: "n", IssuedAt: w.now})
	r := v.Verify(t.Context(), p, verifier.Expect{Audience: party, Nonce: "n"})
	require.Equal(t, verifier.Indeterminate, r.Outcome)
	require.Contains(t, r.Reasons, "status-stale")
}
