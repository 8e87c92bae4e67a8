package sdjwt

import "testing"

func BenchmarkSign(b *testing.B) {
	for _, a := range both {
		b.Run(string(a), func(b *testing.B) {
			issuer, holder := generate(b, a), generate(b, a)
			in := Issue{Claims: map[string]any{"iss": "https://issuer.example", "vct": "https://issuer.example/types/x/1", "cnf": map[string]any{"jwk": holder.Public().Confirmation()}}, Decoys: 4}
			for _, name := range []string{"name", "sex", "ethnicity", "birth_date", "address", "number", "authority", "valid_from", "valid_until", "portrait_digest"} {
				in.Disclosable = append(in.Disclosable, Claim{name, "value of " + name})
			}
			for b.Loop() {
				if _, err := Sign(issuer, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheck is all that a verifier does with a presentation: two signatures included.
func BenchmarkCheck(b *testing.B) {
	for _, a := range both {
		b.Run(string(a), func(b *testing.B) {
			i := issue(b, a)
			text := i.present(b, "name", "address")
			for b.Loop() {
				if _, err := i.check(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	i := issue(b, both[0])
	for b.Loop() {
		if _, err := Parse(i.text, Type); err != nil {
			b.Fatal(err)
		}
	}
}
