package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

var asOf = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func putList(t *testing.T, s *redisstore.Store, name string, size, seq uint64, raw []byte) {
	t.Helper()
	require.NoError(t, s.Replace(t.Context(), issuer.ListHead{Name: name, Size: size, Seq: seq}, raw, asOf))
}

// requireLost: unknown to verifiers, lost to publishers, and nothing can be applied to it.
func requireLost(t *testing.T, s *redisstore.Store, name string) {
	t.Helper()
	ctx := t.Context()
	for _, index := range []uint64{0, 1, 1 << 40} {
		_, _, known, err := s.Lookup(ctx, name, index)
		require.NoError(t, err)
		require.False(t, known)
	}
	_, ok, err := s.Applied(ctx, name)
	require.NoError(t, err)
	require.False(t, ok)
	require.ErrorIs(t, s.Apply(ctx, name, 3, 3, nil, asOf), issuer.ErrCacheGap)
	require.ErrorIs(t, s.Apply(ctx, name, 3, 4, []issuer.StatusChange{{Seq: 4, Status: 1}}, asOf), issuer.ErrCacheGap)
	_, _, known, err := s.Lookup(ctx, name, 0)
	require.NoError(t, err)
	require.False(t, known)
}

func requireEntry(t *testing.T, s *redisstore.Store, name string, index uint64, want uint8) {
	t.Helper()
	got, _, known, err := s.Lookup(t.Context(), name, index)
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, want, got)
}

func TestEmptied(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	putList(t, s, "1", 8, 3, []byte{0xff, 0xff})
	require.NoError(t, s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour))
	require.NoError(t, s.PutTicket(ctx, [32]byte{1}, wallet.Ticket{ShowID: "a"}, time.Hour))
	require.NoError(t, s.PutChallenge(ctx, "n", "bank", time.Hour))
	server.Empty()
	server.Do("SCRIPT", "FLUSH")
	requireLost(t, s, "1")
	_, _, err := s.Show(ctx, "a")
	require.ErrorIs(t, err, wallet.ErrShowUnknown)
	require.ErrorIs(t, s.Claim(ctx, "a", "x", time.Minute), wallet.ErrShowUnknown)
	_, err = s.Ticket(ctx, [32]byte{1})
	require.ErrorIs(t, err, wallet.ErrTicketUnknown)
	require.ErrorIs(t, s.TakeChallenge(ctx, "n", "bank"), verifier.ErrChallengeUnknown)
	putList(t, s, "1", 8, 3, []byte{0xff, 0xff})
	requireEntry(t, s, "1", 7, 3)
}

// The trap: what is left of a list must not be read as "valid".
func TestDamagedListIsLost(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	const key = "showcard:{status:1}"
	whole := func() {
		t.Helper()
		putList(t, s, "1", 4096, 3, []byte(strings.Repeat("\x55", 1024)))
		requireEntry(t, s, "1", 4095, 1)
	}
	whole()
	good := server.Do("GET", key).(string)
	require.Equal(t, "SCL1 00004096 0000000000000003 1772600767000000\n", good[:48])
	for name, damage := range map[string]func(){
		"deleted":                  func() { server.Do("DEL", key) },
		"emptied":                  func() { server.Do("SET", key, "") },
		"header alone":             func() { server.Do("SET", key, good[:48]) },
		"half a header":            func() { server.Do("SET", key, good[:20]) },
		"bits alone":               func() { server.Do("SET", key, good[48:]) },
		"last byte missing":        func() { server.Do("SET", key, good[:len(good)-1]) },
		"one byte more":            func() { server.Do("APPEND", key, "x") },
		"zeros":                    func() { server.Do("SET", key, strings.Repeat("\x00", len(good))) },
		"another format":           func() { server.Do("SETRANGE", key, 3, "2") },
		"size changed":             func() { server.Do("SETRANGE", key, 5, "00004097") },
		"size zero":                func() { server.Do("SET", key, strings.Replace(good[:48], "4096", "0000", 1)) },
		"size no number":           func() { server.Do("SETRANGE", key, 5, "0x001000") },
		"seq no number":            func() { server.Do("SETRANGE", key, 14, "-") },
		"as-of no number":          func() { server.Do("SETRANGE", key, 31, "nan") },
		"fields shifted":           func() { server.Do("SETRANGE", key, 0, "SCL1 0000004096 00000000000003 1772600767000000\n") },
		"written into nothing":     func() { server.Do("DEL", key); server.Do("BITFIELD", key, "SET", "u2", 9000, 1) },
		"another type, hash":       func() { server.Do("DEL", key); server.Do("HSET", key, "a", "b") },
		"another type, list":       func() { server.Do("DEL", key); server.Do("RPUSH", key, good) },
		"another type, sorted set": func() { server.Do("DEL", key); server.Do("ZADD", key, 1, good) },
		"another type, stream":     func() { server.Do("DEL", key); server.Do("XADD", key, "*", "a", good) },
	} {
		damage()
		requireLost(t, s, "1")
		// However it was damaged, the publisher can put it back, even with a lower number.
		require.NoError(t, s.Replace(ctx, issuer.ListHead{Name: "1", Size: 4, Seq: 1}, []byte{0x02}, asOf), name)
		requireEntry(t, s, "1", 0, 2)
		server.Do("DEL", key)
		whole()
	}
}

