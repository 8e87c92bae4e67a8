package key

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/strictjson"
)

var (
	// ErrLocked says that the passphrase or key file does not open the keystore.
	ErrLocked = errors.New("key: wrong passphrase or key file")
	// ErrDamaged says that a keystore cannot be read: cut off, edited, or not one at all.
	ErrDamaged = errors.New("key: keystore damaged")
	// ErrPermissions says that others may read the keystore or its key file.
	ErrPermissions = errors.New("key: file is open to others, want mode 0600")
	// ErrNotFound says that the keystore has nothing of that name.
	ErrNotFound = errors.New("key: not in the keystore")
	// ErrExists says that the name is taken; keys are never overwritten.
	ErrExists = errors.New("key: name already in the keystore")
	// ErrName says that a name is empty, too long or has characters beyond printable ASCII.
	ErrName = errors.New("key: name not allowed in a keystore")
	// ErrFull says that the keystore has as many entries as it can hold. Nothing was written.
	ErrFull = errors.New("key: keystore is full")
	// ErrChanged says that someone else wrote the keystore since it was opened. Nothing was
	// written: a key that another process made must not be lost.
	ErrChanged = errors.New("key: keystore was changed by another process")
)

// Unlock opens a keystore: a passphrase for people, a key file for machines. Exactly one.
type Unlock struct {
	Passphrase []byte
	KeyFile    string // 32 or more random bytes, mode 0600
}

// Format implements fmt.Formatter: a passphrase has no printed form.
func (u Unlock) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[unlock redacted]") }

// LogValue implements slog.LogValuer.
func (u Unlock) LogValue() slog.Value { return slog.StringValue("[unlock redacted]") }

// MarshalJSON refuses, as for keys.
func (u Unlock) MarshalJSON() ([]byte, error) {
	return nil, errors.New("key: a passphrase is not for JSON")
}

// Store is a keystore: one JSON file whose private parts are sealed with SM4-GCM. The key
// that seals comes from the passphrase by scrypt or from the key file by HKDF-SM3. Each entry's
// name, kind and public key are authenticated with it, so that entries cannot be swapped, and
// so is the file as a whole, so that none can be added or taken out.
//
// Every change rewrites the file beside itself and renames it, so a crash leaves the old one.
// A Store is safe for concurrent use. Processes take turns in writing: who has not seen what another
// wrote writes nothing, see ErrChanged.
type Store struct {
	mu   sync.Mutex
	path string
	kek  []byte
	file storeFile
	disk [32]byte // digest of the file as this Store last saw it; zero: not yet written

	module    Module // nil: everything is in the file
	elsewhere []ModuleKey
}

type storeFile struct {
	Version int          `json:"version"`
	KDF     kdf          `json:"kdf"`
	Check   []byte       `json:"check"` // seals nothing: tells a wrong passphrase from damage
	Entries []storeEntry `json:"entries"`
	Seal    []byte       `json:"seal,omitempty"` // authenticates all of the above
}

type kdf struct {
	Name string `json:"name"` // scrypt or hkdf-sm3
	Salt []byte `json:"salt"`
	N    int    `json:"n,omitempty"`
	R    int    `json:"r,omitempty"`
	P    int    `json:"p,omitempty"`
}

type storeEntry struct {
	Name      string    `json:"name"`
	Algorithm Algorithm `json:"algorithm"` // or "secret"
	KeyID     string    `json:"kid,omitempty"`
	Public    *Public   `json:"public,omitempty"`
	Sealed    []byte    `json:"sealed"` // nonce ‖ SM4-GCM
}

const secretEntry Algorithm = "secret"

func (e storeEntry) aad() []byte {
	aad := "showcard keystore 1\x00" + e.Name + "\x00" + string(e.Algorithm) + "\x00" + e.KeyID + "\x00"
	if e.Public != nil {
		aad += string(e.Public.Point())
	}
	return []byte(aad)
}

// CreateStore makes a new, empty keystore. It refuses to replace a file.
func CreateStore(path string, u Unlock) (*Store, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrExists, filepath.Base(path))
	}
	s := &Store{path: path, file: storeFile{Version: 1}}
	s.file.KDF = kdf{Name: "hkdf-sm3", Salt: random(32)}
	if u.KeyFile == "" {
		// About 0.1 s and 32 MiB on the machines of 2026: a keystore is opened once a start.
		s.file.KDF = kdf{Name: "scrypt", Salt: random(32), N: 1 << 15, R: 8, P: 1}
	}
	if err := s.unlock(u); err != nil {
		return nil, err
	}
	s.file.Check = s.seal(nil, []byte(checkAAD))
	if err := s.save(); err != nil {
		return nil, err
	}
	return s, nil
}

const checkAAD = "showcard keystore check"

// whole is what the seal of the file authenticates.
func (f storeFile) whole() ([]byte, error) {
	f.Seal = nil
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	return append([]byte("showcard keystore file 1\x00"), data...), nil
}

// OpenStore opens a keystore.
func OpenStore(path string, u Unlock) (*Store, error) {
	s := &Store{path: path}
	data, err := s.read()
	if err != nil {
		return nil, err
	}
	k := s.file.KDF
	// The numbers come from the file: bound them before they cost memory (128·N·R bytes).
	if s.file.Version != 1 || len(k.Salt) < 16 || k.N < 0 || k.N > 1<<18 || k.R < 0 || k.R > 16 || k.P < 0 || k.P > 4 {
		return nil, fmt.Errorf("%w: unknown version or key derivation", ErrDamaged)
	}
	if err := s.unlock(u); err != nil {
		return nil, err
	}
	if err := s.authentic(); err != nil {
		return nil, err
	}
	s.disk = sm.Sum(data)
	return s, nil
}

