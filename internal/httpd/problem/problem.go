// Package problem reads the table of problem codes that the whole project shares.
//
// Whenever something is refused, the caller gets a stable code such as "code-expired". Programs
// switch on the code; people read the one plain sentence and the one next action that stand beside
// it, in Chinese and in English, because the clerk, the citizen and the integrator rarely read the
// same language. The sentences live in testdata/problems.json and nowhere else: the web server, the
// command-line tool, the SDKs and the pages all print the same words.
//
// The package is pure: it knows nothing of HTTP beyond the status number that a code travels with,
// so that the verifier SDK can use it without pulling in a web server.
package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/showcard/showcard/testdata"
)

// ErrTable is wrapped by every complaint about a malformed table.
var ErrTable = errors.New("problem table")

// Text is one sentence in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Entry is one code.
type Entry struct {
	Code   string `json:"code"`
	Status int    `json:"status"` // HTTP status; 0 marks the tools' own errors, which never travel over HTTP
	Title  Text   `json:"title"`  // what happened
	Next   Text   `json:"next"`   // what to do now
}

// Table is the checked, immutable table.
type Table struct {
	entries []Entry
	index   map[string]int
}

// Embedded reads the table that is built into the binary.
func Embedded() (*Table, error) { return Load(testdata.Problems) }

// Load reads a table and refuses everything that a reader could trip over: an unknown member, a
// code out of order or listed twice, a sentence missing in one language.
func Load(data []byte) (*Table, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var entries []Entry
	if err := dec.Decode(&entries); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: data after the list", ErrTable)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrTable)
	}
	t := &Table{entries: entries, index: make(map[string]int, len(entries))}
	shape := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	for i, e := range entries {
		if err := check(e, shape); err != nil {
			return nil, fmt.Errorf("%w: entry %d (%q): %w", ErrTable, i, e.Code, err)
		}
		if i > 0 && entries[i-1].Code >= e.Code {
			return nil, fmt.Errorf("%w: %q after %q: codes are sorted and occur once", ErrTable, e.Code, entries[i-1].Code)
		}
		t.index[e.Code] = i
	}
	return t, nil
}

func check(e Entry, shape *regexp.Regexp) error {
	if !shape.MatchString(e.Code) || len(e.Code) > 64 {
		return errors.New("a code is lower-case words joined by hyphens, at most 64 characters")
	}
	if e.Status != 0 && (e.Status < 400 || e.Status > 599) {
		return fmt.Errorf("status %d is neither 0 nor 4xx nor 5xx", e.Status)
	}
	for _, s := range []string{e.Title.ZH, e.Next.ZH} {
		if !strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || !strings.HasSuffix(s, "。") {
			return fmt.Errorf("%q is not a whole Chinese sentence", s)
		}
	}
	for _, s := range []string{e.Title.EN, e.Next.EN} {
		if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }) || !strings.HasSuffix(s, ".") {
			return fmt.Errorf("%q is not a whole plain English sentence", s)
		}
	}
	return nil
}

// Lookup finds a code.
func (t *Table) Lookup(code string) (Entry, bool) {
	i, ok := t.index[code]
	if !ok {
		return Entry{}, false
	}
	return t.entries[i], true
}

// Entries lists the whole table in order of code.
func (t *Table) Entries() []Entry { return slices.Clone(t.entries) }
