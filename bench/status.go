package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/issuer"
)

// statusRun is one run of the measurements of statuses.
type statusRun struct {
	entries uint64 // about so many; whole lists
	burst   int    // changes at once
	single  int    // revocations one by one
}

// status measures statuses with a Redis of its own and a verifier in another process.
func status(ctx context.Context, cfg Config) ([]Metric, error) {
	if cfg.Quick {
		return statusRun{entries: 1e8, burst: 200_000, single: 200}.run(ctx, cfg)
	}
	return statusRun{entries: 1e9, burst: 1e6, single: 1000}.run(ctx, cfg)
}

// Billion loads a thousand million statuses into Redis, starts a verifier from it and revokes a
// million.
func Billion(ctx context.Context, cfg Config) (Report, error) {
	r := report(cfg)
	metrics, err := statusRun{entries: 1e9, burst: 1e6, single: 1000}.run(ctx, cfg)
	r.Metrics = metrics
	return r, err
}

// nation is the publisher's side.
type nation struct {
	store *redisstore.Store
	heads []issuer.ListHead
	rnd   *rand.Rand
}

func (s statusRun) run(ctx context.Context, cfg Config) (out []Metric, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	redis, err := backing.StartRedis(ctx, backing.RedisConfig{Args: []string{"--port", port}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, redis.Close()) }()
	url := "redis://" + redis.Addr
	store, err := redisstore.New(redisstore.Config{URL: url, Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Shutdown()) }()
	if err := store.Ready(ctx); err != nil {
		return nil, err
	}

	n := &nation{store: store, rnd: rand.New(rand.NewPCG(3, 4))}
	before, err := usedMemory(ctx, redis)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := n.load(ctx, int((s.entries+listEntries-1)/listEntries)); err != nil {
		return nil, err
	}
	loaded := time.Since(begin)
	beat, err := n.beats(ctx)
	if err != nil {
		return nil, err
	}
	after, err := usedMemory(ctx, redis)
	if err != nil {
		return nil, err
	}
	v, err := startVerifier(ctx, url)
	if err != nil {
		return nil, err
	}
	defer v.close()
	looked, err := v.measure(cfg)
	if err != nil {
		return nil, err
	}
	p50, p99, err := n.revokeEach(ctx, v, s.single)
	if err != nil {
		return nil, err
	}
	rate, err := n.revokeMany(ctx, v, s.burst)
	if err != nil {
		return nil, err
	}

	entries := float64(len(n.heads)) * listEntries
	raw := entries / 4
	inRedis, inVerifier := float64(after-before)/raw, float64(v.Bytes)/raw
	at := fmt.Sprintf("at %.3g entries of 2 bits in %d lists", entries, len(n.heads))
	if entries < 1e9 {
		at += " (the size is scaled down from 10^9)"
	}
	mega := func(b float64) string { return fmt.Sprintf("%.1f MB", b/1e6) }
	return []Metric{
		Metric{Name: "status_lookup_ratio", Value: round(looked.Ratio), Unit: "x",
			Baseline: "BITFIELD_RO a request over loopback: " + micros(looked.Plain), Ours: fmt.Sprintf("%.1f ns, %s", looked.Ours, at)}.atLeast(1000),
		{Name: "status_lookup_near_ns", Value: round(looked.Near), Unit: "ns", Ours: "in one list: what is left when memory is not waited for"},
		Metric{Name: "status_memory_ratio", Value: math.Round(max(inRedis, inVerifier)*1e4) / 1e4, Unit: "x",
			Baseline: "raw: " + mega(raw), Ours: fmt.Sprintf("used_memory of Redis with its stream %s, verifier %s, %s", mega(float64(after-before)), mega(float64(v.Bytes)), at)}.atMost(1.02),
		{Name: "revocation_p50_ms", Value: round(p50.Seconds() * 1e3), Unit: "ms",
			Ours: "acknowledged, then asked of a verifier in another process over loopback until it refuses"},
		Metric{Name: "revocation_p99_ms", Value: round(p99.Seconds() * 1e3), Unit: "ms",
			Ours: fmt.Sprintf("of %d, one by one", s.single)}.atMost(5),
		Metric{Name: "status_propagation_per_s", Value: float64(int(rate)), Unit: "/s",
			Ours: fmt.Sprintf("%d changes in batches of %d, until a verifier in another process has all", s.burst, burstBatch)}.atLeast(1e6),
		Metric{Name: "replica_cold_start_s", Value: round(v.Cold.Seconds()), Unit: "s", Ours: "from Redis over loopback, " + at}.atMost(1),
		{Name: "status_load_s", Value: round(loaded.Seconds()), Unit: "s", Ours: "into Redis, " + at},
		{Name: "status_beat_ms", Value: round(beat.Seconds() * 1e3), Unit: "ms", Ours: "one heartbeat of all lists, of two a second, " + at},
	}, nil
}

// load puts lists into Redis in which one certificate in a hundred has ended.
func (n *nation) load(ctx context.Context, lists int) error {
	list, err := statuslist.New(2, listEntries)
	if err != nil {
		return err
	}
	for range listEntries / 100 {
		if err := list.Set(n.rnd.Uint64N(listEntries), statuslist.Invalid); err != nil {
			return err
		}
	}
	raw := list.Raw()
	for i := range lists {
		h := issuer.ListHead{Name: strconv.Itoa(i + 1), Size: listEntries}
		if err := n.store.Replace(ctx, h, raw, time.Now()); err != nil {
			return err
		}
		n.heads = append(n.heads, h)
	}
	return nil
}

