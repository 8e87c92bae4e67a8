package replicahttp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/internal/replica/replicahttp"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var moment = time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC)

const patience = 30 * time.Second

// doorman knows one token, until it does not.
type doorman struct{ good atomic.Value }

func (d *doorman) Authenticate(r *http.Request) (httpd.Caller, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return httpd.Caller{}, httpd.ErrNoCredentials
	}
	if token != d.good.Load() {
		return httpd.Caller{}, httpd.ErrBadCredentials
	}
	return httpd.Caller{ID: "bank-1", Role: httpd.RoleRelyingParty, Party: "bank", Scopes: []string{"verify"}}, nil
}

// office is a deployment as far as a follower sees it: the real web server over a real replica.
type office struct {
	t       *testing.T
	store   *memstore.Store
	replica *replica.Replica
	door    *doorman
	base    string
}

// in runs something until the test ends.
func in(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func open(t *testing.T) *office {
	t.Helper()
	store, err := memstore.New(memstore.Config{})
	require.NoError(t, err)
	o := &office{t: t, store: store, door: &doorman{}}
	o.door.good.Store("one")
	quiet := slog.New(slog.DiscardHandler)
	o.replica, err = replica.New(replica.Config{Source: store, Logger: quiet})
	require.NoError(t, err)
	in(t, o.replica.Run)
	problems, err := problem.Embedded()
	require.NoError(t, err)
	server, err := httpd.New(httpd.Config{PublicURL: "https://cards.example", Logger: quiet, Problems: problems, Authenticator: o.door})
	require.NoError(t, err)
	api, err := replicahttp.New(o.replica)
	require.NoError(t, err)
	require.NoError(t, server.Mount(api.Routes(), nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o.base = "http://" + l.Addr().String()
	in(t, func(ctx context.Context) error { return server.Serve(ctx, nil, l) })
	return o
}

func (o *office) put(list string, size, seq uint64, asOf time.Time) {
	o.t.Helper()
	// Who comes before the replica has read it hears of it with the next beat, and not every test has one. What
	// was put before the replica began to follow is not told to it: so it is put again.
	require.Eventually(o.t, func() bool {
		if slices.Contains(o.replica.Names(), list) {
			return true
		}
		require.NoError(o.t, o.store.Replace(o.t.Context(), issuer.ListHead{Name: list, Size: size, Seq: seq}, make([]byte, (size+3)/4), asOf))
		return false
	}, patience, 20*time.Millisecond)
}

func (o *office) revoke(list string, seq, index uint64, asOf time.Time) {
	o.t.Helper()
	require.NoError(o.t, o.store.Apply(o.t.Context(), list, seq-1, seq, []issuer.StatusChange{{Seq: seq, Index: index, Status: statuslist.Invalid}}, asOf))
}

func (o *office) beat(asOf time.Time, heads ...issuer.ListHead) {
	o.t.Helper()
	behind, err := o.store.Beat(o.t.Context(), heads, asOf)
	require.NoError(o.t, err)
	require.Empty(o.t, behind)
}

func (o *office) follow(token func(context.Context) (string, error)) *verifier.FollowedStatus {
	o.t.Helper()
	transport := &http.Transport{}
	s, err := verifier.FollowStatus(verifier.FollowConfig{Base: o.base, Token: token, Client: &http.Client{Transport: transport}})
	require.NoError(o.t, err)
	o.t.Cleanup(transport.CloseIdleConnections)
	in(o.t, s.Run)
	return s
}

func (o *office) soon(s *verifier.FollowedStatus, list string, index uint64, want statuslist.Status, asOf time.Time) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		a, err := s.Status(o.t.Context(), statuslist.Reference{URI: o.base + "/status/" + list, Index: index}, &trustlist.Domain{})
		return err == nil && a.Status == want && a.AsOf.Equal(asOf) && a.Source == "stream"
	}, patience, time.Millisecond)
}

func (o *office) token(context.Context) (string, error) { return o.door.good.Load().(string), nil }

func TestFollowerHearsOfChanges(t *testing.T) {
	o := open(t)
	o.put("1", 1000, 0, moment)
	o.revoke("1", 1, 42, moment)
	o.beat(moment, issuer.ListHead{Name: "1", Seq: 1})
	s := o.follow(o.token)
	o.soon(s, "1", 42, statuslist.Invalid, moment)
	o.soon(s, "1", 43, statuslist.Valid, moment)
	require.Eventually(t, func() bool { return s.Ready() == nil && s.Err() == nil }, patience, time.Millisecond)

	later := moment.Add(time.Second)
	o.revoke("1", 2, 43, later)
	o.soon(s, "1", 43, statuslist.Invalid, later)
	// A beat moves as-of of a list that did not change; a list that is new is told of whole.
	o.put("2", 8, 5, later)
	require.Eventually(t, func() bool { return o.replica.Stats().Lists == 2 }, patience, time.Millisecond)
	o.beat(later, issuer.ListHead{Name: "1", Seq: 2}) // with the next word of the stream
	o.soon(s, "2", 7, statuslist.Valid, later)
	require.Eventually(t, func() bool { // beats are told at intervals
		o.beat(later.Add(time.Second), issuer.ListHead{Name: "1", Seq: 2}, issuer.ListHead{Name: "2", Seq: 5})
		a, err := s.Status(t.Context(), statuslist.Reference{URI: o.base + "/status/2"}, nil)
		return err == nil && a.AsOf.Equal(later.Add(time.Second))
	}, patience, 50*time.Millisecond)
	_, err := s.Status(t.Context(), statuslist.Reference{URI: o.base + "/status/2", Index: 8}, nil)
	require.ErrorIs(t, err, statuslist.ErrIndex)
	for _, uri := range []string{o.base + "/status/3", "https://other.example/status/1", ""} {
		_, err = s.Status(t.Context(), statuslist.Reference{URI: uri}, nil)
		require.ErrorIs(t, err, verifier.ErrStatusUnknown)
	}
}

