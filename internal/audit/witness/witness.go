// Package witness is the second pair of eyes of an audit log: it stands elsewhere, under somebody
// else's hand, remembers what the log was, and cosigns only what continues that.
//
// A log whose operator holds all keys can be rewritten whole, tree, signatures and all; nobody
// who looks at it alone could tell. A witness has seen the earlier checkpoint. It
//
//	checks   that both keys of the log signed (SM2 and Ed25519), and that the new tree begins
//	         with the old one, by a consistency proof and from the leaves themselves
//	stores   each checkpoint that it cosigns, and all leaves, flushed to its own disk first
//	cosigns  with Ed25519 and the time (C2SP tlog-cosignature)
//	refuses  a fork or a log that shrank, keeps both checkpoints as evidence, and alarms
//
// It takes checkpoints (POST /add-checkpoint, C2SP tlog-witness) and also asks the log itself.
// Leaves hold nothing of a person, so whoever runs a witness learns nothing of anybody.
package witness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/showcard/showcard/internal/audit"
)

var (
	// ErrFork says that the log showed a tree that does not continue the one it showed before.
	ErrFork = errors.New("witness: the log does not continue what it was")
	// ErrShrunk says that the log is smaller than it was.
	ErrShrunk = errors.New("witness: the log is smaller than it was")
	// ErrStale says that a request begins from another checkpoint than the newest cosigned.
	ErrStale = errors.New("witness: the request begins elsewhere")
	// ErrData says that the witness's own files are damaged.
	ErrData = errors.New("witness: own files damaged")
)

// Log is where leaves are read from.
type Log interface {
	Checkpoint(ctx context.Context, newest bool) (string, error)
	Leaves(ctx context.Context, bundle uint64, n int) ([][]byte, error)
	Consistency(ctx context.Context, from, to uint64) ([][]byte, error)
}

// Config says what a witness stands on.
type Config struct {
	Data   string // folder of its own
	Log    Log    // nil: it only takes checkpoints, and keeps no leaves
	Keys   audit.Keys
	Signer audit.Signer // of NewWitnessSigner
	Now    func() time.Time
	Logger *slog.Logger
}

// Witness follows one log.
type Witness struct {
	cfg Config

	mu       sync.Mutex
	last     audit.Signed // the newest cosigned
	mirrored mirror       // of the leaves that were copied
	alarm    error        // the fork or the rollback that it saw
	// suspected is how often in a row the log did not continue what it was.
	suspected int
}

// New opens the witness's folder, or makes it.
func New(cfg Config) (*Witness, error) {
	if cfg.Data == "" || cfg.Keys.Origin == "" || len(cfg.Keys.Log) == 0 || !cfg.Signer.Key().Witness() {
		return nil, errors.New("witness: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Keys.Witnesses = []audit.VerifierKey{cfg.Signer.Key()}
	w := &Witness{cfg: cfg}
	root, err := audit.State{}.Root()
	if err != nil {
		return nil, err
	}
	w.last = audit.Signed{Checkpoint: audit.Checkpoint{Origin: cfg.Keys.Origin, Root: root}}
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return nil, err
	}
	if err := w.load(); err != nil {
		return nil, err
	}
	return w, w.loadLeaves()
}

// The files in a witness's folder.
const (
	CheckpointsFile = "checkpoints.ndjson" // what it cosigned, a line of JSON each
	LeavesFile      = "leaves"             // its copy of the leaves
	EvidenceFolder  = "evidence"
	Rewritten       = "rewritten" // how evidence of a fork or a rollback begins
)

// kept is a line of CheckpointsFile.
type kept struct {
	At   time.Time `json:"at"`
	Size uint64    `json:"size"`
	Note string    `json:"note"`
}

// load reads the checkpoints. A line that was cut off by a crash was never answered, and goes.
func (w *Witness) load() error {
	path := filepath.Join(w.cfg.Data, CheckpointsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	if end < len(data) {
		if err := os.Truncate(path, int64(end)); err != nil {
			return err
		}
	}
	lines := bytes.Split(bytes.TrimSuffix(data[:end], []byte("\n")), []byte("\n"))
	last := lines[len(lines)-1]
	if len(last) == 0 {
		return nil
	}
	var k kept
	if err := json.Unmarshal(last, &k); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrData, CheckpointsFile, err)
	}
	if w.last, err = w.cfg.Keys.Open(k.Note); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrData, CheckpointsFile, err)
	}
	return nil
}

