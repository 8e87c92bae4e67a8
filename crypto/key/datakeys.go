package key

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/showcard/showcard/crypto/sm"
)

// ErrDestroyed says that the data key of a value was destroyed. The value cannot be read any more.
var ErrDestroyed = errors.New("key: data key was destroyed")

const (
	// DataKeyLife is after how long a data key is followed by the next, when the configuration
	// says nothing.
	DataKeyLife = 90 * 24 * time.Hour
	// dataKeyLook is how often a process that seals looks whether another has made the next key.
	dataKeyLook = time.Minute
	dataKeySize = 16 // SM4
	firstKEK    = "kek/1"
)

// DataKey is a data key as the database keeps it: wrapped.
type DataKey struct {
	ID      uint32
	Created time.Time
	// KEK is the name of the key-encryption key that wraps it. Empty: it was not drawn but derived
	// from the keystore's secret, as early versions did, and only opens what they sealed.
	KEK         string
	Wrapped     []byte // nonce ‖ SM4-GCM; empty once it was destroyed
	Fingerprint []byte // of derived keys: tells a database of another keystore
	Used        int64  // values sealed, in blocks set aside
}

// Destroyed reports whether the key is gone.
func (k DataKey) Destroyed() bool { return k.KEK != "" && len(k.Wrapped) == 0 }

// Format implements fmt.Formatter.
func (k DataKey) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "[data key %d]", k.ID) }

// LogValue implements slog.LogValuer.
func (k DataKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("[data key %d]", k.ID)) }

// DataKeys keeps the wrapped data keys of a database, for all its processes.
type DataKeys interface {
	// DataKeys lists them by id. The last one seals.
	DataKeys(ctx context.Context) ([]DataKey, error)
	// AddDataKey makes a key the last one. Its id is one more than that of the last; when another
	// process was faster ok is false and nothing has changed. It MUST be durable when it returns.
	AddDataKey(ctx context.Context, k DataKey) (ok bool, err error)
	// ReserveSeals adds n to the count of a key, unless it would then pass limit: ok is false and
	// nothing has changed. It MUST be durable when it returns.
	ReserveSeals(ctx context.Context, id uint32, n, limit int64) (ok bool, err error)
	// ReplaceDataKey puts another wrapping in place of one, if that is still there: ok. An empty one
	// destroys the key.
	ReplaceDataKey(ctx context.Context, was, now DataKey) (ok bool, err error)
}

// Wrapper wraps data keys under key-encryption keys, which never leave it: a keystore, or a
// security module behind [Wrapper].
type Wrapper interface {
	// Wrap seals a key under the key-encryption key of that name, which it makes the first time.
	Wrap(name string, plain, aad []byte) ([]byte, error)
	// Unwrap opens what Wrap sealed; ErrNotFound when there is no key of that name.
	Unwrap(name string, wrapped, aad []byte) ([]byte, error)
}

var _ Wrapper = (*Store)(nil)

const wrapLabel = "showcard wrapped 1\x00"

// Wrap implements [Wrapper].
func (s *Store) Wrap(name string, plain, aad []byte) ([]byte, error) {
	if m := s.attached(); m != nil {
		return m.Wrap(name, plain, aad)
	}
	g, err := s.wrapping(name, true)
	if err != nil {
		return nil, err
	}
	nonce := random(g.NonceSize())
	return g.Seal(nonce, nonce, plain, append([]byte(wrapLabel), aad...)), nil
}

// Unwrap implements [Wrapper]. Another process may have made the key since the file was read.
func (s *Store) Unwrap(name string, wrapped, aad []byte) ([]byte, error) {
	if m := s.attached(); m != nil {
		plain, err := m.Unwrap(name, wrapped, aad)
		if !errors.Is(err, ErrNotFound) {
			return plain, err
		}
		// Wrapped before there was a module: the file still has that key.
	}
	g, err := s.wrapping(name, false)
	if errors.Is(err, ErrNotFound) {
		if err := s.Reload(); err != nil {
			return nil, err
		}
		g, err = s.wrapping(name, false)
	}
	if err != nil {
		return nil, err
	}
	if len(wrapped) < g.NonceSize() {
		return nil, ErrSealed
	}
	plain, err := g.Open(nil, wrapped[:g.NonceSize()], wrapped[g.NonceSize():], append([]byte(wrapLabel), aad...))
	if err != nil {
		return nil, fmt.Errorf("%w: wrapped under %s", ErrSealed, name)
	}
	return plain, nil
}

