package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// counts is how far a push is.
type counts struct {
	Sent     int64 // rows that have left us
	Total    int64 // rows of the file
	Accepted int64 // by the server, so far
	Rejected int64
}

// progress shows counts: on a terminal one line that moves, elsewhere a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	quiet    bool
	now      func() time.Time

	mu      sync.Mutex
	began   time.Time
	shown   time.Time
	drawn   int // columns of the line on the screen
	current counts
}

const (
	redraw    = 100 * time.Millisecond
	plainLine = 10 * time.Second
	barWidth  = 20
)

func newProgress(w io.Writer, quiet bool, now func() time.Time) *progress {
	return &progress{w: w, terminal: isTerminal(w), quiet: quiet, now: now, began: now(), shown: now()}
}

// isTerminal says whether a person looks at w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// set changes the counts and draws when it is time to.
func (p *progress) set(change func(*counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.current)
	every := plainLine
	if p.terminal {
		every = redraw
	}
	if now := p.now(); !p.quiet && now.Sub(p.shown) >= every {
		p.shown = now
		p.draw(now)
	}
}

func (p *progress) draw(now time.Time) {
	if !p.terminal {
		fmt.Fprintln(p.w, p.current.plain(now.Sub(p.began)))
		return
	}
	line := p.current.bar(now.Sub(p.began))
	pad := max(p.drawn-len(line), 0)
	p.drawn = len(line)
	fmt.Fprint(p.w, "\r", line, strings.Repeat(" ", pad))
}

// say prints a line of its own, above the bar.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		return
	}
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *progress) clear() {
	if p.terminal && p.drawn > 0 {
		fmt.Fprint(p.w, "\r", strings.Repeat(" ", p.drawn), "\r")
		p.drawn = 0
	}
}

// end takes the bar away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (c counts) rate(elapsed time.Duration) int64 {
	if elapsed < time.Millisecond {
		return 0
	}
	return int64(float64(c.Sent) / elapsed.Seconds())
}

// bar is at most 79 columns of ASCII, so that it never wraps.
func (c counts) bar(elapsed time.Duration) string {
	share := 0.0
	if c.Total > 0 {
		share = min(float64(c.Sent)/float64(c.Total), 1)
	}
	full := int(share * barWidth)
	line := fmt.Sprintf("%3.0f%% [%s%s] %s/%s rows %s/s ok %s refused %s", share*100,
		strings.Repeat("#", full), strings.Repeat(".", barWidth-full), short(c.Sent), short(c.Total), short(c.rate(elapsed)), short(c.Accepted), short(c.Rejected))
	if rate := c.rate(elapsed); rate > 0 && c.Sent < c.Total {
		line += " " + clock(time.Duration(float64(c.Total-c.Sent)/float64(rate)*float64(time.Second)))
	}
	return line
}

func (c counts) plain(elapsed time.Duration) string {
	return fmt.Sprintf("%d of %d rows sent, %d accepted, %d refused, %d rows/s", c.Sent, c.Total, c.Accepted, c.Rejected, c.rate(elapsed))
}

// short writes a number in at most six characters.
func short(n int64) string {
	switch {
	case n < 100_000:
		return fmt.Sprint(n)
	case n < 10_000_000:
		return fmt.Sprintf("%dk", n/1000)
	default:
		return fmt.Sprintf("%dM", n/1_000_000)
	}
}

func clock(d time.Duration) string {
	s := int64(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
