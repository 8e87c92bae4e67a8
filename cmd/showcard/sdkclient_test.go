package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	sdk "github.com/showcard/showcard/verifier/client"
)

// sdkOf is a caller of demo.json, by the SDK.
func sdkOf(t *testing.T, data, id string, edit func(*sdk.Config)) *sdk.Client {
	t.Helper()
	d := demoFileOf(t, data)
	caller, err := d.caller(id, "")
	require.NoError(t, err)
	k, err := key.ReadFile(filepath.Join(data, caller.KeyFile))
	require.NoError(t, err)
	cfg := sdk.Config{Base: d.BaseURL, ClientID: id, Key: k}
	edit(&cfg)
	c, err := sdk.New(cfg)
	require.NoError(t, err)
	return c
}

func TestSDKClient(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDemo(t, data)
	ctx := t.Context()
	citizen := citizenOf(t, d.base, "person-01")
	id := holdingOf(t, data, "person-01", "resident-id")
	bank := sdkOf(t, data, "demo-bank", func(*sdk.Config) {})

	code := showOf(t, citizen, id)
	r := sdk.Request{Code: code, Purpose: "account-opening", Receipt: true, Key: "one"}
	a, err := bank.Verify(ctx, r)
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome, a.Reasons)
	require.Equal(t, "张示例", a.Claims.Text("name"))
	require.Equal(t, verifier.Passed, a.Signature.State)
	require.NotEmpty(t, a.Receipt)
	require.NotNil(t, a.Openings)
	again, err := bank.Verify(ctx, r)
	require.NoError(t, err)
	require.Equal(t, a.ID, again.ID)
	r.Key = ""
	used, err := bank.Verify(ctx, r)
	require.NoError(t, err)
	require.Equal(t, verifier.Invalid, used.Outcome)
	require.Equal(t, []string{"code-used"}, used.Result.Reasons)
	require.NotEmpty(t, used.Reasons[0].Next.ZH)
	signed, openings, err := bank.Receipt(ctx, a.ID)
	require.NoError(t, err)
	require.NotEmpty(t, signed)
	require.Equal(t, *a.Openings, openings)

	// The holder is asked for more than she shows, and says yes.
	asked := make(chan sdk.Pending, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		p := <-asked
		require.NoError(t, say(citizen, p.ID, "yes"))
	})
	a, err = bank.Verify(ctx, sdk.Request{Code: showOf(t, citizen, id), Purpose: "account-opening", Fields: []string{"address"}, Asked: func(p sdk.Pending) { asked <- p }})
	wg.Wait()
	require.NoError(t, err)
	require.Equal(t, "yes", a.Consent.Answer)
	require.NotEmpty(t, a.Claims.Text("address"))

	facts, err := bank.CheckFacts(ctx, sdk.Facts{Holder: schemas.HolderRef{Type: schemas.HolderCitizenID, Number: "430102198803129911"}, Type: "resident-id",
		Purpose: "account-opening", Claims: map[string]any{"name": "张示例"}})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"name": true}, facts.Matches)
	challenge, err := bank.Challenge(ctx)
	require.NoError(t, err)
	require.Equal(t, "demo-bank", challenge.Audience)

	squad := sdkOf(t, data, "traffic-squad", func(*sdk.Config) {})
	var show struct{ Code string }
	require.NoError(t, citizen.call(ctx, http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": holdingOf(t, data, "person-01", "drivers-licence"), "view": "roadside"}, "", &show))
	a, err = squad.Verify(ctx, sdk.Request{Code: show.Code, Purpose: "traffic-inspection"})
	require.NoError(t, err)
	require.True(t, a.Portrait)
	image, kind, salt, err := squad.Portrait(ctx, a.ID)
	require.NoError(t, err)
	require.Contains(t, kind, "image/")
	require.Equal(t, "sm3:"+base64.RawURLEncoding.EncodeToString(sdjwt.SM3.Sum(append(salt, image...))), a.Claims.Text("portrait_digest"))

	a, err = squad.Person(ctx, a.ID, false)
	require.NoError(t, err)
	require.Equal(t, verifier.Invalid, a.Outcome)
	require.Equal(t, []string{verifier.CodePersonNotSame}, a.Result.Reasons)
	require.Equal(t, "clerk", a.Person.Method)

	// Refusals have their code, and nothing was spent.
	code = showOf(t, citizen, id)
	var p *sdk.Problem
	_, err = bank.Verify(ctx, sdk.Request{Code: code, Purpose: "curiosity"})
	require.ErrorAs(t, err, &p)
	require.Equal(t, "purpose-not-registered", p.Code)
	require.NotEmpty(t, p.RequestID)
	require.NotEmpty(t, p.TitleZH)
	_, err = squad.Person(ctx, a.ID, true)
	require.ErrorAs(t, err, &p)
	require.Equal(t, "person-recorded", p.Code)
	_, _, _, err = bank.Portrait(ctx, "none")
	require.ErrorAs(t, err, &p)
	require.NotEqual(t, "server-answer-malformed", p.Code)
	stranger := sdkOf(t, data, "demo-bank", func(c *sdk.Config) { c.Key = deviceKey(t, key.SM2) })
	_, err = stranger.Token(ctx)
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusUnauthorized, p.Status)

	// Its token fetches bundles.
	roots, err := os.ReadFile(filepath.Join(data, rootsFile))
	require.NoError(t, err)
	kept, err := verifier.KeepBundles(verifier.BundleConfig{Base: demoFileOf(t, data).BaseURL, Roots: roots, Token: bank.Token})
	require.NoError(t, err)
	require.NoError(t, kept.Renew(ctx))
	require.False(t, kept.AsOf().IsZero())

	// A network that loses answers: the check is made once all the same.
	var waits []time.Duration
	trouble := newTrouble(t, demoFileOf(t, data).BaseURL)
	patient := sdkOf(t, data, "demo-bank", func(c *sdk.Config) {
		c.PublicURL, c.Base = c.Base, trouble.url
		c.Wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	})
	trouble.next("busy", "pass", "cut", "lose", "stale", "pass")
	a, err = patient.Verify(ctx, sdk.Request{Code: code, Purpose: "account-opening"})
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome, "%v", a.Reasons)
	require.GreaterOrEqual(t, waits[0], 3*time.Second, "as Retry-After says")
	require.GreaterOrEqual(t, len(waits), 2, "net/http repeats by itself what has an Idempotency-Key and broke on a kept connection")
	trouble.next("page")
	_, err = patient.Challenge(ctx)
	require.ErrorAs(t, err, &p)
	require.Equal(t, "server-answer-malformed", p.Code)
	trouble.next("cut", "cut", "cut", "cut", "cut", "cut")
	_, err = patient.Challenge(ctx)
	var gone *sdk.UnreachableError
	require.ErrorAs(t, err, &gone)
	trouble.next("late")
	_, err = patient.Challenge(ctx)
	require.ErrorAs(t, err, &p)
	require.Equal(t, time.Hour, p.RetryAfter, "that long nobody waits by himself")
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err = patient.Challenge(over)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSDKClientConfig(t *testing.T) {
	k := deviceKey(t, key.ES256)
	for _, base := range []string{"", "cards.example.gov.cn", "https://a/b", "https://u:p@a", "http://cards.example.gov.cn", "ftp://a", "https://a?x"} {
		_, err := sdk.New(sdk.Config{Base: base, ClientID: "a", Key: k})
		require.ErrorIs(t, err, sdk.ErrConfig, base)
	}
	_, err := sdk.New(sdk.Config{Base: "https://a", Key: k})
	require.ErrorIs(t, err, sdk.ErrConfig)
	_, err = sdk.New(sdk.Config{Base: "https://a", ClientID: "a"})
	require.ErrorIs(t, err, sdk.ErrConfig)
}

// trouble is a proxy that does what it is told with the next requests, and then passes them on.
type trouble struct {
	url   string
	mu    sync.Mutex
	steps []string
}

func (x *trouble) next(steps ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.steps = steps
}

func newTrouble(t *testing.T, to string) *trouble {
	target, err := url.Parse(to)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	x := &trouble{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.mu.Lock()
		step := "pass"
		if len(x.steps) > 0 {
			step, x.steps = x.steps[0], x.steps[1:]
		}
		x.mu.Unlock()
		problem := func(status int, code, after string) {
			w.Header().Set("Content-Type", "application/problem+json")
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "code": code})
		}
		switch step {
		case "busy":
			problem(http.StatusServiceUnavailable, "overloaded", "3")
		case "late":
			problem(http.StatusTooManyRequests, "rate-limited", "3600")
		case "stale":
			problem(http.StatusUnauthorized, "token-expired", "")
		case "page":
			_, _ = w.Write([]byte("<html>"))
		case "cut":
			panic(http.ErrAbortHandler)
		case "lose": // the deployment has it, and the answer is lost
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	x.url = s.URL
	return x
}
