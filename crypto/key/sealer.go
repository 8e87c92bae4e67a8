package key

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/sm"
)

var (
	// ErrSealed says that a sealed value does not open: it was changed, moved to another place,
	// or sealed under another keystore.
	ErrSealed = errors.New("key: sealed value does not open in this place")
	// ErrOtherKeystore says that a database was sealed under another keystore.
	ErrOtherKeystore = errors.New("key: the data was sealed under another keystore")
)

const (
	// MaxSeals is how many values one data key may seal. Nonces are 96 random bits; after 2^31
	// values the chance that two were equal is 2^-35. NIST SP 800-38D §8.3 allows 2^32.
	MaxSeals = 1 << 31
	// sealBlock is how many values a process sets aside at a time. What is left when it stops
	// is never used: a data key bears 32,768 starts.
	sealBlock = 1 << 16

	sealedOverhead = 4 + 12 + 16 // key id, nonce, tag
	sealerSecret   = 32
)

// Usage counts, durably and over all processes, how many values each data key has sealed.
type Usage interface {
	// ReserveSeals adds n to the count of a data key, unless it would then pass limit: ok is
	// false and nothing has changed. The first call for a key stores its fingerprint; with
	// another fingerprint than the stored one it MUST fail with ErrOtherKeystore. It MUST be
	// durable when it returns.
	ReserveSeals(ctx context.Context, id uint32, fingerprint []byte, n, limit int64) (ok bool, err error)
}

// SealerConfig says what a sealer stands on.
type SealerConfig struct {
	Keys  *Store
	Usage Usage
	Name  string // of the secret in the keystore; default "sealer"
	Limit int64  // values per data key; default and maximum MaxSeals
	Block int64  // values set aside at a time; default 65,536
}

// Sealer seals what lies in the database: SM4-GCM under data keys that never leave the process.
// A sealed value opens only where it was sealed, because table, row and column are
// authenticated with it: nobody who can write to the database can give one person's data to
// another.
//
//	id (4 bytes, big-endian) ‖ nonce (12) ‖ SM4-GCM ciphertext and tag
//
// The keystore keeps one secret. Data keys are drawn from it by HKDF-SM3 and their number, so
// that rolling over to the next one, which may happen in several processes at once, writes
// nothing to the keystore. Old data keys keep opening what they sealed.
//
// Seal may ask Usage, and therefore the database: never call it inside a transaction of the
// database that keeps the count.
type Sealer struct {
	cfg    SealerConfig
	secret []byte
	macs   sync.Pool // hash.Hash: HMAC-SM3 under the key of blind names

	mu    sync.Mutex // guards current and left
	id    uint32
	aead  cipher.AEAD
	left  int64
	other sync.Map // uint32 -> cipher.AEAD of data keys that have opened something
}

// NewSealer makes a sealer and, the first time, its secret in the keystore. It fails with
// ErrOtherKeystore when the database belongs to another keystore.
func NewSealer(cfg SealerConfig) (*Sealer, error) {
	if cfg.Keys == nil || cfg.Usage == nil {
		return nil, errors.New("key: a sealer needs a keystore and a usage count")
	}
	if cfg.Name == "" {
		cfg.Name = "sealer"
	}
	if cfg.Limit <= 0 || cfg.Limit > MaxSeals {
		cfg.Limit = MaxSeals
	}
	if cfg.Block <= 0 {
		cfg.Block = sealBlock
	}
	cfg.Block = min(cfg.Block, cfg.Limit)
	secret, err := cfg.Keys.Secret(cfg.Name, sealerSecret)
	if err != nil {
		return nil, fmt.Errorf("key: sealer: %w", err)
	}
	s := &Sealer{cfg: cfg, secret: secret, id: 1}
	blind, err := s.derive("showcard blind index", 0, 32)
	if err != nil {
		return nil, err
	}
	s.macs.New = func() any { return hmac.New(sm.NewHash, blind) }
	// Reserving nothing compares the fingerprint: better at start than at the first look.
	if _, err := s.reserve(1, 0); err != nil {
		return nil, err
	}
	return s, nil
}