// Keys of another type under the names of shows and the rest are errors, not "no such thing".
func TestWrongTypes(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	require.NoError(t, s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour))
	require.NoError(t, s.PutTicket(ctx, [32]byte{1}, wallet.Ticket{ShowID: "a"}, time.Hour))
	require.NoError(t, s.PutChallenge(ctx, "n", "bank", time.Hour))
	_, err := s.Once(ctx, "k", time.Hour)
	require.NoError(t, err)
	_, _, err = s.Allow(ctx, "k", 10)
	require.NoError(t, err)
	reads := func() map[string]error {
		_, _, show := s.Show(ctx, "a")
		_, ticket := s.Ticket(ctx, [32]byte{1})
		first, once := s.Once(ctx, "k", time.Hour)
		ok, _, allow := s.Allow(ctx, "k", 10)
		require.False(t, first)
		require.False(t, ok)
		return map[string]error{
			"show": show, "ticket": ticket, "once": once, "allow": allow,
			"claim": s.Claim(ctx, "a", "x", time.Minute), "close": s.Close(ctx, "a", time.Minute),
			"put show": s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour), "take": s.TakeChallenge(ctx, "n", "bank"),
		}
	}
	for _, k := range server.Do("KEYS", "*").([]any) {
		server.Do("DEL", k)
		server.Do("SADD", k, "x")
	}
	for name, err := range reads() {
		require.ErrorContains(t, err, "WRONGTYPE", name)
	}
	// Right types, wrong contents.
	server.Empty()
	server.Do("HSET", "showcard:{show:a}", "show", "{", "claimant", "y", "until", "soon")
	_, _, err = s.Show(ctx, "a")
	require.Error(t, err)
	require.NotErrorIs(t, err, wallet.ErrShowUnknown)
	require.Error(t, s.Claim(ctx, "a", "x", time.Minute))
	require.NoError(t, s.PutTicket(ctx, [32]byte{1}, wallet.Ticket{ShowID: "a"}, time.Hour))
	for _, k := range server.Do("KEYS", "*ticket*").([]any) {
		server.Do("SET", k, "{")
	}
	_, err = s.Ticket(ctx, [32]byte{1})
	require.Error(t, err)
	require.NotErrorIs(t, err, wallet.ErrTicketUnknown)
}

// After the server's clock was set back nobody waits longer than the limit means.
func TestLimiterClockSetBack(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	ok, _, err := s.Allow(ctx, "k", 60)
	require.NoError(t, err)
	require.True(t, ok)
	keys := server.Do("KEYS", "*limit*").([]any)
	require.Len(t, keys, 1)
	server.Do("SET", keys[0], serverTime(t, server)+time.Hour.Microseconds())
	ok, wait, err := s.Allow(ctx, "k", 60)
	require.NoError(t, err)
	require.False(t, ok)
	require.LessOrEqual(t, wait, time.Second)
}

