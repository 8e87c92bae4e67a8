package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSum(t *testing.T) {
	var out bytes.Buffer
	s := newSum(&out)
	require.NoError(t, eachLine(strings.NewReader(`
{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"hidden\n"}
{"Action":"run","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestA/sub","Output":"why it failed\n"}
{"Action":"fail","Package":"p","Test":"TestA/sub"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"hidden\n"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
{"ImportPath":"r","Action":"build-output","Output":"r.go:1:1: syntax error\n"}
{"ImportPath":"r","Action":"build-fail"}
{"Action":"fail","Package":"r","FailedBuild":"r"}
not JSON at all`), s.events))
	require.Equal(t, 1, s.passed)
	require.Equal(t, 2, s.failed, "the failed test, and the package that does not build")
	require.Equal(t, 1, s.skipped)
	require.Equal(t, "\nwhy it failed\nFAIL\tp\t0.1s\nok  \tq\t0.1s\nr.go:1:1: syntax error\nnot JSON at all", out.String())
}

func TestSumOfAnotherSuite(t *testing.T) {
	var out bytes.Buffer
	s := newSum(&out)
	text := "ok    a code is shown (1.2 s)\n   12 sent  /wallet\nFAIL  it closes\nbecause\nok    last (0.1 s)"
	require.NoError(t, eachLine(strings.NewReader(text), s.plain))
	require.Equal(t, 2, s.passed)
	require.Equal(t, 1, s.failed)
	require.Equal(t, text, out.String())
}

func TestSides(t *testing.T) {
	var got [][]string
	for suites := range split([]string{"a", "b", "--", "c"}) {
		got = append(got, suites)
	}
	require.Equal(t, [][]string{{"a", "b"}, {"c"}}, got)

	good, bad := newSum(io.Discard), newSum(io.Discard)
	good.plain([]byte("ok    one\n"))
	bad.plain([]byte("FAIL  other\n"))
	require.True(t, total(io.Discard, []*sum{good}))
	require.False(t, total(io.Discard, []*sum{good, bad}))
	bad.failed, bad.broken = 0, true
	require.False(t, total(io.Discard, []*sum{good, bad}), "a suite that died is no success")
	require.False(t, total(io.Discard, []*sum{newSum(io.Discard)}), "no test is no success")
}
