package access_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
)

func benchService(b *testing.B, a key.Algorithm) (*access.Service, *key.Private) {
	b.Helper()
	k, ours := newKey(b, a), newKey(b, a)
	s, err := access.New(access.Config{
		Issuer: us, Signer: ours, Now: func() time.Time { return start }, Once: everything{}, Fresh: func() time.Time { return start },
		Clients: func(id string) (access.Client, error) {
			if id != counter {
				return access.Client{}, access.ErrClientUnknown
			}
			return access.Client{ID: counter, Role: httpd.RoleRelyingParty, Scopes: []string{"verify"}, Keys: []*key.Public{k.Public()}}, nil
		},
	})
	require.NoError(b, err)
	return s, k
}

// A whole token request: our verification, the library's grant, our signature.
func BenchmarkGrant(b *testing.B) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		b.Run(string(a), func(b *testing.B) {
			s, k := benchService(b, a)
			text, err := access.Assert(k, counter, us, start)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Grant(b.Context(), form(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a token costs each request.
func BenchmarkAuthenticate(b *testing.B) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		b.Run(string(a), func(b *testing.B) {
			s, k := benchService(b, a)
			text, err := access.Assert(k, counter, us, start)
			require.NoError(b, err)
			g, err := s.Grant(b.Context(), form(text))
			require.NoError(b, err)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+g.AccessToken)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Authenticate(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A stranger, a suspended client's name with another key, and the wrong key take the same time:
// compare these three.
func BenchmarkRefusal(b *testing.B) {
	s, k := benchService(b, key.SM2)
	other := newKey(b, key.SM2)
	for name, make := range map[string]func() (string, error){
		"unknown":     func() (string, error) { return access.Assert(other, "nobody", us, start) },
		"wrong-key":   func() (string, error) { return access.Assert(other, counter, us, start) },
		"same-key-id": func() (string, error) { return access.Assert(other.WithID(k.Public().ID()), counter, us, start) },
	} {
		text, err := make()
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Grant(b.Context(), form(text)); err == nil {
					b.Fatal("let in")
				}
			}
		})
	}
}
