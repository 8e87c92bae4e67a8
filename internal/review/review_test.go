package review_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
)

// start is a Sunday in China.
var start = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// newDesk makes a desk over a database of its own, where p has looks v0 to v9 in her history.
func newDesk(t *testing.T, now *time.Time) *review.Desk {
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "k")))
	ks, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "k")})
	require.NoError(t, err)
	clock := func() time.Time { return *now }
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(folder, "db", "r.db")), Keys: ks, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d, err := review.New(review.Config{Store: db, Now: clock, Seen: func(_ context.Context, person, check string) (review.Check, error) {
		if person != "p" || len(check) != 2 || check[0] != 'v' {
			return review.Check{}, review.ErrCheckUnknown
		}
		return review.Check{ID: check, At: start, Party: "bank", PartyName: "示例银行", Purpose: "account-opening"}, nil
	}})
	require.NoError(t, err)
	return d
}

func TestSubmitRefuses(t *testing.T) {
	now := start
	d := newDesk(t, &now)
	good := review.Submission{Check: "v1", Level: 1, Text: "慢", Key: "k"}
	for name, edit := range map[string]func(*review.Submission){
		"no check":      func(s *review.Submission) { s.Check = "" },
		"long check":    func(s *review.Submission) { s.Check = strings.Repeat("x", 257) },
		"no level":      func(s *review.Submission) { s.Level = 0 },
		"level":         func(s *review.Submission) { s.Level = 6 },
		"too much said": func(s *review.Submission) { s.Text = strings.Repeat("字", 501) },
		"control":       func(s *review.Submission) { s.Text = "a\x1b[31m" },
	} {
		s := good
		edit(&s)
		_, err := d.Submit(t.Context(), "p", s)
		var wrong *httpd.Problem
		require.ErrorAs(t, err, &wrong, name)
	}
	for _, who := range []string{"q", ""} {
		_, err := d.Submit(t.Context(), who, good)
		require.ErrorIs(t, err, review.ErrCheckUnknown)
	}
	now = start.Add(30*24*time.Hour + time.Second)
	_, err := d.Submit(t.Context(), "p", good)
	require.ErrorIs(t, err, review.ErrLate)
	now = start.Add(30 * 24 * time.Hour)
	_, err = d.Submit(t.Context(), "p", good)
	require.NoError(t, err)
}

// One review for a check, whichever of many that come at once; the same one again is answered with
// what became of it.
func TestOnce(t *testing.T) {
	now := start
	d := newDesk(t, &now)
	ctx := t.Context()
	first := review.Submission{Check: "v1", Level: 5, Key: "a"}
	one, err := d.Submit(ctx, "p", first)
	require.NoError(t, err)
	now = now.Add(time.Minute)
	same, err := d.Submit(ctx, "p", first)
	require.NoError(t, err)
	require.Equal(t, one, same)
	_, err = d.Submit(ctx, "p", review.Submission{Check: "v1", Level: 1, Key: "b"})
	require.ErrorIs(t, err, review.ErrReviewed)
	for _, other := range []review.Submission{{Check: "v1", Level: 4, Key: "a"}, {Check: "v2", Level: 5, Key: "a"}, {Check: "v1", Level: 5, Text: "x", Key: "a"}} {
		_, err = d.Submit(ctx, "p", other)
		require.ErrorIs(t, err, review.ErrReused)
	}
	var wg sync.WaitGroup
	stood := make([]review.Review, 8)
	errs := make([]error, len(stood))
	for i := range stood {
		wg.Go(func() {
			stood[i], errs[i] = d.Submit(ctx, "p", review.Submission{Check: "v3", Level: 1 + i%5, Key: fmt.Sprint("race", i/2)})
		})
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		if err == nil {
			winners++
			continue
		}
		require.True(t, strings.Contains(err.Error(), review.ErrReviewed.Error()) || strings.Contains(err.Error(), review.ErrReused.Error()), "%d: %v", i, err)
	}
	require.Equal(t, 1, winners)
	mine, next, err := d.Mine(ctx, "p", review.Place{}, 1)
	require.NoError(t, err)
	require.Len(t, mine, 1)
	require.NotZero(t, next)
	mine, next, err = d.Mine(ctx, "p", next, 1)
	require.NoError(t, err)
	require.Equal(t, []review.Review{one}, mine)
	require.Zero(t, next)
}

func TestFollowUp(t *testing.T) {
	now := start
	d := newDesk(t, &now)
	ctx := t.Context()
	for level := 1; level <= 5; level++ {
		r, err := d.Submit(ctx, "p", review.Submission{Check: fmt.Sprint("v", level), Level: level, Text: "很长的队 secret", Key: fmt.Sprint(level)})
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%v %+v %s", r, r, r), "secret")
		require.Equal(t, level > 2, r.State == review.Closed)
		require.Equal(t, level > 2, r.DueAt.IsZero())
	}
	open, _, err := d.List(ctx, review.Filter{State: review.Open}, review.Place{}, 0)
	require.NoError(t, err)
	require.Len(t, open, 2)
	bad := open[0]
	require.Empty(t, bad.Text)
	require.Equal(t, time.Date(2026, 11, 27, 15, 59, 59, 0, time.UTC), bad.DueAt)
	require.False(t, d.Overdue(bad))
	now = bad.DueAt.Add(time.Second)
	require.True(t, d.Overdue(bad))

	_, err = d.Read(ctx, "op", bad.ID)
	require.ErrorIs(t, err, review.ErrNotClaimed)
	r, err := d.Claim(ctx, "op", bad.ID)
	require.NoError(t, err)
	require.Contains(t, r.Text, "secret")
	_, err = d.Read(ctx, "another", bad.ID)
	require.ErrorIs(t, err, review.ErrNotClaimed)
	for _, wrong := range []struct{ text, measure string }{{" ", ""}, {strings.Repeat("字", 2001), ""}, {"好", strings.Repeat("字", 501)}} {
		_, err = d.Answer(ctx, "op", bad.ID, wrong.text, wrong.measure)
		var invalid *httpd.Problem
		require.ErrorAs(t, err, &invalid)
	}
	r, err = d.Answer(ctx, "op", bad.ID, "抱歉", "加开窗口")
	require.NoError(t, err)
	require.False(t, d.Overdue(r))
	r, err = d.Read(ctx, "op", bad.ID)
	require.NoError(t, err)
	require.Equal(t, "加开窗口", r.Measure)
	looked, err := d.Look(ctx, bad.ID)
	require.NoError(t, err)
	require.Empty(t, looked.Text+looked.Answer+looked.Measure)
	require.Equal(t, review.Answered, looked.State)

	from, all, err := d.Summary(ctx, "", 30)
	require.NoError(t, err)
	require.Equal(t, "2026-10-30", from)
	require.Len(t, all, 1)
	require.Equal(t, []int{1, 1}, []int{all[0].Open, all[0].Overdue})
	n, average := all[0].Count()
	require.Equal(t, 5, n)
	require.InDelta(t, 3, average, 0)
	_, all, err = d.Summary(ctx, "bank", 1)
	require.NoError(t, err)
	n, _ = all[0].Count()
	require.Zero(t, n, "none today")
	require.Equal(t, 1, all[0].Open, "one that is open is told of")
}
