package redisstore

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

const (
	defaultPrefix  = "showcard:"
	defaultTimeout = 500 * time.Millisecond
	// A whole list is 256 KiB; it may take longer than the handful of bytes of other calls.
	bulkFactor = 4
	// Names come from URLs and signed tokens. Ours are short; what is longer is not ours.
	maxName = 256
)

var errKeep = errors.New("redisstore: an entry must be kept for more than no time")

// Config says which Redis to use and how. Only URL is needed.
type Config struct {
	// URL is one of
	//
	//	redis://user:password@host:port/db
	//	unix:///path
	//	redis+sentinel://user:password@host:port,host:port/MASTER?db=0
	//	redis+cluster://user:password@host:port,host:port
	//
	// with rediss in place of redis for TLS. MASTER is what the sentinels call the servers, and the
	// user is the servers'; that of the sentinels, if they ask for one, is in sentinel_username and
	// sentinel_password. Of several hosts any that answers tells of the others. It may carry
	// go-redis's query parameters, such as pool_size. It is a secret: Config does not print it.
	URL string
	// TLS, for rediss: the authorities to trust, or a client certificate. The host name that was
	// dialled is checked unless it says otherwise.
	TLS *tls.Config
	// Prefix of all keys, without braces; several deployments can share a server by it.
	// Default "showcard:".
	Prefix string
	// Timeout bounds every call, besides the caller's context. Default 500 ms; setting a whole
	// status list may take four times as long.
	Timeout time.Duration
	// MaxListeners bounds the pages and checks of this process that wait for an event. Default
	// 16,384. They share one connection.
	MaxListeners int
}

// LogValue keeps the password out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String tells what may be told.
func (c Config) String() string {
	return fmt.Sprintf("redisstore.Config{URL: [redacted], Prefix: %q, Timeout: %v}", c.Prefix, c.Timeout)
}

// Format implements fmt.Formatter, so that no verb prints the fields one by one.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Store is safe for concurrent use. Its method Close ends a show; Shutdown ends the store.
type Store struct {
	client  redis.UniversalClient
	to      target
	prefix  string
	timeout time.Duration
	scripts scripts
	bell    *bell
}

//go:embed *.lua
var sources embed.FS

// scripts are sent by their digest, and whole only when the server has forgotten them.
type scripts struct {
	putShow, indexShow, claim, closeShow *redis.Script
	once, allow, count, ready            *redis.Script
	lookup, applied, replace, apply      *redis.Script
	streamAdd                            *redis.Script
}

// New makes a store. It does not connect: a Redis that is away is an error of the calls, and
// of Ready.
func New(cfg Config) (*Store, error) {
	if cfg.Timeout < 0 {
		return nil, errors.New("redisstore: negative timeout")
	}
	to, err := parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	if err := to.secure(cfg.TLS); err != nil {
		return nil, err
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if strings.ContainsAny(cfg.Prefix, "{}") || len(cfg.Prefix) > maxName {
		return nil, errors.New("redisstore: prefix with braces, or too long")
	}
	s := &Store{prefix: cfg.Prefix, timeout: cfg.Timeout}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	if err := s.scripts.load(); err != nil {
		return nil, err
	}
	// The library writes a line to standard error for each connection that it cannot make: thousands
	// a second while Redis is away. Every one of them is in the error of a call.
	logging.Disable()
	to.tune(s.timeout)
	s.to, s.client = to, to.client()
	hook := &patience{now: time.Now}
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		hook.look = cluster.ReloadState // in the background, and not more often than is good
	}
	s.client.AddHook(hook)
	if cfg.MaxListeners == 0 {
		cfg.MaxListeners = 1 << 14
	}
	s.bell = newBell(s.client, hook.look, cfg.Prefix, cfg.MaxListeners, s.timeout)
	return s, nil
}

// load reads the scripts. Those on status lists begin with the shared reader of the header; the
// first line of a script, with its flags, has to stay the first.
func (s *scripts) load() error {
	head, err := sources.ReadFile("status_head.lua")
	if err != nil {
		return fmt.Errorf("redisstore: %w", err)
	}
	for name, to := range map[string]**redis.Script{
		"put_show": &s.putShow, "index_show": &s.indexShow, "claim": &s.claim, "close_show": &s.closeShow, "once": &s.once, "allow": &s.allow, "count": &s.count, "ready": &s.ready,
		"status_lookup": &s.lookup, "status_applied": &s.applied, "status_replace": &s.replace, "status_apply": &s.apply, "stream_add": &s.streamAdd,
	} {
		text, err := sources.ReadFile(name + ".lua")
		if err != nil {
			return fmt.Errorf("redisstore: %w", err)
		}
		source := string(text)
		if strings.HasPrefix(name, "status_") {
			flags, body, _ := strings.Cut(source, "\n")
			source = flags + "\n" + string(head) + body
		}
		*to = redis.NewScript(source)
	}
	return nil
}

// Shutdown closes the connections.
func (s *Store) Shutdown() error {
	s.bell.close()
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("redisstore: shut down: %w", err)
	}
	return nil
}

// begin bounds a call.
func (s *Store) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	return ctx, cancel, nil
}

// millis rounds up: nothing is to end sooner than it was asked for.
func millis(d time.Duration) int64 {
	return int64(d/time.Millisecond) + min(1, int64(d%time.Millisecond))
}

func (s *Store) name(kind, name string) string { return s.prefix + "{" + kind + ":" + name + "}" }

// digest names what callers send. The lengths keep ("ab", "c") apart from ("a", "bc").
func (s *Store) digest(kind string, parts ...string) string {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return s.name(kind, base64.RawURLEncoding.EncodeToString(h.Sum(nil)))
}