// A token ends: so does the connection, and the follower goes on with the next one, from where it was.
func TestFollowerComesAgain(t *testing.T) {
	o := open(t)
	o.put("1", 1000, 0, moment)
	o.beat(moment, issuer.ListHead{Name: "1"})
	var asked atomic.Int64
	s := o.follow(func(ctx context.Context) (string, error) {
		if asked.Add(1) == 2 {
			return "", errors.New("no token today")
		}
		return o.token(ctx)
	})
	o.soon(s, "1", 5, statuslist.Valid, moment)
	o.door.good.Store("two")
	later := moment.Add(time.Second)
	o.revoke("1", 1, 5, later) // nothing is told to a token that does not hold any more
	require.Eventually(t, func() bool { return s.Err() != nil }, patience, time.Millisecond)
	o.soon(s, "1", 5, statuslist.Invalid, later)
	require.GreaterOrEqual(t, asked.Load(), int64(3))
	require.NoError(t, s.Err())
}

// More happens than the server keeps: whoever comes back then gets the lists.
func TestFollowerThatWasAwayForLong(t *testing.T) {
	o := open(t)
	o.put("1", 1<<20, 0, moment)
	o.beat(moment, issuer.ListHead{Name: "1"})
	ok := make(chan struct{})
	s := o.follow(func(ctx context.Context) (string, error) {
		if o.door.good.Load() == "two" {
			<-ok
		}
		return o.token(ctx)
	})
	o.soon(s, "1", 5, statuslist.Valid, moment)
	o.door.good.Store("two")
	later := moment.Add(time.Second)
	seq := uint64(0)
	for range 90 {
		before := o.replica.Position()
		changes := make([]issuer.StatusChange, 4000)
		for i := range changes {
			seq++
			changes[i] = issuer.StatusChange{Seq: seq, Index: seq, Status: statuslist.Suspended}
		}
		require.NoError(t, o.store.Apply(t.Context(), "1", seq-4000, seq, changes, later))
		require.Eventually(t, func() bool { return o.replica.Position() != before }, patience, time.Millisecond)
	}
	close(ok)
	o.soon(s, "1", seq, statuslist.Suspended, later)
	o.soon(s, "1", 1, statuslist.Suspended, later)
	o.soon(s, "1", seq+1, statuslist.Valid, later)
}

func TestWhoMayFollow(t *testing.T) {
	o := open(t)
	for token, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer one": 200} {
		ctx, cancel := context.WithCancel(t.Context())
		for _, after := range []string{"", "?after=0-0", "?after=x", "?after=" + strings.Repeat("9", 100)} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+"/v1/status/changes"+after, nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", token)
			req.Close = true
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.Equal(t, want, res.StatusCode, token)
			require.NoError(t, res.Body.Close())
		}
		cancel()
	}
	_, err := verifier.FollowStatus(verifier.FollowConfig{Base: o.base})
	require.Error(t, err)
	_, err = replicahttp.New(nil)
	require.Error(t, err)
}

// A server that cannot be believed, or reached, makes nothing known, and the follower comes again.
func TestFollowerOfBadServers(t *testing.T) {
	good := "event: list\ndata: {\"list\":\"1\",\"size\":4,\"seq\":1,\"as_of\":\"2026-03-04T05:06:07Z\",\"lst\":\"eJxjAAAAAQAB\"}\n\n"
	for name, body := range map[string]string{
		"not JSON":            "event: list\ndata: {\n\n",
		"not zlib":            "event: list\ndata: {\"list\":\"1\",\"size\":4,\"seq\":1,\"as_of\":\"2026-03-04T05:06:07Z\",\"lst\":\"AAAA\"}\n\n",
		"another size":        strings.Replace(good, `"size":4`, `"size":400`, 1),
		"no name":             strings.Replace(good, `"list":"1"`, `"list":""`, 1),
		"no as-of":            strings.Replace(good, `"as_of":"2026-03-04T05:06:07Z",`, "", 1),
		"too large":           strings.Replace(good, `"size":4`, `"size":99999999999`, 1),
		"changes of no list":  "event: changes\ndata: {\"after\":\"1-0\",\"changes\":[{\"list\":\"1\",\"seq\":0,\"as_of\":\"2026-03-04T05:06:07Z\",\"entries\":[1,1]}]}\n\n",
		"an unknown event":    "event: new\ndata: {\"list\":1}\n\n",
		"a line without end":  "event: list\ndata: " + strings.Repeat("a", 1<<20),
		"no stream, but text": "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		var asked atomic.Int64
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			if body != "" {
				w.Header().Set("Content-Type", "text/event-stream")
			}
			fmt.Fprint(w, body)
		})}
		done := make(chan error)
		go func() { done <- server.Serve(l) }()
		base := "http://" + l.Addr().String()
		transport := &http.Transport{}
		s, err := verifier.FollowStatus(verifier.FollowConfig{Base: base, Client: &http.Client{Transport: transport},
			Token: func(context.Context) (string, error) { return "t", nil }})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		require.Eventually(t, func() bool { return asked.Load() > 1 }, patience, time.Millisecond, name)
		_, err = s.Status(t.Context(), statuslist.Reference{URI: base + "/status/1"}, nil)
		require.ErrorIs(t, err, verifier.ErrStatusUnknown, name)
		require.ErrorIs(t, s.Ready(), verifier.ErrStatusUnknown, name)
		cancel()
		require.NoError(t, <-ended)
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	}
}
