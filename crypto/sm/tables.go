package sm

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/showcard/showcard/crypto/sm/comb"
)

// Mode says which arithmetic verifies signatures of keys that have a table.
type Mode int

// The modes.
const (
	Fast    Mode = iota // ours; the library decides the exceptional cases
	Library             // the library's only: tables are switched off
	// Both asks both each time, gives the library's answer, and reports a difference. It is for
	// the first months in production, and costs a little more than Library.
	Both
)

// ErrSelfTest says that the arithmetic of this package computes wrongly on this machine.
var ErrSelfTest = errors.New("sm: self-test of the SM2 tables failed")

// TablesConfig says how much memory tables may take, and for whom.
type TablesConfig struct {
	Mode Mode
	// Memory bounds the wide tables of known keys, in bytes. Default 64 MiB: 256 tables of
	// windows of 8 bits. When it is used up, a key that is used much takes the place of the one
	// that has not been used for longest.
	Memory int64
	// Width of the windows of known keys' tables: 8 (256 KB a key, built in about 2 ms) by
	// default; 10 (832 KB) saves a fifth of the additions.
	Width int
	// Returning is how many keys are remembered besides: those seen once without a table, those
	// that came back with one of 4 KB. Default 8,192: 40 MB at most.
	Returning int
	// Disagreed is called in mode Both when the two answers differ.
	Disagreed func(key, digest, signature []byte, library bool)
}

// Tables makes verification fast for keys that it has met before, three quarters of which would
// otherwise go into one multiplication of the public key. There are three kinds of key:
//
//	unknown    a key that comes once: verified by the library
//	returning  a device's key: a table of 4 KB from its second signature on
//	known      an issuer's or wallet provider's key, from the trust list: a table of 256 KB
//
// Callers name the kind, and hold no tables themselves. A nil *Tables is good and does nothing. It
// is safe for concurrent use.
type Tables struct {
	cfg  TablesConfig
	base *comb.Table

	mu    sync.Mutex
	keys  map[[64]byte]*list.Element // of *entry
	known *list.List                 // the most recently used first
	back  *list.List                 // returning keys, likewise
	wide  int64                      // bytes of wide tables

	differences atomic.Int64
}

// entry is what is remembered of a key.
type entry struct {
	key      *PublicKey // shared by all who ask for this point
	known    bool
	uses     int
	table    atomic.Pointer[comb.Table]
	building atomic.Bool
}

// baseWidth is the width of the generator's windows: 832 KB, one for the process.
const baseWidth = 10

// NewTables makes an empty set of tables and tests the arithmetic.
func NewTables(cfg TablesConfig) (*Tables, error) {
	if cfg.Memory == 0 {
		cfg.Memory = 64 << 20
	}
	if cfg.Width == 0 {
		cfg.Width = 8
	}
	if cfg.Returning <= 0 {
		cfg.Returning = 8192
	}
	t := &Tables{cfg: cfg, keys: map[[64]byte]*list.Element{}, known: list.New(), back: list.New()}
	if cfg.Mode == Library {
		return t, nil
	}
	if cfg.Width < comb.MinWidth || cfg.Width > comb.MaxWidth {
		return nil, fmt.Errorf("sm: windows of %d bits, want %d to %d", cfg.Width, comb.MinWidth, comb.MaxWidth)
	}
	var err error
	if t.base, err = comb.NewBase(baseWidth); err != nil {
		return nil, err
	}
	return t, t.selfTest()
}

// Known returns the key with a wide table, or the promise of one. It is for keys that the trust
// list names.
func (t *Tables) Known(k *PublicKey) *PublicKey { return t.meet(k, true) }

// Returning returns the key with a small table if it was seen before.
func (t *Tables) Returning(k *PublicKey) *PublicKey { return t.meet(k, false) }

func (t *Tables) meet(k *PublicKey, known bool) *PublicKey {
	if t == nil || t.cfg.Mode == Library {
		return k
	}
	point := [64]byte(k.point[1:])
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.keys[point]
	if !ok {
		e := &entry{known: known}
		e.key = &PublicKey{point: k.point, za: k.za, ec: k.ec, fast: &fastKey{t, e}}
		at = t.list(known).PushFront(e)
		t.keys[point] = at
		t.trim()
	}
	e := at.Value.(*entry)
	if known && !e.known { // a device's key that an issuer has, too
		t.back.Remove(at)
		e.known = true
		at = t.known.PushFront(e)
		t.keys[point] = at
	}
	t.list(e.known).MoveToFront(at)
	e.uses++
	t.provide(e)
	return e.key
}

