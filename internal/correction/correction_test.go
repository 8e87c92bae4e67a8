package correction_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
)

func newDesk(t *testing.T, now *time.Time) *correction.Desk {
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "k")))
	ks, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "k")})
	require.NoError(t, err)
	clock := func() time.Time { return *now }
	db, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(folder, "db", "c.db")), Keys: ks, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d, err := correction.New(correction.Config{Store: db, Now: clock, Recorded: func(_ context.Context, person, _, about string) (string, error) {
		if person != "p" || about != "v" {
			return "", correction.ErrAboutUnknown
		}
		return "bank-client", nil
	}})
	require.NoError(t, err)
	return d
}

func TestFileRefuses(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	d := newDesk(t, &now)
	good := correction.Filing{Kind: correction.AboutVerification, About: "v", Says: "wrong"}
	for name, edit := range map[string]func(*correction.Filing){
		"kind":            func(f *correction.Filing) { f.Kind = "weather" },
		"no id":           func(f *correction.Filing) { f.About = "" },
		"long id":         func(f *correction.Filing) { f.About = strings.Repeat("x", 257) },
		"sign-in with id": func(f *correction.Filing) { f.Kind = correction.AboutSignIn },
		"field":           func(f *correction.Filing) { f.Field = "Name!" },
		"nothing said":    func(f *correction.Filing) { f.Says = " \n" },
		"too much said":   func(f *correction.Filing) { f.Says = strings.Repeat("字", 2001) },
		"contact":         func(f *correction.Filing) { f.Contact = strings.Repeat("1", 201) },
		"control":         func(f *correction.Filing) { f.Says = "a\x1b[31m" },
	} {
		f := good
		edit(&f)
		_, err := d.File(t.Context(), "p", "oidc:x", f)
		var wrong *httpd.Problem
		require.ErrorAs(t, err, &wrong, name)
	}
	for _, who := range []string{"q", ""} {
		_, err := d.File(t.Context(), who, "oidc:x", good)
		require.ErrorIs(t, err, correction.ErrAboutUnknown)
	}
}

func TestReview(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	d := newDesk(t, &now)
	ctx := t.Context()
	r, err := d.File(ctx, "p", "", correction.Filing{Kind: correction.AboutVerification, About: "v", Says: "wrong", Key: "k"})
	require.NoError(t, err)
	require.Equal(t, now.Add(5*24*time.Hour), r.DueAt)
	require.NotContains(t, fmt.Sprintf("%v %+v %s", r, r, r), "wrong")
	_, err = d.Claim(ctx, "bank-client", r.ID)
	require.ErrorIs(t, err, correction.ErrOwnResult)
	_, err = d.One(ctx, "q", r.ID)
	require.ErrorIs(t, err, correction.ErrUnknown)
	now = now.Add(6 * 24 * time.Hour)
	due, err := d.Due(ctx)
	require.NoError(t, err)
	require.True(t, d.Overdue(due[0]))
	require.Empty(t, due[0].Says)
	r, err = d.Claim(ctx, "op", r.ID)
	require.NoError(t, err)
	require.Equal(t, "wrong", r.Says)
	for _, bad := range []struct{ outcome, answer string }{{"maybe", "x"}, {"refused", ""}, {"refused", strings.Repeat("x", 2001)}} {
		_, err = d.Answer(ctx, "op", r.ID, correction.Outcome(bad.outcome), bad.answer)
		var wrong *httpd.Problem
		require.ErrorAs(t, err, &wrong)
	}
	r, err = d.Answer(ctx, "op", r.ID, correction.Refused, "because")
	require.NoError(t, err)
	require.False(t, d.Overdue(r))
}
