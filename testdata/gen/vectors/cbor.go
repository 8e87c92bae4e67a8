package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// CBOR is written by hand here and not by crypto/cose, which refuses to write it badly.

// table is a map. Its pairs are written in the order of their encoded keys, a key twice included,
// unless asIs is set.
type table struct {
	pairs []pair
	asIs  bool
}

type pair struct{ key, value any }

// raw is an item that is encoded already.
type raw []byte

// list is an array.
type list []any

// absent marks a label that a map is to lack.
const absent = "\x00absent"

func tableOf(keysAndValues ...any) *table {
	t := &table{}
	for i := 0; i < len(keysAndValues); i += 2 {
		t.add(keysAndValues[i], keysAndValues[i+1])
	}
	return t
}

// set replaces the value of a key, or adds it.
func (t *table) set(key, value any) {
	for i := range t.pairs {
		if t.pairs[i].key == key {
			t.pairs[i].value = value
			return
		}
	}
	t.add(key, value)
}

// add adds a pair, even where the key is there already.
func (t *table) add(key, value any) { t.pairs = append(t.pairs, pair{key, value}) }

func (t *table) get(key any) any {
	for _, p := range t.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// backwards writes the pairs in the wrong order.
func (t *table) backwards() {
	slices.SortStableFunc(t.pairs, func(a, b pair) int { return bytes.Compare(cbor(b.key), cbor(a.key)) })
	t.asIs = true
}

func head(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case bits.Len64(n) <= 8:
		return []byte{major | 24, byte(n)}
	case bits.Len64(n) <= 16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	case bits.Len64(n) <= 32:
		return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major | 27}, n)
}

func cbor(v any) []byte {
	switch v := v.(type) {
	case raw:
		return v
	case nil:
		return []byte{0xf6}
	case bool:
		if v {
			return []byte{0xf5}
		}
		return []byte{0xf4}
	case int:
		return cbor(int64(v))
	case int64:
		if v < 0 {
			return head(1, uint64(-1-v))
		}
		return head(0, uint64(v))
	case []byte:
		return append(head(2, uint64(len(v))), v...)
	case string:
		return append(head(3, uint64(len(v))), v...)
	case []any:
		return cbor(list(v))
	case list:
		out := head(4, uint64(len(v)))
		for _, one := range v {
			out = append(out, cbor(one)...)
		}
		return out
	case *table:
		pairs := slices.DeleteFunc(slices.Clone(v.pairs), func(p pair) bool { return p.value == absent })
		if !v.asIs {
			slices.SortStableFunc(pairs, func(a, b pair) int { return bytes.Compare(cbor(a.key), cbor(b.key)) })
		}
		out := head(5, uint64(len(pairs)))
		for _, p := range pairs {
			out = append(append(out, cbor(p.key)...), cbor(p.value)...)
		}
		return out
	}
	panic(fmt.Sprintf("no CBOR for %T", v)) // literals of this program
}

// tag puts a tag in front of an item.
func tag(n uint64, v any) raw { return append(head(6, n), cbor(v)...) }
