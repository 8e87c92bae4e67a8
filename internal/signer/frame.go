package signer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/showcard/showcard/crypto/key"
)

// MaxFrame bounds a frame. A signed status list of a million entries has some 400 KB.
const MaxFrame = 4 << 20

const header = 4 + 8 + 1

// The operations.
const (
	opKeys byte = iota + 1
	opSign
	opGenerate
	opWrap
	opUnwrap
)

var (
	// ErrAway says that the signer does not answer. It may be starting: ask again.
	ErrAway = errors.New("signer: does not answer")
	// ErrPolicy says that a key does not sign such a message.
	ErrPolicy = errors.New("signer: not allowed by policy")
	// ErrRate says that a key has signed too much in this second. Ask again.
	ErrRate = errors.New("signer: too many signatures a second")
	// ErrProtocol says that a frame is none.
	ErrProtocol = errors.New("signer: malformed frame")
)

// results are the errors that travel, by number; 255 is any other.
func results() map[byte]error {
	return map[byte]error{1: key.ErrNotFound, 2: key.ErrExists, 3: ErrPolicy, 4: ErrRate, 5: ErrProtocol, 6: key.ErrSealed, 7: key.ErrAlgorithm, 8: key.ErrName}
}

const otherError = 255

func resultOf(err error) byte {
	for code, known := range results() {
		if errors.Is(err, known) {
			return code
		}
	}
	return otherError
}

func errorOf(code byte, text string) error {
	if known, ok := results()[code]; ok {
		return fmt.Errorf("%w (%s)", known, text)
	}
	return fmt.Errorf("signer: %s", text)
}

type frame struct {
	id      uint64
	kind    byte // operation or result
	payload []byte
}

func appendFrame(b []byte, f frame) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(8+1+len(f.payload)))
	b = binary.BigEndian.AppendUint64(b, f.id)
	b = append(b, f.kind)
	return append(b, f.payload...)
}

func readFrame(r io.Reader) (frame, error) {
	var h [header]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if n < 9 || n > MaxFrame {
		return frame{}, fmt.Errorf("%w: %d bytes", ErrProtocol, n)
	}
	f := frame{id: binary.BigEndian.Uint64(h[4:]), kind: h[12], payload: make([]byte, n-9)}
	_, err := io.ReadFull(r, f.payload)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return f, err
}

// named puts a name before a payload.
func named(name string, rest ...[]byte) ([]byte, error) {
	if len(name) > 1<<10 {
		return nil, key.ErrName
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	b = append(b, name...)
	for _, r := range rest {
		b = append(b, r...)
	}
	return b, nil
}

func splitName(payload []byte) (name string, rest []byte, err error) {
	if len(payload) < 2 {
		return "", nil, ErrProtocol
	}
	n := int(binary.BigEndian.Uint16(payload))
	if n > len(payload)-2 {
		return "", nil, ErrProtocol
	}
	return string(payload[2 : 2+n]), payload[2+n:], nil
}

func sized(b []byte) []byte { return binary.BigEndian.AppendUint32(nil, uint32(len(b))) }

func splitSized(payload []byte) (part, rest []byte, err error) {
	if len(payload) < 4 {
		return nil, nil, ErrProtocol
	}
	n := binary.BigEndian.Uint32(payload)
	if uint64(n) > uint64(len(payload)-4) {
		return nil, nil, ErrProtocol
	}
	return payload[4 : 4+n], payload[4+n:], nil
}
