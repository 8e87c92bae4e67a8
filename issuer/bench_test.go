package issuer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/schemas"
)

// thousand is a push of 1,000 rows of a type.
func thousand(b *testing.B, typeID string, round int) string {
	r := row(b, typeID)
	var text strings.Builder
	for i := range 1000 {
		text.WriteString(line(b, fmt.Sprintf("b%d-%d", round, i), func(x *schemas.Row) { *x = r; x.Key = fmt.Sprintf("b%d-%d", round, i) }))
	}
	return text.String()
}

// BenchmarkPush is the whole way of 1,000 rows: read, checked, signed and durable in SQLite. Hold
// its rows/s against those of BenchmarkSign in the same run.
func BenchmarkPush(b *testing.B) {
	for _, typeID := range []string{"vehicle-licence", "drivers-licence"} {
		b.Run(typeID, func(b *testing.B) {
			f := newFixture(b)
			round := 0
			var busy time.Duration
			for b.Loop() {
				round++
				text := thousand(b, typeID, round)
				began := time.Now()
				job, err := f.Push(b.Context(), upload(fmt.Sprintf("bench-%d", round)), strings.NewReader(text))
				busy += time.Since(began)
				require.NoError(b, err)
				require.EqualValues(b, 1000, job.Accepted)
			}
			b.ReportMetric(float64(1000*round)/busy.Seconds(), "rows/s")
		})
	}
}

// BenchmarkSign is nothing but the signatures of the same certificates, on all cores.
func BenchmarkSign(b *testing.B) {
	f := newFixture(b)
	signer := f.registry.authorities[police].Signer
	for _, typeID := range []string{"vehicle-licence", "drivers-licence"} {
		r := row(b, typeID)
		typ, err := f.catalogue.Type(typeID)
		require.NoError(b, err)
		in := sdjwt.Issue{Header: jose.SignHeader{Type: sdjwt.Type}, Claims: map[string]any{"iss": baseURL, "vct": baseURL + typ.Path(), "iat": 1, "nbf": 1, "exp": 2}}
		for name, v := range typ.ClaimsOf(r) {
			in.Disclosable = append(in.Disclosable, sdjwt.Claim{Name: name, Value: v})
		}
		predicates, _ := typ.Evaluate(typ.ClaimsOf(r), start)
		for name, v := range predicates {
			in.Disclosable = append(in.Disclosable, sdjwt.Claim{Name: name, Value: v})
		}
		b.Run(typeID, func(b *testing.B) {
			n := 0
			began := time.Now()
			for b.Loop() {
				var wg sync.WaitGroup
				for range 2 {
					wg.Go(func() {
						for range 500 {
							if _, err := sdjwt.Sign(signer, in); err != nil {
								panic(err)
							}
						}
					})
				}
				wg.Wait()
				n += 1000
			}
			b.ReportMetric(float64(n)/time.Since(began).Seconds(), "rows/s")
		})
	}
	b.Run("signature alone", func(b *testing.B) {
		n := 0
		began := time.Now()
		message := []byte(strings.Repeat("x", 1500))
		for b.Loop() {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 500 {
						if _, err := signer.Sign(message); err != nil {
							panic(err)
						}
					}
				})
			}
			wg.Wait()
			n += 1000
		}
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "rows/s")
	})
}
