package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

// A key that comes while the server runs is found, under the registry's name for it; one that is not
// here does not have the keystore read at each question.
func TestKeyring(t *testing.T) {
	folder := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(folder, "unlock")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	path := filepath.Join(folder, "keystore.json")
	server, err := key.CreateStore(path, unlock)
	require.NoError(t, err)
	ring := newKeyring(server, "receipt/")

	foreign, err := key.Generate(key.ES256)
	require.NoError(t, err)
	_, err = ring.signer(foreign.Public())
	require.ErrorIs(t, err, key.ErrNotFound)

	tool, err := key.OpenStore(path, unlock)
	require.NoError(t, err)
	made, err := tool.Generate("receipt/1", key.ES256)
	require.NoError(t, err)
	other, err := tool.Generate("status/1", key.ES256)
	require.NoError(t, err)
	named := made.Public().WithID("as-registered")
	found, err := ring.signer(named)
	require.NoError(t, err)
	require.Equal(t, "as-registered", found.Public().ID())
	_, err = ring.signer(other.Public())
	require.ErrorIs(t, err, key.ErrNotFound, "another kind")

	late, err := tool.Generate("receipt/2", key.ES256)
	require.NoError(t, err)
	thumbprint := late.Public().Thumbprint()
	ring.missed[thumbprint] = time.Now().Add(time.Hour) // just now, however long the test takes
	_, err = ring.signer(late.Public())
	require.ErrorIs(t, err, key.ErrNotFound)
	ring.missed[thumbprint] = time.Now().Add(-2 * time.Second)
	_, err = ring.signer(late.Public())
	require.NoError(t, err)
}
