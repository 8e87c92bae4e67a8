package sdjwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
)

func encodeText(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// build signs a payload in which D0, D1, … stand for the digests of the disclosures, and
// appends these. A disclosure may itself name the digests of earlier ones.
func build(t *testing.T, k *key.Private, hash Hash, payload string, disclosures ...string) string {
	t.Helper()
	var tail string
	var pairs []string
	for i, d := range disclosures {
		d = encodeText(strings.NewReplacer(pairs...).Replace(d))
		pairs = append(pairs, fmt.Sprintf("D%d", i), base64.RawURLEncoding.EncodeToString(hash.Sum([]byte(d))))
		tail += d + "~"
	}
	token, err := jose.Sign(k, jose.SignHeader{Type: Type}, []byte(strings.NewReplacer(pairs...).Replace(payload)))
	require.NoError(t, err)
	return token + "~" + tail
}

// RFC 9901 §7.1 and §7.3: each rule with the smallest token that breaks it and nothing else.
func TestMustReject(t *testing.T) {
	k := generate(t, key.SM2)
	for name, c := range map[string]struct {
		payload     string
		disclosures []string
		want        error // nil: must be accepted
		claims      string
	}{
		"plain":                       {`{"a":1,"_sd_alg":"sm3"}`, nil, nil, `{"a":1}`},
		"one claim":                   {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, nil, `{"n":1}`},
		"decoys are ignored":          {`{"_sd":["D0","decoy","x"],"a":{"_sd":["y"]},"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, nil, `{"n":1,"a":{}}`},
		"empty _sd":                   {`{"_sd":[],"a":1,"_sd_alg":"sm3"}`, nil, nil, `{"a":1}`},
		"array element":               {`{"a":[1,{"...":"D0"},{"...":"hidden"},3],"_sd_alg":"sm3"}`, []string{`["s",2]`}, nil, `{"a":[1,2,3]}`},
		"all elements hidden":         {`{"a":[{"...":"x"},{"...":"y"}],"_sd_alg":"sm3"}`, nil, nil, `{"a":[]}`},
		"array in an array":           {`{"a":[[{"...":"D0"}],[{"...":"x"}]],"_sd_alg":"sm3"}`, []string{`["s",2]`}, nil, `{"a":[[2],[]]}`},
		"object in an array":          {`{"a":[{"_sd":["D0"]},{"_sd":["x"]}],"_sd_alg":"sm3"}`, []string{`["s","n",2]`}, nil, `{"a":[{"n":2},{}]}`},
		"recursive":                   {`{"_sd":["D1"],"_sd_alg":"sm3"}`, []string{`["s","in",1]`, `["s","out",{"_sd":["D0"],"x":2}]`}, nil, `{"out":{"in":1,"x":2}}`},
		"recursive, hidden inside":    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","out",{"_sd":["hidden"],"x":2}]`}, nil, `{"out":{"x":2}}`},
		"recursive element":           {`{"a":[{"...":"D1"}],"_sd_alg":"sm3"}`, []string{`["s",1]`, `["s",[{"...":"D0"},{"...":"hidden"}]]`}, nil, `{"a":[[1]]}`},
		"same name, other level":      {`{"_sd":["D0"],"a":{"_sd":["D1"]},"_sd_alg":"sm3"}`, []string{`["s","n",1]`, `["t","n",2]`}, nil, `{"n":1,"a":{"n":2}}`},
		"names as values":             {`{"_sd":["D0"],"a":"_sd","_sd_alg":"sm3"}`, []string{`["s","n","..."]`}, nil, `{"n":"...","a":"_sd"}`},
		"space in a disclosure":       {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{` [ "s" , "n" , 1 ] `}, nil, `{"n":1}`},
		"empty salt":                  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["","n",1]`}, nil, `{"n":1}`},
		"null value":                  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",null]`}, nil, `{"n":null}`},
		"hash unknown":                {`{"_sd":["D0"],"_sd_alg":"md5"}`, []string{`["s","n",1]`}, ErrHash, ""},
		"hash too weak":               {`{"_sd":["D0"],"_sd_alg":"sha-256-32"}`, []string{`["s","n",1]`}, ErrHash, ""},
		"hash in other case":          {`{"_sd":["D0"],"_sd_alg":"SM3"}`, []string{`["s","n",1]`}, ErrHash, ""},
		"hash null":                   {`{"_sd":["D0"],"_sd_alg":null}`, []string{`["s","n",1]`}, ErrHash, ""},
		"hash empty":                  {`{"_sd":["D0"],"_sd_alg":""}`, []string{`["s","n",1]`}, ErrHash, ""},
		"hash is a list":              {`{"_sd":["D0"],"_sd_alg":["sm3"]}`, []string{`["s","n",1]`}, ErrHash, ""},
		"hash missing":                {`{"_sd":["D0"]}`, []string{`["s","n",1]`}, ErrDisclosureUnknown, ""},
		"hash of the other kind":      {`{"_sd":["D0"],"_sd_alg":"sha-256"}`, []string{`["s","n",1]`}, ErrDisclosureUnknown, ""},
		"_sd_alg inside":              {`{"a":{"_sd_alg":"sm3"},"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"_sd_alg in a disclosure":     {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",{"_sd_alg":"sm3"}]`}, ErrMalformed, ""},
		"_sd_alg disclosed":           {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","_sd_alg","sm3"]`}, ErrDisclosureMalformed, ""},
		"_sd is a string":             {`{"_sd":"D0","_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrMalformed, ""},
		"_sd is null":                 {`{"_sd":null,"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"_sd of numbers":              {`{"_sd":[1],"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"_sd of null":                 {`{"_sd":[null],"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"_sd as an escape":            {`{"a":{"\u005fsd":"x"},"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"... of a number":             {`{"a":[{"...":1}],"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"... of null":                 {`{"a":[{"...":null}],"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"... with company":            {`{"a":[{"...":"x","b":1}],"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"... outside an array":        {`{"a":{"...":"x"},"_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"... at the top":              {`{"...":"x","_sd_alg":"sm3"}`, nil, ErrMalformed, ""},
		"disclosure unknown":          {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`, `["s","m",1]`}, ErrDisclosureUnknown, ""},
		"only named by a hidden one":  {`{"_sd":["hidden"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureUnknown, ""},
		"unknown name each other":     {`{"_sd_alg":"sm3"}`, []string{`["s","n",1]`, `["s","m",{"_sd":["D0"]}]`}, ErrDisclosureUnknown, ""},
		"disclosure twice":            {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`, `["s","n",1]`}, ErrDisclosureDuplicate, ""},
		"digest twice":                {`{"_sd":["D0","D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureDuplicate, ""},
		"decoy twice":                 {`{"_sd":["x","x"],"_sd_alg":"sm3"}`, nil, ErrDisclosureDuplicate, ""},
		"digest at two levels":        {`{"_sd":["D0"],"a":{"_sd":["D0"]},"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureDuplicate, ""},
		"digest in object and array":  {`{"_sd":["D0"],"a":[{"...":"D0"}],"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureMalformed, ""},
		"element digest twice":        {`{"a":[{"...":"D0"},{"...":"D0"}],"_sd_alg":"sm3"}`, []string{`["s",1]`}, ErrDisclosureDuplicate, ""},
		"digest twice via disclosure": {`{"_sd":["D0","D1"],"_sd_alg":"sm3"}`, []string{`["s","in",1]`, `["s","out",{"_sd":["D0"]}]`}, ErrDisclosureDuplicate, ""},
		"decoy twice via disclosure":  {`{"_sd":["D0","x"],"_sd_alg":"sm3"}`, []string{`["s","out",{"_sd":["x"]}]`}, ErrDisclosureDuplicate, ""},
		"name taken by an open claim": {`{"_sd":["D0"],"n":0,"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureMalformed, ""},
		"name disclosed twice":        {`{"_sd":["D0","D1"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`, `["t","n",2]`}, ErrDisclosureMalformed, ""},
		"name taken inside":           {`{"a":{"_sd":["D0"],"n":0},"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureMalformed, ""},
		"name taken in a disclosure":  {`{"_sd":["D1"],"_sd_alg":"sm3"}`, []string{`["s","n",1]`, `["s","out",{"_sd":["D0"],"n":0}]`}, ErrDisclosureMalformed, ""},
		"two parts in _sd":            {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s",1]`}, ErrDisclosureMalformed, ""},
		"three parts in an array":     {`{"a":[{"...":"D0"}],"_sd_alg":"sm3"}`, []string{`["s","n",1]`}, ErrDisclosureMalformed, ""},
		"four parts":                  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1,2]`}, ErrDisclosureMalformed, ""},
		"one part":                    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s"]`}, ErrDisclosureMalformed, ""},
		"no parts":                    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`[]`}, ErrDisclosureMalformed, ""},
		"an object":                   {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`{"s":1}`}, ErrDisclosureMalformed, ""},
		"null":                        {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`null`}, ErrDisclosureMalformed, ""},
		"not JSON":                    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1`}, ErrDisclosureMalformed, ""},
		"two values":                  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",1][]`}, ErrDisclosureMalformed, ""},
		"not UTF-8":                   {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{"[\"s\",\"n\",\"\xff\"]"}, ErrDisclosureMalformed, ""},
		"name twice inside":           {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",{"a":1,"a":2}]`}, ErrDisclosureMalformed, ""},
		"too deep":                    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","n",` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `]`}, ErrDisclosureMalformed, ""},
		"salt is a number":            {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`[1,"n",1]`}, ErrDisclosureMalformed, ""},
		"salt is null":                {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`[null,"n",1]`}, ErrDisclosureMalformed, ""},
		"name is a number":            {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s",1,1]`}, ErrDisclosureMalformed, ""},
		"name is null":                {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s",null,1]`}, ErrDisclosureMalformed, ""},
		"name empty":                  {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","",1]`}, ErrDisclosureMalformed, ""},
		"name _sd":                    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","_sd",["x"]]`}, ErrDisclosureMalformed, ""},
		"name ...":                    {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","...","x"]`}, ErrDisclosureMalformed, ""},
		"name _sd, escaped":           {`{"_sd":["D0"],"_sd_alg":"sm3"}`, []string{`["s","\u005fsd",["x"]]`}, ErrDisclosureMalformed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(build(t, k, SM3, c.payload, c.disclosures...), Type)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				require.Nil(t, s)
				return
			}
			require.NoError(t, err)
			claims, err := s.Claims()
			require.NoError(t, err)
			got, err := json.Marshal(claims)
			require.NoError(t, err)
			require.JSONEq(t, c.claims, string(got))
		})
	}
	s, err := Parse(build(t, k, SHA256, `{"_sd":["D0"]}`, `["s","n",1]`), Type)
	require.NoError(t, err, "without _sd_alg the hash is sha-256")
	require.Equal(t, SHA256, s.Hash)

	// Disclosures within disclosures cost depth like everything else.
	nested := []string{`["s","n",1]`}
	for i := range 60 {
		nested = append(nested, fmt.Sprintf(`["s","n",{"_sd":["D%d"]}]`, i))
	}
	_, err = Parse(build(t, k, SM3, fmt.Sprintf(`{"_sd":["D%d"],"_sd_alg":"sm3"}`, 60), nested...), Type)
	require.Error(t, err)
}

func TestForm(t *testing.T) {
	i := issue(t, key.SM2)
	shown := i.present(t, "name")
	s, err := Parse(shown, Type)
	require.NoError(t, err)
	d := s.Disclosures[0].Encoded
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":                     {"", ErrMalformed},
		"tilde":                     {"~", ErrMalformed},
		"a JWT alone":               {s.jwt, ErrMalformed},
		"empty disclosure":          {s.jwt + "~~", ErrDisclosureMalformed},
		"empty disclosure at last":  {s.jwt + "~" + d + "~~", ErrDisclosureMalformed},
		"padded disclosure":         {s.jwt + "~" + d + "=~", ErrDisclosureMalformed},
		"newline in a disclosure":   {s.jwt + "~" + d + "\n~", ErrDisclosureMalformed},
		"JWT as a disclosure":       {s.jwt + "~" + s.KeyBinding + "~", ErrDisclosureMalformed},
		"two key bindings":          {shown + "~" + s.KeyBinding, ErrDisclosureMalformed},
		"space in front":            {" " + shown, ErrMalformed},
		"JSON serialization":        {`{"payload":"e30","protected":"e30","signature":"AA","header":{"disclosures":[]}}`, ErrMalformed},
		"disclosures in front":      {d + "~" + s.jwt, ErrMalformed},
		"too many disclosures":      {s.jwt + strings.Repeat("~A", 600) + "~", ErrMalformed},
		"huge":                      {s.jwt + "~" + strings.Repeat("A", MaxSize), ErrMalformed},
		"disclosure twice":          {s.jwt + "~" + d + "~" + d + "~", ErrDisclosureDuplicate},
		"disclosure of another one": {s.jwt + "~" + issue(t, key.SM2).parse(t).Disclosures[0].Encoded + "~", ErrDisclosureUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.text, Type)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err = Parse(shown, "vc+sd-jwt")
	require.ErrorIs(t, err, jose.ErrType)
	_, err = Parse(encodeText(`{"alg":"none","typ":"dc+sd-jwt"}`)+"."+encodeText(`{}`)+".~", Type)
	require.ErrorIs(t, err, jose.ErrAlgorithm)
	_, err = ParseIssued(shown, Type)
	require.ErrorIs(t, err, ErrBindingUnexpected)
}

// The holder's proof: RFC 9901 §7.3 step 5, one fault each.
func TestVerifyBinding(t *testing.T) {
	for _, a := range both {
		i := issue(t, a)
		s := i.parse(t)
		text, err := s.Select("name")
		require.NoError(t, err)
		good := map[string]any{"iat": then.Unix(), "aud": audience, "nonce": nonce, "sd_hash": s.Hash.text([]byte(text))}
		with := func(name string, v any) map[string]any {
			out := map[string]any{}
			for n, v := range good {
				out[n] = v
			}
			if out[name] = v; v == nil {
				delete(out, name)
			}
			return out
		}
		stranger := generate(t, a)
		other := generate(t, both[(len(both)+1-indexOf(a))%2])
		everything, err := s.Select(s.Disclosed()...)
		require.NoError(t, err)
		bad := base64.RawURLEncoding.EncodeToString(map[Hash]Hash{SM3: SHA256, SHA256: SM3}[s.Hash].Sum([]byte(text)))
		for name, c := range map[string]struct {
			signer *key.Private
			typ    string
			claims map[string]any
			want   error
		}{
			"good":                    {i.holder, TypeBinding, good, nil},
			"more claims":             {i.holder, TypeBinding, with("transaction_data_hashes", []string{"x"}), nil},
			"fraction of a second":    {i.holder, TypeBinding, with("iat", float64(then.Unix())+0.5), nil},
			"oldest":                  {i.holder, TypeBinding, with("iat", then.Unix()-60), nil},
			"newest":                  {i.holder, TypeBinding, with("iat", then.Unix()+10), nil},
			"too old":                 {i.holder, TypeBinding, with("iat", then.Unix()-61), ErrProofOld},
			"a year old":              {i.holder, TypeBinding, with("iat", then.Unix()-365*86400), ErrProofOld},
			"from the future":         {i.holder, TypeBinding, with("iat", then.Unix()+11), ErrProofFuture},
			"clock five minutes fast": {i.holder, TypeBinding, with("iat", then.Unix()+300), ErrProofFuture},
			"clock five minutes slow": {i.holder, TypeBinding, with("iat", then.Unix()-300), ErrProofOld},
			"expired by itself":       {i.holder, TypeBinding, with("exp", then.Unix()-30), ErrProofOld},
			"nonce of another":        {i.holder, TypeBinding, with("nonce", nonce+"x"), ErrNonce},
			"nonce empty":             {i.holder, TypeBinding, with("nonce", ""), ErrNonce},
			"nonce missing":           {i.holder, TypeBinding, with("nonce", nil), ErrBinding},
			"nonce is a number":       {i.holder, TypeBinding, with("nonce", 7), ErrBinding},
			"audience of another":     {i.holder, TypeBinding, with("aud", "https://evil.example"), ErrAudience},
			"audience as a list":      {i.holder, TypeBinding, with("aud", []string{audience}), ErrBinding},
			"audience missing":        {i.holder, TypeBinding, with("aud", nil), ErrBinding},
			"iat missing":             {i.holder, TypeBinding, with("iat", nil), ErrBinding},
			"iat is a string":         {i.holder, TypeBinding, with("iat", fmt.Sprint(then.Unix())), ErrBinding},
			"iat negative":            {i.holder, TypeBinding, with("iat", -1), ErrBinding},
			"iat huge":                {i.holder, TypeBinding, with("iat", 1e300), ErrBinding},
			"sd_hash missing":         {i.holder, TypeBinding, with("sd_hash", nil), ErrBinding},
			"sd_hash of more":         {i.holder, TypeBinding, with("sd_hash", s.Hash.text([]byte(everything))), ErrBinding},
			"sd_hash without tilde":   {i.holder, TypeBinding, with("sd_hash", s.Hash.text([]byte(text[:len(text)-1]))), ErrBinding},
			"sd_hash by other hash":   {i.holder, TypeBinding, with("sd_hash", bad), ErrBinding},
			"wrong typ":               {i.holder, "jwt", good, ErrBinding},
			"no typ":                  {i.holder, "", good, ErrBinding},
			"typ of the certificate":  {i.holder, Type, good, ErrBinding},
			"another key":             {stranger, TypeBinding, good, ErrBinding},
			"the issuer's key":        {i.issuer, TypeBinding, good, ErrBinding},
			"another algorithm":       {other, TypeBinding, good, ErrBinding},
		} {
			t.Run(string(a)+" "+name, func(t *testing.T) {
				kb, err := jose.SignJSON(c.signer, jose.SignHeader{Type: c.typ, KeyID: "-"}, c.claims)
				require.NoError(t, err)
				p, err := Parse(text+kb, Type)
				require.NoError(t, err)
				cnf, err := p.Confirmation()
				require.NoError(t, err)
				err = p.VerifyBinding(cnf, Expect{Audience: audience, Nonce: nonce, Now: then})
				if c.want == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, c.want)
			})
		}
		kb, err := jose.SignJSON(i.holder, jose.SignHeader{Type: TypeBinding, KeyID: "-"}, good)
		require.NoError(t, err)
		for name, c := range map[string]struct {
			text string
			want error
		}{
			"a disclosure less":   {s.jwt + "~" + kb, ErrBinding},
			"a disclosure more":   {everything + kb, ErrBinding},
			"none":                {text, ErrBindingMissing},
			"not a JWT":           {text + "abc", ErrBinding},
			"alg none":            {text + encodeText(`{"alg":"none","typ":"kb+jwt"}`) + "." + strings.Split(kb, ".")[1] + ".", ErrBinding},
			"signature cut off":   {text + kb[:len(kb)-4], ErrBinding},
			"certificate as a KB": {text + s.jwt, ErrBinding},
		} {
			t.Run(string(a)+" "+name, func(t *testing.T) {
				p, err := Parse(c.text, Type)
				require.NoError(t, err)
				require.ErrorIs(t, p.VerifyBinding(i.holder.Public(), Expect{Audience: audience, Nonce: nonce, Now: then}), c.want)
			})
		}
		p, err := Parse(text+kb, Type)
		require.NoError(t, err)
		require.NoError(t, p.VerifyBinding(i.holder.Public(), Expect{Audience: audience, Nonce: nonce, Now: then.Add(4 * time.Minute), MaxAge: 5 * time.Minute}))
		require.NoError(t, p.VerifyBinding(i.holder.Public(), Expect{Audience: audience, Nonce: nonce, Now: then.Add(-4 * time.Minute), Skew: 5 * time.Minute}))
		for name, e := range map[string]Expect{"no nonce": {Audience: audience, Now: then}, "no audience": {Nonce: nonce, Now: then}, "no time": {Audience: audience, Nonce: nonce}} {
			require.ErrorIs(t, p.VerifyBinding(i.holder.Public(), e), ErrBinding, name)
		}
		require.ErrorIs(t, p.VerifyBinding(nil, Expect{Audience: audience, Nonce: nonce, Now: then}), ErrBinding)
	}
}

func indexOf(a key.Algorithm) int {
	if a == both[0] {
		return 0
	}
	return 1
}

func TestPresentRefuses(t *testing.T) {
	i := issue(t, key.SM2)
	s := i.parse(t)
	b := Binding{Audience: audience, Nonce: nonce, IssuedAt: then}
	_, err := s.Present([]string{"name"}, generate(t, key.SM2), b)
	require.ErrorIs(t, err, ErrBinding, "another key makes a proof that nobody takes")
	_, err = s.Present([]string{"no such claim"}, i.holder, b)
	require.ErrorIs(t, err, ErrClaim)
	for _, b := range []Binding{{Nonce: nonce, IssuedAt: then}, {Audience: audience, IssuedAt: then}, {Audience: audience, Nonce: nonce}} {
		_, err = s.Present(nil, i.holder, b)
		require.Error(t, err)
	}
	for name, cnf := range map[string]any{"none": nil, "empty": map[string]any{}, "kid only": map[string]any{"kid": "x"}, "a string": "x", "jwk is a string": map[string]any{"jwk": "x"},
		"RSA": map[string]any{"jwk": map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, "off the curve": map[string]any{"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}}} {
		t.Run("cnf "+name, func(t *testing.T) {
			claims := map[string]any{"vct": "x"}
			if cnf != nil {
				claims["cnf"] = cnf
			}
			text, err := Sign(i.issuer, Issue{Claims: claims})
			require.NoError(t, err)
			s, err := Parse(text, Type)
			require.NoError(t, err)
			_, err = s.Confirmation()
			require.ErrorIs(t, err, ErrConfirmation)
			require.Equal(t, cnf == nil, errors.Is(err, ErrBindingMissing))
			_, err = s.Present(nil, i.holder, b)
			require.ErrorIs(t, err, ErrConfirmation)
		})
	}
}
