package receipt

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// statement is the canonical JSON (RFC 8785) of what the receipt says, without "iat": its members
// in their order, written straight away. Each check needs it, and the long way, over
// encoding/json and back, took longer than the signature; a test holds the two against each other.
func (r *Receipt) statement() []byte {
	w := &members{}
	w.begin('{')
	if a := r.Authority; a != nil {
		w.object("authority", func() {
			w.some("code", a.Code)
			w.text("iss", a.Issuer)
		})
	}
	w.some("certificate", r.Certificate)
	w.number("checked_at", r.CheckedAt)
	w.text("client", r.Client)
	if c := r.Consent; c != nil {
		w.object("consent", func() {
			w.text("answer", c.Answer)
			w.texts("asked", c.Asked)
		})
	}
	w.list("fields", r.Fields == nil, func() {
		for _, f := range r.Fields {
			w.next()
			w.begin('{')
			w.text("digest", f.Digest)
			if f.Matches != nil {
				w.member("matches")
				w.b.WriteString(strconv.FormatBool(*f.Matches))
			}
			w.text("name", f.Name)
			w.end('}')
		}
	})
	w.text("hash", string(r.Hash))
	w.some("holder", r.Holder)
	w.text("iss", r.Issuer)
	w.text("jti", r.ID)
	w.text("outcome", r.Outcome)
	w.object("party", func() {
		w.text("id", r.Party.ID)
		w.object("name", func() {
			w.text("en", r.Party.Name.EN)
			w.text("zh", r.Party.Name.ZH)
		})
	})
	if p := r.Person; p != nil {
		w.object("person", func() {
			w.date("at", p.At)
			w.some("method", p.Method)
			w.text("state", p.State)
		})
	}
	w.text("purpose", r.Purpose)
	w.texts("reasons", r.Reasons)
	if s := r.Status; s != nil {
		w.object("status", func() {
			w.date("as_of", s.AsOf)
			w.some("source", s.Source)
			w.text("state", s.State)
		})
	}
	w.some("type", r.CertType)
	w.text("via", r.Via)
	w.end('}')
	return w.b.Bytes()
}

// members writes members of objects and elements of lists, with the commas between them.
type members struct {
	b    bytes.Buffer
	more bool // something stands before
}

func (w *members) begin(c byte) {
	w.b.WriteByte(c)
	w.more = false
}

func (w *members) end(c byte) {
	w.b.WriteByte(c)
	w.more = true
}

func (w *members) next() {
	if w.more {
		w.b.WriteByte(',')
	}
	w.more = true
}

func (w *members) member(name string) {
	w.next()
	writeString(&w.b, name)
	w.b.WriteByte(':')
}

func (w *members) text(name, text string) {
	w.member(name)
	writeString(&w.b, text)
}

// some leaves an empty text out.
func (w *members) some(name, text string) {
	if text != "" {
		w.text(name, text)
	}
}

func (w *members) number(name string, n int64) {
	w.member(name)
	writeNumber(&w.b, json.Number(strconv.FormatInt(n, 10)))
}

// date leaves zero out.
func (w *members) date(name string, n int64) {
	if n != 0 {
		w.number(name, n)
	}
}

func (w *members) object(name string, content func()) {
	w.member(name)
	w.begin('{')
	content()
	w.end('}')
}

func (w *members) list(name string, none bool, content func()) {
	w.member(name)
	if none {
		w.b.WriteString("null")
		return
	}
	w.begin('[')
	content()
	w.end(']')
}

func (w *members) texts(name string, texts []string) {
	w.list(name, texts == nil, func() {
		for _, text := range texts {
			w.next()
			writeString(&w.b, text)
		}
	})
}
