package login

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sm"
)

const (
	// transactionLife is how long she may take at the provider: look for a card, wait for a text.
	transactionLife = 10 * time.Minute
	// maxTransactions bounds how many sign-ins a browser may have under way. Cookies go along with
	// every request, and too many of them would be refused all together.
	maxTransactions = 4

	cookieName = "showcard_signin_"
	hostPrefix = "__Host-" // over TLS: no neighbouring host can plant one (RFC 6265bis §4.1.3.2)
)

// transaction is one sign-in under way. It lives in a cookie of the browser that began it and
// nowhere else: there is nothing to fill up on our side, and any replica can finish it.
type transaction struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // PKCE (RFC 7636)
	ReturnTo string    `json:"r"`
	Origin   string    `json:"o,omitempty"`
	Began    time.Time `json:"b"`
	Fresh    bool      `json:"f,omitempty"` // she is to prove anew who she is, whatever session her provider has
}

// sealer seals transactions into cookies with SM4-GCM. The name of the cookie is authenticated
// along, so that none passes for another.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret []byte) (sealer, error) {
	sum := sm.Sum(append([]byte("showcard sign-in\x00"), secret...))
	aead, err := sm.NewGCM(sum[:16])
	return sealer{aead}, err
}

func (s sealer) seal(name string, t transaction) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(name))), nil
}

func (s sealer) open(name, value string) (t transaction, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return t, false
	}
	size := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, sealed[:size], sealed[size:], []byte(name))
	return t, err == nil && json.Unmarshal(plain, &t) == nil
}

// nameFor is the name of the cookie of a state. It tells nothing of the state, because names of
// cookies are seen by more eyes than values.
func nameFor(state string, secure bool) string {
	sum := sha256.Sum256([]byte(state))
	name := cookieName + base64.RawURLEncoding.EncodeToString(sum[:9])
	if secure {
		return hostPrefix + name
	}
	return name
}

// cookie is SameSite=Lax: see the package comment.
func cookie(name, value string, life time.Duration, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

// begun finds the transaction that a state belongs to.
func (s sealer) begun(r *http.Request, state string, secure bool) (transaction, bool) {
	if state == "" || len(state) > 256 {
		return transaction{}, false
	}
	name := nameFor(state, secure)
	for _, c := range r.CookiesNamed(name) {
		if t, ok := s.open(name, c.Value); ok && subtle.ConstantTimeCompare([]byte(t.State), []byte(state)) == 1 {
			return t, true
		}
	}
	return transaction{}, false
}

// surplus names the cookies of transactions to drop before another begins: the oldest, and those
// that nobody can open.
func (s sealer) surplus(r *http.Request, secure bool) (names []string) {
	prefix := nameFor("", secure)[:len(nameFor("", secure))-12]
	type one struct {
		name  string
		began time.Time
	}
	var open []one
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		if t, ok := s.open(c.Name, c.Value); ok {
			open = append(open, one{c.Name, t.Began})
		} else {
			names = append(names, c.Name)
		}
	}
	slices.SortFunc(open, func(a, b one) int { return a.began.Compare(b.began) })
	for i := 0; i <= len(open)-maxTransactions; i++ {
		names = append(names, open[i].name)
	}
	return names
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
