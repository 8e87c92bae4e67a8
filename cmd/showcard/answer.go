package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// answer is the answer to a check, from the server or from the package verifier.
type answer struct {
	*verifier.Result
	ID      string         `json:"id"`
	Purpose string         `json:"purpose"`
	Reasons []reason       `json:"reasons"`
	Live    map[string]any `json:"live"`
	LiveAt  *time.Time     `json:"live_at"`
	// Portrait says that the image may be fetched for a few minutes.
	Portrait bool `json:"portrait"`

	raw json.RawMessage
	why error // the technical cause of a trust list that is not there
}

type reason struct {
	Code  string       `json:"code"`
	Title problem.Text `json:"title"`
	Next  problem.Text `json:"next"`
}

// complete refuses an answer that is none, and finds the sentences that the reasons lack.
func (a *answer) complete() error {
	if a.Result == nil || !slices.Contains([]verifier.Outcome{verifier.Valid, verifier.Invalid, verifier.Indeterminate}, a.Outcome) {
		return malformed("no outcome in the answer")
	}
	all, err := loadSentences()
	if err != nil {
		return err
	}
	for i, r := range a.Reasons {
		if e, ok := all[r.Code]; ok && r.Title.EN == "" {
			a.Reasons[i] = reason{Code: r.Code, Title: e.Title, Next: e.Next}
		}
	}
	return nil
}

// banner is the one word that a clerk acts on.
func banner(w io.Writer, o verifier.Outcome) {
	words := map[verifier.Outcome][2]string{
		verifier.Valid: {"✔  有  效   VALID", "42;97"}, verifier.Invalid: {"✘  无  效   INVALID", "41;97"}, verifier.Indeterminate: {"？ 无法确定  INDETERMINATE", "43;30"},
	}[o]
	rule := strings.Repeat("=", 44)
	line := "   " + words[0] + "   "
	if isTerminal(w) && os.Getenv("NO_COLOR") == "" {
		line = "\x1b[1;" + words[1] + "m" + line + "\x1b[0m"
	}
	fmt.Fprintf(w, "%s\n\n%s\n\n%s\n", rule, line, rule)
}

// print writes the answer for a person.
func (a *answer) print(out io.Writer) error {
	var w bytes.Buffer
	banner(out, a.Outcome) // colours follow the terminal, not the buffer
	for _, r := range a.Reasons {
		fmt.Fprintf(&w, "%s %s [%s]\n", r.Title.ZH, r.Title.EN, r.Code)
		if r.Next.EN != "" {
			fmt.Fprintf(&w, "  → %s %s\n", r.Next.ZH, r.Next.EN)
		}
	}
	if a.why != nil {
		fmt.Fprintf(&w, "  [%v]\n", a.why)
	}
	fmt.Fprintln(&w)
	a.checks(&w)
	if err := a.fields(&w); err != nil {
		return err
	}
	if a.ID != "" {
		fmt.Fprintf(&w, "\n记录 record: %s  用途 purpose: %s\n", a.ID, a.Purpose)
	}
	_, err := out.Write(w.Bytes())
	return err
}

func (a *answer) checks(w io.Writer) {
	states := map[verifier.State]string{
		verifier.Passed: "通过 passed", verifier.Failed: "未通过 FAILED", verifier.Unknown: "未知 unknown", verifier.NotChecked: "未检查 not checked",
	}
	line := func(name string, c verifier.Check, more ...string) {
		text := states[c.State]
		if c.Reason != "" {
			text += " (" + c.Reason + ")"
		}
		for _, m := range more {
			if strings.TrimSpace(m) != "" {
				text += "; " + m
			}
		}
		fmt.Fprintf(w, "  %s  %s\n", name, text)
	}
	issuer := a.Issuer.ID
	if a.Issuer.Name != nil {
		issuer = a.Issuer.Name.ZH + " " + a.Issuer.Name.EN + ", " + a.Issuer.ID
	}
	fmt.Fprintln(w, "各项检查 checks:")
	line("签名 signature", a.Signature.Check, a.Signature.Algorithm)
	line("签发 issuer   ", a.Issuer.Check, issuer)
	line("期限 validity ", a.Validity.Check, span(a.Validity.NotBefore, a.Validity.Expires))
	line("状态 status   ", a.Status.Check, since("as of", a.Status.AsOf), a.Status.Source, ending(a.Status.Ending))
	line("持有 holder   ", a.Holder.Check, string(a.Holder.Bound), a.Holder.Provider)
	if o := a.Offline; o != nil {
		fmt.Fprintf(w, "  离线 offline   made %d s ago, for %s; code %s, proof %s\n", o.ProofAge, o.Audience, o.Serial, o.Proof)
	}
	line("本人 person   ", a.Person.Check, a.Person.Method, since("at", a.Person.At))
}

