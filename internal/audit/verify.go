package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transparency-dev/merkle/compact"
)

// What Verify may find. They are codes of testdata/problems.json.
const (
	FoundChanged    = "audit-entry-changed"    // an entry is not what was logged in its place
	FoundMoved      = "audit-entry-moved"      // an entry stands in another's place
	FoundMissing    = "audit-entry-missing"    // a place of the tree has no entry
	FoundOpening    = "audit-opening-changed"  // salt and event are not what the entry commits to
	FoundTile       = "audit-tile-changed"     // the entries are right, stored hashes are not
	FoundForked     = "audit-log-forked"       // the witness saw another log
	FoundTruncated  = "audit-log-truncated"    // the witness saw entries that the log has not
	FoundCheckpoint = "audit-checkpoint-wrong" // the log's own checkpoint is not of these entries
	FoundRow        = "audit-row-changed"      // a row of the record is not what its entry tells of
	FoundUnlogged   = "audit-row-unlogged"     // a row of the record has no entry
	FoundGone       = "audit-row-missing"      // the row that an entry tells of is not there
)

// maxFindings bounds what a report lists; it counts all.
const maxFindings = 1000

// Source is the log that is verified, from its database or over the network.
type Source interface {
	Tiles
	// Placed returns entries from place from on, in order, at most n.
	Placed(ctx context.Context, from uint64, n int) ([]Placed, error)
}

// Evidence is what witnesses know of the log.
type Evidence struct {
	// Checkpoints were cosigned, and their signatures checked.
	Checkpoints []Signed
	// Leaves, when not nil, reads the witness's own copy of the leaves, from a place on, as many
	// of n as it has.
	Leaves func(ctx context.Context, from uint64, n int) ([][]byte, error)
}

// Finding is one thing that is wrong.
type Finding struct {
	Code   string
	Index  uint64 // NoPlace when it is of no place
	ID     string
	Kind   string
	At     time.Time
	Detail string
}

// Report is what Verify found.
type Report struct {
	Size     uint64    // of the log, as its checkpoint says
	Proven   uint64    // so many entries are as the witness saw them
	ProvenAt time.Time // when it cosigned that
	Opened   uint64    // entries whose opening was checked
	Closed   uint64    // entries whose opening is not there: erased, swept, or out of reach
	Findings []Finding // by place
	Found    int       // also those that are not listed
}

// Add enters a finding.
func (r *Report) Add(f Finding) {
	if r.Found++; len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, f)
	}
}

// sort brings findings into the order of their places, those without one last.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Index, b.Index) })
}

// mismatch is an entry whose leaf is not what stored hashes say.
type mismatch struct {
	Finding
	is, want [32]byte
	certain  bool // the witness's copy says so, not only the log's own hashes
}

// verification is a run of Verify.
type verification struct {
	source     Source
	evidence   Evidence
	report     Report
	entries    *compact.Range // over the leaves as they are
	tiles      *compact.Range // over the hashes of the stored tiles
	mismatches []mismatch
	roots      map[uint64][2][32]byte // by size: of entries, of tiles
}

// Verify recomputes the tree from the stored leaves and compares it with the log's own checkpoint
// and with what witnesses have seen. An error means that it could not be done; what is wrong with
// the log stands in the report.
func Verify(ctx context.Context, source Source, log Signed, evidence Evidence) (Report, error) {
	v := &verification{source: source, evidence: evidence, report: Report{Size: log.Size}, roots: map[uint64][2][32]byte{}}
	factory := ranges()
	v.entries, v.tiles = factory.NewEmptyRange(0), factory.NewEmptyRange(0)
	slices.SortFunc(v.evidence.Checkpoints, func(a, b Signed) int { return cmp.Compare(a.Size, b.Size) })
	stops := []uint64{log.Size}
	for _, c := range v.evidence.Checkpoints {
		stops = append(stops, c.Size)
	}
	stopAt := make(map[uint64]bool, len(stops))
	for _, s := range stops {
		stopAt[s] = true
	}
	if err := v.note(0, stopAt); err != nil {
		return v.report, err
	}
	for from := uint64(0); from < log.Size; from += tileWidth {
		if err := v.page(ctx, from, int(min(log.Size-from, tileWidth)), stopAt); err != nil {
			return v.report, err
		}
	}
	v.judge(log)
	v.report.sort()
	for _, f := range v.report.Findings { // what stands behind a wrong entry is proven, but not "all up to here"
		if f.Code == FoundChanged || f.Code == FoundMoved || f.Code == FoundMissing {
			v.report.Proven = min(v.report.Proven, f.Index)
		}
	}
	return v.report, nil
}

// note remembers the roots of the sizes that checkpoints are of.
func (v *verification) note(size uint64, stopAt map[uint64]bool) error {
	if !stopAt[size] {
		return nil
	}
	one, err := rootOf(v.entries)
	two, tilesErr := rootOf(v.tiles)
	v.roots[size] = [2][32]byte{one, two}
	return errors.Join(err, tilesErr)
}

