package signer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
)

func newStore(t testing.TB) *key.Store {
	t.Helper()
	dir := t.TempDir()
	unlock := key.Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, key.NewKeyFile(unlock.KeyFile))
	s, err := key.CreateStore(filepath.Join(dir, "keystore.json"), unlock)
	require.NoError(t, err)
	return s
}

// running is a signer at a socket, which can be stopped and started again.
type running struct {
	t      testing.TB
	socket string
	keys   *key.Store
	policy Policy

	patience time.Duration
	cancel   context.CancelFunc
	ended    chan error
}

func start(t testing.TB, policy Policy) *running {
	t.Helper()
	folder, err := os.MkdirTemp("", "signer") //nolint:usetesting // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	r := &running{t: t, socket: filepath.Join(folder, "s"), keys: newStore(t), policy: policy}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *running) start() {
	r.t.Helper()
	s, err := NewServer(ServerConfig{Keys: r.keys, Policy: r.policy, Patience: r.patience, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(r.t, err)
	l, err := Listen(r.socket, false)
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- s.Serve(ctx, l) }()
}

func (r *running) stop() {
	if r.cancel != nil {
		r.cancel()
		require.NoError(r.t, <-r.ended)
		r.cancel = nil
	}
}

func (r *running) client() *Client {
	c, err := NewClient(ClientConfig{Socket: r.socket})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, c.Close()) })
	return c
}

// anything lets keys called test/… sign anything.
func anything() Policy { return Policy{{Keys: "test/*", Kinds: []string{"other", "jwt", "cose"}}} }

// A keystore does the same whether its keys lie in its file or behind the socket.
func TestKeystores(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *key.Store{
		"file": func(t *testing.T) *key.Store { return newStore(t) },
		"signer": func(t *testing.T) *key.Store {
			s := newStore(t)
			require.NoError(t, s.Attach(start(t, anything()).client()))
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			_, err := s.Signer("test/1")
			require.ErrorIs(t, err, key.ErrNotFound)
			for _, a := range []key.Algorithm{key.SM2, key.ES256} {
				name := "test/" + string(a)
				made, err := s.Generate(name, a)
				require.NoError(t, err)
				require.Equal(t, a, made.Public().Algorithm())
				again, err := s.Signer(name)
				require.NoError(t, err)
				require.True(t, made.Public().Equal(again.Public()))
				for _, size := range []int{0, 1, 1000, 600_000} {
					message := bytes.Repeat([]byte("m"), size)
					signature, err := again.WithID("another id").Sign(message)
					require.NoError(t, err)
					require.NoError(t, made.Public().Verify(message, signature))
					require.Error(t, made.Public().Verify(append(message, 1), signature))
				}
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", again, again, *again), "{")
				_, err = s.Generate(name, a)
				require.ErrorIs(t, err, key.ErrExists)
				require.Contains(t, s.Names(), name)
			}
			_, err = s.Generate("test/x", "RS256")
			require.ErrorIs(t, err, key.ErrAlgorithm)
			require.NoError(t, s.Reload())
			require.Contains(t, s.Names(), "test/ES256")

			wrapped, err := s.Wrap("kek/1", []byte("data key"), []byte("place"))
			require.NoError(t, err)
			plain, err := s.Unwrap("kek/1", wrapped, []byte("place"))
			require.NoError(t, err)
			require.Equal(t, "data key", string(plain))
			_, err = s.Unwrap("kek/1", wrapped, []byte("elsewhere"))
			require.ErrorIs(t, err, key.ErrSealed)
			_, err = s.Unwrap("kek/2", wrapped, []byte("place"))
			require.ErrorIs(t, err, key.ErrNotFound)
			secret, err := s.Secret("holder-index", 32)
			require.NoError(t, err)
			require.Len(t, secret, 32)

			k, err := s.Signer("test/SGD_SM3_SM2")
			require.NoError(t, err)
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					for n := range 8 {
						message := fmt.Append(nil, i, n)
						signature, err := k.Sign(message)
						if err == nil {
							err = k.Public().Verify(message, signature)
						}
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// A key behind the socket cannot be written anywhere from here, and never crosses the socket.
func TestNothingGivesAKeyOut(t *testing.T) {
	r := start(t, anything())
	wire := &recorder{target: r.socket, path: filepath.Join(filepath.Dir(r.socket), "tap")}
	wire.listen(t)
	c, err := NewClient(ClientConfig{Socket: wire.path})
	require.NoError(t, err)
	defer c.Close()
	s := newStore(t)
	require.NoError(t, s.Attach(c))
	k, err := s.Generate("test/1", key.SM2)
	require.NoError(t, err)
	_, err = k.Sign([]byte("m"))
	require.NoError(t, err)
	require.NoError(t, s.Reload())
	require.Error(t, s.Add("copy", k))
	require.Error(t, key.WriteFile(filepath.Join(t.TempDir(), "k.jwk"), k))
	require.Nil(t, k.CryptoKey())
	_, err = json.Marshal(k)
	require.Error(t, err)
	// Wrapping under a name that is no key-encryption key, which would be a way around the policy.
	_, err = c.Wrap("test/1", []byte("x"), nil)
	require.ErrorIs(t, err, ErrPolicy)
	_, err = c.Unwrap("test/1", []byte("x"), nil)
	require.ErrorIs(t, err, ErrPolicy)

	inside, err := r.keys.Signer("test/1")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "inside.jwk")
	require.NoError(t, key.WriteFile(file, inside))
	var jwk struct{ D string }
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &jwk))
	scalar, err := base64.RawURLEncoding.DecodeString(jwk.D)
	require.NoError(t, err)
	seen := wire.bytes()
	require.Greater(t, len(seen), 300)
	require.False(t, bytes.Contains(seen, scalar))
	require.False(t, bytes.Contains(seen, []byte(jwk.D)))
}

// recorder is a socket in between that keeps what passes.
type recorder struct {
	target, path string
	mu           sync.Mutex
	seen         bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.Write(p)
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.seen.Bytes())
}

func (r *recorder) listen(t *testing.T) {
	l, err := net.Listen("unix", r.path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("unix", r.target)
			if err != nil {
				_ = a.Close()
				return
			}
			go func() { _, _ = io.Copy(b, io.TeeReader(a, r)); _ = b.Close() }()
			go func() { _, _ = io.Copy(a, io.TeeReader(b, r)); _ = a.Close() }()
		}
	}()
}

