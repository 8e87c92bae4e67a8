package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

var (
	// ErrNoCheckpoint says that the log has none yet.
	ErrNoCheckpoint = errors.New("audit: no checkpoint yet")
	// ErrUnknown says that the log has no such entry.
	ErrUnknown = errors.New("audit: no such entry")
	// ErrTampered says that what lies in the store does not continue what was signed last. Nothing
	// more is signed until somebody has found out why.
	ErrTampered = errors.New("audit: the stored log does not continue what was signed")
)

// Store keeps the tree. A method that changes something MUST be durable when it returns nil.
type Store interface {
	Tiles
	// Tree returns how far the tree has grown.
	Tree(ctx context.Context) (State, error)
	// Grow gives waiting entries, the oldest first and at most max of them, the next places in the
	// tree, in one transaction in which no other process does so. plan gets the state, the tiles
	// of its edge and the leaves, and returns what is to be stored; see [State.Grow].
	Grow(ctx context.Context, max int, plan func(State, []Tile, [][]byte) (State, []Tile, error)) (n int, err error)
	// Leaves returns the leaves from place from on, n of them or as many as there are.
	Leaves(ctx context.Context, from uint64, n int) ([][]byte, error)
	// PutCheckpoint stores what change makes of the note of that size, "" when there is none yet,
	// in one transaction. witnesses is how many have cosigned it.
	PutCheckpoint(ctx context.Context, size uint64, at time.Time, change func(was string) (note string, witnesses int, err error)) error
	// Checkpoint returns the note of the largest size that at least so many witnesses cosigned
	// (ErrNoCheckpoint).
	Checkpoint(ctx context.Context, witnesses int) (string, error)
}

// Entries is the log as an auditor reads it.
type Entries interface {
	// Placed returns entries that have places, from place from on, in order, at most n.
	Placed(ctx context.Context, from uint64, n int) ([]Placed, error)
	// Find returns one entry by its id (ErrUnknown). One that waits has the place NoPlace.
	Find(ctx context.Context, id string) (Placed, error)
	// Waiting counts the entries that have no place yet, and tells when the oldest happened.
	Waiting(ctx context.Context) (n int64, oldest time.Time, err error)
	// SweepOpenings destroys the openings of entries that happened before, in order of their
	// places, and old checkpoints that nobody cosigned. Leaves stay.
	SweepOpenings(ctx context.Context, before time.Time) (int64, error)
}

// NoPlace is the place of an entry that the tree has not taken in yet.
const NoPlace = ^uint64(0)

// Placed is an entry as it is stored.
type Placed struct {
	Index  uint64
	ID     string
	At     time.Time
	Holder string
	Leaf   []byte
	// Opening is salt and event; nil when it was destroyed. Damage is why it does not open.
	Opening []byte
	Damage  error
}

// A Witness cosigns checkpoints that continue what it saw before.
type Witness interface {
	Key() VerifierKey
	// Cosign sends a checkpoint that continues the one of size old and returns the signature
	// lines that the witness added. When the witness stands elsewhere it returns *StandsAt.
	Cosign(ctx context.Context, old uint64, path [][]byte, note string) (lines string, err error)
}

// StandsAt says which size a witness saw last.
type StandsAt struct{ Size uint64 }

func (s *StandsAt) Error() string { return fmt.Sprintf("audit: the witness stands at %d", s.Size) }

// Config says what a log stands on.
type Config struct {
	Store   Store
	Entries Entries
	Origin  string   // the log's name in checkpoints: host and path, without a scheme
	Signers []Signer // Ed25519 and SM2
	// Witnesses are asked to cosign, at most every WitnessInterval (10 s).
	Witnesses       []Witness
	WitnessInterval time.Duration
	// Interval is how long an entry waits for the tree, about; default 1 s.
	Interval time.Duration
	// Retention is how long openings are kept; default three years.
	Retention time.Duration
	Now       func() time.Time
	Logger    *slog.Logger
}

// Log builds the tree over the stored entries, signs checkpoints and has them witnessed. Several
// processes may each have one over the same store: they take turns.
type Log struct {
	cfg  Config
	keys Keys

	mu   sync.Mutex // guards last and at
	last Signed     // the largest checkpoint this process has seen: the log never shrinks below it
	at   map[string]uint64
	bad  error // why nothing is signed any more
}

// batch is how many entries one transaction places: others wait for it.
const batch = 512

