package cose

import (
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// Names for the pieces of CBOR that other packages need, so that this one stays the only
// importer of the library.
type (
	// Raw is one encoded CBOR data item.
	Raw = cbor.RawMessage
	// Tag is a tagged data item.
	Tag = cbor.Tag
	// Simple is a simple value other than false, true, null and undefined.
	Simple = cbor.SimpleValue
)

// maxNesting bounds arrays, maps and tags within one another. Byte strings that hold CBOR
// again start from zero, because each is read on its own.
const maxNesting = 16

// modes are the two settings of the library. They cannot fail: the options are constants.
var modes = sync.OnceValues(func() (cbor.EncMode, cbor.DecMode) {
	encode := cbor.CoreDetEncOptions() // RFC 8949 §4.2.1: one spelling for one value
	encode.Time = cbor.TimeUnix
	decode := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		MaxNestedLevels:   maxNesting,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 12,
		IntDec:            cbor.IntDecConvertSignedOrFail, // every integer is an int64, or refused
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}
	e, err := encode.EncMode()
	if err != nil {
		panic(err)
	}
	d, err := decode.DecMode()
	if err != nil {
		panic(err)
	}
	return e, d
})

// Marshal encodes deterministically (RFC 8949 §4.2.1).
func Marshal(v any) ([]byte, error) {
	encode, _ := modes()
	b, err := encode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cose: %w", err)
	}
	return b, nil
}

// Unmarshal decodes one data item and nothing after it: definite lengths, no key twice in a
// map, bounded nesting. Parts that v takes as [Raw] are checked when they are decoded in turn.
func Unmarshal(data []byte, v any) error {
	_, decode := modes()
	if err := decode.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// First cuts the first data item off a CBOR sequence (RFC 8742). The item is not checked further.
func First(data []byte) (item Raw, rest []byte, err error) {
	_, decode := modes()
	if rest, err = decode.UnmarshalFirst(data, &item); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return item, rest, nil
}

// Map is a CBOR map whose values are still encoded. Keys are int64, string or, in SD-CWT,
// [Simple].
type Map map[any]Raw

// DecodeMap decodes a map and checks all that is in it, to the last nested map.
func DecodeMap(data []byte) (Map, error) {
	if len(data) == 0 || data[0]>>5 != 5 {
		return nil, fmt.Errorf("%w: not a map", ErrMalformed)
	}
	var all any
	if err := Unmarshal(data, &all); err != nil {
		return nil, err
	}
	var m Map
	if err := Unmarshal(data, &m); err != nil {
		return nil, err
	}
	return m, nil
}

// Has reports whether the map has the label.
func (m Map) Has(label any) bool {
	_, there := m[normal(label)]
	return there
}

// Int returns an integer. A label that is not there is no error; a value of another type is.
func (m Map) Int(label any) (v int64, there bool, err error) {
	there, err = m.read(label, &v, 0, 1)
	return v, there, err
}

// Text returns a text string.
func (m Map) Text(label any) (v string, there bool, err error) {
	there, err = m.read(label, &v, 3)
	return v, there, err
}

// Bytes returns a byte string.
func (m Map) Bytes(label any) (v []byte, there bool, err error) {
	there, err = m.read(label, &v, 2)
	return v, there, err
}

// Map returns a nested map.
func (m Map) Map(label any) (v Map, there bool, err error) {
	there, err = m.read(label, &v, 5)
	return v, there, err
}

// read insists on the major type: the library would turn null into nothing, an array of small
// numbers into bytes and a whole float into an integer.
func (m Map) read(label, to any, major ...byte) (bool, error) {
	raw, there := m[normal(label)]
	if !there {
		return false, nil
	}
	for _, t := range major {
		if len(raw) > 0 && raw[0]>>5 == t {
			return true, Unmarshal(raw, to)
		}
	}
	return true, fmt.Errorf("%w: label %v has the wrong type", ErrMalformed, label)
}

// normal lets callers write plain constants for labels.
func normal(label any) any {
	if i, ok := label.(int); ok {
		return int64(i)
	}
	return label
}
