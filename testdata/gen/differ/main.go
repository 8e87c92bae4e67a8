// Command differ looks for inputs about which the implementations of the formats disagree. It takes
// the vectors of testdata/vectors, changes them in ways that a seed decides, and asks Go (this
// process), TypeScript and Java (a process each, which answers vectors line by line) for the code of
// each. At the first disagreement it stops, leaves out every change that the disagreement does not
// need, and prints the case as a file for testdata/vectors, with the answers.
//
// Much of what it makes is signed anew, with the keys of testdata/keys: what a malicious issuer,
// authority, wallet or device could sign, so that faults behind a signature are reached as well.
//
//	differ -ts "node sdk/ts/scripts/answer.mjs" -java "$(make -s -C sdk/java runner)" -cases 100000
//
// The seed and the number of a case decide it to the last bit.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// commands are those of the peers, by name.
type commands map[string]*string

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("differ", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("testdata", "testdata", "folder with vectors and keys")
	seed := flags.Uint64("seed", 1, "decides which cases are made")
	from := flags.Uint64("from", 0, "number of the first case")
	cases := flags.Uint64("cases", 10000, "how many")
	bound := flags.Duration("time", 0, "and for how long at most; 0: no bound")
	kinds := flags.Int("kinds", 1, "how many disagreements with different answers to look for before stopping")
	answer := flags.Bool("answer", false, "answer vectors on standard input instead, as a peer does")
	peers := commands{"ts": flags.String("ts", "", "command that answers for TypeScript"), "java": flags.String("java", "", "command that answers for Java")}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	fail := func(err error) int {
		fmt.Fprintln(stderr, "differ:", err)
		return 1
	}
	if *answer {
		if err := answerLines(os.Stdin, stdout); err != nil {
			return fail(err)
		}
		return 0
	}
	c, err := load(*root)
	if err != nil {
		return fail(err)
	}
	d, err := newDiffer(c, *seed)
	if err != nil {
		return fail(err)
	}
	for _, name := range []string{"ts", "java"} {
		if *peers[name] == "" {
			continue
		}
		p, err := start(name, *peers[name])
		if err != nil {
			return fail(err)
		}
		d.peers = append(d.peers, p)
	}
	if len(d.peers) == 0 {
		return fail(fmt.Errorf("nobody to compare with: give -ts or -java"))
	}
	if *bound > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *bound)
		defer cancel()
	}
	began := time.Now()
	d.kinds, d.progress = *kinds, stderr
	err = d.search(ctx, *from, *cases)
	for _, p := range d.peers {
		if e := p.stop(); e != nil && err == nil && len(d.found) == 0 {
			err = fmt.Errorf("%s: %w", p.name, e)
		}
	}
	if err != nil {
		return fail(err)
	}
	for _, one := range d.found {
		_, _ = io.WriteString(stdout, one.String())
	}
	if len(d.found) > 0 {
		fmt.Fprintln(stdout, "FAIL  differ")
		return 1
	}
	fmt.Fprintf(stdout, "differ: seed %d, %d vectors and %d cases, %d codes, %d valid, one answer to each from go, %s; %s\n",
		*seed, len(c.vectors), d.asked, len(d.codes), d.codes[valid], strings.Join(d.names()[1:], ", "), time.Since(began).Round(time.Second))
	fmt.Fprintln(stdout, "ok    differ")
	return 0
}
