package qr

const base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648 §6

const alphabet36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" // ISO/IEC 7064, alphanumeric

// The decoder is written out because encoding/base32 skips CR and LF inside the text and ignores the bits left over:
// both would give one payload many spellings.

func appendBase32(dst, src []byte) []byte {
	var acc uint32
	var bits uint
	for _, b := range src {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			dst = append(dst, base32Alphabet[acc>>bits&31])
		}
	}
	if bits > 0 {
		dst = append(dst, base32Alphabet[acc<<(5-bits)&31])
	}
	return dst
}

// decodeBase32 fills dst from src. bad is the index of the first character outside the alphabet, or -1; spareZero
// reports whether the bits left over in the last character are zero.
func decodeBase32(dst, src []byte) (bad int, spareZero bool) {
	var acc uint32
	var bits uint
	n := 0
	for i, c := range src {
		v := value32(c)
		if v < 0 {
			return i, false
		}
		acc = acc<<5 | uint32(v)
		bits += 5
		if bits >= 8 {
			bits -= 8
			dst[n] = byte(acc >> bits)
			n++
		}
	}
	return -1, acc&(1<<bits-1) == 0
}

// value32 is the value of a base32 character, or -1.
func value32(c byte) int {
	switch {
	case c >= 'A' && c <= 'Z':
		return int(c - 'A')
	case c >= '2' && c <= '7':
		return int(c-'2') + 26
	default:
		return -1
	}
}

// value36 is the value of a character of the check system and of domains, or -1.
func value36(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	default:
		return -1
	}
}

// checkCharacter computes ISO/IEC 7064 MOD 37,36 (the hybrid system of GB/T 36904 identifiers) over s, whose
// characters were checked before. It finds every single wrong character.
func checkCharacter(s []byte) byte {
	p := 36
	for _, c := range s {
		p = (p + value36(c)) % 36
		if p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	return alphabet36[(37-p)%36]
}
