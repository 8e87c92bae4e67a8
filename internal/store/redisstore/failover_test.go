package redisstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/backing"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// site is a Redis that survives the loss of a server.
type site struct {
	url string
	// serving is the server that has the status list now.
	serving func() *backing.Redis // nil while there is none
	whole   func(t *testing.T)
	servers []*backing.Redis
}

// hearing is the server that somebody listens on.
func (at site) hearing(t *testing.T, topic string) (found *backing.Redis) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, one := range at.servers {
			if n, err := one.Do(t.Context(), "PUBSUB", "NUMSUB", "showcard:bell:"+topic); err == nil && strings.HasSuffix(fmt.Sprint(n), " 1]") {
				found = one
				return true
			}
		}
		return false
	}, aWhile, 10*time.Millisecond)
	return found
}

func clusterSite(t *testing.T) site {
	c := redistest.Cluster(t)
	return site{
		url:     c.URL,
		servers: c.Nodes,
		serving: func() *backing.Redis {
			r, err := c.Serving(t.Context(), "showcard:{status:1}")
			if err != nil {
				return nil
			}
			return r
		},
		whole: func(t *testing.T) { require.NoError(t, c.AwaitWhole(t.Context())) },
	}
}

func sentinelSite(t *testing.T) site {
	s := redistest.Sentinel(t)
	return site{
		url:     s.URL,
		servers: s.Servers,
		serving: func() *backing.Redis {
			r, err := s.Master(t.Context())
			if err != nil {
				return nil
			}
			return r
		},
		whole: func(t *testing.T) { require.NoError(t, s.AwaitReplicas(t.Context())) },
	}
}

// A master dies while shows are put, claimed and verified and certificates are revoked; its replica
// takes over; it comes back; then the new one dies as well.
func TestClusterLosesMasters(t *testing.T)  { losesMasters(t, clusterSite(t)) }
func TestSentinelLosesMasters(t *testing.T) { losesMasters(t, sentinelSite(t)) }

func losesMasters(t *testing.T, at site) {
	l := newLoad(t, at.url)
	l.start()
	for _, how := range []string{"killed", "paused"} {
		l.work(t, 150)
		victim := at.serving()
		require.NotNil(t, victim)
		if how == "killed" {
			require.NoError(t, victim.Kill())
		} else {
			require.NoError(t, victim.Pause()) // its connections stay, and its port
		}
		begin := time.Now()
		require.Eventually(t, func() bool { now := at.serving(); return now != nil && now != victim }, aWhile, 20*time.Millisecond)
		promoted := time.Now()
		l.work(t, 150)
		_, _, known, err := l.stores[0].Lookup(t.Context(), "1", 0)
		require.NoError(t, err)
		require.True(t, known, "the list is there again")
		t.Logf("%s: the replica was promoted after %v; %v later 150 more shows were accepted", how, promoted.Sub(begin), time.Since(promoted))
		if how == "killed" {
			require.NoError(t, victim.Start(context.Background()))
		} else {
			require.NoError(t, victim.Resume())
		}
		at.whole(t)
	}
	l.work(t, 150)
	l.finish(t)
}

// load is two processes with a Redis and a record that they share.
type load struct {
	t        *testing.T
	stores   [2]*redisstore.Store
	record   *sqlstore.Store
	stop     context.CancelFunc
	ctx      context.Context
	group    sync.WaitGroup
	accepted sync.Map // show -> *atomic.Int64
	total    atomic.Int64
	spent    atomic.Int64 // claims that Redis let through and the record did not
	failed   atomic.Int64 // calls that Redis could not answer
	unknown  atomic.Int64 // look-ups without an answer that counts
	beats    atomic.Int64
	truth    truth
}

// truth is what the database says of the status list: entry i is revoked by change i+1.
type truth struct {
	mu    sync.Mutex
	acked []time.Time // when the cache had said that it has change i+1
}

// maxAge is how old an answer may be that counts. It is shorter than what the servers need to agree
// that one of them is gone: what a promoted replica has not heard of is too old to be believed.
const maxAge = time.Second

const loadEntries = 4096

func newLoad(t *testing.T, url string) *load {
	t.Helper()
	dir := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), unlock)
	require.NoError(t, err)
	l := &load{t: t}
	l.record, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(dir, "data", "showcard.db"), Keys: keys})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.record.Close()) })
	for i := range l.stores {
		l.stores[i], err = redisstore.New(redisstore.Config{URL: url}) // with the patience of production
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.stores[i].Shutdown()) })
	}
	require.Eventually(t, func() bool { return l.stores[0].Ready(t.Context()) == nil }, aWhile, 10*time.Millisecond)
	return l
}