func jws(typ string) []byte {
	return []byte(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"SGD_SM3_SM2","typ":"`+typ+`"}`)) + ".e30")
}

func TestPolicy(t *testing.T) {
	r := start(t, nil)
	s := newStore(t)
	c := r.client()
	require.NoError(t, s.Attach(c))
	for name, c := range map[string]struct{ signs, refuses [][]byte }{
		"authority/hunan/1": {[][]byte{jws("dc+sd-jwt")}, [][]byte{jws("at+jwt"), jws("trustlist+jwt"), jws("kb+jwt"), jws(""), []byte("x"), []byte("{}.x"), []byte("\x84\x6aSignature1")}},
		"token/1":           {[][]byte{jws("at+jwt")}, [][]byte{jws("dc+sd-jwt"), jws("JWT")}},
		"wallet-provider/2": {[][]byte{jws("kb+jwt")}, [][]byte{jws("dc+sd-jwt")}},
		"status/1":          {[][]byte{jws("statuslist+jwt"), []byte("\x84\x6aSignature1...")}, [][]byte{jws("at+jwt")}},
		"trust-list/1":      {[][]byte{jws("trustlist+jwt"), jws("registry-seal+jwt")}, [][]byte{jws("trustroots+jwt")}},
		"audit-sm2/1":       {[][]byte{[]byte("origin\n5\nhash\n")}, [][]byte{jws("at+jwt"), jws("")}},
	} {
		k, err := s.Generate(name, key.SM2)
		require.NoError(t, err, name)
		for _, m := range c.signs {
			_, err := k.Sign(m)
			require.NoError(t, err, "%s %q", name, m)
		}
		for _, m := range c.refuses {
			_, err := k.Sign(m)
			require.ErrorIs(t, err, ErrPolicy, "%s %q", name, m)
		}
	}
	_, err := s.Generate("root/1", key.SM2)
	require.ErrorIs(t, err, ErrPolicy, "no rule, no key")
	_, err = r.keys.Generate("unlisted", key.SM2)
	require.NoError(t, err)
	keys, err := c.Keys()
	require.NoError(t, err)
	for _, k := range keys {
		require.NotEqual(t, "unlisted", k.Name)
	}
	_, err = c.Sign("unlisted", jws("at+jwt"))
	require.ErrorIs(t, err, ErrPolicy)
	// A key that another process put into the signer's keystore is found.
	_, err = r.keys.Generate("token/7", key.SM2)
	require.NoError(t, err)
	require.NoError(t, s.Reload())
	_, err = s.Signer("token/7")
	require.NoError(t, err)
}

func TestRate(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := &gate{policy: Policy{{Keys: "a", Kinds: []string{"other"}, PerSecond: 2}}, now: func() time.Time { return now }}
	require.NoError(t, g.allow("a", nil))
	require.NoError(t, g.allow("a", nil))
	require.ErrorIs(t, g.allow("a", nil), ErrRate)
	now = now.Add(time.Second)
	require.NoError(t, g.allow("a", nil))
}

func TestParsePolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(`[{"keys": "authority/*/*", "kinds": ["dc+sd-jwt"], "per_second": 500}]`))
	require.NoError(t, err)
	require.Equal(t, Policy{{Keys: "authority/*/*", Kinds: []string{"dc+sd-jwt"}, PerSecond: 500}}, p)
	for _, bad := range []string{``, `{}`, `[{"keys": "a"}]`, `[{"kinds": ["x"]}]`, `[{"keys": "[", "kinds": ["x"]}]`, `[{"keys": "a", "kinds": ["x"], "per_second": -1}]`, `[{"keys": "a", "kinds": ["x"], "all": true}]`} {
		_, err := ParsePolicy([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestSocket(t *testing.T) {
	r := start(t, anything())
	info, err := os.Stat(r.socket)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	_, err = Listen(r.socket, false)
	require.Error(t, err, "one answers there")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(r.socket), ".signer-*"))
	require.NoError(t, err)
	require.Empty(t, left)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	_, err = Listen(file, false)
	require.Error(t, err)
	require.FileExists(t, file)
	_, err = NewServer(ServerConfig{})
	require.Error(t, err)
	_, err = NewClient(ClientConfig{})
	require.Error(t, err)
}

func BenchmarkSign(b *testing.B) {
	message := bytes.Repeat([]byte("m"), 2500)
	inside := newStore(b)
	local, err := inside.Generate("test/1", key.SM2)
	require.NoError(b, err)
	r := start(b, anything())
	s := newStore(b)
	require.NoError(b, s.Attach(r.client()))
	away, err := s.Generate("test/1", key.SM2)
	require.NoError(b, err)
	for name, k := range map[string]*key.Private{"inside": local, "socket": away} {
		b.Run(name+"/alone", func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Sign(message); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/many", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := k.Sign(message); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
