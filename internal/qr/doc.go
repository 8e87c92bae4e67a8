// Package qr is the grammar of the codes a person shows: what is written into a QR code, and how what a scanner
// typed is read back. It is pure: no image, no clock, no network. Drawing and photographing live in qrimage.
//
// There are two payloads, both of digits and capital letters only:
//
//	SC1 DDDD TTTTTTTTTTTTTTTTTTTTTTTTTT C    a ticket, 34 characters (written without the blanks)
//	SC2 BBBB…                                an offline code, at most 1,451 characters
//
// A ticket is 128 random bits in base32 (26 characters), the four characters of the domain that issued it, and one
// check character by ISO/IEC 7064 MOD 37,36 over the 33 characters before it. It means nothing by itself: the home
// domain looks it up once. By configuration it stands behind an upper-case URL, HTTPS://HOST/S/SC1…, so that an
// ordinary phone camera opens a page; the host is decoration for that camera and is never believed: the home domain
// is the one inside the ticket.
//
// An offline code is the base32 of a signed key-binding token. It has no check character, because the signature
// finds every wrong bit; the grammar only refuses what cannot be such a token.
//
// Why capitals: counter scanners are keyboards. Under a Chinese input method or with caps lock on they change the
// case, turn punctuation into other punctuation, and widen ASCII to the full-width forms; digits and capital letters
// survive, and QR's alphanumeric mode (ISO/IEC 18004 §7.4.4) packs exactly them most densely.
//
// [Parse] undoes what scanners are known to do and nothing more: it never guesses a character (0 for O), so two
// spellings it accepts always carry the same payload. base32 is RFC 4648 §6 without padding, and the bits left over
// in the last character must be zero (RFC 4648 §3.5), or one payload would have several spellings.
package qr
