package trustlist_test

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
	"github.com/showcard/showcard/crypto/trustlist"
)

func TestVerifyRefuses(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		other := key.SM2
		if a == key.SM2 {
			other = key.ES256
		}
		for name, c := range map[string]struct {
			text func(t *testing.T, w *world) string
			now  time.Time
			seen int64
			want error
		}{
			"signed by a root key": {text: func(t *testing.T, w *world) string {
				text, err := w.list.Sign(w.rootKeys[0])
				require.NoError(t, err)
				return text
			}, want: trustlist.ErrKeyUnknown},
			"signed by a stranger": {text: func(t *testing.T, w *world) string {
				text, err := w.list.Sign(generate(t, a))
				require.NoError(t, err)
				return text
			}, want: trustlist.ErrKeyUnknown},
			"stranger under the signer's key id": {text: func(t *testing.T, w *world) string {
				text, err := w.list.Sign(generate(t, a).WithID(w.signer.Public().ID()))
				require.NoError(t, err)
				return text
			}, want: trustlist.ErrSignature},
			"stranger of the other algorithm under the signer's key id": {text: func(t *testing.T, w *world) string {
				text, err := w.list.Sign(generate(t, other).WithID(w.signer.Public().ID()))
				require.NoError(t, err)
				return text
			}, want: jose.ErrAlgorithm},
			"no key id": {text: func(t *testing.T, w *world) string {
				text, err := jose.Sign(w.signer, jose.SignHeader{Type: trustlist.TypeList, KeyID: "-"}, []byte(payloadOf(t, w.sign(t))))
				require.NoError(t, err)
				return text
			}, want: trustlist.ErrKeyUnknown},
			"algorithm in the header swapped": {text: func(t *testing.T, w *world) string {
				return reheader(t, w.sign(t), string(a), string(other))
			}, want: jose.ErrAlgorithm},
			"algorithm none": {text: func(t *testing.T, w *world) string {
				return reheader(t, w.sign(t), string(a), "none")
			}, want: jose.ErrAlgorithm},
			"typ of another token": {text: func(t *testing.T, w *world) string {
				text, err := jose.Sign(w.signer, jose.SignHeader{Type: "statuslist+jwt"}, []byte(payloadOf(t, w.sign(t))))
				require.NoError(t, err)
				return text
			}, want: jose.ErrType},
			"signer frozen": {text: func(t *testing.T, w *world) string {
				w.roots.Signers[0].Frozen = true
				return w.sign(t)
			}, want: trustlist.ErrKeyFrozen},
			"signer not yet in office": {text: func(t *testing.T, w *world) string {
				w.roots.Signers[0].NotBefore = now.Add(-time.Minute)
				return w.sign(t)
			}, want: trustlist.ErrKeyDates},
			"signer retired": {text: func(t *testing.T, w *world) string {
				w.roots.Signers[0].NotAfter = now.Add(-2 * time.Hour)
				return w.sign(t)
			}, want: trustlist.ErrKeyDates},
			"rolled back":      {text: func(t *testing.T, w *world) string { return w.sign(t) }, seen: 8, want: trustlist.ErrRolledBack},
			"expired":          {text: func(t *testing.T, w *world) string { return w.sign(t) }, now: now.AddDate(0, 0, 7), want: trustlist.ErrStale},
			"roots expired":    {text: func(t *testing.T, w *world) string { return w.sign(t) }, now: now.AddDate(1, 0, 0), want: trustlist.ErrStale},
			"from the future":  {text: func(t *testing.T, w *world) string { return w.sign(t) }, now: now.Add(-time.Hour - 6*time.Minute), want: trustlist.ErrFuture},
			"a root set":       {text: rootsAsList, want: jose.ErrType},
			"not a token":      {text: func(*testing.T, *world) string { return "{}" }, want: trustlist.ErrMalformed},
			"not a trust list": {text: func(t *testing.T, w *world) string { return signPayload(t, w, `{}`) }, want: trustlist.ErrMalformed},
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, a)
				at := now
				if !c.now.IsZero() {
					at = c.now
				}
				l, err := w.roots.Verify(c.text(t, w), at, c.seen)
				require.ErrorIs(t, err, c.want)
				require.Nil(t, l)
			})
		}
	})
}

