package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/wallet"
)

// bell carries events between processes by publish and subscribe, over one connection of each
// process that has listeners. Redis keeps nothing: what was rung while the connection was away
// is gone, and every listener is told so.
//
// The nodes of a cluster pass on what is published, so that one connection to any of them hears
// everything. That a connection is there does not say that anything comes by it: its server may
// have been replaced, or be cut off from the others. So each process now and then publishes a
// pulse to itself, by the way that all events go.
type bell struct {
	client   redis.UniversalClient
	look     func(context.Context) // who serves what; nil when there is one server
	prefix   string
	pulse    string // of channels that a process is alone on
	patience time.Duration
	near     *wallet.Exchange

	mu       sync.Mutex
	topics   map[string]*topic
	pending  map[string]int // confirmations to come: an early one may be of a subscription since ended
	sub      *redis.PubSub  // nil while there is no connection
	started  bool
	ctx      context.Context //nolint:containedctx // the life of its connection, which no caller owns
	cancel   context.CancelFunc
	finished chan struct{}
}

// topic is one that somebody here listens to.
type topic struct {
	ready chan struct{} // closed when Redis has confirmed the subscription
	known bool          // it has, once
}

const (
	bellQuiet  = 5 * time.Second        // so long after the last pulse comes the next
	bellGlance = 500 * time.Millisecond // how often a quiet connection looks at the clock
	bellAgain  = 200 * time.Millisecond // before a lost connection is made anew
)

var errNoBell = unavailable{errors.New("redisstore: no subscription")}

