package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
)

func TestHistory(t *testing.T) {
	f := newFixture(t)
	r := f.governed(f.store())
	ctx := t.Context()
	narrower, err := r.Party(hall)
	require.NoError(t, err)
	narrower.PerDay = 5
	_, err = r.Submit(ctx, anna, "too many", registry.Change{Entry: narrower})
	require.NoError(t, err)
	p, err := r.Submit(ctx, anna, "storm", registry.Change{Freeze: &registry.Freeze{Kind: "region", ID: "430000", Frozen: true}})
	require.NoError(t, err)
	_, err = r.Decide(ctx, bo, "yes", p.ID, true)
	require.NoError(t, err)
	past, err := r.History(ctx, 3, 2)
	require.NoError(t, err)
	require.Len(t, past, 2)
	require.Equal(t, anna, past[0].Who)
	require.Equal(t, []registry.Changed{{Kind: "party", ID: hall, How: "changed", Fields: []string{"per_day", "steps"}}}, past[0].Changes)
	require.Equal(t, "storm", past[1].Why)
	past, err = r.History(ctx, 5, 100)
	require.NoError(t, err)
	require.Equal(t, []registry.Changed{{Kind: "proposal", ID: p.ID, How: "changed", Fields: []string{"decided_at", "decided_by", "decided_why", "state"}}, {Kind: "stop", ID: "430000", How: "added"}}, past[0].Changes)
	past, err = r.History(ctx, 99, 1)
	require.NoError(t, err)
	require.Empty(t, past)
}

func TestSummarise(t *testing.T) {
	rows := []registry.UsageRow{
		{Day: "2026-06-01", Purpose: "p", Type: "t", Via: "code", Outcome: "valid", Fields: []string{"name"}, Checks: 3},
		{Day: "2026-06-02", Purpose: "p", Type: "t", Via: "facts", Outcome: "invalid", Reasons: []string{"facts-mismatch"}, Fields: []string{"name"}, Checks: 30},
		{Day: "2026-06-02", Purpose: "p", Type: "t", Via: "facts", Outcome: "invalid", Reasons: []string{"certificate-unknown"}, Fields: []string{"id_number"}, Checks: 70},
	}
	got := registry.Summarise("bank", "2026-06-01", rows)
	require.EqualValues(t, 103, got.Checks)
	require.Len(t, got.Groups, 2)
	require.Equal(t, registry.Counted{Name: "id_number", Count: 70}, got.Fields[0])
	var codes []string
	for _, f := range got.Flags {
		require.True(t, schemas.Text(f.Text).Complete())
		codes = append(codes, f.Code)
	}
	require.Equal(t, []string{"facts-mismatches", "facts-unknown", "day-unusual"}, codes)
	require.Empty(t, registry.Summarise("bank", "2026-06-01", nil).Flags)
}
