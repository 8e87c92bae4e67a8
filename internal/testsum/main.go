// Command testsum runs go test several times, and other suites beside it, and says at the end how
// many tests passed and failed in all of them together:
//
//	testsum 'npm test --prefix web/e2e' ./... -- '-race ./registry/...' '-tags purego ./crypto/sm'
//
// Each argument is the arguments of one go test, or an npm or make command whose suite writes a line
// "ok    NAME" or "FAIL  NAME" for each test. What stands behind a "--" runs beside what stands in
// front of it: much of the time a test waits, for a browser or for a server that it killed. The lines
// that go test prints for each package stay; of the tests themselves only those that failed are shown.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// event is one line of go test -json (see go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Output      string
	FailedBuild string
}

// sum counts tests, subtests included. A package that fails without a failing test, because it
// does not build or because its process died, counts as one failure.
type sum struct {
	out             io.Writer
	passed, failed  int
	skipped         int
	broken          bool                     // a command ended with an error
	output          map[string]*bytes.Buffer // of tests still running
	failedInPackage map[string]bool
}

func newSum(out io.Writer) *sum {
	return &sum{out: out, output: map[string]*bytes.Buffer{}, failedInPackage: map[string]bool{}}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: testsum ARGUMENTS-OF-GO-TEST...")
		os.Exit(2)
	}
	out := &lines{to: os.Stdout}
	var all []*sum
	var side sync.WaitGroup
	for suites := range split(os.Args[1:]) {
		s := newSum(out)
		all = append(all, s)
		side.Go(func() { s.suites(suites) })
	}
	side.Wait()
	if !total(out, all) {
		os.Exit(1)
	}
}

// split gives the arguments between dashes.
func split(arguments []string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for more := true; more; {
			suites := arguments
			i := slices.Index(arguments, "--")
			if more = i >= 0; more {
				suites, arguments = arguments[:i], arguments[i+1:]
			}
			if !yield(suites) {
				return
			}
		}
	}
}

// suites runs one after the other.
func (s *sum) suites(all []string) {
	for _, arguments := range all {
		words, read := strings.Fields(arguments), s.plain
		if len(words) == 0 || words[0] != "npm" && words[0] != "make" {
			words, read = append([]string{"go", "test", "-json"}, words...), s.events
			arguments = "go test " + arguments
		}
		fmt.Fprintln(s.out, arguments)
		if err := run(words, read); err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			s.broken = true
		}
	}
}

// total says how it went, and returns whether it went well.
func total(out io.Writer, all []*sum) bool {
	var passed, failed, skipped int
	broken := false
	for _, s := range all {
		passed, failed, skipped, broken = passed+s.passed, failed+s.failed, skipped+s.skipped, broken || s.broken
	}
	if skipped > 0 {
		fmt.Fprintf(out, "%d skipped\n", skipped)
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	return !broken && failed == 0 && passed > 0
}

// lines is written to from several sides, one write at a time.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// run starts a command and gives each line of its output to read.
func run(words []string, read func(line []byte)) error {
	cmd := exec.Command(words[0], words[1:]...) //nolint:gosec // the arguments are the Makefile's
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := eachLine(out, read); err != nil {
		return err
	}
	return cmd.Wait()
}

func eachLine(r io.Reader, read func(line []byte)) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			read(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// plain reads a line of a suite that is not Go's.
func (s *sum) plain(line []byte) {
	_, _ = s.out.Write(line)
	switch {
	case bytes.HasPrefix(line, []byte("ok ")):
		s.passed++
	case bytes.HasPrefix(line, []byte("FAIL ")):
		s.failed++
	}
}

// events reads a line of go test -json.
func (s *sum) events(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		_, _ = s.out.Write(line)
		return
	}
	name := e.Package + "\x00" + e.Test
	switch {
	case e.Action == "output" && e.Test == "", e.Action == "build-output":
		if e.Output != "PASS\n" {
			_, _ = io.WriteString(s.out, e.Output)
		}
	case e.Action == "output":
		b := s.output[name]
		if b == nil {
			b = &bytes.Buffer{}
			s.output[name] = b
		}
		b.WriteString(e.Output)
	case e.Action == "fail" && e.Test == "":
		if !s.failedInPackage[e.Package] {
			s.failed++
		}
		delete(s.failedInPackage, e.Package) // the next run may test it again
	case e.Action == "pass" && e.Test != "":
		s.passed++
		delete(s.output, name)
	case e.Action == "skip" && e.Test != "":
		s.skipped++
		delete(s.output, name)
	case e.Action == "fail":
		s.failed++
		s.failedInPackage[e.Package] = true
		if b := s.output[name]; b != nil {
			_, _ = s.out.Write(b.Bytes())
		}
		delete(s.output, name)
	}
}
