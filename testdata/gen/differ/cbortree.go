package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf16"
)

// cell is a CBOR item that may be written in ways that no encoder would: heads that are longer than
// needed, keys out of order, lengths that are not true.
type cell struct {
	major byte
	n     uint64  // argument, where it is not counted from what is inside
	data  []byte  // of strings
	kids  []*cell // of arrays, of maps as key, value, …, of tags
	inner *cell   // CBOR in a byte string
	wide  int     // bytes of the argument, when it is to be longer than needed
	lie   int64   // added to the length
	open  bool    // indefinite
	raw   []byte  // instead of everything
}

const (
	cborUint byte = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// readCBOR reads one item, if it is of a form that can be written again.
func readCBOR(b []byte, depth int) (c *cell, rest []byte, ok bool) {
	if len(b) == 0 || depth > 16 {
		return nil, nil, false
	}
	c = &cell{major: b[0] >> 5}
	info := b[0] & 31
	b = b[1:]
	switch {
	case info < 24:
		c.n = uint64(info)
	case info < 28:
		size := 1 << (info - 24)
		if len(b) < size {
			return nil, nil, false
		}
		var wide [8]byte
		copy(wide[8-size:], b[:size])
		c.n, c.wide, b = binary.BigEndian.Uint64(wide[:]), size, b[size:]
	default:
		return nil, nil, false
	}
	count := uint64(0)
	switch c.major {
	case cborBytes, cborText:
		if c.n > uint64(len(b)) {
			return nil, nil, false
		}
		c.data, b = bytes.Clone(b[:c.n]), b[c.n:]
	case cborArray, cborTag:
		if count = c.n; c.major == cborTag {
			count = 1
		}
	case cborMap:
		count = 2 * c.n
	}
	if count > uint64(len(b))*2 {
		return nil, nil, false
	}
	for range count {
		var kid *cell
		if kid, b, ok = readCBOR(b, depth+1); !ok {
			return nil, nil, false
		}
		c.kids = append(c.kids, kid)
	}
	return c, b, true
}

// unpack finds the CBOR in byte strings.
func (c *cell) unpack() {
	if c.major == cborBytes && len(c.data) > 2 && len(c.data) != 8 && len(c.data) != 32 && len(c.data) != 64 {
		if inner, rest, ok := readCBOR(c.data, 0); ok && len(rest) == 0 && (inner.major == cborMap || inner.major == cborTag) {
			c.inner = inner
		}
	}
	for _, kid := range c.kids {
		kid.unpack()
	}
	if c.inner != nil {
		c.inner.unpack()
	}
}

func (c *cell) all() []*cell {
	out := []*cell{c}
	for _, kid := range c.kids {
		out = append(out, kid.all()...)
	}
	if c.inner != nil {
		out = append(out, c.inner.all()...)
	}
	return out
}

func (c *cell) clone() *cell {
	d := *c
	d.data = bytes.Clone(c.data)
	d.kids = make([]*cell, len(c.kids))
	for i, kid := range c.kids {
		d.kids[i] = kid.clone()
	}
	if c.inner != nil {
		d.inner = c.inner.clone()
	}
	return &d
}

func (c *cell) bytes() []byte { return c.write(nil) }

func (c *cell) write(out []byte) []byte {
	if c.raw != nil {
		return append(out, c.raw...)
	}
	n, content := c.n, c.data
	if c.inner != nil {
		content = c.inner.bytes()
	}
	switch c.major {
	case cborBytes, cborText:
		n = uint64(int64(len(content)) + c.lie)
	case cborArray:
		n = uint64(int64(len(c.kids)) + c.lie)
	case cborMap:
		n = uint64(int64(len(c.kids)/2) + c.lie)
	}
	if c.open {
		out = append(out, c.major<<5|31)
	} else {
		out = c.head(out, n)
	}
	switch {
	case c.open && (c.major == cborBytes || c.major == cborText):
		out = append((&cell{major: c.major, data: content}).write(out), 0xff)
		return out
	case c.major == cborBytes || c.major == cborText:
		return append(out, content...)
	}
	for _, kid := range c.kids {
		out = kid.write(out)
	}
	if c.open {
		out = append(out, 0xff)
	}
	return out
}

// head writes the first byte and the argument, at least as wide as wanted.
func (c *cell) head(out []byte, n uint64) []byte {
	size := 0
	switch {
	case n >= 1<<32:
		size = 8
	case n >= 1<<16:
		size = 4
	case n >= 1<<8:
		size = 2
	case n >= 24:
		size = 1
	}
	size = max(size, c.wide)
	if size == 0 {
		return append(out, c.major<<5|byte(n))
	}
	info := byte(24)
	for 1<<(info-24) < size {
		info++
	}
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], n)
	return append(append(out, c.major<<5|info), wide[8-size:]...)
}

