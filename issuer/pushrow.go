package issuer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/showcard/showcard/schemas"
)

// decode reads the row of a line. The text is not needed afterwards.
func (e *entry) decode(kind Kind) {
	switch {
	case e.refused():
	case len(bytes.TrimSpace(e.raw)) == 0:
		e.refuse(CodeLineEmpty, "", "")
	case plainlyNoRow(e.raw): // nor the half of one
		e.refuse(schemas.CodeRowMalformed, "", wrongKind(e.raw))
	default:
		switch kind {
		case KindStates:
			e.decodeChange()
		case KindReplacements:
			e.row, e.replacesID, e.problems = schemas.DecodeReplacement(e.raw)
		default:
			e.row, e.problems = schemas.DecodeRow(e.raw)
		}
		// The end of the upload in the middle of a line: say so, instead of complaining about
		// the JSON of what is missing.
		if e.open && len(e.problems) > 0 && e.problems[0].Code == schemas.CodeRowMalformed {
			e.problems = nil
			e.refuse(CodeLineBroken, "", "the upload ends within this line")
		}
	}
	e.raw = nil
}

// result is the answer to the row of a push.
func (e *entry) result() Result {
	r := Result{Line: e.line, Warnings: e.warnings()}
	if key := cmp.Or(e.row.Key, e.change.Key, e.change.Identifier); printable(key) {
		r.Key = key
	}
	if e.twin != nil {
		r.As = e.twin.line
	}
	if !e.refused() {
		r.Identifier = cmp.Or(e.cert.Identifier, e.change.Identifier)
		return r
	}
	var others []string
	for _, p := range e.problems {
		switch {
		case p.Warning:
		case r.Code == "":
			r.Code, r.Pointer, r.Detail = p.Code, p.Pointer, p.Detail
		case len(others) < maxTold:
			others = append(others, p.Code+" at "+p.Pointer)
		}
	}
	if len(others) > 0 {
		r.Detail = strings.TrimPrefix(r.Detail+"; also "+strings.Join(others, ", "), "; ")
	}
	return r
}

// warnings are the codes of what import mode let pass.
func (e *entry) warnings() []string {
	var codes []string
	for _, p := range e.problems {
		if p.Warning && len(codes) < maxTold {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// maxTold bounds how many problems of one row are told besides the first.
const maxTold = 20

func printable(key string) bool {
	if len(key) > 128 {
		return false
	}
	for _, b := range []byte(key) {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}

// plainlyNoRow says that a line does not even begin like an object.
func plainlyNoRow(line []byte) bool { return bytes.TrimLeft(line, " \t")[0] != '{' }

// wrongKind tells a department what kind of file it may have sent instead of rows.
func wrongKind(line []byte) string {
	switch {
	case bytes.HasPrefix(line, []byte("\xff\xfe")), bytes.HasPrefix(line, []byte("\xfe\xff")), bytes.IndexByte(line, 0) >= 0:
		return "not a JSON object; the file looks like UTF-16, UTF-8 is expected"
	case bytes.HasPrefix(line, []byte("[")):
		return "not a JSON object; one object a line is expected, without an array around them"
	case bytes.HasPrefix(line, []byte("PK\x03\x04")):
		return "not a JSON object; the file looks like a ZIP archive or a spreadsheet"
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return "not a JSON object; the file looks like gzip, which Content-Encoding must say"
	case bytes.IndexByte(line, ',') >= 0 || bytes.IndexByte(line, '\t') >= 0:
		return "not a JSON object; the file looks like CSV"
	}
	return "not a JSON object"
}

// ChangeWords are what a row of a push of changes of state may ask for: "suspend", "reinstate", or
// one of Endings.
func ChangeWords() []string {
	words := []string{changeSuspend, changeReinstate}
	for _, s := range Endings() {
		words = append(words, string(s))
	}
	return words
}

const (
	changeSuspend   = "suspend"
	changeReinstate = "reinstate"
)

// decodeChange reads a row that asks for a change of state.
func (e *entry) decodeChange() {
	e.change, e.problems = schemas.DecodeChange(e.raw)
	if e.change.Change != "" && !slices.Contains(ChangeWords(), e.change.Change) {
		e.refuse(CodeChangeUnknown, "/change", strings.Join(ChangeWords(), ", "))
	}
	var refused *RefusedError
	if errors.As(checkReason(e.change.Reason), &refused) {
		e.problems = append(e.problems, refused.Problems...)
	}
}

// bulkChange is what the record is asked to do for the row.
func (e *entry) bulkChange(b Batch, i *Issuer) BulkChange {
	c := BulkChange{Line: e.line, Change: Change{Authority: b.Authority, Identifier: e.change.Identifier, Reason: e.change.Reason, By: b.By, At: i.cfg.Now()}}
	switch e.change.Change {
	case changeSuspend:
		c.To, c.From = Suspended, []State{Valid}
	case changeReinstate:
		c.To, c.From = Valid, []State{Suspended}
	default:
		c.To, c.From = State(e.change.Change), []State{Valid, Suspended}
	}
	// Without a key of its own a row is a wish for a state, as a single change is: asked again, it is
	// held against the state of that moment. A name made of job and line would answer "done" for a
	// suspension that was lifted since.
	if e.change.Key != "" {
		c.Once = strings.Join([]string{e.change.Key, c.Identifier, e.change.Change}, "\x00")
	}
	return c
}

// findReplaced looks up what the row replaces.
func (i *Issuer) findReplaced(ctx context.Context, authority string, e *entry) error {
	if e.refused() {
		return nil
	}
	old, err := i.Certificate(ctx, e.replacesID, authority)
	switch {
	case errors.Is(err, ErrUnknown):
		e.refuse(CodeUnknown, "/replaces", "")
	case errors.Is(err, ErrContentErased):
		e.refuse(CodeContentErased, "/replaces", "")
	case err != nil:
		return fmt.Errorf("issuer: push: %w", err)
	case old.State == Suspended:
		e.refuse(CodeStateRefused, "/replaces", "a suspended certificate is reinstated or ended first")
	}
	e.replaces = old
	return nil
}

// findTwins sets rows aside that repeat one in front of them in the same batch: they are answered
// as that one, and cost neither a signature nor a place in a status list, however often they come.
// Of rows that share a key and differ the record decides which one stands.
func findTwins(entries []*entry) (rest []*entry) {
	type row struct {
		key, replaces string
		digest        [32]byte
	}
	first := make(map[row]*entry, len(entries))
	for _, e := range entries {
		if e.refused() {
			continue
		}
		r := row{e.row.Key, e.replaces.Identifier, e.digest}
		if e.twin = first[r]; e.twin == nil {
			first[r] = e
			rest = append(rest, e)
		}
	}
	return rest
}
