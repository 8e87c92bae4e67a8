// Package bundles makes what offline checkers take along: bundles (package crypto/bundle) of the trust
// list, the revoked offline codes and the status lists, whole or since what the checker has.
//
// All of it is read from the record and as of the moment before the first reading: a change that was
// acknowledged earlier is in the bundle. What the checker has is told by numbers without gaps, so a
// checker that comes every few minutes costs three small reads, a signature and a few hundred bytes. A
// whole list is kept here once it was read, and follows the record by its changes.
package bundles

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// ErrNames says that a list that was named is none of ours.
var ErrNames = errors.New("bundles: no such status list")

// Config says what bundles are made of. All of it is needed but Now.
type Config struct {
	Issuer   string // base URL of the domain
	Statuses issuer.Statuses
	Serials  wallet.RevokedSerials
	// Trust gives the signed trust list and its version, Roots a version of the trust roots; Roots
	// fails for one that there is not.
	Trust  func() (text string, version int64)
	Roots  func(version int64) ([]byte, error)
	Signer func() (key.Signer, error) // of status lists
	Now    func() time.Time
}

// Statuses says which status lists a checker wants.
type Statuses string

// The choices.
const (
	All   Statuses = "all"
	Named Statuses = "named"
	None  Statuses = "none"
)

// Request says what the checker has.
type Request struct {
	Roots, List int64 // versions; Roots 0 is 1
	Serials     uint64
	Statuses    Statuses
	Lists       map[string]uint64
}

// Maker makes bundles. It is safe for concurrent use.
type Maker struct {
	cfg   Config
	mu    sync.Mutex
	lists map[string]*whole
}

// whole is a list as it was read last.
type whole struct {
	mu   sync.Mutex
	list bundle.List
	read bool
}

const (
	// maxChanges is how far a list may have moved on before it is sent whole: more would not be less.
	maxChanges  = 20_000
	serialsPage = 10_000
	maxSerials  = bundle.MaxSize / 8
)

