package main

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// dice are random numbers that a seed decides.
type dice struct{ *rand.Rand }

func roll(seed, stream uint64) *dice { return &dice{rand.New(rand.NewPCG(seed, stream))} } //nolint:gosec // repeatable, keeps no secret

// chance is true once in n.
func (r *dice) chance(n int) bool { return r.IntN(n) == 0 }

func pick[T any](r *dice, from []T) T { return from[r.IntN(len(from))] }

// mutateBytes changes bytes in one place.
func mutateBytes(r *dice, b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) == 0 {
		return []byte{byte(r.Uint32())}
	}
	at, to := r.IntN(len(b)), r.IntN(len(b)+1)
	low, high := min(at, to), max(at, to)
	switch r.IntN(9) {
	case 0:
		b[at] ^= 1 << r.IntN(8)
	case 1:
		b[at] = byte(r.Uint32())
	case 2:
		b = slices.Insert(b, at, byte(r.Uint32()))
	case 3:
		b = slices.Delete(b, at, at+1)
	case 4:
		b = b[:at]
	case 5:
		b = slices.Delete(b, low, min(high, low+8))
	case 6:
		b = slices.Insert(b, low, b[low:min(high, low+40)]...)
	case 7:
		b = append(b, byte(r.Uint32()))
	default:
		b[at] = pick(r, []byte{0, 1, 0x17, 0x18, 0x19, 0x1b, 0x1f, 0x20, 0x40, 0x5f, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xf4, 0xf6, 0xf7, 0xf9, 0xff})
	}
	return b
}

// Characters that readers of texts have opinions about.
var odd = []string{
	" ", "\t", "\n", "\r\n", "\x00", "\x1f", "\x7f", "\u00a0", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u3000", "\u2028", "\u0085", "=", "+", "/", "-", "_", ".", "~", "%", ":", "0", "1", "8", "9",
	"a", "z", "A", "Z", "7", "2", "\uff21", "\uff37", "\uff12", "\uff5a", "\u0130", "\u0131", "\u017f", "\u212a", "é", "ß", "😀", "]Q1", "SC2", "SC1", "\u00ad", "\u180e", "\u202e",
}

// mutateText changes a text in one place. What comes out is valid UTF-8, which is all that a scanner,
// a form or a JSON text can hand over.
func mutateText(r *dice, s, other string) string {
	if s == "" {
		return pick(r, odd)
	}
	at, to := r.IntN(len(s)), r.IntN(len(s)+1)
	low, high := min(at, to), max(at, to)
	switch r.IntN(11) {
	case 0:
		s = s[:at] + s[at+1:]
	case 1:
		s = s[:at] + pick(r, odd) + s[at:]
	case 2:
		s = s[:at] + pick(r, odd) + s[at+1:]
	case 3:
		s = s[:at]
	case 4:
		s = s[:low] + s[min(high, low+12):]
	case 5:
		s = s[:low] + s[low:min(high, low+60)] + s[low:]
	case 6:
		s = s[:at] + s[to%len(s):to%len(s)+1] + s[at+1:]
	case 7: // a splice
		if other != "" {
			from := r.IntN(len(other))
			s = s[:at] + other[from:]
		}
	case 8:
		s = pick(r, odd) + s
	case 9:
		s += pick(r, odd)
	default:
		if s = strings.ToLower(s[:low]) + s[low:]; r.chance(2) {
			s = strings.ToLower(s)
		}
	}
	return strings.ToValidUTF8(s, "�")
}

// validText: JSON texts inside of tokens may be any bytes, but what is handed over may not.
func validText(s string) bool { return utf8.ValidString(s) }
