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

// SealerConfig says what a sealer stands on.
type SealerConfig struct {
	Keys     *Store
	KEK      Wrapper // nil: Keys
	DataKeys DataKeys
	Name     string        // of the secret in the keystore; default "sealer"
	Limit    int64         // values per data key; default and maximum MaxSeals
	Block    int64         // values set aside at a time; default 65,536
	Life     time.Duration // of a data key until the next one seals; default 90 days
	// Generation of the keys of blind names: how often they were rotated, and one; default 1.
	Generation int
	Now        func() time.Time // nil: time.Now
}

// Sealer seals what lies in the database: SM4-GCM under data keys, which are random, lie in the
// database too, and are wrapped by a key-encryption key that does not. A sealed value opens only
// where it was sealed, because table, row and column are authenticated with it: nobody who can
// write to the database can give one person's data to another.
//
//	id (4 bytes, big-endian) ‖ nonce (12) ‖ SM4-GCM ciphertext and tag
//
// The newest data key seals; when it is full or old the next one is made, by whichever process
// notices first. Old ones keep opening what they sealed, until everything was sealed anew and they
// are destroyed. Another key-encryption key means to wrap a few data keys anew, and no value.
//
// Seal may ask the database for keys: never call it inside a transaction of that database. Open
// may read there too, over a connection of its own.
type Sealer struct {
	cfg    SealerConfig
	secret []byte    // derived the data keys of early versions, and the first key of blind names
	macs   sync.Pool // hash.Hash: HMAC-SM3 under the first key of blind names
	turns  [][]byte  // keys of blind names since: generation 2 and on

	mu    sync.Mutex // guards what seals
	id    uint32
	aead  cipher.AEAD
	left  int64     // values that may be sealed without asking
	until time.Time // the key is old then
	look  time.Time // when to look whether another process has made the next

	known   sync.Map // uint32 -> cipher.AEAD of data keys that open
	findMu  sync.Mutex
	highest uint32    // number that a key is known to have
	missed  time.Time // when a number was looked for in vain
}

// NewSealer makes a sealer and, the first time, its secret in the keystore and the first data key.
// It fails with ErrOtherKeystore when the database belongs to another keystore.
func NewSealer(cfg SealerConfig) (*Sealer, error) {
	if cfg.Keys == nil || cfg.DataKeys == nil {
		return nil, errors.New("key: a sealer needs a keystore and a place for data keys")
	}
	if cfg.KEK == nil {
		cfg.KEK = cfg.Keys
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
	if cfg.Life <= 0 {
		cfg.Life = DataKeyLife
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	secret, err := cfg.Keys.Secret(cfg.Name, sealerSecret)
	if err != nil {
		return nil, fmt.Errorf("key: sealer: %w", err)
	}
	s := &Sealer{cfg: cfg, secret: secret}
	blind, err := s.derive("showcard blind index", 0, 32)
	if err != nil {
		return nil, err
	}
	s.macs.New = func() any { return hmac.New(sm.NewHash, blind) }
	for g := 2; g <= cfg.Generation; g++ {
		turn, err := cfg.Keys.Secret(turnName(g), sealerSecret)
		if err != nil {
			return nil, fmt.Errorf("key: blind names: %w", err)
		}
		s.turns = append(s.turns, turn)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Seal seals a value for its place. The row names the row for good: a value must be sealed
// anew when its row is given another name.
func (s *Sealer) Seal(table, row, column string, plain []byte) ([]byte, error) {
	return seal(s, table, row, column, plain)
}

// SealText is Seal of a text, which is copied once.
func (s *Sealer) SealText(table, row, column, plain string) ([]byte, error) {
	return seal(s, table, row, column, plain)
}

func seal[T string | []byte](s *Sealer, table, row, column string, plain T) ([]byte, error) {
	id, aead, err := s.take()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 16+len(plain), sealedOverhead+len(plain))
	binary.BigEndian.PutUint32(out, id)
	nonce := random(12)
	copy(out[4:], nonce)
	copy(out[16:], plain)
	return aead.Seal(out[:16], nonce, out[16:], place(table, row, column)), nil // in its place
}

// Open opens a value in its place.
func (s *Sealer) Open(table, row, column string, sealed []byte) ([]byte, error) {
	id, ok := SealedUnder(sealed)
	if !ok {
		return nil, fmt.Errorf("%w: %s.%s has %d bytes", ErrSealed, table, column, len(sealed))
	}
	aead, err := s.opening(id)
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", table, column, err)
	}
	plain, err := aead.Open(nil, sealed[4:16], sealed[16:], place(table, row, column))
	if err != nil {
		return nil, fmt.Errorf("%w: %s.%s", ErrSealed, table, column)
	}
	return plain, nil
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
	if now := s.cfg.Now(); s.left == 0 || !now.Before(s.look) || !now.Before(s.until) {
		if err := s.renew(now); err != nil {
			return 0, nil, err
		}
	}
	s.left--
	return s.id, s.aead, nil
}

// Blind returns the name under which a personal value can be looked up without being stored:
// HMAC-SM3 under a key of the keystore, 128 bits. Equal values of one column have equal names.
func (s *Sealer) Blind(table, column, value string) []byte {
	m := s.macs.Get().(hash.Hash)
	m.Reset()
	m.Write(place(table, column, value))
	name := m.Sum(nil)[:16]
	s.macs.Put(m)
	for g := 2; g <= s.cfg.Generation; g++ {
		name = s.turn(g, name)
	}
	return name
}

func (s *Sealer) derive(label string, id uint32, size int) ([]byte, error) {
	k, err := hkdf.Key(sm.NewHash, s.secret, nil, fmt.Sprintf("%s %d", label, id), size)
	if err != nil {
		return nil, fmt.Errorf("key: %s: %w", label, err)
	}
	return k, nil
}