func span(from, until *time.Time) string {
	if from == nil && until == nil {
		return ""
	}
	text := "…"
	if from != nil {
		text = from.In(beijing()).Format(time.DateOnly)
	}
	if until == nil {
		return text + " – 长期 long-term"
	}
	// "exp" is the first moment after the last day.
	return text + " – " + until.Add(-time.Second).In(beijing()).Format(time.DateOnly)
}

// beijing is where the days of certificates begin and end.
func beijing() *time.Location { return time.FixedZone("CST", 8*60*60) }

func since(word string, t *time.Time) string {
	if t == nil {
		return ""
	}
	return word + " " + t.In(beijing()).Format("2006-01-02 15:04:05")
}

func ending(e *verifier.Ending) string {
	if e == nil {
		return ""
	}
	return e.State + " " + since("at", &e.At)
}

// fields prints what was disclosed, by the names that the catalogue has for it.
func (a *answer) fields(w io.Writer) error {
	types, err := schemas.Embedded()
	if err != nil {
		return err
	}
	t, err := types.Type(a.Type)
	if err != nil {
		t = nil // a type of another deployment: names as they are
	}
	if t != nil {
		fmt.Fprintf(w, "\n%s %s:\n", t.Name.ZH, t.Name.EN)
	} else if len(a.Claims) > 0 {
		fmt.Fprintln(w)
	}
	for _, name := range orderedNames(t, a.Claims) {
		var value any
		if err := json.Unmarshal(a.Claims[name], &value); err != nil {
			return malformed("claim %s: %w", name, err)
		}
		label := labelOf(t, name)
		fmt.Fprintf(w, "  %s %s: %s\n", label.ZH, label.EN, valueText(types, t, name, value))
	}
	if len(a.Live) > 0 {
		fmt.Fprintf(w, "\n实时信息 live, %s:\n", since("as of", a.LiveAt))
		for _, name := range orderedNames(t, a.Live) {
			label := labelOf(t, name)
			fmt.Fprintf(w, "  %s %s: %s\n", label.ZH, label.EN, valueText(types, t, name, a.Live[name]))
		}
	}
	if a.Portrait {
		fmt.Fprintf(w, "  相片 portrait: GET /v1/verifications/%s/portrait\n", a.ID)
	}
	return nil
}

// orderedNames are names in the order of the type, what it does not know last.
func orderedNames[V any](t *schemas.Type, have map[string]V) []string {
	var names []string
	add := func(name string) {
		if _, ok := have[name]; ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if t != nil {
		for _, f := range t.Fields {
			add(f.Name)
		}
		for _, p := range t.Predicates {
			add(p.Name)
		}
		for _, f := range t.Live {
			add(f.Name)
		}
	}
	rest := make([]string, 0, len(have))
	for name := range have {
		rest = append(rest, name)
	}
	slices.Sort(rest)
	for _, name := range rest {
		add(name)
	}
	return names
}

func labelOf(t *schemas.Type, name string) schemas.Text {
	switch name {
	case schemas.IdentifierClaim:
		return schemas.Text{ZH: "证照标识", EN: "identifier"}
	case schemas.PortraitClaim:
		return schemas.Text{ZH: "相片摘要", EN: "digest of the portrait"}
	}
	if t != nil {
		if f, ok := t.Field(name); ok {
			return f.Label
		}
		if p, ok := t.Predicate(name); ok {
			return p.Label
		}
		if f, ok := t.LiveField(name); ok {
			return f.Label
		}
	}
	return schemas.Text{EN: clean(name)}
}

// valueText writes a value, with what its code stands for.
func valueText(types *schemas.Catalogue, t *schemas.Type, name string, value any) string {
	var text string
	switch v := value.(type) {
	case string:
		text = clean(v)
	case bool:
		return map[bool]string{true: "是 yes", false: "否 no"}[v]
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = clean(string(b))
	}
	if t == nil {
		return text
	}
	f, ok := t.Field(name)
	if !ok {
		f, ok = t.LiveField(name)
	}
	switch {
	case ok && f.Table != "":
		if table, err := types.Tables().Table(f.Table); err == nil {
			if d := table.Describe(text); d.ZH != text && !strings.Contains(text, "*") {
				return text + "  " + d.ZH + " " + d.EN
			}
		}
	case ok && f.Unit != nil:
		return text + " " + f.Unit.ZH + " " + f.Unit.EN
	}
	return text
}

// clean makes a stranger's text harmless for a terminal: no control characters, no characters
// that turn the direction of writing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028 || r == 0x2029, r == 0xfeff:
			return '�'
		}
		return r
	}, s)
}
