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

// TablesConfig says how much memory tables may take.
type TablesConfig struct {
	Mode Mode
	// Memory bounds the wide tables of known keys, in bytes. Default 64 MiB: 256 tables of
	// windows of 8 bits. When it is used up, a key that is used much takes the place of the one
	// that has not been used for longest.
	Memory int64
	// Width of the windows of known keys' tables: 8 (256 KB a key, built in about 2 ms) by
	// default; 10 (832 KB) saves a fifth of the additions.
	Width int
	// Returning is how many keys are remembered besides, of any kind: those seen once, without a
	// table, and those that came back, with one of 4 KB. Default 8,192: 48 MB at most.
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

	mu   sync.Mutex
	keys map[[64]byte]*list.Element // of *entry, each on one of the two lists
	wide *list.List                 // keys with a wide table, or one in the making; most recently used first
	rest *list.List                 // all others, likewise

	differences atomic.Int64
}

// entry is what is remembered of a key.
type entry struct {
	key   *PublicKey // shared by all who ask for this point
	table atomic.Pointer[comb.Table]

	// Guarded by the lock of Tables.
	known    bool // the trust list names it
	wide     bool // on that list
	building bool
	uses     int
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
	t := &Tables{cfg: cfg, keys: map[[64]byte]*list.Element{}, wide: list.New(), rest: list.New()}
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

// meet counts a use and builds what the key has earned. That is done without the lock; whoever
// verifies meanwhile does so with what stands.
func (t *Tables) meet(k *PublicKey, known bool) *PublicKey {
	if t == nil || t.cfg.Mode == Library {
		return k
	}
	e, width, earned := t.note(k, known)
	if earned {
		t.build(e, width)
	}
	return e.key
}

// busy is how often a known key must be used before it may take another's place.
const busy = 256

// note counts a use and decides whether the caller is to build a table, wide or small (width 0).
// Memory for a wide one is taken from here on.
func (t *Tables) note(k *PublicKey, known bool) (e *entry, width int, earned bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.keys[[64]byte(k.point[1:])]
	if !ok {
		e = &entry{}
		e.key = &PublicKey{point: k.point, za: k.za, ec: k.ec, fast: &fastKey{t, e}}
		t.put(t.rest, e)
	} else if e = at.Value.(*entry); e.wide {
		t.wide.MoveToFront(at)
	} else {
		t.rest.MoveToFront(at)
	}
	e.known = e.known || known // a device's key may be an issuer's, too
	e.uses++
	switch {
	case e.wide, e.building:
		return e, 0, false
	case e.known && t.room(e):
		t.move(e, true)
		width, earned = t.cfg.Width, true
	default:
		earned = e.uses > 1 && e.table.Load() == nil
	}
	e.building = earned
	// Keys that come once and never again push out only each other and what is idle longer.
	for t.rest.Len() > t.cfg.Returning {
		t.forget(t.rest.Back())
	}
	return e, width, earned
}

// room makes room for a wide table, if the key deserves it.
func (t *Tables) room(e *entry) bool {
	places := t.cfg.Memory / int64(comb.WideBytes(t.cfg.Width))
	if int64(t.wide.Len()) < places {
		return true
	}
	if e.uses%busy != 0 {
		return false
	}
	for at := t.wide.Back(); at != nil; at = at.Prev() {
		if idle := at.Value.(*entry); !idle.building {
			idle.table.Store(nil)
			idle.uses = 0
			t.move(idle, false)
			return true
		}
	}
	return false
}

func (t *Tables) build(e *entry, width int) {
	var table *comb.Table
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		e.building = false
		switch at, there := t.keys[[64]byte(e.key.point[1:])]; {
		case !there || at.Value != e: // forgotten meanwhile
		case table != nil:
			e.table.Store(table)
		case width > 0:
			t.move(e, false)
		}
	}()
	x, y := [32]byte(e.key.point[1:33]), [32]byte(e.key.point[33:])
	var err error
	if width > 0 {
		table, err = comb.NewTable(&x, &y, width)
	} else {
		table, err = comb.NewSmallTable(&x, &y)
	}
	if err != nil { // not a point of the curve: ParsePublicKey lets none pass
		table = nil
	}
}

func (t *Tables) put(on *list.List, e *entry) {
	t.keys[[64]byte(e.key.point[1:])] = on.PushFront(e)
}

func (t *Tables) move(e *entry, wide bool) {
	from, to := t.rest, t.wide
	if !wide {
		from, to = t.wide, t.rest
	}
	from.Remove(t.keys[[64]byte(e.key.point[1:])])
	e.wide = wide
	t.put(to, e)
}

// forget drops a key of the rest. Who still holds it goes on with the library.
func (t *Tables) forget(at *list.Element) {
	e := at.Value.(*entry)
	e.table.Store(nil)
	t.rest.Remove(at)
	delete(t.keys, [64]byte(e.key.point[1:]))
}

// Stats is what the tables take.
type Stats struct {
	Known, Returning int   // keys that are remembered
	Wide, Small      int   // tables
	Bytes            int64 // of all tables
	Differences      int64 // seen in mode Both
}

// Stats counts.
func (t *Tables) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{Differences: t.differences.Load()}
	if t.base != nil {
		s.Bytes = int64(t.base.Bytes())
	}
	for _, at := range t.keys {
		e := at.Value.(*entry)
		if e.known {
			s.Known++
		} else {
			s.Returning++
		}
		if table := e.table.Load(); table != nil {
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
