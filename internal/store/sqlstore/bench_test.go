package sqlstore_test

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// benchmarkStore makes the statements' bytes real: a row of 0.6 KB, a credential of 2.5 KB.
func benchmarkStore(b *testing.B, url string) *sqlstore.Store {
	s, err := sqlstore.Open(b.Context(), sqlstore.Config{URL: url, Keys: newKeys(b)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

// onBoth runs a benchmark over each database; fresh makes an empty one. Both flush to the same disk.
func onBoth(b *testing.B, run func(b *testing.B, fresh func() string)) {
	b.Run("sqlite", func(b *testing.B) {
		run(b, func() string { return "sqlite:" + filepath.Join(b.TempDir(), "showcard.db") })
	})
	b.Run("postgres", func(b *testing.B) {
		pg, err := backing.StartPostgres(b.Context(), backing.PostgresConfig{Settings: map[string]string{"shared_buffers": "512MB"}})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, pg.Close()) })
		n := 0
		run(b, func() string {
			n++
			name := fmt.Sprint("b", n)
			require.NoError(b, pg.SQL(b.Context(), "postgres", "CREATE DATABASE "+name))
			return pg.Database(name)
		})
	})
}

func BenchmarkCommit500(b *testing.B) { onBoth(b, benchmarkCommit) }

func benchmarkCommit(b *testing.B, fresh func() string) {
	for _, size := range []int{0, 12_000} {
		b.Run(fmt.Sprintf("portrait=%d", size), func(b *testing.B) {
			s := benchmarkStore(b, fresh())
			_, err := s.BeginJob(b.Context(), issuer.JobStart{ID: "job", Authority: "police", Holder: "u", At: time.Now(), Lease: time.Hour})
			require.NoError(b, err)
			credential := "e." + strings.Repeat("e", 1000) + "." + strings.Repeat("s", 86) + "~" + strings.Repeat("e", 1400)
			portrait := make([]byte, size)
			_, _ = rand.Read(portrait)
			line := int64(0)
			for b.Loop() {
				keys := make([]string, 500)
				for i := range keys {
					keys[i] = rand.Text()
				}
				r, err := s.Reserve(b.Context(), "police", keys, len(keys))
				require.NoError(b, err)
				batch := issuer.Batch{Authority: "police", Job: "job", JobHolder: "u"}
				for i, k := range keys {
					line++
					batch.Certificates = append(batch.Certificates, issuer.NewCertificate{Line: line, Certificate: issuer.Certificate{
						Identifier: "1.2.156.3005.2.11100000000013338W001.11430000000000000X." + k[:20] + ".001.A",
						HolderID:   k, Credential: credential, Slot: issuer.Slot{List: r.List, Index: r.Counters[i]}, State: issuer.Valid, CreatedAt: time.Now(),
						Row: schemas.Row{
							Key: k, Type: "drivers-licence", Holder: schemas.HolderRef{Type: "111", Number: "430102198803129911", Name: "张示例"}, Region: "430102",
							IssuedOn: "2020-05-18", ValidFrom: "2020-05-18", ValidUntil: "2040-05-18", Portrait: portrait,
							Claims: schemas.Claims{"name": "张示例", "id_number": "430102198803129911", "address": strings.Repeat("湖南省长沙市", 5), "classes": "C1"},
						},
					}})
				}
				done, err := s.Commit(b.Context(), batch)
				require.NoError(b, err)
				require.NoError(b, done[499].Err)
			}
			b.ReportMetric(float64(b.N*500)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func benchmarkVerification(i int64) verifier.Verification {
	id := fmt.Sprint(i)
	return verifier.Verification{
		ID: rand.Text(), At: time.Now(), Caller: "client", Party: "bank", PartyName: "演示银行", RequestKey: id, ShowID: id, Ticket: [32]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)},
		HolderID: "holder" + id, Identifier: "1.2.156.3005.2.11100000000013338W001.11430000000000000X.ABCDEFGHIJKLMNOPQRST.001.A", Type: "resident-id", Purpose: "open-account",
		Fields: []string{"name", "over-18"}, Outcome: "valid", Via: "code", Answer: []byte(strings.Repeat("a", 1500)), Receipt: []byte(strings.Repeat("r", 1400)), AnswerUntil: time.Now().Add(time.Minute),
	}
}

func BenchmarkRecord(b *testing.B) { onBoth(b, benchmarkRecord) }

func benchmarkRecord(b *testing.B, fresh func() string) {
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := benchmarkStore(b, fresh())
			var n atomic.Int64
			b.SetParallelism(callers / 2) // of two cores
			if callers == 1 {
				for b.Loop() {
					require.NoError(b, s.Record(b.Context(), benchmarkVerification(n.Add(1))))
				}
			} else {
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if err := s.Record(b.Context(), benchmarkVerification(n.Add(1))); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkByRequest(b *testing.B) { onBoth(b, benchmarkByRequest) }

func benchmarkByRequest(b *testing.B, fresh func() string) {
	s := benchmarkStore(b, fresh())
	for i := range 1000 {
		require.NoError(b, s.Record(b.Context(), benchmarkVerification(int64(i))))
	}
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.ByRequest(b.Context(), "client", fmt.Sprint(n.Add(1)%1000)); err != nil {
				b.Error(err)
			}
		}
	})
}
