package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/schemas"
)

type inspectCommand struct {
	What   string `arg:"" optional:"" name:"anything" help:"The thing itself, or a file that holds it. - or nothing reads standard input."`
	Reveal bool   `help:"Show personal values in full. They are masked otherwise."`
	JSON   bool   `name:"json" help:"Print the findings as JSON."`
}

// Help is what --help prints below the flags.
func (inspectCommand) Help() string {
	return `Recognises by its form, takes apart and explains, without any network:

  codes (SC1… tickets, SC2… offline codes, upper-case URLs) and pictures of them
  certificates and presentations (SD-JWT VC) with disclosures and key binding
  any JWS: status list, trust list, access token, client assertion, receipt; status lists as CWT; bundles
  trust roots, JWK, JWK Sets, keystores (names and public keys only), X.509 certificates (PEM, DER)
  certificate identifiers (GB/T 36904), citizen numbers (GB 11643), unified social credit codes (GB 32100)
  rows to push (NDJSON), with what is wrong with each

Nothing here is trusted: inspect says what a thing claims, "showcard verify" says whether it is true.
Secrets (private keys, tickets) are recognised and not printed.

Examples:
  showcard inspect SC1DEMO…
  showcard inspect certificate.txt
  showcard inspect rows.ndjson --json
  curl -s http://localhost:8080/v1/trust-list | showcard inspect`
}

// Run inspects.
func (i inspectCommand) Run(e *env) error {
	what := i.What
	if what == "" {
		if isTerminal(e.stdin) {
			return fmt.Errorf("%w: give the thing or a file, or pipe it in", errConfig)
		}
		what = "-"
	}
	data, err := readInput(e.stdin, what)
	if err != nil {
		return err
	}
	types, err := schemas.Embedded()
	if err != nil {
		return err
	}
	all, err := loadSentences()
	if err != nil {
		return err
	}
	n := &inspector{types: types, sentences: all, now: time.Now(), reveal: i.Reveal}
	found, err := n.inspect(data)
	if err != nil {
		return err
	}
	if i.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(found)
	}
	var out bytes.Buffer
	found.print(&out, "")
	_, err = e.stdout.Write(out.Bytes())
	return err
}

// finding is what a thing turned out to be.
type finding struct {
	Kind  string         `json:"kind"`
	What  problem.Text   `json:"what"`
	Facts []fact         `json:"facts,omitempty"`
	Notes []problem.Text `json:"notes,omitempty"` // what a reader must not overlook
	Parts []*finding     `json:"parts,omitempty"`
}

type fact struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

func found(kind, zh, en string) *finding {
	return &finding{Kind: kind, What: problem.Text{ZH: zh, EN: en}}
}

func (f *finding) add(label, format string, args ...any) {
	f.Facts = append(f.Facts, fact{label, clean(fmt.Sprintf(format, args...))})
}

func (f *finding) note(zh, en string) {
	f.Notes = append(f.Notes, problem.Text{ZH: zh, EN: clean(en)})
}

func (f *finding) print(w io.Writer, indent string) {
	fmt.Fprintf(w, "%s%s %s\n", indent, f.What.ZH, f.What.EN)
	for _, fact := range f.Facts {
		fmt.Fprintf(w, "%s  %-18s %s\n", indent, fact.Label, fact.Value)
	}
	for _, n := range f.Notes {
		fmt.Fprintf(w, "%s  ! %s %s\n", indent, n.ZH, n.EN)
	}
	for _, p := range f.Parts {
		fmt.Fprintln(w)
		p.print(w, indent+"  ")
	}
}

// inspector knows what is needed to explain things.
type inspector struct {
	types     *schemas.Catalogue
	sentences sentences
	now       time.Time
	reveal    bool
}

func unrecognised(format string, args ...any) error {
	return &coded{code: "input-unrecognised", err: fmt.Errorf(format, args...)}
}

var errNothingLikeIt = errors.New("expected a code (SC1…, SC2…) or its picture, an SD-JWT VC, a JWS, a JWK or JWK Set, trust roots, a keystore, " +
	"an X.509 certificate, a certificate identifier (1.2.156.3005.2.…), a citizen number, a social credit code, or rows (NDJSON); see showcard inspect --help")

