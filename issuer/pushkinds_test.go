package issuer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

func stateRow(identifier, change string, more ...string) string {
	row := map[string]string{"identifier": identifier, "change": change}
	for i := 0; i+1 < len(more); i += 2 {
		row[more[i]] = more[i+1]
	}
	line, _ := json.Marshal(row)
	return string(line) + "\n"
}

func (f *fixture) codes(job string) []string {
	f.t.Helper()
	var codes []string
	for _, r := range f.results(job) {
		codes = append(codes, r.Code)
	}
	return codes
}

// changesOf counts the changes of state that a certificate has behind it.
func (f *fixture) changesOf(identifier string) int {
	f.t.Helper()
	events, err := f.store.Events(f.t.Context(), identifier)
	require.NoError(f.t, err)
	return len(events) - 1
}

func states(job string) issuer.Upload {
	u := upload(job)
	u.Kind = issuer.KindStates
	return u
}

func TestPushStates(t *testing.T) {
	f := newFixture(t)
	var ids []string
	for i := range 6 {
		ids = append(ids, f.issueOne(fmt.Sprintf("k%d", i)).Identifier)
	}
	foreign, err := f.Issue(t.Context(), order(market), row(t, "business-licence"))
	require.NoError(t, err)
	text := stateRow(ids[0], "suspend", "reason", "seized", "key", "D-1") +
		stateRow(ids[0], "reinstate", "key", "D-2") +
		stateRow(ids[0], "suspend", "key", "D-3") +
		stateRow(ids[1], "revoked", "reason", "decision 17") +
		stateRow(ids[1], "cancelled") + // over already
		stateRow(ids[2], "reinstate") + // was never suspended
		stateRow(foreign.Identifier, "revoked") +
		stateRow(ids[3], "burn") +
		stateRow(ids[3][:len(ids[3])-1]+"#", "revoked") +
		stateRow(ids[3], "lapsed", "reason", strings.Repeat("长", issuer.MaxReason+1)) +
		`{"identifier":"` + ids[3] + `"}` + "\n" +
		`{"identifier":"` + ids[3] + `","change":"lapsed","claims":{}}` + "\n" +
		stateRow(ids[4], "suspend", "key", strings.Repeat("k", 129)) +
		stateRow(ids[5], "transferred")
	job, err := f.Push(t.Context(), states("s"), strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, issuer.JobDone, job.State)
	require.Equal(t, issuer.KindStates, job.Kind)
	want := []string{"", "", "", "", issuer.CodeStateRefused, issuer.CodeStateRefused, issuer.CodeUnknown, issuer.CodeChangeUnknown,
		schemas.CodeIdentifierChecksum, schemas.CodeFieldTooLong, schemas.CodeFieldMissing, schemas.CodeFieldUnknown, schemas.CodeKeyFormat, ""}
	require.Equal(t, want, f.codes("s"))
	require.EqualValues(t, 5, job.Accepted)
	results := f.results("s")
	require.Equal(t, "D-1", results[0].Key)
	require.Equal(t, ids[0], results[0].Identifier)
	require.Equal(t, ids[1], results[3].Key, "without a key the identifier stands for it")
	require.Equal(t, "/change", results[7].Pointer)
	require.Equal(t, issuer.Suspended, f.certificate(ids[0]).State)
	require.Equal(t, "decision 17", f.certificate(ids[1]).Reason)
	require.Equal(t, issuer.Valid, f.certificate(ids[3]).State)
	status, _, known := f.lookup(f.certificate(ids[1]).Slot)
	require.True(t, known)
	require.EqualValues(t, 1, status, "verifiers know when the push is answered")
	require.Equal(t, 3, f.changesOf(ids[0]))

	// Again: what has a key is answered as made, what has none is held against the state of now.
	_, err = f.Push(t.Context(), states("again"), strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, want, f.codes("again"))
	require.Equal(t, 3, f.changesOf(ids[0]), "made once")
	require.Equal(t, 1, f.changesOf(ids[1]))

	// A freeze stops what is issued, never what is taken back.
	f.registry.change(police, func(a *issuer.Authority) { a.Frozen = true })
	_, err = f.Push(t.Context(), states("frozen"), strings.NewReader(stateRow(ids[2], "revoked")))
	require.NoError(t, err)
	require.Equal(t, issuer.Revoked, f.certificate(ids[2]).State)
}

