package schemas

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"

	"github.com/showcard/showcard/internal/strictjson"
)

// Text is a sentence or a name in the two languages that every page and every
// answer speaks.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Complete says whether both languages are there.
func (t Text) Complete() bool { return t.ZH != "" && t.EN != "" }

// Holder code types of GB/T 36903 (持证主体代码类型代码) that the code below treats
// specially. The whole list is the table "holder-code-types".
const (
	HolderUSCC      = "001" // 统一社会信用代码
	HolderCitizenID = "111" // 公民身份号码
)

// LongTerm is the value of valid_until of a certificate that does not end (长期).
const LongTerm = "long-term"

const redacted = "[redacted]"

// Claims are the attributes of one certificate by field name. They are personal
// data: printing or logging them gives "[claims redacted]". JSON marshals
// normally, because signing needs it.
type Claims map[string]any

const claimsRedacted = "[claims redacted]"

// LogValue keeps claims out of logs.
func (Claims) LogValue() slog.Value { return slog.StringValue(claimsRedacted) }

// Format keeps claims out of every fmt verb, %#v included.
func (Claims) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, claimsRedacted) }

// Clone is a shallow copy; values of claims are scalars.
func (c Claims) Clone() Claims { return maps.Clone(c) }

// HolderRef names a person or a company: the number with its GB/T 36903 code
// type, and the name as it stands on the certificate.
type HolderRef struct {
	Type   string `json:"type"`
	Number string `json:"number"`
	Name   string `json:"name"`
}

// LogValue keeps numbers and names out of logs.
func (HolderRef) LogValue() slog.Value { return slog.StringValue("[holder redacted]") }

// Format keeps numbers and names out of every fmt verb.
func (HolderRef) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, "[holder redacted]") }

// Row is one certificate as a department pushes it: one NDJSON line.
type Row struct {
	// Key is the department's own unique key of this certificate, 1 to 128
	// printable ASCII characters. It makes pushing again safe.
	Key string `json:"key"`
	// Type is a certificate type of the catalogue.
	Type string `json:"type"`
	// Issuer is given when the caller may push for several issuing authorities.
	Issuer string `json:"issuer,omitempty"`
	// Holder is who the certificate is about (持证主体).
	Holder HolderRef `json:"holder"`
	// Region is where it is issued, GB/T 2260.
	Region string `json:"region"`
	// Number is the certificate's own number (证照编号), if the type has one.
	Number string `json:"number,omitempty"`
	// IssuedOn, ValidFrom and ValidUntil are dates as 2006-01-02. ValidUntil is
	// the last day on which the certificate is valid; empty or LongTerm is 长期.
	IssuedOn   string `json:"issued_on"`
	ValidFrom  string `json:"valid_from"`
	ValidUntil string `json:"valid_until,omitempty"`
	// Claims are the fields of the type.
	Claims Claims `json:"claims"`
	// Portrait is a JPEG or WebP of at most MaxPortrait bytes, for types that
	// have one. It is never signed into the certificate.
	Portrait []byte `json:"portrait,omitempty"`
	// Representatives may hold a company's certificate for it; they are not claims.
	Representatives []HolderRef `json:"representatives,omitempty"`
}

// LogValue logs what is not personal.
func (r Row) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", r.Key), slog.String("type", r.Type))
}

// Format prints the key and the type only.
func (r Row) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "row %q of type %q %s", r.Key, r.Type, redacted)
}

// AppendJSON writes the row as encoding/json does, byte by byte the same: its digest is kept.
func (r Row) AppendJSON(to []byte) ([]byte, error) {
	text := func(before, value string) {
		to = strictjson.AppendText(append(to, before...), value, true)
	}
	optional := func(before, value string) {
		if value != "" {
			text(before, value)
		}
	}
	text(`{"key":`, r.Key)
	text(`,"type":`, r.Type)
	optional(`,"issuer":`, r.Issuer)
	to = r.Holder.appendJSON(append(to, `,"holder":`...))
	text(`,"region":`, r.Region)
	optional(`,"number":`, r.Number)
	text(`,"issued_on":`, r.IssuedOn)
	text(`,"valid_from":`, r.ValidFrom)
	optional(`,"valid_until":`, r.ValidUntil)
	to, err := strictjson.Append(append(to, `,"claims":`...), map[string]any(r.Claims), true)
	if err != nil {
		return to, fmt.Errorf("schemas: claims: %w", err)
	}
	if len(r.Portrait) > 0 {
		to = append(base64.StdEncoding.AppendEncode(append(to, `,"portrait":"`...), r.Portrait), '"')
	}
	for i, h := range r.Representatives {
		before := `,`
		if i == 0 {
			before = `,"representatives":[`
		}
		to = h.appendJSON(append(to, before...))
	}
	if len(r.Representatives) > 0 {
		to = append(to, ']')
	}
	return append(to, '}'), nil
}

func (h HolderRef) appendJSON(to []byte) []byte {
	to = strictjson.AppendText(append(to, `{"type":`...), h.Type, true)
	to = strictjson.AppendText(append(to, `,"number":`...), h.Number, true)
	return append(strictjson.AppendText(append(to, `,"name":`...), h.Name, true), '}')
}

// Mode says how forgiving [Type.Validate] is.
type Mode int

const (
	// Strict is for issuing: every fault is a fault.
	Strict Mode = iota
	// Import is for taking over certificates that exist on paper: oddities that
	// genuine certificates are known to have become warnings.
	Import
)

func (m Mode) String() string {
	switch m {
	case Strict:
		return "strict"
	case Import:
		return "import"
	default:
		return fmt.Sprintf("mode(%d)", int(m))
	}
}

// Problem is one thing wrong with a row. Code is stable and listed with its
// sentences in problems.json; Pointer is an RFC 6901 JSON pointer into the row
// ("/claims/birth_date", "" for the whole line); Detail is for the department's
// engineer, in English, and never quotes a value.
type Problem struct {
	Code    string `json:"code"`
	Pointer string `json:"pointer"`
	Detail  string `json:"detail,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func (p Problem) String() string {
	kind := "error"
	if p.Warning {
		kind = "warning"
	}
	return fmt.Sprintf("%s %s at %q: %s", kind, p.Code, p.Pointer, p.Detail)
}

// Refused says whether at least one problem is more than a warning.
func Refused(problems []Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}
