package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// moody is a server that says what it is told to for a number of commands, and OK afterwards.
type moody struct {
	addr string
	line atomic.Pointer[string] // the answer, or "" to hang up
	left atomic.Int64           // how often
	seen atomic.Int64
}

func startMoody(t *testing.T) *moody {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &moody{addr: l.Addr().String()}
	var group sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			group.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return m
}

func (m *moody) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		name, err := readCommand(in)
		if err != nil {
			return
		}
		answer := "+OK"
		switch {
		case name == "HELLO":
			answer = "-ERR unknown command"
		case name == "SET" && m.left.Add(-1) >= 0:
			m.seen.Add(1)
			if answer = *m.line.Load(); answer == "" {
				return
			}
		case name == "SET":
			m.seen.Add(1)
		}
		if _, err := io.WriteString(c, answer+"\r\n"); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings and returns the first.
func readCommand(in *bufio.Reader) (name string, err error) {
	number := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	parts, err := number()
	for i := 0; i < parts && err == nil; i++ {
		var size int
		if size, err = number(); err != nil {
			break
		}
		text := make([]byte, size+2)
		if _, err = io.ReadFull(in, text); i == 0 {
			name = strings.ToUpper(string(text[:size]))
		}
	}
	return name, err
}

// What passes is waited for; what does not ends as an error that says "later", within the call's
// time; what somebody else must mend is not tried again.
func TestPatience(t *testing.T) {
	m := startMoody(t)
	put := func(s *redisstore.Store) error {
		return s.PutTicket(t.Context(), [32]byte{1}, wallet.Ticket{ShowID: "a"}, time.Hour)
	}
	ask := func(s *redisstore.Store, line string, times int64) (asked int64, err error) {
		m.line.Store(&line)
		m.left.Store(times)
		m.seen.Store(0)
		err = put(s)
		return m.seen.Load(), err
	}
	for _, line := range []string{
		"-LOADING Redis is loading the dataset in memory", "-READONLY You can't write against a read only replica.", "-CLUSTERDOWN The cluster is down",
		"-CLUSTERDOWN Hash slot not served", "-TRYAGAIN Multiple keys request during rehashing of slot", "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"-NOREPLICAS Not enough good replicas to write.", "-BUSY Redis is busy running a script.", "-ERR max number of clients reached", "",
	} {
		s := open(t, redisstore.Config{URL: "redis://" + m.addr})
		asked, err := ask(s, line, 3)
		require.NoError(t, err, line)
		require.EqualValues(t, 4, asked, line)
		asked, err = ask(s, line, 1<<20)
		require.Error(t, err, line)
		requireUnavailable(t, err)
		require.EqualValues(t, 7, asked, line)
	}
	for line, later := range map[string]bool{
		"-OOM command not allowed when used memory > 'maxmemory'.":                                          true,
		"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.": true,
		"-WRONGTYPE Operation against a key holding the wrong kind of value":                                false,
		"-NOPERM No permissions to access a key":                                                            false,
		"-ERR syntax error":                                                                                 false,
	} {
		s := open(t, redisstore.Config{URL: "redis://" + m.addr})
		asked, err := ask(s, line, 1<<20)
		require.Error(t, err, line)
		require.EqualValues(t, 1, asked, line)
		if later {
			requireUnavailable(t, err)
		} else {
			var away net.Error
			require.NotErrorAs(t, err, &away, line)
		}
	}

	// Never beyond the call's time.
	s := open(t, redisstore.Config{URL: "redis://" + m.addr, Timeout: 30 * time.Millisecond})
	asked, err := ask(s, "-LOADING Redis is loading the dataset in memory", 1<<20)
	requireUnavailable(t, err)
	require.Less(t, asked, int64(7))

	// After two seconds without a good answer each call tries once: nobody waits for what is away.
	away := open(t, redisstore.Config{URL: "redis://" + m.addr})
	require.Eventually(t, func() bool {
		asked, err := ask(away, "", 1<<20)
		return err != nil && asked == 1
	}, aWhile, time.Millisecond)
	_, err = ask(away, "", 0)
	require.NoError(t, err)
	asked, err = ask(away, "", 3)
	require.NoError(t, err)
	require.EqualValues(t, 4, asked, "and then it is patient again")
}

