package redisstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

func BenchmarkLookup(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, redisstore.Config{URL: server.URL})
	require.NoError(b, s.Replace(b.Context(), issuer.ListHead{Name: "1", Size: storetest.FullList}, make([]byte, storetest.FullList/4), asOf))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		for i := uint64(0); pb.Next(); i += 7919 {
			if _, _, known, err := s.Lookup(ctx, "1", i%storetest.FullList); err != nil || !known {
				b.Error(known, err)
				return
			}
		}
	})
}

func BenchmarkClaim(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, redisstore.Config{URL: server.URL})
	ids := make([]string, 1024)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
		require.NoError(b, s.PutShow(b.Context(), wallet.Show{ID: ids[i]}, time.Hour))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		for i := 0; pb.Next(); i++ {
			if err := s.Claim(ctx, ids[i%1024], "bank:1", time.Minute); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkPing is what any round trip costs here.
func BenchmarkPing(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, redisstore.Config{URL: server.URL})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Ready(context.Background()); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkApply applies a thousand changes at a time.
func BenchmarkApply(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, redisstore.Config{URL: server.URL})
	require.NoError(b, s.Replace(b.Context(), issuer.ListHead{Name: "1", Size: storetest.FullList}, make([]byte, storetest.FullList/4), asOf))
	changes := make([]issuer.StatusChange, 1000)
	seq := uint64(0)
	for b.Loop() {
		for i := range changes {
			changes[i] = issuer.StatusChange{Seq: seq + 1 + uint64(i), Index: uint64(i) * 1047, Status: 1}
		}
		if err := s.Apply(b.Context(), "1", seq, seq+1000, changes, asOf); err != nil {
			b.Fatal(err)
		}
		seq += 1000
	}
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkReplace sets a whole list.
func BenchmarkReplace(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, redisstore.Config{URL: server.URL})
	raw := make([]byte, storetest.FullList/4)
	for b.Loop() {
		if err := s.Replace(b.Context(), issuer.ListHead{Name: "1", Size: storetest.FullList}, raw, asOf); err != nil {
			b.Fatal(err)
		}
	}
}
