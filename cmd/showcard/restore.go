package main

import (
	"archive/tar"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/registry"
)

var (
	errBackup   = errors.New("this backup cannot be put back")
	errOccupied = errors.New("there is something already; a restore overwrites nothing")
)

type restoreCommand struct {
	Config           string `required:"" short:"c" placeholder:"FILE" help:"Configuration file of the deployment."`
	From             string `required:"" type:"existingfile" placeholder:"FILE" help:"What backup --out wrote."`
	Keys             string `required:"" type:"existingfile" placeholder:"FILE" help:"What backup --keys-out wrote, or the keystore itself. Its key file or passphrase is the configuration's."`
	TrustListVersion int64  `placeholder:"N" help:"Version of the newest trust list that any verifier has seen (showcard inspect tells); ours begins above it."`
}

// Help is what --help prints below the flags.
func (restoreCommand) Help() string {
	return `Puts a backup into the data folder of the configuration, which must be empty. No server may run; empty
Redis. Everything is checked before anything is put in its place: digests, the seal of the keystore,
that the keystore opens the data, the database's own checks.

What happened after the backup is lost here, not in the world, so: status lists are closed and their
sequences leap ahead, the trust list's version leaps ahead, and everybody signs in again. The command
ends by telling what must be done by hand.`
}

// Run restores a backup.
func (r restoreCommand) Run(e *env) error {
	c, err := readConfig(r.Config)
	if err != nil {
		return err
	}
	database, ok := strings.CutPrefix(c.Database, "sqlite:")
	if !ok {
		return fmt.Errorf("%w: database: want sqlite:PATH", errConfig)
	}
	if err := vacant(c.Data, database); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(c.Data)), 0o700); err != nil {
		return err
	}
	// Beside the data folder, to be renamed: there is a whole deployment or none.
	stage, err := os.MkdirTemp(filepath.Dir(filepath.Clean(c.Data)), ".restore-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	m, err := r.unpack(e, c, stage)
	if err != nil {
		return err
	}
	done, err := r.prepare(e, c, stage, m)
	if err != nil {
		return err
	}
	if err := place(stage, c.Data, database); err != nil {
		return err
	}
	tellRestored(e, m, done)
	return nil
}

// tellRestored tells what was done, and what people must do now.
func tellRestored(e *env, m manifest, done sqlstore.Restored) {
	fmt.Fprintf(e.stdout, "已恢复 restored %s, as it was at %s (restore %s)\n", m.ID, m.TakenAt.Format(time.RFC3339), done.ID)
	fmt.Fprintf(e.stdout, `
请逐项处理 What happened after %s is not known here. Before you open:
  1. push again every row of that time: who pushed gets new certificates, old ones are unknown here
  2. suspend, reinstate and revoke again everything of that time
  3. freeze again whatever was frozen, suspended or rotated in the registry
  4. erase again whoever asked to be erased; remove again agents and passkeys that were removed
     (devices need nothing: all %d keys were killed, people register them again)
  5. empty Redis: codes of that time could be spent twice
  6. tell witnesses that the audit log went back: they refuse its checkpoints until told
`, m.TakenAt.Format(time.RFC3339), done.Devices)
}

// vacant refuses to overwrite anything.
func vacant(data, database string) error {
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%w: %s is not empty", errOccupied, data)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if _, err := os.Lstat(database + suffix); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s", errOccupied, database+suffix)
		}
	}
	return nil
}

