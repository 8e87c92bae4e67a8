package sqlstore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
)

func newKeys(t testing.TB) *key.Store {
	t.Helper()
	dir := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), unlock)
	require.NoError(t, err)
	return keys
}

func open(t testing.TB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func subject(seals key.SealerConfig) storetest.OpenDurable {
	return func(t *testing.T, dc storetest.DurableConfig) storetest.DurableSubject {
		cfg := sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(t.TempDir(), "data", "showcard.db")), Keys: newKeys(t), Now: dc.Now, ListSize: dc.ListSize, Seals: seals}
		return storetest.DurableSubject{
			Store: open(t, cfg),
			Again: func(t *testing.T) storetest.DurableStore { return open(t, cfg) },
		}
	}
}

func TestDurable(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	storetest.Durable(t, subject(key.SealerConfig{}))
}

// With data keys that last for 25 values and a count that is asked for every fourth, writes roll
// over, and whatever sealed inside a transaction would wait for itself.
func TestDurableWhileDataKeysRollOver(t *testing.T) {
	storetest.Durable(t, subject(key.SealerConfig{Limit: 25, Block: 4}))
}
