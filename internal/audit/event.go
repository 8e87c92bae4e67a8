// Package audit is the log of who did what: append-only, a Merkle tree of salted commitments,
// with no personal data in clear.
//
//	Event     what happened: an issue, a look, a sign-in, a change of the registry
//	Opening   the event and a random salt, as one JSON text; it lies sealed beside the entry
//	Entry     what enters the tree: id, moment, kind and the commitment SM3(salt ‖ opening)
//
// The entry is stored in the transaction of the very thing it tells of, so that nothing happens
// without it. The tree is built over the entries afterwards, in batches. Who may read an opening
// can prove that it is what was logged; erasing a person destroys openings and salts, and leaves
// the entries, the tree and every proof as they were.
package audit

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/strictjson"
)

// Event is one thing that happened.
type Event struct {
	Kind  string    // such as "certificate.issued"; dots divide what from what was done to it
	At    time.Time // zero: now
	Actor string    // client id, "person:" and holder id, or what the program does by itself
	// ID is the entry's; empty: a random one, or in a store the one that comes from Once.
	ID string
	// Once names what can happen only once, such as the recording of a verification: its id. The
	// entry's id comes from it, so that the entry can be found from what it tells of.
	Once string
	// Subject is what it was done to: an identifier, the id of a verification, a registry entry.
	Subject string
	// Holder is the blind holder id of the person it is about. Erasing her destroys the opening.
	Holder string
	// Detail says more: names of fields, purposes, outcomes. Never a value of a certificate.
	Detail map[string]string
}

// Entry is an event as it enters the tree.
type Entry struct {
	ID      string // random
	At      time.Time
	Holder  string
	Leaf    []byte // what the tree hashes
	Opening []byte // salt and event, to be sealed
}

const saltSize = 32

type leaf struct {
	Version    int    `json:"v"`
	ID         string `json:"id"`
	At         int64  `json:"at"` // microseconds since 1970
	Kind       string `json:"kind"`
	Commitment string `json:"commitment"` // base64url of SM3(salt ‖ event)
}

type opened struct {
	Actor   string            `json:"actor"`
	Subject string            `json:"subject,omitempty"`
	Holder  string            `json:"holder,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// NewEntry makes the entry of an event under a fresh salt.
func NewEntry(e Event, now time.Time) Entry {
	if e.At.IsZero() {
		e.At = now
	}
	opening := make([]byte, saltSize, 512)
	_, _ = rand.Read(opening)
	opening = opened{e.Actor, e.Subject, e.Holder, e.Detail}.appendJSON(opening)
	commitment := sm.Sum(opening)
	id := e.ID
	if id == "" {
		id = rand.Text()
	}
	l := leaf{Version: 1, ID: id, At: e.At.UnixMicro(), Kind: e.Kind, Commitment: base64.RawURLEncoding.EncodeToString(commitment[:])}
	return Entry{ID: id, At: e.At, Holder: e.Holder, Leaf: l.appendJSON(make([]byte, 0, 160)), Opening: opening}
}

// appendJSON writes the leaf as encoding/json does: it has one spelling.
func (l leaf) appendJSON(to []byte) []byte {
	to = strconv.AppendInt(append(to, `{"v":`...), int64(l.Version), 10)
	to = strictjson.AppendText(append(to, `,"id":`...), l.ID, true)
	to = strconv.AppendInt(append(to, `,"at":`...), l.At, 10)
	to = strictjson.AppendText(append(to, `,"kind":`...), l.Kind, true)
	return append(strictjson.AppendText(append(to, `,"commitment":`...), l.Commitment, true), '}')
}

// appendJSON writes the event as encoding/json does.
func (o opened) appendJSON(to []byte) []byte {
	to = strictjson.AppendText(append(to, `{"actor":`...), o.Actor, true)
	if o.Subject != "" {
		to = strictjson.AppendText(append(to, `,"subject":`...), o.Subject, true)
	}
	if o.Holder != "" {
		to = strictjson.AppendText(append(to, `,"holder":`...), o.Holder, true)
	}
	before := `,"detail":{`
	for _, name := range slices.Sorted(maps.Keys(o.Detail)) {
		to = append(strictjson.AppendText(append(to, before...), name, true), ':')
		to = strictjson.AppendText(to, o.Detail[name], true)
		before = `,`
	}
	if len(o.Detail) > 0 {
		to = append(to, '}')
	}
	return append(to, '}')
}
