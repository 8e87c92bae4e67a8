package receipt_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/trustlist"
)

var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const (
	home       = "https://cards.example.cn"
	identifier = "1.2.156.3005.2.11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R"
)

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func values() map[string]json.RawMessage {
	return map[string]json.RawMessage{"name": json.RawMessage(`"张示例"`), "over_18": json.RawMessage(`true`), "points": json.RawMessage(`3`)}
}

// filled is a receipt of three fields and its salts.
func filled(t testing.TB, a key.Algorithm) (receipt.Receipt, receipt.Openings) {
	t.Helper()
	r := receipt.Receipt{
		Issuer: home, ID: "wtzaaohi6gtmyds5f2xjcujzcy", CheckedAt: now.Unix(), Party: receipt.Party{ID: "bank-1", Name: trustlist.Name{ZH: "示例银行", EN: "Example bank"}},
		Client: "bank-1-teller", Purpose: "account-opening", Via: "code", Outcome: "valid", Reasons: []string{}, CertType: "resident-id", Hash: receipt.HashFor(a),
		Authority: &receipt.Authority{Issuer: home + "/issuers/police", Code: "11430000MB1D000127"}, Status: &receipt.Status{State: "passed", AsOf: now.Unix(), Source: "cache"},
		Person: &receipt.Person{State: "passed", Method: "passkey", At: now.Unix()}, Fields: []receipt.Field{{Name: "name"}, {Name: "over_18"}, {Name: "points"}},
	}
	o, err := r.Seal(identifier, values())
	require.NoError(t, err)
	return r, o
}

// listOf is a trust list with a domain whose receipts the keys sign.
func listOf(t testing.TB, url string, keys ...trustlist.DatedKey) *trustlist.List {
	t.Helper()
	d := trustlist.Domain{Code: "HN01", Name: trustlist.Name{ZH: "湖南", EN: "Hunan"}, BaseURL: url, StatusPrefix: url + "/status/"}
	for _, k := range keys {
		d.ServiceKeys = append(d.ServiceKeys, trustlist.ServiceKey{Use: trustlist.UseReceipt, DatedKey: k})
	}
	l := &trustlist.List{Version: 1, IssuedAt: now, Expires: now.Add(time.Hour), Domains: []trustlist.Domain{d}}
	require.NoError(t, l.Validate())
	return l
}

func sign(t testing.TB, r receipt.Receipt, k *key.Private, at time.Time) string {
	t.Helper()
	text, err := r.Sign(k, at)
	require.NoError(t, err)
	return text
}

func TestRoundTrip(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) {
			k := generate(t, a)
			want, openings := filled(t, a)
			text := sign(t, want, k, now)
			got, err := receipt.Verify(listOf(t, home, trustlist.DatedKey{Key: k.Public()}), text, now)
			require.NoError(t, err)
			want.SignedAt = now.Unix()
			require.Equal(t, want, *got)
			for _, c := range got.Compare(identifier, values(), openings) {
				require.Equal(t, receipt.Matches, c.Match, c.Name)
			}
		})
	}
}

// The log's digest of a receipt is the same for each signature of it and for no other receipt.
func TestDigest(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		k := generate(t, a)
		r, _ := filled(t, a)
		want := r.Digest()
		require.Len(t, want, 43)
		for _, at := range []time.Time{now, now.Add(time.Hour)} {
			u, err := receipt.Parse(sign(t, r, k, at))
			require.NoError(t, err)
			require.Equal(t, want, u.Receipt.Digest())
		}
		for name, change := range map[string]func(*receipt.Receipt){
			"dated back":      func(r *receipt.Receipt) { r.CheckedAt-- },
			"another outcome": func(r *receipt.Receipt) { r.Outcome = "invalid" },
			"another party":   func(r *receipt.Receipt) { r.Party.ID = "bank-2" },
			"a field less":    func(r *receipt.Receipt) { r.Fields = r.Fields[:2] },
			"a consent":       func(r *receipt.Receipt) { r.Consent = &receipt.Consent{Answer: "yes", Asked: []string{"name"}} },
		} {
			other := r
			change(&other)
			require.NotEqual(t, want, other.Digest(), name)
		}
	}
}

