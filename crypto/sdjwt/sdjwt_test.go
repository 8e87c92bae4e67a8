package sdjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

const (
	audience = "https://bank.example"
	nonce    = "n-0S6_WzA2Mj"
)

var (
	both = []key.Algorithm{key.SM2, key.ES256}
	then = time.Unix(1800000000, 0)
)

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

// issued is a certificate with its two keys.
type issued struct {
	issuer, holder *key.Private
	text           string
}

func issue(t testing.TB, a key.Algorithm) issued {
	t.Helper()
	i := issued{issuer: generate(t, a), holder: generate(t, a)}
	var err error
	i.text, err = Sign(i.issuer, Issue{
		Claims: map[string]any{
			"iss": "https://issuer.example", "vct": "https://issuer.example/types/x/1", "nbf": 1700000000, "exp": 2000000000,
			"cnf":    map[string]any{"jwk": i.holder.Public().Confirmation()},
			"status": map[string]any{"status_list": map[string]any{"idx": 7, "uri": "https://issuer.example/status/1"}},
			"open":   Object{Claims: map[string]any{"always": 1}, Disclosable: []Claim{{"sometimes", "<&>"}}},
		},
		Disclosable: []Claim{
			{"name", "张三"},
			{"birth_date", "1990-01-01"},
			{"number", json.Number("12345678901234567890.10")},
			{"nothing", nil},
			{"address", Object{Claims: map[string]any{"country": "CN"}, Disclosable: []Claim{
				{"city", "长沙"}, {"street", &Object{Disclosable: []Claim{{"house", 7}}}},
			}, Decoys: 2}},
			{"classes", Array{"C1", Element{"D"}, Element{Array{Element{"E"}, 1}}}},
		},
		Decoys: 3,
	})
	require.NoError(t, err)
	return i
}

func (i issued) parse(t testing.TB) *SDJWT {
	t.Helper()
	s, err := ParseIssued(i.text, Type)
	require.NoError(t, err)
	return s
}

func (i issued) present(t testing.TB, names ...string) string {
	t.Helper()
	text, err := i.parse(t).Present(names, i.holder, Binding{Audience: audience, Nonce: nonce, IssuedAt: then})
	require.NoError(t, err)
	return text
}

// check is what a verifier does, in order.
func (i issued) check(text string) (Claims, error) {
	s, err := Parse(text, Type)
	if err != nil {
		return nil, err
	}
	if err := s.Token.Verify(i.issuer.Public()); err != nil {
		return nil, err
	}
	if err := CheckVC(s); err != nil {
		return nil, err
	}
	cnf, err := s.Confirmation()
	if err != nil {
		return nil, err
	}
	if err := s.VerifyBinding(cnf, Expect{Audience: audience, Nonce: nonce, Now: then}); err != nil {
		return nil, err
	}
	claims, err := s.Claims()
	if err != nil {
		return nil, err
	}
	return claims, claims.CheckTime(then, 0)
}

func TestRoundTrip(t *testing.T) {
	for _, a := range both {
		t.Run(string(a), func(t *testing.T) {
			i := issue(t, a)
			s := i.parse(t)
			require.NoError(t, s.Token.Verify(i.issuer.Public()))
			require.NoError(t, CheckVC(s))
			want := SHA256
			if a == key.SM2 {
				want = SM3
			}
			require.Equal(t, want, s.Hash)
			require.Len(t, s.Disclosures, 13)
			require.ElementsMatch(t, []string{"name", "birth_date", "number", "nothing", "address", "classes"}, s.Disclosed())
			all, err := s.Claims()
			require.NoError(t, err)
			require.JSONEq(t, `{"country":"CN","city":"长沙","street":{"house":7}}`, string(all["address"]))
			require.JSONEq(t, `["C1","D",["E",1]]`, string(all["classes"]))
			require.JSONEq(t, `{"always":1,"sometimes":"<&>"}`, string(all["open"]))
			require.Equal(t, "12345678901234567890.10", string(all["number"]), "numbers stay exact")
			require.Equal(t, "null", string(all["nothing"]))
			require.NotContains(t, all, "_sd")
			require.NotContains(t, all, "_sd_alg")
			values, err := all.Values()
			require.NoError(t, err)
			require.Equal(t, json.Number("12345678901234567890.10"), values["number"])

			claims, err := i.check(i.present(t, "name", "address"))
			require.NoError(t, err)
			require.Equal(t, `"张三"`, string(claims["name"]))
			require.JSONEq(t, string(all["address"]), string(claims["address"]))
			require.JSONEq(t, `{"always":1}`, string(claims["open"]))
			for _, hidden := range []string{"birth_date", "number", "nothing", "classes"} {
				require.NotContains(t, claims, hidden)
			}
			claims, err = i.check(i.present(t))
			require.NoError(t, err)
			require.Len(t, claims, 7, "nothing chosen: the open claims only")
			claims, err = i.check(i.present(t, "open", "iss"))
			require.NoError(t, err)
			require.JSONEq(t, `{"always":1,"sometimes":"<&>"}`, string(claims["open"]))

			// A presentation can be narrowed further, as a wallet service does for a device.
			narrow, err := s.Select("name", "address")
			require.NoError(t, err)
			p, err := Parse(narrow, Type)
			require.NoError(t, err)
			require.Equal(t, []string{"name", "address"}, p.Disclosed())
			require.Empty(t, p.KeyBinding)
			require.ErrorIs(t, p.VerifyBinding(i.holder.Public(), Expect{Audience: audience, Nonce: nonce, Now: then}), ErrBindingMissing)
			_, err = p.Select("birth_date")
			require.ErrorIs(t, err, ErrClaim, "what is gone does not come back")
			_, err = s.Select("no such claim")
			require.ErrorIs(t, err, ErrClaim)
			_, err = s.Select("_sd")
			require.ErrorIs(t, err, ErrClaim)
		})
	}
}

