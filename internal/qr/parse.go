package qr

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

const (
	schemeHTTPS = "HTTPS://"
	schemeHTTP  = "HTTP://" // a demonstration on localhost; the host is not believed either way
	urlPath     = "/S/"
	maxHost     = 253 + len(":65535") // RFC 1035 §2.3.4, and a port

	// maxNormal bounds what Parse looks at: the longest offline code twice over would be nothing but too long.
	maxNormal = 2048

	// foreign stands in the normalised text for a character that no code contains.
	foreign = 0x80
)

// Parse reads what a scanner, a camera or a person typed. It drops blanks, control characters, byte order marks and
// an AIM symbology identifier around the code, folds full-width forms and lower case back, and opens the URL form.
// The errors never repeat the text: it may be a living ticket, or something private that was scanned by mistake.
func Parse(s string) (Code, error) {
	var buf [maxNormal]byte
	n, overflow := normalise(&buf, s)
	t := buf[:n]
	// Scanners can be set to send the AIM identifier of the symbology first; QR's are ]Q0 to ]Q6 (ISO/IEC 15424).
	if n >= 3 && t[0] == ']' && t[1] == 'Q' && t[2] >= '0' && t[2] <= '6' {
		t = t[3:]
	}
	switch {
	case hasPrefix(t, prefixTicket):
		if overflow {
			return Code{}, ErrTooLong
		}
		return parseTicket(t)
	case hasPrefix(t, prefixOffline):
		if overflow {
			return Code{}, ErrTooLong
		}
		return parseOffline(t)
	case overflow:
		return Code{}, ErrNotOurs
	}
	host := urlHost(t)
	if len(host) == 0 || len(host) > maxHost {
		return Code{}, ErrNotOurs
	}
	rest := t[len(urlScheme(t))+len(host):]
	if !hasPrefix(rest, urlPath) || !hasPrefix(rest[len(urlPath):], prefixTicket) {
		return Code{}, ErrNotOurs
	}
	return parseTicket(rest[len(urlPath):])
}

func parseTicket(t []byte) (Code, error) {
	switch {
	case len(t) < TicketLength:
		return Code{}, fmt.Errorf("%w: %d of %d characters", ErrTruncated, len(t), TicketLength)
	case len(t) > TicketLength:
		return Code{}, fmt.Errorf("%w: %d characters, a ticket has %d", ErrTooLong, len(t), TicketLength)
	}
	domain := t[prefixLength : prefixLength+DomainLength]
	body := t[prefixLength+DomainLength : TicketLength-1]
	for i, c := range domain {
		if value36(c) < 0 {
			return Code{}, outside(prefixLength + i)
		}
	}
	c := Code{Kind: Ticket}
	bad, spareZero := decodeBase32(c.Ticket[:], body)
	if bad >= 0 {
		return Code{}, outside(prefixLength + DomainLength + bad)
	}
	last := t[TicketLength-1]
	if value36(last) < 0 {
		return Code{}, outside(TicketLength - 1)
	}
	if checkCharacter(t[:TicketLength-1]) != last {
		return Code{}, ErrCheckCharacter
	}
	if !spareZero {
		return Code{}, fmt.Errorf("%w: bits left over are not zero", ErrAlphabet)
	}
	c.Domain = string(domain)
	return c, nil
}

func parseOffline(t []byte) (Code, error) {
	if scannedTwice(t) {
		return Code{}, ErrTooLong
	}
	if len(t) > MaxOfflineLength {
		return Code{}, fmt.Errorf("%w: %d characters, at most %d", ErrTooLong, len(t), MaxOfflineLength)
	}
	body := t[prefixLength:]
	token := make([]byte, len(body)*5/8)
	bad, spareZero := decodeBase32(token, body)
	if bad >= 0 {
		return Code{}, outside(prefixLength + bad)
	}
	// RFC 4648 §6: a last group of 1, 3 or 6 characters ends inside a byte. Bits left over that are not zero are the
	// same accident: the writer always leaves zeros there, so the end is missing.
	switch len(body) % 8 {
	case 1, 3, 6:
		return Code{}, ErrTruncated
	}
	if len(body) == 0 {
		return Code{}, ErrTruncated
	}
	if !spareZero {
		return Code{}, fmt.Errorf("%w: bits left over are not zero", ErrTruncated)
	}
	return Code{Kind: Offline, Offline: token}, nil
}

func outside(at int) error {
	return fmt.Errorf("%w: character %d", ErrAlphabet, at+1)
}

// scannedTwice reports whether an offline code repeats itself from its prefix on: a gun triggered twice into one
// field. S, C and 2 are base32 characters, so without this look the pair would pass as one longer token and the clerk
// would read of a bad signature instead of a double scan.
func scannedTwice(t []byte) bool {
	if i := bytes.IndexByte(t, ' '); i >= 0 && hasPrefix(bytes.TrimLeft(t[i:], " "), prefixOffline) {
		return true // the suffix key of the first scan (Enter, Tab) stands between them
	}
	for p := prefixLength; p <= len(t)/2; p++ {
		next := bytes.Index(t[p:], []byte(prefixOffline))
		if next < 0 || p+next > len(t)/2 {
			return false
		}
		if p += next; bytes.Equal(t[p:], t[:len(t)-p]) {
			return true
		}
	}
	return false
}

// urlScheme and urlHost take a normalised URL apart; both are empty when t is none of ours. The host is limited to
// letters, digits, dots, hyphens and a port, so user names, brackets and escapes end it and the path does not match.
func urlScheme(t []byte) []byte {
	switch {
	case hasPrefix(t, schemeHTTPS):
		return t[:len(schemeHTTPS)]
	case hasPrefix(t, schemeHTTP):
		return t[:len(schemeHTTP)]
	default:
		return nil
	}
}

func urlHost(t []byte) []byte {
	scheme := urlScheme(t)
	if scheme == nil {
		return nil
	}
	rest := t[len(scheme):]
	for i, c := range rest {
		if value36(c) < 0 && c != '.' && c != '-' && c != ':' {
			return rest[:i]
		}
	}
	return rest
}

func hasPrefix(t []byte, p string) bool {
	return len(t) >= len(p) && string(t[:len(p)]) == p
}

// normalise copies s into buf in upper case, full-width forms folded, blanks trimmed, and reports how much it wrote
// and whether there was more. Only ASCII letters are raised: Unicode's rules would turn ſ and the Kelvin sign into S
// and K, and a code that contains those was not typed by a scanner.
func normalise(buf *[maxNormal]byte, s string) (n int, overflow bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
		} else {
			r, size := utf8.DecodeRuneInString(s[i:])
			i += size
			c = fold(r)
		}
		switch {
		case c <= ' ' || c == 0x7f:
			if n == 0 {
				continue
			}
			c = ' '
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		if n == len(buf) {
			return n, true
		}
		buf[n] = c
		n++
	}
	for n > 0 && buf[n-1] == ' ' {
		n--
	}
	return n, false
}

// fold maps what input methods and terminals make of ASCII back to it.
func fold(r rune) byte {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E: // full-width forms
		return byte(r - 0xFEE0)
	case r == 0x3002: // the ideographic full stop, typed by the key of '.'
		return '.'
	case r == 0x3001: // the ideographic comma, typed by the key of '/'
		return '/'
	case r == 0x3000, r == 0x00A0, r == 0xFEFF, r == 0x2060, r >= 0x200B && r <= 0x200F:
		return ' ' // ideographic and no-break space, byte order mark, word joiner, zero-width and direction marks
	default:
		return foreign
	}
}
