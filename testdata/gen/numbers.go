package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// draw is a number below n that depends on the seed alone.
func draw(seed string, n uint64) uint64 {
	sum := sha256.Sum256([]byte("showcard demo data:" + seed))
	return binary.BigEndian.Uint64(sum[:8]) % n
}

// chars draws a text of an alphabet.
func chars(seed, alphabet string, length int) string {
	var b strings.Builder
	for i := range length {
		b.WriteByte(alphabet[draw(fmt.Sprintf("%s/%d", seed, i), uint64(len(alphabet)))])
	}
	return b.String()
}

const (
	digits = "0123456789"
	hexits = "0123456789ABCDEF"
)

// citizenID completes a citizen number (GB 11643).
func citizenID(region, birth string, sequence int) string {
	body := fmt.Sprintf("%s%s%03d", region, strings.ReplaceAll(birth, "-", ""), sequence)
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(body[i]-'0') * w
	}
	return body + "10X98765432"[sum%11:sum%11+1]
}

// uscc completes a unified social credit code (GB 32100) from its first eight
// characters and the eight of the organisation (GB 11714).
func uscc(head, organisation string) string {
	const alphabet36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	sum := 0
	for i, w := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
		sum += strings.IndexByte(alphabet36, organisation[i]) * w
	}
	check := 11 - sum%11
	body := head + organisation + "0123456789X0"[check:check+1]
	const alphabet31 = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	sum, weight := 0, 1
	for i := range body {
		sum += strings.IndexByte(alphabet31, body[i]) * weight
		weight = weight * 3 % 31
	}
	check = (31 - sum%31) % 31
	return body + alphabet31[check:check+1]
}

// vin draws a vehicle identification number of an invented maker and sets its
// check digit (GB 16735).
func vin(seed string) string {
	body := "LX9" + chars(seed+"/vds", "ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 5) + "0" + "R" +
		chars(seed+"/plant", "ABCDEFGH", 1) + chars(seed+"/serial", digits, 6)
	sum := 0
	for i, w := range []int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2} {
		c := body[i]
		v := int(c - '0')
		if c >= 'A' {
			v = int("12345678 12345 7 923456789"[c-'A'] - '0')
		}
		sum += v * w
	}
	return body[:8] + "0123456789X"[sum%11:sum%11+1] + body[9:]
}