func newBell(client redis.UniversalClient, look func(context.Context), prefix string, listeners int, timeout time.Duration) *bell {
	b := &bell{
		client: client, look: look, prefix: prefix + "bell:", pulse: prefix + "pulse:", patience: bulkFactor * timeout,
		near: wallet.NewExchange(listeners), topics: map[string]*topic{}, finished: make(chan struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Ring implements [wallet.Bell].
func (s *Store) Ring(ctx context.Context, topic string, e wallet.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("redisstore: ring: %w", err)
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.client.Publish(ctx, s.bell.prefix+topic, data).Err(); err != nil {
		return fmt.Errorf("redisstore: ring: %w", err)
	}
	return nil
}

// Listen implements [wallet.Bell].
func (s *Store) Listen(ctx context.Context, name string) (<-chan wallet.Event, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	b := s.bell
	events, _, leave, err := b.near.Listen(name)
	if err != nil {
		return nil, nil, err
	}
	t := b.subscribe(name)
	stop := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if leave() {
			b.unsubscribe(name)
		}
	}
	timer := time.NewTimer(b.patience)
	defer timer.Stop()
	select {
	case <-t.ready:
		return events, stop, nil
	case <-timer.C:
		err = errNoBell
	case <-b.ctx.Done():
		err = errNoBell
	case <-ctx.Done():
		err = ctx.Err()
	}
	stop()
	return nil, nil, err
}

func (b *bell) subscribe(name string) *topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started && b.ctx.Err() == nil {
		b.started = true
		go b.run()
	}
	t := b.topics[name]
	if t == nil {
		t = &topic{ready: make(chan struct{})}
		b.topics[name] = t
		if b.sub != nil {
			b.pending[name]++
			_ = b.sub.Subscribe(b.ctx, b.prefix+name) // when it fails the connection is made anew, with all topics
		}
	}
	return t
}

// unsubscribe is called with the lock held, when the last listener has left. One may have come
// meanwhile and share the topic: then it stays.
func (b *bell) unsubscribe(name string) {
	if b.near.Has(name) || b.topics[name] == nil {
		return
	}
	delete(b.topics, name)
	if b.sub != nil {
		_ = b.sub.Unsubscribe(b.ctx, b.prefix+name)
	}
}

// run keeps one connection subscribed to all topics until the store is shut down.
func (b *bell) run() {
	defer close(b.finished)
	for b.ctx.Err() == nil {
		// First and new each time: of a cluster, it is the slot of the first channel that picks the node.
		pulse := b.pulse + rand.Text()
		b.mu.Lock()
		channels := append(make([]string, 0, 1+len(b.topics)), pulse)
		b.pending = map[string]int{}
		for name, t := range b.topics {
			channels = append(channels, b.prefix+name)
			b.pending[name] = 1
			if t.known { // the next confirmation tells that there was a gap
				t.ready = make(chan struct{})
			}
		}
		b.sub = b.client.Subscribe(b.ctx, channels...)
		sub := b.sub
		b.mu.Unlock()
		b.receive(sub, pulse)
		b.mu.Lock()
		b.sub = nil
		b.mu.Unlock()
		_ = sub.Close()
		if b.look != nil {
			b.look(b.ctx)
		}
		select {
		case <-time.After(bellAgain):
		case <-b.ctx.Done():
		}
	}
}

// receive hands messages on until the connection fails, or its pulse is not heard.
func (b *bell) receive(sub *redis.PubSub, pulse string) {
	heard, sent := time.Now(), time.Time{}
	for {
		got, err := sub.ReceiveTimeout(b.ctx, bellGlance)
		var timeout net.Error
		if err != nil && (b.ctx.Err() != nil || !errors.As(err, &timeout) || !timeout.Timeout()) {
			return
		}
		switch m := got.(type) {
		case *redis.Subscription:
			if m.Kind == "subscribe" && m.Channel != pulse {
				b.confirmed(strings.TrimPrefix(m.Channel, b.prefix))
			}
		case *redis.Message:
			if m.Channel == pulse {
				heard, sent = time.Now(), time.Time{}
				continue
			}
			var e wallet.Event
			if json.Unmarshal([]byte(m.Payload), &e) != nil {
				e = wallet.Event{Kind: wallet.EventResync} // of a newer process
			}
			b.near.Ring(strings.TrimPrefix(m.Channel, b.prefix), e)
		}
		switch {
		case sent.IsZero() && time.Since(heard) >= bellQuiet:
			sent = time.Now()
			b.beat(pulse)
		case !sent.IsZero() && time.Since(sent) >= b.patience:
			return
		}
	}
}

// beat sends a pulse. If it fails nothing will be heard, and that is what tells.
func (b *bell) beat(pulse string) {
	ctx, cancel := context.WithTimeout(b.ctx, b.patience)
	defer cancel()
	_ = b.client.Publish(ctx, pulse, "").Err()
}

func (b *bell) confirmed(name string) {
	b.mu.Lock()
	if b.pending[name]--; b.pending[name] > 0 {
		b.mu.Unlock()
		return
	}
	delete(b.pending, name)
	t := b.topics[name]
	again := t != nil && t.known
	if t != nil {
		t.known = true
		select {
		case <-t.ready:
		default:
			close(t.ready)
		}
	}
	b.mu.Unlock()
	if again {
		b.near.Ring(name, wallet.Event{Kind: wallet.EventResync})
	}
}

func (b *bell) close() {
	b.cancel()
	b.mu.Lock()
	started, sub := b.started, b.sub
	b.mu.Unlock()
	if sub != nil {
		_ = sub.Close() // wakes the receiver
	}
	if started {
		<-b.finished
	}
}

// OpenShows implements [wallet.ShowIndex].
func (s *Store) OpenShows(ctx context.Context, personID string) ([]wallet.Show, error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if personID == "" || len(personID) > maxName {
		return nil, nil
	}
	ids, err := s.client.ZRange(ctx, s.name("shows", personID), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("redisstore: open shows: %w", err)
	}
	var open []wallet.Show
	for _, id := range ids {
		sh, closed, err := s.Show(ctx, id)
		if errors.Is(err, wallet.ErrShowUnknown) || closed {
			continue
		}
		if err != nil {
			return nil, err
		}
		open = append(open, sh)
	}
	return open, nil
}