func (l *load) start() {
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.t.Cleanup(func() { l.stop(); l.group.Wait() })
	for w := range 6 {
		l.group.Go(func() {
			for n := 0; l.ctx.Err() == nil; n++ {
				l.show(fmt.Sprintf("show-%d-%d", w, n))
			}
		})
	}
	l.group.Go(l.publish)
	for i := range 2 {
		l.group.Go(func() { l.lookUp(l.stores[i]) })
	}
}

// away judges an error: a server that is being replaced may only lead to such as say "again, later".
func (l *load) away(err error) {
	var unreachable net.Error
	if l.ctx.Err() == nil && !errors.As(err, &unreachable) && !errors.Is(err, context.DeadlineExceeded) {
		l.t.Errorf("an error of another kind: %v", err)
	}
	l.failed.Add(1)
}

// show puts one, and three scanners fight for it until each knows how it ended.
func (l *load) show(id string) {
	digest := sha256.Sum256([]byte(id))
	if err := l.stores[0].PutShow(l.ctx, wallet.Show{ID: id, PersonID: "p-" + id}, time.Minute); err != nil {
		l.away(err)
		return
	}
	if err := l.stores[1].PutTicket(l.ctx, digest, wallet.Ticket{ShowID: id}, time.Minute); err != nil {
		l.away(err)
		return
	}
	var scanners sync.WaitGroup
	for i := range 3 {
		scanners.Go(func() {
			for try := 0; l.ctx.Err() == nil && !l.scan(l.stores[i%2], id, digest, fmt.Sprintf("scanner-%d", i), try); try++ {
			}
		})
	}
	scanners.Wait()
}

// scan is what a verifier does with a code; it returns whether there is an answer.
func (l *load) scan(s *redisstore.Store, id string, digest [32]byte, scanner string, try int) bool {
	ticket, err := s.Ticket(l.ctx, digest)
	if errors.Is(err, wallet.ErrTicketUnknown) {
		return true // lost with the master
	}
	if err == nil {
		var closed bool
		_, closed, err = s.Show(l.ctx, ticket.ShowID)
		if closed || errors.Is(err, wallet.ErrShowUnknown) {
			return true
		}
	}
	if err == nil {
		err = s.Claim(l.ctx, id, scanner, time.Second)
		if errors.Is(err, wallet.ErrTicketTaken) || errors.Is(err, wallet.ErrShowUnknown) {
			return true
		}
	}
	if err != nil {
		l.away(err)
		return false
	}
	err = l.record.Record(context.Background(), verifier.Verification{
		ID: fmt.Sprintf("%s/%s/%d", id, scanner, try), At: time.Now(), Caller: scanner, Party: "bank", ShowID: id, Ticket: digest,
		Purpose: "account-opening", Outcome: "valid", Via: "code",
	})
	switch {
	case err == nil:
		n, _ := l.accepted.LoadOrStore(id, &atomic.Int64{})
		n.(*atomic.Int64).Add(1)
		l.total.Add(1)
	case errors.Is(err, verifier.ErrSpent):
		l.spent.Add(1)
	default:
		l.t.Error(err)
	}
	if err := s.Close(l.ctx, id, time.Minute); err != nil {
		l.away(err) // the record has it
	}
	return true
}