// The published, signed example of OpenID4VP 1.0 (testdata/README.md).
func TestPublishedVector(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile("testdata/openid4vp/" + name)
		require.NoError(t, err)
		return string(data)
	}
	oneLine := func(name string) string { return strings.ReplaceAll(read(name), "\n", "") }
	issuer, err := key.ParseJWK([]byte(`{"kty":"EC","crv":"P-256","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`), false)
	require.NoError(t, err)

	s, err := ParseIssued(oneLine("sd_jwt_issuance.txt"), Type)
	require.NoError(t, err)
	require.NoError(t, s.Token.Verify(issuer))
	require.NoError(t, CheckVC(s))
	require.JSONEq(t, read("sd_jwt_payload.json"), string(s.Token.Payload))
	require.Len(t, s.Disclosures, 3)
	for _, d := range s.Disclosures {
		require.Equal(t, "ld", d.root)
		require.Contains(t, strings.ReplaceAll(read("disclosures.md"), "`\\\n`", ""), d.Encoded)
		require.Contains(t, read("disclosures.md"), base64.RawURLEncoding.EncodeToString(s.Hash.Sum([]byte(d.Encoded))))
	}
	require.Empty(t, s.Disclosed(), "all three stand below the top level")

	text := oneLine("sd_jwt_presentation.txt")
	p, err := Parse(text, Type)
	require.NoError(t, err)
	require.NoError(t, p.Token.Verify(issuer))
	require.Equal(t, oneLine("kb_jwt_serialized.txt"), p.KeyBinding)
	cnf, err := p.Confirmation()
	require.NoError(t, err)
	require.NoError(t, p.VerifyBinding(cnf, Expect{Audience: "https://verifier.example.org", Nonce: "1234567890", Now: time.Unix(1744743394, 0)}))
	claims, err := p.Claims()
	require.NoError(t, err)
	got, err := json.Marshal(claims)
	require.NoError(t, err)
	require.JSONEq(t, read("verified_contents.json"), string(got))
	require.NoError(t, claims.CheckTime(time.Unix(1744743394, 0), 0))
	require.ErrorIs(t, claims.CheckTime(time.Unix(1883000000, 0), 0), ErrExpired)
	_, err = ParseIssued(text, Type)
	require.ErrorIs(t, err, ErrBindingUnexpected)
}

// Two disclosures of RFC 9901; their SHA-256 digests are the RFC's, the SM3 ones computed.
func TestDigests(t *testing.T) {
	for _, c := range []struct {
		disclosure string
		hash       Hash
		digest     string
	}{
		{"WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0", SHA256, "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"},
		{"WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0", SM3, "bnvNRICf1krtmnHR7DU6Kce8AXEKmxpRrF73VjJzRio"},
		{"WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0", SHA256, "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"},
		{"WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0", SM3, "VOGRVzwK924mMzBPaPwa6xJZHgI4vQJp1shiuMQXOzY"},
	} {
		require.Equal(t, c.digest, base64.RawURLEncoding.EncodeToString(c.hash.Sum([]byte(c.disclosure))))
		var s SDJWT
		require.NoError(t, s.parseDisclosures(c.disclosure, []byte(c.disclosure)))
		require.Equal(t, s.Disclosures[0].element, s.Disclosures[0].Name == "")
	}
}