// Numbers at which something begins or ends.
var numbers = []uint64{
	0, 1, 2, 3, 4, 6, 7, 8, 13, 16, 17, 18, 22, 23, 24, 38, 39, 64, 65, 255, 256, 293, 294, 999, 1000, 1001, 9999, 10000, 65536, 65537, 99999, 100000, 430102, 999999, 1000000, 2932896, 2932897, 719161, 719162,
	86399, 86400, 86401, 253402300799, 253402300800, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 - 2, 1<<53 - 1, 1 << 53, math.MaxInt64, 1 << 63, math.MaxUint64,
}

// Texts that have two forms, one, or none.
var texts = []string{"", "a", "ab", "张", "张三", "a张", "张a", "é", "éé", "€", "😀", "😀😀", "a😀", "\ufeff", "\ufffd", "\u0000", "\u0080", "\u07ff", "\u0800", "\ue000", "e\u0301", "0", "***", "张**", "bank", "any", "demo-bank", " ", "\x7f", "~"}

// literals are whole items that have no place, or hardly one.
var literals = [][]byte{
	{0xf4}, {0xf5}, {0xf6}, {0xf7}, {0xe0}, {0xf0}, {0xf8, 0x14}, {0xf8, 0x20}, {0xf9, 0, 0}, {0xfa, 0, 0, 0, 0}, {0xfb, 0, 0, 0, 0, 0, 0, 0, 0}, {0xff}, {0x1c}, {0x1f}, {0x3f}, {0xdf}, {0x5f, 0xff}, {0x7f, 0xff}, {0x9f, 0xff}, {0xbf, 0xff},
	{0xfc}, {0x1b, 0, 0, 0, 0, 0, 0, 0, 1}, {0x18, 0x17}, {0x18}, {0x59, 0}, {0xc0, 0}, {0xc1, 0}, {0xd2, 0}, {0xd8, 0x12, 0}, {0xd8, 0x3d, 0}, {0x42, 0xd8, 0}, {0x42, 0xdc, 0}, {0x44, 0xd8, 0, 0xd8, 0}, {0x41, 0x61}, {0x42, 0, 0x61}, {0x62, 0xc3, 0x28}, {0x61, 0x80},
	{0x63, 0xed, 0xa0, 0x80}, {0x9b, 0, 0, 0, 1, 0, 0, 0, 0}, {0x9a, 0x7f, 0xff, 0xff, 0xff}, {0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0}, {0xba, 0x80, 0, 0, 0}, {0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x7a, 0xff, 0xff, 0xff, 0xff}, {}, {0x80}, {0xa0}, {0x60}, {0x40},
	{0xa2, 1, 1, 1, 2}, {0xa2, 2, 1, 1, 2}, {0xa1, 0x18, 1, 1}, {0x82, 0x61, 0x61, 1}, {0x82, 0x42, 0x34, 0x31, 0x10}, {0x82, 0x62, 0x34, 0x31, 0x19, 3, 0xe8}, {0x82, 0x62, 0x34, 0x31, 0x19, 3, 0xe9}, {0x82, 0x62, 0x34, 0x31, 0}, {0x84, 1, 2, 3, 4},
}

func wideText(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}

