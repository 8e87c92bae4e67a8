package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/schemas"
)

// PartyState is where a relying party stands in its life.
type PartyState string

// The states of a relying party. Only a released one may check anything.
//
//	registered -> approved -> released <-> suspended
//	registered -> rejected -> registered
//	each of them -> retired, for good
const (
	PartyRegistered PartyState = "registered" // written down, waits for its review
	PartyRejected   PartyState = "rejected"   // may be put again
	PartyApproved   PartyState = "approved"   // reviewed by another operator than the one who wrote it
	PartyReleased   PartyState = "released"
	PartySuspended  PartyState = "suspended"
	PartyRetired    PartyState = "retired" // the end: its keys are dropped, its records stay
)

// Why a relying party cannot do what it, or an operator, wants.
var (
	ErrPartyNotReleased = errors.New("registry: relying party not released yet")
	ErrPartySuspended   = errors.New("registry: relying party suspended")
	ErrPartyRetired     = errors.New("registry: relying party retired")
	ErrPartyNotActive   = errors.New("registry: relying party outside its dates")
	// ErrPartyState says that a step does not follow from where the party stands.
	ErrPartyState = errors.New("registry: this step does not follow from the party's state")
	// ErrPartyIncomplete says that a reviewer cannot approve what lacks a contact or a legal basis.
	ErrPartyIncomplete = errors.New("registry: contact or legal basis missing")
)

// Grant says what a relying party may see of a type, for which purposes. Fields may name
// signed fields, predicates, the identifier, the portrait's digest, and live fields.
type Grant struct {
	Type     string   `json:"type"`
	Fields   []string `json:"fields"`
	Purposes []string `json:"purposes"`
}

// Basis is why a purpose is lawful: the law, contract or consent that allows it.
type Basis struct {
	Purpose string       `json:"purpose"`
	Basis   string       `json:"basis"`
	Name    schemas.Text `json:"name,omitzero"` // of the purpose, as clerks read it
}

// Step is one step of a relying party's life.
type Step struct {
	What string    `json:"what"` // register, approve, reject, release, suspend, resume, change, retire
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Why  string    `json:"why,omitempty"`
}

// maxSteps bounds what an entry carries along; the registry's history has all of them.
const maxSteps = 64

// Party is a relying party: a service hall, a bank, a hospital.
type Party struct {
	ID        string       `json:"id"`
	Name      schemas.Text `json:"name"`
	Contact   string       `json:"contact,omitempty"` // whom the operators call
	Grants    []Grant      `json:"grants"`
	Portrait  bool         `json:"portrait,omitempty"`   // may fetch portraits
	Ending    bool         `json:"ending,omitempty"`     // may see the kind of ending and its date
	PerMinute int          `json:"per_minute,omitempty"` // quota of verifications; 0 is the default
	PerDay    int          `json:"per_day,omitempty"`    // quota of verifications; 0 is none
	// LegalBasis names the law, contract or consent that allows each purpose.
	LegalBasis []Basis    `json:"legal_basis,omitempty"`
	NotBefore  time.Time  `json:"not_before,omitzero"` // the release may lie ahead
	NotAfter   time.Time  `json:"not_after,omitzero"`
	State      PartyState `json:"state,omitempty"`
	Steps      []Step     `json:"steps,omitempty"`
	// Suspended is State for readers that know no other state.
	Suspended bool `json:"suspended,omitempty"`
}

func (p Party) id() string { return p.ID }

func (p Party) clone() Party {
	p.Grants, p.Steps, p.LegalBasis = slices.Clone(p.Grants), slices.Clone(p.Steps), slices.Clone(p.LegalBasis)
	for i := range p.Grants {
		p.Grants[i].Fields, p.Grants[i].Purposes = slices.Clone(p.Grants[i].Fields), slices.Clone(p.Grants[i].Purposes)
	}
	return p
}

// settled gives a party of before there were states the one that it always had: whoever was in
// the registry was released.
func (p Party) settled() Party {
	if p.State == "" {
		p.State = PartyReleased
		if p.Suspended {
			p.State = PartySuspended
		}
	}
	p.Suspended = p.State == PartySuspended
	return p
}

