package verifier_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/verifier"
)

// office serves a domain's signed documents to verifiers elsewhere.
type office struct {
	*httptest.Server
	documents map[string]string // by path, or by path and query
}

func newOffice(t *testing.T) *office {
	o := &office{documents: map[string]string{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := o.documents[r.URL.RequestURI()]
		if !ok {
			text, ok = o.documents[r.URL.Path]
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		if to, ok := strings.CutPrefix(text, "redirect "); ok {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(o.Close)
	return o
}

// A status list counts only when the domain's own key has signed it, for that address, lately.
func TestFetchStatus(t *testing.T) {
	signer, stranger := newKey(t, key.SM2), newKey(t, key.SM2)
	entries, err := statuslist.New(2, 1024)
	require.NoError(t, err)
	require.NoError(t, entries.Set(7, statuslist.Suspended))
	now := time.Now()
	for name, c := range map[string]struct {
		list func(uri string) string
		want error
	}{
		"good":     {func(uri string) string { return signList(t, signer, entries, uri, now) }, nil},
		"unsigned": {func(uri string) string { return unsigned(signList(t, signer, entries, uri, now)) }, statuslist.ErrMalformed},
		"signature cut off": {func(uri string) string {
			text := signList(t, signer, entries, uri, now)
			return text[:strings.LastIndexByte(text, '.')+1]
		}, statuslist.ErrSignature},
		"signed by another issuer": {func(uri string) string { return signList(t, stranger, entries, uri, now) }, trustlist.ErrKeyUnknown},
		"signed in another's name": {func(uri string) string { return signList(t, stranger.WithID(signer.Public().ID()), entries, uri, now) }, statuslist.ErrSignature},
		"of another list":          {func(uri string) string { return signList(t, signer, entries, uri+"0", now) }, statuslist.ErrSubject},
		"expired":                  {func(uri string) string { return signList(t, signer, entries, uri, now.Add(-48*time.Hour)) }, statuslist.ErrExpired},
		"not a list":               {func(string) string { return "hello" }, statuslist.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			uri := o.URL + "/status/1"
			o.documents["/status/1"] = c.list(uri)
			home := domainOf(o, signer)
			got, err := verifier.FetchStatus(nil).Status(t.Context(), statuslist.Reference{Index: 7, URI: uri}, home)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, statuslist.Suspended, got.Status)
			require.Equal(t, "list", got.Source)
			_, err = verifier.FetchStatus(nil).Status(t.Context(), statuslist.Reference{Index: 1024, URI: uri}, home)
			require.ErrorIs(t, err, statuslist.ErrIndex)
		})
	}
	t.Run("sent elsewhere", func(t *testing.T) {
		o := newOffice(t)
		uri := o.URL + "/status/1"
		o.documents["/status/1"] = "redirect /other"
		o.documents["/other"] = signList(t, signer, entries, uri, now)
		_, err := verifier.FetchStatus(nil).Status(t.Context(), statuslist.Reference{Index: 7, URI: uri}, domainOf(o, signer))
		require.Error(t, err)
	})
}

// A list that was kept is worth what its key is worth now.
func TestKeptStatusOfFrozenKey(t *testing.T) {
	signer := newKey(t, key.SM2)
	entries, err := statuslist.New(2, 1024)
	require.NoError(t, err)
	o := newOffice(t)
	ref := statuslist.Reference{Index: 7, URI: o.URL + "/status/1"}
	o.documents["/status/1"] = signList(t, signer, entries, ref.URI, time.Now())
	home, source := domainOf(o, signer), verifier.FetchStatus(nil)
	_, err = source.Status(t.Context(), ref, home)
	require.NoError(t, err)
	home.StatusKeys[0].Frozen = true
	_, err = source.Status(t.Context(), ref, home)
	require.ErrorIs(t, err, trustlist.ErrKeyFrozen)
}

func domainOf(o *office, signer *key.Private) *trustlist.Domain {
	return &trustlist.Domain{Code: "DEMO", BaseURL: o.URL, StatusPrefix: o.URL + "/status/",
		StatusKeys: []trustlist.DatedKey{{Key: signer.Public(), NotBefore: time.Now().Add(-72 * time.Hour)}}}
}

func signList(t *testing.T, k key.Signer, entries *statuslist.List, uri string, at time.Time) string {
	text, err := statuslist.Token{Subject: uri, IssuedAt: at, Expires: at.Add(24 * time.Hour), TTL: time.Minute, List: entries}.Sign(k, nil)
	require.NoError(t, err)
	return text
}

// unsigned says "alg":"none" and signs nothing.
func unsigned(text string) string {
	parts := strings.Split(text, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"statuslist+jwt"}`)) + "." + parts[1] + "."
}

// A verifier elsewhere takes a newer trust list and never an older one, and stands by what it
// has while the network is away.
func TestFetchTrust(t *testing.T) {
	listKey, root1, root2 := newKey(t, key.SM2), newKey(t, key.SM2), newKey(t, key.SM2)
	now := time.Now().Truncate(time.Second)
	roots := &trustlist.Roots{Version: 1, IssuedAt: now, Expires: now.AddDate(5, 0, 0), Threshold: 2,
		Keys: []*key.Public{root1.Public(), root2.Public()}, Signers: []trustlist.DatedKey{{Key: listKey.Public(), NotBefore: now.Add(-time.Hour)}}}
	pinned, err := roots.Sign(root1, root2)
	require.NoError(t, err)
	publish := func(o *office, k key.Signer, version int64) {
		l := &trustlist.List{Version: version, IssuedAt: now, Expires: now.Add(24 * time.Hour)}
		text, err := l.Sign(k)
		require.NoError(t, err)
		o.documents["/v1/trust-list"] = text
	}
	clock := now
	current := func(trust *verifier.RemoteTrust) (*trustlist.List, error) {
		clock = clock.Add(2 * time.Minute)
		return trust.Current(context.Background())
	}
	start := func(o *office) *verifier.RemoteTrust {
		trust, err := verifier.FetchTrust(o.URL, pinned, nil)
		require.NoError(t, err)
		trust.SetNow(func() time.Time { return clock })
		return trust
	}

	o := newOffice(t)
	trust := start(o)
	_, err = current(trust)
	require.Error(t, err, "nothing is there yet")
	publish(o, listKey, 5)
	list, err := current(trust)
	require.NoError(t, err)
	require.EqualValues(t, 5, list.Version)
	publish(o, listKey, 4)
	list, err = current(trust)
	require.NoError(t, err)
	require.EqualValues(t, 5, list.Version, "it was rolled back")
	require.ErrorIs(t, trust.Err(), trustlist.ErrRolledBack)
	publish(o, newKey(t, key.SM2), 6)
	list, err = current(trust)
	require.NoError(t, err)
	require.EqualValues(t, 5, list.Version, "a stranger signed it")
	publish(o, listKey, 6)
	list, err = current(trust)
	require.NoError(t, err)
	require.EqualValues(t, 6, list.Version)
	require.NoError(t, trust.Err())

	// The list's key changes: newer roots, signed by the old ones, say so.
	nextKey := newKey(t, key.SM2)
	roots.Version, roots.Signers = 2, append(roots.Signers, trustlist.DatedKey{Key: nextKey.Public(), NotBefore: now.Add(-time.Hour)})
	signed, err := roots.Sign(root1, root2)
	require.NoError(t, err)
	o.documents["/v1/trust-list/roots"] = string(signed)
	publish(o, nextKey, 7)
	list, err = current(trust)
	require.NoError(t, err)
	require.EqualValues(t, 7, list.Version)

	// The old list key is stolen, and the next roots drop it. The list at hand fits both; what the
	// thief signs counts no more, also for who starts again from the roots that she pinned.
	memory := filepath.Join(t.TempDir(), "trust.json")
	require.NoError(t, trust.Remember(memory))
	o.documents["/v1/trust-list/roots?version=2"] = string(signed)
	roots.Version, roots.Signers[0].Frozen = 3, true
	signed, err = roots.Sign(root1, root2)
	require.NoError(t, err)
	o.documents["/v1/trust-list/roots"] = string(signed)
	publish(o, nextKey, 8)
	clock = clock.Add(time.Hour)
	_, err = current(trust)
	require.NoError(t, err)
	publish(o, listKey, 9)
	list, err = current(trust)
	require.NoError(t, err)
	require.EqualValues(t, 8, list.Version)
	require.ErrorIs(t, trust.Err(), trustlist.ErrKeyFrozen)
	delete(o.documents, "/v1/trust-list/roots")
	delete(o.documents, "/v1/trust-list/roots?version=2")
	again := start(o)
	require.NoError(t, again.Remember(memory))
	_, err = current(again)
	require.ErrorContains(t, err, "newer roots were seen")
	publish(o, nextKey, 10)

	// Without a network it goes on until the list expires.
	clear(o.documents)
	_, err = current(trust)
	require.NoError(t, err)
	clock = clock.Add(24 * time.Hour)
	_, err = current(trust)
	require.ErrorIs(t, err, trustlist.ErrStale)
}
