package access_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
)

func random() string { return rand.Text() }

func TestNew(t *testing.T) {
	_, err := access.New(access.Config{Issuer: us})
	require.Error(t, err)
}

func TestGrant(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) {
			f := newFixture(t, a)
			text, err := access.Assert(f.key, counter, us, f.clock())
			require.NoError(t, err)
			got := f.ask(form(text))
			require.Equal(t, http.StatusOK, got.status, got.failed)
			require.Equal(t, "Bearer", got.granted.TokenType)
			require.EqualValues(t, 600, got.granted.ExpiresIn)
			require.Equal(t, "verify portrait", got.granted.Scope)
			require.Equal(t, "no-store", got.header.Get("Cache-Control"), "RFC 6749 §5.1")
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			status, w := f.bearer(got.granted.AccessToken)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, who{ID: counter, Role: "relying-party", Party: "service-hall", Scopes: []string{"verify", "portrait"}}, w)
		})
	}
}

func TestGrantAccepts(t *testing.T) {
	f := newFixture(t, key.SM2)
	for name, assertion := range map[string]string{
		"audience is the endpoint":  f.assertion(map[string]any{"aud": us + "/oauth/token"}),
		"audience is a list of one": f.assertion(map[string]any{"aud": []string{us}}),
		"five minutes":              f.assertion(map[string]any{"exp": f.clock().Add(5 * time.Minute).Unix()}),
		"fractions of a second":     f.assertion(map[string]any{"exp": float64(f.clock().Unix()) + 59.5}),
		"clock a little ahead":      f.assertion(map[string]any{"iat": f.clock().Add(50 * time.Second).Unix(), "nbf": f.clock().Add(50 * time.Second).Unix()}),
		"no iat":                    f.assertion(map[string]any{"iat": nil}),
		"claims of others":          f.assertion(map[string]any{"htm": "POST", "x": []int{1}}),
		"the new type":              f.signed(f.key, "client-authentication+jwt", nil),
	} {
		t.Run(name, func(t *testing.T) {
			got := f.ask(form(assertion))
			require.Equal(t, http.StatusOK, got.status, got.failed)
		})
	}
	t.Run("client_id", func(t *testing.T) {
		values := form(f.assertion(nil))
		values.Set("client_id", counter)
		require.Equal(t, http.StatusOK, f.ask(values).status)
	})
	t.Run("second key", func(t *testing.T) {
		second := newKey(t, key.ES256)
		f.register(func(c *access.Client) { c.Keys = append(c.Keys, second.Public()) })
		require.Equal(t, http.StatusOK, f.ask(form(f.signed(second, "JWT", nil))).status)
	})
	t.Run("fewer scopes", func(t *testing.T) {
		values := form(f.assertion(nil))
		values.Set("scope", " portrait  portrait ")
		got := f.ask(values)
		require.Equal(t, http.StatusOK, got.status, got.failed)
		require.Equal(t, "portrait", got.granted.Scope)
		_, w := f.bearer(got.granted.AccessToken)
		require.Equal(t, []string{"portrait"}, w.Scopes)
	})
}

