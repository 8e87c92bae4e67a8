package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testdata = "../.."

// TestMain lets the test's own binary be a peer: an honest one, one that takes an expired proof, and
// one that dies.
func TestMain(m *testing.M) {
	switch role := os.Getenv("DIFFER_PEER"); role {
	case "":
		os.Exit(m.Run())
	case "honest":
		os.Exit(run(context.Background(), []string{"-answer"}, os.Stdout, os.Stderr))
	default:
		os.Exit(faulty(role))
	}
}

func faulty(role string) int {
	r, err := newReader()
	if err != nil {
		return 1
	}
	s := bufio.NewScanner(os.Stdin)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var v vector
		if json.Unmarshal(s.Bytes(), &v) != nil {
			return 1
		}
		a := r.answer(v)
		switch {
		case role == "lies" && a.Code == "offline-cbor-nesting":
			a.Code = "offline-malformed"
		case role == "misreads" && strings.Contains(a.Says, `"region":"430102"`) && v.offline():
			a.Says = strings.Replace(a.Says, "430102", "430000", 1)
		case role == "throws" && a.Code == "offline-cbor-nesting":
			a = answer{Crash: "stack overflow"}
		case role == "dies" && a.Code == "offline-cbor-nesting":
			return 0
		}
		line, err := json.Marshal(a)
		if err != nil {
			return 1
		}
		fmt.Printf("%s\n", line)
	}
	return 0
}

func peerThat(t *testing.T, role string) string {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return "env DIFFER_PEER=" + role + " " + binary
}

// differOver searches the corpus without the vectors that have the code themselves.
func differOver(t *testing.T, role string, without ...string) *differ {
	t.Helper()
	c, err := load(testdata)
	require.NoError(t, err)
	kept := &corpus{keys: c.keys}
	for _, v := range c.vectors {
		if strings.Contains(strings.Join(without, " "), v.Expect) && v.Expect != valid {
			continue
		}
		if v.Expect == valid {
			kept.good = append(kept.good, len(kept.vectors))
		}
		kept.vectors = append(kept.vectors, v)
	}
	d, err := newDiffer(kept, 7)
	require.NoError(t, err)
	p, err := start("peer", peerThat(t, role))
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.stop() })
	d.peers = []*peer{p}
	return d
}

// Whoever gives the same answers is found to give the same answers; and what is asked reaches most of
// the codes that there are, also those behind both signatures.
func TestOneAnswer(t *testing.T) {
	d := differOver(t, "honest")
	require.NoError(t, d.search(t.Context(), 0, 3000))
	require.Empty(t, d.found)
	require.EqualValues(t, 3000, d.asked)
	for _, code := range []string{
		valid, "presentation-malformed", "disclosure-malformed", "disclosure-unknown", "disclosure-duplicate", "algorithm-not-allowed", "signature-invalid", "signature-encoding",
		"certificate-expired", "holder-binding-invalid", "holder-binding-missing", "nonce-wrong", "audience-wrong", "proof-too-old",
		"code-not-ours", "code-alphabet", "offline-malformed", "offline-cbor-length", "offline-cbor-item", "offline-cbor-spelling", "offline-cbor-indefinite", "offline-cbor-nesting", "offline-cbor-duplicate",
		"offline-device-key", "offline-lifetime", "offline-type-wrong", "offline-proof-invalid", "offline-proof-encoding", "offline-audience-wrong", "offline-proof-expired", "offline-value", "offline-view-unknown",
	} {
		require.NotZero(t, d.codes[code], code)
	}
	require.Greater(t, d.codes[valid], 100)
}

// A lie is found, made small, and the file that is printed shows it again.
func TestDisagreement(t *testing.T) {
	d := differOver(t, "lies", "offline-cbor-nesting")
	require.NoError(t, d.search(t.Context(), 0, 20000))
	require.Len(t, d.found, 1)
	found := d.found[0]
	require.Equal(t, []string{"go", "peer"}, found.names)
	require.Equal(t, []string{"offline-cbor-nesting", "offline-malformed"}, found.answers)
	require.LessOrEqual(t, len(found.from.changes), 2)
	text := found.String()
	require.Contains(t, text, "seed 7")
	var v vector
	require.NoError(t, json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &v))
	require.Equal(t, "offline-cbor-nesting", v.Expect)
	require.Equal(t, v.Expect, d.reader.answer(v).Code)
}

// So does who reads something else out of what is good.
func TestMisreading(t *testing.T) {
	d := differOver(t, "misreads")
	require.NoError(t, d.search(t.Context(), 0, 100))
	require.Len(t, d.found, 1)
	require.Contains(t, d.found[0].answers[0], `"region":"430102"`)
	require.Contains(t, d.found[0].answers[1], `"region":"430000"`)
	require.Contains(t, d.found[0].String(), `"expect": "valid"`)
}

// What throws or dies disagrees.
func TestCrash(t *testing.T) {
	for _, role := range []string{"throws", "dies"} {
		d := differOver(t, role, "offline-cbor-nesting")
		require.NoError(t, d.search(t.Context(), 0, 20000))
		require.Len(t, d.found, 1, role)
		require.Contains(t, d.found[0].answers[1], "crash")
	}
}

// The seed decides what is asked.
func TestSeed(t *testing.T) {
	c, err := load(testdata)
	require.NoError(t, err)
	other := 0
	for n := range uint64(300) {
		one, two := c.recipe(3, n), c.recipe(3, n)
		require.Equal(t, one, two)
		require.Equal(t, c.cook(one), c.cook(two))
		if c.recipe(4, n).base != one.base {
			other++
		}
	}
	require.Greater(t, other, 200)
}

// A vector travels as one line of ASCII.
func TestLine(t *testing.T) {
	text := "张\u2028😀\u0085\n\x7f"
	line, err := vector{Presentation: &text, Now: 1}.line()
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(line, []byte("\n")))
	for _, b := range line[:len(line)-1] {
		require.Less(t, b, byte(0x7f))
		require.GreaterOrEqual(t, b, byte(' '))
	}
	var back vector
	require.NoError(t, json.Unmarshal(line, &back))
	require.Equal(t, text, *back.Presentation)
}

func TestCommand(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-testdata", testdata, "-cases", "100", "-ts", peerThat(t, "honest")}, &out, io.Discard))
	require.Contains(t, out.String(), "ok    differ\n")
	out.Reset()
	require.Equal(t, 1, run(t.Context(), []string{"-testdata", testdata, "-cases", "100", "-java", peerThat(t, "lies")}, &out, io.Discard))
	require.Contains(t, out.String(), "FAIL  differ\n")
	require.Equal(t, 1, run(t.Context(), []string{"-testdata", testdata}, io.Discard, io.Discard), "nobody to compare with")
	require.Equal(t, 1, run(t.Context(), []string{"-testdata", "nowhere", "-ts", "true"}, io.Discard, io.Discard))
	require.Equal(t, 2, run(t.Context(), []string{"-no-such-flag"}, io.Discard, io.Discard))
}