// Checkpoints reads all that a witness's file holds, without judging them.
func Checkpoints(r io.Reader) (notes []string, err error) {
	d := json.NewDecoder(r)
	for {
		var k kept
		switch err := d.Decode(&k); {
		case errors.Is(err, io.EOF):
			return notes, nil
		case err != nil:
			return notes, fmt.Errorf("%w: %w", ErrData, err)
		}
		notes = append(notes, k.Note)
	}
}

// Latest is the newest checkpoint that it cosigned; its Note is empty when there is none.
func (w *Witness) Latest() audit.Signed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// Alarm is the fork or the rollback that it saw, or nil.
func (w *Witness) Alarm() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alarm
}

// Add checks a checkpoint against the one cosigned last, of size old, and cosigns it. When the
// request begins elsewhere it answers ErrStale, and Latest says where.
func (w *Witness) Add(old uint64, path [][]byte, note string) (audit.Signed, error) {
	signed, err := w.cfg.Keys.Open(note)
	if err != nil {
		return signed, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if signed.Checkpoint == w.last.Checkpoint && w.last.Note != "" {
		return w.last, nil
	}
	if signed.Size == w.last.Size && signed.Root != w.last.Root {
		return signed, w.evidence(ErrFork, signed, path)
	}
	if old != w.last.Size {
		return signed, fmt.Errorf("%w: at %d, not at %d", ErrStale, old, w.last.Size)
	}
	if signed.Size < old { // an old checkpoint, which anybody may bring: no reason to cry out
		return signed, fmt.Errorf("%w: %d entries, it was %d", ErrShrunk, signed.Size, old)
	}
	if err := audit.CheckConsistency(w.last.Checkpoint, signed.Checkpoint, path); err != nil {
		// A proof that does not fit shows no fork by itself: it may only be a bad proof. The log's
		// signature under both roots is kept all the same.
		return signed, errors.Join(err, w.keep("unproven", signed, path))
	}
	return w.cosign(signed)
}

// cosign signs and stores; mu is held. It is on the disk before anybody gets it.
func (w *Witness) cosign(signed audit.Signed) (audit.Signed, error) {
	line, err := signed.Sign(w.cfg.Signer)
	if err != nil {
		return signed, err
	}
	cosigned, err := w.cfg.Keys.Open(signed.Note + audit.SignatureLines(line))
	if err != nil {
		return signed, err
	}
	text, err := json.Marshal(kept{At: w.cfg.Now().UTC(), Size: cosigned.Size, Note: cosigned.Note})
	if err != nil {
		return signed, err
	}
	if err := appendTo(filepath.Join(w.cfg.Data, CheckpointsFile), append(text, '\n')); err != nil {
		return signed, err
	}
	w.last = cosigned
	return cosigned, nil
}

// appendTo writes at the end of a file and flushes it to the disk.
func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// evidence stores what shows that the log is not what it was, and raises the alarm; mu is held.
func (w *Witness) evidence(kind error, signed audit.Signed, path [][]byte) error {
	w.alarm = fmt.Errorf("%w: it was %d entries with root %x, and is %d with %x", kind, w.last.Size, w.last.Root[:8], signed.Size, signed.Root[:8])
	w.cfg.Logger.Error("ALARM: the log was rewritten", "error", w.alarm, "evidence", filepath.Join(w.cfg.Data, EvidenceFolder))
	return errors.Join(w.alarm, w.keep(Rewritten, signed, path))
}

// keep writes both checkpoints, as the log signed them, to a file of evidence.
func (w *Witness) keep(name string, signed audit.Signed, path [][]byte) error {
	folder := filepath.Join(w.cfg.Data, EvidenceFolder)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(struct {
		At     time.Time `json:"at"`
		Before string    `json:"before"`
		After  string    `json:"after"`
		Proof  [][]byte  `json:"proof"`
	}{w.cfg.Now().UTC(), w.last.Note, signed.Note, path}, "", "  ")
	if err != nil {
		return err
	}
	// The same two checkpoints make one file, however often they come.
	file := filepath.Join(folder, fmt.Sprintf("%s-%d-%d-%x.json", name, w.last.Size, signed.Size, signed.Root[:8]))
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	if found, err := os.ReadDir(folder); err != nil || len(found) >= 1000 {
		return err // whoever floods us fills no disk; a thousand show enough
	}
	return appendTo(file, append(text, '\n'))
}