// Every way in which an assertion can fail to prove who sent it.
func TestGrantRefusesAssertion(t *testing.T) {
	f := newFixture(t, key.SM2)
	stranger := newKey(t, key.SM2)
	good := f.assertion(nil)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	f.clients["person"] = access.Client{ID: "person", Role: httpd.RolePerson, Keys: []*key.Public{f.key.Public()}}

	codes := map[string]string{ // of the others: assertion-invalid
		"alg none": "assertion-algorithm", "alg HS256": "assertion-algorithm", "alg swapped": "assertion-algorithm",
		"aud of another deployment": "assertion-audience", "aud with a slash": "assertion-audience", "two audiences": "assertion-audience",
		"no audience": "assertion-audience", "audience empty list": "assertion-audience", "audience is a number": "assertion-audience",
		"no exp": "assertion-expired", "exp negative": "assertion-expired", "expired": "assertion-expired",
		"not valid yet": "assertion-early", "issued in the future": "assertion-early",
	}
	for name, assertion := range map[string]string{
		"none":                      "",
		"not a token":               "abc",
		"alg none":                  b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
		"alg HS256":                 b64([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"alg swapped":               b64([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"key brought along":         b64([]byte(`{"alg":"SGD_SM3_SM2","typ":"JWT","jwk":{}}`)) + "." + parts[1] + "." + parts[2],
		"signature cut":             good[:len(good)-2],
		"signature of zeros":        parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"payload changed":           parts[0] + "." + b64([]byte(`{"iss":"counter-1","sub":"counter-1"}`)) + "." + parts[2],
		"wrong key":                 f.signed(stranger, "JWT", nil),
		"wrong key, our key id":     f.signed(stranger.WithID(f.key.Public().ID()), "JWT", nil),
		"right key, other key id":   f.signed(f.key.WithID("other"), "JWT", nil),
		"wrong type":                f.signed(f.key, "at+jwt", nil),
		"a presentation's type":     f.signed(f.key, "kb+jwt", nil),
		"client unknown":            f.assertion(map[string]any{"iss": "nobody", "sub": "nobody"}),
		"iss is not sub":            f.assertion(map[string]any{"sub": "other"}),
		"no iss":                    f.assertion(map[string]any{"iss": nil}),
		"no sub":                    f.assertion(map[string]any{"sub": nil}),
		"iss empty":                 f.assertion(map[string]any{"iss": "", "sub": ""}),
		"aud of another deployment": f.assertion(map[string]any{"aud": "https://other.example"}),
		"aud with a slash":          f.assertion(map[string]any{"aud": us + "/"}),
		"two audiences":             f.assertion(map[string]any{"aud": []string{us, "https://other.example"}}),
		"no audience":               f.assertion(map[string]any{"aud": nil}),
		"audience empty list":       f.assertion(map[string]any{"aud": []string{}}),
		"audience is a number":      f.assertion(map[string]any{"aud": 1}),
		"no exp":                    f.assertion(map[string]any{"exp": nil}),
		"exp is text":               f.assertion(map[string]any{"exp": "tomorrow"}),
		"exp negative":              f.assertion(map[string]any{"exp": -1}),
		"expired":                   f.assertion(map[string]any{"exp": f.clock().Unix()}),
		"long-lived":                f.assertion(map[string]any{"exp": f.clock().Add(5*time.Minute + time.Second).Unix()}),
		"exp beyond time":           f.assertion(map[string]any{"exp": 1e300}),
		"not valid yet":             f.assertion(map[string]any{"nbf": f.clock().Add(2 * time.Minute).Unix()}),
		"issued in the future":      f.assertion(map[string]any{"iat": 1e300}),
		"no jti":                    f.assertion(map[string]any{"jti": nil}),
		"jti too long":              f.assertion(map[string]any{"jti": strings.Repeat("x", 129)}),
		"claims twice":              twice(t, f.key),
	} {
		t.Run(name, func(t *testing.T) {
			got := f.ask(form(assertion))
			require.Equal(t, http.StatusUnauthorized, got.status)
			require.Equal(t, "invalid_client", got.failed.Error)
			oauthText(t, got.failed.Description)
			want, fine := codes[name]
			if !fine {
				want = "assertion-invalid"
			}
			require.Equal(t, want, got.failed.Code)
			require.Equal(t, us+"/problems/"+want, got.failed.URI)
		})
	}
	t.Run("client_id of another", func(t *testing.T) {
		values := form(f.assertion(nil))
		values.Set("client_id", "other")
		require.Equal(t, "invalid_client", f.ask(values).failed.Error)
	})
	t.Run("suspended", func(t *testing.T) {
		f.register(func(c *access.Client) { c.Suspended = true })
		got := f.ask(form(f.assertion(nil)))
		require.Equal(t, "invalid_client", got.failed.Error)
		require.Equal(t, "client-suspended", got.failed.Code)
		got = f.ask(form(f.signed(stranger, "JWT", nil)))
		require.Equal(t, "assertion-invalid", got.failed.Code, "only the client itself is told")
		f.register(func(c *access.Client) { c.Suspended = false })
	})
	t.Run("replayed", func(t *testing.T) {
		require.Equal(t, http.StatusOK, f.ask(form(good)).status)
		got := f.ask(form(good))
		require.Equal(t, "invalid_client", got.failed.Error)
		require.Equal(t, "assertion-replayed", got.failed.Code)
		f.wait(59 * time.Second)
		require.Equal(t, "assertion-replayed", f.ask(form(good)).failed.Code, "as long as it lives")
		f.wait(time.Second)
		require.Equal(t, "assertion-expired", f.ask(form(good)).failed.Code)
	})
	t.Run("registered as a person", func(t *testing.T) {
		_, err := f.service.Grant(t.Context(), form(f.assertion(map[string]any{"iss": "person", "sub": "person"})))
		require.Error(t, err)
	})
	t.Run("registry broken", func(t *testing.T) {
		f.fails = errors.New("no database")
		_, err := f.service.Grant(t.Context(), form(f.assertion(nil)))
		require.ErrorIs(t, err, f.fails)
		require.NotErrorIs(t, err, access.ErrClient, "our fault, not the client's")
	})
}

// twice signs a payload in which the audience stands twice.
func twice(t *testing.T, k key.Signer) string {
	t.Helper()
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"SGD_SM3_SM2","typ":"JWT"}`))
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"counter-1","sub":"counter-1","aud":"https://other.example","aud":"` + us + `","exp":1780301000,"jti":"1"}`))
	sig, err := k.Sign([]byte(head + "." + body))
	require.NoError(t, err)
	return head + "." + body + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// oauthText holds a description against RFC 6749 §5.2.
func oauthText(t *testing.T, s string) {
	t.Helper()
	require.LessOrEqual(t, len(s), 200)
	for _, r := range s {
		require.True(t, r >= 0x20 && r <= 0x7e && r != '"' && r != '\\', "%q in %q", r, s)
	}
}

func TestTokenEndpointForm(t *testing.T) {
	f := newFixture(t, key.SM2)
	const urlencoded = "application/x-www-form-urlencoded"
	with := func(name, value string) string {
		v := form(f.assertion(nil))
		v.Set(name, value)
		return v.Encode()
	}
	for _, c := range []struct {
		name, body, contentType string
		status                  int
		code                    string
	}{
		{"empty", "", urlencoded, 400, "invalid_request"},
		{"JSON", `{"grant_type":"client_credentials"}`, "application/json", 400, "invalid_request"},
		{"no content type", form(f.assertion(nil)).Encode(), "", 400, "invalid_request"},
		{"multipart", "--x--", "multipart/form-data; boundary=x", 400, "invalid_request"},
		{"broken escape", "grant_type=%zz", urlencoded, 400, "invalid_request"},
		{"semicolon", form(f.assertion(nil)).Encode() + ";a=b", urlencoded, 400, "invalid_request"},
		{"grant type twice", form(f.assertion(nil)).Encode() + "&grant_type=client_credentials", urlencoded, 400, "invalid_request"},
		{"assertion twice", form(f.assertion(nil)).Encode() + "&client_assertion=x", urlencoded, 400, "invalid_request"},
		{"unknown twice", form(f.assertion(nil)).Encode() + "&a=1&a=2", urlencoded, 400, "invalid_request"},
		{"no grant type", with("grant_type", ""), urlencoded, 400, "invalid_request"},
		{"password", with("grant_type", "password"), urlencoded, 400, "unsupported_grant_type"},
		{"grant type in capitals", with("grant_type", "CLIENT_CREDENTIALS"), urlencoded, 400, "unsupported_grant_type"},
		{"assertion type", with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), urlencoded, 401, "invalid_client"},
		{"secret", url.Values{"grant_type": {"client_credentials"}, "client_id": {counter}, "client_secret": {"s"}}.Encode(), urlencoded, 401, "invalid_client"},
		{"scope too wide", with("scope", "verify registry"), urlencoded, 400, "invalid_scope"},
		{"scope made up", with("scope", "\"<証>\\"), urlencoded, 400, "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.post(c.body, c.contentType)
			require.Equal(t, c.status, got.status, got.failed)
			require.Equal(t, c.code, got.failed.Error)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			require.Equal(t, "no-store", got.header.Get("Cache-Control"))
			oauthText(t, got.failed.Description)
		})
	}
	t.Run("parameters in the address", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/oauth/token?"+form(f.assertion(nil)).Encode(), nil)
		require.NoError(t, err)
		req.Header.Set("Content-Type", urlencoded)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
	})
}