// New makes a maker.
func New(cfg Config) (*Maker, error) {
	if cfg.Issuer == "" || cfg.Statuses == nil || cfg.Serials == nil || cfg.Trust == nil || cfg.Roots == nil || cfg.Signer == nil {
		return nil, errors.New("bundles: incomplete configuration")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Maker{cfg: cfg, lists: map[string]*whole{}}, nil
}

// Make makes a bundle. It fails with bundle.ErrTooLarge when the lists that are wanted do not fit.
func (m *Maker) Make(ctx context.Context, r Request) ([]byte, error) {
	now := m.cfg.Now()
	b := &bundle.Bundle{Issuer: m.cfg.Issuer, IssuedAt: now.UTC().Truncate(time.Second)}
	var err error
	if b.Serials, err = m.serials(ctx, r.Serials, now); err != nil {
		return nil, err
	}
	if b.Lists, err = m.wanted(ctx, r); err != nil {
		return nil, err
	}
	if text, version := m.cfg.Trust(); version > r.List {
		b.Trust = &bundle.Trust{List: text, Roots: m.roots(r.Roots)}
	}
	s, err := m.cfg.Signer()
	if err != nil {
		return nil, fmt.Errorf("bundles: %w", err)
	}
	return b.Sign(s)
}

// roots are those behind a version.
func (m *Maker) roots(version int64) (out [][]byte) {
	for v := max(version, 1) + 1; ; v++ {
		text, err := m.cfg.Roots(v)
		if err != nil {
			return out
		}
		out = append(out, text)
	}
}

// serials reads revoked codes to the last: the head of the last page is how far they go.
func (m *Maker) serials(ctx context.Context, from uint64, now time.Time) (bundle.Serials, error) {
	s := bundle.Serials{From: from}
	after := from
	for {
		head, page, err := m.cfg.Serials.RevokedSerials(ctx, after, now, serialsPage)
		if err != nil {
			return s, fmt.Errorf("bundles: revoked codes: %w", err)
		}
		if head < from { // more is known there than was ever given out: all of it, to be refused or not
			from, after, s = 0, 0, bundle.Serials{}
			continue
		}
		for _, one := range page {
			s.Revoked = append(s.Revoked, bundle.Revoked{Serial: one.Serial, Until: one.ExpiresAt})
			after = one.Seq
		}
		if len(s.Revoked) > maxSerials {
			return s, fmt.Errorf("%w: more than %d revoked codes", bundle.ErrTooLarge, maxSerials)
		}
		if len(page) < serialsPage {
			s.Head = head
			return s, nil
		}
	}
}

func (m *Maker) wanted(ctx context.Context, r Request) (map[string]bundle.List, error) {
	if r.Statuses == None {
		return nil, nil
	}
	heads, err := m.cfg.Statuses.Lists(ctx)
	if err != nil {
		return nil, fmt.Errorf("bundles: status lists: %w", err)
	}
	known := map[string]bool{}
	entries := uint64(0)
	out := map[string]bundle.List{}
	for _, head := range heads {
		known[head.Name] = true
		from, named := r.Lists[head.Name]
		if !named && r.Statuses == Named {
			continue
		}
		if entries += head.Size; entries > bundle.MaxEntries || len(out) == bundle.MaxLists {
			return nil, fmt.Errorf("%w: lists of more than %d entries", bundle.ErrTooLarge, bundle.MaxEntries)
		}
		if out[head.Name], err = m.list(ctx, head, from); err != nil {
			return nil, fmt.Errorf("bundles: status list %s: %w", head.Name, err)
		}
	}
	for name := range r.Lists {
		if !known[name] {
			return nil, fmt.Errorf("%w: %.100q", ErrNames, name)
		}
	}
	return out, nil
}

// list gives a list since a number, or whole.
func (m *Maker) list(ctx context.Context, head issuer.ListHead, from uint64) (bundle.List, error) {
	l := bundle.List{From: from, Seq: from, Size: head.Size}
	switch {
	case from > 0 && from == head.Seq:
		return l, nil
	case from > 0 && from < head.Seq && head.Seq-from <= maxChanges:
		changed, seq, ok, err := m.changes(ctx, head.Name, from)
		if err != nil {
			return l, err
		}
		if ok {
			l.Seq, l.Sets = seq, sets(changed)
			return l, nil
		}
	}
	return m.whole(ctx, head)
}

// changes are what entries have become since a number. ok is false when they are not all there any
// more, or too many.
func (m *Maker) changes(ctx context.Context, name string, from uint64) (changed map[uint32]uint8, seq uint64, ok bool, err error) {
	all, err := m.cfg.Statuses.Changes(ctx, name, from, maxChanges+1)
	if err != nil || len(all) == 0 || len(all) > maxChanges || all[0].Seq != from+1 {
		return nil, 0, false, err
	}
	changed = make(map[uint32]uint8, len(all))
	for _, c := range all {
		changed[uint32(c.Index)] = uint8(c.Status)
	}
	return changed, all[len(all)-1].Seq, true, nil
}

func sets(changed map[uint32]uint8) (out [4][]uint32) {
	for index, status := range changed {
		out[status&3] = append(out[status&3], index)
	}
	for _, set := range out {
		slices.Sort(set)
	}
	return out
}

// whole gives a list as of its head or later.
func (m *Maker) whole(ctx context.Context, head issuer.ListHead) (bundle.List, error) {
	m.mu.Lock()
	w := m.lists[head.Name]
	if w == nil {
		w = &whole{}
		m.lists[head.Name] = w
	}
	m.mu.Unlock()
	w.mu.Lock() // one reading at a time
	defer w.mu.Unlock()
	if w.read && w.list.Seq >= head.Seq {
		return w.list, nil
	}
	if w.read {
		changed, seq, ok, err := m.changes(ctx, head.Name, w.list.Seq)
		if err != nil {
			return bundle.List{}, err
		}
		if ok {
			w.list = advanced(w.list, changed, seq)
			return w.list, nil
		}
	}
	at, marked, err := m.cfg.Statuses.Snapshot(ctx, head.Name)
	if err != nil {
		return bundle.List{}, err
	}
	entries := make(map[uint32]uint8, len(marked))
	for _, c := range marked {
		entries[uint32(c.Index)] = uint8(c.Status)
	}
	w.list, w.read = bundle.List{Seq: at.Seq, Size: at.Size, Sets: sets(entries)}, true
	return w.list, nil
}

// advanced is a whole list with changes. What was given out before stays as it was.
func advanced(l bundle.List, changed map[uint32]uint8, seq uint64) bundle.List {
	now := maps.Clone(changed)
	for status, set := range l.Sets {
		for _, index := range set {
			if _, there := now[index]; !there {
				now[index] = uint8(status)
			}
		}
	}
	maps.DeleteFunc(now, func(_ uint32, status uint8) bool { return status == 0 })
	return bundle.List{Seq: seq, Size: l.Size, Sets: sets(now)}
}
