package key

import (
	"crypto/hkdf"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/scrypt"

	"github.com/showcard/showcard/crypto/sm"
)

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
	unlock, err := lockFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrChanged, err) // the whole folder is gone
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.unchanged(); err != nil {
		return err
	}
	whole, err := s.file.whole()
	if err != nil {
		return err
	}
	file := s.file
	file.Seal = s.seal(nil, whole)
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	folder := filepath.Dir(s.path)
	f, err := os.CreateTemp(folder, ".keystore-*") // CreateTemp uses mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.path); err != nil {
		return err
	}
	s.disk = sm.Sum(data)
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// unchanged compares the file with what this Store last saw of it.
func (s *Store) unchanged() error {
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) && s.disk == [32]byte{} {
		return nil // CreateStore
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if sm.Sum(data) != s.disk {
		return ErrChanged
	}
	return nil
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat() // of the file that is read, not of one that took its place
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has %o", ErrPermissions, filepath.Base(path), info.Mode().Perm())
	}
	if info.Size() > 16<<20 {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, info.Size())
	}
	data, err := io.ReadAll(io.LimitReader(f, 16<<20+1))
	if err != nil {
		return nil, err
	}
	if len(data) > 16<<20 {
		return nil, fmt.Errorf("%w: too large", ErrDamaged)
	}
	return data, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}
