package strictjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		in  string
		err error
		at  string
	}{
		"object":             {`{"a":1,"b":[true,null,"x,]}"],"c":{"a":2}}`, nil, ""},
		"scalar":             {` 1.5e3 `, nil, ""},
		"empty":              {``, ErrSyntax, ""},
		"two values":         {`{} {}`, ErrSyntax, ""},
		"half":               {`{"a":`, ErrSyntax, ""},
		"twice":              {`{"x":{"a":1,"a":2}}`, ErrDuplicate, "/x/a"},
		"twice, escaped":     {`{"a":1,"\u0061":2}`, ErrDuplicate, "/a"},
		"twice, in an array": {`[0,{"b/c":1,"b/c":1}]`, ErrDuplicate, "/1/b~1c"},
		"case differs":       {`{"a":1,"A":2}`, nil, ""},
		"deep":               {strings.Repeat("[", 9) + strings.Repeat("]", 9), ErrDepth, "/0/0/0/0/0/0/0/0"},
		"as deep as allowed": {strings.Repeat("[", 8) + strings.Repeat("]", 8), nil, ""},
		"bad UTF-8":          {"\"\xff\"", ErrUTF8, ""},
		"quote in a name":    {`{"a\"":1,"a":2}`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check([]byte(c.in), 8)
			if c.err == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.err)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.at, e.Pointer)
		})
	}
	many := `{` + strings.Repeat(`"k":0,`, 0)
	for i := range 40 {
		many += `"k` + strings.Repeat("i", i) + `":0,`
	}
	require.NoError(t, Check([]byte(many+`"z":1}`), 8))
	require.ErrorIs(t, Check([]byte(many+`"k":1}`), 8), ErrDuplicate)
}

func TestDecode(t *testing.T) {
	var v struct {
		A int `json:"a"`
	}
	require.NoError(t, Decode([]byte(`{"a":1}`), 4, &v))
	require.ErrorIs(t, Decode([]byte(`{"b":1}`), 4, &v), ErrUnknown)
	require.ErrorIs(t, Decode([]byte(`{"a":"1"}`), 4, &v), ErrType)
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u0061"}]}`, `[[]]`, `"x"`, `{"a":1,"a":1}`, ` -1e5`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if Check(data, 16) != nil {
			return
		}
		// What passed must survive a round trip: nothing was hidden from encoding/json.
		var v any
		require.NoError(t, json.Unmarshal(data, &v))
		d := json.NewDecoder(bytes.NewReader(data))
		count := 0
		for {
			if _, err := d.Token(); err != nil {
				break
			}
			count++
		}
		require.Positive(t, count)
	})
}
