// Package audithttp serves the audit log: to everyone what proves that it was not edited, to
// auditors what it says.
//
//	GET /v1/audit/checkpoint            the newest checkpoint that a witness cosigned
//	GET /v1/audit/keys                  verifier keys of the log and of its witnesses
//	GET /v1/audit/tile/…                hashes and leaves (C2SP tlog-tiles)
//	GET /v1/audit/proofs/inclusion      of one entry
//	GET /v1/audit/proofs/consistency    of two sizes
//	GET /v1/audit/events                opened entries, for auditors; each look is logged
//
// Leaves hold an id, a moment, a kind and a salted commitment: nothing of a person.
package audithttp

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/httpd"
)

// Scope is what an auditor's token must carry.
const Scope = "audit"

// Notes stores what happened: that somebody looked.
type Notes interface {
	Note(ctx context.Context, e audit.Event) error
}

// API serves the log.
type API struct {
	log   *audit.Log
	notes Notes
}

// New makes the API.
func New(log *audit.Log, notes Notes) (*API, error) {
	if log == nil || notes == nil {
		return nil, errors.New("audithttp: incomplete configuration")
	}
	return &API{log, notes}, nil
}

// Routes are the routes of this room.
func (a *API) Routes() []httpd.Route {
	public := func(path string, h httpd.Handler) httpd.Route {
		return httpd.Route{Method: http.MethodGet, Path: "/v1/audit/" + path, Public: true, CORS: true, Class: httpd.ClassRead, Handler: h}
	}
	return []httpd.Route{
		public("checkpoint", a.checkpoint),
		public("keys", a.keys),
		public("tile/*path", a.tile),
		public("proofs/inclusion", a.inclusion),
		public("proofs/consistency", a.consistency),
		{Method: http.MethodGet, Path: "/v1/audit/events", Roles: []httpd.Role{httpd.RoleAuditor}, Scope: Scope, Class: httpd.ClassReport, Handler: a.events},
	}
}

// Errors is the room's table.
func Errors() httpd.ErrorTable {
	return httpd.ErrorTable{
		{Err: audit.ErrTampered, Code: "audit-log-stopped"},
		{Err: audit.ErrState, Code: "audit-log-stopped"},
		{Err: audit.ErrCheckpoint, Code: "audit-log-stopped"},
		{Err: audit.ErrSignature, Code: "audit-log-stopped"},
		{Err: audit.ErrOrigin, Code: "audit-log-stopped"},
		{Err: audit.ErrNoCheckpoint, Code: "audit-checkpoint-none"},
		{Err: audit.ErrWaiting, Code: "audit-entry-waiting"},
		{Err: audit.ErrUnknown, Code: "audit-entry-unknown"},
		{Err: audit.ErrRange, Code: "audit-size-unknown"},
		{Err: audit.ErrTile, Code: httpd.CodeNotFound},
	}
}

const noteType = "text/plain; charset=utf-8"

func (a *API) checkpoint(c *gin.Context) (any, error) {
	newest, err := flag(c, "newest")
	if err != nil {
		return nil, err
	}
	signed, err := a.log.Checkpoint(c, newest)
	if err != nil {
		return nil, err
	}
	return httpd.Raw{ContentType: noteType, Body: []byte(signed.Note), ETag: httpd.ETag([]byte(signed.Note)), CacheControl: "public, max-age=1"}, nil
}

func (a *API) keys(*gin.Context) (any, error) {
	var b strings.Builder
	k := a.log.Keys()
	for _, v := range append(k.Log[:len(k.Log):len(k.Log)], k.Witnesses...) {
		b.WriteString(v.String() + "\n")
	}
	return httpd.Raw{ContentType: noteType, Body: []byte(b.String()), ETag: httpd.ETag([]byte(b.String())), CacheControl: "public, max-age=60"}, nil
}

// tile serves what never changes once it is full; part of one never changes either, by its path.
func (a *API) tile(c *gin.Context) (any, error) {
	p, err := audit.ParseTilePath("tile" + c.Param("path"))
	if err != nil {
		return nil, err
	}
	data, err := a.log.Bytes(c, p)
	if err != nil {
		return nil, err
	}
	return httpd.Raw{ContentType: "application/octet-stream", Body: data, CacheControl: "public, max-age=31536000, immutable"}, nil
}

// proven is an entry and its proof on the wire. Hashes are base64, as in a checkpoint.
type proven struct {
	Index      uint64   `json:"index"`
	Size       uint64   `json:"size"`
	Leaf       string   `json:"leaf"`
	Path       []string `json:"path"`
	Root       string   `json:"root"`
	Checkpoint string   `json:"checkpoint,omitempty"` // when the size is that of the newest
}

func (a *API) inclusion(c *gin.Context) (any, error) {
	size, err := number(c, "size", 0)
	if err != nil {
		return nil, err
	}
	var p audit.Proof
	id, byID := c.GetQuery("entry")
	_, byIndex := c.GetQuery("index")
	switch {
	case byID == byIndex || byID && (id == "" || len(id) > 64):
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "say either entry, an id, or index, a number"}
	case byID:
		p, err = a.log.InclusionOf(c, id, size)
	default:
		var index uint64
		if index, err = number(c, "index", 0); err == nil {
			p, err = a.log.Inclusion(c, index, size)
		}
	}
	if err != nil {
		return nil, err
	}
	return prove(p), nil
}

