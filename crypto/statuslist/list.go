// Package statuslist says whether a certificate still stands: the Token Status List of
// draft-ietf-oauth-status-list-21. One signed document carries the status of about a million
// certificates in 1, 2, 4 or 8 bits each, so that a verifier who fetches it tells nobody which
// certificate it is looking at.
//
// A certificate names its list and its place in it:
//
//	"status": {"status_list": {"idx": 412, "uri": "https://example.cn/status/3"}}   // [Reference]
//
// and the list, signed, is served at that URI as a JWT or, more compactly, as a CWT:
//
//	unverified, err := statuslist.Parse(text)             // form only; nothing is trusted yet
//	token, err := unverified.Verify(k, reference.URI, now) // key, subject and dates
//	status, err := token.List.Get(reference.Index)
//
// The status bits are packed from the lowest bit of the first byte upwards (§4.1) and travel
// in a zlib container. A few kilobytes of zlib can claim to be gigabytes, so unpacking is
// bounded, and happens only after the signature was checked.
package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"

	"github.com/showcard/showcard/internal/strictjson"
)

var (
	// ErrMalformed says that something is not a status list, a token or a reference.
	ErrMalformed = errors.New("statuslist: malformed")
	// ErrTooLarge says that a list unpacks to more entries than the reader takes.
	ErrTooLarge = errors.New("statuslist: list too large")
	// ErrIndex says that an index lies past the end. A certificate with such an index is to be
	// refused (§8.3), not taken for valid.
	ErrIndex = errors.New("statuslist: index past the end of the list")
	// ErrStatus says that a status does not fit into the bits of the list.
	ErrStatus = errors.New("statuslist: status does not fit")
	// ErrSignature says that the token is not signed by the key that is to be trusted.
	ErrSignature = errors.New("statuslist: signature does not verify")
	// ErrSubject says that the token is about another list than the certificate names.
	ErrSubject = errors.New("statuslist: token is about another list")
	// ErrExpired says that the token is past its "exp".
	ErrExpired = errors.New("statuslist: token has expired")
	// ErrFuture says that the token claims to be issued in the future.
	ErrFuture = errors.New("statuslist: token is issued in the future")
)

// MaxEntries bounds the lists that tokens may carry. Ours have 2^20; 2^24 leaves room for
// those of others.
const MaxEntries = 1 << 24

// Status is the state of one certificate.
type Status uint8

// The values that the standard defines (§7.1). 3 and 12 to 15 are for applications.
const (
	Valid     Status = 0
	Invalid   Status = 1
	Suspended Status = 2
)

// String returns the name in the registry of the standard.
func (s Status) String() string {
	switch s {
	case Valid:
		return "VALID"
	case Invalid:
		return "INVALID"
	case Suspended:
		return "SUSPENDED"
	}
	return fmt.Sprintf("0x%02X", uint8(s))
}

// Reference is where a certificate's status stands.
type Reference struct {
	Index uint64 `json:"idx"`
	URI   string `json:"uri"`
}

// Claim returns the reference as the value of the "status" claim.
func (r Reference) Claim() map[string]any {
	return map[string]any{"status_list": map[string]any{"idx": r.Index, "uri": r.URI}}
}

// ParseReference reads the value of a "status" claim. Other mechanisms beside status_list are
// ignored; without status_list there is no reference.
func ParseReference(claim []byte) (Reference, error) {
	var r Reference
	var room [4]strictjson.Member
	status, err := strictjson.Object(claim, 8, room[:0])
	if err != nil {
		return r, fmt.Errorf("%w: status: %w", ErrMalformed, err)
	}
	list, err := strictjson.Object(member(status, "status_list"), 8, nil)
	if err != nil {
		return r, fmt.Errorf("%w: status_list: %w", ErrMalformed, err)
	}
	// A number of any other form than digits is no index; its size is held against the list later.
	if r.Index, err = strconv.ParseUint(string(member(list, "idx")), 10, 64); err != nil {
		return Reference{}, fmt.Errorf("%w: no idx, or it has the wrong type", ErrMalformed)
	}
	var ok bool
	if r.URI, ok = strictjson.Text(member(list, "uri")); !ok {
		return Reference{}, fmt.Errorf("%w: no uri, or it has the wrong type", ErrMalformed)
	}
	if r.URI == "" || len(r.URI) > maxURI {
		return Reference{}, fmt.Errorf("%w: uri of %d bytes", ErrMalformed, len(r.URI))
	}
	return r, nil
}

// member finds a value by its exact name.
func member(all []strictjson.Member, name string) []byte {
	for _, m := range all {
		if string(m.Name) == name {
			return m.Value
		}
	}
	return nil
}

const maxURI = 2048

// object reads a JSON object by exact names: structs would fold case.
func object(data []byte) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return nil, fmt.Errorf("%w: not an object", ErrMalformed)
	}
	return all, nil
}