// A slot moves from one node to another while its keys are used: ASK in the middle, MOVED at the end.
func TestMovingSlot(t *testing.T) {
	ctx := t.Context()
	cluster := redistest.Cluster(t)
	s := open(t, redisstore.Config{URL: cluster.URL})
	const stays, goes = "showcard:{show:a}", "showcard:{status:1}"
	putList(t, s, "1", 8, 3, []byte{0xff, 0xff})
	from, err := cluster.Serving(ctx, goes)
	require.NoError(t, err)
	var to *backing.Redis
	for _, node := range cluster.Nodes[:3] {
		if node != from {
			to = node
		}
	}
	do := func(node *backing.Redis, args ...any) string { return fmt.Sprint(redistest.Use(t, node).Do(args...)) }
	slot := do(from, "CLUSTER", "KEYSLOT", goes)
	require.NotEqual(t, slot, do(from, "CLUSTER", "KEYSLOT", stays))
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", do(from, "CLUSTER", "MYID"))
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", do(to, "CLUSTER", "MYID"))
	requireEntry(t, s, "1", 7, 3)
	host, port, err := net.SplitHostPort(to.Addr)
	require.NoError(t, err)
	do(from, "MIGRATE", host, port, goes, 0, 5000)

	requireEntry(t, s, "1", 7, 3)
	require.NoError(t, s.Apply(ctx, "1", 3, 4, []issuer.StatusChange{{Seq: 4, Index: 7, Status: 1}}, asOf))
	requireEntry(t, s, "1", 7, 1)
	require.NoError(t, s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour))

	for _, node := range cluster.Nodes[:3] {
		do(node, "CLUSTER", "SETSLOT", slot, "NODE", do(to, "CLUSTER", "MYID"))
	}
	requireEntry(t, s, "1", 7, 1)
	require.NoError(t, s.Apply(ctx, "1", 4, 4, nil, asOf))
	now, err := cluster.Serving(ctx, goes)
	require.NoError(t, err)
	require.Same(t, to, now)
}

// The bell over a cluster and over Sentinel: events arrive from any process, a listener is told when
// its server is gone, also when that only stops answering, and hears again from the next.
func TestBellThroughFailovers(t *testing.T) {
	for name, at := range map[string]site{"cluster": clusterSite(t), "sentinel": sentinelSite(t)} {
		t.Run(name, func(t *testing.T) {
			near, far := open(t, redisstore.Config{URL: at.url, Timeout: time.Second}), open(t, redisstore.Config{URL: at.url, Timeout: time.Second})
			events, stop, err := near.Listen(t.Context(), "person:p")
			require.NoError(t, err)
			defer stop()
			hear := func(want string) {
				t.Helper()
				patience := time.After(2 * aWhile)
				for {
					select {
					case e := <-events:
						if e.Kind == want {
							return
						}
					case <-patience:
						require.FailNow(t, "not heard: "+want)
					}
				}
			}
			ring := func() {
				t.Helper()
				require.Eventually(t, func() bool {
					return far.Ring(context.Background(), "person:p", wallet.Event{Kind: wallet.EventAsk}) == nil
				}, aWhile, 10*time.Millisecond)
			}
			ring()
			hear(wallet.EventAsk)
			bellsOn := at.hearing(t, "person:p")
			require.NoError(t, bellsOn.Pause())
			hear(wallet.EventResync)
			ring()
			hear(wallet.EventAsk)
			require.NoError(t, bellsOn.Resume())
			at.whole(t)
			require.NoError(t, at.hearing(t, "person:p").Kill())
			hear(wallet.EventResync)
			ring()
			hear(wallet.EventAsk)
		})
	}
}
