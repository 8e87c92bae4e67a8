package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

// Digests of rows are kept: another spelling would make a repeated row a contradiction.
func FuzzRowAsEncodingJSONWritesIt(f *testing.F) {
	f.Add("", "", "", []byte(nil), uint8(0), int64(0))
	f.Add("k-1", "张三", "<&>\u2028\"", []byte{0xff, 0xd8}, uint8(3), int64(-5))
	f.Fuzz(func(t *testing.T, key, name, value string, image []byte, people uint8, n int64) {
		r := schemas.Row{Key: key, Type: name, Holder: schemas.HolderRef{Type: "111", Number: value, Name: name}, Region: value, IssuedOn: key, Portrait: image}
		if n != 0 {
			r.Issuer, r.Number, r.ValidUntil = key, value, name
			r.Claims = schemas.Claims{name: value, "n": n, "number": json.Number("12.50"), "list": []any{name, true, nil}, "object": map[string]any{value: key}}
		}
		for range people % 4 {
			r.Representatives = append(r.Representatives, r.Holder)
		}
		want, err := json.Marshal(r)
		require.NoError(t, err)
		got, err := r.AppendJSON([]byte("x"))
		require.NoError(t, err)
		require.Equal(t, "x"+string(want), string(got))
	})
}

func TestRowThatCannotBeWritten(t *testing.T) {
	_, err := schemas.Row{Claims: schemas.Claims{"f": func() {}}}.AppendJSON(nil)
	require.Error(t, err)
}
