package redisstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/wallet"
)

// One process rings, another hears; when Redis dies and comes back, who listens is told that
// something may be missing, and hears again.
func TestBellAcrossProcesses(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	near, far := open(t, redisstore.Config{URL: server.URL}), open(t, redisstore.Config{URL: server.URL})
	events, stop, err := near.Listen(ctx, "person:p")
	require.NoError(t, err)
	defer stop()
	require.NoError(t, far.Ring(ctx, "person:p", wallet.Event{Kind: wallet.EventAsk, AskID: "a"}))
	require.Equal(t, wallet.Event{Kind: wallet.EventAsk, AskID: "a"}, <-events)

	server.Restart()
	require.Equal(t, wallet.EventResync, (<-events).Kind, "what was rung meanwhile is lost, and that is told")
	require.Eventually(t, func() bool { return far.Ring(ctx, "person:p", wallet.Event{Kind: wallet.EventAsk}) == nil }, time.Minute, 10*time.Millisecond)
	for (<-events).Kind != wallet.EventAsk { // it may have been cut off twice
	}
}

// Many listeners share one connection.
func TestBellTakesOneConnection(t *testing.T) {
	ctx := t.Context()
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL, MaxListeners: 100})
	for i := range 100 {
		_, stop, err := s.Listen(ctx, "person:"+string(rune('a'+i%26)))
		require.NoError(t, err)
		defer stop()
	}
	_, _, err := s.Listen(ctx, "person:one too many")
	require.ErrorIs(t, err, wallet.ErrTooManyListeners)
	require.Len(t, server.Do("CLIENT", "LIST", "TYPE", "PUBSUB").(string), lineOf(server.Do("CLIENT", "LIST", "TYPE", "PUBSUB").(string)))
}

// lineOf is the length of the first line with its end: the whole of a list of one.
func lineOf(text string) int {
	for i, c := range text {
		if c == '\n' {
			return i + 1
		}
	}
	return 0
}

// Without a Redis nobody waits for ever.
func TestBellWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, redisstore.Config{URL: server.URL, Timeout: 50 * time.Millisecond})
	server.Kill()
	_, _, err := s.Listen(t.Context(), "person:p")
	require.Error(t, err)
	require.Error(t, s.Ring(t.Context(), "person:p", wallet.Event{}))
}