// The receipt alone gives no value away: neither in clear, nor by trying, because the salts are
// not in it and no two receipts of the same values share a digest.
func TestNothingPersonalInside(t *testing.T) {
	k := generate(t, key.SM2)
	one, openings := filled(t, key.SM2)
	other, _ := filled(t, key.SM2)
	text := sign(t, one, k, now)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	require.NoError(t, err)
	secrets := []string{"张示例", identifier, openings.Certificate}
	for _, salt := range openings.Fields {
		secrets = append(secrets, salt)
		raw, err := base64.RawURLEncoding.DecodeString(salt)
		require.NoError(t, err)
		require.Len(t, raw, 16, "128 bits each")
	}
	for _, secret := range secrets {
		require.NotContains(t, string(payload), secret)
	}
	require.NotEqual(t, one.Certificate, other.Certificate)
	for i := range one.Fields {
		require.NotEqual(t, one.Fields[i].Digest, other.Fields[i].Digest)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", openings, openings, openings), openings.Certificate)
}

func TestFlipAnyByte(t *testing.T) {
	k := generate(t, key.SM2)
	r, _ := filled(t, key.SM2)
	text := sign(t, r, k, now)
	l := listOf(t, home, trustlist.DatedKey{Key: k.Public()})
	for i := range len(text) {
		for _, flipped := range []byte{text[i] ^ 1, text[i] ^ 2, text[i] ^ 64} {
			_, err := receipt.Verify(l, text[:i]+string(flipped)+text[i+1:], now)
			require.Error(t, err, "byte %d", i)
		}
		_, err := receipt.Verify(l, text[:i], now)
		require.Error(t, err, "cut after %d", i)
	}
}

func TestRefused(t *testing.T) {
	k, other := generate(t, key.SM2), generate(t, key.SM2)
	r, _ := filled(t, key.SM2)
	text := sign(t, r, k, now)
	open := trustlist.DatedKey{Key: k.Public()}
	frozen, ended, later := open, open, open
	frozen.Frozen = true
	ended.NotAfter = now.Add(-time.Second)
	later.NotBefore = now.Add(time.Second)
	asStatus := listOf(t, home)
	asStatus.Domains[0].StatusKeys = []trustlist.DatedKey{open}
	asOther := listOf(t, home, open)
	asOther.Domains[0].ServiceKeys[0].Use = "audit"
	impostor, err := jose.SignJSON(other, jose.SignHeader{Type: receipt.Type, KeyID: k.Public().ID()}, withDate(r))
	require.NoError(t, err)
	wrongType, err := jose.SignJSON(k, jose.SignHeader{Type: "at+jwt"}, withDate(r))
	require.NoError(t, err)
	early := r
	early.CheckedAt = now.Add(time.Hour).Unix()
	for name, tc := range map[string]struct {
		list *trustlist.List
		text string
		now  time.Time
		want error
	}{
		"key of nobody":             {listOf(t, home, trustlist.DatedKey{Key: other.Public()}), text, now, trustlist.ErrKeyUnknown},
		"key with a borrowed id":    {listOf(t, home, open), impostor, now, receipt.ErrSignature},
		"frozen key":                {listOf(t, home, frozen), text, now, trustlist.ErrKeyFrozen},
		"key that had ended":        {listOf(t, home, ended), text, now, trustlist.ErrKeyDates},
		"key that had not begun":    {listOf(t, home, later), text, now, trustlist.ErrKeyDates},
		"key for status lists":      {asStatus, text, now, trustlist.ErrKeyUnknown},
		"key for another use":       {asOther, text, now, trustlist.ErrKeyUnknown},
		"receipt of another domain": {listOf(t, "https://elsewhere.example", open), text, now, trustlist.ErrDomainUnknown},
		"signed in the future":      {listOf(t, home, open), sign(t, r, k, now.Add(time.Hour)), now, receipt.ErrFuture},
		"signed before the check":   {listOf(t, home, open), sign(t, early, k, now), now, receipt.ErrFuture},
		"a token of another kind":   {listOf(t, home, open), wrongType, now, receipt.ErrMalformed},
		"huge":                      {listOf(t, home, open), text + strings.Repeat("A", 1<<20), now, receipt.ErrMalformed},
		"empty":                     {listOf(t, home, open), "", now, receipt.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := receipt.Verify(tc.list, tc.text, tc.now)
			require.ErrorIs(t, err, tc.want)
		})
	}
	// A key that was rotated away keeps vouching for what it signed in its time.
	ended.NotAfter = now
	_, err = receipt.Verify(listOf(t, home, ended), text, now.AddDate(5, 0, 0))
	require.NoError(t, err)
}

