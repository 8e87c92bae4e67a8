package login_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/login"
	"github.com/showcard/showcard/schemas"
)

// What a provider calls its holders, and who they are to us.
func TestHolder(t *testing.T) {
	citizen := schemas.HolderRef{Type: schemas.HolderCitizenID, Number: "430102198803129911", Name: "张示例"}
	for name, c := range map[string]struct {
		claims login.Claims
		said   map[string]any
		want   schemas.HolderRef
		code   string
	}{
		"number alone":       {login.Claims{HolderNumber: "id_number"}, nil, citizen, ""},
		"type by our code":   {login.Claims{HolderNumber: "id_number", HolderType: "kind"}, map[string]any{"kind": "111"}, citizen, ""},
		"type by its name":   {login.Claims{HolderNumber: "id_number", HolderType: "kind", Types: map[string]string{"sfz": "111"}}, map[string]any{"kind": "sfz"}, citizen, ""},
		"type not listed":    {login.Claims{HolderNumber: "id_number", HolderType: "kind", Types: map[string]string{"sfz": "111"}}, map[string]any{"kind": "x"}, schemas.HolderRef{}, "sign-in-identity-invalid"},
		"type missing":       {login.Claims{HolderNumber: "id_number", HolderType: "kind"}, nil, schemas.HolderRef{}, "sign-in-identity-invalid"},
		"company unasked":    {login.Claims{HolderNumber: "id_number", HolderType: "kind"}, map[string]any{"kind": "001", "id_number": "91350100M000100Y43"}, schemas.HolderRef{}, "sign-in-identity-invalid"},
		"company by listing": {login.Claims{HolderNumber: "id_number", HolderType: "kind", Types: map[string]string{"legal": "001"}}, map[string]any{"kind": "legal", "id_number": "91350100M000100Y43"}, schemas.HolderRef{Type: "001", Number: "91350100M000100Y43", Name: "张示例"}, ""},
		"passport":           {login.Claims{HolderNumber: "doc", DefaultType: "414", Name: "full_name"}, map[string]any{"doc": "e12345678", "full_name": " MUSTER, ERIKA "}, schemas.HolderRef{Type: "414", Number: "E12345678", Name: "MUSTER, ERIKA"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			o.claims = func(claims map[string]any) {
				for k, v := range c.said {
					claims[k] = v
				}
			}
			p := region(o, newKey(t, key.ES256))
			p.Claims = c.claims
			var seen schemas.HolderRef
			s := newSite(t, func(cfg *login.Config) {
				cfg.HolderID = func(h schemas.HolderRef) string { seen = h; return "blind" }
			}, p)
			a := s.signIn(s.browser)
			require.Equal(t, c.code, a.code, a.body)
			require.True(t, c.want == seen, name)
		})
	}
}

func TestUserInfo(t *testing.T) {
	for name, c := range map[string]struct {
		said map[string]any
		code string
	}{
		"adds what is missing":   {map[string]any{"sub": "u-1", "id_number": "430102198803129911"}, ""},
		"does not replace":       {map[string]any{"sub": "u-1", "id_number": "430102198803129911", "name": "李样本"}, ""},
		"of another":             {map[string]any{"sub": "u-2", "id_number": "430102198803129911"}, "sign-in-token-invalid"},
		"says nothing of number": {map[string]any{"sub": "u-1"}, "sign-in-identity-invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t, time.Now)
			o.claims = func(claims map[string]any) { claims["id_number"] = nil }
			o.userinfo = c.said
			p := region(o, newKey(t, key.ES256))
			p.UserInfo = true
			s := newSite(t, nil, p)
			require.Equal(t, c.code, s.signIn(s.browser).code)
			if c.code == "" {
				require.Equal(t, "张示例", s.in(s.browser))
			}
		})
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	require.NotContains(t, fmt.Sprintf("%v %+v %s %#v", login.Secret("s3cret"), login.Provider{Secret: "s3cret"}, login.Secret("s3cret"), login.Provider{Secret: "s3cret"}), "s3cret")
}
