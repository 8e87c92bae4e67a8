package issuerhttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// FuzzGunzip holds our reader against the standard one: the same text, or an error of ours; and
// never more than the ratio allows.
func FuzzGunzip(f *testing.F) {
	for _, size := range []int{0, 10, 5 << 20} {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(make([]byte, size))
		require.NoError(f, err)
		require.NoError(f, w.Close())
		f.Add(b.Bytes())
	}
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := io.ReadAll(newGunzip(bytes.NewReader(data)))
		require.LessOrEqual(t, len(got), maxExpansion*len(data)+expansionSlack)
		if err == nil {
			if len(data) == 0 {
				require.Empty(t, got)
				return
			}
			z, err := gzip.NewReader(bytes.NewReader(data))
			require.NoError(t, err)
			want, err := io.ReadAll(z)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
			return
		}
		var p *httpd.Problem
		require.True(t, errors.As(err, &p) || errors.Is(err, io.ErrUnexpectedEOF), "%v", err)
	})
}
