// Command vectors writes the shared test vectors into testdata/vectors, for the Go code and for the
// SDKs in other languages: presentations of SD-JWT VC (sdjwt), offline codes (sdcwt) and bundles of
// offline checkers (bundle), good ones in both profiles, and bad ones with exactly one fault each. Run it at the top of the repository:
//
//	go run ./testdata/gen/vectors
//
// Keys and salts are derived from names, so a run changes nothing that it need not change. SM2
// and ECDSA signatures are random, though: a file whose content differs from the new one in
// signatures only is left as it is.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

func main() {
	if err := run("testdata"); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	for _, p := range profiles {
		keys, err := loadKeys(filepath.Join(root, "keys"), p)
		if err != nil {
			return err
		}
		cases, err := build(p, keys)
		if err != nil {
			return err
		}
		folder := filepath.Join(root, "vectors", "sdjwt", p.name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for _, v := range cases {
			if err := write(filepath.Join(folder, v.Name+".json"), v); err != nil {
				return err
			}
		}
		if err := runBundles(root, p, keys); err != nil {
			return err
		}
		if err := runOffline(root, p, keys); err != nil {
			return err
		}
	}
	return nil
}

// vector is one file.
type vector struct {
	Name         string          `json:"name"`
	Comment      string          `json:"comment"`
	Profile      string          `json:"profile"`
	Issuer       *key.Public     `json:"issuer"`
	Holder       *key.Public     `json:"holder,omitempty"`
	Presentation string          `json:"presentation"`
	Nonce        string          `json:"nonce,omitempty"`
	Audience     string          `json:"aud,omitempty"`
	Now          int64           `json:"now"`
	Expect       string          `json:"expect"`
	Claims       json.RawMessage `json:"claims,omitempty"`
}

func (v vector) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

func write(path string, v vector) error {
	data, err := v.encode()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err == nil && same(old, data) {
		return nil
	}
	return os.WriteFile(path, data, 0o644)
}

// same compares two files but for the signatures in them.
func same(a, b []byte) bool {
	var x, y vector
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	x.Presentation, y.Presentation = unsigned(x.Presentation), unsigned(y.Presentation)
	left, err1 := x.encode()
	right, err2 := y.encode()
	return err1 == nil && err2 == nil && bytes.Equal(left, right)
}

// unsigned cuts the signatures out of a presentation, and sd_hash, which is over the first of
// them.
func unsigned(presentation string) string {
	parts := strings.Split(presentation, "~")
	for i, part := range parts {
		if at := strings.LastIndexByte(part, '.'); at >= 0 {
			part = part[:at]
			if head, payload, ok := strings.Cut(part, "."); ok && i > 0 {
				part = head + "." + withoutHash(payload)
			}
			parts[i] = part
		}
	}
	return strings.Join(parts, "~")
}

func withoutHash(payload string) string {
	var claims map[string]any
	if json.Unmarshal(decode(payload), &claims) != nil {
		return payload
	}
	delete(claims, "sd_hash")
	data, err := json.Marshal(claims)
	if err != nil {
		return payload
	}
	return string(data)
}

// keyring holds the test-only keys of a profile.
type keyring struct{ issuer, holder, stranger, other *key.Private }

// loadKeys reads the keys, and writes them the first time. Their scalars are digests of their
// names: nobody can mistake them for secrets.
func loadKeys(folder string, p profile) (keyring, error) {
	var ring keyring
	for _, k := range []struct {
		name      string
		algorithm key.Algorithm
		to        **key.Private
	}{{"issuer", p.algorithm, &ring.issuer}, {"holder", p.algorithm, &ring.holder}, {"stranger", p.algorithm, &ring.stranger}, {"stranger", p.otherAlgorithm, &ring.other}} {
		name := k.name + "-" + strings.ToLower(map[key.Algorithm]string{key.SM2: "SM2", key.ES256: "ES256"}[k.algorithm])
		d := sm.Sum([]byte("showcard TEST ONLY " + name))
		private, err := key.FromScalar(k.algorithm, d[:])
		if err != nil {
			return ring, err
		}
		private = private.WithID("test-only-" + name)
		*k.to = private
		public, err := json.Marshal(private.Public())
		if err != nil {
			return ring, err
		}
		var jwk map[string]string
		if err := json.Unmarshal(public, &jwk); err != nil {
			return ring, err
		}
		jwk["d"] = encode(d[:])
		data, err := json.MarshalIndent(jwk, "", "  ")
		if err != nil {
			return ring, err
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return ring, err
		}
		if err := os.WriteFile(filepath.Join(folder, name+".json"), append(data, '\n'), 0o644); err != nil {
			return ring, err
		}
	}
	return ring, nil
}
