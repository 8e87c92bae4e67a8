package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// peer is a process that answers vectors: one JSON a line on its standard input, one answer a line on
// its standard output, {"code":"…"}, and {"code":"valid","says":"…"} with what it read. What it says
// otherwise, {"crash":"…"} or the end, is an answer that differs from all others.
type peer struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

func start(name, command string) (*peer, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, fmt.Errorf("%s: no command", name)
	}
	p := &peer{name: name, cmd: exec.Command(words[0], words[1:]...)} //nolint:gosec // the command is whoever's at the keyboard
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// ask gives the answers in the order of the lines. When the process ends in the middle, the line it
// died of and all behind it have the answer "crash".
func (p *peer) ask(lines [][]byte) []string {
	written := make(chan struct{})
	go func() {
		defer close(written)
		for _, line := range lines {
			if _, err := p.in.Write(line); err != nil {
				return // reading tells
			}
		}
	}()
	out := make([]string, len(lines))
	dead := false
	for i := range out {
		if dead {
			out[i] = "crash: the process has ended"
			continue
		}
		line, err := p.out.ReadString('\n')
		if err != nil {
			out[i], dead = "crash: "+err.Error(), true
			continue
		}
		out[i] = read(strings.TrimSpace(line))
	}
	if dead {
		_ = p.in.Close() // the writer does not wait for who is gone
	}
	<-written
	return out
}

func read(line string) string {
	var a answer
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		return "crash: " + line
	}
	return a.String()
}

// stop ends the process by the end of its input.
func (p *peer) stop() error {
	_ = p.in.Close()
	return p.cmd.Wait()
}