func reheader(t testing.TB, text, from, to string) string {
	t.Helper()
	part := strings.Split(text, ".")
	header, err := base64.RawURLEncoding.DecodeString(part[0])
	require.NoError(t, err)
	part[0] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(header), from, to, 1)))
	return strings.Join(part, ".")
}

// rootsAsList presents one signature of a root set as if it were a list.
func rootsAsList(t *testing.T, w *world) string {
	t.Helper()
	doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
	require.NoError(t, err)
	var e struct {
		Payload    string
		Signatures []struct{ Protected, Signature string }
	}
	require.NoError(t, json.Unmarshal(doc, &e))
	return e.Signatures[0].Protected + "." + e.Payload + "." + e.Signatures[0].Signature
}

func signPayload(t testing.TB, w *world, payload string) string {
	t.Helper()
	text, err := jose.Sign(w.signer, jose.SignHeader{Type: trustlist.TypeList}, []byte(payload))
	require.NoError(t, err)
	return text
}

// A verifier must survive what a later version adds, and nothing else.
func TestNewerListIsReadable(t *testing.T) {
	w := newWorld(t, key.SM2)
	payload := payloadOf(t, w.sign(t))
	add := func(before, more string) string {
		require.Contains(t, payload, before)
		return strings.Replace(payload, before, more+before, 1)
	}
	for name, p := range map[string]string{
		"unknown name on top":      add(`"version":7`, `"log":{"size":4,"proof":["a"]},`),
		"unknown name in a domain": add(`"code":"HN01"`, `"logo":"https://zz.example.cn/l.png",`),
		"unknown kind of key":      add(`{"jwk":`, `{"jwk":{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","kid":"pq"},"not_before":1},`),
		"unknown curve":            add(`{"jwk":`, `{"jwk":{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}},`),
		"capital in a value":       add(`"version":7`, `"note":"Frozen: \"no\"",`),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := w.roots.Verify(signPayload(t, w, p), now, 0)
			require.NoError(t, err)
			d, err := l.Domain("HN01")
			require.NoError(t, err)
			require.Len(t, d.StatusKeys, 1)
		})
	}
	for name, p := range map[string]string{
		"name twice":            add(`"version":7`, `"version":6,`),
		"name in other case":    add(`"version":7`, `"Version":6,`),
		"name with a long s":    add(`"version":7`, `"i\u017f\u017fuers":[],`),
		"name with raw long s":  add(`"version":7`, `"iſſuers":[],`),
		"escaped name":          add(`"version":7`, `"\u0066rozen":true,`),
		"case, spread out":      add(`"version":7`, `"Version" `+strings.Repeat(" ", 100)+":6,"),
		"null section":          strings.Replace(payload, `"types":[`, `"types":null,"old":[`, 1),
		"null key":              add(`{"jwk":`, `{"jwk":null},`),
		"key off the curve":     add(`{"jwk":`, `{"jwk":{"kty":"EC","crv":"P-256","x":"`+strings.Repeat("A", 43)+`","y":"`+strings.Repeat("A", 43)+`"}},`),
		"private key":           add(`{"jwk":`, `{"jwk":{"kty":"EC","crv":"P-256","d":"AAAA"}},`),
		"dates with fractions":  add(`"not_before":`, `"not_after":1.5,`),
		"dates as text":         strings.Replace(payload, `"iat":`, `"iat":"2026","old":`, 1),
		"version too large":     strings.Replace(payload, `"version":7`, `"version":9223372036854775807`, 1),
		"deep":                  add(`"version":7`, `"x":`+strings.Repeat("[", 17)+strings.Repeat("]", 17)+`,`),
		"frozen is not a text":  add(`"keys":`, `"frozen":"no",`),
		"a number for a domain": strings.Replace(payload, `"domains":[`, `"domains":[7,`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.roots.Verify(signPayload(t, w, p), now, 0)
			require.ErrorIs(t, err, trustlist.ErrMalformed)
		})
	}
}

