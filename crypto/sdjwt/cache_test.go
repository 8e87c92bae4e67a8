package sdjwt

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

func TestCacheRemembersAGoodSignature(t *testing.T) {
	for _, a := range both {
		i := issue(t, a)
		c := NewCache(0)
		s, err := c.Parse(i.text, Type)
		require.NoError(t, err)
		require.False(t, s.VerifiedBy(i.issuer.Public()), "nothing is good before it was checked")
		require.NoError(t, s.Verify(i.issuer.Public()))

		again, err := c.Parse(i.present(t, "name"), Type)
		require.NoError(t, err)
		require.True(t, again.VerifiedBy(i.issuer.Public()))
		require.True(t, again.VerifiedBy(i.issuer.Public().WithID("another name")), "a key is its point")
		require.False(t, again.VerifiedBy(generate(t, a).Public().WithID(i.issuer.Public().ID())), "and no other key of its id")
		require.Equal(t, CacheStats{Certificates: 1, Bytes: s.issued.size(), Hits: 2, Misses: 1}, c.Stats())

		_, err = c.Parse(i.text, "another+type")
		require.ErrorIs(t, err, jose.ErrType, "what it is taken for is asked each time")
	}
}

// Whatever byte of the issuer's JWT differs, nothing is remembered of it.
func TestCacheIsExact(t *testing.T) {
	i := issue(t, key.SM2)
	c := NewCache(0)
	s, err := c.Parse(i.text, Type)
	require.NoError(t, err)
	require.NoError(t, s.Verify(i.issuer.Public()))
	end := strings.IndexByte(i.text, '~')
	for at := range end {
		flipped := []byte(i.text)
		if flipped[at]++; flipped[at] == '~' {
			flipped[at]++
		}
		require.Nil(t, c.find(string(flipped[:end])))
		if s, err := c.Parse(string(flipped), Type); err == nil {
			require.False(t, s.VerifiedBy(i.issuer.Public()))
			require.Error(t, s.Verify(i.issuer.Public()))
		}
	}
	require.Equal(t, 1, c.Stats().Certificates, "bad signatures are not remembered")
}

func TestCacheIsBounded(t *testing.T) {
	holder, issuer := generate(t, key.ES256), generate(t, key.ES256)
	const most = 256 << 10
	c := NewCache(most)
	for n := range 400 {
		text, err := Sign(issuer, Issue{Claims: map[string]any{"vct": "x", "n": n, "cnf": map[string]any{"jwk": holder.Public().Confirmation()}}, Decoys: n % 64})
		require.NoError(t, err)
		s, err := c.Parse(text, Type)
		require.NoError(t, err)
		require.NoError(t, s.Verify(issuer.Public()))
		require.LessOrEqual(t, c.Stats().Bytes, int64(most))
	}
	require.Greater(t, c.Stats().Certificates, 16)
	huge, err := Sign(issuer, Issue{Claims: map[string]any{"vct": "x", "note": strings.Repeat("x", most/8)}})
	require.NoError(t, err)
	before := c.Stats().Certificates
	s, err := c.Parse(huge, Type)
	require.NoError(t, err)
	require.NoError(t, s.Verify(issuer.Public()), "too large to be kept, and verified all the same")
	require.Equal(t, before, c.Stats().Certificates)
}

// What is kept must not hold on to what a holder disclosed.
func TestCacheKeepsNoDisclosure(t *testing.T) {
	i := issue(t, key.SM2)
	c := NewCache(0)
	s, err := c.Parse(i.present(t, "name", "address"), Type)
	require.NoError(t, err)
	require.NoError(t, s.Verify(i.issuer.Public()))
	e := c.find(s.jwt)
	require.NotNil(t, e)
	for _, m := range e.is.open {
		require.NotContains(t, []string{"name", "address"}, m.name)
	}
	for _, d := range s.Disclosures {
		require.NotContains(t, e.is.jwt+string(e.is.token.Payload), d.Encoded)
	}
}

func TestNoCache(t *testing.T) {
	require.Nil(t, NewCache(-1))
	i := issue(t, key.SM2)
	s, err := (*Cache)(nil).Parse(i.text, Type)
	require.NoError(t, err)
	require.NoError(t, s.Verify(i.issuer.Public()))
	require.False(t, s.VerifiedBy(i.issuer.Public()))
	require.Zero(t, (*Cache)(nil).Stats())
}

func TestCacheByMany(t *testing.T) {
	i := issue(t, key.SM2)
	c := NewCache(0)
	texts := []string{i.text, i.present(t, "name"), i.present(t, "address")}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for n := range 100 {
				s, err := c.Parse(texts[n%len(texts)], Type)
				if err != nil || !s.VerifiedBy(i.issuer.Public()) && s.Verify(i.issuer.Public()) != nil {
					t.Error("a good certificate was refused")
					return
				}
				if _, err := s.Confirmation(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}
