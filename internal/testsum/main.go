// Command testsum runs go test several times and says at the end how many tests passed and
// failed in all of them together:
//
//	testsum ./... '-race ./registry/...' '-tags purego ./crypto/sm'
//
// Each argument is the arguments of one go test. The lines that go test prints for each package
// stay; of the tests themselves only those that failed are shown.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
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
	output          map[string]*bytes.Buffer // of tests still running
	failedInPackage map[string]bool
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: testsum ARGUMENTS-OF-GO-TEST...")
		os.Exit(2)
	}
	s := &sum{out: os.Stdout}
	broken := false
	for _, arguments := range os.Args[1:] {
		fmt.Println("go test", arguments)
		if err := s.run(strings.Fields(arguments)); err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			broken = true
		}
	}
	if s.skipped > 0 {
		fmt.Printf("%d skipped\n", s.skipped)
	}
	fmt.Printf("%d passed, %d failed\n", s.passed, s.failed)
	if broken || s.failed > 0 || s.passed == 0 {
		os.Exit(1)
	}
}

func (s *sum) run(arguments []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, arguments...)...) //nolint:gosec // the arguments are the Makefile's
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := s.read(out); err != nil {
		return err
	}
	return cmd.Wait()
}

func (s *sum) read(r io.Reader) error {
	s.output, s.failedInPackage = map[string]*bytes.Buffer{}, map[string]bool{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *sum) line(line []byte) {
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