func TestValidate(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, w *world){
		"no version":             func(_ *testing.T, w *world) { w.list.Version = 0 },
		"version below zero":     func(_ *testing.T, w *world) { w.list.Version = -1 },
		"no date":                func(_ *testing.T, w *world) { w.list.IssuedAt = time.Time{} },
		"no end":                 func(_ *testing.T, w *world) { w.list.Expires = time.Time{} },
		"ends before it begins":  func(_ *testing.T, w *world) { w.list.Expires = w.list.IssuedAt },
		"year 10000":             func(_ *testing.T, w *world) { w.list.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"short domain code":      func(_ *testing.T, w *world) { w.list.Domains[0].Code = "HN1" },
		"domain code lower case": func(_ *testing.T, w *world) { w.list.Domains[0].Code = "hn01" },
		"domain twice":           func(_ *testing.T, w *world) { w.list.Domains = append(w.list.Domains, w.list.Domains[0]) },
		"no Chinese name":        func(_ *testing.T, w *world) { w.list.Domains[0].Name.ZH = "" },
		"no English name":        func(_ *testing.T, w *world) { w.list.Issuers[0].Name.EN = "" },
		"base with slash":        func(_ *testing.T, w *world) { w.list.Domains[0].BaseURL += "/" },
		"prefix without slash":   func(_ *testing.T, w *world) { w.list.Domains[0].StatusPrefix = "https://zz.example.cn" },
		"prefixes overlap": func(_ *testing.T, w *world) {
			d := w.list.Domains[0]
			d.Code, d.StatusPrefix, d.StatusKeys = "HN02", d.StatusPrefix+"inner/", nil
			w.list.Domains = append(w.list.Domains, d)
		},
		"status key twice": func(_ *testing.T, w *world) {
			d := &w.list.Domains[0]
			d.StatusKeys = append(d.StatusKeys, trustlist.DatedKey{Key: w.status.Public().WithID("again")})
		},
		"key id twice": func(t *testing.T, w *world) {
			i := &w.list.Issuers[0]
			i.Keys = append(i.Keys, trustlist.DatedKey{Key: generate(t, key.SM2).Public().WithID(i.Keys[0].Key.ID())})
		},
		"one key, two issuers": func(_ *testing.T, w *world) {
			i := w.list.Issuers[0]
			i.ID += "2"
			w.list.Issuers = append(w.list.Issuers, i)
		},
		"issuer twice": func(_ *testing.T, w *world) {
			i := w.list.Issuers[0]
			i.Keys = nil
			w.list.Issuers = append(w.list.Issuers, i)
		},
		"key missing":           func(_ *testing.T, w *world) { w.list.Issuers[0].Keys[0].Key = nil },
		"empty key id":          func(_ *testing.T, w *world) { w.list.Issuers[0].Keys[0].Key = w.issuer.Public().WithID("") },
		"key dates backwards":   func(_ *testing.T, w *world) { w.list.Issuers[0].Keys[0].NotAfter = now.AddDate(-3, 0, 0) },
		"issuer dates":          func(_ *testing.T, w *world) { w.list.Issuers[0].NotAfter = now.AddDate(-3, 0, 0) },
		"copies below zero":     func(_ *testing.T, w *world) { w.list.Providers[0].Keys[0].MaxCopies = -1 },
		"too many keys":         func(_ *testing.T, w *world) { w.list.Issuers[0].Keys = make([]trustlist.DatedKey, 65) },
		"issuer without home":   func(_ *testing.T, w *world) { w.list.Issuers[0].Domain = "XX99" },
		"provider without home": func(_ *testing.T, w *world) { w.list.Providers[0].Domain = "" },
		"provider twice": func(_ *testing.T, w *world) {
			w.list.Providers = append(w.list.Providers, trustlist.Provider{ID: "hosted-wallet", Name: w.list.Domains[0].Name, Domain: "HN01"})
		},
		"provider id":      func(_ *testing.T, w *world) { w.list.Providers[0].ID = "hosted wallet" },
		"authority":        func(_ *testing.T, w *world) { w.list.Issuers[0].Authority = "11430000006122244L1" },
		"region of four":   func(_ *testing.T, w *world) { w.list.Issuers[0].Regions = []string{"4300"} },
		"region twice":     func(_ *testing.T, w *world) { w.list.Issuers[0].Regions = []string{"430000", "430000"} },
		"right twice":      func(_ *testing.T, w *world) { w.list.Issuers[0].Types = []string{"resident-id", "resident-id"} },
		"right to nothing": func(_ *testing.T, w *world) { w.list.Issuers[0].Types = []string{""} },
		"type id":          func(_ *testing.T, w *world) { w.list.Types[0].ID = "Resident ID" },
		"type version":     func(_ *testing.T, w *world) { w.list.Types[0].Version = 0 },
		"type code":        func(_ *testing.T, w *world) { w.list.Types[0].Code = "1110-D001" },
		"type twice":       func(_ *testing.T, w *world) { w.list.Types = append(w.list.Types, w.list.Types[0]) },
		"vct twice": func(_ *testing.T, w *world) {
			n := w.list.Types[0]
			n.Version = 2
			w.list.Types = append(w.list.Types, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, key.SM2)
			require.NoError(t, w.list.Validate())
			spoil(t, w)
			_, err := w.list.Sign(w.signer)
			require.ErrorIs(t, err, trustlist.ErrMalformed)
		})
	}
}

