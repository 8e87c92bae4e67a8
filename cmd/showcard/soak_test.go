package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/backing"
)

var soakFor = flag.Duration("soak.for", 45*time.Second, "how long the soak's load lasts: make soak says 30m")

// soak is mixed load on two processes while what they stand on is killed and brought back in turn.
type soak struct {
	t        *testing.T
	postgres *backing.Postgres
	redis    *backing.Redis
	data     string
	a        *loaded
	b        string // address of the process that is killed
	codes    chan soakCode

	mu       sync.Mutex
	answers  map[string]map[string]bool // by code: ids under which it was called valid
	acked    map[string]bool            // ids that were answered
	stopped  map[string][]stop          // by certificate
	good     int
	lateness []string // valid, and should not have been
}

type soakCode struct{ code, identifier string }

// stop is a time in which a certificate was suspended: from the answer to the request, to the
// request that ended it.
type stop struct{ from, to time.Time }

// TestSoak: at the end every acknowledged check is on record, no code was good twice, no suspended
// certificate was called valid later than a second after its suspension was acknowledged, and
// memory and goroutines are what they were.
func TestSoak(t *testing.T) {
	s := &soak{t: t, codes: make(chan soakCode, 256), answers: map[string]map[string]bool{}, acked: map[string]bool{}, stopped: map[string][]stop{}, b: freeAddress(t)}
	var err error
	s.postgres, err = backing.StartPostgres(t.Context(), backing.PostgresConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.postgres.Close()) })
	s.redis, err = backing.StartRedis(t.Context(), backing.RedisConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.redis.Close()) })
	s.data = filepath.Join(t.TempDir(), "data")
	s.a, err = startLoaded(t.Context(), freeAddress(t), s.data, s.postgres.URL, s.redis.URL)
	require.NoError(t, err)
	t.Cleanup(s.a.kill)
	b, err := s.startB()
	require.NoError(t, err)

	ctx, end := context.WithTimeout(t.Context(), *soakFor)
	defer end()
	var all sync.WaitGroup
	all.Go(func() { s.mint(ctx) })
	for range 6 {
		all.Go(func() { s.scan(ctx) })
	}
	all.Go(func() { s.suspend(ctx) })
	all.Go(func() { b = s.kill(ctx, b) })
	<-time.After(*soakFor / 4)
	goroutines, memory := s.gauge("go_goroutines"), s.gauge("process_resident_memory_bytes")
	all.Wait()
	t.Cleanup(b.kill)

	require.Eventually(t, func() bool { return s.ready(s.a.Address) && s.ready(s.b) }, time.Minute, 100*time.Millisecond, "everything recovers by itself")
	require.Greater(t, s.good, 50, "there was load")
	require.Empty(t, s.lateness)
	for code, ids := range s.answers {
		require.Len(t, ids, 1, "a code was good twice: %s", code)
	}
	rows, err := s.postgres.Query(t.Context(), "showcard", "SELECT id FROM verifications")
	require.NoError(t, err)
	there := map[string]bool{}
	for id := range strings.FieldsSeq(rows) {
		there[id] = true
	}
	for id := range s.acked {
		require.True(t, there[id], "acknowledged, and not on record: %s", id)
	}
	twice, err := s.postgres.Query(t.Context(), "showcard", "SELECT count(*) FROM (SELECT ticket FROM verifications WHERE show_id <> '' GROUP BY ticket HAVING count(*) > 1) AS t")
	require.NoError(t, err)
	require.Equal(t, "0", strings.TrimSpace(twice))
	s.a.http.CloseIdleConnections()
	require.Eventually(t, func() bool { return s.gauge("go_goroutines") < goroutines*1.5+64 }, 30*time.Second, 200*time.Millisecond, "goroutines leak")
	require.Less(t, s.gauge("process_resident_memory_bytes"), memory*1.5+64e6, "memory grows")
	t.Logf("%d checks good, %d certificates suspended and reinstated", s.good, len(s.stopped))
}

func (s *soak) startB() (*loaded, error) {
	return startLoaded(s.t.Context(), s.b, s.data, s.postgres.URL, s.redis.URL)
}

