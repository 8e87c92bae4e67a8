package qr

import (
	"fmt"
	"strings"
)

// Format writes c in its one canonical spelling. Parse(Format(c)) gives c back, or Format fails.
func Format(c Code) (string, error) {
	switch c.Kind {
	case Ticket:
		return FormatTicket(c.Domain, c.Ticket)
	case Offline:
		switch {
		case len(c.Offline) == 0:
			return "", fmt.Errorf("%w: empty token", ErrTruncated)
		case len(c.Offline) > MaxOfflineToken:
			return "", fmt.Errorf("%w: token of %d bytes, at most %d", ErrTooLong, len(c.Offline), MaxOfflineToken)
		}
		s := FormatOffline(c.Offline)
		if scannedTwice([]byte(s)) {
			// No signed token repeats itself from its first byte on, so this refuses nothing real; it keeps the
			// promise that whatever Format writes Parse reads.
			return "", fmt.Errorf("%w: token looks like one code scanned twice", ErrTooLong)
		}
		return s, nil
	default:
		return "", fmt.Errorf("%w: %v", ErrNotOurs, c.Kind)
	}
}

// FormatTicket writes a ticket: 34 characters, a version 2-M symbol.
func FormatTicket(domain string, ticket [16]byte) (string, error) {
	if len(domain) != DomainLength {
		return "", fmt.Errorf("%w: home domain %q must have %d characters", ErrAlphabet, domain, DomainLength)
	}
	for i := range len(domain) {
		if value36(domain[i]) < 0 {
			return "", fmt.Errorf("%w: home domain %q must be of 0-9 and A-Z", ErrAlphabet, domain)
		}
	}
	var buf [TicketLength]byte
	b := append(buf[:0], prefixTicket...)
	b = append(b, domain...)
	b = appendBase32(b, ticket[:])
	b = append(b, checkCharacter(b))
	return string(b), nil
}

// FormatURL writes a ticket (as FormatTicket wrote it) behind the upper-case form of base, for cameras that only open
// links: HTTPS://HOST[:PORT]/S/SC1…. The base has no path, query or user: those are case-sensitive or outside QR's
// alphanumeric alphabet. With a base of up to 53 characters the symbol is at most version 4-M.
func FormatURL(base, ticket string) (string, error) {
	c, err := Parse(ticket)
	if err != nil {
		return "", fmt.Errorf("ticket for a URL: %w", err)
	}
	if c.Kind != Ticket || len(ticket) != TicketLength || ticket != strings.ToUpper(ticket) {
		return "", fmt.Errorf("%w: only a ticket goes behind a URL", ErrNotOurs)
	}
	b := strings.ToUpper(strings.TrimSuffix(base, "/"))
	// strings.ToUpper maps some letters outside ASCII into it (ſ to S), so the alphabet is checked on the original.
	for i := range len(base) {
		if base[i] >= 0x80 {
			return "", fmt.Errorf("%w: %q", ErrBase, base)
		}
	}
	host := urlHost([]byte(b))
	if len(host) == 0 || len(host) > maxHost || value36(host[0]) < 0 || len(urlScheme([]byte(b)))+len(host) != len(b) {
		return "", fmt.Errorf("%w: %q, want https://host or https://host:port", ErrBase, base)
	}
	return b + urlPath + ticket, nil
}

// FormatOffline writes an offline code. It does not check the size: what is over MaxOfflineToken bytes Parse refuses,
// so whoever cannot bound the token uses Format.
func FormatOffline(token []byte) string {
	b := make([]byte, 0, prefixLength+(len(token)*8+4)/5)
	b = append(b, prefixOffline...)
	return string(appendBase32(b, token))
}
