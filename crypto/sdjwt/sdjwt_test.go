package sdjwt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

func TestRoundTrip(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		t.Run(string(a), func(t *testing.T) {
			issuer, err := key.Generate(a)
			require.NoError(t, err)
			holder, err := key.Generate(a)
			require.NoError(t, err)
			text, err := Sign(issuer, Issue{
				Claims: map[string]any{"iss": "https://issuer.example", "vct": "https://issuer.example/types/x/1",
					"cnf": map[string]any{"jwk": holder.Public().Confirmation()}, "exp": 2000000000},
				Disclosable: []Claim{
					{"name", "张三"},
					{"birth_date", "1990-01-01"},
					{"address", Object{Claims: map[string]any{"country": "CN"}, Disclosable: []Claim{{"city", "长沙"}}, Decoys: 2}},
					{"classes", Array{"C1", Element{"D"}, Element{"E"}}},
				},
				Decoys: 3,
			})
			require.NoError(t, err)
			s, err := ParseIssued(text, Type)
			require.NoError(t, err)
			require.NoError(t, s.Token.Verify(issuer.Public()))
			require.NoError(t, CheckVC(s))
			require.Len(t, s.Disclosures, 7)
			require.ElementsMatch(t, []string{"name", "birth_date", "address", "classes"}, s.Disclosed())
			claims, err := s.Claims()
			require.NoError(t, err)
			require.JSONEq(t, `{"country":"CN","city":"长沙"}`, string(claims["address"]))
			require.JSONEq(t, `["C1","D","E"]`, string(claims["classes"]))

			now := time.Unix(1800000000, 0)
			shown, err := s.Present([]string{"name", "address"}, holder, Binding{Audience: "https://bank.example", Nonce: "n-1", IssuedAt: now})
			require.NoError(t, err)
			p, err := Parse(shown, Type)
			require.NoError(t, err)
			require.NoError(t, p.Token.Verify(issuer.Public()))
			cnf, err := p.Confirmation()
			require.NoError(t, err)
			require.NoError(t, p.VerifyBinding(cnf, Expect{Audience: "https://bank.example", Nonce: "n-1", Now: now}))
			claims, err = p.Claims()
			require.NoError(t, err)
			require.NoError(t, claims.CheckTime(now, 0))
			require.NotContains(t, claims, "birth_date")
			require.NotContains(t, claims, "classes")
			require.NotContains(t, claims, "_sd")
			require.NotContains(t, claims, "_sd_alg")
			require.JSONEq(t, `"张三"`, string(claims["name"]))
		})
	}
}
