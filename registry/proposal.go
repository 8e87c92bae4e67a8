package registry

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/strictjson"
)

// How long a proposal waits, and how long it is remembered afterwards.
const (
	ProposalLife = 24 * time.Hour
	// UrgentLife is how long an urgent freeze bites on the word of one operator.
	UrgentLife = time.Hour
	// keepDecided is how long a decided proposal answers "decided" and not "unknown". The
	// registry's history has it for ever.
	keepDecided  = 30 * 24 * time.Hour
	maxProposals = 50 // open ones of one operator
)

// ProposalState is where a proposal stands.
type ProposalState string

// The states of a proposal.
const (
	ProposalOpen     ProposalState = "open"
	ProposalApproved ProposalState = "approved"
	ProposalRejected ProposalState = "rejected"
	ProposalLapsed   ProposalState = "lapsed"
	// ProposalApplied is the state of what needed nobody else; it is not stored.
	ProposalApplied ProposalState = "applied"
)

// What a second operator, or the first, is told.
var (
	ErrOwnProposal      = errors.New("registry: nobody approves what she herself proposed")
	ErrProposalUnknown  = errors.New("registry: no such proposal")
	ErrProposalDecided  = errors.New("registry: proposal already decided")
	ErrProposalLapsed   = errors.New("registry: proposal lapsed")
	ErrProposalOutdated = errors.New("registry: the entry has changed since the proposal was made")
	ErrProposalLimit    = errors.New("registry: too many open proposals of one operator")
	// ErrUrgentAgain refuses to make an hour of one operator's word into two.
	ErrUrgentAgain = errors.New("registry: an urgent freeze of this was not approved; it cannot be repeated alone")
	// ErrSecondOperator says that one operator cannot make another while she is the only one.
	ErrSecondOperator = errors.New("registry: operators are made by the configuration or by two operators")
)

// Proposal is what one operator wants and another has to approve.
type Proposal struct {
	ID     string  `json:"id,omitempty"` // none for what was applied without a second operator
	What   string  `json:"what"`         // freeze, thaw, retire, or the kind of an entry
	Target string  `json:"target"`       // id of what it is about
	Freeze *Freeze `json:"freeze,omitempty"`
	// Entry is the entry as it will be, and Base the digest of what it replaces: whoever approves
	// approves the difference that she saw.
	Entry      json.RawMessage `json:"entry,omitempty"`
	Base       string          `json:"base,omitempty"`
	Urgent     bool            `json:"urgent,omitempty"` // bites already
	Why        string          `json:"why"`
	By         string          `json:"by"`
	At         time.Time       `json:"at"`
	Expires    time.Time       `json:"expires,omitzero"`
	State      ProposalState   `json:"state"`
	DecidedBy  string          `json:"decided_by,omitempty"`
	DecidedAt  time.Time       `json:"decided_at,omitzero"`
	DecidedWhy string          `json:"decided_why,omitempty"`
}

func (p Proposal) id() string { return p.ID }

func (p Proposal) clone() Proposal {
	p.Entry = bytes.Clone(p.Entry)
	return p
}

// holds reports whether the proposal is an urgent freeze that bites now.
func (p Proposal) holds() bool {
	return p.State == ProposalOpen && p.Urgent && p.Freeze != nil && p.Freeze.Frozen
}

// Change is what an operator wants. Exactly one of Freeze, Retire and Entry is given.
type Change struct {
	Freeze *Freeze
	Urgent bool   // of a freeze: bite now, on one operator's word, for [UrgentLife]
	Retire string // id of a relying party
	Entry  any    // an Authority, Party, Client, Provider, Domain or TypeState as it is to be
}

// Submit makes a change for an operator. What only takes rights away happens at once; what gives
// rights, freezes more than one caller, or cannot be undone becomes a proposal, as soon as there
// are two operators to make and to approve it.
func (r *Registry) Submit(ctx context.Context, who, why string, c Change) (Proposal, error) {
	var out Proposal
	err := r.Update(ctx, who, why, func(d *Draft) (err error) {
		out, err = d.submit(c)
		return err
	})
	if err == nil && out.holds() {
		r.cfg.Logger.ErrorContext(ctx, "registry: urgent freeze on one operator's word; a second must approve it or it is lifted",
			"id", out.ID, "kind", out.Freeze.Kind, "target", out.Target, "by", who, "until", out.Expires)
	}
	return out, err
}