func withDate(r receipt.Receipt) receipt.Receipt {
	r.SignedAt = now.Unix()
	return r
}

func TestMalformedPayloads(t *testing.T) {
	k := generate(t, key.SM2)
	good, _ := filled(t, key.SM2)
	payload, err := json.Marshal(withDate(good))
	require.NoError(t, err)
	for name, change := range map[string]func(map[string]any){
		"unknown member":        func(m map[string]any) { m["values"] = "x" },
		"no iss":                func(m map[string]any) { delete(m, "iss") },
		"no outcome":            func(m map[string]any) { delete(m, "outcome") },
		"date zero":             func(m map[string]any) { m["iat"] = 0 },
		"date far away":         func(m map[string]any) { m["checked_at"] = 1e12 },
		"another hash":          func(m map[string]any) { m["hash"] = "md5" },
		"short digest":          func(m map[string]any) { m["certificate"] = "AAAA" },
		"padded digest":         func(m map[string]any) { m["certificate"] = good.Certificate + "=" },
		"field twice":           func(m map[string]any) { f := m["fields"].([]any); m["fields"] = append(f, f[0]) },
		"field without a name":  func(m map[string]any) { m["fields"].([]any)[0].(map[string]any)["name"] = "" },
		"capital letters":       func(m map[string]any) { m["Outcome"] = "valid" },
		"a text without an end": func(m map[string]any) { m["purpose"] = strings.Repeat("x", 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			var m map[string]any
			require.NoError(t, json.Unmarshal(payload, &m))
			change(m)
			text, err := jose.SignJSON(k, jose.SignHeader{Type: receipt.Type}, m)
			require.NoError(t, err)
			_, err = receipt.Parse(text)
			require.ErrorIs(t, err, receipt.ErrMalformed)
		})
	}
}

func TestCompare(t *testing.T) {
	r, o := filled(t, key.SM2)
	match := func(id string, v map[string]json.RawMessage, o receipt.Openings) map[string]receipt.Match {
		got := map[string]receipt.Match{}
		for _, c := range r.Compare(id, v, o) {
			got[c.Name] = c.Match
		}
		return got
	}
	v := values()
	v["name"], v["address"] = json.RawMessage(`"李示例"`), json.RawMessage(`"x"`)
	delete(v, "points")
	require.Equal(t, map[string]receipt.Match{"": receipt.NoValue, "name": receipt.Differs, "over_18": receipt.Matches, "points": receipt.NoValue, "address": receipt.Foreign}, match("", v, o))
	require.Equal(t, receipt.Differs, match(identifier+"0", nil, o)[""])
	require.Equal(t, receipt.NoSalt, match(identifier, values(), receipt.Openings{})["name"])

	swapped := receipt.Openings{Certificate: o.Certificate, Fields: map[string]string{"name": o.Fields["over_18"], "over_18": o.Fields["name"], "points": o.Fields["points"]}}
	got := match(identifier, values(), swapped)
	require.Equal(t, receipt.Differs, got["name"])
	require.Equal(t, receipt.Differs, got["over_18"])
	require.Equal(t, receipt.Matches, got["points"])

	// Half of the salt may not become the beginning of the value, or the other way round.
	cut := receipt.Openings{Fields: map[string]string{"name": o.Fields["name"][:8]}}
	require.Equal(t, receipt.Differs, match("", values(), cut)["name"])

	// Another spelling of the same value is the same value.
	spelled := values()
	spelled["name"], spelled["points"] = json.RawMessage(`"\u5f20\u793A\u4f8b"`), json.RawMessage(`3.0`)
	require.Equal(t, receipt.Matches, match("", spelled, o)["name"])
	require.Equal(t, receipt.Matches, match("", spelled, o)["points"])
}

func FuzzParse(f *testing.F) {
	k := generate(f, key.SM2)
	r, o := filled(f, key.SM2)
	text := sign(f, r, k, now)
	l := listOf(f, home, trustlist.DatedKey{Key: k.Public()})
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add("")
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoicmVjZWlwdCtqd3QifQ.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := receipt.Parse(s)
		if err != nil {
			require.ErrorIs(t, err, receipt.ErrMalformed)
			return
		}
		u.Receipt.Compare(identifier, values(), o)
		if _, err := u.Verify(l, now); err == nil {
			require.Equal(t, text, s, "one text, one receipt")
		}
	})
}
