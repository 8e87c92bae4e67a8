package redisstore_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/wallet"
)

// What a person with a code on her screen takes: the show, claimed, three codes of it, and where it
// is found by her id. docs/operations.md says how much a million of them take.
func TestMemoryOfAShow(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	used := func() int64 {
		var n int64
		for line := range strings.Lines(server.Do("INFO", "memory").(string)) {
			if rest, ok := strings.CutPrefix(line, "used_memory:"); ok {
				_, err := fmt.Sscan(rest, &n)
				require.NoError(t, err)
			}
		}
		require.Positive(t, n)
		return n
	}
	fill := func(from, to int) {
		var group sync.WaitGroup
		for w := range 8 {
			group.Go(func() {
				for i := from + w; i < to; i += 8 {
					at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
					id, person := fmt.Sprintf("shw_%022d", i), fmt.Sprintf("%043d", i)
					err := s.PutShow(t.Context(), wallet.Show{
						ID: id, HolderID: person, PersonID: person, Identifier: fmt.Sprintf("1.2.156.3005.2.%s.0001.%020d.V", "11430000MB1D000127", i), Type: "resident-id",
						View: "identity", Fields: []string{"name", "id_number", "not_expired", "portrait_digest"}, Scene: "any", Lifetime: time.Minute, OpenUntil: at, Method: "sign-in", VerifiedAt: at,
					}, time.Hour)
					for n := range 3 {
						if err == nil {
							err = s.PutTicket(t.Context(), [32]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(n)}, wallet.Ticket{ShowID: id, ExpiresAt: at}, time.Hour)
						}
					}
					if err == nil {
						err = s.Claim(t.Context(), id, "demo-bank/0123456789abcdef", time.Hour)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	}
	fill(0, 500) // connections, scripts, tables of some size
	const n = 8000
	before := used()
	fill(500, 500+n)
	each := (used() - before) / n
	t.Logf("%d bytes", each)
	require.Less(t, each, int64(3000))
}
