package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// differ asks everybody the same.
type differ struct {
	corpus *corpus
	reader *reader
	seed   uint64
	peers  []*peer
	asked  uint64
	kinds  int             // how many disagreements with different answers to look for before stopping
	found  []*disagreement // those
	codes  map[string]int  // of Go, how often each

	progress io.Writer // nil: silence
}

func newDiffer(c *corpus, seed uint64) (*differ, error) {
	r, err := newReader()
	if err != nil {
		return nil, err
	}
	return &differ{corpus: c, reader: r, seed: seed, kinds: 1, codes: map[string]int{}}, nil
}

func (d *differ) names() []string {
	out := []string{"go"}
	for _, p := range d.peers {
		out = append(out, p.name)
	}
	return out
}

// disagreement is a case that has several answers.
type disagreement struct {
	seed, number uint64
	vector       vector
	from         recipe
	names        []string
	answers      []string
}

// String is what is to be known of it, and the file.
func (d *disagreement) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "disagreement: seed %d, case %d\n", d.seed, d.number)
	for i, name := range d.names {
		fmt.Fprintf(&b, "  %-5s %s\n", name, d.answers[i])
	}
	steps := make([]string, len(d.from.changes))
	for i, s := range d.from.changes {
		steps[i] = s.name
	}
	fmt.Fprintf(&b, "  made from %s/%s by %s\n", d.vector.Profile, d.vector.Name, strings.Join(steps, ", "))
	v := d.vector
	v.Name, v.Comment = "new-name", fmt.Sprintf("found by differ, seed %d, case %d", d.seed, d.number)
	v.Expect, _, _ = strings.Cut(d.answers[0], " ")
	file, err := v.file()
	if err != nil {
		file = []byte(err.Error())
	}
	b.Write(file)
	return b.String()
}

const together = 64 // cases that are on their way at once

// search asks for the vectors themselves first, and then for cases, until everybody agreed about all,
// or the disagreements are as many as wanted: one, usually.
func (d *differ) search(ctx context.Context, from, cases uint64) error {
	for i, v := range d.corpus.vectors {
		found, err := d.compare([]vector{v}, []uint64{0}, []recipe{{base: i}})
		if err != nil || d.enough(found) {
			return err
		}
		// What a vector says is expected is the answer.
		if got := d.reader.answer(v).Code; got != v.Expect {
			return fmt.Errorf("%s/%s: %s, want %s", v.Profile, v.Name, got, v.Expect)
		}
	}
	for d.asked < cases && ctx.Err() == nil {
		var batch []vector
		var numbers []uint64
		var recipes []recipe
		for range min(together, cases-d.asked) {
			n := from + d.asked
			d.asked++
			made := d.corpus.recipe(d.seed, n)
			batch, numbers, recipes = append(batch, d.corpus.cook(made)), append(numbers, n), append(recipes, made)
		}
		found, err := d.compare(batch, numbers, recipes)
		if err != nil || d.enough(found) {
			return err
		}
		if d.progress != nil && d.asked%(1<<13) == 0 {
			fmt.Fprintf(d.progress, "differ: seed %d, %d cases, %d disagreements\n", d.seed, d.asked, len(d.found))
		}
	}
	return nil
}

// enough keeps, of the disagreements, those with answers that were not met before, made small. It says
// when to stop: when there are as many as wanted, or when a process has died.
func (d *differ) enough(found []*disagreement) bool {
	for _, one := range found {
		if slices.ContainsFunc(d.found, func(old *disagreement) bool { return slices.Equal(old.kind(), one.kind()) }) {
			continue
		}
		if one.crash() {
			d.found = append(d.found, one)
			return true
		}
		d.found = append(d.found, d.shrink(one))
		if len(d.found) >= d.kinds {
			return true
		}
	}
	return false
}

// kind is the answers without what was read.
func (d *disagreement) kind() []string {
	out := slices.Clone(d.answers)
	for i := range out {
		out[i], _, _ = strings.Cut(out[i], " ")
	}
	return out
}

// crash says that somebody threw or died.
func (d *disagreement) crash() bool {
	return slices.ContainsFunc(d.answers, func(a string) bool { return strings.HasPrefix(a, "crash") })
}

// ask has the answers of everybody, Go first.
func (d *differ) ask(batch []vector) ([][]string, error) {
	lines := make([][]byte, len(batch))
	for i, v := range batch {
		var err error
		if lines[i], err = v.line(); err != nil {
			return nil, err
		}
	}
	all := make([][]string, len(d.peers)+1)
	var wg sync.WaitGroup
	for i, p := range d.peers {
		wg.Go(func() { all[i+1] = p.ask(lines) })
	}
	all[0] = make([]string, len(batch))
	for i, v := range batch {
		all[0][i] = d.reader.answer(v).String()
	}
	wg.Wait()
	return all, nil
}

// compare gives the cases about which there is more than one answer.
func (d *differ) compare(batch []vector, numbers []uint64, recipes []recipe) (out []*disagreement, err error) {
	all, err := d.ask(batch)
	if err != nil {
		return nil, err
	}
	for i := range batch {
		answers := make([]string, len(all))
		for j := range all {
			answers[j] = all[j][i]
		}
		code, _, _ := strings.Cut(answers[0], " ")
		d.codes[code]++
		if slices.ContainsFunc(answers, func(a string) bool { return a != answers[0] }) {
			out = append(out, &disagreement{d.seed, numbers[i], batch[i], recipes[i], d.names(), answers})
		}
	}
	return out, nil
}

// shrink leaves out changes as long as there is a disagreement.
func (d *differ) shrink(found *disagreement) *disagreement {
	for i := 0; i < len(found.from.changes); {
		less := found.from
		less.changes = slices.Delete(slices.Clone(less.changes), i, i+1)
		smaller, err := d.compare([]vector{d.corpus.cook(less)}, []uint64{found.number}, []recipe{less})
		if err != nil || len(smaller) == 0 || smaller[0].crash() {
			i++
			continue
		}
		found = smaller[0]
	}
	return found
}

// answerLines is Go as a peer.
func answerLines(in io.Reader, out io.Writer) error {
	r, err := newReader()
	if err != nil {
		return err
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var v vector
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			return err
		}
		line, err := json.Marshal(r.answer(v))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
			return err
		}
	}
	return s.Err()
}
