// Package replicahttp tells relying parties that check certificates themselves what happens to the
// status lists: GET /v1/status/changes, server-sent events that go on for as long as the caller's
// token holds. docs/formats.md describes them; package verifier has the client.
package replicahttp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/replica"
)

// Scope is what a token must carry: that of checking.
const Scope = "verify"

const (
	// beatEvery is how often a follower is told that there is nothing else. It is a fraction of what
	// any follower takes for too old, and a few KB at a billion certificates.
	beatEvery = 2 * time.Second
	// maxTold bounds the changes of one event: some 300 KB of text.
	maxTold = 1 << 15
)

// API serves the changes.
type API struct {
	replica *replica.Replica
	beat    time.Duration

	mu     sync.Mutex
	packed map[string]packed // lists as they were sent last
}

type packed struct {
	seq  uint64
	text string
}

// New makes the API.
func New(r *replica.Replica) (*API, error) {
	if r == nil {
		return nil, errors.New("replicahttp: incomplete configuration")
	}
	return &API{replica: r, beat: beatEvery, packed: map[string]packed{}}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	return []httpd.Route{{Method: http.MethodGet, Path: "/v1/status/changes", Roles: []httpd.Role{httpd.RoleRelyingParty}, Scope: Scope,
		Class: httpd.ClassEvents, Streaming: true, Handler: a.changes}}
}

// listEvent is a whole list: the first that is told of it, and again when it has to be read anew.
type listEvent struct {
	List string    `json:"list"`
	Size uint64    `json:"size"`
	Seq  uint64    `json:"seq"`
	AsOf time.Time `json:"as_of"`
	LST  string    `json:"lst"` // as in a status list token: base64url of zlib
}

// changesEvent is what changed, in order.
type changesEvent struct {
	After   string   `json:"after"`
	Changes []change `json:"changes"`
}

// change are the changes seq+1, seq+2, … of a list.
type change struct {
	List    string    `json:"list"`
	Seq     uint64    `json:"seq"`
	AsOf    time.Time `json:"as_of"`
	Entries []uint64  `json:"entries"` // index, status, index, status, …
}

// beatEvent says where lists stand.
type beatEvent struct {
	After string            `json:"after"`
	AsOf  time.Time         `json:"as_of"`
	Lists map[string]uint64 `json:"lists"`
}

// completeEvent follows lists: the follower has all of them, and can begin again from here.
type completeEvent struct {
	After string `json:"after"`
}

func (a *API) changes(c *gin.Context) (any, error) {
	after := c.Query("after") // what is none of ours is as good as none
	return httpd.Events(func(ctx context.Context, send func(string, any) error) error {
		err := a.tell(ctx, after, send)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the stream's time
		}
		return err
	}), nil
}

// tell tells a follower that has come as far as after.
func (a *API) tell(ctx context.Context, after string, send func(string, any) error) error {
	var beaten time.Time
	for {
		entries, position, ok, err := a.replica.Next(ctx, after)
		if err != nil {
			return err
		}
		if !ok {
			// Too far behind, or new. What happens while the lists are sent comes after them.
			position = a.replica.Position()
			if err := a.lists(position, a.replica.Names(), send); err != nil {
				return err
			}
			after = position
			continue
		}
		var beat replica.Entry
		var read []string
		told, n := []change{}, 0
		for _, e := range entries {
			switch e.Kind {
			case replica.Beat:
				beat = e
			case replica.Replaced:
				read = append(read, e.Heads[0].List)
			case replica.Changes:
				if n+len(e.Changes) > maxTold && n > 0 {
					// In between a follower begins again from where it was: it knows what it knows.
					if err := send("changes", changesEvent{after, told}); err != nil {
						return err
					}
					told, n = []change{}, 0
				}
				told, n = append(told, wire(e)), n+len(e.Changes)
			}
		}
		if len(read) > 0 {
			if err := a.lists(after, read, send); err != nil {
				return err
			}
		}
		if len(told) > 0 {
			if err := send("changes", changesEvent{position, told}); err != nil {
				return err
			}
		}
		if beat.Kind == replica.Beat && time.Since(beaten) >= a.beat {
			beaten = time.Now()
			out := beatEvent{position, beat.AsOf, make(map[string]uint64, len(beat.Heads))}
			for _, h := range beat.Heads {
				out.Lists[h.List] = h.Seq
			}
			if err := send("beat", out); err != nil {
				return err
			}
		}
		after = position
	}
}

func wire(e replica.Entry) change {
	out := change{List: e.Heads[0].List, Seq: e.Heads[0].Seq, AsOf: e.AsOf, Entries: make([]uint64, 0, 2*len(e.Changes))}
	for _, c := range e.Changes {
		out.Entries = append(out.Entries, c.Index(), uint64(c.Status()))
	}
	return out
}

// lists sends whole lists.
func (a *API) lists(position string, names []string, send func(string, any) error) error {
	var buf []byte
	for _, name := range names {
		s, ok := a.replica.List(name, buf)
		if !ok {
			continue
		}
		buf = s.Raw
		text, err := a.pack(name, s)
		if err != nil {
			return err
		}
		if err := send("list", listEvent{name, s.Size, s.Seq, s.AsOf, text}); err != nil {
			return err
		}
	}
	return send("complete", completeEvent{position})
}

// pack compresses a list, once for all followers and one at a time: up to 65 ms for a million entries.
func (a *API) pack(name string, s replica.Snapshot) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, ok := a.packed[name]; ok && p.seq == s.Seq {
		return p.text, nil
	}
	list, err := statuslist.FromRaw(2, s.Raw)
	if err != nil {
		return "", err
	}
	data, err := list.Compress()
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(data)
	a.packed[name] = packed{s.Seq, text}
	return text, nil
}
