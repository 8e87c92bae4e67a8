package login_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

// op is an identity provider written with the standard library alone, apart from SM2. It says yes
// to everybody, and can be told to do wrong.
type op struct {
	t      *testing.T
	server *httptest.Server
	mu     sync.Mutex
	now    func() time.Time

	sign     func(header, claims map[string]any) string
	jwks     []any
	codes    map[string]url.Values // what authorize was asked, by code
	asked    url.Values            // the last such
	redeemed []*http.Request       // with their forms parsed

	// What it does wrong, or otherwise than usual.
	metadata func(map[string]any)
	header   func(map[string]any)
	claims   func(map[string]any)
	answer   func(url.Values) // of the authorization endpoint
	token    http.HandlerFunc
	raw      func(string) string // of the ID token
	userinfo map[string]any
}

func newOP(t *testing.T, now func() time.Time) *op {
	t.Helper()
	o := &op{t: t, now: now, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", o.discovery)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { o.write(w, map[string]any{"keys": o.jwks}) })
	mux.HandleFunc("GET /authorize", o.authorize)
	mux.HandleFunc("POST /token", o.redeem)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { o.write(w, o.userinfo) })
	o.server = httptest.NewServer(mux)
	t.Cleanup(o.server.Close)
	o.useRSA("RS256")
	return o
}

func (o *op) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = json.NewEncoder(w).Encode(v)
}

func (o *op) discovery(w http.ResponseWriter, _ *http.Request) {
	base := o.server.URL
	m := map[string]any{
		"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token", "jwks_uri": base + "/jwks", "userinfo_endpoint": base + "/userinfo",
	}
	if o.metadata != nil {
		o.metadata(m)
	}
	o.write(w, m)
}

func (o *op) authorize(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := r.URL.Query()
	code := rand.Text()
	o.codes[code], o.asked = q, q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if o.answer != nil {
		o.answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// usual are the claims of a good ID token.
func (o *op) usual(asked url.Values) map[string]any {
	now := o.now().Unix()
	return map[string]any{
		"iss": o.server.URL, "aud": asked.Get("client_id"), "sub": "u-1", "nonce": asked.Get("nonce"), "iat": now, "exp": now + 300, "auth_time": now - 5,
		"name": "张示例", "id_number": "430102198803129911", "acr": "urn:level:2",
	}
}

func (o *op) redeem(w http.ResponseWriter, r *http.Request) {
	if o.token != nil {
		o.token(w, r)
		return
	}
	_ = r.ParseForm()
	o.mu.Lock()
	o.redeemed = append(o.redeemed, r)
	asked, ok := o.codes[r.PostForm.Get("code")]
	delete(o.codes, r.PostForm.Get("code"))
	o.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || r.PostForm.Get("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		o.write(w, map[string]any{"error": "invalid_grant"})
		return
	}
	header, claims := map[string]any{"typ": "JWT"}, o.usual(asked)
	for _, change := range []struct {
		do func(map[string]any)
		of map[string]any
	}{{o.header, header}, {o.claims, claims}} {
		if change.do != nil {
			change.do(change.of)
		}
	}
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text := o.sign(header, claims)
	if o.raw != nil {
		text = o.raw(text)
	}
	o.write(w, map[string]any{"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": text})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jws signs the way RFC 7515 §5.1 says.
func jws(t *testing.T, header, claims map[string]any, sign func([]byte) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	require.NoError(t, err)
	c, err := json.Marshal(claims)
	require.NoError(t, err)
	input := b64(h) + "." + b64(c)
	return input + "." + b64(sign([]byte(input)))
}

// testRSA is made once: that takes longer than everything else here.
var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func (o *op) useRSA(alg string) {
	k := testRSA()
	o.jwks = []any{map[string]any{"kty": "RSA", "kid": "r", "use": "sig", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}}
	o.sign = func(header, claims map[string]any) string {
		header["alg"], header["kid"] = alg, "r"
		return jws(o.t, header, claims, func(input []byte) []byte {
			sum := sha256.Sum256(input)
			var sig []byte
			var err error
			if alg == "PS256" {
				sig, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			} else {
				sig, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
			}
			require.NoError(o.t, err)
			return sig
		})
	}
}

func (o *op) useEdDSA() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(o.t, err)
	o.jwks = []any{map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(public)}}
	o.sign = func(header, claims map[string]any) string {
		header["alg"], header["kid"] = "EdDSA", "ed"
		return jws(o.t, header, claims, func(input []byte) []byte { return ed25519.Sign(private, input) })
	}
}

// useKey signs with one of our own kinds of keys. Beside it lie keys of every other kind: one of
// SM2 breaks the key sets of other libraries.
func (o *op) useKey(k *key.Private) {
	o.t.Helper()
	rsaKeys := o.jwks
	other, err := key.Generate(key.SM2)
	require.NoError(o.t, err)
	o.jwks = append([]any{other.Public(), k.Public(), map[string]any{"kty": "unheard-of", "kid": "u"}, map[string]any{"kty": "oct", "k": "c2VjcmV0"}}, rsaKeys...)
	o.sign = func(header, claims map[string]any) string {
		header["alg"], header["kid"] = string(k.Public().Algorithm()), k.Public().ID()
		return jws(o.t, header, claims, func(input []byte) []byte {
			sig, err := k.Sign(input)
			require.NoError(o.t, err)
			return sig
		})
	}
}

func ecdsaOf(k *key.Private) *ecdsa.PrivateKey { return k.CryptoKey().(*ecdsa.PrivateKey) }