func (d *Draft) submit(c Change) (Proposal, error) {
	p := Proposal{By: d.who, Why: d.why, At: d.now.UTC().Truncate(time.Second), State: ProposalApplied}
	alone := true
	var apply func() error
	switch {
	case c.Freeze != nil:
		f := *c.Freeze
		p.Freeze, p.Target, p.What = &f, f.ID, "freeze"
		if !f.Frozen {
			p.What = "thaw"
		}
		alone = f.Frozen && (f.Kind == kindParty || f.Kind == kindClient)
		apply = func() error { return d.freeze(f) }
	case c.Retire != "":
		p.What, p.Target = "retire", c.Retire
		alone = false
		apply = func() error { return d.retire(c.Retire) }
	default:
		id, v, err := d.merged(c.Entry)
		if err != nil {
			return p, err
		}
		p.What, p.Target = id.kind, id.id
		if p.Entry, err = encode(v); err != nil {
			return p, err
		}
		p.Base = d.digestOf(id)
		if alone = d.narrows(v); !alone && !d.needsTwo() {
			if o, ok := v.(Client); ok && o.Role == roleOperator {
				return p, fmt.Errorf("%w: %s", ErrSecondOperator, o.ID)
			}
		}
		apply = func() error { return d.putAny(v) }
	}
	if alone || !d.needsTwo() {
		if err := apply(); err != nil {
			return p, err
		}
		d.event(p.event("applied"), p.Target, p.detail())
		return p, nil
	}
	return d.propose(p, c.Urgent && p.What == "freeze", apply)
}

// propose tries the change on a copy, so that nobody is asked to approve what cannot be, and
// stores the proposal instead.
func (d *Draft) propose(p Proposal, urgent bool, apply func() error) (Proposal, error) {
	open := 0
	for _, o := range d.next.proposals {
		if o.By == p.By && o.State == ProposalOpen {
			open++
		}
		again := o.By == p.By && o.Urgent && p.Freeze != nil && o.Freeze != nil && *o.Freeze == *p.Freeze
		if urgent && again && (o.State == ProposalLapsed || o.State == ProposalRejected) && d.now.Sub(o.At) < ProposalLife {
			return p, fmt.Errorf("%w: %s %s", ErrUrgentAgain, p.Freeze.Kind, p.Target)
		}
	}
	if open >= maxProposals {
		return p, fmt.Errorf("%w: %d", ErrProposalLimit, open)
	}
	next, touched, events := d.next, d.touched, d.events
	d.next, d.touched = d.next.copied(), map[entryID]any{}
	err := apply()
	if err == nil {
		err = d.check(d.catalogue)
	}
	d.next, d.touched, d.events = next, touched, events
	if err != nil {
		return p, err
	}
	p.ID, p.State, p.Urgent = strings.ToLower(rand.Text()), ProposalOpen, urgent
	p.Expires = p.At.Add(ProposalLife)
	if urgent {
		p.Expires = p.At.Add(UrgentLife)
	}
	store(d, d.next.proposals, kindProposal, p)
	d.prune()
	d.event(p.event("proposed"), p.Target, p.detail())
	return p, nil
}

// event names what happened to a proposal: freeze.proposed, authority.approved…
func (p Proposal) event(done string) string {
	if p.What == "thaw" {
		return "freeze." + map[string]string{"proposed": "thaw-proposed", "approved": "thawed", "applied": "thawed"}[done] +
			map[string]string{"rejected": "thaw-rejected", "lapsed": "thaw-lapsed"}[done]
	}
	return p.What + "." + done
}

func (p Proposal) detail() map[string]string {
	detail := map[string]string{"by": p.By}
	if p.ID != "" {
		detail["proposal"] = p.ID
	}
	if p.Freeze != nil {
		detail["kind"] = p.Freeze.Kind
		if p.Freeze.Key != "" {
			detail["key"] = p.Freeze.Key
		}
	}
	if p.Urgent {
		detail["urgent"] = "true"
	}
	return detail
}

// prune forgets proposals that were decided long ago.
func (d *Draft) prune() {
	for id, p := range d.next.proposals {
		if p.State != ProposalOpen && d.now.Sub(p.At) > keepDecided {
			delete(d.next.proposals, id)
			d.touched[entryID{kindProposal, id}] = nil
		}
	}
}

// Decide approves or rejects a proposal. Whoever made it may reject it, which withdraws it, and
// cannot approve it.
func (r *Registry) Decide(ctx context.Context, who, why, id string, approve bool) (Proposal, error) {
	var out Proposal
	err := r.Update(ctx, who, why, func(d *Draft) (err error) {
		out, err = d.decide(id, approve)
		return err
	})
	return out, err
}

