package statuslist_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
)

const uri = "https://zz.example.cn/status/3"

var now = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func newToken(t testing.TB) statuslist.Token {
	t.Helper()
	l, err := statuslist.New(2, 64)
	require.NoError(t, err)
	require.NoError(t, l.Set(12, statuslist.Invalid))
	require.NoError(t, l.Set(13, statuslist.Suspended))
	return statuslist.Token{Subject: uri, IssuedAt: now, Expires: now.Add(time.Hour), TTL: time.Minute,
		AggregationURI: "https://zz.example.cn/status", List: l}
}

func eachAlgorithm(t *testing.T, f func(t *testing.T, a key.Algorithm)) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) { f(t, a) })
	}
}

func TestTokenRoundTrip(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k, in := generate(t, a), newToken(t)
		text, err := in.Sign(k, [][]byte{{1, 2, 3}})
		require.NoError(t, err)
		u, err := statuslist.Parse(text)
		require.NoError(t, err)
		require.Equal(t, k.Public().ID(), u.KeyID)
		require.Equal(t, [][]byte{{1, 2, 3}}, u.Header.X5C)
		require.Equal(t, uri, u.Subject)
		require.Equal(t, now, u.IssuedAt)
		out, err := u.Verify(k.Public(), uri, now.Add(time.Minute))
		require.NoError(t, err)
		require.Equal(t, in, *out)

		bare := statuslist.Token{Subject: uri, IssuedAt: now, List: in.List}
		text, err = bare.Sign(k, nil)
		require.NoError(t, err)
		u, err = statuslist.Parse(text)
		require.NoError(t, err)
		out, err = u.Verify(k.Public(), uri, now.AddDate(50, 0, 0))
		require.NoError(t, err)
		require.Equal(t, bare, *out)
	})
}

func TestVerifyRefuses(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k, in := generate(t, a), newToken(t)
		other := key.SM2
		if a == key.SM2 {
			other = key.ES256
		}
		text, err := in.Sign(k, nil)
		require.NoError(t, err)
		u, err := statuslist.Parse(text)
		require.NoError(t, err)
		for name, c := range map[string]struct {
			key  *key.Public
			uri  string
			now  time.Time
			want error
		}{
			"no key":                 {nil, uri, now, statuslist.ErrSignature},
			"key of another issuer":  {generate(t, a).Public(), uri, now, statuslist.ErrSignature},
			"key of other algorithm": {generate(t, other).Public(), uri, now, jose.ErrAlgorithm},
			"another list":           {k.Public(), uri + "1", now, statuslist.ErrSubject},
			"no list":                {k.Public(), "", now, statuslist.ErrSubject},
			"expired":                {k.Public(), uri, now.Add(time.Hour), statuslist.ErrExpired},
			"from the future":        {k.Public(), uri, now.Add(-2 * time.Minute), statuslist.ErrFuture},
		} {
			t.Run(name, func(t *testing.T) {
				out, err := u.Verify(c.key, c.uri, c.now)
				require.ErrorIs(t, err, c.want)
				require.Nil(t, out)
			})
		}
		_, err = u.Verify(k.Public(), uri, now.Add(-statuslist.Skew))
		require.NoError(t, err)
	})
}

