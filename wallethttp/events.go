package wallethttp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// streamsOfOne is how many pages of one person get events at once. One more ends the oldest: a
// phone that lost its line must not be kept out by what is left of it.
const streamsOfOne = 4

type streams struct {
	mu   sync.Mutex
	open map[string][]*stream // by person, oldest first
}

type stream struct{ end context.CancelFunc }

func (s *streams) add(person string, end context.CancelFunc) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := append(s.open[person], &stream{end})
	if len(mine) > streamsOfOne {
		mine[0].end()
		mine = mine[1:]
	}
	s.open[person] = mine
	return mine[len(mine)-1]
}

func (s *streams) remove(person string, one *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make([]*stream, 0, len(s.open[person]))
	for _, o := range s.open[person] {
		if o != one {
			kept = append(kept, o)
		}
	}
	if s.open[person] = kept; len(kept) == 0 {
		delete(s.open, person)
	}
}

// snapshot is the first event, and comes again whenever events may have been lost.
type snapshot struct {
	Asks  []ask      `json:"asks"`
	Shows []openShow `json:"shows"`
}

type openShow struct {
	Show       string    `json:"show"`
	Identifier string    `json:"identifier"`
	Type       string    `json:"type"`
	Fields     []string  `json:"fields"`
	Purpose    string    `json:"purpose,omitempty"`
	OpenUntil  time.Time `json:"open_until"`
}

// scanned tells that a show is spent: by whom, for what, and what was seen.
type scanned struct {
	Show         string       `json:"show"`
	Verification string       `json:"verification"`
	At           time.Time    `json:"at"`
	PartyName    schemas.Text `json:"party_name"`
	Purpose      string       `json:"purpose"`
	Fields       []string     `json:"fields"`
	Outcome      string       `json:"outcome"`
	Reasons      []string     `json:"reasons"`
}

type closed struct {
	Ask    string `json:"ask,omitempty"`
	Show   string `json:"show,omitempty"`
	Answer string `json:"answer,omitempty"`
}

// events tells a person's page what happens to what she shows, while it happens: snapshot, ask,
// ask-closed, scanned, show-closed, devices, agency.
func (a *API) events(c *gin.Context) (any, error) {
	me := person(c)
	// Listening begins before the state is read, so that nothing falls between the two.
	bell, stop, err := a.wallet.Watch(c, me)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(c.Request.Context(), stop) // however the request ends
	return httpd.Events(func(ctx context.Context, send func(string, any) error) error {
		ctx, end := context.WithCancel(ctx)
		defer end()
		one := a.streams.add(me.HolderID, end)
		defer a.streams.remove(me.HolderID, one)
		if err := a.tell(ctx, me, wallet.Event{Kind: wallet.EventResync}, send); err != nil {
			return err
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case e := <-bell:
				if err := a.tell(ctx, me, e, send); err != nil {
					return err
				}
			}
		}
	}), nil
}

func (a *API) tell(ctx context.Context, me wallet.Person, e wallet.Event, send func(string, any) error) error {
	switch e.Kind {
	case wallet.EventAsk:
		one, err := a.wallet.OpenAsk(ctx, me, e.AskID)
		switch {
		case err == nil:
			return send(e.Kind, wireAsk(one))
		case errors.Is(err, wallet.ErrConsentUnknown), errors.Is(err, wallet.ErrConsentAnswered), errors.Is(err, wallet.ErrConsentExpired), errors.Is(err, wallet.ErrShowClosed):
			return nil // over already
		}
		return err
	case wallet.EventAskClosed, wallet.EventShowClosed:
		return send(e.Kind, closed{Ask: e.AskID, Show: e.ShowID, Answer: e.Answer})
	case wallet.EventDevices, wallet.EventAgency:
		return send(e.Kind, struct{}{})
	case wallet.EventScanned:
		return send(e.Kind, scanned{e.ShowID, e.Verification, e.At, e.PartyName, e.Purpose, list(e.Fields), e.Outcome, list(e.Reasons)})
	}
	state, err := a.wallet.State(ctx, me)
	if err != nil {
		return err
	}
	now := snapshot{Asks: wireAsks(state.Asks), Shows: make([]openShow, len(state.Shows))}
	for i, s := range state.Shows {
		now.Shows[i] = openShow{s.ID, s.Identifier, s.Type, s.Fields, s.Scene, s.OpenUntil.UTC()}
	}
	return send("snapshot", now)
}
