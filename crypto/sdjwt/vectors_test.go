package sdjwt

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

// sharedVector is a file of testdata/vectors/sdjwt; its README says what the members mean.
type sharedVector struct {
	Name         string          `json:"name"`
	Comment      string          `json:"comment"`
	Profile      string          `json:"profile"`
	Issuer       *key.Public     `json:"issuer"`
	Holder       *key.Public     `json:"holder"`
	Presentation string          `json:"presentation"`
	Nonce        string          `json:"nonce"`
	Audience     string          `json:"aud"`
	Now          int64           `json:"now"`
	Expect       string          `json:"expect"`
	Claims       json.RawMessage `json:"claims"`
}

// check returns the processed claims or the code.
func (v sharedVector) check() (Claims, string) {
	code := func(err error, fallback string) string {
		for _, c := range []struct {
			err  error
			code string
		}{
			{ErrDisclosureDuplicate, "disclosure-duplicate"}, {ErrDisclosureUnknown, "disclosure-unknown"}, {ErrDisclosureMalformed, "disclosure-malformed"},
			{ErrHash, "algorithm-not-allowed"}, {ErrExpired, "certificate-expired"}, {ErrNotYetValid, "certificate-not-yet-valid"},
			{ErrBindingMissing, "holder-binding-missing"}, {ErrNonce, "nonce-wrong"}, {ErrAudience, "audience-wrong"},
			{ErrProofOld, "proof-too-old"}, {ErrProofFuture, "proof-from-future"}, {ErrBinding, "holder-binding-invalid"},
			{jose.ErrAlgorithm, "algorithm-not-allowed"}, {jose.ErrEncoding, "signature-encoding"}, {jose.ErrSignature, "signature-invalid"},
		} {
			if errors.Is(err, c.err) {
				return c.code
			}
		}
		return fallback
	}
	s, err := Parse(v.Presentation, Type)
	if err == nil {
		err = CheckVC(s)
	}
	if err != nil {
		return nil, code(err, "presentation-malformed")
	}
	if err := s.Token.Verify(v.Issuer); err != nil {
		return nil, code(err, "signature-invalid")
	}
	now := time.Unix(v.Now, 0)
	claims, err := s.Claims()
	if err == nil {
		err = claims.CheckTime(now, 10*time.Second)
	}
	if err != nil {
		return nil, code(err, "presentation-malformed")
	}
	if v.Nonce == "" {
		return claims, "valid"
	}
	cnf, err := s.Confirmation()
	if err == nil {
		err = s.VerifyBinding(cnf, Expect{Audience: v.Audience, Nonce: v.Nonce, Now: now})
	}
	if err != nil {
		return nil, code(err, "holder-binding-invalid")
	}
	return claims, "valid"
}

func TestSharedVectors(t *testing.T) {
	files, err := filepath.Glob("../../testdata/vectors/sdjwt/*/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 150)
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
	count := map[string]int{}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var v sharedVector
			require.NoError(t, json.Unmarshal(data, &v))
			require.Equal(t, v.Name+".json", filepath.Base(file))
			require.Equal(t, v.Profile, filepath.Base(filepath.Dir(file)))
			require.True(t, known[v.Expect], "%s is not in problems.json", v.Expect)
			count[v.Profile+" "+v.Expect]++
			claims, got := v.check()
			require.Equal(t, v.Expect, got, v.Comment)
			if got != "valid" {
				return
			}
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(v.Claims, &want))
			require.Len(t, claims, len(want))
			for name := range want {
				require.JSONEq(t, string(want[name]), string(claims[name]))
				if c := want[name][0]; c == '-' || c >= '0' && c <= '9' {
					require.Equal(t, string(want[name]), string(claims[name]), "numbers stay exact")
				}
			}
		})
	}
	require.Greater(t, count["sm valid"], 10)
	require.Equal(t, count["sm valid"], count["international valid"])
}