// beats sends heartbeats until the stream is as it is in the long run, and says what one takes.
func (n *nation) beats(ctx context.Context) (time.Duration, error) {
	var took []float64
	for range 60 {
		begin := time.Now()
		if behind, err := n.store.Beat(ctx, n.heads, time.Now()); err != nil || len(behind) > 0 {
			return 0, errors.Join(fmt.Errorf("bench: %d lists not there", len(behind)), err)
		}
		took = append(took, float64(time.Since(begin)))
	}
	return time.Duration(median(took)), nil
}

// revokeEach revokes and asks the other process, from the acknowledgement on, until it says no.
func (n *nation) revokeEach(ctx context.Context, v *otherProcess, times int) (p50, p99 time.Duration, err error) {
	var took []float64
	for i := range times {
		h := &n.heads[i%len(n.heads)]
		h.Seq++
		change := issuer.StatusChange{Seq: h.Seq, Index: n.rnd.Uint64N(listEntries), Status: statuslist.Suspended}
		if err := n.store.Apply(ctx, h.Name, h.Seq-1, h.Seq, []issuer.StatusChange{change}, time.Now()); err != nil {
			return 0, 0, err
		}
		acknowledged := time.Now()
		for said := ""; said != "2"; {
			if said, err = v.ask(fmt.Sprintf("status %s %d", h.Name, change.Index)); err != nil {
				return 0, 0, err
			}
			if time.Since(acknowledged) > 30*time.Second {
				return 0, 0, errors.New("bench: a revocation did not arrive")
			}
		}
		took = append(took, float64(time.Since(acknowledged)))
	}
	return time.Duration(median(took)), time.Duration(took[len(took)*99/100]), nil // median sorts
}

const (
	burstBatch = 1000
	burstLanes = 4
)

// revokeMany revokes in a burst over all lists and waits until the other process has all of it.
func (n *nation) revokeMany(ctx context.Context, v *otherProcess, changes int) (perSecond float64, err error) {
	said, err := v.ask("applied")
	if err != nil {
		return 0, err
	}
	had, err := strconv.Atoi(said)
	if err != nil {
		return 0, err
	}
	batches := make([][]issuer.StatusChange, changes/burstBatch)
	for i := range batches {
		h := &n.heads[i%len(n.heads)]
		for range burstBatch {
			h.Seq++
			batches[i] = append(batches[i], issuer.StatusChange{Seq: h.Seq, Index: n.rnd.Uint64N(listEntries), Status: statuslist.Invalid})
		}
	}
	begin := time.Now()
	var wait sync.WaitGroup
	errs := make([]error, burstLanes)
	for lane := range burstLanes {
		wait.Go(func() {
			for i, batch := range batches {
				if list := i % len(n.heads); list%burstLanes != lane { // a list has one lane: its changes are in order
					continue
				}
				from := batch[0].Seq - 1
				if err := n.store.Apply(ctx, n.heads[i%len(n.heads)].Name, from, from+burstBatch, batch, time.Now()); err != nil {
					errs[lane] = err
					return
				}
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	for has := 0; has < had+len(batches)*burstBatch; {
		if said, err = v.ask("applied"); err != nil {
			return 0, err
		}
		if has, err = strconv.Atoi(said); err != nil {
			return 0, err
		}
		if time.Since(begin) > 2*time.Minute {
			return 0, fmt.Errorf("bench: %d of %d changes arrived by the stream", has-had, changes)
		}
	}
	return float64(len(batches)*burstBatch) / time.Since(begin).Seconds(), nil
}

var memoryLine = regexp.MustCompile(`(?m)^(used_memory|mem_clients_normal):(\d+)`)

// usedMemory is what Redis has allocated, without the buffers of connections, which come and go.
func usedMemory(ctx context.Context, r *backing.Redis) (int64, error) {
	text, err := r.Do(ctx, "INFO", "memory")
	if err != nil {
		return 0, err
	}
	figures := map[string]int64{}
	for _, found := range memoryLine.FindAllStringSubmatch(fmt.Sprint(text), -1) {
		if figures[found[1]], err = strconv.ParseInt(found[2], 10, 64); err != nil {
			return 0, err
		}
	}
	if figures["used_memory"] == 0 {
		return 0, errors.New("bench: Redis does not tell its memory")
	}
	return figures["used_memory"] - figures["mem_clients_normal"], nil
}

// otherProcess is a verifier in a process of its own, and a connection to it.
type otherProcess struct {
	startedVerifier
	cmd  *exec.Cmd
	conn net.Conn
	in   *bufio.Reader
}

// startVerifier starts this program again, as a verifier.
func startVerifier(ctx context.Context, redis string) (*otherProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "bench-verifier", redis) //nolint:gosec // this program itself
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	v := &otherProcess{cmd: cmd}
	if err := json.NewDecoder(out).Decode(&v.startedVerifier); err != nil {
		v.close()
		return nil, fmt.Errorf("bench: the verifier did not start: %w: %s", err, said.String())
	}
	if v.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", v.Addr); err != nil {
		v.close()
		return nil, err
	}
	v.in = bufio.NewReader(v.conn)
	return v, nil
}

func (v *otherProcess) ask(line string) (string, error) {
	if _, err := fmt.Fprintln(v.conn, line); err != nil {
		return "", err
	}
	said, err := v.in.ReadString('\n')
	return strings.TrimSpace(said), err
}

func (v *otherProcess) measure(cfg Config) (l lookedUp, err error) {
	rounds, slice := cfg.rounds()
	said, err := v.ask(fmt.Sprintf("measure %d %d", rounds, slice.Milliseconds()))
	if err == nil {
		err = json.Unmarshal([]byte(said), &l)
	}
	return l, err
}

func (v *otherProcess) close() {
	if v.conn != nil {
		_ = v.conn.Close()
	}
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}
