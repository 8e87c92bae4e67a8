package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/showcard/showcard/bench/plain/statuslookup"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/internal/store/redisstore"
)

// listEntries is how many entries a list has, as the issuer's have.
const listEntries = 1<<20 - 256

// startedVerifier is what a verifier process tells when it has every list.
type startedVerifier struct {
	Addr  string        `json:"addr"`  // where it answers
	Cold  time.Duration `json:"cold"`  // from nothing to every list
	Bytes int64         `json:"bytes"` // memory that the lists took, everything that came with them included
	Lists int           `json:"lists"`
}

// lookedUp is what it took to look up, ns for each, ours and the plain way in turn.
type lookedUp struct {
	Plain float64 `json:"plain"`
	Ours  float64 `json:"ours"`
	Near  float64 `json:"near"`
	Ratio float64 `json:"ratio"`
}

// Verifier is the other process of the measurements of statuses: a verifier that starts from Redis,
// says on out when it has every list, and answers questions over loopback until ctx ends.
func Verifier(ctx context.Context, url string, out io.Writer) error {
	store, err := redisstore.New(redisstore.Config{URL: url, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = store.Shutdown() }()
	if err := store.Ready(ctx); err != nil {
		return err
	}
	before := held()
	begin := time.Now()
	r, err := replica.New(replica.Config{Source: store, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() {
		cancel()
		_ = <-ended //nolint:staticcheck // nil: it was called off
	}()
	if err := r.Warm(ctx); err != nil {
		return err
	}
	told := startedVerifier{Cold: time.Since(begin), Bytes: held() - before, Lists: r.Stats().Lists}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	context.AfterFunc(ctx, func() { _ = l.Close() })
	told.Addr = l.Addr().String()
	if err := json.NewEncoder(out).Encode(told); err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = c.Close() }()
			_ = answer(ctx, c, r, url)
		}()
	}
}

// held is the memory that this process has of the system, without what it would give back.
func held() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// answer answers lines: "status LIST INDEX", "applied", "measure ROUNDS MILLISECONDS".
func answer(ctx context.Context, c net.Conn, r *replica.Replica, url string) error {
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		var err error
		switch word {
		case "status":
			var list string
			var index uint64
			if _, err = fmt.Sscan(rest, &list, &index); err != nil {
				return err
			}
			status, _, known, lookErr := r.Lookup(ctx, list, index)
			if lookErr != nil || !known {
				return errors.Join(errors.New("unknown"), lookErr)
			}
			_, err = fmt.Fprintln(c, status)
		case "applied":
			_, err = fmt.Fprintln(c, r.Stats().Applied)
		case "measure":
			var got lookedUp
			var rounds, millis int
			if _, err = fmt.Sscan(rest, &rounds, &millis); err != nil {
				return err
			}
			if got, err = lookups(ctx, r, url, rounds, time.Duration(millis)*time.Millisecond); err == nil {
				err = json.NewEncoder(c).Encode(got)
			}
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// lookups compares: a certificate anywhere, by the name of its list and its index.
func lookups(ctx context.Context, r *replica.Replica, url string, rounds int, slice time.Duration) (lookedUp, error) {
	plain, err := statuslookup.New(url)
	if err != nil {
		return lookedUp{}, err
	}
	defer func() { _ = plain.Close() }()
	names := r.Names()
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = "showcard:{status:" + name + "}"
	}
	const many = 200 // of ours at a time, or the clock would cost as much
	var failed atomic.Int64
	rnd := rand.New(rand.NewPCG(1, 2))
	anywhere := func() (list int, index uint64) {
		n := rnd.Uint64()
		return int(n >> 32 % uint64(len(names))), n & (1<<32 - 1) % listEntries
	}
	baseline := func() {
		list, index := anywhere()
		if _, err := plain.Status(ctx, keys[list], index); err != nil {
			failed.Add(1)
		}
	}
	ours := func() {
		for range many {
			list, index := anywhere()
			if _, _, known, err := r.Lookup(ctx, names[list], index); err != nil || !known {
				failed.Add(1)
			}
		}
	}
	near := func() { // in one list, which stays in the processor's cache
		for range many {
			_, index := anywhere()
			if _, _, known, err := r.Lookup(ctx, names[0], index); err != nil || !known {
				failed.Add(1)
			}
		}
	}
	var b, o, n, ratios []float64
	for range rounds {
		x, y := each(slice, baseline), each(time.Millisecond, ours)/many
		b, o, n, ratios = append(b, x), append(o, y), append(n, each(time.Millisecond, near)/many), append(ratios, x/y)
	}
	if failed.Load() > 0 {
		return lookedUp{}, fmt.Errorf("bench: %d look-ups failed", failed.Load())
	}
	return lookedUp{median(b), median(o), median(n), median(ratios)}, nil
}