func (d *Draft) decide(id string, approve bool) (Proposal, error) {
	p, ok := d.next.proposals[id]
	switch {
	case !ok:
		return p, fmt.Errorf("%w: %q", ErrProposalUnknown, id)
	case p.State == ProposalLapsed, p.State == ProposalOpen && !d.now.Before(p.Expires):
		return p, fmt.Errorf("%w: %s", ErrProposalLapsed, p.Expires.Format(time.RFC3339))
	case p.State != ProposalOpen:
		return p, fmt.Errorf("%w: %s by %s", ErrProposalDecided, p.State, p.DecidedBy)
	case approve && p.By == d.who:
		return p, fmt.Errorf("%w: %s", ErrOwnProposal, d.who)
	}
	p = p.clone()
	p.State, p.DecidedBy, p.DecidedAt, p.DecidedWhy = ProposalRejected, d.who, d.now.UTC().Truncate(time.Second), d.why
	if approve {
		p.State = ProposalApproved
		if err := d.carryOut(p); err != nil {
			return p, err
		}
	}
	store(d, d.next.proposals, kindProposal, p)
	d.event(p.event(string(p.State)), p.Target, p.detail())
	return p, nil
}

// carryOut makes the change that was approved, in the name of both.
func (d *Draft) carryOut(p Proposal) error {
	who := d.who
	d.who = p.By + " and " + who
	defer func() { d.who = who }()
	switch {
	case p.Freeze != nil:
		return d.freeze(*p.Freeze)
	case p.What == "retire":
		return d.retire(p.Target)
	}
	if d.digestOf(entryID{p.What, p.Target}) != p.Base {
		return fmt.Errorf("%w: %s %s", ErrProposalOutdated, p.What, p.Target)
	}
	v, err := entryOf(p.What, p.Entry)
	if err != nil {
		return err
	}
	return d.putAny(v)
}

// entryOf reads the entry of a proposal.
func entryOf(kind string, body []byte) (v any, err error) {
	switch kind {
	case kindAuthority:
		v, err = read[Authority](body)
	case kindParty:
		v, err = read[Party](body)
	case kindClient:
		v, err = read[Client](body)
	case kindProvider:
		v, err = read[Provider](body)
	case kindDomain:
		v, err = read[Domain](body)
	case kindType:
		v, err = read[TypeState](body)
	default:
		err = fmt.Errorf("%w: proposal about a %q", ErrInvalid, kind)
	}
	return v, err
}

func read[T any](body []byte) (T, error) {
	var v T
	err := strictjson.Decode(body, 16, &v)
	return v, err
}

// digestOf is the digest of an entry as it is stored, empty for none.
func (d *Draft) digestOf(id entryID) string {
	body, ok := d.base.bodies[id]
	if !ok {
		return ""
	}
	sum := sm.Sum(body)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Proposals lists what waits for a decision and what was decided lately, the newest first.
func (r *Registry) Proposals() []Proposal {
	all := sorted(r.current.Load().live.proposals)
	slices.SortStableFunc(all, func(a, b Proposal) int { return b.At.Compare(a.At) })
	return all
}

// Proposal returns one.
func (r *Registry) Proposal(id string) (Proposal, error) {
	p, ok := r.current.Load().live.proposals[id]
	if !ok {
		return p, fmt.Errorf("%w: %q", ErrProposalUnknown, id)
	}
	return p, nil
}

// overdue reports whether a proposal has run out and nobody has said so yet.
func (r *Registry) overdue(s *state) bool {
	now := r.cfg.Now()
	for _, p := range s.proposals {
		if p.State == ProposalOpen && !now.Before(p.Expires) {
			return true
		}
	}
	return false
}

// lapse closes what ran out. An urgent freeze that nobody approved is lifted with it.
func (r *Registry) lapse(ctx context.Context) error {
	var lapsed []Proposal
	err := r.Update(ctx, "registry", "proposals that nobody approved in time", func(d *Draft) error {
		lapsed = nil
		for _, p := range sorted(d.next.proposals) {
			if p.State != ProposalOpen || d.now.Before(p.Expires) {
				continue
			}
			p = p.clone()
			p.State, p.DecidedBy, p.DecidedAt = ProposalLapsed, "registry", d.now.UTC().Truncate(time.Second)
			store(d, d.next.proposals, kindProposal, p)
			d.event(p.event("lapsed"), p.Target, p.detail())
			lapsed = append(lapsed, p)
		}
		if len(lapsed) == 0 {
			return errNotDue
		}
		return nil
	})
	if errors.Is(err, errNotDue) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range lapsed {
		if p.Urgent {
			r.cfg.Logger.ErrorContext(ctx, "registry: urgent freeze lifted, because no second operator approved it",
				"id", p.ID, "kind", p.Freeze.Kind, "target", p.Target, "by", p.By)
		}
	}
	return nil
}