func (t *Tables) list(known bool) *list.List {
	if known {
		return t.known
	}
	return t.back
}

// busy is how often a known key must be used before it may take another's place.
const busy = 256

// provide builds what the key has earned. The caller holds the lock; building goes on without it,
// and whoever verifies meanwhile does so without the table.
func (t *Tables) provide(e *entry) {
	has := e.table.Load()
	want := 0 // a small table
	switch size := int64(comb.WideBytes(t.cfg.Width)); {
	case e.known && (has == nil || !has.Wide()) && t.room(e, size):
		want = t.cfg.Width
	case has != nil, !e.known && e.uses < 2:
		return
	}
	if !e.building.CompareAndSwap(false, true) {
		return
	}
	if want > 0 {
		t.wide += int64(comb.WideBytes(want))
	}
	t.mu.Unlock()
	x, y := [32]byte(e.key.point[1:33]), [32]byte(e.key.point[33:])
	var table *comb.Table
	var err error
	if want > 0 {
		table, err = comb.NewTable(&x, &y, want)
	} else {
		table, err = comb.NewSmallTable(&x, &y)
	}
	t.mu.Lock()
	e.building.Store(false)
	at, there := t.keys[[64]byte(e.key.point[1:])]
	if err == nil && there && at.Value == e { // else it was forgotten meanwhile
		e.table.Store(table)
	} else if want > 0 {
		t.wide -= int64(comb.WideBytes(want))
	}
}

// room makes room for a wide table, if the key deserves it.
func (t *Tables) room(e *entry, size int64) bool {
	if e.building.Load() || size > t.cfg.Memory {
		return false
	}
	if t.wide+size <= t.cfg.Memory {
		return true
	}
	if e.uses%busy != 0 {
		return false
	}
	for at := t.known.Back(); at != nil; at = at.Prev() {
		old := at.Value.(*entry)
		if table := old.table.Load(); old != e && table != nil && table.Wide() && !old.building.Load() {
			old.table.Store(nil)
			old.uses = 0
			t.wide -= int64(table.Bytes())
			return t.wide+size <= t.cfg.Memory
		}
	}
	return false
}

// trim forgets what is beyond the bound. Known keys without a wide table count as returning ones.
func (t *Tables) trim() {
	for t.back.Len() > t.cfg.Returning {
		t.forget(t.back, t.back.Back())
	}
	for t.known.Len() > t.cfg.Returning {
		t.forget(t.known, t.known.Back())
	}
}

func (t *Tables) forget(from *list.List, at *list.Element) {
	e := at.Value.(*entry)
	if table := e.table.Load(); table != nil && table.Wide() {
		t.wide -= int64(table.Bytes())
	}
	e.table.Store(nil)
	from.Remove(at)
	delete(t.keys, [64]byte(e.key.point[1:]))
}

// Stats is what the tables take.
type Stats struct {
	Known, Returning, Wide, Small int
	Bytes                         int64 // of all tables
	Differences                   int64 // seen in mode Both
}

// Stats counts.
func (t *Tables) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{Known: t.known.Len(), Returning: t.back.Len(), Differences: t.differences.Load()}
	if t.base != nil {
		s.Bytes = int64(t.base.Bytes())
	}
	for _, at := range t.keys {
		if table := at.Value.(*entry).table.Load(); table != nil {
			s.Bytes += int64(table.Bytes())
			if table.Wide() {
				s.Wide++
			} else {
				s.Small++
			}
		}
	}
	return s
}

// fastKey ties a public key to its place among the tables.
type fastKey struct {
	tables *Tables
	entry  *entry
}

// verify answers with the table. sure is false when there is none, or when the case is
// exceptional: then the library decides.
func (f *fastKey) verify(e, signature []byte) (good, sure bool) {
	table := f.entry.table.Load()
	if table == nil {
		return false, false
	}
	answer := comb.Verify(f.tables.base, table, (*[32]byte)(e), (*[32]byte)(signature[:32]), (*[32]byte)(signature[32:]))
	return answer == comb.Good, answer != comb.Exceptional
}

// disagree reports that the two arithmetics differ. One of them has a fault: gmsm had one on
// amd64 up to v0.44.0 (its issue 560).
func (t *Tables) disagree(k *PublicKey, e, signature []byte, library bool) {
	t.differences.Add(1)
	if t.cfg.Disagreed != nil {
		t.cfg.Disagreed(k.Bytes(), append([]byte(nil), e...), append([]byte(nil), signature...), library)
	}
}
