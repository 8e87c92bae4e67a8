package trustlist_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// next is the root set after w.roots: the first key leaves, a new one comes.
func (w *world) next(t testing.TB) (*trustlist.Roots, *key.Private) {
	t.Helper()
	fresh := generate(t, w.rootKeys[0].Public().Algorithm())
	r := *w.roots
	r.Version++
	r.IssuedAt = now
	r.Keys = []*key.Public{w.rootKeys[1].Public(), w.rootKeys[2].Public(), fresh.Public()}
	return &r, fresh
}

func TestRootsChain(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		w := newWorld(t, a)
		doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
		require.NoError(t, err)
		pinned, err := trustlist.ParseRoots(doc)
		require.NoError(t, err)

		second, fresh := w.next(t)
		newSigner := generate(t, a)
		second.Signers = []trustlist.DatedKey{
			{Key: w.signer.Public(), Frozen: true},
			{Key: newSigner.Public(), NotBefore: now.Add(-2 * time.Hour)},
		}
		doc, err = second.Sign(w.rootKeys[0], w.rootKeys[1], fresh)
		require.NoError(t, err)
		got, err := pinned.Next(doc, now)
		require.NoError(t, err)
		require.Equal(t, int64(2), got.Version)

		_, err = got.Verify(w.sign(t), now, 0)
		require.ErrorIs(t, err, trustlist.ErrKeyFrozen, "a stolen signer is out with one new root set")
		text, err := w.list.Sign(newSigner)
		require.NoError(t, err)
		_, err = got.Verify(text, now, 0)
		require.NoError(t, err)
		_, err = pinned.Verify(text, now, 0)
		require.ErrorIs(t, err, trustlist.ErrKeyUnknown)

		// A third set that changes no keys needs two signatures, which count for both sides.
		third := *second
		third.Version = 3
		doc, err = third.Sign(w.rootKeys[1], fresh)
		require.NoError(t, err)
		_, err = pinned.Next(doc, now)
		require.ErrorIs(t, err, trustlist.ErrGap)
		last, err := got.Next(doc, now)
		require.NoError(t, err)
		require.Equal(t, int64(3), last.Version)
	})
}

// Whoever slept past the end of the roots can still follow the chain to its living end.
func TestExpiredRootsLeadOn(t *testing.T) {
	w := newWorld(t, key.SM2)
	w.roots.Expires = now.AddDate(0, 0, -1)
	_, err := w.roots.Verify(w.sign(t), now, 0)
	require.ErrorIs(t, err, trustlist.ErrStale)
	second, _ := w.next(t)
	second.Expires = now.AddDate(1, 0, 0)
	doc, err := second.Sign(w.rootKeys[1], w.rootKeys[2])
	require.NoError(t, err)
	got, err := w.roots.Next(doc, now)
	require.NoError(t, err)
	_, err = got.Verify(w.sign(t), now, 0)
	require.NoError(t, err)
}

func TestNextRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		doc  func(t *testing.T, w *world) ([]byte, error)
		want error
	}{
		"only one old key": {func(t *testing.T, w *world) ([]byte, error) {
			r, fresh := w.next(t)
			return r.Sign(w.rootKeys[1], fresh)
		}, trustlist.ErrThreshold},
		"one old key twice": {func(t *testing.T, w *world) ([]byte, error) {
			r, fresh := w.next(t)
			return r.Sign(w.rootKeys[1], w.rootKeys[1], fresh)
		}, trustlist.ErrThreshold},
		"one old key under two ids": {func(t *testing.T, w *world) ([]byte, error) {
			r, fresh := w.next(t)
			return r.Sign(w.rootKeys[1], w.rootKeys[1].WithID("alias"), fresh)
		}, trustlist.ErrThreshold},
		"only one new key": {func(t *testing.T, w *world) ([]byte, error) {
			r, _ := w.next(t)
			return r.Sign(w.rootKeys[0], w.rootKeys[1])
		}, trustlist.ErrThreshold},
		"only new keys": {func(t *testing.T, w *world) ([]byte, error) {
			r, fresh := w.next(t)
			other := generate(t, key.SM2)
			r.Keys = []*key.Public{fresh.Public(), other.Public()}
			return r.Sign(fresh, other)
		}, trustlist.ErrThreshold},
		"the list's signer for a root": {func(t *testing.T, w *world) ([]byte, error) {
			r, fresh := w.next(t)
			return r.Sign(w.rootKeys[1], w.signer, fresh)
		}, trustlist.ErrThreshold},
		"stranger under a root's id": {func(t *testing.T, w *world) ([]byte, error) {
			r, _ := w.next(t)
			return r.Sign(w.rootKeys[1], w.rootKeys[2], generate(t, key.SM2).WithID(w.rootKeys[0].Public().ID()))
		}, trustlist.ErrSignature},
		"other algorithm under a root's id": {func(t *testing.T, w *world) ([]byte, error) {
			r, _ := w.next(t)
			return r.Sign(w.rootKeys[1], generate(t, key.ES256).WithID(w.rootKeys[2].Public().ID()))
		}, jose.ErrAlgorithm},
		"the same version": {func(t *testing.T, w *world) ([]byte, error) {
			r, _ := w.next(t)
			r.Version = 1
			return r.Sign(w.rootKeys[1], w.rootKeys[2])
		}, trustlist.ErrRolledBack},
		"a gap": {func(t *testing.T, w *world) ([]byte, error) {
			r, _ := w.next(t)
			r.Version = 3
			return r.Sign(w.rootKeys[1], w.rootKeys[2])
		}, trustlist.ErrGap},
		"from the future": {func(t *testing.T, w *world) ([]byte, error) {
			r, _ := w.next(t)
			r.IssuedAt = now.Add(time.Hour)
			return r.Sign(w.rootKeys[1], w.rootKeys[2])
		}, trustlist.ErrFuture},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, key.SM2)
			doc, err := c.doc(t, w)
			require.NoError(t, err)
			r, err := w.roots.Next(doc, now)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, r)
		})
	}
}

func TestParseRootsRefuses(t *testing.T) {
	w := newWorld(t, key.SM2)
	a, b := w.rootKeys[0], w.rootKeys[1]
	sign := func(signers ...key.Signer) []byte {
		doc, err := w.roots.Sign(signers...)
		require.NoError(t, err)
		return doc
	}
	good := string(sign(a, b))
	_, err := trustlist.ParseRoots([]byte(good))
	require.NoError(t, err)
	typed := func(typ string) []byte {
		var e map[string]any
		require.NoError(t, json.Unmarshal([]byte(good), &e))
		payload, err := base64.RawURLEncoding.DecodeString(e["payload"].(string))
		require.NoError(t, err)
		text, err := jose.Sign(a, jose.SignHeader{Type: typ}, payload)
		require.NoError(t, err)
		part := strings.Split(text, ".")
		return []byte(`{"payload":"` + part[1] + `","signatures":[{"protected":"` + part[0] + `","signature":"` + part[2] + `"}]}`)
	}
	for name, c := range map[string]struct {
		doc  []byte
		want error
	}{
		"below the threshold":    {sign(a), trustlist.ErrThreshold},
		"one root twice":         {sign(a, a), trustlist.ErrThreshold},
		"one root, two ids":      {sign(a, a.WithID(b.Public().ID())), trustlist.ErrSignature},
		"root and signer":        {sign(a, w.signer), trustlist.ErrThreshold},
		"only the signer":        {sign(w.signer), trustlist.ErrThreshold},
		"empty":                  {nil, trustlist.ErrMalformed},
		"not JSON":               {[]byte("roots"), trustlist.ErrMalformed},
		"no signatures":          {[]byte(`{"payload":"e30","signatures":[]}`), trustlist.ErrMalformed},
		"unprotected header":     {[]byte(strings.Replace(good, `{"protected"`, `{"header":{"kid":"x"},"protected"`, 1)), trustlist.ErrMalformed},
		"name in other case":     {[]byte(strings.Replace(good, `"payload"`, `"Payload"`, 1)), trustlist.ErrMalformed},
		"payload twice":          {[]byte(strings.Replace(good, `{"payload"`, `{"payload":"e30","payload"`, 1)), trustlist.ErrMalformed},
		"too large":              {[]byte(`{"payload":"` + strings.Repeat("A", 300<<10) + `"}`), trustlist.ErrMalformed},
		"typ of a list":          {typed(trustlist.TypeList), trustlist.ErrMalformed},
		"a list":                 {[]byte(w.sign(t)), trustlist.ErrMalformed},
		"too many signatures":    {[]byte(`{"payload":"e30","signatures":[` + strings.Repeat(`{"protected":"","signature":""},`, 40) + `{"protected":"","signature":""}]}`), trustlist.ErrMalformed},
		"unknown algorithm only": {[]byte(`{"payload":"e30","signatures":[{"protected":"` + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","typ":"trustroots+jwt"}`)) + `","signature":"AAAA"}]}`), trustlist.ErrThreshold},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := trustlist.ParseRoots(c.doc)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, r)
		})
	}
}

// A signature of an algorithm that does not exist yet neither counts nor disturbs.
func TestUnknownRootAlgorithmIsSteppedOver(t *testing.T) {
	w := newWorld(t, key.SM2)
	doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
	require.NoError(t, err)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ML-DSA-65","typ":"trustroots+jwt","kid":"pq"}`))
	text := strings.Replace(string(doc), `"signatures":[`, `"signatures":[{"protected":"`+header+`","signature":"AAAA"},`, 1)
	_, err = trustlist.ParseRoots([]byte(text))
	require.NoError(t, err)
}