// page goes through n entries, which all lie in one tile.
func (v *verification) page(ctx context.Context, from uint64, n int, stopAt map[uint64]bool) error {
	stored, err := v.source.Placed(ctx, from, n)
	if err != nil {
		return err
	}
	tile, err := v.source.Tile(ctx, 0, from>>tileHeight, n)
	if err != nil {
		return err
	}
	hashes := split(tile)
	var seen [][]byte
	if v.evidence.Leaves != nil {
		if seen, err = v.evidence.Leaves(ctx, from, n); err != nil {
			return err
		}
	}
	for i := range n {
		index := from + uint64(i)
		var entry *Placed
		if len(stored) > 0 && stored[0].Index == index {
			entry, stored = &stored[0], stored[1:]
		}
		var want [32]byte
		known, certain := false, false
		if i < len(hashes) {
			want, known = [32]byte(hashes[i]), true
		}
		tiled := want
		var copied []byte
		if i < len(seen) {
			copied = seen[i]
			want, known, certain = HashLeaf(copied), true, true
		}
		is := v.entry(index, entry, copied, want, known, certain)
		if err := errors.Join(v.entries.Append(is[:], nil), v.tiles.Append(tiled[:], nil), v.note(index+1, stopAt)); err != nil {
			return err
		}
		if known && is == want && tiled != want || !known {
			v.report.Add(Finding{Code: FoundTile, Index: index, Detail: "the entry is right, its stored hash is not"})
		}
	}
	return nil
}

// entry looks at one place and returns the hash of what stands there.
func (v *verification) entry(index uint64, entry *Placed, copied []byte, want [32]byte, known, certain bool) [32]byte {
	if entry == nil {
		f := Finding{Code: FoundMissing, Index: index, Detail: "no entry stands in this place"}
		if l, err := ParseLeaf(copied); err == nil {
			f.ID, f.Kind, f.At = l.ID, l.Kind, l.At
		}
		v.report.Add(f)
		return want // so that one gap does not hide what is right or wrong behind it
	}
	f := Finding{Code: FoundChanged, Index: index, ID: entry.ID, At: entry.At}
	is := HashLeaf(entry.Leaf)
	l, err := ParseLeaf(entry.Leaf)
	if err == nil {
		f.Kind = l.Kind
	}
	if known && is != want {
		f.Detail = "not what was logged in this place"
		if was, err := ParseLeaf(copied); err == nil {
			f.Detail = fmt.Sprintf("the witness saw here %s %s of %s", was.Kind, was.ID, was.At.Format(time.RFC3339))
		}
		if len(v.mismatches) < maxFindings {
			v.mismatches = append(v.mismatches, mismatch{f, is, want, certain})
		}
		return is
	}
	switch {
	case err != nil:
		f.Detail = err.Error()
		v.report.Add(f)
		return is
	case l.ID != entry.ID || !entry.At.IsZero() && !l.At.Equal(entry.At):
		f.ID, f.At, f.Detail = l.ID, l.At, "its row says another id or moment"
		v.report.Add(f)
		return is
	}
	switch {
	case entry.Damage != nil:
		f.Code, f.Detail = FoundOpening, "salt and event do not open: "+entry.Damage.Error()
		v.report.Add(f)
	case entry.Opening == nil:
		v.report.Closed++
	default:
		v.report.Opened++
		if _, err := l.Open(entry.Opening); err != nil {
			f.Code, f.Detail = FoundOpening, err.Error()
			v.report.Add(f)
		}
	}
	return is
}

// judge compares the roots, and says of entries that differ from stored hashes which of the two
// is wrong.
func (v *verification) judge(log Signed) {
	own := v.roots[log.Size]
	right := own[0] == log.Root // the entries are those of the log's own checkpoint
	var before uint64
	for _, c := range v.evidence.Checkpoints {
		if c.Size > log.Size {
			v.report.Add(Finding{Code: FoundTruncated, Index: log.Size, Detail: fmt.Sprintf("a witness saw %d entries, the log has %d", c.Size, log.Size)})
			break
		}
		roots := v.roots[c.Size]
		if roots[0] == c.Root {
			v.report.Proven, before = c.Size, c.Size
			for _, w := range c.Witnesses {
				v.report.ProvenAt = w.At
			}
			continue
		}
		if !v.located(before, c.Size, roots[1] == c.Root) {
			v.report.Add(Finding{Code: FoundForked, Index: before, Detail: fmt.Sprintf("the first entry that the witness saw otherwise lies between %d and %d", before, c.Size-1)})
		}
		break
	}
	byHash := make(map[[32]byte]uint64, len(v.mismatches))
	for _, m := range v.mismatches {
		byHash[m.want] = m.Index
	}
	for _, m := range v.mismatches {
		switch where, moved := byHash[m.is]; {
		case m.Index < v.report.Proven || right && !m.certain && own[1] != log.Root:
			m.Code, m.Detail = FoundTile, "the entry is right, its stored hash is not"
		case moved:
			m.Code, m.Detail = FoundMoved, fmt.Sprintf("it belongs in place %d; %s", where, m.Detail)
		}
		v.report.Add(m.Finding)
	}
	if !right && v.report.Found == 0 {
		v.report.Add(Finding{Code: FoundCheckpoint, Index: 0, Detail: "the log's checkpoint has another root than its entries"})
	}
}

// located reports whether an entry that differs was found below a size, so that the fork needs no
// line of its own. The log's own tiles count only where the witness's root bears them out.
func (v *verification) located(from, to uint64, tilesRight bool) bool {
	for _, m := range v.mismatches {
		if m.Index >= from && m.Index < to && (m.certain || tilesRight) {
			return true
		}
	}
	for _, f := range v.report.Findings {
		if f.Code == FoundMissing && f.Index < to && f.ID != "" {
			return true
		}
	}
	return false
}

// First returns the first thing that is wrong; ok is false when nothing is.
func (r *Report) First() (f Finding, ok bool) {
	if len(r.Findings) == 0 {
		return Finding{}, false
	}
	return r.Findings[0], true
}