func required(all map[string]json.RawMessage, name string, to any) error {
	there, err := optional(all, name, to)
	if err == nil && !there {
		err = fmt.Errorf("%w: no %s", ErrMalformed, name)
	}
	return err
}

func optional(all map[string]json.RawMessage, name string, to any) (bool, error) {
	raw, there := all[name]
	if !there {
		return false, nil
	}
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, to) != nil {
		return false, fmt.Errorf("%w: %s has the wrong type", ErrMalformed, name)
	}
	return true, nil
}

// List is an array of states. It may be read by many at once, but not while somebody sets:
// writers need a lock of their own, or a Clone to work on.
type List struct {
	shift uint8 // log2 of bits: 0 to 3
	data  []byte
}

// New makes a list in which everything is valid. The size is rounded up to fill a byte.
func New(bitsEach int, size uint64) (*List, error) {
	shift, err := shiftOf(bitsEach)
	if err != nil {
		return nil, err
	}
	if size == 0 || size > MaxEntries {
		return nil, fmt.Errorf("%w: %d entries, want 1 to %d", ErrTooLarge, size, MaxEntries)
	}
	return &List{shift: shift, data: make([]byte, bytesFor(size, shift))}, nil
}

// FromRaw reads the packed bytes. It keeps a copy.
func FromRaw(bitsEach int, raw []byte) (*List, error) {
	shift, err := shiftOf(bitsEach)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("%w: a list without entries", ErrMalformed)
	}
	return &List{shift: shift, data: bytes.Clone(raw)}, nil
}

func shiftOf(bitsEach int) (uint8, error) {
	switch bitsEach {
	case 1, 2, 4, 8:
		return uint8(bits.TrailingZeros8(uint8(bitsEach))), nil
	}
	return 0, fmt.Errorf("%w: %d bits per status, want 1, 2, 4 or 8", ErrMalformed, bitsEach)
}

func bytesFor(size uint64, shift uint8) uint64 { return (size<<shift + 7) / 8 }

// Bits returns how many bits a status takes.
func (l *List) Bits() int { return 1 << l.shift }

// Size returns the number of entries.
func (l *List) Size() uint64 { return uint64(len(l.data)) * 8 >> l.shift }

// Raw returns a copy of the packed bytes.
func (l *List) Raw() []byte { return bytes.Clone(l.data) }

// Clone returns an independent copy.
func (l *List) Clone() *List { return &List{shift: l.shift, data: bytes.Clone(l.data)} }

// Get returns the status at an index.
func (l *List) Get(index uint64) (Status, error) {
	at, low, mask, err := l.locate(index)
	if err != nil {
		return 0, err
	}
	return Status(l.data[at] >> low & mask), nil
}

// Set changes the status at an index.
func (l *List) Set(index uint64, s Status) error {
	at, low, mask, err := l.locate(index)
	if err != nil {
		return err
	}
	if uint8(s) > mask {
		return fmt.Errorf("%w: %d in %d bits", ErrStatus, s, l.Bits())
	}
	l.data[at] = l.data[at]&^(mask<<low) | uint8(s)<<low
	return nil
}

// locate finds the byte, the lowest bit in it and the mask of a status: §4.1 counts bits from
// the least significant. (Redis counts its bits from the other end.)
func (l *List) locate(index uint64) (at uint64, low, mask uint8, err error) {
	if index >= l.Size() {
		return 0, 0, 0, fmt.Errorf("%w: %d of %d", ErrIndex, index, l.Size())
	}
	bit := index << l.shift
	return bit / 8, uint8(bit % 8), uint8(1<<l.Bits() - 1), nil
}

// Compress packs the list into a zlib container. Level 9 would save a tenth where one
// certificate in a hundred is revoked (13.7 instead of 15.3 KB for a million), and takes more
// than ten times as long in its worst case: level 6.
func (l *List) Compress() ([]byte, error) {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, 6)
	if err == nil {
		_, err = w.Write(l.data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("statuslist: compress: %w", err)
	}
	return out.Bytes(), nil
}

// Decompress unpacks a zlib container of at most maxEntries states. It reads to the end, so
// that the checksum is compared, and takes nothing after it.
func Decompress(bitsEach int, data []byte, maxEntries uint64) (*List, error) {
	shift, err := shiftOf(bitsEach)
	if err != nil {
		return nil, err
	}
	maxEntries = min(maxEntries, MaxEntries)
	limit := bytesFor(maxEntries, shift)
	in := bytes.NewReader(data)
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	raw, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	if uint64(len(raw)) > limit {
		return nil, fmt.Errorf("%w: more than %d entries", ErrTooLarge, maxEntries)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if in.Len() > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the end", ErrMalformed, in.Len())
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("%w: a list without entries", ErrMalformed)
	}
	return &List{shift: shift, data: raw}, nil
}