// mint makes codes as fast as they are taken. People's certificates take turns.
func (s *soak) mint(ctx context.Context) {
	for ctx.Err() == nil {
		codes, err := s.a.mint(len(s.a.People) * 4)
		if err != nil {
			pause(ctx, 100*time.Millisecond)
			continue
		}
		for i, code := range codes {
			select {
			case s.codes <- soakCode{code, s.a.People[i%len(s.a.People)].Identifier}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// scan checks codes at both processes, some of them at both at once, and asks again when no answer
// came, as a scanner does.
func (s *soak) scan(ctx context.Context) {
	for {
		var c soakCode
		select {
		case c = <-s.codes:
		case <-ctx.Done():
			return
		}
		var racing sync.WaitGroup
		if rand.IntN(10) == 0 {
			racing.Go(func() { s.one(ctx, s.b, c, "rival") })
		}
		s.one(ctx, []string{s.a.Address, s.b}[rand.IntN(2)], c, "once")
		racing.Wait()
	}
}

func (s *soak) one(ctx context.Context, addr string, c soakCode, name string) {
	for range 10 {
		began := time.Now()
		got := s.a.checkAs(ctx, "http://"+addr, c.code, name+"-"+c.code)
		ended := time.Now()
		if got.status == http.StatusOK {
			s.note(c, got, began, ended)
			return
		}
		if got.status != 0 && got.status != http.StatusServiceUnavailable && got.status != http.StatusTooManyRequests {
			return // refused for good
		}
		if !pause(ctx, time.Duration(50+rand.IntN(200))*time.Millisecond) {
			return
		}
		addr = s.a.Address
	}
}

func (s *soak) note(c soakCode, got checkedCode, began, ended time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if got.ID != "" && got.good() {
		s.acked[got.ID] = true
	}
	if !got.good() {
		return
	}
	s.good++
	if s.answers[c.code] == nil {
		s.answers[c.code] = map[string]bool{}
	}
	s.answers[c.code][got.ID] = true
	for _, stop := range s.stopped[c.identifier] {
		if began.After(stop.from.Add(time.Second)) && (stop.to.IsZero() || ended.Before(stop.to)) {
			s.lateness = append(s.lateness, fmt.Sprintf("%s was called valid %s after it was suspended", c.identifier, began.Sub(stop.from)))
		}
	}
}

// suspend suspends and reinstates one certificate after the other.
func (s *soak) suspend(ctx context.Context) {
	police := clientOf(s.t, s.data, "http://"+s.a.Address, benchAuthority)
	change := func(identifier, verb string, n int) bool {
		for ctx.Err() == nil {
			err := police.call(ctx, http.MethodPost, "/v1/certificates/"+url.PathEscape(identifier)+"/"+verb, map[string]string{"reason": "soak"}, fmt.Sprint(verb, "-", n), nil)
			if err == nil {
				return true
			}
			pause(ctx, 100*time.Millisecond)
		}
		return false
	}
	for n := 0; ctx.Err() == nil; n++ {
		identifier := s.a.People[n%len(s.a.People)].Identifier
		if !change(identifier, "suspend", n) {
			return
		}
		s.mu.Lock()
		s.stopped[identifier] = append(s.stopped[identifier], stop{from: time.Now()})
		last := len(s.stopped[identifier]) - 1
		s.mu.Unlock()
		pause(ctx, 3*time.Second)
		s.mu.Lock()
		s.stopped[identifier][last].to = time.Now()
		s.mu.Unlock()
		if !change(identifier, "reinstate", n) {
			return
		}
	}
}

// kill takes away Redis, PostgreSQL and a process in turn, each for a moment.
func (s *soak) kill(ctx context.Context, b *loaded) *loaded {
	const away, between = 2 * time.Second, 5 * time.Second
	for n := 0; pause(ctx, between); n++ {
		switch n % 3 {
		case 0:
			s.redis.Kill()
			pause(ctx, away)
			if err := s.redis.Start(s.t.Context()); err != nil {
				s.t.Errorf("redis: %v", err)
			}
		case 1:
			s.postgres.Kill()
			pause(ctx, away)
			if err := s.postgres.Start(s.t.Context()); err != nil {
				s.t.Errorf("postgresql: %v", err)
			}
		case 2:
			b.kill()
			pause(ctx, away)
			next, err := s.startB()
			if err != nil {
				s.t.Errorf("process: %v", err)
				return b
			}
			b = next
		}
	}
	return b
}

// pause waits, and says whether there is time left.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (s *soak) ready(addr string) bool {
	resp, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// gauge reads a figure of the process that lives through all of it.
func (s *soak) gauge(name string) float64 {
	resp, err := http.Get("http://" + s.a.Address + "/metrics")
	require.NoError(s.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(s.t, err)
			return v
		}
	}
	require.FailNow(s.t, "no such gauge", name)
	return 0
}
