package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	plain "github.com/showcard/showcard/bench/plain/api"
)

// Target is a server that is measured: a process of its own, which makes the codes that are to be
// checked when it is told to. The line that it begins with says where it is.
type Target struct {
	Address  string   `json:"address"`
	Token    string   `json:"token"`    // of a checker
	Purpose  string   `json:"purpose"`  // that it checks for
	Operator string   `json:"operator"` // token of one who asks for reports
	People   []Person `json:"people,omitempty"`
	Sample   *Sample  `json:"sample,omitempty"`

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// Person is somebody who shows.
type Person struct {
	Token      string   `json:"token"`
	Identifier string   `json:"identifier"`
	Shows      []string `json:"shows"` // open ones, to be renewed
}

// Sample is the shape of a certificate, for the baseline.
type Sample struct {
	Payload map[string]any `json:"payload"`
	Fields  []plain.Field  `json:"fields"`
}

// Order is what a target is told, a line of JSON each.
type Order struct {
	Fresh bool `json:"fresh"` // each code of a certificate that nobody has seen
	Codes int  `json:"codes"`
}

// Minted answers an order.
type Minted struct {
	Codes []string `json:"codes"`
	Error string   `json:"error,omitempty"`
}

// Obey answers the orders that a target gets until there are no more.
func Obey(in io.Reader, out io.Writer, mint func(Order) ([]string, error)) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var o Order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("bench: order: %w", err)
		}
		var m Minted
		var err error
		if m.Codes, err = mint(o); err != nil {
			m.Error = err.Error()
		}
		if err := json.NewEncoder(out).Encode(m); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return lines.Err()
}

// startTarget starts this program again as a target.
func startTarget(ctx context.Context, folder, profile, command string, args ...string) (*Target, error) {
	if profile != "" {
		args = append(args, "--profile", profile)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	log, err := os.Create(filepath.Join(folder, command+".log"))
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer log.Close()                                                                        // the child has its own handle
	t := &Target{cmd: exec.CommandContext(ctx, self, append([]string{command}, args...)...)} //nolint:gosec // this program itself
	t.cmd.Stderr = log
	t.in, err = t.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	t.out = bufio.NewScanner(out)
	t.out.Buffer(nil, 64<<20)
	if !t.out.Scan() || json.Unmarshal(t.out.Bytes(), t) != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("bench: %s did not start: %s", command, said), t.close())
	}
	return t, nil
}

// mint gets codes.
func (t *Target) mint(fresh bool, n int) ([]string, error) {
	if err := json.NewEncoder(t.in).Encode(Order{fresh, n}); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if !t.out.Scan() {
		return nil, fmt.Errorf("bench: a target ended: %w", t.out.Err())
	}
	var m Minted
	if err := json.Unmarshal(t.out.Bytes(), &m); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if m.Error != "" {
		return nil, fmt.Errorf("bench: codes: %s", m.Error)
	}
	return m.Codes, nil
}

func (t *Target) close() error { return errors.Join(t.in.Close(), t.cmd.Wait()) }
