package key

import (
	"crypto/hkdf"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/crypto/scrypt"

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
)

// Unlock opens a keystore: a passphrase for people, a key file for machines. Exactly one.
type Unlock struct {
	Passphrase []byte
	KeyFile    string // 32 or more random bytes, mode 0600
}

// Store is a keystore: one JSON file whose private parts are sealed with SM4-GCM. The key
// that seals comes from the passphrase by scrypt or from the key file by HKDF-SM3. Each entry's
// name, kind and public key are authenticated with it, so that entries cannot be swapped.
//
// Every change rewrites the file beside itself and renames it, so a crash leaves the old one.
// One process writes; a Store is safe for concurrent use inside it.
type Store struct {
	mu   sync.Mutex
	path string
	kek  []byte
	file storeFile
}

type storeFile struct {
	Version int          `json:"version"`
	KDF     kdf          `json:"kdf"`
	Check   []byte       `json:"check"` // seals nothing: tells a wrong passphrase from damage
	Entries []storeEntry `json:"entries"`
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
	s.file.Check = s.seal(nil, []byte("showcard keystore check"))
	return s, s.save()
}

// OpenStore opens a keystore.
func OpenStore(path string, u Unlock) (*Store, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path}
	if err := strictjson.Decode(data, 8, &s.file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	k := s.file.KDF
	// The numbers come from the file: bound them before they cost memory.
	if s.file.Version != 1 || len(k.Salt) < 16 || k.N > 1<<20 || k.R > 32 || k.P > 16 {
		return nil, fmt.Errorf("%w: unknown version or key derivation", ErrDamaged)
	}
	if err := s.unlock(u); err != nil {
		return nil, err
	}
	if _, err := s.open(s.file.Check, []byte("showcard keystore check")); err != nil {
		return nil, ErrLocked
	}
	return s, nil
}

func (s *Store) unlock(u Unlock) error {
	if (len(u.Passphrase) == 0) == (u.KeyFile == "") {
		return fmt.Errorf("%w: give a passphrase or a key file", ErrLocked)
	}
	k := s.file.KDF
	var err error
	switch {
	case k.Name == "hkdf-sm3" && u.KeyFile != "":
		var secret []byte
		if secret, err = readPrivate(u.KeyFile); err != nil {
			return err
		}
		if len(secret) < 32 {
			return fmt.Errorf("%w: a key file has at least 32 bytes", ErrLocked)
		}
		s.kek, err = hkdf.Key(sm.NewHash, secret, k.Salt, "showcard keystore", 16)
	case k.Name == "scrypt" && u.KeyFile == "":
		s.kek, err = scrypt.Key(u.Passphrase, k.Salt, k.N, k.R, k.P, 16)
	default:
		return fmt.Errorf("%w: this keystore wants %s", ErrLocked, map[string]string{"hkdf-sm3": "a key file", "scrypt": "a passphrase"}[k.Name])
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// NewKeyFile writes 32 random bytes to a new file of mode 0600.
func NewKeyFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(random(32))
	return errors.Join(err, f.Sync(), f.Close())
}

// Names lists the entries in the order they were made.
func (s *Store) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.file.Entries))
	for i, e := range s.file.Entries {
		names[i] = e.Name
	}
	return names
}

// Generate makes a key and stores it under a new name.
func (s *Store) Generate(name string, a Algorithm) (*Private, error) {
	k, err := Generate(a)
	if err != nil {
		return nil, err
	}
	return k, s.Add(name, k)
}

// Add stores a key under a new name.
func (s *Store) Add(name string, k *Private) error {
	e := storeEntry{Name: name, Algorithm: k.public.algorithm, KeyID: k.public.id, Public: k.public}
	return s.add(e, k.scalar())
}

func (s *Store) add(e storeEntry, plain []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
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
func (s *Store) Secret(name string, size int) ([]byte, error) {
	s.mu.Lock()
	e, err := s.find(name)
	s.mu.Unlock()
	if errors.Is(err, ErrNotFound) {
		secret := random(size)
		return secret, s.add(storeEntry{Name: name, Algorithm: secretEntry}, secret)
	}
	if err != nil {
		return nil, err
	}
	secret, err := s.open(e.Sealed, e.aad())
	if err != nil || e.Algorithm != secretEntry || len(secret) != size {
		return nil, fmt.Errorf("%w: entry %s", ErrDamaged, name)
	}
	return secret, nil
}

func (s *Store) find(name string) (storeEntry, error) {
	for _, e := range s.file.Entries {
		if e.Name == name {
			return e, nil
		}
	}
	return storeEntry{}, fmt.Errorf("%w: %s", ErrNotFound, name)
}

func (s *Store) seal(plain, aad []byte) []byte {
	g, err := sm.NewGCM(s.kek)
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	nonce := random(g.NonceSize())
	return g.Seal(nonce, nonce, plain, aad)
}

func (s *Store) open(sealed, aad []byte) ([]byte, error) {
	g, err := sm.NewGCM(s.kek)
	if err != nil {
		return nil, err
	}
	if len(sealed) < g.NonceSize() {
		return nil, ErrDamaged
	}
	return g.Open(nil, sealed[:g.NonceSize()], sealed[g.NonceSize():], aad)
}

// save writes beside, syncs, renames, syncs the folder: after a power cut there is the old
// file or the new one.
func (s *Store) save() error {
	data, err := json.MarshalIndent(s.file, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(s.path)
	f, err := os.CreateTemp(folder, ".keystore-*") // CreateTemp uses mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.path); err != nil {
		return err
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has %o", ErrPermissions, filepath.Base(path), info.Mode().Perm())
	}
	if info.Size() > 16<<20 {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, info.Size())
	}
	return os.ReadFile(path)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}
