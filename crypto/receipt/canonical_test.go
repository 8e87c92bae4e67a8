package receipt

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// The examples of RFC 8785 §3.2.2, §3.2.3 and appendix B.
func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`null`: `null`, ` true `: `true`, `"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"`: `"€$\u000f\nA'B\"\\\\\"/"`,
		`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`: "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		`[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]`: `[333333333.3333333,1e+30,4.5,0.002,1e-27]`,
		`-0`: `0`, `-0.0`: `0`, `5e-324`: `5e-324`, `1.7976931348623157e308`: `1.7976931348623157e+308`, `9007199254740992`: `9007199254740992`, `1e21`: `1e+21`, `1e20`: `100000000000000000000`,
		`1e999`: `1e999`, `{"b":[{}],"a":[]}`: `{"a":[],"b":[{}]}`,
	} {
		got, err := Canonical(json.RawMessage(in))
		require.NoError(t, err, in)
		require.Equal(t, want, string(got), in)
	}
	for _, in := range []string{``, `{"a":1,"a":2}`, `"\ud800"`, `1 2`} {
		_, err := Canonical(json.RawMessage(in))
		require.ErrorIs(t, err, ErrMalformed, in)
	}
}

// Whatever is canonical stays as it is.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":1,"a":"\u0001"}`, `[1.0,-0,1e400]`, `"😀"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, err := Canonical(json.RawMessage(s))
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

func BenchmarkSeal(b *testing.B) {
	values := map[string]json.RawMessage{"name": json.RawMessage(`"张示例"`), "id_number": json.RawMessage(`"430102198803129911"`), "address": json.RawMessage(`"湖南省长沙市芙蓉区虚构路12号"`), "valid_until": json.RawMessage(`"2040-05-18"`)}
	for b.Loop() {
		r := Receipt{Hash: SM3, Fields: []Field{{Name: "name"}, {Name: "id_number"}, {Name: "address"}, {Name: "valid_until"}}}
		if _, err := r.Seal("1.2.156.3005.2.x", values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		b.Run(string(a), func(b *testing.B) {
			k, err := key.Generate(a)
			if err != nil {
				b.Fatal(err)
			}
			r := Receipt{Issuer: "https://cards.example.cn", ID: "x", CheckedAt: 1, Party: Party{ID: "bank"}, Via: "code", Outcome: "valid", Hash: HashFor(a), Fields: []Field{}, Reasons: []string{}}
			for b.Loop() {
				if _, err := r.Sign(k, time.Unix(1, 0)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What is written straight away is what the long way makes of it.
func TestStatement(t *testing.T) {
	yes, no := true, false
	odd := "<\u2028\x01\"\\\xff\t\U0001F4C4&é"
	for name, r := range map[string]Receipt{
		"nothing": {},
		"all": {Issuer: odd, ID: "id", SignedAt: 5, CheckedAt: 1795305600, Party: Party{ID: "bank", Name: trustlist.Name{ZH: "银行", EN: odd}}, Client: "c", Purpose: odd, Via: "code",
			Outcome: "valid", Reasons: []string{"a", odd}, CertType: "t", Authority: &Authority{Issuer: "i", Code: "9"}, Status: &Status{State: "passed", AsOf: 3, Source: "s"},
			Holder: "provider", Person: &Person{State: "passed", Method: "oidc", At: 1 << 60}, Consent: &Consent{Answer: "yes", Asked: []string{"x"}}, Hash: SM3, Certificate: "d",
			Fields: []Field{{Name: "name", Digest: "q"}, {Name: "n", Digest: "", Matches: &yes}, {Name: odd, Matches: &no}}},
		"empty lists": {Reasons: []string{}, Fields: []Field{}, Consent: &Consent{}, Authority: &Authority{}, Status: &Status{}, Person: &Person{}},
	} {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		said := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(text, &said))
		delete(said, "iat")
		text, err = json.Marshal(said)
		require.NoError(t, err)
		want, err := Canonical(text)
		require.NoError(t, err)
		require.Equal(t, string(want), string(r.statement()), name)
	}
}