// Seal seals a value for its place. The row names the row for good: a value must be sealed
// anew when its row is given another name.
func (s *Sealer) Seal(table, row, column string, plain []byte) ([]byte, error) {
	id, aead, err := s.take()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 16, sealedOverhead+len(plain))
	binary.BigEndian.PutUint32(out, id)
	copy(out[4:], random(12))
	return aead.Seal(out, out[4:16], plain, place(table, row, column)), nil
}

// Open opens a value in its place.
func (s *Sealer) Open(table, row, column string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealedOverhead {
		return nil, fmt.Errorf("%w: %s.%s has %d bytes", ErrSealed, table, column, len(sealed))
	}
	id := binary.BigEndian.Uint32(sealed)
	known, ok := s.other.Load(id)
	if !ok {
		aead, err := s.dataKey(id)
		if err != nil {
			return nil, err
		}
		known = aead
	}
	plain, err := known.(cipher.AEAD).Open(nil, sealed[4:16], sealed[16:], place(table, row, column))
	if err != nil {
		return nil, fmt.Errorf("%w: %s.%s", ErrSealed, table, column)
	}
	if !ok {
		s.other.Store(id, known) // only now: ids in tampered values must not fill the memory
	}
	return plain, nil
}

// Blind returns the name under which a personal value can be looked up without being stored:
// HMAC-SM3 under a key of the keystore, 128 bits. Equal values of one column have equal names.
func (s *Sealer) Blind(table, column, value string) []byte {
	m := s.macs.Get().(hash.Hash)
	m.Reset()
	m.Write(place(table, column, value))
	name := m.Sum(nil)[:16]
	s.macs.Put(m)
	return name
}

// place is the associated data. Tables and columns are names of ours, without NUL, so that
// a row, which stands between them, can hold anything.
func place(table, row, column string) []byte {
	b := make([]byte, 0, 20+len(table)+len(row)+len(column))
	b = append(b, "showcard sealed 1\x00"...)
	b = append(append(b, table...), 0)
	b = append(append(b, row...), 0)
	return append(b, column...)
}

// take returns the data key for one value.
func (s *Sealer) take() (uint32, cipher.AEAD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.left == 0 {
		ok, err := s.reserve(s.id, s.cfg.Block)
		if err != nil {
			return 0, nil, err
		}
		if !ok { // full: the next one
			s.id, s.aead = s.id+1, nil
			continue
		}
		if s.aead == nil {
			if s.aead, err = s.dataKey(s.id); err != nil {
				return 0, nil, err
			}
		}
		s.left = s.cfg.Block
	}
	s.left--
	return s.id, s.aead, nil
}

func (s *Sealer) reserve(id uint32, n int64) (bool, error) {
	fingerprint, err := s.derive("showcard data key fingerprint", id, 16)
	if err != nil {
		return false, err
	}
	// Whoever seals waits for this; a database that does not answer must not hold it forever.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ok, err := s.cfg.Usage.ReserveSeals(ctx, id, fingerprint, n, s.cfg.Limit)
	if err != nil {
		return false, fmt.Errorf("key: counting what data key %d sealed: %w", id, err)
	}
	return ok, nil
}

func (s *Sealer) dataKey(id uint32) (cipher.AEAD, error) {
	k, err := s.derive("showcard data key", id, 16)
	if err != nil {
		return nil, err
	}
	return sm.NewGCM(k)
}

func (s *Sealer) derive(label string, id uint32, size int) ([]byte, error) {
	k, err := hkdf.Key(sm.NewHash, s.secret, nil, fmt.Sprintf("%s %d", label, id), size)
	if err != nil {
		return nil, fmt.Errorf("key: %s: %w", label, err)
	}
	return k, nil
}

// Format implements fmt.Formatter: a sealer has no printed form.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[sealer]") }

// LogValue implements slog.LogValuer.
func (s *Sealer) LogValue() slog.Value { return slog.StringValue("[sealer]") }