// Reload reads the file again: another process may have added keys. When the file is not what
// the same passphrase or key file sealed, the Store stays as it was.
func (s *Store) Reload() error {
	if m := s.attached(); m != nil {
		keys, err := m.Keys()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.elsewhere = keys
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reloadLocked()
}

// reloadLocked wants mu to be held.
func (s *Store) reloadLocked() error {
	next := &Store{path: s.path, kek: s.kek}
	data, err := next.read()
	if err != nil {
		return err
	}
	if err := next.authentic(); err != nil {
		return err
	}
	s.file, s.disk = next.file, sm.Sum(data)
	return nil
}

// read reads the file; nothing in it is authentic yet.
func (s *Store) read() ([]byte, error) {
	data, err := readPrivate(s.path)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Decode(data, 8, &s.file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, nil
}

// authentic holds the file against its seals.
func (s *Store) authentic() error {
	if _, err := s.open(s.file.Check, []byte(checkAAD)); err != nil {
		return ErrLocked
	}
	whole, err := s.file.whole()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := s.open(s.file.Seal, whole); err != nil {
		return fmt.Errorf("%w: entries were added, edited or taken out", ErrDamaged)
	}
	return nil
}

// Names lists the entries in the order they were made.
func (s *Store) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.file.Entries)+len(s.elsewhere))
	for _, e := range s.file.Entries {
		names = append(names, e.Name)
	}
	for _, k := range s.elsewhere {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	return names
}

// Generate makes a key and stores it under a new name; in the module, when one is attached.
func (s *Store) Generate(name string, a Algorithm) (*Private, error) {
	if m := s.attached(); m != nil {
		return s.generateAway(m, name, a)
	}
	k, err := Generate(a)
	if err != nil {
		return nil, err
	}
	if err := s.Add(name, k); err != nil {
		return nil, err
	}
	return k, nil
}

// Add stores a key under a new name.
func (s *Store) Add(name string, k *Private) error {
	if k.module != nil {
		return errInModule
	}
	e := storeEntry{Name: name, Algorithm: k.public.algorithm, KeyID: k.public.ID(), Public: k.public}
	return s.add(e, k.scalar())
}

func (s *Store) add(e storeEntry, plain []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addLocked(e, plain)
}

// addLocked wants mu to be held.
func (s *Store) addLocked(e storeEntry, plain []byte) error {
	if !goodName(e.Name) {
		return ErrName
	}
	if _, err := s.find(e.Name); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, e.Name)
	}
	e.Sealed = s.seal(plain, e.aad())
	before := s.file.Entries
	s.file.Entries = append(slices.Clone(before), e)
	if err := s.save(); err != nil {
		s.file.Entries = before
		return err
	}
	return nil
}

// Signer returns the private key of that name.
func (s *Store) Signer(name string) (*Private, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.remote(name); ok {
		return k, nil
	}
	e, err := s.find(name)
	if err != nil {
		return nil, err
	}
	d, err := s.open(e.Sealed, e.aad())
	if err != nil {
		return nil, fmt.Errorf("%w: entry %s", ErrDamaged, name)
	}
	k, err := FromScalar(e.Algorithm, d)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %s", ErrDamaged, name)
	}
	return k.WithID(e.KeyID), nil
}

// Secret returns the random secret of that name, and makes it the first time it is asked for.
// However many ask at once, in however many processes, all get the same one.
func (s *Store) Secret(name string, size int) ([]byte, error) {
	if size < 16 || size > 1<<10 {
		return nil, fmt.Errorf("%w: a secret of %d bytes", ErrMalformed, size)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		e, err := s.find(name)
		if err == nil {
			secret, err := s.open(e.Sealed, e.aad())
			if err != nil || e.Algorithm != secretEntry || len(secret) != size {
				return nil, fmt.Errorf("%w: entry %s", ErrDamaged, name)
			}
			return secret, nil
		}
		secret := random(size)
		switch err := s.addLocked(storeEntry{Name: name, Algorithm: secretEntry}, secret); {
		case err == nil:
			return secret, nil
		case !errors.Is(err, ErrChanged):
			return nil, err
		}
		if err := s.reloadLocked(); err != nil { // another process made something, perhaps this
			return nil, err
		}
	}
}

// goodName keeps names in one line and free of the NUL that divides the parts of aad.
func goodName(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

func (s *Store) find(name string) (storeEntry, error) {
	for _, e := range s.file.Entries {
		if e.Name == name {
			return e, nil
		}
	}
	return storeEntry{}, fmt.Errorf("%w: %s", ErrNotFound, name)
}

// Format implements fmt.Formatter: an open keystore holds the key of keys.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[keystore]") }

// LogValue implements slog.LogValuer.
func (s *Store) LogValue() slog.Value { return slog.StringValue("[keystore]") }

// MarshalJSON refuses, as for keys.
func (s *Store) MarshalJSON() ([]byte, error) {
	return nil, errors.New("key: an open keystore is not for JSON")
}