// unpack reads a backup into the stage and holds it against its manifest.
func (r restoreCommand) unpack(e *env, c config, stage string) (m manifest, err error) {
	if err := copyNew(r.Keys, filepath.Join(stage, "keystore.json")); err != nil {
		return m, err
	}
	staged := c
	staged.Data = stage
	keys, err := openKeystore(staged)
	if err != nil {
		return m, fmt.Errorf("%w: keystore: %w", errBackup, err)
	}
	in, err := os.Open(r.From)
	if err != nil {
		return m, err
	}
	defer in.Close()
	t := tar.NewReader(in)
	if err := next(t, backupManifest, 1<<20); err != nil {
		return m, err
	}
	d := json.NewDecoder(t)
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: manifest: %w", errBackup, err)
	}
	if !slices.Contains(keys.Names(), secretBackup) { // made with the first backup, before it was written
		return m, fmt.Errorf("%w: the keystore is of another deployment, or older than its first backup", errBackup)
	}
	secret, err := keys.Secret(secretBackup, 32)
	if err != nil {
		return m, err
	}
	want, err := m.seal(secret)
	if err != nil {
		return m, err
	}
	switch {
	case !hmac.Equal(want, m.Seal):
		return m, fmt.Errorf("%w: the seal is not this keystore's: another deployment's, or edited", errBackup)
	case m.Version != 1:
		return m, fmt.Errorf("%w: version %d is not known", errBackup, m.Version)
	case m.PublicURL != c.PublicURL || m.Domain != c.Domain.Code:
		return m, fmt.Errorf("%w: it is of %s, domain %s, and the configuration of %s, domain %s", errBackup, m.PublicURL, m.Domain, c.PublicURL, c.Domain.Code)
	case len(m.Files) != 3 || m.Files[0].Name != backupDatabase || m.Files[1].Name != rootsFile || m.Files[2].Name != deploymentFile:
		return m, fmt.Errorf("%w: it names other files than a backup has", errBackup)
	}
	for _, f := range m.Files {
		if err := next(t, f.Name, f.Size); err != nil {
			return m, err
		}
		mode := fs.FileMode(0o600)
		if f.Name == rootsFile {
			mode = 0o644
		}
		out, err := os.OpenFile(filepath.Join(stage, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return m, err
		}
		h := sm.NewHash()
		n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(t, f.Size+1))
		if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
			return m, fmt.Errorf("%w: %s: %w", errBackup, f.Name, err)
		}
		if n != f.Size || hexSum(h) != f.SM3 {
			return m, fmt.Errorf("%w: %s is not what was backed up", errBackup, f.Name)
		}
	}
	return m, sqlstore.CheckFile(e.ctx, filepath.Join(stage, backupDatabase))
}

// next steps to a file of the archive and bounds it.
func next(t *tar.Reader, name string, limit int64) error {
	h, err := t.Next()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errBackup, name, err)
	}
	if h.Name != name || h.Typeflag != tar.TypeReg || h.Size > limit {
		return fmt.Errorf("%w: where %s should be there is %q of %d bytes", errBackup, name, h.Name, h.Size)
	}
	return nil
}

// prepare makes the staged deployment fit to go on: it is opened as a server opens it.
func (r restoreCommand) prepare(e *env, c config, stage string, m manifest) (done sqlstore.Restored, err error) {
	c.Data, c.Database, c.Volatile = stage, "sqlite:"+filepath.Join(stage, backupDatabase), "memory"
	a, err := build(e.ctx, c, quiet(e))
	if err != nil {
		return done, fmt.Errorf("%w: %w", errBackup, err)
	}
	defer func() { err = errors.Join(err, a.close()) }()
	return r.goOn(e, a, m)
}

// goOn makes a record that went back fit to go on.
func (r restoreCommand) goOn(e *env, a *app, m manifest) (done sqlstore.Restored, err error) {
	if done, err = a.store.Restored(e.ctx, m.ID, m.TakenAt); err != nil {
		return done, err
	}
	// Counts of what the data keys sealed went back too: go on under a new one.
	if _, err := a.store.RotateDataKey(e.ctx); err != nil {
		return done, err
	}
	if err := r.leapTrustList(e, a, m); err != nil {
		return done, err
	}
	return done, a.store.Note(e.ctx, audit.Event{Kind: "backup.restored", Actor: "command", Subject: m.ID, Detail: map[string]string{"restore": done.ID}})
}

// leapTrustList signs the trust list anew until its version is above all that verifiers may have
// seen: they take an older one for an attack. A list is signed twice a day and at every change.
func (r restoreCommand) leapTrustList(e *env, a *app, m manifest) error {
	_, version := a.registry.TrustList()
	above := version + 100 + 4*int64(time.Since(m.TakenAt)/(24*time.Hour))
	if r.TrustListVersion > 0 {
		above = max(version, r.TrustListVersion)
	}
	for version <= above {
		err := a.registry.Update(e.ctx, "restore", "backup "+m.ID+" was put back", func(*registry.Draft) error { return nil })
		if err != nil {
			return fmt.Errorf("trust list: %w", err)
		}
		_, version = a.registry.TrustList()
	}
	fmt.Fprintln(e.stdout, "信任列表版本 the trust list is at version "+strconv.FormatInt(version, 10))
	return nil
}

// place puts the stage where the configuration wants it.
func place(stage, data, database string) error {
	for _, name := range []string{"lock", "serving.lock", "keystore.json.lock", backupDatabase + ".lock"} {
		_ = os.Remove(filepath.Join(stage, name))
	}
	if abs(database) != abs(filepath.Join(data, backupDatabase)) {
		if err := os.MkdirAll(filepath.Dir(database), 0o700); err != nil {
			return err
		}
		if err := copyNew(filepath.Join(stage, backupDatabase), database); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(stage, backupDatabase)); err != nil {
			return err
		}
	}
	if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // it was empty a moment ago
	}
	if err := os.Rename(stage, data); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(filepath.Clean(data)))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func abs(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}