// Eviction takes lists whole: each is known and right, or lost.
func TestEvicted(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	const lists, size = 40, storetest.FullList
	raw := []byte(strings.Repeat("\xaa", size/4)) // all suspended
	for i := range lists {
		putList(t, s, fmt.Sprint(i), size, 3, raw)
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	server.Do("CONFIG", "SET", "maxmemory", "8mb")
	require.ErrorIs(t, s.Check(ctx), redisstore.ErrEvicts)
	for i := range 100 {
		require.NoError(t, s.PutShow(ctx, wallet.Show{ID: fmt.Sprint(i)}, time.Hour))
	}
	known, lost := 0, 0
	for i := range lists {
		for _, index := range []uint64{0, size / 2, size - 1} {
			status, at, ok, err := s.Lookup(ctx, fmt.Sprint(i), index)
			require.NoError(t, err)
			if !ok {
				lost++
				require.Zero(t, status)
				continue
			}
			known++
			require.EqualValues(t, 2, status)
			require.Equal(t, asOf, at)
		}
	}
	require.Positive(t, known)
	require.Positive(t, lost)
}

// Full memory that must not evict: new things are refused with an error, but what protects,
// closing, claiming and revoking, goes on.
func TestFull(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	putList(t, s, "1", storetest.FullList, 3, make([]byte, storetest.FullList/4))
	require.NoError(t, s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour))
	require.NoError(t, s.Check(ctx))
	server.Do("CONFIG", "SET", "maxmemory", "1")
	require.ErrorIs(t, s.Check(ctx), redisstore.ErrFull)
	require.NoError(t, s.Ready(ctx), "who is not ready gets no requests, and then nothing is closed or revoked")
	err := s.PutShow(ctx, wallet.Show{ID: "b"}, time.Hour)
	require.ErrorContains(t, err, "OOM")
	requireUnavailable(t, err)
	first, err := s.Once(ctx, "k", time.Hour)
	require.ErrorContains(t, err, "OOM")
	require.False(t, first)
	require.Error(t, s.Replace(ctx, issuer.ListHead{Name: "2", Size: 4}, []byte{0}, asOf))
	requireLost(t, s, "2")

	require.NoError(t, s.Claim(ctx, "a", "x", time.Hour))
	require.ErrorIs(t, s.Claim(ctx, "a", "y", time.Hour), wallet.ErrTicketTaken)
	require.NoError(t, s.Close(ctx, "a", time.Hour))
	require.ErrorIs(t, s.Claim(ctx, "a", "x", time.Hour), wallet.ErrTicketTaken)
	require.NoError(t, s.Apply(ctx, "1", 3, 4, []issuer.StatusChange{{Seq: 4, Index: 77, Status: 1}}, asOf))
	requireEntry(t, s, "1", 77, 1)
}

func TestKilledAndStartedAgain(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	for range 2 {
		putList(t, s, "1", 8, 3, []byte{0xff, 0xff})
		require.NoError(t, s.PutShow(ctx, wallet.Show{ID: "a"}, time.Hour))
		server.Kill()
		for name, err := range failures(ctx, s) {
			require.Error(t, err, name)
			require.NotErrorIs(t, err, wallet.ErrShowUnknown, name)
			require.NotErrorIs(t, err, issuer.ErrCacheGap, name)
		}
		server.Restart()
		require.Eventually(t, func() bool { return s.Ready(ctx) == nil }, time.Minute, 5*time.Millisecond)
		requireLost(t, s, "1")
		_, _, err := s.Show(ctx, "a")
		require.ErrorIs(t, err, wallet.ErrShowUnknown)
	}
}

