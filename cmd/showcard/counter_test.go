package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
)

// 200 scanners in two verifier processes that share a database and a Redis fight for one
// ticket, again and again: exactly one gets the certificate.
func TestOneTicketOneScanner(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	identifier := holdingOf(t, data, "person-01", "resident-id")
	citizen := citizenOf(t, a.base, "person-01")
	scanners := []*client{clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank"), clientOf(t, data, a.base, "changsha-service-hall"), clientOf(t, data, b.base, "changsha-service-hall")}
	purposes := []string{"account-opening", "account-opening", "government-service", "government-service"}
	for _, s := range scanners {
		_, err := s.authorization(context.Background())
		require.NoError(t, err)
	}
	for round := range 3 {
		code := showOf(t, citizen, identifier)
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		start := make(chan struct{})
		for i := range 200 {
			wg.Go(func() {
				<-start
				var got checked
				err := scanners[i%4].call(context.Background(), http.MethodPost, "/v1/verifications",
					map[string]any{"code": code, "purpose": purposes[i%4]}, fmt.Sprintf("race-%d-%d", round, i), &got)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					outcomes[codeOf(err)]++
					return
				}
				if got.Outcome == "valid" {
					outcomes["valid"]++
					return
				}
				if len(got.Claims) > 0 {
					outcomes["leaked"]++
				}
				outcomes[got.Reasons[0].Code]++
			})
		}
		close(start)
		wg.Wait()
		require.Equal(t, 1, outcomes["valid"], outcomes)
		require.Zero(t, outcomes["leaked"], outcomes)
		require.Equal(t, 199, outcomes["code-used"], outcomes)
	}
}

// The answer was lost on its way: the same caller asks again with the same key and gets the
// same answer; with another body she is told so; another caller gets nothing.
func TestRepeatedRequest(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	code := showOf(t, citizenOf(t, p.base, "person-01"), holdingOf(t, data, "person-01", "resident-id"))
	bank := clientOf(t, data, p.base, "demo-bank")
	ask := func(c *client, purpose string) (map[string]any, error) {
		var got map[string]any
		err := c.call(context.Background(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": purpose}, "k-1", &got)
		return got, err
	}
	first, err := ask(bank, "account-opening")
	require.NoError(t, err)
	require.Equal(t, "valid", first["outcome"])
	again, err := ask(bank, "account-opening")
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = ask(bank, "identity-check")
	require.Equal(t, "idempotency-key-reused", codeOf(err))
	other, err := ask(clientOf(t, data, p.base, "changsha-service-hall"), "government-service")
	require.NoError(t, err)
	require.Equal(t, "invalid", other["outcome"])
}

// What the wallet draws, an image upload reads back through the API, also as a photograph.
func TestVerifyImage(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, bank := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	draw := func() image.Image {
		var show struct{ SVG, PNG string }
		require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", &show))
		require.True(t, bytes.HasPrefix(bodyOf(t, citizen, show.SVG, "image/svg+xml"), []byte("<svg")))
		drawn, err := png.Decode(bytes.NewReader(bodyOf(t, citizen, show.PNG, "image/png")))
		require.NoError(t, err)
		return drawn
	}
	for name, encode := range map[string]func(io.Writer, image.Image) error{
		"png":  png.Encode,
		"jpeg": func(w io.Writer, i image.Image) error { return jpeg.Encode(w, i, nil) },
		"gif":  func(w io.Writer, i image.Image) error { return gif.Encode(w, i, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			require.NoError(t, encode(&file, draw()))
			var got checked
			require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"image": file.Bytes(), "purpose": "account-opening"}, "", &got))
			require.Equal(t, "valid", got.Outcome)
		})
	}
}