// What the order and number of digests could tell, they do not.
func TestDigestsSayNothing(t *testing.T) {
	k := generate(t, key.SM2)
	seen := map[string]bool{}
	for range 8 {
		text, err := Sign(k, Issue{Claims: map[string]any{"vct": "x"}, Disclosable: []Claim{{"a", 1}, {"b", 2}, {"c", 3}}, Decoys: 5})
		require.NoError(t, err)
		s, err := Parse(text, Type)
		require.NoError(t, err)
		var payload struct {
			SD  []string `json:"_sd"`
			Alg string   `json:"_sd_alg"`
		}
		require.NoError(t, json.Unmarshal(s.Token.Payload, &payload))
		require.Len(t, payload.SD, 8)
		require.IsIncreasing(t, payload.SD)
		require.Equal(t, "sm3", payload.Alg)
		for _, digest := range payload.SD {
			require.Len(t, digest, 43, "a decoy looks like a digest")
			require.False(t, seen[digest])
			seen[digest] = true
		}
		for _, d := range s.Disclosures {
			salt, err := base64.RawURLEncoding.DecodeString(d.Salt)
			require.NoError(t, err)
			require.Len(t, salt, 16)
			require.False(t, seen[d.Salt])
			seen[d.Salt] = true
		}
	}
	text, err := Sign(k, Issue{Claims: map[string]any{"vct": "x"}})
	require.NoError(t, err)
	s, err := Parse(text, Type)
	require.NoError(t, err)
	require.JSONEq(t, `{"vct":"x"}`, string(s.Token.Payload), "nothing disclosable: no _sd, no _sd_alg")
	for _, h := range []Hash{SM3, SHA256} {
		text, err := Sign(k, Issue{Hash: h, Claims: map[string]any{"vct": "x"}, Disclosable: []Claim{{"a", 1}}})
		require.NoError(t, err)
		s, err := Parse(text, Type)
		require.NoError(t, err)
		require.Equal(t, h, s.Hash, "either hash with either key")
	}
}