func (s *Store) wrapping(name string, create bool) (cipher.AEAD, error) {
	if !create {
		s.mu.Lock()
		_, err := s.find(name)
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	k, err := s.Secret(name, dataKeySize)
	if err != nil {
		return nil, err
	}
	return sm.NewGCM(k)
}

// wrapContext binds a wrapped key to its number and to the name of what wraps it.
func wrapContext(id uint32, created time.Time, kek string) []byte {
	b := binary.BigEndian.AppendUint32([]byte("data key\x00"), id)
	b = binary.BigEndian.AppendUint64(b, uint64(created.UnixMicro()))
	return append(b, kek...)
}

// check holds the database's keys against the keystore, at the start rather than at the first look.
func (s *Sealer) check(ctx context.Context) error {
	keys, err := s.cfg.DataKeys.DataKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		switch {
		case k.KEK == "":
			own, err := s.derive("showcard data key fingerprint", k.ID, 16)
			if err != nil {
				return err
			}
			if !bytes.Equal(own, k.Fingerprint) {
				return fmt.Errorf("key: data key %d: %w", k.ID, ErrOtherKeystore)
			}
		case !k.Destroyed() && k.ID == keys[len(keys)-1].ID:
			if _, err := s.unwrap(k); err != nil {
				return fmt.Errorf("key: data key %d: %w: %w", k.ID, ErrOtherKeystore, err)
			}
		}
	}
	return nil
}

// unwrap makes a data key usable.
func (s *Sealer) unwrap(k DataKey) (cipher.AEAD, error) {
	if k.Destroyed() {
		return nil, fmt.Errorf("%w: %d", ErrDestroyed, k.ID)
	}
	var plain []byte
	var err error
	if k.KEK == "" {
		plain, err = s.derive("showcard data key", k.ID, dataKeySize)
	} else {
		plain, err = s.cfg.KEK.Unwrap(k.KEK, k.Wrapped, wrapContext(k.ID, k.Created, k.KEK))
	}
	if err != nil {
		return nil, fmt.Errorf("key: data key %d: %w", k.ID, err)
	}
	return sm.NewGCM(plain)
}

// renew finds the key that seals, makes the next one when it is full or old, and sets values
// aside. It is called with mu held.
func (s *Sealer) renew(now time.Time) error {
	// Whoever seals waits for this; a database that does not answer must not hold it forever.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		keys, err := s.cfg.DataKeys.DataKeys(ctx)
		if err != nil {
			return fmt.Errorf("key: data keys: %w", err)
		}
		last := DataKey{}
		if len(keys) > 0 {
			last = keys[len(keys)-1]
		}
		if last.ID == 0 || last.KEK == "" || last.Destroyed() || now.Sub(last.Created) >= s.cfg.Life {
			if err := s.next(ctx, last, now); err != nil {
				return err
			}
			continue
		}
		if last.ID != s.id {
			aead, err := s.unwrap(last)
			if err != nil {
				return err
			}
			s.id, s.aead, s.left, s.until = last.ID, aead, 0, last.Created.Add(s.cfg.Life)
		}
		if s.left == 0 {
			ok, err := s.cfg.DataKeys.ReserveSeals(ctx, s.id, s.cfg.Block, s.cfg.Limit)
			if err != nil {
				return fmt.Errorf("key: counting what data key %d sealed: %w", s.id, err)
			}
			if !ok { // full
				if err := s.next(ctx, last, now); err != nil {
					return err
				}
				continue
			}
			s.left = s.cfg.Block
		}
		s.look = now.Add(dataKeyLook)
		return nil
	}
}

// next makes the data key after last; another process may be faster, which is as good.
func (s *Sealer) next(ctx context.Context, last DataKey, now time.Time) error {
	if last.ID == 1<<32-1 {
		return errors.New("key: no data key numbers are left")
	}
	k := DataKey{ID: last.ID + 1, Created: now.UTC().Truncate(time.Microsecond), KEK: last.KEK, Fingerprint: []byte{}}
	if k.KEK == "" {
		k.KEK = firstKEK
	}
	plain := random(dataKeySize)
	var err error
	if k.Wrapped, err = s.cfg.KEK.Wrap(k.KEK, plain, wrapContext(k.ID, k.Created, k.KEK)); err != nil {
		return fmt.Errorf("key: wrapping data key %d: %w", k.ID, err)
	}
	if _, err := s.cfg.DataKeys.AddDataKey(ctx, k); err != nil {
		return fmt.Errorf("key: data key %d: %w", k.ID, err)
	}
	return nil
}

