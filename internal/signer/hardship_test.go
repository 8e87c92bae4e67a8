package signer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

// The signer is stopped and started again while many sign: everybody gets a signature, late, and while
// it is away an error that says that asking again may help.
func TestRestartUnderLoad(t *testing.T) {
	r := start(t, anything())
	s := newStore(t)
	require.NoError(t, s.Attach(r.client()))
	k, err := s.Generate("test/1", key.SM2)
	require.NoError(t, err)
	var done atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				message := fmt.Append(nil, i, " ", n)
				signature, err := k.Sign(message)
				if err == nil {
					err = k.Public().Verify(message, signature)
				}
				if err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	for range 5 {
		before := done.Load()
		require.Eventually(t, func() bool { return done.Load() > before+50 }, 20*time.Second, time.Millisecond)
		r.stop()
		r.start()
	}
	close(stop)
	wg.Wait()

	r.stop()
	hurried, err := NewClient(ClientConfig{Socket: r.socket, Timeout: 30 * time.Millisecond})
	require.NoError(t, err)
	_, err = hurried.Sign("test/1", []byte("x"))
	require.ErrorIs(t, err, ErrAway)
	var retry net.Error
	require.True(t, errors.As(err, &retry) && retry.Timeout())
	r.start()
	_, err = hurried.Sign("test/1", []byte("x"))
	require.NoError(t, err)
	require.NoError(t, hurried.Close())
}

// Other users reach the socket when they are named; the kernel tells who they are.
func TestSharedSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, true)
	if !peersTold {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o666, info.Mode().Perm(), "without the right to write nobody may connect")
	require.NoError(t, l.Close())
}

// A peer who asks and does not listen is cut off, holds up nobody, and does not keep the signer alive.
func TestPeerWhoDoesNotRead(t *testing.T) {
	r := start(t, anything())
	r.stop()
	r.patience = 50 * time.Millisecond
	r.start()
	c := r.client()
	_, err := c.Generate("test/1", key.SM2)
	require.NoError(t, err)
	conn, err := net.Dial("unix", r.socket)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(30*time.Second)))
	request := appendFrame(nil, frame{1, opKeys, nil})
	for err == nil {
		_, err = conn.Write(request)
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it was never cut off")
	_, err = c.Sign("test/1", []byte("others go on"))
	require.NoError(t, err)
}

func TestTooManyConnections(t *testing.T) {
	r := start(t, anything())
	c := r.client()
	_, err := c.Generate("test/1", key.SM2)
	require.NoError(t, err)
	for range maxConns - 1 {
		conn, err := net.Dial("unix", r.socket)
		require.NoError(t, err)
		defer conn.Close()
	}
	conn, err := net.Dial("unix", r.socket)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = c.Sign("test/1", []byte("who was there goes on"))
	require.NoError(t, err)
}

// A keystore that had keys before it had a module: the module makes a key-encryption key of the same
// name, and what the file's has wrapped still opens.
func TestModuleComesLater(t *testing.T) {
	s := newStore(t)
	before, err := s.Wrap("kek/1", []byte("before"), []byte("a"))
	require.NoError(t, err)
	require.NoError(t, s.Attach(start(t, anything()).client()))
	plain, err := s.Unwrap("kek/1", before, []byte("a"))
	require.NoError(t, err)
	require.Equal(t, "before", string(plain))
	after, err := s.Wrap("kek/1", []byte("after"), []byte("a"))
	require.NoError(t, err)
	for want, wrapped := range map[string][]byte{"before": before, "after": after} {
		plain, err := s.Unwrap("kek/1", wrapped, []byte("a"))
		require.NoError(t, err, want)
		require.Equal(t, want, string(plain))
		_, err = s.Unwrap("kek/1", wrapped, []byte("b"))
		require.ErrorIs(t, err, key.ErrSealed)
	}
}

// Frames of no sense end their connection or get an error; others go on.
func TestMalformed(t *testing.T) {
	r := start(t, anything())
	c := r.client()
	_, err := c.Generate("test/1", key.SM2)
	require.NoError(t, err)
	for name, raw := range map[string]string{
		"too long": "\xff\xff\xff\xff12345678\x02", "too short": "\x00\x00\x00\x08123456789", "http": "GET / HTTP/1.1\r\n\r\n", "cut": "\x00\x00\x00\x20",
	} {
		conn, err := net.Dial("unix", r.socket)
		require.NoError(t, err, name)
		_, err = conn.Write([]byte(raw))
		require.NoError(t, err, name)
		require.NoError(t, conn.(*net.UnixConn).CloseWrite())
		rest, _ := io.ReadAll(conn)
		require.Empty(t, rest, name)
		require.NoError(t, conn.Close())
	}
	for name, f := range map[string]frame{
		"operation": {1, 99, []byte("\x00\x01a")}, "no name": {1, opSign, nil}, "short name": {1, opSign, []byte("\x00\x09a")},
		"no data": {1, opWrap, []byte("\x00\x05kek/1")}, "short data": {1, opWrap, []byte("\x00\x05kek/1\x00\x00\x00\x09a")},
	} {
		l, err := c.connect(time.Now().Add(time.Second))
		require.NoError(t, err)
		answer, err := l.ask(f.kind, f.payload, time.Now().Add(5*time.Second))
		require.NoError(t, err, name)
		require.NotZero(t, answer.kind, name)
	}
	_, err = c.Sign(strings.Repeat("n", 2000), nil)
	require.ErrorIs(t, err, key.ErrName)
	_, err = c.Sign("test/1", make([]byte, MaxFrame))
	require.ErrorIs(t, err, ErrProtocol)
	_, err = c.Sign("test/1", []byte("still here"))
	require.NoError(t, err)
}

func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(nil, frame{7, opSign, []byte("\x00\x01amessage")}))
	f.Add([]byte("\x00\x00\x00\x09123456789"))
	s := newStore(f)
	server, err := NewServer(ServerConfig{Keys: s, Policy: anything(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			got, err := readFrame(r)
			if err != nil {
				return
			}
			again, err := readFrame(bytes.NewReader(appendFrame(nil, got)))
			if err != nil || again.id != got.id || again.kind != got.kind || !bytes.Equal(again.payload, got.payload) {
				t.Fatal("a frame is not read as it is written")
			}
			if got.kind != opGenerate && got.kind != opWrap { // these write the keystore
				_, _ = server.answer(got)
			}
		}
	})
}