// New makes the log.
func New(cfg Config) (*Log, error) {
	if cfg.Store == nil || cfg.Entries == nil || cfg.Origin == "" || len(cfg.Signers) == 0 {
		return nil, errors.New("audit: incomplete configuration")
	}
	for field, value := range map[*time.Duration]time.Duration{&cfg.Interval: time.Second, &cfg.WitnessInterval: 10 * time.Second, &cfg.Retention: 3 * 365 * 24 * time.Hour} {
		if *field <= 0 {
			*field = value
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	keys := Keys{Origin: cfg.Origin}
	for _, s := range cfg.Signers {
		if s.Name() != cfg.Origin {
			return nil, fmt.Errorf("%w: %s signs for %s", ErrKey, s.Name(), cfg.Origin)
		}
		keys.Log = append(keys.Log, s.Key())
	}
	for _, w := range cfg.Witnesses {
		keys.Witnesses = append(keys.Witnesses, w.Key())
	}
	return &Log{cfg: cfg, keys: keys, at: map[string]uint64{}}, nil
}

// Keys are the log's public keys and those of its witnesses.
func (l *Log) Keys() Keys { return l.keys }

// Run builds and asks witnesses until ctx ends; what waits then is still taken in.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(l.cfg.Interval)
	defer tick.Stop()
	sweep := time.NewTicker(time.Hour)
	defer sweep.Stop()
	witness := time.NewTicker(l.cfg.WitnessInterval)
	defer witness.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_, err := l.Build(last)
			return err
		case <-tick.C:
			if _, err := l.Build(ctx); err != nil && ctx.Err() == nil {
				l.cfg.Logger.Error("audit log not built", "error", err)
			}
		case <-witness.C:
			if err := l.Witness(ctx); err != nil && ctx.Err() == nil {
				l.cfg.Logger.Warn("audit log not witnessed", "error", err)
			}
		case <-sweep.C:
			if _, err := l.cfg.Entries.SweepOpenings(ctx, l.cfg.Now().Add(-l.cfg.Retention)); err != nil && ctx.Err() == nil {
				l.cfg.Logger.Warn("audit openings not swept", "error", err)
			}
		}
	}
}

// Build takes all waiting entries into the tree and signs a checkpoint if the tree has grown. It
// returns the newest.
func (l *Log) Build(ctx context.Context) (Signed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, err := l.newest(ctx)
	if err != nil {
		return last, err
	}
	for {
		n, err := l.cfg.Store.Grow(ctx, batch, State.Grow)
		if errors.Is(err, ErrState) {
			return last, l.tampered(err)
		}
		if err != nil {
			return last, err
		}
		if n < batch {
			break
		}
	}
	state, err := l.cfg.Store.Tree(ctx)
	if err != nil {
		return last, err
	}
	if state.Size == last.Size {
		return last, nil
	}
	root, err := state.Root()
	if err != nil {
		return last, l.tampered(err)
	}
	next := Checkpoint{Origin: l.cfg.Origin, Size: state.Size, Root: root}
	// What is signed must continue what was signed: somebody may have edited the tables.
	if err := l.continues(ctx, last.Checkpoint, next); err != nil {
		return last, err
	}
	text, err := next.Sign(l.cfg.Signers...)
	if err != nil {
		return last, err
	}
	err = l.cfg.Store.PutCheckpoint(ctx, next.Size, l.cfg.Now(), func(was string) (string, int, error) {
		if was != "" { // another process signed it first
			signed, err := l.keys.Open(was)
			return was, len(signed.Witnesses), err
		}
		return text, 0, nil
	})
	if err != nil {
		return last, err
	}
	return l.newest(ctx)
}

// newest reads the newest checkpoint and checks that the log has not shrunk since this process
// looked last. Its caller holds mu.
func (l *Log) newest(ctx context.Context) (Signed, error) {
	if l.bad != nil {
		return l.last, l.bad
	}
	signed, err := l.read(ctx, 0)
	switch {
	case errors.Is(err, ErrNoCheckpoint) && l.last.Size == 0:
		root, err := State{}.Root()
		l.last = Signed{Checkpoint: Checkpoint{Origin: l.cfg.Origin, Root: root}}
		return l.last, err
	case errors.Is(err, ErrNoCheckpoint):
		return l.last, l.tampered(fmt.Errorf("it had %d entries and now has none", l.last.Size))
	case errors.Is(err, ErrCheckpoint), errors.Is(err, ErrSignature), errors.Is(err, ErrOrigin):
		return l.last, l.tampered(err)
	case err != nil:
		return l.last, err
	}
	if signed.Size < l.last.Size {
		return l.last, l.tampered(fmt.Errorf("it had %d entries and now has %d", l.last.Size, signed.Size))
	}
	if l.last.Size > 0 && signed.Checkpoint != l.last.Checkpoint {
		if err := l.continues(ctx, l.last.Checkpoint, signed.Checkpoint); err != nil {
			return l.last, err
		}
	}
	l.last = signed
	return signed, nil
}

