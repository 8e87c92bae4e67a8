package receipt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/showcard/showcard/internal/strictjson"
)

const maxValueDepth = 64

// Canonical writes a JSON value the one way that RFC 8785 (JCS) allows: no white space, members
// sorted by their UTF-16 code units, strings with the fewest escapes, numbers as ECMAScript
// writes doubles. Whoever filed the value in another spelling still finds the digest.
func Canonical(value json.RawMessage) ([]byte, error) {
	if plainText(value) {
		return value, nil // as nearly all are
	}
	v, err := strictjson.Parse(value, maxValueDepth)
	if err != nil {
		return nil, fmt.Errorf("%w: value: %w", ErrMalformed, err)
	}
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// plainText says that a value is true, false or a text without escapes, and so is canonical as it stands.
func plainText(value []byte) bool {
	n := len(value)
	if n < 2 || value[0] != '"' || value[n-1] != '"' {
		return string(value) == "true" || string(value) == "false"
	}
	return plain(string(value[1 : n-1]))
}

// plain says that a text needs no escape.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.ValidString(s)
}

func write(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		writeString(b, v)
	case json.Number:
		writeNumber(b, v)
	case []any:
		b.WriteByte('[')
		for i, one := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, one); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, name := range slices.SortedFunc(maps.Keys(v), compareUTF16) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, name)
			b.WriteByte(':')
			if err := write(b, v[name]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		return fmt.Errorf("%w: value of kind %T", ErrMalformed, v)
	}
	return nil
}

// compareUTF16 sorts as RFC 8785 §3.2.3 says, which is not the order of UTF-8 beyond the basic plane.
func compareUTF16(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// writeString escapes what RFC 8785 §3.2.2.2 says and no more.
func writeString(b *bytes.Buffer, s string) {
	const hex = "0123456789abcdef"
	b.WriteByte('"')
	if plain(s) {
		b.WriteString(s)
		b.WriteByte('"')
		return
	}
	for _, r := range s {
		switch at := strings.IndexRune("\b\t\n\f\r\"\\", r); {
		case at >= 0:
			b.WriteByte('\\')
			b.WriteByte(`btnfr"\`[at])
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hex[r>>4])
			b.WriteByte(hex[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// writeNumber writes a double as ECMAScript does (RFC 8785 §3.2.2.3), which is how encoding/json
// writes float64 but for minus zero. What no double holds stays as it was written: nobody's check
// shall fail for it.
func writeNumber(b *bytes.Buffer, n json.Number) {
	f, err := n.Float64()
	if err != nil {
		b.WriteString(n.String())
		return
	}
	text, err := json.Marshal(f)
	if err != nil || bytes.Equal(text, []byte("-0")) {
		text = []byte("0")
	}
	b.Write(text)
}

func sortedNames(m map[string]json.RawMessage) []string {
	return slices.SortedFunc(maps.Keys(m), cmp.Compare[string])
}
