package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
)

// Many change, copy, push and record at once in one process, over a few lists, certificates and keys
// that all of them want: nobody waits in a ring, so the server ends nobody.
func TestLanesNeverWaitInARing(t *testing.T) {
	pg, address := postgres(t), database(t)
	ctx := t.Context()
	s, err := sqlstore.Open(ctx, sqlstore.Config{URL: address, Keys: newKeys(t), ListSize: 128})
	require.NoError(t, err)
	var ids []string
	for i := range 8 { // lists of 128 slots: each batch of 100 begins one
		r, err := s.Reserve(ctx, "police", nil, 100)
		require.NoError(t, err)
		c := sealedCertificate(fmt.Sprint("shared ", i), fmt.Sprint("shared ", i))
		c.Slot = issuer.Slot{List: r.List, Index: r.Counters[0]}
		_, err = s.Commit(ctx, issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{c}})
		require.NoError(t, err)
		ids = append(ids, c.Identifier)
	}
	var wg sync.WaitGroup
	for n := range 24 {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		wg.Go(func() {
			for round := range 15 {
				id := ids[random.IntN(len(ids))]
				r, err := s.Reserve(background(), "police", nil, 2)
				if err != nil {
					t.Error(err)
					return
				}
				slot := func(i int) issuer.Slot { return issuer.Slot{List: r.List, Index: r.Counters[i]} }
				switch n % 4 {
				case 0:
					to, from := issuer.Suspended, issuer.Valid
					if random.IntN(2) == 0 {
						to, from = from, to
					}
					_, _ = s.ChangeState(background(), issuer.Change{Authority: "police", Identifier: id, From: []issuer.State{from}, To: to, At: time.Now()}) // many are refused
				case 1:
					err = s.AddCopy(background(), issuer.Copy{Identifier: id, Slot: slot(0), KeyID: fmt.Sprint("key ", random.IntN(3)), CreatedAt: time.Now()})
				case 2:
					var b issuer.Batch
					b.Authority = "police"
					for i := range 2 {
						c := sealedCertificate(fmt.Sprint(n, " ", round, " ", i), fmt.Sprint(n, " ", round, " ", i))
						c.Slot, c.State = slot(i), issuer.Suspended
						b.Certificates = append(b.Certificates, c)
					}
					_, err = s.Commit(background(), b)
				default:
					err = s.Record(background(), benchmarkVerification(int64(5000+n*1000+round)))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Close())
	ask := func(query string) string {
		out, err := pg.Query(ctx, "postgres", fmt.Sprintf(query, nameOf(address)))
		require.NoError(t, err)
		return out
	}
	for ask(`SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'`) != "0" { // they count when they end
		require.NoError(t, ctx.Err())
	}
	require.Equal(t, "0", ask(`SELECT deadlocks FROM pg_stat_database WHERE datname = '%s'`))
}