func prove(p audit.Proof) proven {
	return proven{
		Index: p.Index, Size: p.Signed.Size, Leaf: string(p.Leaf), Path: texts(p.Path),
		Root: base64.StdEncoding.EncodeToString(p.Signed.Root[:]), Checkpoint: p.Signed.Note,
	}
}

func texts(path [][]byte) []string {
	out := make([]string, len(path))
	for i, h := range path {
		out[i] = base64.StdEncoding.EncodeToString(h)
	}
	return out
}

func (a *API) consistency(c *gin.Context) (any, error) {
	from, err := number(c, "from", 0)
	if err != nil {
		return nil, err
	}
	to, err := number(c, "to", 0)
	if err != nil {
		return nil, err
	}
	path, err := a.log.Consistency(c, from, to)
	if err != nil {
		return nil, err
	}
	return struct {
		From uint64   `json:"from"`
		To   uint64   `json:"to"`
		Path []string `json:"path"`
	}{from, to, texts(path)}, nil
}

// event is an opened entry on the wire.
type event struct {
	proven
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Kind    string            `json:"kind"`
	Actor   string            `json:"actor,omitempty"`
	Subject string            `json:"subject,omitempty"`
	Holder  string            `json:"holder,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
	// Opening is salt and event, base64: SM3 of it is the commitment in the leaf. It is not there
	// when it was destroyed, and not believed when Fault says that it was changed.
	Opening string `json:"opening,omitempty"`
	Fault   string `json:"fault,omitempty"`
}

func (a *API) events(c *gin.Context) (any, error) {
	q, err := query(c)
	if err != nil {
		return nil, err
	}
	who, _ := httpd.CallerFrom(c)
	answer, err := a.log.Query(c, q)
	if err != nil {
		return nil, err
	}
	out := make([]event, len(answer.Entries))
	for i, o := range answer.Entries {
		p, err := a.log.Inclusion(c, o.Index, answer.Signed.Size)
		if err != nil {
			return nil, err
		}
		e := event{proven: prove(p), ID: o.ID, At: o.Event.At, Kind: o.Event.Kind, Actor: o.Event.Actor, Subject: o.Event.Subject, Holder: o.Event.Holder, Detail: o.Event.Detail}
		e.Checkpoint = "" // once, for all of them
		switch {
		case o.Fault != nil:
			e.Fault = o.Fault.Error()
		case o.Opening != nil:
			e.Opening = base64.StdEncoding.EncodeToString(o.Opening)
		}
		out[i] = e
	}
	// Who watches is watched: no answer without its entry.
	detail := map[string]string{"entries": strconv.Itoa(len(out))}
	for _, name := range []string{"kind", "actor", "subject", "holder", "from", "to", "after"} {
		if v := c.Query(name); v != "" {
			detail[name] = v
		}
	}
	// Whom she looked at is erased with that person. What is nobody's blind id may be somebody's number.
	holder := q.Holder
	if holder != "" && len(out) == 0 {
		holder, detail["holder"] = "", "nobody"
	}
	if err := a.notes.Note(c, audit.Event{Kind: "audit.read", Actor: who.ID, Holder: holder, Detail: detail}); err != nil {
		return nil, err
	}
	return struct {
		Events     []event `json:"events"`
		Checkpoint string  `json:"checkpoint"`
		Next       uint64  `json:"next,omitempty"`
	}{out, answer.Signed.Note, answer.Next}, nil
}

func query(c *gin.Context) (q audit.Query, err error) {
	for name, field := range map[string]*string{"kind": &q.Kind, "actor": &q.Actor, "subject": &q.Subject, "holder": &q.Holder} {
		if *field = c.Query(name); len(*field) > 256 {
			return q, &httpd.Problem{Code: "parameter-invalid", Detail: name + " has at most 256 bytes"}
		}
	}
	for name, field := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if text := c.Query(name); text != "" {
			if *field, err = time.Parse(time.RFC3339Nano, text); err != nil || len(text) > 40 {
				return q, &httpd.Problem{Code: "parameter-invalid", Detail: name + " is a time of RFC 3339"}
			}
		}
	}
	if q.After, err = number(c, "after", 0); err != nil {
		return q, err
	}
	limit, err := number(c, "limit", 50)
	if err != nil || limit < 1 || limit > 100 {
		return q, &httpd.Problem{Code: "parameter-invalid", Detail: "limit is a number from 1 to 100"}
	}
	q.Limit = int(limit)
	return q, nil
}

// number reads a size or a place.
func number(c *gin.Context, name string, otherwise uint64) (uint64, error) {
	text, given := c.GetQuery(name)
	if !given {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, &httpd.Problem{Code: "parameter-invalid", Detail: name + " is a number from 0"}
	}
	return n, nil
}

func flag(c *gin.Context, name string) (bool, error) {
	text, given := c.GetQuery(name)
	if !given {
		return false, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, &httpd.Problem{Code: "parameter-invalid", Detail: name + " is true or false"}
	}
	return v, nil
}
