package sqlstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// erasing is a run of a process that fills and erases people until it is killed.
const erasingRun = "erasing-"

const looksEach = 40

// erasing says "begun" before and "erased" after each person's erasure.
func erasing(s *sqlstore.Store, run string) error {
	ctx := context.Background()
	now := time.Now()
	for i := 0; ; i++ {
		holder := fmt.Sprintf("%s%d", run, i)
		for j := range looksEach {
			id := fmt.Sprintf("%s-%d", holder, j)
			v := verifier.Verification{ID: id, At: now, HolderID: holder, Party: "bank", Identifier: "id", AnswerUntil: now, Receipt: []byte("{}")}
			if err := s.Record(ctx, v); err != nil {
				return err
			}
		}
		if err := s.PutCopy(ctx, wallet.Copy{HolderID: holder, Identifier: "id", Credential: "x", RefreshAt: now, CreatedAt: now}); err != nil {
			return err
		}
		if _, err := s.FileDispute(ctx, rights.Filing{Dispute: rights.Dispute{ID: holder, Verification: holder + "-0", Side: rights.SideHolder, Reason: "x", State: rights.Open, FiledAt: now}, Holders: []string{holder}}); err != nil {
			return err
		}
		if err := s.PrepareErasure(ctx, holder, "token", now.Add(time.Hour)); err != nil {
			return err
		}
		fmt.Println("begun " + holder)
		if _, err := s.Erase(ctx, holder, "token", now); err != nil {
			return err
		}
		fmt.Println("erased " + holder)
	}
}

// A process is killed while it erases people: each of them is erased whole, or not at all, and
// whoever was told that she is erased is.
func TestKilledErasureIsWholeOrNothing(t *testing.T) { onEach(t, eachKilledErasureIsWholeOrNothing) }

func eachKilledErasureIsWholeOrNothing(t *testing.T, fresh string) {
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "key")))
	_, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "key")})
	require.NoError(t, err)
	cfg, err := crashConfig(folder, fresh)
	require.NoError(t, err)
	whole, erased := 0, 0
	for round := range 5 {
		told := map[string]bool{}
		for _, line := range killAfter(t, folder, fresh, fmt.Sprintf("%s%d-", erasingRun, round), 1+2*rand.IntN(6)+round%2) {
			what, holder, _ := strings.Cut(line, " ")
			told[holder] = told[holder] || what == "erased"
		}
		s, err := sqlstore.Open(t.Context(), cfg)
		require.NoError(t, err)
		for holder, done := range told {
			looks, err := s.Looks(t.Context(), holder, wallet.Cursor{At: time.Now().Add(time.Hour)}, 200)
			require.NoError(t, err)
			_, copyErr := s.Copy(t.Context(), holder, "id")
			disputes, err := s.DisputesBy(t.Context(), holder)
			require.NoError(t, err)
			if done || len(looks) == 0 {
				require.Empty(t, looks, holder)
				require.ErrorIs(t, copyErr, wallet.ErrHoldingUnknown)
				require.Empty(t, disputes)
				erased++
				continue
			}
			require.Len(t, looks, looksEach, "half a person: %s", holder)
			require.NoError(t, copyErr)
			require.Len(t, disputes, 1)
			whole++
		}
		require.NoError(t, s.Close())
	}
	t.Logf("%d erased, %d untouched", erased, whole)
	require.NotZero(t, erased+whole)
}