// opening finds the data key of a sealed value.
func (s *Sealer) opening(id uint32) (cipher.AEAD, error) {
	if known, ok := s.known.Load(id); ok {
		return known.(cipher.AEAD), nil
	}
	if id == 0 {
		return nil, fmt.Errorf("%w: no data key 0", ErrSealed)
	}
	s.findMu.Lock()
	defer s.findMu.Unlock()
	if known, ok := s.known.Load(id); ok {
		return known.(cipher.AEAD), nil
	}
	now := s.cfg.Now()
	if id > s.highest && now.Sub(s.missed) >= 0 && now.Sub(s.missed) < time.Second {
		// Another process may have made a key this moment, but tampered numbers come by the
		// thousand, and must not become as many questions to the database.
		return nil, fmt.Errorf("%w: no data key %d", ErrSealed, id)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	keys, err := s.cfg.DataKeys.DataKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("key: data keys: %w", err)
	}
	var found *DataKey
	for i := range keys {
		s.highest = max(s.highest, keys[i].ID)
		if keys[i].ID == id {
			found = &keys[i]
		}
	}
	if found == nil {
		s.missed = now
		return nil, fmt.Errorf("%w: no data key %d", ErrSealed, id)
	}
	aead, err := s.unwrap(*found)
	if err != nil {
		return nil, err
	}
	s.known.Store(id, aead)
	return aead, nil
}

// RotateDataKey makes the next data key, which seals from now on; processes that run follow within
// a minute. It returns its number.
func (s *Sealer) RotateDataKey(ctx context.Context) (uint32, error) {
	keys, err := s.cfg.DataKeys.DataKeys(ctx)
	if err != nil {
		return 0, err
	}
	last := DataKey{}
	if len(keys) > 0 {
		last = keys[len(keys)-1]
	}
	if err := s.next(ctx, last, s.cfg.Now()); err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.look = time.Time{}
	s.mu.Unlock()
	return last.ID + 1, nil
}

// Rewrap puts every data key under another key-encryption key, which is made if it is not there.
// Values stay as they are. Called off half way, some keys are under the one and some under the
// other, and all open; calling again finishes.
func (s *Sealer) Rewrap(ctx context.Context, kek string) (n int, err error) {
	for {
		keys, err := s.cfg.DataKeys.DataKeys(ctx)
		if err != nil {
			return n, err
		}
		left := false
		for _, k := range keys {
			if k.KEK == "" || k.KEK == kek || k.Destroyed() {
				continue
			}
			left = true // and look again: a process may have added one under the old
			plain, err := s.cfg.KEK.Unwrap(k.KEK, k.Wrapped, wrapContext(k.ID, k.Created, k.KEK))
			if err != nil {
				return n, fmt.Errorf("key: data key %d: %w", k.ID, err)
			}
			now := k
			now.KEK = kek
			if now.Wrapped, err = s.cfg.KEK.Wrap(kek, plain, wrapContext(k.ID, k.Created, kek)); err != nil {
				return n, fmt.Errorf("key: wrapping data key %d: %w", k.ID, err)
			}
			ok, err := s.cfg.DataKeys.ReplaceDataKey(ctx, k, now)
			if err != nil {
				return n, err
			}
			if ok {
				n++
			}
		}
		if !left {
			return n, nil
		}
	}
}

// NewestKey tells which data key seals now, by asking the database.
func (s *Sealer) NewestKey(ctx context.Context) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.renew(s.cfg.Now()); err != nil {
		return 0, err
	}
	return s.id, ctx.Err()
}

// SealedUnder tells by which data key a value was sealed.
func SealedUnder(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < sealedOverhead {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed), true
}

// Format implements fmt.Formatter: a sealer has no printed form.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[sealer]") }

// LogValue implements slog.LogValuer.
func (s *Sealer) LogValue() slog.Value { return slog.StringValue("[sealer]") }