// Fields returns what the party may see of a type for a purpose.
func (p Party) Fields(typeID, purpose string) (fields []string, typeOK, purposeOK bool) {
	for _, g := range p.Grants {
		if g.Type != typeID {
			continue
		}
		typeOK = true
		if slices.Contains(g.Purposes, purpose) {
			purposeOK = true
			fields = append(fields, g.Fields...)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields), typeOK, purposeOK
}

// usable says why the party may not check anything now, or nil.
func (p Party) usable(now time.Time) error {
	switch {
	case p.State == PartySuspended:
		return fmt.Errorf("%w: %s", ErrPartySuspended, p.ID)
	case p.State == PartyRetired:
		return fmt.Errorf("%w: %s", ErrPartyRetired, p.ID)
	case p.State != PartyReleased:
		return fmt.Errorf("%w: %s is %s", ErrPartyNotReleased, p.ID, p.State)
	case now.Before(p.NotBefore), !p.NotAfter.IsZero() && !now.Before(p.NotAfter):
		return fmt.Errorf("%w: %s", ErrPartyNotActive, p.ID)
	}
	return nil
}

// PartyUsable says why a relying party may not check anything now: ErrUnknown,
// ErrPartyNotReleased, ErrPartySuspended, ErrPartyRetired or ErrPartyNotActive. Its clients get no
// token then, and those that they have stop.
func (r *Registry) PartyUsable(id string) error {
	p, err := r.Party(id)
	if err != nil {
		return err
	}
	return p.usable(r.cfg.Now())
}

// MoveParty makes one step in a party's life: approve, reject, release, suspend, resume or retire.
// What gives a right back, and what cannot be undone, waits for a second operator: then the
// proposal is open, and the party stays as it is.
//
// seen is for approve: the moment of the last step of the party as its reviewer read it. When
// somebody has put the party again since, the answer is ErrProposalOutdated.
func (r *Registry) MoveParty(ctx context.Context, who, why, id, step string, seen time.Time) (Proposal, error) {
	switch step {
	case "suspend":
		return r.Submit(ctx, who, why, Change{Freeze: &Freeze{Kind: kindParty, ID: id, Frozen: true}})
	case "resume":
		return r.Submit(ctx, who, why, Change{Freeze: &Freeze{Kind: kindParty, ID: id}})
	case "retire":
		return r.Submit(ctx, who, why, Change{Retire: id})
	}
	err := r.Update(ctx, who, why, func(d *Draft) error {
		p, err := d.Party(id)
		if err != nil {
			return err
		}
		return d.review(p, step, seen)
	})
	return Proposal{State: ProposalApplied, What: "party", Target: id, By: who, Why: why}, err
}

// review is approve, reject and release.
func (d *Draft) review(p Party, step string, seen time.Time) error {
	way, ok := map[string][2]PartyState{
		"approve": {PartyRegistered, PartyApproved}, "reject": {PartyRegistered, PartyRejected}, "release": {PartyApproved, PartyReleased},
	}[step]
	switch {
	case !ok:
		return fmt.Errorf("%w: step %q", ErrInvalid, step)
	case p.State == PartyRetired:
		return fmt.Errorf("%w: %s", ErrPartyRetired, p.ID)
	case p.State != way[0]:
		return fmt.Errorf("%w: %s is %s, %s wants %s", ErrPartyState, p.ID, p.State, step, way[0])
	case step == "approve" && d.needsTwo() && p.writtenBy() == d.who:
		return fmt.Errorf("%w: %s wrote it down herself", ErrOwnProposal, d.who)
	case step == "approve" && !p.lastStep().Equal(seen):
		return fmt.Errorf("%w: %s", ErrProposalOutdated, p.ID)
	case step == "approve":
		if err := p.complete(); err != nil {
			return err
		}
	case step == "release" && p.NotBefore.IsZero():
		p.NotBefore = d.now.UTC().Truncate(time.Second)
	}
	d.step(p, way[1], step)
	return nil
}

// writtenBy is who put the party as it stands.
func (p Party) writtenBy() string {
	for i := len(p.Steps) - 1; i >= 0; i-- {
		if p.Steps[i].What == "register" {
			return p.Steps[i].By
		}
	}
	return ""
}

// lastStep is when the party became what it is. No two of its steps have one moment.
func (p Party) lastStep() time.Time {
	if len(p.Steps) == 0 {
		return time.Time{}
	}
	return p.Steps[len(p.Steps)-1].At
}

// complete is what a reviewer must find: somebody to call, and for each purpose why it is lawful.
func (p Party) complete() error {
	if p.Contact == "" {
		return fmt.Errorf("%w: no contact", ErrPartyIncomplete)
	}
	for _, g := range p.Grants {
		for _, purpose := range g.Purposes {
			if !slices.ContainsFunc(p.LegalBasis, func(b Basis) bool { return b.Purpose == purpose && b.Basis != "" }) {
				return fmt.Errorf("%w: no legal basis for %s", ErrPartyIncomplete, purpose)
			}
		}
	}
	return nil
}

// step moves the party and writes down who did it.
func (d *Draft) step(p Party, to PartyState, what string) {
	at := d.now.UTC().Truncate(time.Second)
	if last := p.lastStep(); !at.After(last) {
		at = last.Add(time.Second)
	}
	p.Steps = append(p.Steps, Step{What: what, By: d.who, At: at, Why: d.why})
	if over := len(p.Steps) - maxSteps; over > 0 {
		p.Steps = slices.Delete(p.Steps, 0, over)
	}
	p.State, p.Suspended = to, to == PartySuspended
	d.PutParty(p)
	d.event("party."+past(what), p.ID, map[string]string{"state": string(to)})
}

// past names the event of a step: approve gives approved.
func past(step string) string { return strings.TrimSuffix(step, "e") + "ed" }

// suspendParty is the freeze of kind party.
func (d *Draft) suspendParty(id string, suspend bool) error {
	p, err := d.Party(id)
	if err != nil {
		return err
	}
	from, to, what := PartyReleased, PartySuspended, "suspend"
	if !suspend {
		from, to, what = to, from, "resume"
	}
	switch p.State {
	case from:
		d.step(p, to, what)
	case to: // as it is wanted
	case PartyRetired:
		return fmt.Errorf("%w: %s", ErrPartyRetired, id)
	default:
		return fmt.Errorf("%w: %s is %s", ErrPartyState, id, p.State)
	}
	return nil
}

// retire ends a party. Its clients lose their keys: nobody calls in its name again.
func (d *Draft) retire(id string) error {
	p, err := d.Party(id)
	if err != nil {
		return err
	}
	if p.State == PartyRetired {
		return fmt.Errorf("%w: %s", ErrPartyRetired, id)
	}
	d.step(p, PartyRetired, "retire")
	for _, c := range sorted(d.next.clients) {
		if c.Party == id {
			c = c.clone()
			c.Keys, c.Certificates, c.KeyEnds, c.Suspended = nil, nil, nil, true
			d.PutClient(c)
		}
	}
	return nil
}

// put takes a party as an operator wrote it. What it says of its own state does not count.
func (d *Draft) putParty(v Party) {
	old, err := d.Party(v.ID)
	v.State, v.Steps, v.Suspended = old.State, old.Steps, old.Suspended
	if err == nil && (old.State == PartyReleased || old.State == PartySuspended) {
		d.step(v, old.State, "change")
		return
	}
	d.step(v, PartyRegistered, "register")
}

func checkParty(p Party, c *schemas.Catalogue) error {
	if err := errors.Join(checkID(p.ID), checkName(p.Name)); err != nil {
		return err
	}
	switch {
	case p.PerMinute < 0 || p.PerDay < 0:
		return errors.New("a quota below zero")
	case !p.NotAfter.IsZero() && !p.NotAfter.After(p.NotBefore):
		return errors.New("ends before it begins")
	case len(p.Contact) > maxText:
		return fmt.Errorf("contact of more than %d bytes", maxText)
	case len(p.LegalBasis) > 64:
		return errors.New("legal basis for more than 64 purposes")
	}
	for _, b := range p.LegalBasis {
		if len(b.Purpose) > maxText || len(b.Basis) > maxText {
			return fmt.Errorf("legal basis of more than %d bytes", maxText)
		}
		if b.Name != (schemas.Text{}) && (!b.Name.Complete() || len(b.Name.ZH)+len(b.Name.EN) > maxText) {
			return fmt.Errorf("purpose %s: a name is in Chinese and in English, of at most %d bytes", b.Purpose, maxText)
		}
	}
	for _, g := range p.Grants {
		t, err := c.Type(g.Type)
		if err != nil {
			return err
		}
		if len(g.Purposes) == 0 || slices.Contains(g.Purposes, "") {
			return fmt.Errorf("grant for %s names no purpose", g.Type)
		}
		for _, f := range g.Fields {
			if _, live := t.LiveField(f); !live && !t.Has(f) {
				return fmt.Errorf("type %s has no field %q", g.Type, f)
			}
		}
	}
	return nil
}

// maxText bounds what operators write, in bytes.
const maxText = 1000
