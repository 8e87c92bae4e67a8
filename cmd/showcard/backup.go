package main

import (
	"archive/tar"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/store/sqlstore"
)

// What a backup holds. The keystore goes to a file of its own; the key file that opens it goes
// nowhere: without it both are noise.
const (
	backupDatabase = "showcard.db"
	backupManifest = "manifest.json"
	secretBackup   = "backup-seal"
)

// manifest begins a backup and says what is in it.
type manifest struct {
	Version   int          `json:"version"`
	ID        string       `json:"id"`
	TakenAt   time.Time    `json:"taken_at"`
	PublicURL string       `json:"public_url"`
	Domain    string       `json:"domain"`
	Files     []backupFile `json:"files"`
	// Seal is HMAC-SM3 over all of the above, under a key of the keystore: a backup that was edited
	// on its shelf is not put back.
	Seal []byte `json:"seal,omitempty"`
}

type backupFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	SM3  string `json:"sm3"`
}

func (m manifest) seal(secret []byte) ([]byte, error) {
	m.Seal = nil
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sm.NewHash, secret)
	mac.Write([]byte("showcard backup 1\x00"))
	mac.Write(data)
	return mac.Sum(nil), nil
}

type backupCommand struct {
	deploymentFlags
	Out     string `required:"" placeholder:"FILE" help:"New file for the database, the trust roots and what the deployment is called."`
	KeysOut string `placeholder:"FILE" help:"New file for the keystore, sealed as it lies. Keep it elsewhere, and its key file in a third place."`
}

// Help is what --help prints below the flags.
func (backupCommand) Help() string {
	return `The server may run. The backup holds no key: personal data in it stays sealed. The keystore changes
rarely (keygen, rotations): back it up after each such change, to another place.

  showcard backup -c showcard.yaml --out /backup/2026-11-22.tar --keys-out /safe/keystore-2026-11-22.json`
}

// Run makes a backup.
func (b backupCommand) Run(e *env) error {
	return b.vault(e.ctx, func(c config, keys *key.Store, s *sqlstore.Store) error {
		m, err := b.write(e, c, keys, s)
		if err != nil {
			return err
		}
		if b.KeysOut != "" {
			if err := copyNew(filepath.Join(c.Data, "keystore.json"), b.KeysOut); err != nil {
				return fmt.Errorf("keystore: %w", err)
			}
		}
		fmt.Fprintf(e.stdout, "备份完成 backup %s: %d bytes of database\n", m.ID, m.Files[0].Size)
		if b.KeysOut == "" {
			fmt.Fprintln(e.stdout, "密钥库未备份 the keystore is not in it: use --keys-out")
		}
		return s.Note(e.ctx, audit.Event{Kind: "backup.made", Actor: "command", Subject: m.ID})
	})
}

func (b backupCommand) write(e *env, c config, keys *key.Store, s *sqlstore.Store) (m manifest, err error) {
	m = manifest{Version: 1, ID: strings.ToLower(rand.Text()), PublicURL: c.PublicURL, Domain: c.Domain.Code, TakenAt: time.Now().UTC().Truncate(time.Second)}
	secret, err := keys.Secret(secretBackup, 32)
	if err != nil {
		return m, err
	}
	// Beside the target: the same disk, which must have room for it anyway.
	copied := b.Out + ".database"
	defer os.Remove(copied)
	if err := s.Backup(e.ctx, copied); err != nil {
		return m, err
	}
	sources := []struct{ name, path string }{
		{backupDatabase, copied}, {rootsFile, filepath.Join(c.Data, rootsFile)}, {deploymentFile, filepath.Join(c.Data, deploymentFile)},
	}
	for _, f := range sources {
		size, digest, err := digestFile(f.path)
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, backupFile{f.name, size, digest})
	}
	if m.Seal, err = m.seal(secret); err != nil {
		return m, err
	}
	out, err := os.OpenFile(b.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return m, err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(b.Out)
		}
	}()
	w := tar.NewWriter(out)
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := addTar(w, backupManifest, int64(len(text)), bytes.NewReader(text)); err != nil {
		return m, err
	}
	for i, f := range sources {
		in, err := os.Open(f.path)
		if err != nil {
			return m, err
		}
		if err := errors.Join(addTar(w, f.name, m.Files[i].Size, in), in.Close()); err != nil {
			return m, err
		}
	}
	return m, errors.Join(w.Close(), out.Sync())
}

func addTar(w *tar.Writer, name string, size int64, from io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(w, from)
	return err
}

func digestFile(path string) (size int64, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	h := sm.NewHash()
	size, err = io.Copy(h, f)
	return size, hexSum(h), errors.Join(err, f.Close())
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// copyNew copies a private file to a new one, durably.
func copyNew(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