func TestPushReplacements(t *testing.T) {
	f := newFixture(t)
	var ids []string
	for i := range 4 {
		ids = append(ids, f.issueOne(fmt.Sprintf("k%d", i)).Identifier)
	}
	_, err := f.Suspend(t.Context(), issuer.StateChange{Authority: police, Identifier: ids[2]})
	require.NoError(t, err)
	next := func(key, replaces string, change ...func(*schemas.Row)) string {
		return strings.Replace(line(t, key, change...), "{", `{"replaces":"`+replaces+`",`, 1)
	}
	u := upload("r")
	u.Kind = issuer.KindReplacements
	text := next("n0", ids[0], func(r *schemas.Row) { r.Claims["address"] = "湖南省长沙市岳麓区新虚构路1号" }) +
		next("n0", ids[0], func(r *schemas.Row) { r.Claims["address"] = "湖南省长沙市岳麓区新虚构路1号" }) + // twice in the file
		next("n1", ids[0]) + // replaced by then
		next("n2", ids[2]) + // suspended
		next("n3", "1.2.3") +
		line(t, "n4") + // replaces nothing
		next("k1", ids[3]) + // the key of a certificate
		next("n5", ids[3])
	_, err = f.Push(t.Context(), u, strings.NewReader(text))
	require.NoError(t, err)
	want := []string{"", "", issuer.CodeReplacedAlready, issuer.CodeStateRefused, schemas.CodeIdentifierFormat, schemas.CodeFieldMissing, issuer.CodeRowKeyReused, ""}
	require.Equal(t, want, f.codes("r"))
	first := f.results("r")
	require.Equal(t, first[0].Identifier, first[1].Identifier)
	require.Equal(t, "/replaces", first[3].Pointer)
	old := f.certificate(ids[0])
	require.Equal(t, issuer.Lapsed, old.State)
	require.Equal(t, first[0].Identifier, old.ReplacedBy)
	status, _, known := f.lookup(old.Slot)
	require.True(t, known)
	require.EqualValues(t, 1, status)

	_, err = f.Push(t.Context(), u, strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, first, f.results("r"), "answered as before")
}

// An upload that broke off goes on from the last row that was answered; what it answered stays.
func TestPushGoesOn(t *testing.T) {
	f := newFixture(t, func(c *issuer.Config) { c.BatchRows = 3 })
	rows := make([]string, 12)
	for i := range rows {
		rows[i] = line(t, fmt.Sprintf("k%d", i))
	}
	rows[2] = "{}\n"
	u := upload("j")
	u.Content = "digest of the file"
	cut := strings.Join(rows[:7], "") + rows[7][:50]
	_, err := f.Push(t.Context(), u, io.MultiReader(strings.NewReader(cut), iotest.ErrReader(errors.New("reset"))))
	require.ErrorIs(t, err, issuer.ErrInterrupted)
	broken := f.results("j")
	require.Len(t, broken, 8)
	require.Equal(t, issuer.CodeLineBroken, broken[7].Code)

	for name, change := range map[string]func(*issuer.Upload){
		"leaves rows out":  func(u *issuer.Upload) { u.From = 10 },
		"another content":  func(u *issuer.Upload) { u.Content = "other" },
		"content not said": func(u *issuer.Upload) { u.Content = "" },
		"another kind":     func(u *issuer.Upload) { u.Kind = issuer.KindReplacements },
		"another job":      func(u *issuer.Upload) { u.Job = "other" },
	} {
		wrong := u
		wrong.From = 8
		change(&wrong)
		_, err := f.Push(t.Context(), wrong, strings.NewReader(strings.Join(rows[7:], "")))
		require.ErrorIs(t, err, issuer.ErrJobResume, name)
		require.Equal(t, broken, f.results("j"), name)
	}

	u.From = 8
	job, err := f.Push(t.Context(), u, strings.NewReader(strings.Join(rows[7:], "")))
	require.NoError(t, err)
	require.Equal(t, issuer.JobDone, job.State)
	require.EqualValues(t, 12, job.Rows)
	require.EqualValues(t, 11, job.Accepted)
	require.EqualValues(t, 1, job.Rejected)
	whole := f.results("j")
	require.Len(t, whole, 12)
	require.Equal(t, broken[:7], whole[:7])
	for i, r := range whole {
		require.EqualValues(t, i+1, r.Line)
	}

	// Mended, and pushed again as the same job from the start.
	rows[2] = line(t, "k2")
	u.From, u.Content = 1, "digest of the mended file"
	job, err = f.Push(t.Context(), u, strings.NewReader(strings.Join(rows, "")))
	require.NoError(t, err)
	require.EqualValues(t, 12, job.Accepted)
	for i, r := range f.results("j") {
		if i != 2 {
			require.Equal(t, whole[i], r)
		}
	}
}

