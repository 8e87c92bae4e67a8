package schemas

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// IdentifierRoot is the OID arc of electronic certificates (GB/T 36904). It is
// not part of the checked text.
const IdentifierRoot = "1.2.156.3005.2"

// Errors of identifiers.
var (
	ErrIdentifierFormat   = errors.New("schemas: malformed certificate identifier")
	ErrIdentifierChecksum = errors.New("schemas: wrong check character in certificate identifier")
)

const (
	alphabet36     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	typeCodeLength = 21
	usccLength     = 18
	maxSerial      = 64
	maxVersion     = 999
	serialLength   = 20
)

// Identifier is a certificate identifier of GB/T 36904 (电子证照标识): type code,
// issuing authority, serial, version, and a check character by ISO/IEC 7064
// MOD 37,36. The zero value is no identifier. Identifiers are comparable.
type Identifier struct {
	typeCode, issuerCode, serial string
	version                      int
}

// NewIdentifier makes an identifier of our own: a 21-character type code, the
// issuing authority's unified social credit code with a right check digit, a
// serial of 1 to 64 characters [0-9A-Z] and a version from 1 to 999.
func NewIdentifier(typeCode, issuerCode, serial string, version int) (Identifier, error) {
	if err := checkTypeCode(typeCode); err != nil {
		return Identifier{}, fmt.Errorf("%w: type code: %w", ErrIdentifierFormat, err)
	}
	if err := CheckUSCC(issuerCode); err != nil {
		return Identifier{}, fmt.Errorf("%w: issuer code: %w", ErrIdentifierFormat, err)
	}
	id := Identifier{typeCode, issuerCode, serial, version}
	if err := id.check(); err != nil {
		return Identifier{}, err
	}
	return id, nil
}

// ParseIdentifier reads an identifier with its root. It accepts the short type
// and issuer codes of older systems ("340100"); it does not accept another
// root, even where a vendor's check character includes it.
func ParseIdentifier(s string) (Identifier, error) {
	rest, ok := strings.CutPrefix(s, IdentifierRoot+".")
	if !ok {
		return Identifier{}, fmt.Errorf("%w: it does not start with %s", ErrIdentifierFormat, IdentifierRoot)
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 5 || len(parts[3]) != 3 || len(parts[4]) != 1 {
		return Identifier{}, fmt.Errorf("%w: it must have five parts behind the root, the last of 3 and 1 characters", ErrIdentifierFormat)
	}
	version := 0
	for _, c := range []byte(parts[3]) {
		if c < '0' || c > '9' {
			return Identifier{}, fmt.Errorf("%w: version", ErrIdentifierFormat)
		}
		version = version*10 + int(c-'0')
	}
	id := Identifier{parts[0], parts[1], parts[2], version}
	if err := id.check(); err != nil {
		return Identifier{}, err
	}
	if id.CheckCharacter() != parts[4][0] {
		return Identifier{}, ErrIdentifierChecksum
	}
	return id, nil
}

func (id Identifier) check() error {
	for _, part := range []struct {
		name, text string
		max        int
	}{
		{"type code", id.typeCode, typeCodeLength}, {"issuer code", id.issuerCode, usccLength}, {"serial", id.serial, maxSerial},
	} {
		if part.text == "" || len(part.text) > part.max || strings.Trim(part.text, alphabet36) != "" {
			return fmt.Errorf("%w: %s must be 1 to %d characters 0-9 A-Z", ErrIdentifierFormat, part.name, part.max)
		}
	}
	if id.version < 1 || id.version > maxVersion {
		return fmt.Errorf("%w: version must be 001 to 999", ErrIdentifierFormat)
	}
	return nil
}

// String is the whole identifier with root and check character.
func (id Identifier) String() string {
	if id.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s.%s.%s.%s.%03d.%c", IdentifierRoot, id.typeCode, id.issuerCode, id.serial, id.version, id.CheckCharacter())
}

// Next is the identifier of the certificate that replaces this one: one version
// on. Past version 999 it is the zero Identifier, and a new serial is needed.
func (id Identifier) Next() Identifier {
	if id.IsZero() || id.version >= maxVersion {
		return Identifier{}
	}
	id.version++
	return id
}

// IsZero says whether there is no identifier.
func (id Identifier) IsZero() bool { return id == Identifier{} }

// TypeCode is the certificate type code (证照类型代码).
func (id Identifier) TypeCode() string { return id.typeCode }

// IssuerCode is the issuing authority's code (证照颁发机构代码).
func (id Identifier) IssuerCode() string { return id.issuerCode }

// Serial is the serial number (流水号).
func (id Identifier) Serial() string { return id.serial }

// Version is the version number (版本号), from 1.
func (id Identifier) Version() int { return id.version }

// CheckCharacter is the check character (校验位) over type, issuer, serial and
// version, without root and dots.
func (id Identifier) CheckCharacter() byte {
	return mod37x36(fmt.Sprintf("%s%s%s%03d", id.typeCode, id.issuerCode, id.serial, id.version))
}

// MarshalText writes the identifier as String does.
func (id Identifier) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads an identifier as ParseIdentifier does.
func (id *Identifier) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = Identifier{}
		return nil
	}
	parsed, err := ParseIdentifier(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// mod37x36 is the hybrid system of ISO/IEC 7064 §9 with modulus 36; the text
// must be of the alphabet.
func mod37x36(s string) byte {
	p := 36
	for i := range len(s) {
		p = (p + strings.IndexByte(alphabet36, s[i])) % 36
		if p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	return alphabet36[(37-p)%36]
}

// RandomSerial draws a serial of 20 characters [0-9A-Z] (over 103 bits):
// identifiers travel in URLs and must neither carry a citizen's number nor be guessed.
func RandomSerial(random io.Reader) (string, error) {
	out := make([]byte, 0, serialLength)
	var buf [32]byte
	for len(out) < serialLength {
		if _, err := io.ReadFull(random, buf[:]); err != nil {
			return "", fmt.Errorf("schemas: drawing a serial: %w", err)
		}
		for _, b := range buf {
			// 252 = 7 × 36: larger bytes would favour the first characters.
			if b < 252 && len(out) < serialLength {
				out = append(out, alphabet36[b%36])
			}
		}
	}
	return string(out), nil
}

// checkTypeCode checks a 证照类型代码: the defining authority's credit code and
// three characters of sequence.
func checkTypeCode(code string) error {
	if len(code) != typeCodeLength || strings.Trim(code, alphabet36) != "" {
		return fmt.Errorf("%w: %d characters 0-9 A-Z expected", ErrIdentifierFormat, typeCodeLength)
	}
	return nil
}
