package verifier

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/cose"
)

// Load restores what Save wrote. A file that is not there yet is none: ask for everything. Of a damaged file
// what stands before the damage is known afterwards, and the error says that it is damaged ([Damaged]).
func (b *Bundles) Load(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("verifier: bundles: %w", err)
	}
	var kept [][]byte
	for len(data) > 0 {
		one, rest, err := cose.First(data)
		if err != nil {
			return errors.Join(b.Restore(kept), fmt.Errorf("%w: %s: %w", bundle.ErrMalformed, path, err))
		}
		kept, data = append(kept, one), rest
	}
	return b.Restore(kept)
}

// Damaged says whether what was kept is no longer what was taken: Renew mends it, with nothing but network.
// Another deployment's bundles are not damaged, and stay refused.
func Damaged(err error) bool {
	for _, of := range []error{bundle.ErrMalformed, bundle.ErrSignature, bundle.ErrRolledBack, bundle.ErrGap, bundle.ErrTooLarge} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// Save writes the bundles that are kept one behind the other, a CBOR sequence (RFC 8742). The file is replaced
// whole, so that a counter whose plug is pulled has the one or the other.
func (b *Bundles) Save(path string) error {
	var data []byte
	for _, one := range b.Kept() {
		data = append(data, one...)
	}
	if err := replaceFile(path, data); err != nil {
		return fmt.Errorf("verifier: bundles: %w", err)
	}
	return nil
}

// replaceFile writes a file whole or not at all. Others may not read it.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