func TestURLs(t *testing.T) {
	try := func(url string) error {
		w := newWorld(t, key.ES256)
		w.list.Issuers[0].ID = url
		return w.list.Validate()
	}
	for _, good := range []string{
		"https://zz.example.cn", "https://zz.example.cn/", "https://zz.example.cn:8443/a/b-c_d~e.f", "https://192.168.1.7:8443",
		"http://localhost:8080/issuers/police", "http://127.0.0.1", "http://[::1]:80/x", "http://hn.localhost/x",
	} {
		require.NoError(t, try(good), good)
	}
	for _, bad := range []string{
		"", "zz.example.cn", "https:", "https://", "https:///a", "http://zz.example.cn", "ftp://zz.example.cn", "HTTPS://zz.example.cn",
		"https://ZZ.example.cn", "https://zz.example.cn.", "https://u:p@zz.example.cn", "https://zz.example.cn/?", "https://zz.example.cn/?a=b",
		"https://zz.example.cn/#", "https://zz.example.cn/#a", "https://zz.example.cn/a/../b", "https://zz.example.cn//a", "https://zz.example.cn/a%2fb",
		"https://zz.example.cn/a b", "https://zz.example.cn/\n", "javascript:alert(1)", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
		"https://zz.example.cn/证", "https://zz.example.cn/" + strings.Repeat("a", 600),
	} {
		require.ErrorIs(t, try(bad), trustlist.ErrMalformed, bad)
	}
}

func TestFlipAnyByte(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		w := newWorld(t, a)
		text := w.sign(t)
		doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
		require.NoError(t, err)
		masks := [...]byte{0x01, 0x20, 0x80}
		for i := range len(text) {
			b := []byte(text)
			b[i] ^= masks[i%3]
			_, err := w.roots.Verify(string(b), now, 0)
			require.Error(t, err, "list: byte %d xor %02x", i, masks[i%3])
		}
		for i := range doc {
			b := append([]byte(nil), doc...)
			b[i] ^= masks[i%3]
			_, err := trustlist.ParseRoots(b)
			require.Error(t, err, "roots: byte %d xor %02x", i, masks[i%3])
		}
	})
}

func FuzzVerify(f *testing.F) {
	w := newWorld(f, key.SM2)
	f.Add(payloadOf(f, w.sign(f)))
	f.Add(`{"version":1,"iat":1,"exp":2,"domains":[],"issuers":[],"providers":[],"types":[]}`)
	f.Add(`{"version":1,"iat":1790000000,"exp":1890000000,"types":[{"id":"a","version":1,"vct":"https://a","code":"1"}]}`)
	f.Fuzz(func(t *testing.T, payload string) {
		// Fuzzing behind the signature: an honest signer with a strange list.
		l, err := w.roots.Verify(signPayload(t, w, payload), now, 0)
		if err != nil {
			return
		}
		text, err := l.Sign(w.signer)
		require.NoError(t, err, "what was read can be published")
		_, err = w.roots.Verify(text, now, l.Version)
		require.NoError(t, err)
		for i := range l.Issuers {
			found, err := l.Issuer(l.Issuers[i].ID)
			require.NoError(t, err)
			require.Same(t, &l.Issuers[i], found)
		}
	})
}

func FuzzParseRoots(f *testing.F) {
	w := newWorld(f, key.ES256)
	doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
	require.NoError(f, err)
	f.Add(doc)
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := trustlist.ParseRoots(data)
		if err == nil {
			require.NoError(t, r.Validate())
		} else {
			require.Nil(t, r, fmt.Sprint(err))
		}
	})
}
