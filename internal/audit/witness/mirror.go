package witness

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/showcard/showcard/internal/audit"
)

// The witness's copy of the leaves lies in one file, each with its length in two bytes before it.
// With it `showcard audit verify` names the very entry that was edited, not only that one was.

const bundleSize = 256

// loadLeaves goes through the copied leaves once and computes where the tree stood.
func (w *Witness) loadLeaves() error {
	path := filepath.Join(w.cfg.Data, LeavesFile)
	r := &LeafReader{Path: path}
	for {
		leaf, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF): // cut off by a crash: fetched again
			return os.Truncate(path, w.mirrored.bytes)
		case err == nil:
			err = w.mirrored.add([][]byte{leaf})
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrData, err)
		}
	}
}

// mirror is how far the copy of the leaves goes.
type mirror struct {
	audit.State
	bytes   int64
	bundles []int64 // where each bundle of 256 begins in the file
}

func (m *mirror) add(leaves [][]byte) error {
	next, err := m.Append(leaves)
	if err != nil {
		return err
	}
	for i, l := range leaves {
		if (m.Size+uint64(i))%bundleSize == 0 {
			m.bundles = append(m.bundles, m.bytes)
		}
		m.bytes += 2 + int64(len(l))
	}
	m.State = next
	return nil
}

// LeafReader reads a witness's copy of the leaves in order.
type LeafReader struct {
	Path string

	file *os.File
	in   *bufio.Reader
	at   uint64
}

// Next returns the next leaf, or io.EOF; io.ErrUnexpectedEOF when the file is cut off in one. A
// file that is not there has none.
func (r *LeafReader) Next() ([]byte, error) {
	if r.in == nil {
		f, err := os.Open(r.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, err
		}
		r.file, r.in = f, bufio.NewReaderSize(f, 1<<20)
	}
	leaf, err := readLeaf(r.in)
	if err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	r.at++
	return leaf, nil
}

func readLeaf(in io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	leaf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(in, leaf); errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	return leaf, nil
}

// Read returns the leaves from place from on, which must be where the last Read ended, n of them
// or as many as there are.
func (r *LeafReader) Read(from uint64, n int) ([][]byte, error) {
	if from != r.at {
		return nil, nil // behind the end
	}
	var leaves [][]byte
	for range n {
		leaf, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrClosed) {
			return leaves, nil
		}
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, nil
}

// Follow asks the log every interval until ctx ends or the log turns out rewritten, which is its
// error. A log that does not answer is asked again.
func (w *Witness) Follow(ctx context.Context, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := w.Poll(ctx); err != nil {
			if errors.Is(err, ErrFork) || errors.Is(err, ErrShrunk) {
				return err
			}
			if ctx.Err() == nil {
				w.cfg.Logger.Warn("log not read", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Poll reads the log's newest checkpoint, copies the leaves that are new, and cosigns when they
// make the tree that the checkpoint says.
func (w *Witness) Poll(ctx context.Context) error {
	if err := w.Alarm(); err != nil {
		return err
	}
	text, err := w.cfg.Log.Checkpoint(ctx, true)
	if err != nil {
		return err
	}
	signed, err := w.cfg.Keys.Open(text)
	if err != nil {
		return err
	}
	last := w.Latest()
	if signed.Checkpoint == last.Checkpoint && w.copied() >= signed.Size {
		w.suspect(nil, signed, nil)
		return nil
	}
	if signed.Size < last.Size {
		return w.suspect(ErrShrunk, signed, nil)
	}
	path, err := w.cfg.Log.Consistency(ctx, last.Size, signed.Size)
	if err != nil {
		return err
	}
	if err := audit.CheckConsistency(last.Checkpoint, signed.Checkpoint, path); err != nil {
		return w.suspect(ErrFork, signed, path)
	}
	w.suspect(nil, signed, nil)
	if err := w.mirror(ctx, signed); err != nil {
		return err
	}
	_, err = w.Add(last.Size, path, text)
	if errors.Is(err, ErrStale) {
		return nil // the log brought a newer one meanwhile
	}
	return err
}

// patience is how often in a row the log must show what does not continue what it was, before
// that is an alarm: a checkpoint may be overtaken on its way, or come from a cache.
const patience = 3

// suspect counts, and alarms when it has been too often. Without a kind all is well again.
func (w *Witness) suspect(kind error, signed audit.Signed, path [][]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind == nil {
		w.suspected = 0
		return nil
	}
	if w.suspected++; w.suspected >= patience {
		return w.evidence(kind, signed, path)
	}
	return fmt.Errorf("witness: %d entries, it was %d: asking again", signed.Size, w.last.Size)
}

func (w *Witness) copied() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mirrored.Size
}

// mirror copies the leaves up to a checkpoint. What was copied before must make, with what is new,
// the tree of the checkpoint, or it is not kept.
func (w *Witness) mirror(ctx context.Context, signed audit.Signed) error {
	w.mu.Lock()
	before := w.mirrored
	w.mu.Unlock()
	for at := before.Size; at < signed.Size; {
		bundle, skip := at/bundleSize, int(at%bundleSize)
		leaves, err := w.cfg.Log.Leaves(ctx, bundle, int(min(bundleSize, signed.Size-bundle*bundleSize)))
		if err == nil {
			err = w.take(leaves[skip:])
		}
		if err != nil {
			return errors.Join(err, w.drop(before))
		}
		at += uint64(len(leaves) - skip)
	}
	w.mu.Lock()
	root, err := w.mirrored.Root()
	size := w.mirrored.Size
	w.mu.Unlock()
	if err != nil || size != signed.Size || root == signed.Root {
		return err // of another size: more was copied than this checkpoint says, and the next will tell
	}
	if err := w.drop(before); err != nil {
		return err
	}
	return fmt.Errorf("%w: the leaves do not make the tree of the checkpoint", audit.ErrProof)
}

// take stores leaves.
func (w *Witness) take(leaves [][]byte) error {
	data, err := audit.FormatBundle(leaves)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.mirrored
	if err := next.add(leaves); err != nil {
		return err
	}
	if err := appendTo(filepath.Join(w.cfg.Data, LeavesFile), data); err != nil {
		return err
	}
	w.mirrored = next
	return nil
}

// drop takes back what was copied since: it made no tree that the log signed.
func (w *Witness) drop(to mirror) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mirrored.bytes == to.bytes {
		return nil
	}
	to.bundles = slices.Clone(to.bundles) // others may still read the longer one
	w.mirrored = to
	return os.Truncate(filepath.Join(w.cfg.Data, LeavesFile), to.bytes)
}

// Bundle reads copied leaves of one bundle, its first n (audit.ErrRange when there are fewer).
func (w *Witness) Bundle(bundle uint64, n int) ([]byte, error) {
	w.mu.Lock()
	size, bundles := w.mirrored.Size, w.mirrored.bundles
	w.mu.Unlock()
	if n < 1 || bundle >= uint64(len(bundles)) || bundle*bundleSize+uint64(n) > size {
		return nil, fmt.Errorf("%w: bundle %d", audit.ErrRange, bundle)
	}
	f, err := os.Open(filepath.Join(w.cfg.Data, LeavesFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(io.NewSectionReader(f, bundles[bundle], bundleSize*(2+1<<16)))
	var out []byte
	for range n {
		leaf, err := readLeaf(r)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrData, err)
		}
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(leaf))), leaf...) //nolint:gosec // as it was read
	}
	return out, nil
}
