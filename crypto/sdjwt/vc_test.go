package sdjwt

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

func TestCheckVC(t *testing.T) {
	k := generate(t, key.SM2)
	for name, c := range map[string]struct {
		payload     string
		disclosures []string
		ok          bool
	}{
		"good":             {`{"vct":"https://x.example/t","iss":"https://x.example","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","sub","x"]`}, true},
		"without iss":      {`{"vct":"https://x.example/t"}`, nil, true},
		"iat disclosed":    {`{"vct":"https://x.example/t","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","iat",1]`}, true},
		"no vct":           {`{"iss":"https://x.example"}`, nil, false},
		"vct empty":        {`{"vct":""}`, nil, false},
		"vct is a list":    {`{"vct":["x"]}`, nil, false},
		"vct null":         {`{"vct":null}`, nil, false},
		"iss is a number":  {`{"vct":"x","iss":1}`, nil, false},
		"vct disclosed":    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","vct","x"]`}, false},
		"iss disclosed":    {`{"vct":"x","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","iss","x"]`}, false},
		"exp disclosed":    {`{"vct":"x","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","exp",1]`}, false},
		"nbf disclosed":    {`{"vct":"x","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","nbf",1]`}, false},
		"cnf disclosed":    {`{"vct":"x","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","cnf",{}]`}, false},
		"status disclosed": {`{"vct":"x","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","status",{}]`}, false},
		"vct#integrity":    {`{"vct":"x","_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","vct#integrity","sha256-x"]`}, false},
		"inside of status": {`{"vct":"x","status":{"status_list":{"_sd":["D0"]}},"_sd_alg":"sm3"}`, []string{`["s","idx",7]`}, false},
		"hole in status":   {`{"vct":"x","status":{"status_list":{"idx":7,"_sd":["hidden"]}},"_sd_alg":"sm3"}`, nil, false},
		"hole in cnf":      {`{"vct":"x","cnf":{"jwk":{"_sd":["hidden"]}},"_sd_alg":"sm3"}`, nil, false},
		"hole in aka_vcts": {`{"vct":"x","aka_vcts":[{"...":"hidden"}],"_sd_alg":"sm3"}`, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(build(t, k, SM3, c.payload, c.disclosures...), Type)
			require.NoError(t, err)
			if c.ok {
				require.NoError(t, CheckVC(s))
				return
			}
			require.ErrorIs(t, CheckVC(s), ErrVC)
		})
	}
	text, err := Sign(k, Issue{Header: jose.SignHeader{Type: "example+sd-jwt"}, Claims: map[string]any{"vct": "x"}})
	require.NoError(t, err)
	s, err := Parse(text, "example+sd-jwt")
	require.NoError(t, err)
	require.ErrorIs(t, CheckVC(s), ErrVC)
}

// Validity claims count after processing: one that was disclosed counts like an open one.
func TestCheckTime(t *testing.T) {
	k := generate(t, key.SM2)
	for name, c := range map[string]struct {
		payload     string
		disclosures []string
		want        error
	}{
		"none":              {`{}`, nil, nil},
		"inside":            {`{"nbf":1799999999,"exp":1800000001}`, nil, nil},
		"starts now":        {`{"nbf":1800000000}`, nil, nil},
		"ends now":          {`{"exp":1800000000}`, nil, ErrExpired},
		"ended":             {`{"exp":1799999999}`, nil, ErrExpired},
		"not begun":         {`{"nbf":1800000001}`, nil, ErrNotYetValid},
		"disclosed, ended":  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","exp",1]`}, ErrExpired},
		"disclosed, to be":  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","nbf",9999999999]`}, ErrNotYetValid},
		"exp is a string":   {`{"exp":"1900000000"}`, nil, ErrClaim},
		"exp is null":       {`{"exp":null}`, nil, ErrClaim},
		"exp is a list":     {`{"exp":[1]}`, nil, ErrClaim},
		"exp beyond all":    {`{"exp":1e999}`, nil, ErrClaim},
		"exp negative":      {`{"exp":-1}`, nil, ErrClaim},
		"nbf is a boolean":  {`{"nbf":true}`, nil, ErrClaim},
		"exp as a fraction": {`{"exp":1800000000.9}`, nil, ErrExpired},
		"exp as 18e8":       {`{"exp":19e8}`, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(build(t, k, SM3, c.payload, c.disclosures...), Type)
			require.NoError(t, err)
			claims, err := s.Claims()
			require.NoError(t, err)
			if c.want == nil {
				require.NoError(t, claims.CheckTime(then, 0))
				return
			}
			require.ErrorIs(t, claims.CheckTime(then, 0), c.want)
		})
	}
	claims := Claims{"exp": json.RawMessage("1799999990"), "nbf": json.RawMessage("1799999980")}
	require.NoError(t, claims.CheckTime(then, 30*time.Second))
	require.NoError(t, Claims{"nbf": json.RawMessage("1800000020")}.CheckTime(then, 30*time.Second))
}
