package rights_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/verifier"
)

var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func newStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	folder := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(folder, "key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(folder, "keystore.json"), unlock)
	require.NoError(t, err)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(folder, "db", "showcard.db")), Keys: keys, Now: func() time.Time { return start }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newRights(t *testing.T, s *sqlstore.Store, exporters ...rights.Exporter) *rights.Service {
	t.Helper()
	r, err := rights.New(rights.Config{
		Disputes: s, Erasures: s, Exporters: exporters, Now: func() time.Time { return start },
		Spaces:  func(_ context.Context, holder string) ([]string, error) { return []string{holder, "company"}, nil },
		Receipt: func(context.Context, []string, string) (string, error) { return "", rights.ErrNoReceipt },
	})
	require.NoError(t, err)
	return r
}

// A phone that was left lying about, signed in since the morning, hands nothing out.
func TestOnlyFreshSignIns(t *testing.T) {
	r := newRights(t, newStore(t))
	for _, at := range []time.Time{{}, start.Add(-6 * time.Minute)} {
		p := rights.Person{HolderID: "h", FreshAt: at}
		require.ErrorIs(t, r.BeginExport(t.Context(), p), rights.ErrNotFresh)
		_, _, err := r.PrepareErasure(t.Context(), p)
		require.ErrorIs(t, err, rights.ErrNotFresh)
	}
	p := rights.Person{HolderID: "h", FreshAt: start.Add(-4 * time.Minute)}
	require.NoError(t, r.BeginExport(t.Context(), p))
	_, _, err := r.PrepareErasure(t.Context(), p)
	require.NoError(t, err)
}

func TestExportStreams(t *testing.T) {
	many := rights.Exporter{Name: "many", Each: func(_ context.Context, holder string, yield func(any) error) error {
		for i := range 1000 {
			if err := yield(map[string]any{"i": i, "holder": holder}); err != nil {
				return err
			}
		}
		return nil
	}}
	none := rights.Exporter{Name: "none", Each: func(context.Context, string, func(any) error) error { return nil }}
	var out bytes.Buffer
	p := rights.Person{HolderID: "h", FreshAt: start}
	require.NoError(t, newRights(t, newStore(t), many, none).Export(t.Context(), p, &out))
	var got struct {
		Format   string
		Many     []map[string]any
		None     []any
		Complete bool
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, rights.Format, got.Format)
	require.Len(t, got.Many, 1000)
	require.NotNil(t, got.None)
	require.True(t, got.Complete)

	broken := rights.Exporter{Name: "broken", Each: func(context.Context, string, func(any) error) error { return errors.New("disk") }}
	out.Reset()
	require.Error(t, newRights(t, newStore(t), many, broken).Export(t.Context(), p, &out))
	require.False(t, json.Valid(out.Bytes()), "half an export must not pass for a whole one")

	gone := errors.New("gone")
	require.ErrorIs(t, newRights(t, newStore(t), many).Export(t.Context(), p, writer(func([]byte) (int, error) { return 0, gone })), gone)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestDisputes(t *testing.T) {
	s := newStore(t)
	r := newRights(t, s)
	ctx := t.Context()
	for _, holder := range []string{"h", "company", "other"} {
		require.NoError(t, s.Record(ctx, verifier.Verification{ID: "v-" + holder, At: start, HolderID: holder, Party: "bank", AnswerUntil: start}))
	}
	p := rights.Person{HolderID: "h"}
	for _, reason := range []string{"", "  ", strings.Repeat("长", 2001), "\xff"} {
		_, err := r.FileAsHolder(ctx, p, "v-h", reason)
		require.ErrorIs(t, err, rights.ErrReason)
	}
	_, err := r.FileAsHolder(ctx, p, "v-other", "x")
	require.ErrorIs(t, err, rights.ErrLookUnknown)
	_, err = r.FileAsParty(ctx, "shop", "till", "v-h", "x")
	require.ErrorIs(t, err, rights.ErrLookUnknown)
	for _, id := range []string{"v-h", "v-company"} {
		_, err := r.FileAsHolder(ctx, p, id, strings.Repeat("长", 2000))
		require.NoError(t, err)
	}
	d, err := r.FileAsParty(ctx, "bank", "till", "v-h", "another face")
	require.NoError(t, err)
	hers, err := r.AboutLookOf(ctx, p, "v-h")
	require.NoError(t, err)
	require.Len(t, hers, 2)
	for _, one := range hers {
		require.Equal(t, one.Side == rights.SideHolder, one.Reason != "", "the words of the other side stay with it")
	}
	none, err := r.AboutLookOf(ctx, rights.Person{HolderID: "h"}, "v-other")
	require.NoError(t, err)
	require.Empty(t, none)
	none, err = r.AboutLook(ctx, rights.SideParty, []string{"shop"}, "v-h")
	require.NoError(t, err)
	require.Empty(t, none)

	for _, verdict := range []rights.State{rights.Open, rights.Withdrawn, ""} {
		_, err := r.Answer(ctx, "op", d.ID, verdict, "x")
		require.ErrorIs(t, err, rights.ErrVerdict)
	}
	_, err = r.Answer(ctx, "op", d.ID, rights.Upheld, " ")
	require.ErrorIs(t, err, rights.ErrVerdict)
	first, next, err := r.List(ctx, rights.Open, rights.Place{}, 2)
	require.NoError(t, err)
	require.Len(t, first, 2)
	rest, end, err := r.List(ctx, rights.Open, next, 2)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Zero(t, end)
	_, err = r.Answer(ctx, "op", d.ID, rights.Upheld, "so it is")
	require.NoError(t, err)
}

// How long something is kept was once left out of a configuration, and all of it was erased.
func TestNoRetentionErasesNothing(t *testing.T) {
	for _, keep := range []time.Duration{0, -time.Hour} {
		sweep := rights.Older("consents", keep, func(context.Context, time.Time) (int64, error) {
			t.Error("swept")
			return 1, nil
		})
		n, err := sweep.Run(t.Context(), start)
		require.ErrorIs(t, err, rights.ErrNoRetention)
		require.Zero(t, n)
	}
	n, err := rights.Older("consents", time.Hour, func(_ context.Context, before time.Time) (int64, error) {
		require.Equal(t, start.Add(-time.Hour), before)
		return 7, nil
	}).Run(t.Context(), start)
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
}

// A sweep that fails keeps no other from running, and what went is told.
func TestRetention(t *testing.T) {
	var out bytes.Buffer
	ran := 0
	r := rights.Retention{
		Now: func() time.Time { return start }, Logger: slog.New(slog.NewTextHandler(&out, nil)),
		Sweeps: []rights.Sweep{
			{Name: "broken", Run: func(context.Context, time.Time) (int64, error) { return 0, errors.New("disk") }},
			{Name: "answers", Run: func(_ context.Context, now time.Time) (int64, error) {
				require.Equal(t, start, now)
				ran++
				return 7, nil
			}},
			{Name: "nothing", Run: func(context.Context, time.Time) (int64, error) { ran++; return 0, nil }},
		},
	}
	require.ErrorContains(t, r.Once(t.Context()), "broken")
	require.Equal(t, 2, ran)
	require.Contains(t, out.String(), "what=answers rows=7")
	require.NotContains(t, out.String(), "nothing")
	ctx, stop := context.WithCancel(t.Context())
	r.Every = time.Millisecond
	r.Sweeps = []rights.Sweep{{Name: "one", Run: func(context.Context, time.Time) (int64, error) { stop(); return 0, nil }}}
	require.NoError(t, r.Run(ctx))
}