// anyCell is a new item.
func anyCell(r *dice, cells []*cell, now int64) *cell {
	switch r.IntN(7) {
	case 0:
		return &cell{major: byte(r.IntN(2)), n: pick(r, numbers)}
	case 1:
		return &cell{n: uint64(now + pick(r, []int64{-86411, -86410, -86400, -62, -61, -60, -59, -11, -10, -9, 0, 9, 10, 11, 86400, 86401}))}
	case 2:
		return &cell{major: cborText, data: []byte(pick(r, texts))}
	case 3:
		return &cell{major: cborBytes, data: wideText(pick(r, texts))}
	case 4:
		return cells[r.IntN(len(cells))].clone()
	case 5:
		data := make([]byte, pick(r, []int{0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65}))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		return &cell{major: cborBytes, data: data}
	}
	return &cell{raw: pick(r, literals)}
}

// mutateCell changes one thing.
func mutateCell(r *dice, c *cell, cells []*cell, now int64) {
	i, j := 0, 0
	if len(c.kids) > 0 {
		i, j = r.IntN(len(c.kids)), r.IntN(len(c.kids))
	}
	pairs := c.major == cborMap && len(c.kids) >= 4
	switch r.IntN(16) {
	case 0:
		c.wide = pick(r, []int{1, 2, 4, 8})
	case 1:
		c.lie = pick(r, []int64{1, -1, 2, 100, 1 << 31, 1 << 32, math.MaxInt64 - 70})
	case 2:
		c.open = true
	case 3, 4, 5:
		*c = *anyCell(r, cells, now)
	case 6:
		c.n += uint64(pick(r, []int64{1, -1, 2, -2, 59, 61, -60, 3600, 86400, -86400}))
	case 7:
		c.major = byte(r.IntN(8))
	case 8:
		*c = cell{major: cborTag, n: pick(r, []uint64{18, 18, 18, 61, 24, 98}), kids: []*cell{c.clone()}}
	case 9:
		for range pick(r, []int{1, 2, 3, 5, 6, 7, 8, 9, 200}) {
			*c = cell{major: cborArray, kids: []*cell{c.clone()}}
		}
	case 10: // keys out of order
		if pairs {
			a, b := i&^1, j&^1
			c.kids[a], c.kids[a+1], c.kids[b], c.kids[b+1] = c.kids[b], c.kids[b+1], c.kids[a], c.kids[a+1]
		} else if len(c.kids) > 1 {
			c.kids[i], c.kids[j] = c.kids[j], c.kids[i]
		}
	case 11: // a key twice
		if c.major == cborMap && len(c.kids) > 0 {
			a := i &^ 1
			c.kids = slices.Insert(c.kids, a, c.kids[a].clone(), anyCell(r, cells, now))
		}
	case 12: // one more, in order or not
		if c.major == cborMap {
			c.kids = append(c.kids, anyCell(r, cells, now), anyCell(r, cells, now))
			if r.chance(2) {
				c.sort()
			}
		} else {
			c.kids = append(c.kids, anyCell(r, cells, now))
		}
	case 13: // one less
		if c.major == cborMap && len(c.kids) > 0 {
			c.kids = slices.Delete(c.kids, i&^1, i&^1+2)
		} else if len(c.kids) > 0 {
			c.kids = slices.Delete(c.kids, i, i+1)
		}
	case 14: // another value of the same key
		if len(c.kids) > 0 {
			at := i
			if c.major == cborMap {
				at |= 1
			}
			c.kids[at] = anyCell(r, cells, now)
		}
	default:
		c.data, c.inner = mutateBytes(r, c.data), nil
	}
}

// sort puts the keys of a map in the order of their bytes.
func (c *cell) sort() {
	type pair struct{ key, value *cell }
	var all []pair
	for i := 0; i+1 < len(c.kids); i += 2 {
		all = append(all, pair{c.kids[i], c.kids[i+1]})
	}
	slices.SortStableFunc(all, func(a, b pair) int { return bytes.Compare(a.key.bytes(), b.key.bytes()) })
	c.kids = c.kids[:0]
	for _, p := range all {
		c.kids = append(c.kids, p.key, p.value)
	}
}
