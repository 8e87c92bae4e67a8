package verifier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/showcard/showcard/crypto/bundle"
)

// Load restores what Save wrote. A file that is not there yet is none: ask for everything.
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
		if len(data) < 4 || binary.BigEndian.Uint32(data) > uint32(len(data)-4) {
			return fmt.Errorf("%w: %s is cut short", bundle.ErrMalformed, path)
		}
		n := 4 + binary.BigEndian.Uint32(data)
		kept, data = append(kept, data[4:n]), data[n:]
	}
	return b.Restore(kept)
}

// Save writes the bundles that are kept, each behind its length in four bytes. The file is replaced
// whole, so that a counter whose plug is pulled has the one or the other.
func (b *Bundles) Save(path string) error {
	var data []byte
	for _, one := range b.Kept() {
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(one))), one...)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".bundles-*")
	if err != nil {
		return fmt.Errorf("verifier: bundles: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("verifier: bundles: %w", err)
	}
	return nil
}
