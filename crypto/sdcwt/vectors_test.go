package sdcwt_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// sharedVector is a file of testdata/vectors/sdcwt; the README there says what the members mean.
type sharedVector struct {
	Name      string       `json:"name"`
	Comment   string       `json:"comment"`
	Profile   string       `json:"profile"`
	Issuer    *key.Public  `json:"issuer"`
	Device    *key.Public  `json:"device"`
	Code      string       `json:"code"`
	Audiences []string     `json:"audiences"`
	Nonce     string       `json:"nonce"`
	Now       int64        `json:"now"`
	Expect    string       `json:"expect"`
	Token     *sharedToken `json:"token"`
}

type sharedToken struct {
	KeyID   string          `json:"kid"`
	Serial  string          `json:"serial"`
	Issued  int64           `json:"iat"`
	Expires int64           `json:"exp"`
	Type    string          `json:"type"`
	Version int             `json:"version"`
	View    string          `json:"view"`
	Region  string          `json:"region"`
	Fields  json.RawMessage `json:"fields"`
	Proof   struct {
		Serial   string `json:"serial"`
		IssuedAt int64  `json:"iat"`
		Audience string `json:"aud"`
		Nonce    string `json:"nonce"`
	} `json:"proof"`
}

// read is the whole check, from the text to the named values. The error has a code.
func (v sharedVector) read(c *schemas.Catalogue) (*sdcwt.Token, schemas.OfflineReading, error) {
	now := time.Unix(v.Now, 0)
	code, err := qr.Parse(v.Code)
	if err != nil {
		return nil, schemas.OfflineReading{}, err
	}
	t, err := sdcwt.Parse(code.Offline)
	if err != nil {
		return nil, schemas.OfflineReading{}, err
	}
	var nonce []byte
	if v.Nonce != "" {
		if nonce, err = hex.DecodeString(v.Nonce); err != nil {
			return nil, schemas.OfflineReading{}, err
		}
	}
	if err := t.Verify(v.Issuer, sdcwt.Expect{Now: now, Audiences: v.Audiences, Nonce: nonce}); err != nil {
		return nil, schemas.OfflineReading{}, err
	}
	view := t.Claims.View
	r, err := c.ReadOffline(schemas.OfflineView{Type: view.Type, Version: view.Version, View: view.View, Values: view.Values}, now)
	return t, r, err
}

func codeOf(err error) string {
	switch {
	case err == nil:
		return "valid"
	case errors.Is(err, qr.ErrNotOurs):
		return "code-not-ours"
	case errors.Is(err, qr.ErrTruncated):
		return "code-truncated"
	case errors.Is(err, qr.ErrTooLong):
		return "code-too-long"
	case errors.Is(err, qr.ErrAlphabet):
		return "code-alphabet"
	}
	if code := schemas.OfflineCode(err); code != "" {
		return code
	}
	return sdcwt.Code(err)
}

func vectors(t testing.TB) []sharedVector {
	t.Helper()
	files, err := filepath.Glob("../../testdata/vectors/sdcwt/*/*.json")
	require.NoError(t, err)
	var all []sharedVector
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var v sharedVector
		require.NoError(t, json.Unmarshal(data, &v))
		require.Equal(t, v.Name+".json", filepath.Base(file))
		require.Equal(t, v.Profile, filepath.Base(filepath.Dir(file)))
		all = append(all, v)
	}
	return all
}

func catalogue(t testing.TB) *schemas.Catalogue {
	t.Helper()
	c, err := schemas.Embedded()
	require.NoError(t, err)
	return c
}

func TestSharedVectors(t *testing.T) {
	data, err := os.ReadFile("../../testdata/problems.json")
	require.NoError(t, err)
	var problems []struct {
		Code string `json:"code"`
	}
	require.NoError(t, json.Unmarshal(data, &problems))
	known := map[string]bool{"valid": true}
	for _, p := range problems {
		known[p.Code] = true
	}
	c := catalogue(t)
	bad, good, codes := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, v := range vectors(t) {
		t.Run(v.Profile+"/"+v.Name, func(t *testing.T) {
			require.True(t, known[v.Expect], "%s is not in problems.json", v.Expect)
			token, reading, err := v.read(c)
			require.Equal(t, v.Expect, codeOf(err), "%s: %v", v.Comment, err)
			codes[v.Expect] = true
			if v.Expect != "valid" {
				bad[v.Profile]++
				return
			}
			good[v.Profile]++
			require.True(t, token.Claims.Device.Equal(v.Device))
			got := sharedToken{
				KeyID: hex.EncodeToString(token.KeyID), Serial: token.Claims.Serial.String(), Issued: token.Claims.IssuedAt.Unix(), Expires: token.Claims.Expires.Unix(),
				Type: reading.Type.ID, Version: reading.Type.Version, View: reading.View.Name, Region: token.Claims.View.Region, Fields: v.Token.Fields,
			}
			got.Proof.Serial, got.Proof.IssuedAt = token.Proof.Serial.String(), token.Proof.IssuedAt.Unix()
			got.Proof.Audience, got.Proof.Nonce = token.Proof.Audience, hex.EncodeToString(token.Proof.Nonce)
			require.Equal(t, *v.Token, got)
			fields, err := json.Marshal(reading.Claims())
			require.NoError(t, err)
			require.JSONEq(t, string(v.Token.Fields), string(fields))
		})
	}
	for _, profile := range []string{"sm", "international"} {
		require.Greater(t, good[profile], 20)
		require.Greater(t, bad[profile], 200)
	}
	require.Equal(t, good["sm"], good["international"])
	require.Equal(t, bad["sm"], bad["international"])
	for _, p := range problems {
		// What is said when issuing is in no vector, nor what the record says; what bundles say is in those of bundles.
		elsewhere := []string{sdcwt.CodeTooLarge, schemas.CodeOfflineView, "offline-revoked", "offline-serial-unknown"}
		if strings.HasPrefix(p.Code, "offline-") && !slices.Contains(elsewhere, p.Code) {
			require.True(t, codes[p.Code], "no vector has the code %s", p.Code)
		}
	}
}

// The worked example of the formats document is the vector, signatures included.
func TestExampleInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats.md")
	require.NoError(t, err)
	for _, v := range vectors(t) {
		if v.Profile == "sm" && v.Name == "good-identity" {
			require.Contains(t, string(page), "\n"+v.Code+"\n")
			return
		}
	}
	t.Fatal("the vector is gone")
}
