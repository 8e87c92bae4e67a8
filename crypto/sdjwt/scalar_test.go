package sdjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/strictjson"
)

// FuzzScalarDisclosure holds the short way against encoding/json: the same bytes, or not taken.
func FuzzScalarDisclosure(f *testing.F) {
	for _, s := range []string{"", "张示例", "a\"b", `a\b`, "\n", "\u2028", "\u2014", "€", "\xff", "\xe2\x80", "𠮷", "<&>", "\x7f", "\ufeff"} {
		f.Add("name", s, int64(len(s)), true)
		f.Add(s, "value", int64(-1), false)
	}
	f.Fuzz(func(t *testing.T, name, text string, number int64, truth bool) {
		for _, value := range []any{text, number, truth, int(number)} {
			b := builder{hash: SM3}
			digest, ok := b.discloseScalar(name, value)
			if !ok {
				require.False(t, strictjson.Plain(name, false) && strictjson.Plain(text, false))
				require.Empty(t, b.tail)
				continue
			}
			encoded, ended := bytes.CutSuffix(b.tail, []byte("~"))
			require.True(t, ended)
			raw, err := base64.RawURLEncoding.DecodeString(string(encoded))
			require.NoError(t, err)
			var parts []json.RawMessage
			require.NoError(t, json.Unmarshal(raw, &parts))
			var salt string
			require.NoError(t, json.Unmarshal(parts[0], &salt))
			want, err := encode([]any{salt, name, value})
			require.NoError(t, err)
			require.Equal(t, string(want), string(raw))
			require.Equal(t, b.digest(encoded), digest)
		}
	})
}
