package key

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFile(t *testing.T) {
	for _, a := range both {
		path := filepath.Join(t.TempDir(), "client.json")
		k := generate(t, a).WithID("client-1")
		require.NoError(t, WriteFile(path, k))
		require.ErrorIs(t, WriteFile(path, k), os.ErrExist, "a key is never overwritten")
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		back, err := ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, k.scalar(), back.scalar())
		require.Equal(t, "client-1", back.Public().ID())

		require.NoError(t, os.Chmod(path, 0o644))
		_, err = ReadFile(path)
		require.ErrorIs(t, err, ErrPermissions)
		require.NoError(t, os.Chmod(path, 0o600))

		good, err := os.ReadFile(path)
		require.NoError(t, err)
		other := filepath.Join(t.TempDir(), "other.json")
		require.NoError(t, WriteFile(other, generate(t, a)))
		stranger, err := os.ReadFile(other)
		require.NoError(t, err)
		d := func(data []byte) string { return string(data[bytes.Index(data, []byte(`"d"`)):]) }
		public, err := generate(t, a).Public().MarshalJSON()
		require.NoError(t, err)
		for name, data := range map[string]string{
			"empty": "", "list": "[]", "public only": string(public), "d of another": strings.Replace(string(good), d(good), d(stranger), 1),
			"d is a number": strings.Replace(string(good), d(good), `"d":7}`, 1), "d is short": strings.Replace(string(good), d(good), `"d":"AAAA"}`, 1),
			"d twice": strings.Replace(string(good), `"d"`, `"d":"AAAA","d"`, 1), "d is null": strings.Replace(string(good), d(good), `"d":null}`, 1),
			"padded": strings.Replace(string(good), d(good), strings.Replace(d(good), "\"\n", "=\"\n", 1), 1),
		} {
			require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
			_, err := ReadFile(path)
			require.ErrorIs(t, err, ErrMalformed, name)
		}
		for n := 0; n < len(good)-2; n += 10 {
			require.NoError(t, os.WriteFile(path, good[:n], 0o600))
			_, err := ReadFile(path)
			require.ErrorIs(t, err, ErrMalformed, "cut off at %d", n)
		}
		_, err = ReadFile(path + "-gone")
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestLeafKey(t *testing.T) {
	ca, k := authority(t, SM2), generate(t, ES256)
	der, err := ca.Issue(k.Public(), leafTemplate())
	require.NoError(t, err)
	got, err := LeafKey([][]byte{der, ca.Certificate()})
	require.NoError(t, err)
	require.True(t, got.Equal(k.Public()))
	for _, bad := range [][][]byte{nil, {{}}, {der[:40]}} {
		_, err := LeafKey(bad)
		require.ErrorIs(t, err, ErrCertificate)
	}
}
