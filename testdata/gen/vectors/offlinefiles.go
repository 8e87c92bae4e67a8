package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// offlineFiles are the vectors of a profile and, for each, a mask: a space where the code's
// characters come from signatures, which are random.
func offlineFiles(p profile, keys keyring) (vectors []offlineVector, masks []string, err error) {
	var filled [2][]offlineVector
	for i, b := range []byte{0x00, 0xff} {
		if filled[i], err = buildOffline(p, keys, &b); err != nil {
			return nil, nil, err
		}
	}
	if vectors, err = buildOffline(p, keys, nil); err != nil {
		return nil, nil, err
	}
	for i := range vectors {
		mask := []byte(filled[0][i].Code)
		for j := range mask {
			if mask[j] != filled[1][i].Code[j] {
				mask[j] = ' '
			}
		}
		masks = append(masks, string(mask))
	}
	return vectors, masks, nil
}

func (v offlineVector) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// sameOffline compares a file with a vector, but for the signatures in the code.
func sameOffline(old []byte, v offlineVector, mask string) bool {
	var was offlineVector
	if json.Unmarshal(old, &was) != nil || len(was.Code) != len(v.Code) || len(mask) != len(v.Code) {
		return false
	}
	for i := range mask {
		if mask[i] != ' ' && was.Code[i] != v.Code[i] {
			return false
		}
	}
	v.Code = was.Code
	data, err := v.encode()
	return err == nil && bytes.Equal(old, data)
}

func runOffline(root string, p profile, keys keyring) error {
	vectors, masks, err := offlineFiles(p, keys)
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "vectors", "sdcwt", p.name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for i, v := range vectors {
		path := filepath.Join(folder, v.Name+".json")
		if old, err := os.ReadFile(path); err == nil && sameOffline(old, v, masks[i]) {
			continue
		}
		data, err := v.encode()
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replace changes one place of encoded bytes, which must be there once.
func replace(old, with string) func([]byte) []byte {
	from, errFrom := hex.DecodeString(strings.ReplaceAll(old, " ", ""))
	to, errTo := hex.DecodeString(strings.ReplaceAll(with, " ", ""))
	return func(b []byte) []byte {
		if errFrom != nil || errTo != nil || bytes.Count(b, from) != 1 {
			panic("replace " + old + " in " + hex.EncodeToString(b)) // literals of this program
		}
		return bytes.Replace(b, from, to, 1)
	}
}
