package sdcwt

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/showcard/showcard/crypto/cose"
)

// Bounds of the view. They keep what one code can claim small, and leave room to grow.
const (
	maxNumber = 255 // numbers of types, versions, views and fields
	maxValues = 64
	maxHidden = 1000 // characters that a mask says to have hidden
	// Integers are exact in every language that reads codes (RFC 8259 §6).
	maxInteger = 1<<53 - 1

	minRegion, maxRegion = 100000, 999999
)

// text is a string as it stands in a code: UTF-8 as a text string, or UTF-16 (big-endian) as a
// byte string, whichever is shorter, and UTF-8 when they are as long. Chinese takes two bytes a
// character instead of three, which is why a company's name of 40 fits; zlib gains less on names
// and nothing on the rest (decision 31).
func text(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: text that is not UTF-8", ErrMalformed)
	}
	units := utf16.Encode([]rune(s))
	if 2*len(units) >= len(s) {
		return s, nil
	}
	out := make([]byte, 0, 2*len(units))
	for _, u := range units {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out, nil
}

// text reads a string and insists on the spelling that text writes.
func (it item) text() (string, error) {
	switch it.major {
	case textString:
		s := string(it.data)
		if 2*len(utf16.Encode([]rune(s))) < len(s) {
			return "", fmt.Errorf("%w: text that is shorter in UTF-16", ErrSpelling)
		}
		return s, nil
	case byteString:
		if len(it.data)%2 != 0 {
			return "", fmt.Errorf("%w: UTF-16 of an odd length", ErrMalformed)
		}
		units := make([]uint16, len(it.data)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(it.data[2*i:])
		}
		out := make([]byte, 0, 3*len(units))
		for i := 0; i < len(units); i++ {
			r := rune(units[i])
			if utf16.IsSurrogate(r) {
				if i+1 == len(units) {
					return "", fmt.Errorf("%w: half a surrogate pair", ErrMalformed)
				}
				// Not a pair gives U+FFFD, which no pair can stand for.
				if r = utf16.DecodeRune(r, rune(units[i+1])); r == utf8.RuneError {
					return "", fmt.Errorf("%w: half a surrogate pair", ErrMalformed)
				}
				i++
			}
			out = utf8.AppendRune(out, r)
		}
		if len(out) <= len(it.data) {
			return "", fmt.Errorf("%w: text that is no longer in UTF-8", ErrSpelling)
		}
		return string(out), nil
	}
	return "", fmt.Errorf("%w: a value that is not text", ErrMalformed)
}

// encode is the claim: [type, version, view, region, {number: value}].
func (v View) encode() (any, error) {
	for _, n := range []int64{v.Type, v.Version, v.View} {
		if n < 1 || n > maxNumber {
			return nil, fmt.Errorf("%w: number %d of type, version or view", ErrMalformed, n)
		}
	}
	region, err := strconv.ParseInt(v.Region, 10, 64)
	if err != nil || region < minRegion || region > maxRegion || strconv.FormatInt(region, 10) != v.Region {
		return nil, fmt.Errorf("%w: region %q", ErrMalformed, v.Region)
	}
	if len(v.Values) == 0 || len(v.Values) > maxValues {
		return nil, fmt.Errorf("%w: a view of %d values", ErrMalformed, len(v.Values))
	}
	values := make(map[int64]any, len(v.Values))
	for n, value := range v.Values {
		if n < 1 || n > maxNumber {
			return nil, fmt.Errorf("%w: field number %d", ErrMalformed, n)
		}
		if values[n], err = encodeValue(value); err != nil {
			return nil, fmt.Errorf("field %d: %w", n, err)
		}
	}
	return []any{v.Type, v.Version, v.View, region, values}, nil
}

func encodeValue(value any) (any, error) {
	switch value := value.(type) {
	case nil, bool:
		return value, nil
	case int64:
		if value < -maxInteger || value > maxInteger {
			return nil, fmt.Errorf("%w: an integer of more than 53 bits", ErrMalformed)
		}
		return value, nil
	case string:
		return text(value)
	case []any:
		if len(value) == 2 {
			kept, isText := value[0].(string)
			hidden, isNumber := value[1].(int64)
			if isText && isNumber && hidden >= 1 && hidden <= maxHidden {
				s, err := text(kept)
				return []any{s, hidden}, err
			}
		}
	}
	return nil, fmt.Errorf("%w: a value of type %T", ErrMalformed, value)
}

// view reads the claim.
func (it item) view() (View, error) {
	var v View
	if it.major != array || len(it.items) != 5 {
		return View{}, fmt.Errorf("%w: the view is not an array of five", ErrMalformed)
	}
	for i, to := range []*int64{&v.Type, &v.Version, &v.View} {
		n := it.items[i]
		if n.major != unsigned || n.n < 1 || n.n > maxNumber {
			return View{}, fmt.Errorf("%w: number of type, version or view", ErrMalformed)
		}
		*to = n.n
	}
	region, values := it.items[3], it.items[4]
	if region.major != unsigned || region.n < minRegion || region.n > maxRegion {
		return View{}, fmt.Errorf("%w: region", ErrMalformed)
	}
	v.Region = strconv.FormatInt(region.n, 10)
	if values.major != mapping || len(values.items) == 0 || len(values.items) > 2*maxValues {
		return View{}, fmt.Errorf("%w: the values are not a map of 1 to %d", ErrMalformed, maxValues)
	}
	v.Values = make(map[int64]any, len(values.items)/2)
	for i := 0; i < len(values.items); i += 2 {
		n := values.items[i]
		if n.major != unsigned || n.n < 1 || n.n > maxNumber {
			return View{}, fmt.Errorf("%w: number of a field", ErrMalformed)
		}
		value, err := values.items[i+1].value()
		if err != nil {
			return View{}, fmt.Errorf("field %d: %w", n.n, err)
		}
		v.Values[n.n] = value
	}
	return v, nil
}

func (it item) value() (any, error) {
	switch it.major {
	case unsigned, negative:
		if it.n < -maxInteger || it.n > maxInteger {
			return nil, fmt.Errorf("%w: an integer of more than 53 bits", ErrMalformed)
		}
		return it.n, nil
	case byteString, textString:
		return it.text()
	case simple:
		if it.n == simpleNull {
			return nil, nil // a value like others: hidden by its mask
		}
		return it.n == simpleTrue, nil
	case array:
		if len(it.items) != 2 || it.items[1].major != unsigned || it.items[1].n < 1 || it.items[1].n > maxHidden {
			break
		}
		kept, err := it.items[0].text()
		return []any{kept, it.items[1].n}, err
	}
	return nil, fmt.Errorf("%w: a value of a kind that the format does not have", ErrMalformed)
}

// seconds is a moment as it stands in a claim.
func (it item) seconds() (int64, bool) {
	// 9999-12-31: what every language's calendar reaches.
	return it.n, it.major == unsigned && it.n > 0 && it.n <= 253402300799
}

func marshal(v any) ([]byte, error) {
	out, err := cose.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return out, nil
}
