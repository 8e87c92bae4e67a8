package key

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm"
)

func TestTables(t *testing.T) {
	tables, err := NewTables(sm.TablesConfig{Width: 4})
	require.NoError(t, err)
	var none *Tables
	require.Equal(t, sm.Stats{}, none.Stats())
	for _, a := range []Algorithm{SM2, ES256} {
		k, err := Generate(a)
		require.NoError(t, err)
		named := k.WithID("issuer-1").Public()
		signature, err := k.Sign([]byte("m"))
		require.NoError(t, err)
		for _, p := range []*Public{none.Known(named), none.Returning(named), tables.Returning(named), tables.Known(named), tables.Returning(named)} {
			require.Equal(t, "issuer-1", p.ID())
			require.True(t, p.Equal(named))
			require.NoError(t, p.Verify([]byte("m"), signature))
			require.ErrorIs(t, p.Verify([]byte("n"), signature), ErrSignature)
		}
	}
	require.Equal(t, 1, tables.Stats().Wide)
	require.Nil(t, tables.Known(nil))
}
