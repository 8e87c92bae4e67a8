package strictjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/strictjson"
)

func encoded(t *testing.T, v any, html bool) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	require.NoError(t, e.Encode(v))
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func TestAppendWritesWhatEncodingJSONWrites(t *testing.T) {
	many := map[string]any{}
	for i := range 60 {
		many[string(rune('A'+i))] = i
	}
	type named map[string]any
	for _, v := range []any{
		nil, "", "张示例", true, false, 0, -7, int64(math.MinInt64), uint64(math.MaxUint64), 1.5, json.Number("0"), json.Number("-0"), json.Number("-12"),
		json.Number("1.50"), json.Number("1e3"), json.Number(""), map[string]any(nil), map[string]any{}, many, named{"b": 1, "a": "<"},
		map[string]any{"b": []any{1, "x", nil}, "a": map[string]any{"z": json.Number("9"), "<": "&"}, "": "\u2028"}, []string{"a"}, json.RawMessage(`{ "a" : 1 }`),
	} {
		for _, html := range []bool{false, true} {
			got, err := strictjson.Append([]byte("x"), v, html)
			require.NoError(t, err)
			require.Equal(t, "x"+encoded(t, v, html), string(got))
		}
	}
	for _, v := range []any{json.Number("01"), json.Number("x"), json.Number("--1"), json.Number("-"), math.NaN(), map[string]any{"a": func() {}}} {
		_, err := strictjson.Append(nil, v, false)
		require.Error(t, err)
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", "张示例", "a\"b", `a\b`, "\n", "\u2028", "\u2014", "€", "\xff", "\xe2\x80", "𠮷", "<&>", "\x7f", "\ufeff"} {
		f.Add(s, "value", "12", int64(3))
		f.Add("name", s, s, int64(-1))
	}
	f.Fuzz(func(t *testing.T, name, text, number string, n int64) {
		v := map[string]any{name: text, "n": n, "o": map[string]any{text: true}}
		for _, html := range []bool{false, true} {
			got, err := strictjson.Append(nil, v, html)
			require.NoError(t, err)
			require.Equal(t, encoded(t, v, html), string(got))
			want, wantErr := json.Marshal(json.Number(number))
			got, err = strictjson.Append(nil, json.Number(number), html)
			require.Equal(t, wantErr == nil, err == nil)
			if err == nil {
				require.Equal(t, string(want), string(got))
			}
		}
	})
}