// A file that says the same row over and over costs one certificate and one place in a list.
func TestPushTheSameRowOverAndOver(t *testing.T) {
	f := newFixture(t)
	const n = 3000
	one := line(t, "k", func(r *schemas.Row) { r.Portrait = nil })
	u := upload("j")
	u.Mode = schemas.Import
	job, err := f.Push(t.Context(), u, strings.NewReader(strings.Repeat(one, n)))
	require.NoError(t, err)
	require.EqualValues(t, n, job.Accepted)
	results := f.results("j")
	for _, r := range results {
		require.Equal(t, results[0].Identifier, r.Identifier)
	}
	held, err := f.Held(t.Context(), []string{holderID(licence(t).Holder)})
	require.NoError(t, err)
	require.Len(t, held, 1)
	list, err := f.store.Reserve(t.Context(), police, nil, 1)
	require.NoError(t, err)
	require.Less(t, list.Counters[0], uint64(issuer.ListSize)/1000, "places of the status list are not used up")
}

// What is no file of rows is told as what it seems to be.
func TestPushWrongKindOfFile(t *testing.T) {
	f := newFixture(t)
	whole := strings.TrimSuffix(line(t, "k"), "\n")
	utf16 := []byte{0xff, 0xfe}
	for _, b := range []byte("{\"key\":1}\n{}") {
		utf16 = append(utf16, b, 0)
	}
	for name, c := range map[string]struct {
		text, detail string
		codes        []string
	}{
		"CSV":              {"key,name\nk,张\n", "CSV", []string{"row-malformed", "row-malformed"}},
		"UTF-16":           {string(utf16), "UTF-16", []string{"row-malformed", "row-malformed"}},
		"an array":         {"[" + whole + "]", "array", []string{"row-malformed"}},
		"a pretty array":   {"[\n" + whole + ",\n" + whole + "\n]\n", "array", []string{"row-malformed", "row-malformed", "", "row-malformed"}},
		"a spreadsheet":    {"PK\x03\x04rest\n", "ZIP", []string{"row-malformed"}},
		"gzip, not told":   {"\x1f\x8b\x08rest\n", "gzip", []string{"row-malformed"}},
		"BOM and CRLF":     {"\xef\xbb\xbf" + whole + "\r\n" + whole + "\r\n", "", []string{"", ""}},
		"a row of 10 MB":   {`{"key":"` + strings.Repeat("k", 10<<20) + "\"}\n" + whole, "65536", []string{"row-too-large", ""}},
		"nothing but ends": {"\n\n", "", []string{"push-line-empty", "push-line-empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := f.Push(t.Context(), upload("j"), strings.NewReader(c.text))
			require.NoError(t, err)
			require.Equal(t, issuer.JobDone, job.State)
			require.Equal(t, c.codes, f.codes("j"))
			require.Contains(t, f.results("j")[0].Detail, c.detail)
		})
	}
}