func TestParseRefuses(t *testing.T) {
	k := generate(t, key.ES256)
	list := `"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"}`
	for name, payload := range map[string]string{
		"no sub":              `{"iat":1,` + list + `}`,
		"empty sub":           `{"sub":"","iat":1,` + list + `}`,
		"sub is a number":     `{"sub":1,"iat":1,` + list + `}`,
		"sub in capitals":     `{"SUB":"a","iat":1,` + list + `}`,
		"no iat":              `{"sub":"a",` + list + `}`,
		"iat null":            `{"sub":"a","iat":null,` + list + `}`,
		"iat zero":            `{"sub":"a","iat":0,` + list + `}`,
		"iat in milliseconds": `{"sub":"a","iat":1800000000000000,` + list + `}`,
		"exp before iat":      `{"sub":"a","iat":9,"exp":8,` + list + `}`,
		"exp is text":         `{"sub":"a","iat":9,"exp":"10",` + list + `}`,
		"exp zero":            `{"sub":"a","iat":9,"exp":0,` + list + `}`,
		"ttl zero":            `{"sub":"a","iat":9,"ttl":0,` + list + `}`,
		"ttl below zero":      `{"sub":"a","iat":9,"ttl":-1,` + list + `}`,
		"ttl with fractions":  `{"sub":"a","iat":9,"ttl":1.5,` + list + `}`,
		"no list":             `{"sub":"a","iat":9}`,
		"list is null":        `{"sub":"a","iat":9,"status_list":null}`,
		"list is text":        `{"sub":"a","iat":9,"status_list":"eNrbuRgAAhcBXQ"}`,
		"no bits":             `{"sub":"a","iat":9,"status_list":{"lst":"eNrbuRgAAhcBXQ"}}`,
		"three bits":          `{"sub":"a","iat":9,"status_list":{"bits":3,"lst":"eNrbuRgAAhcBXQ"}}`,
		"257 bits":            `{"sub":"a","iat":9,"status_list":{"bits":257,"lst":"eNrbuRgAAhcBXQ"}}`,
		"no lst":              `{"sub":"a","iat":9,"status_list":{"bits":1}}`,
		"lst is no base64":    `{"sub":"a","iat":9,"status_list":{"bits":1,"lst":"eNrb+RgAAhcBXQ"}}`,
		"lst with padding":    `{"sub":"a","iat":9,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ=="}}`,
		"lst with newline":    `{"sub":"a","iat":9,"status_list":{"bits":1,"lst":"eNrbuRgA\nAhcBXQ"}}`,
		"lst with spare bits": `{"sub":"a","iat":9,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXR"}}`,
		"twice":               `{"sub":"a","sub":"a","iat":9,` + list + `}`,
		"aggregation_uri":     `{"sub":"a","iat":9,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ","aggregation_uri":7}}`,
		"an array":            `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			text, err := jose.Sign(k, jose.SignHeader{Type: statuslist.TypeJWT}, []byte(payload))
			require.NoError(t, err)
			_, err = statuslist.Parse(text)
			require.ErrorIs(t, err, statuslist.ErrMalformed)
		})
	}

	good := `{"sub":"a","iat":9,"iss":"unknown claims are for others",` + list + `}`
	for name, header := range map[string]string{
		"another type":  `{"alg":"ES256","typ":"JWT"}`,
		"no type":       `{"alg":"ES256"}`,
		"unsigned":      `{"alg":"none","typ":"statuslist+jwt"}`,
		"shared secret": `{"alg":"HS256","typ":"statuslist+jwt"}`,
	} {
		t.Run(name, func(t *testing.T) {
			encode := base64.RawURLEncoding.EncodeToString
			_, err := statuslist.Parse(encode([]byte(header)) + "." + encode([]byte(good)) + ".")
			require.ErrorIs(t, err, statuslist.ErrMalformed)
		})
	}
	text, err := jose.Sign(k, jose.SignHeader{Type: statuslist.TypeJWT}, []byte(good))
	require.NoError(t, err)
	u, err := statuslist.Parse(text)
	require.NoError(t, err)
	token, err := u.Verify(k.Public(), "a", now)
	require.NoError(t, err)
	require.Equal(t, uint64(16), token.List.Size())
}

// Under a good signature, the list itself can still be broken.
func TestVerifyRefusesBrokenList(t *testing.T) {
	k := generate(t, key.ES256)
	for name, c := range map[string]struct {
		packed []byte
		want   error
	}{
		"no zlib":  {[]byte("abc"), statuslist.ErrMalformed},
		"trailing": {append(deflate(t, []byte{1, 2}), 0), statuslist.ErrMalformed},
		"bomb":     {deflate(t, make([]byte, statuslist.MaxEntries+1)), statuslist.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := jose.SignJSON(k, jose.SignHeader{Type: statuslist.TypeJWT}, map[string]any{"sub": uri, "iat": now.Unix(),
				"status_list": map[string]any{"bits": 8, "lst": base64.RawURLEncoding.EncodeToString(c.packed)}})
			require.NoError(t, err)
			u, err := statuslist.Parse(text)
			require.NoError(t, err)
			_, err = u.Verify(k.Public(), uri, now)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestSignRefuses(t *testing.T) {
	k := generate(t, key.SM2)
	for name, spoil := range map[string]func(*statuslist.Token){
		"no list":         func(t *statuslist.Token) { t.List = nil },
		"no subject":      func(t *statuslist.Token) { t.Subject = "" },
		"no date":         func(t *statuslist.Token) { t.IssuedAt = time.Time{} },
		"expires at once": func(t *statuslist.Token) { t.Expires = t.IssuedAt },
		"negative ttl":    func(t *statuslist.Token) { t.TTL = -time.Second },
		"ttl too small":   func(t *statuslist.Token) { t.TTL = time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			in := newToken(t)
			spoil(&in)
			_, err := in.Sign(k, nil)
			require.ErrorIs(t, err, statuslist.ErrMalformed)
		})
	}
}

// No byte of a signed token can change without being noticed.
func TestFlipAnyByte(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, a key.Algorithm) {
		k := generate(t, a)
		text, err := newToken(t).Sign(k, nil)
		require.NoError(t, err)
		masks := [...]byte{0x01, 0x20, 0x80}
		for i := range len(text) {
			b := []byte(text)
			b[i] ^= masks[i%3]
			u, err := statuslist.Parse(string(b))
			if err == nil {
				_, err = u.Verify(k.Public(), uri, now)
			}
			require.Error(t, err, "byte %d xor %02x", i, masks[i%3])
		}
	})
}

func TestReference(t *testing.T) {
	r := statuslist.Reference{Index: 412, URI: uri}
	claim, err := json.Marshal(r.Claim())
	require.NoError(t, err)
	require.JSONEq(t, `{"status_list":{"idx":412,"uri":"`+uri+`"}}`, string(claim))
	back, err := statuslist.ParseReference(claim)
	require.NoError(t, err)
	require.Equal(t, r, back)
	for name, bad := range map[string]string{
		"nothing":          ``,
		"null":             `null`,
		"empty":            `{}`,
		"null list":        `{"status_list":null}`,
		"other case":       `{"Status_List":{"idx":1,"uri":"a"}}`,
		"no index":         `{"status_list":{"uri":"a"}}`,
		"index in case":    `{"status_list":{"IDX":1,"uri":"a"}}`,
		"index null":       `{"status_list":{"idx":null,"uri":"a"}}`,
		"index below zero": `{"status_list":{"idx":-1,"uri":"a"}}`,
		"index as text":    `{"status_list":{"idx":"1","uri":"a"}}`,
		"index broken":     `{"status_list":{"idx":1.5,"uri":"a"}}`,
		"index too large":  `{"status_list":{"idx":18446744073709551616,"uri":"a"}}`,
		"index twice":      `{"status_list":{"idx":1,"idx":2,"uri":"a"}}`,
		"no uri":           `{"status_list":{"idx":1}}`,
		"empty uri":        `{"status_list":{"idx":1,"uri":""}}`,
		"long uri":         `{"status_list":{"idx":1,"uri":"` + strings.Repeat("a", 3000) + `"}}`,
		"garbage behind":   `{"status_list":{"idx":1,"uri":"a"}}}`,
	} {
		_, err := statuslist.ParseReference([]byte(bad))
		require.ErrorIs(t, err, statuslist.ErrMalformed, name)
	}
}

func FuzzParse(f *testing.F) {
	k := generate(f, key.SM2)
	text, err := newToken(f).Sign(k, nil)
	require.NoError(f, err)
	f.Add(text)
	f.Add("e30.e30.")
	f.Add(strings.Repeat(".", 3))
	f.Fuzz(func(t *testing.T, s string) {
		u, err := statuslist.Parse(s)
		if err != nil {
			require.ErrorIs(t, err, statuslist.ErrMalformed)
			require.Nil(t, u)
			return
		}
		if _, err = u.Verify(k.Public(), uri, now); s != text {
			require.Error(t, err)
		}
	})
}

func FuzzParseReference(f *testing.F) {
	f.Add([]byte(`{"status_list":{"idx":1,"uri":"a"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := statuslist.ParseReference(data)
		if err != nil {
			return
		}
		claim, err := json.Marshal(r.Claim())
		require.NoError(t, err)
		back, err := statuslist.ParseReference(claim)
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}