func TestSignRefuses(t *testing.T) {
	k := generate(t, key.ES256)
	deep := any("bottom")
	for range 20 {
		deep = []any{deep}
	}
	many := make([]Claim, maxDisclosures+1)
	for i := range many {
		many[i] = Claim{fmt.Sprint("c", i), i}
	}
	for name, c := range map[string]struct {
		in   Issue
		want error
	}{
		"unknown hash":          {Issue{Hash: "md5"}, ErrHash},
		"vct disclosable":       {Issue{Disclosable: []Claim{{"vct", "x"}}}, ErrClaim},
		"status disclosable":    {Issue{Disclosable: []Claim{{"status", "x"}}}, ErrClaim},
		"cnf in parts":          {Issue{Claims: map[string]any{"cnf": Object{Disclosable: []Claim{{"jwk", 1}}}}}, ErrClaim},
		"status in parts":       {Issue{Claims: map[string]any{"status": Array{Element{1}}}}, ErrClaim},
		"_sd":                   {Issue{Disclosable: []Claim{{"_sd", 1}}}, ErrClaim},
		"...":                   {Issue{Disclosable: []Claim{{"...", 1}}}, ErrClaim},
		"_sd_alg":               {Issue{Disclosable: []Claim{{"_sd_alg", "x"}}}, ErrClaim},
		"no name":               {Issue{Disclosable: []Claim{{"", 1}}}, ErrClaim},
		"open _sd":              {Issue{Claims: map[string]any{"_sd": []string{"x"}}}, ErrClaim},
		"open _sd_alg":          {Issue{Claims: map[string]any{"_sd_alg": "sm3"}}, ErrClaim},
		"_sd inside":            {Issue{Claims: map[string]any{"a": map[string]any{"_sd": []string{"x"}}}}, ErrClaim},
		"... inside":            {Issue{Disclosable: []Claim{{"a", []any{map[string]any{"...": "x"}}}}}, ErrClaim},
		"_sd_alg inside":        {Issue{Disclosable: []Claim{{"a", map[string]any{"b": map[string]any{"_sd_alg": "x"}}}}}, ErrClaim},
		"_sd escaped":           {Issue{Disclosable: []Claim{{"a", json.RawMessage(`{"\u005fsd":["x"]}`)}}}, ErrClaim},
		"_sd in an object":      {Issue{Disclosable: []Claim{{"a", Object{Claims: map[string]any{"_sd": 1}}}}}, ErrClaim},
		"name twice":            {Issue{Disclosable: []Claim{{"a", 1}, {"a", 2}}}, ErrClaim},
		"open and disclosable":  {Issue{Claims: map[string]any{"a": 1}, Disclosable: []Claim{{"a", 2}}}, ErrClaim},
		"element in no array":   {Issue{Disclosable: []Claim{{"a", Element{1}}}}, ErrClaim},
		"element in an element": {Issue{Disclosable: []Claim{{"a", Array{Element{Element{1}}}}}}, ErrClaim},
		"decoys negative":       {Issue{Decoys: -1}, ErrClaim},
		"decoys too many":       {Issue{Decoys: 1000}, ErrClaim},
		"name twice in JSON":    {Issue{Disclosable: []Claim{{"a", json.RawMessage(`{"b":1,"b":2}`)}}}, ErrDisclosureMalformed},
		"too deep":              {Issue{Disclosable: []Claim{{"a", deep}}}, ErrDisclosureMalformed},
		"too deep, divisible":   {Issue{Disclosable: []Claim{{"a", divided(20)}}}, ErrClaim},
		"too many":              {Issue{Disclosable: many}, ErrMalformed},
		"too large":             {Issue{Disclosable: []Claim{{"a", strings.Repeat("a", MaxSize)}}}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Sign(k, c.in)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := Sign(k, Issue{Claims: map[string]any{"f": func() {}}})
	require.Error(t, err)
	text, err := Sign(k, Issue{Disclosable: []Claim{{"a", "a \\ backslash, \"_sd\" and \"...\" as text"}}})
	require.NoError(t, err, "as values the names mean nothing")
	s, err := Parse(text, Type)
	require.NoError(t, err)
	claims, err := s.Claims()
	require.NoError(t, err)
	got, err := claims.Text("a")
	require.NoError(t, err)
	require.Equal(t, "a \\ backslash, \"_sd\" and \"...\" as text", got)
}

// divided is n disclosures within one another.
func divided(n int) any {
	v := any("bottom")
	for range n {
		v = Object{Disclosable: []Claim{{"in", v}}}
	}
	return v
}

// As deep as Sign goes, Parse follows.
func TestDeepest(t *testing.T) {
	k := generate(t, key.SM2)
	text, err := Sign(k, Issue{Disclosable: []Claim{{"a", divided(maxDepth - 1)}}})
	require.NoError(t, err)
	s, err := Parse(text, Type)
	require.NoError(t, err)
	require.Len(t, s.Disclosures, maxDepth)
	_, err = Sign(k, Issue{Disclosable: []Claim{{"a", divided(maxDepth)}}})
	require.ErrorIs(t, err, ErrClaim)
}

// Every bit of a presentation matters: whichever byte is changed, it is refused.
func TestFlipAnyByte(t *testing.T) {
	for _, a := range both {
		t.Run(string(a), func(t *testing.T) {
			i := issue(t, a)
			text := i.present(t, "name", "address", "classes")
			_, err := i.check(text)
			require.NoError(t, err)
			for at := range text {
				for _, mask := range []byte{1, 0x20, 0x80} {
					bad := []byte(text)
					bad[at] ^= mask
					_, err := i.check(string(bad))
					require.Error(t, err, "byte %d of %d, mask %x", at, len(text), mask)
				}
			}
			for at := range text {
				_, err := i.check(text[:at])
				require.Error(t, err, "cut off at %d", at)
			}
			for at := 0; at < len(text); at += 3 {
				_, err := i.check(text[:at] + text[at+1:])
				require.Error(t, err, "without byte %d", at)
				_, err = i.check(text[:at] + "~" + text[at:])
				require.Error(t, err, "another ~ at %d", at)
			}
		})
	}
}

func TestNeverPrints(t *testing.T) {
	i := issue(t, key.SM2)
	s, err := Parse(i.present(t, "name"), Type)
	require.NoError(t, err)
	claims, err := s.Claims()
	require.NoError(t, err)
	var out bytes.Buffer
	for _, v := range []any{s, *s, s.Disclosures, s.Disclosures[0], &s.Disclosures[0], claims, struct {
		S *SDJWT
		C Claims
		D []Disclosure
	}{s, claims, s.Disclosures}, map[string]any{"c": claims}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	for _, v := range []any{s, *s, s.Disclosures, claims} {
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, v := range []any{s, *s, s.Disclosures, &s.Disclosures[0]} {
		_, err := json.Marshal(v)
		require.Error(t, err)
	}
	// The faults of a stranger's disclosure do not quote it either.
	for _, bad := range []string{`["salt","name","张三",1]`, `["salt","name","张三"`, `["salt",{"张三":1},2]`} {
		text := base64.RawURLEncoding.EncodeToString([]byte(bad))
		err := new(SDJWT).parseDisclosures(text, []byte(text))
		require.ErrorIs(t, err, ErrDisclosureMalformed)
		fmt.Fprint(&out, err)
	}
	for _, secret := range []string{"张三", fmt.Sprintf("%x", "张三"), fmt.Sprint([]byte("张三")), s.Disclosures[0].Encoded, s.Disclosures[0].Salt} {
		require.NotContains(t, out.String(), secret)
	}
}
