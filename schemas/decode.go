package schemas

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// DecodeRow reads one line of a push strictly. It answers with every unknown,
// missing and wrongly typed member; what the members say is for
// [Type.Validate]. A row with problems is as complete as could be read, so that
// its key can be told to the department.
func DecodeRow(line []byte) (Row, []Problem) {
	object, problems := DecodeObject(line)
	if problems != nil {
		return Row{}, problems
	}
	return (&reader{object: object}).row()
}

// DecodeReplacement reads one line of a push of replacements: a row, and in its member "replaces"
// the identifier of the certificate whose next version it is.
func DecodeReplacement(line []byte) (row Row, replaces string, problems []Problem) {
	object, problems := DecodeObject(line)
	if problems != nil {
		return Row{}, "", problems
	}
	d := &reader{object: object}
	if replaces = d.text("replaces", true); replaces != "" {
		d.identifier(&replaces, "replaces")
	}
	row, problems = d.row()
	return row, replaces, problems
}

// Change is one line of a push of changes of state.
type Change struct {
	// Key is the department's own unique key of this change, such as the number of its decision;
	// it may be left out.
	Key        string
	Identifier string // of the certificate
	Change     string // what is to be done; the issuer knows the words
	Reason     string // for the file; never public
}

// DecodeChange reads one line of a push of changes of state, as strictly as [DecodeRow].
func DecodeChange(line []byte) (Change, []Problem) {
	object, problems := DecodeObject(line)
	if problems != nil {
		return Change{}, problems
	}
	d := &reader{object: object}
	c := Change{Key: d.text("key", false), Identifier: d.text("identifier", true), Change: d.text("change", true), Reason: d.text("reason", false)}
	if c.Key != "" {
		d.key(c.Key)
	}
	if c.Identifier != "" {
		d.identifier(&c.Identifier, "identifier")
	}
	d.rest()
	return c, d.problems
}

func (d *reader) key(text string) {
	if len(text) > maxKey || !printableASCII(text) {
		d.add(CodeKeyFormat, "1 to 128 printable ASCII characters are expected", "key")
	}
}

// identifier brings an identifier into its one form.
func (d *reader) identifier(text *string, path ...string) {
	id, err := ParseIdentifier(*text)
	switch {
	case errors.Is(err, ErrIdentifierChecksum):
		d.add(CodeIdentifierChecksum, "the check character does not fit", path...)
	case err != nil:
		d.add(CodeIdentifierFormat, "not an identifier of GB/T 36904", path...)
	default:
		*text = id.String()
	}
}

// row takes the members of a row.
func (d *reader) row() (Row, []Problem) {
	r := Row{
		Key:        d.text("key", true),
		Type:       d.text("type", true),
		Issuer:     d.text("issuer", false),
		Region:     d.text("region", true),
		Number:     d.text("number", false),
		IssuedOn:   d.text("issued_on", true),
		ValidFrom:  d.text("valid_from", true),
		ValidUntil: d.text("valid_until", false),
	}
	if v, ok := d.take("holder", true); ok {
		r.Holder = d.holder(v, "holder")
	}
	if v, ok := d.take("claims", true); ok {
		if m, ok := v.(map[string]any); ok {
			r.Claims = Claims(m)
		} else {
			d.add(CodeFieldType, "an object is expected", "claims")
		}
	}
	if s := d.text("portrait", false); s != "" {
		raw, err := base64.StdEncoding.Strict().DecodeString(s)
		// The decoder skips line breaks, which would give one picture many spellings.
		if err != nil || strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
			d.add(CodePortraitFormat, "not standard base64 with padding", "portrait")
		}
		r.Portrait = raw
	}
	if v, ok := d.take("representatives", false); ok {
		list, isList := v.([]any)
		if !isList {
			d.add(CodeFieldType, "an array is expected", "representatives")
		}
		for i, item := range list {
			r.Representatives = append(r.Representatives, d.holder(item, "representatives", strconv.Itoa(i)))
		}
	}
	d.rest()
	return r, d.problems
}

// reader takes members out of a decoded object and notes what is wrong.
type reader struct {
	object   map[string]any
	path     []string
	problems []Problem
}

func (d *reader) add(code, detail string, path ...string) {
	d.problems = append(d.problems, Problem{Code: code, Detail: detail,
		Pointer: pointer(append(slices.Clone(d.path), path...)...)})
}

func (d *reader) take(name string, required bool) (any, bool) {
	v, ok := d.object[name]
	delete(d.object, name)
	if !ok && required {
		d.add(CodeFieldMissing, "the member is required", name)
	}
	return v, ok
}

func (d *reader) text(name string, required bool) string {
	v, ok := d.take(name, required)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		d.add(CodeFieldType, "a string is expected", name)
	} else if s == "" && required {
		d.add(CodeFieldMissing, "the member is empty", name)
	}
	return s
}

func (d *reader) holder(v any, path ...string) HolderRef {
	m, ok := v.(map[string]any)
	if !ok {
		d.add(CodeFieldType, "an object is expected", path...)
		return HolderRef{}
	}
	sub := reader{object: m, path: append(slices.Clone(d.path), path...)}
	ref := HolderRef{Type: sub.text("type", true), Number: sub.text("number", true), Name: sub.text("name", true)}
	sub.rest()
	d.problems = append(d.problems, sub.problems...)
	return ref
}

// rest reports what nobody took.
func (d *reader) rest() {
	for _, name := range slices.Sorted(maps.Keys(d.object)) {
		d.add(CodeFieldUnknown, "the member is not known", name)
	}
}