// A server that hangs: every call comes back by its deadline, with an error and no answer.
func TestPaused(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL, Timeout: 50 * time.Millisecond})
	patient := open(t, redisstore.Config{URL: server.URL, Timeout: time.Hour})
	putList(t, s, "1", 8, 3, []byte{0xff, 0xff})
	require.NoError(t, s.PutShow(t.Context(), wallet.Show{ID: "a"}, time.Hour))
	server.Pause()
	done := make(chan map[string]error, 2)
	go func() { done <- failures(context.Background(), s) }() // the store's own bound
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond) // the caller's
		defer cancel()
		done <- failures(ctx, patient)
	}()
	for range 2 {
		select {
		case errs := <-done:
			for name, err := range errs {
				require.Error(t, err, name)
				require.NotErrorIs(t, err, wallet.ErrShowUnknown, name)
				require.NotErrorIs(t, err, wallet.ErrTicketTaken, name)
				require.NotErrorIs(t, err, issuer.ErrCacheGap, name)
			}
		case <-time.After(time.Minute):
			server.Resume()
			require.FailNow(t, "calls do not come back")
		}
	}
	server.Resume()
	require.Eventually(t, func() bool { return s.Ready(t.Context()) == nil }, time.Minute, 5*time.Millisecond)
	requireEntry(t, patient, "1", 0, 3)
}

// failures calls everything once.
func failures(ctx context.Context, s *redisstore.Store) map[string]error {
	_, _, show := s.Show(ctx, "a")
	_, ticket := s.Ticket(ctx, [32]byte{1})
	_, once := s.Once(ctx, "k", time.Hour)
	_, _, allow := s.Allow(ctx, "k", 10)
	_, _, applied := s.Applied(ctx, "1")
	_, _, known, lookup := s.Lookup(ctx, "1", 0)
	if known {
		lookup = nil // nobody may say so
	}
	return map[string]error{
		"show": show, "ticket": ticket, "once": once, "allow": allow, "applied": applied, "lookup": lookup,
		"put show":   s.PutShow(ctx, wallet.Show{ID: "b"}, time.Hour),
		"put ticket": s.PutTicket(ctx, [32]byte{2}, wallet.Ticket{ShowID: "b"}, time.Hour),
		"claim":      s.Claim(ctx, "a", "x", time.Minute),
		"close":      s.Close(ctx, "b", time.Minute),
		"put":        s.PutChallenge(ctx, "n", "bank", time.Hour),
		"take":       s.TakeChallenge(ctx, "n", "bank"),
		"replace":    s.Replace(ctx, issuer.ListHead{Name: "2", Size: 4}, []byte{0}, asOf),
		"apply":      s.Apply(ctx, "1", 3, 3, nil, asOf),
		"ready":      s.Ready(ctx),
		"check":      s.Check(ctx),
	}
}

// What lies in Redis behind the header is what the signed list carries, byte for byte.
func TestBytesOfAList(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	l, err := statuslist.New(2, 4096)
	require.NoError(t, err)
	putList(t, s, "1", 4096, 0, l.Raw())
	var changes []issuer.StatusChange
	for i := range uint64(2000) {
		c := issuer.StatusChange{Seq: i + 1, Index: i * 1009 % 4096, Status: statuslist.Status(i % 4)}
		require.NoError(t, l.Set(c.Index, c.Status))
		changes = append(changes, c)
	}
	require.NoError(t, s.Apply(t.Context(), "1", 0, 2000, changes, asOf))
	require.Equal(t, string(l.Raw()), server.Do("GETRANGE", "showcard:{status:1}", 48, -1))
}

// A full list takes what its bytes take, also after it was changed.
func TestMemoryOfAList(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL})
	const size = storetest.FullList
	putList(t, s, "1", size, 0, make([]byte, size/4))
	var changes []issuer.StatusChange
	for i := range uint64(3000) {
		changes = append(changes, issuer.StatusChange{Seq: i + 1, Index: i * 349, Status: 2})
	}
	used := func() float64 {
		return float64(server.Do("MEMORY", "USAGE", "showcard:{status:1}").(int64)) / (size / 4)
	}
	require.Less(t, used(), 1.02)
	require.NoError(t, s.Apply(t.Context(), "1", 0, 3000, changes, asOf))
	require.Less(t, used(), 1.02)
	t.Logf("bytes of memory per byte of status: %.4f", used())
}
