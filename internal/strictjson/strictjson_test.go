package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
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
		"two values":         {`{} {}`, ErrTrailing, ""},
		"half":               {`{"a":`, ErrSyntax, "/a"},
		"half a surrogate":   {`{"a":["\ud83d"]}`, ErrSurrogate, "/a/0"},
		"low surrogate":      {`"\ude00"`, ErrSurrogate, ""},
		"pair":               {`"\ud83d\ude00"`, nil, ""},
		"deep in many":       {`{"a":1,"b":{"c":[[[[[[[0]]]]]]]}}`, ErrDepth, "/b/c/0/0/0/0/0/0"},
		"minus alone":        {`[-]`, ErrSyntax, "/0"},
		"leading zero":       {`01`, ErrSyntax, ""},
		"trailing comma":     {`[1,]`, ErrSyntax, "/1"},
		"cut escape":         {`"\`, ErrSyntax, ""},
		"NUL":                {"[\x00]", ErrSyntax, "/0"},
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

func TestParse(t *testing.T) {
	v, err := Parse([]byte(` {"a":[1.50,12345678901234567890,true,false,null,"\u00e9\n",{}],"b":[]} `), 4)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"a": []any{json.Number("1.50"), json.Number("12345678901234567890"), true, false, nil, "é\n", map[string]any{}},
		"b": []any{},
	}, v)
	// What was returned does not change with the buffer it was read from.
	data := []byte(`["abc"]`)
	v, err = Parse(data, 1)
	require.NoError(t, err)
	copy(data, "xxxxxxx")
	require.Equal(t, []any{"abc"}, v)
	v, err = Parse([]byte(`{"a":1,"a":2}`), 4)
	require.ErrorIs(t, err, ErrDuplicate)
	require.Nil(t, v)
}

func TestDecode(t *testing.T) {
	var v struct {
		A int    `json:"a"`
		K string `json:"kiss"`
	}
	require.NoError(t, Decode([]byte(`{"a":1}`), 4, &v))
	require.ErrorIs(t, Decode([]byte(`{"b":1}`), 4, &v), ErrUnknown)
	require.ErrorIs(t, Decode([]byte(`{"a":"1"}`), 4, &v), ErrType)
	require.ErrorIs(t, Decode([]byte(`{"a":1}{}`), 4, &v), ErrTrailing)
	// encoding/json would take each of these for a field.
	for _, folded := range []string{`{"A":1}`, "{\"\u212aiss\":\"\"}", `{"ki\u017fs":""}`} {
		require.NoError(t, json.Unmarshal([]byte(folded), &v))
		require.ErrorIs(t, Decode([]byte(folded), 4, &v), ErrUnknown, folded)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u0061"}]}`, `[[]]`, `"x"`, `{"a":1,"a":1}`, ` -1e5`, `"\ud83d\ude00"`, `"\ud83d"`, `{"a":{"b":[true,false,null]}}`, `[1,]`, `01`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const depth = 16
		v, err := Parse(data, depth)
		checked := Check(data, depth)
		require.Equal(t, err, checked, "the two see the same document")
		var std any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		stdErr := d.Decode(&std)
		if err == nil {
			// What passed reads the same elsewhere.
			require.NoError(t, stdErr)
			require.Equal(t, std, v)
			return
		}
		// What the library refuses is not refused for a finer reason only.
		if !json.Valid(data) {
			require.NotErrorIs(t, err, ErrUnknown)
			return
		}
		require.Contains(t, []bool{errors.Is(err, ErrDuplicate), errors.Is(err, ErrDepth), errors.Is(err, ErrUTF8), bytes.Contains(data, []byte(`\u`))}, true, "valid JSON is refused for a reason")
	})
}

// Object and Array must hand out exactly what encoding/json finds, and refuse what Check refuses.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, ` { "a" : 1 , "b\u0063" : [ 1, {"c":"d"} ] } `, `["a", null , {"b":[]}]`, `{"a":1,"a":2}`, `{"a":1}x`, `"a"`, `{"k\"":"\ud83d\ude00"}`, `[1,`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check := Check(data, 6)
		if list, err := Object(data, 6, nil); err == nil {
			members := map[string]json.RawMessage{}
			for _, m := range list {
				members[string(m.Name)] = m.Value
			}
			require.NoError(t, check)
			want := map[string]json.RawMessage{}
			require.NoError(t, json.Unmarshal(data, &want))
			require.Len(t, members, len(want))
			for name, value := range want {
				require.Equal(t, string(value), string(members[name]))
				text, ok := Text(value)
				var s *string
				require.Equal(t, json.Unmarshal(value, &s) == nil && s != nil, ok)
				if ok {
					require.Equal(t, *s, text)
				}
			}
		} else if check == nil {
			require.ErrorIs(t, err, ErrType)
		}
		if elements, err := Array(data, 6, nil); err == nil {
			require.NoError(t, check)
			var want []json.RawMessage
			require.NoError(t, json.Unmarshal(data, &want))
			require.Len(t, elements, len(want))
			for i, value := range want {
				require.Equal(t, string(value), string(elements[i].Value))
			}
		} else if check == nil {
			require.ErrorIs(t, err, ErrType)
		}
	})
}
