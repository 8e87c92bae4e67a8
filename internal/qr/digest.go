package qr

import "github.com/showcard/showcard/crypto/sm"

// Digest is how stores and records know a ticket. Whoever reads them cannot show the code.
func Digest(ticket [16]byte) [32]byte {
	return sm.Sum(append([]byte("showcard ticket\x00"), ticket[:]...))
}