func TestCosign(t *testing.T) {
	w := newWorld(t, key.SM2)
	first, err := w.roots.Sign(w.rootKeys[2])
	require.NoError(t, err)
	_, err = trustlist.ParseRoots(first)
	require.ErrorIs(t, err, trustlist.ErrThreshold)
	both, err := trustlist.Cosign(first, w.rootKeys[0])
	require.NoError(t, err)
	_, err = trustlist.ParseRoots(both)
	require.NoError(t, err)
	_, err = trustlist.Cosign([]byte(`{}`), w.rootKeys[0])
	require.ErrorIs(t, err, trustlist.ErrMalformed)
}

func TestValidateRoots(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"no version":           func(w *world) { w.roots.Version = 0 },
		"no end":               func(w *world) { w.roots.Expires = time.Time{} },
		"threshold of nothing": func(w *world) { w.roots.Threshold = 0 },
		"threshold below zero": func(w *world) { w.roots.Threshold = -1 },
		"threshold too high":   func(w *world) { w.roots.Threshold = 4 },
		"key twice":            func(w *world) { w.roots.Keys[1] = w.roots.Keys[0].WithID("other") },
		"key id twice":         func(w *world) { w.roots.Keys[1] = w.roots.Keys[1].WithID(w.roots.Keys[0].ID()) },
		"key missing":          func(w *world) { w.roots.Keys[1] = nil },
		"signer missing":       func(w *world) { w.roots.Signers[0].Key = nil },
		"signer is a root":     func(w *world) { w.roots.Signers[0].Key = w.roots.Keys[2] },
		"signer has a root's id": func(w *world) {
			w.roots.Signers[0].Key = w.roots.Signers[0].Key.WithID(w.roots.Keys[2].ID())
		},
		"signer dates": func(w *world) { w.roots.Signers[0].NotAfter = now.AddDate(-1, 0, 0) },
		"too many":     func(w *world) { w.roots.Keys = make([]*key.Public, 17) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, key.SM2)
			spoil(w)
			_, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
			require.ErrorIs(t, err, trustlist.ErrMalformed)
		})
	}
	w := newWorld(t, key.SM2)
	_, err := w.roots.Sign()
	require.ErrorIs(t, err, trustlist.ErrMalformed)
}