func (l *Log) read(ctx context.Context, witnesses int) (Signed, error) {
	text, err := l.cfg.Store.Checkpoint(ctx, witnesses)
	if err != nil {
		return Signed{}, err
	}
	return l.keys.Open(text)
}

// continues checks, from the stored tiles, that one checkpoint continues another.
func (l *Log) continues(ctx context.Context, from, to Checkpoint) error {
	if from.Size > to.Size {
		return l.tampered(fmt.Errorf("from %d entries to %d", from.Size, to.Size))
	}
	path, err := ProveConsistency(ctx, l.cfg.Store, from.Size, to.Size)
	if err == nil {
		err = CheckConsistency(from, to, path)
	}
	if errors.Is(err, ErrProof) || errors.Is(err, ErrState) || errors.Is(err, ErrRange) {
		return l.tampered(err)
	}
	return err
}

// tampered stops the signing for good: a restart, by somebody who has looked, begins anew.
func (l *Log) tampered(err error) error {
	l.bad = fmt.Errorf("%w: %w", ErrTampered, err)
	return l.bad
}

// Witness asks every witness that has not cosigned the newest checkpoint to do so.
func (l *Log) Witness(ctx context.Context) error {
	if len(l.cfg.Witnesses) == 0 {
		return nil
	}
	newest, err := l.read(ctx, 0)
	if errors.Is(err, ErrNoCheckpoint) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range l.cfg.Witnesses {
		if err := l.ask(ctx, w, newest); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.Key().Name(), err))
		}
	}
	return errors.Join(errs...)
}

func (l *Log) ask(ctx context.Context, w Witness, newest Signed) error {
	for _, c := range newest.Witnesses {
		if c.Key.String() == w.Key().String() {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	l.mu.Lock()
	old := min(l.at[w.Key().String()], newest.Size)
	l.mu.Unlock()
	for range 3 { // it may stand elsewhere, and move while we ask
		path, err := ProveConsistency(ctx, l.cfg.Store, old, newest.Size)
		if err != nil {
			return err
		}
		lines, err := w.Cosign(ctx, old, path, newest.Note)
		var elsewhere *StandsAt
		switch {
		case errors.As(err, &elsewhere):
			if old = elsewhere.Size; old > newest.Size {
				return fmt.Errorf("%w: the witness has seen %d entries, the log has %d", ErrTampered, old, newest.Size)
			}
			continue
		case err != nil:
			return err
		}
		if err := l.enter(ctx, newest, lines); err != nil {
			return err
		}
		l.mu.Lock()
		l.at[w.Key().String()] = newest.Size
		l.mu.Unlock()
		return nil
	}
	return fmt.Errorf("the witness stands at %d, and moves", old)
}

// enter adds cosignatures to a stored checkpoint. Lines that are none of a known witness, or do
// not verify, are refused.
func (l *Log) enter(ctx context.Context, newest Signed, lines string) error {
	return l.cfg.Store.PutCheckpoint(ctx, newest.Size, l.cfg.Now(), func(was string) (string, int, error) {
		if was == "" {
			return "", 0, fmt.Errorf("%w: of size %d", ErrNoCheckpoint, newest.Size)
		}
		before, err := l.keys.Open(was)
		if err != nil {
			return "", 0, err
		}
		after, err := l.keys.Open(was + lines)
		if err != nil {
			return "", 0, err
		}
		if len(after.Witnesses) <= len(before.Witnesses) {
			return was, len(before.Witnesses), nil
		}
		return after.Note, len(after.Witnesses), nil
	})
}

// Checkpoint returns the newest checkpoint that a witness cosigned; without any, or when newest is
// asked for, the newest of all.
func (l *Log) Checkpoint(ctx context.Context, newest bool) (Signed, error) {
	if !newest && len(l.cfg.Witnesses) > 0 {
		signed, err := l.read(ctx, 1)
		if err == nil || !errors.Is(err, ErrNoCheckpoint) {
			return signed, err
		}
	}
	return l.read(ctx, 0)
}
