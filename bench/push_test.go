package bench

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// The figures are for showcard bench; here it is held that they are all there.
func TestPushMetrics(t *testing.T) {
	f, err := newFileOfRows("vehicle-licence")
	require.NoError(t, err)
	o, err := openOffice(t.Context(), "sqlite:"+t.TempDir()+"/db", t.TempDir())
	require.NoError(t, err)
	rate, err := o.push(t.Context(), "j", f, "k", 300)
	require.NoError(t, err)
	require.Positive(t, rate)
	require.NotEmpty(t, o.record.taken())
	_, err = o.push(t.Context(), "no job", f, "k", 1)
	require.ErrorContains(t, err, "0 of 1 rows")
	require.NoError(t, o.close())
	_, err = openOffice(context.Background(), "nonsense:", t.TempDir())
	require.Error(t, err)
}