// inspect recognises data by its form. It takes whatever strangers wrote.
func (n *inspector) inspect(data []byte) (*finding, error) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, unrecognised("it is empty; %w", errNothingLikeIt)
	case isImage(data):
		return n.image(data)
	case bytes.Contains(data[:min(len(data), 4096)], []byte("-----BEGIN ")):
		return n.pem(data)
	case data[0] == 0x30:
		if f, err := n.certificate(data); err == nil {
			return f, nil
		}
	case data[0] == 0xd2: // COSE_Sign1, tag 18
		if u, err := statuslist.ParseCWT(data); err == nil {
			return n.statusToken(u, "CWT", nil), nil
		}
		if f, err := n.bundle(data); err == nil {
			return f, nil
		}
		if f, err := n.sdCWT(data); err == nil {
			return f, nil
		}
	}
	if !utf8.Valid(data) {
		return nil, unrecognised("binary data; %w", errNothingLikeIt)
	}
	return n.text(strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff")))
}

func (n *inspector) text(text string) (*finding, error) {
	code, err := qr.Parse(text)
	if err == nil {
		return n.code(text, code), nil
	}
	if looksLikeCode(text) && !strings.HasPrefix(text, "{") {
		return nil, err // its own error says more than "unknown"
	}
	switch {
	case strings.HasPrefix(text, "{"):
		return n.json([]byte(text))
	case strings.HasPrefix(text, schemas.IdentifierRoot+"."):
		return n.identifier(text)
	case strings.Contains(text, "~"):
		return n.sdjwt(text)
	case strings.Count(text, ".") == 2 && strings.HasPrefix(text, "ey"):
		return n.jws(text)
	}
	if f, ok, err := n.number(strings.ToUpper(text)); ok {
		return f, err
	}
	return nil, unrecognised("%w", errNothingLikeIt)
}

// code explains a code. The ticket itself is a secret while it lives and is not repeated.
func (n *inspector) code(text string, c qr.Code) *finding {
	if c.Kind == qr.Offline {
		return n.offline(text, c.Offline)
	}
	f := found("ticket", "动态码（在线）：一次性取件凭据，约一分钟内有效，首次核验即作废。", "A ticket: it means nothing by itself, lives about a minute, and is used up by the first check.")
	f.add("home domain", "%s", c.Domain)
	f.add("ticket", "128 random bits (not shown: whoever has them can use the code)")
	if strings.Contains(text, "/") {
		f.add("form", "web address, for phone cameras; the host in it is not believed, the home domain above decides")
	} else {
		f.add("form", "34 characters, for scanners")
	}
	f.add("check character", "right (ISO 7064 MOD 37,36)")
	f.note("是否仍有效只有发码域知道；要核验请用 showcard verify，这会用掉这个码。", "Only its home domain knows whether it still lives. showcard verify checks it, and uses it up.")
	return f
}

func (n *inspector) image(data []byte) (*finding, error) {
	texts, err := qrimage.Scan(data)
	if err != nil {
		return nil, err
	}
	f := found("image", fmt.Sprintf("图片，内有 %d 个二维码。", len(texts)), fmt.Sprintf("A picture with %d QR code(s) in it.", len(texts)))
	for _, t := range texts {
		if c, err := qr.Parse(t); err == nil {
			f.Parts = append(f.Parts, n.code(t, c))
			continue
		} else if looksLikeCode(t) {
			part := found("code-broken", "像是证照码，但不完整或有误。", "It looks like one of our codes, and is broken.")
			e := n.sentences[codeOf(err)]
			part.note(e.Title.ZH, e.Title.EN)
			f.Parts = append(f.Parts, part)
			continue
		}
		part := found("foreign-code", "不是证照码。", "Not one of our codes.")
		part.add("characters", "%d", utf8.RuneCountInString(t))
		f.Parts = append(f.Parts, part)
	}
	return f, nil
}

// when writes a time with its distance from now.
func (n *inspector) when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d, word := t.Sub(n.now), "in "
	if d < 0 {
		d, word = -d, ""
	}
	var text string
	switch {
	case d < 2*time.Minute:
		text = fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		text = fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		text = fmt.Sprintf("%d h", int(d.Hours()))
	default:
		text = fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	text = word + text
	if word == "" {
		text += " ago"
	}
	return t.In(beijing()).Format("2006-01-02 15:04:05 -0700") + " (" + text + ")"
}

// explain adds the sentence of a code, with the technical detail.
func (n *inspector) explain(f *finding, code, detail string) {
	e, ok := n.sentences[code]
	if !ok {
		f.note("", strings.TrimSpace(code+" "+detail))
		return
	}
	f.note(e.Title.ZH+e.Next.ZH, strings.TrimSpace(e.Title.EN+" "+e.Next.EN+" ["+strings.TrimSpace(code+" "+detail)+"]"))
}