func TestMetadata(t *testing.T) {
	f := newFixture(t, key.SM2)
	res, err := http.Get(f.server.URL + "/.well-known/oauth-authorization-server")
	require.NoError(t, err)
	defer res.Body.Close()
	var m struct {
		Issuer        string   `json:"issuer"`
		TokenEndpoint string   `json:"token_endpoint"`
		Methods       []string `json:"token_endpoint_auth_methods_supported"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&m))
	require.Equal(t, us, m.Issuer)
	require.Equal(t, us+"/oauth/token", m.TokenEndpoint)
	require.Equal(t, []string{"private_key_jwt"}, m.Methods)
}

// A client that was written with go-jose gets in, and reads what it gets.
func TestForeignClient(t *testing.T) {
	f := newFixture(t, key.ES256)
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.ES256, Key: gojose.JSONWebKey{Key: f.key.CryptoKey(), KeyID: f.key.Public().ID()}},
		(&gojose.SignerOptions{}).WithType("JWT"))
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: counter, Subject: counter, Audience: jwt.Audience{us}, ID: "1",
		IssuedAt: jwt.NewNumericDate(f.clock()), NotBefore: jwt.NewNumericDate(f.clock()), Expiry: jwt.NewNumericDate(f.clock().Add(time.Minute)),
	}).Serialize()
	require.NoError(t, err)
	got := f.ask(form(text))
	require.Equal(t, http.StatusOK, got.status, got.failed)

	token, err := jwt.ParseSigned(got.granted.AccessToken, []gojose.SignatureAlgorithm{gojose.ES256})
	require.NoError(t, err)
	require.Equal(t, "at+jwt", token.Headers[0].ExtraHeaders[gojose.HeaderType])
	var c jwt.Claims
	require.NoError(t, token.Claims(f.signer.Public().ECDSA(), &c))
	require.NoError(t, c.ValidateWithLeeway(jwt.Expected{Issuer: us, Subject: counter, AnyAudience: jwt.Audience{us}, Time: f.clock()}, 0))
}

func FuzzAssertion(f *testing.F) {
	const now = 1780301000
	k, err := key.FromScalar(key.SM2, bytes.Repeat([]byte{7}, 32)) // the same in every worker
	require.NoError(f, err)
	s, err := access.New(access.Config{
		Issuer: us, Signer: k, Now: func() time.Time { return time.Unix(now, 0) }, Once: everything{},
		Clients: func(string) (access.Client, error) {
			return access.Client{ID: counter, Role: httpd.RoleRelyingParty, Scopes: []string{"verify"}, Keys: []*key.Public{k.Public()}}, nil
		},
	})
	require.NoError(f, err)
	f.Add([]byte(`{"iss":"counter-1","sub":"counter-1","aud":"https://cards.example","exp":1780301060,"jti":"1"}`))
	f.Add([]byte(`{"iss":"counter-1","sub":"counter-1","aud":["https://cards.example"],"exp":1780301060.5,"nbf":-1e300,"jti":"1"}`))
	f.Add([]byte(`{"exp":1e999}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		text, err := jose.Sign(k, jose.SignHeader{Type: "JWT"}, payload)
		if err != nil {
			return
		}
		if _, err := s.Grant(t.Context(), form(text)); err != nil {
			return
		}
		// Whatever got in says who it is, for whom it is, and when it ends.
		var c map[string]any
		require.NoError(t, json.Unmarshal(payload, &c))
		var folded int
		for name := range c {
			if strings.EqualFold(name, "exp") {
				folded++
			}
		}
		require.Positive(t, folded)
	})
}
