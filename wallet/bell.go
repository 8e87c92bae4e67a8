package wallet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/showcard/showcard/schemas"
)

// The kinds of events.
const (
	EventAsk        = "ask"         // a checker asks for more than is shown
	EventAskClosed  = "ask-closed"  // an ask needs no answer any more
	EventScanned    = "scanned"     // a show is spent
	EventShowClosed = "show-closed" // a show was closed by who shows
	EventDevices    = "devices"     // the key of a device was killed: each looks whether it was its own
	EventAgency     = "agency"      // an appointment ended: each looks whether what it shows may still be shown
	EventResync     = "resync"      // events may have been lost: look at the whole state
)

// Event wakes a page, or a check that waits for an answer. It is a hint: what counts is read
// from the stores.
type Event struct {
	Kind         string       `json:"kind"`
	AskID        string       `json:"ask,omitempty"`
	ShowID       string       `json:"show,omitempty"`
	Answer       string       `json:"answer,omitempty"`
	Verification string       `json:"verification,omitempty"`
	At           time.Time    `json:"at,omitzero"`
	PartyName    schemas.Text `json:"party_name,omitzero"`
	Purpose      string       `json:"purpose,omitempty"`
	Fields       []string     `json:"fields,omitempty"`
	Outcome      string       `json:"outcome,omitempty"`
	Reasons      []string     `json:"reasons,omitempty"`
}

// Bell carries events to whoever listens at the moment, in every process. Volatile: an event may
// be lost, but then a listener MUST get EventResync as soon as events reach it again.
type Bell interface {
	Ring(ctx context.Context, topic string, e Event) error
	// Listen gives the events of a topic from the moment it returns. stop MUST be called. A
	// listener that does not keep up gets EventResync in place of what it missed.
	Listen(ctx context.Context, topic string) (events <-chan Event, stop func(), err error)
}

// ErrTooManyListeners says that a process has as many listeners as it may.
var ErrTooManyListeners = errors.New("wallet: too many listeners")

func personTopic(id string) string { return "person:" + id }
func askTopic(id string) string    { return "ask:" + id }

// ring tells; that nobody could be told spoils nothing.
func (w *Wallet) ring(ctx context.Context, topic string, e Event) {
	_ = w.cfg.Bell.Ring(context.WithoutCancel(ctx), topic, e)
}

// State is all that a person's page has to know of what is going on.
type State struct {
	Asks  []Ask
	Shows []Show
}

// Watch gives a person's events. Who has just begun to watch reads State next.
func (w *Wallet) Watch(ctx context.Context, p Person) (events <-chan Event, stop func(), err error) {
	return w.cfg.Bell.Listen(ctx, personTopic(p.HolderID))
}

// State returns a person's open asks and shows.
func (w *Wallet) State(ctx context.Context, p Person) (s State, err error) {
	if s.Asks, err = w.OpenAsks(ctx, p); err != nil {
		return State{}, err
	}
	s.Shows, err = w.openShows(ctx, p.HolderID, 0)
	return s, err
}

// OpenAsk returns an ask that a person can still answer.
func (w *Wallet) OpenAsk(ctx context.Context, p Person, id string) (Ask, error) {
	a, err := w.cfg.Consents.Ask(ctx, id)
	if err == nil && a.PersonID != p.HolderID {
		err = ErrConsentUnknown
	}
	if err == nil {
		err = answered(a, w.cfg.Now())
	}
	return a, err
}

// Exchange hands events on within a process. It is the whole bell of a deployment of one
// process, and the near half of one over Redis. Make it with NewExchange.
type Exchange struct {
	mu        sync.Mutex
	max, n    int
	listeners map[string]map[*listener]struct{}
}

type listener struct {
	mu     sync.Mutex
	events chan Event
}

// backlog is how many events a listener may be behind. More tell no more than "look again".
const backlog = 16

// NewExchange makes an exchange for at most so many listeners.
func NewExchange(listeners int) *Exchange {
	return &Exchange{max: listeners, listeners: map[string]map[*listener]struct{}{}}
}

// Listen implements [Bell]. first says that nobody listened to the topic before.
func (x *Exchange) Listen(topic string) (events <-chan Event, first bool, stop func() (last bool), err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.n >= x.max {
		return nil, false, nil, ErrTooManyListeners
	}
	l := &listener{events: make(chan Event, backlog)}
	first = x.listeners[topic] == nil
	if first {
		x.listeners[topic] = map[*listener]struct{}{}
	}
	x.listeners[topic][l] = struct{}{}
	x.n++
	return l.events, first, func() (last bool) {
		x.mu.Lock()
		defer x.mu.Unlock()
		if _, there := x.listeners[topic][l]; !there {
			return false // stopped before
		}
		delete(x.listeners[topic], l)
		x.n--
		if len(x.listeners[topic]) > 0 {
			return false
		}
		delete(x.listeners, topic)
		return true
	}, nil
}

// Has says whether anybody listens to a topic.
func (x *Exchange) Has(topic string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.listeners[topic]) > 0
}

// Ring gives an event to everybody who listens to the topic.
func (x *Exchange) Ring(topic string, e Event) {
	x.mu.Lock()
	all := make([]*listener, 0, len(x.listeners[topic]))
	for l := range x.listeners[topic] {
		all = append(all, l)
	}
	x.mu.Unlock()
	for _, l := range all {
		l.give(e)
	}
}

func (l *listener) give(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.events <- e:
		return
	default:
	}
	for drained := false; !drained; {
		select {
		case <-l.events:
		default:
			drained = true
		}
	}
	l.events <- Event{Kind: EventResync} // only givers add, and they take turns
}
