package trustlist_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

var now = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// world is a root set of three keys, an online signer and a list that says something in every
// section.
type world struct {
	rootKeys []*key.Private
	signer   *key.Private
	issuer   *key.Private
	provider *key.Private
	status   *key.Private
	roots    *trustlist.Roots
	list     *trustlist.List
}

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func newWorld(t testing.TB, a key.Algorithm) *world {
	t.Helper()
	w := &world{signer: generate(t, a), issuer: generate(t, a), provider: generate(t, a), status: generate(t, a)}
	for range 3 {
		w.rootKeys = append(w.rootKeys, generate(t, a))
	}
	w.roots = &trustlist.Roots{
		Version: 1, IssuedAt: now.AddDate(0, -1, 0), Expires: now.AddDate(1, 0, 0), Threshold: 2,
		Keys:    []*key.Public{w.rootKeys[0].Public(), w.rootKeys[1].Public(), w.rootKeys[2].Public()},
		Signers: []trustlist.DatedKey{{Key: w.signer.Public(), NotBefore: now.AddDate(0, -1, 0)}},
	}
	w.list = &trustlist.List{
		Version: 7, IssuedAt: now.Add(-time.Hour), Expires: now.AddDate(0, 0, 7),
		Domains: []trustlist.Domain{{
			Code: "HN01", Name: trustlist.Name{ZH: "湖南示例", EN: "Hunan example"},
			BaseURL: "https://zz.example.cn", StatusPrefix: "https://zz.example.cn/status/",
			StatusKeys: []trustlist.DatedKey{{Key: w.status.Public()}},
		}},
		Issuers: []trustlist.Issuer{{
			ID: "https://zz.example.cn/issuers/police", Authority: "11430000006122244L",
			Name: trustlist.Name{ZH: "示例公安局", EN: "Example police"}, Domain: "HN01",
			Types: []string{"resident-id"}, Regions: []string{"430000"},
			Keys:      []trustlist.DatedKey{{Key: w.issuer.Public(), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}},
			NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(2, 0, 0),
		}},
		Providers: []trustlist.Provider{{
			ID: "hosted-wallet", Name: trustlist.Name{ZH: "示例钱包", EN: "Example wallet"}, Domain: "HN01",
			Keys: []trustlist.DatedKey{{Key: w.provider.Public(), NotBefore: now.AddDate(0, -1, 0), MaxCopies: 100000}},
		}},
		Types: []trustlist.Type{{ID: "resident-id", Version: 1, VCT: "https://zz.example.cn/types/resident-id/1", Code: "11100000000013127D001"}},
	}
	return w
}

func (w *world) sign(t testing.TB) string {
	t.Helper()
	text, err := w.list.Sign(w.signer)
	require.NoError(t, err)
	return text
}

func eachAlgorithm(t *testing.T, f func(t *testing.T, a key.Algorithm)) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) { f(t, a) })
	}
}

func TestListRoundTrip(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		w := newWorld(t, a)
		doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[2])
		require.NoError(t, err)
		roots, err := trustlist.ParseRoots(doc)
		require.NoError(t, err)
		require.Equal(t, int64(1), roots.Version)
		require.Equal(t, 2, roots.Threshold)
		require.Len(t, roots.Keys, 3)

		l, err := roots.Verify(w.sign(t), now, 7)
		require.NoError(t, err)
		require.Equal(t, w.list.Version, l.Version)
		require.True(t, w.list.IssuedAt.Equal(l.IssuedAt))
		require.True(t, w.list.Expires.Equal(l.Expires))
		again, err := l.Sign(w.signer) // what was read says the same as what was written
		require.NoError(t, err)
		require.Equal(t, payloadOf(t, w.sign(t)), payloadOf(t, again))

		i, err := l.Issuer("https://zz.example.cn/issuers/police")
		require.NoError(t, err)
		require.True(t, i.Issues("resident-id"))
		require.False(t, i.Issues("business-licence"))
		k, err := i.Key(w.issuer.Public().ID(), now)
		require.NoError(t, err)
		require.True(t, k.Equal(w.issuer.Public()))
		d, err := l.DomainOf(i)
		require.NoError(t, err)
		require.Equal(t, "HN01", d.Code)
		k, err = d.StatusKey("", now)
		require.NoError(t, err)
		require.True(t, k.Equal(w.status.Public()))
		p, dated, err := l.ProviderKey(w.provider.Public(), now)
		require.NoError(t, err)
		require.Equal(t, "hosted-wallet", p.ID)
		require.Equal(t, int64(100000), dated.MaxCopies)
	})
}

func payloadOf(t testing.TB, text string) string {
	t.Helper()
	part := strings.Split(text, ".")
	require.Len(t, part, 3)
	payload, err := base64.RawURLEncoding.DecodeString(part[1])
	require.NoError(t, err)
	return string(payload)
}