// publish revokes one entry after the other, as the issuer's publisher does: from where the cache
// says that it is, or the whole list when it does not know.
func (l *load) publish() {
	s := l.stores[0]
	for seq := uint64(0); l.ctx.Err() == nil; {
		asOf := time.Now()
		if seq < loadEntries && l.beats.Add(1)%4 == 0 {
			seq++
		}
		err := l.carry(s, seq, asOf)
		if errors.Is(err, issuer.ErrCacheGap) {
			continue
		}
		if err != nil {
			l.away(err)
		} else {
			l.truth.mu.Lock()
			for uint64(len(l.truth.acked)) < seq {
				l.truth.acked = append(l.truth.acked, time.Now())
			}
			l.truth.mu.Unlock()
		}
		select {
		case <-l.ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *load) carry(s *redisstore.Store, seq uint64, asOf time.Time) error {
	applied, ok, err := s.Applied(l.ctx, "1")
	if err != nil {
		return err
	}
	if !ok || applied > seq {
		list, err := statuslist.New(2, loadEntries)
		if err != nil {
			return err
		}
		for i := range seq {
			if err := list.Set(i, statuslist.Invalid); err != nil {
				return err
			}
		}
		return s.Replace(l.ctx, issuer.ListHead{Name: "1", Size: loadEntries, Seq: seq}, list.Raw(), asOf)
	}
	var changes []issuer.StatusChange
	for n := applied + 1; n <= seq; n++ {
		changes = append(changes, issuer.StatusChange{Seq: n, Index: n - 1, Status: statuslist.Invalid})
	}
	return s.Apply(l.ctx, "1", applied, seq, changes, asOf)
}

// lookUp asks for the entries that were revoked last. An answer that counts must be right.
func (l *load) lookUp(s *redisstore.Store) {
	for n := 0; l.ctx.Err() == nil; n++ {
		l.truth.mu.Lock()
		last := len(l.truth.acked)
		var acked time.Time
		if last > 0 {
			last -= min(last, 1+n%8)
			acked = l.truth.acked[last]
		}
		l.truth.mu.Unlock()
		if acked.IsZero() {
			continue
		}
		begin := time.Now()
		status, asOf, known, err := s.Lookup(l.ctx, "1", uint64(last))
		switch {
		case err != nil:
			l.away(err)
			l.unknown.Add(1)
		case !known, time.Since(asOf) > maxAge:
			l.unknown.Add(1)
		case status == uint8(statuslist.Valid) && begin.Sub(acked) > time.Second:
			l.t.Errorf("entry %d is called valid as of %v, %v after its revocation was acknowledged", last, asOf, begin.Sub(acked))
		}
	}
}

// work waits until so many more shows were accepted.
func (l *load) work(t *testing.T, more int64) {
	t.Helper()
	goal := l.total.Load() + more
	require.Eventually(t, func() bool { return l.total.Load() >= goal }, 2*aWhile, 10*time.Millisecond, "%d more wanted, %d calls failed", goal-l.total.Load(), l.failed.Load())
}

func (l *load) finish(t *testing.T) {
	t.Helper()
	l.stop()
	l.group.Wait()
	shows := 0
	l.accepted.Range(func(id, n any) bool {
		require.EqualValues(t, 1, n.(*atomic.Int64).Load(), id)
		found, err := l.record.ByTicket(t.Context(), sha256.Sum256([]byte(id.(string))))
		require.NoError(t, err)
		require.Equal(t, id, found.ShowID)
		shows++
		return true
	})
	require.EqualValues(t, l.total.Load(), shows)
	require.Positive(t, l.failed.Load(), "nobody noticed")
	t.Logf("%d shows accepted once; %d claims let through and refused by the record; %d calls failed; %d look-ups without an answer",
		shows, l.spent.Load(), l.failed.Load(), l.unknown.Load())
}

// What a failover loses, made to happen: the replica has the show, and has not heard that it was
// claimed and spent. It opens again, and the record refuses it.
func TestSpentCodeThatTheReplicaForgot(t *testing.T) {
	ctx := t.Context()
	cluster := redistest.Cluster(t)
	l := newLoad(t, cluster.URL)
	s := l.stores[0]
	const id = "spent"
	digest := sha256.Sum256([]byte(id))
	require.NoError(t, s.PutShow(ctx, wallet.Show{ID: id}, time.Hour))
	master, err := cluster.Serving(ctx, "showcard:{show:spent}")
	require.NoError(t, err)
	require.Equal(t, int64(1), redistest.Use(t, master).Do("WAIT", 1, 20_000))
	var replica *backing.Redis
	for i, node := range cluster.Nodes[:3] {
		if node == master {
			replica = cluster.Nodes[3+i]
		}
	}
	require.NoError(t, replica.Pause())
	redistest.Use(t, master).Do("CLIENT", "KILL", "TYPE", "replica") // what was written to it would be read later
	require.NoError(t, s.Claim(ctx, id, "bank", time.Hour))
	spend := func(by string) error {
		return l.record.Record(ctx, verifier.Verification{ID: by, At: time.Now(), Caller: by, Party: by, ShowID: id, Ticket: digest, Outcome: "valid", Via: "code"})
	}
	require.NoError(t, spend("bank"))
	require.NoError(t, s.Close(ctx, id, time.Hour))
	require.ErrorIs(t, s.Claim(ctx, id, "thief", time.Hour), wallet.ErrTicketTaken)
	require.NoError(t, master.Kill())
	require.NoError(t, replica.Resume())

	require.Eventually(t, func() bool { return s.Claim(ctx, id, "thief", time.Hour) == nil }, aWhile, 10*time.Millisecond)
	_, closed, err := s.Show(ctx, id)
	require.NoError(t, err)
	require.False(t, closed)
	require.ErrorIs(t, spend("thief"), verifier.ErrSpent)
}

// Nothing goes on after Shutdown, whichever it is.
func TestNothingIsLeftRunning(t *testing.T) {
	for _, url := range []string{redistest.Cluster(t).URL, redistest.Sentinel(t).URL} {
		ignored := goleak.IgnoreCurrent()
		s, err := redisstore.New(redisstore.Config{URL: url})
		require.NoError(t, err)
		require.NoError(t, s.PutShow(t.Context(), wallet.Show{ID: "a", PersonID: "p"}, time.Minute))
		_, stop, err := s.Listen(t.Context(), "t")
		require.NoError(t, err)
		stop()
		require.NoError(t, s.Check(t.Context()))
		require.NoError(t, s.Shutdown())
		goleak.VerifyNone(t, ignored)
	}
}