// bodyOf gets something that is not JSON.
func bodyOf(t *testing.T, c *client, path, contentType string) []byte {
	t.Helper()
	resp, err := c.send(t.Context(), request{method: http.MethodGet, path: path})
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, contentType, resp.Header.Get("Content-Type"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return body
}

// A traffic officer sees points and licence state as they are now, and the portrait; without
// a code a checker learns yes or no and nothing else.
func TestWhatCheckersSee(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, squad, hall := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "traffic-squad"), clientOf(t, data, p.base, "changsha-service-hall")
	identifier := holdingOf(t, data, "person-01", "drivers-licence")
	var show struct{ Code string }
	require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "roadside"}, "", &show))
	type answer struct {
		ID, Outcome string
		Claims      map[string]any
		Live        map[string]any
		Matches     map[string]bool
	}
	var got answer
	require.NoError(t, squad.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": show.Code, "purpose": "traffic-inspection"}, "", &got))
	require.Equal(t, "valid", got.Outcome)
	require.Equal(t, map[string]any{"points": 3.0, "licence_state": "A"}, got.Live)
	resp, err := squad.send(t.Context(), request{method: http.MethodGet, path: "/v1/verifications/" + got.ID + "/portrait"})
	require.NoError(t, err)
	defer resp.Body.Close()
	portrait, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	salt, err := base64.RawURLEncoding.DecodeString(resp.Header.Get("Portrait-Salt"))
	require.NoError(t, err)
	digest := sdjwt.SM3.Sum(append(salt, portrait...))
	require.Equal(t, "sm3:"+base64.RawURLEncoding.EncodeToString(digest), got.Claims["portrait_digest"])
	_, err = hall.send(t.Context(), request{method: http.MethodGet, path: "/v1/verifications/" + got.ID + "/portrait"})
	require.Equal(t, "verification-unknown", codeOf(err), "it was another's check")

	holder := firstRow(t, "hunan-police")["holder"]
	for name, want := range map[string]bool{"张示例": true, "李四": false} {
		got = answer{}
		require.NoError(t, hall.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"purpose": "government-service",
			"facts": map[string]any{"holder": holder, "type": "resident-id", "claims": map[string]any{"name": name, "over_18": true}}}, "", &got))
		require.Equal(t, map[string]bool{"name": want, "over_18": true}, got.Matches)
		require.Equal(t, want, got.Outcome == "valid")
		require.Empty(t, got.Claims)
	}
}

// Every bad input at the counter has its own code.
func TestBadCodes(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, bank := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	code := showOf(t, citizen, identifier)
	foreign, err := qr.FormatTicket("ZZZZ", [16]byte{1})
	require.NoError(t, err)
	unknown, err := qr.FormatTicket("DEMO", [16]byte{1})
	require.NoError(t, err)
	ask := func(body map[string]any) (string, error) {
		var got checked
		err := bank.call(context.Background(), http.MethodPost, "/v1/verifications", body, "", &got)
		if err != nil {
			var c *coded
			if errors.As(err, &c) {
				return c.code, nil
			}
			return "", err
		}
		if got.Outcome == "valid" {
			return "valid", nil
		}
		return got.Reasons[0].Code, nil
	}
	for name, c := range map[string]struct {
		body map[string]any
		want string
	}{
		"no purpose":         {map[string]any{"code": code}, "purpose-missing"},
		"purpose not ours":   {map[string]any{"code": code, "purpose": "traffic-inspection"}, "purpose-not-registered"},
		"nothing given":      {map[string]any{"purpose": "account-opening"}, "input-ambiguous"},
		"two things given":   {map[string]any{"code": code, "presentation": "x", "purpose": "account-opening"}, "input-ambiguous"},
		"truncated":          {map[string]any{"code": code[:20], "purpose": "account-opening"}, "code-truncated"},
		"check character":    {map[string]any{"code": code[:33] + other(code[33]), "purpose": "account-opening"}, "code-check-character"},
		"not a code of ours": {map[string]any{"code": "HTTPS://EXAMPLE.COM/", "purpose": "account-opening"}, "code-not-ours"},
		"of another domain":  {map[string]any{"code": foreign, "purpose": "account-opening"}, "code-other-domain"},
		"never drawn":        {map[string]any{"code": unknown, "purpose": "account-opening"}, "code-unknown"},
		"unknown field":      {map[string]any{"code": code, "purpose": "account-opening", "extra": 1}, "field-unknown"},
		"image without code": {map[string]any{"image": "AAAA", "purpose": "account-opening"}, "image-format"},
		"unknown challenge":  {map[string]any{"presentation": "a.b.c~", "nonce": "n", "purpose": "account-opening"}, "challenge-unknown"},
		"facts not allowed":  {map[string]any{"facts": map[string]any{"identifier": identifier, "type": "drivers-licence", "claims": map[string]any{"name": "x"}}, "purpose": "account-opening"}, "type-not-registered"},
		"facts wrong":        {map[string]any{"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "x"}}, "purpose": "account-opening"}, "facts-mismatch"},
		"facts right":        {map[string]any{"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "张示例"}}, "purpose": "account-opening"}, "valid"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	// None of that has spent the code, and a gun's newline and lower case do no harm.
	got, err := ask(map[string]any{"code": " " + strings.ToLower(code) + "\r\n", "purpose": "account-opening"})
	require.NoError(t, err)
	require.Equal(t, "valid", got)
}

// other returns a check character that is not c.
func other(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}
