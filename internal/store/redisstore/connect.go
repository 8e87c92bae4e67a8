package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// errURL quotes nothing: the URL holds a password.
var errURL = errors.New("redisstore: URL is not a good redis://, rediss:// or unix:// URL, nor redis+sentinel://HOST:PORT,HOST:PORT/MASTER, nor redis+cluster://HOST:PORT,HOST:PORT")

// target is what a URL names: exactly one of the three.
type target struct {
	simple   *redis.Options
	sentinel *redis.FailoverOptions
	cluster  *redis.ClusterOptions
}

// The schemes of more than one server; each with a double s for TLS.
const (
	sentinelScheme = "+sentinel"
	clusterScheme  = "+cluster"
)

// parse reads a URL. Several hosts are split here, because a URL of the standard has one; the
// rest, with go-redis's query parameters, is its own to read.
func parse(raw string) (target, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return target{}, errURL
	}
	plain, sentinel := strings.CutSuffix(scheme, sentinelScheme)
	if !sentinel {
		var cluster bool
		if plain, cluster = strings.CutSuffix(scheme, clusterScheme); !cluster {
			opt, err := redis.ParseURL(raw)
			if err != nil {
				return target{}, errURL // the library's quotes the URL
			}
			return target{simple: opt}, nil
		}
	}
	if plain != "redis" && plain != "rediss" {
		return target{}, errURL
	}
	several, err := splitHosts(rest)
	if err != nil {
		return target{}, err
	}
	for _, name := range []string{"read_only", "replica_only", "route_by_latency", "route_randomly"} {
		if several.query.Has(name) {
			// A replica lags: a code spent a moment ago would be open there.
			return target{}, fmt.Errorf("redisstore: %s: replicas are not read from", name)
		}
	}
	if sentinel {
		return several.sentinel(plain)
	}
	return several.cluster(plain)
}

// several is what a URL of several hosts consists of.
type several struct {
	user  *url.Userinfo
	hosts []string
	path  string
	query url.Values
}

func splitHosts(rest string) (s several, err error) {
	authority, tail := rest, ""
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		authority, tail = rest[:at], rest[at:]
	}
	hosts := authority
	user := ""
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, hosts = authority[:at+1], authority[at+1:]
	}
	u, err := url.Parse("redis://" + user + "host" + tail)
	if err != nil || u.Fragment != "" {
		return several{}, errURL
	}
	if s.query, err = url.ParseQuery(u.RawQuery); err != nil || s.query.Has("addr") {
		return several{}, errURL
	}
	s.user, s.path = u.User, strings.Trim(u.Path, "/")
	for host := range strings.SplitSeq(hosts, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil || name == "" || port == "" {
			return several{}, errURL
		}
		s.hosts = append(s.hosts, host)
	}
	return s, nil
}

// first writes the URL that go-redis reads: one host, and the others as parameters.
func (s several) first(scheme string, user *url.Userinfo) string {
	for _, host := range s.hosts[1:] {
		s.query.Add("addr", host)
	}
	u := url.URL{Scheme: scheme, User: user, Host: s.hosts[0], RawQuery: s.query.Encode()}
	return u.String()
}

// sentinel: the user is the servers'; that of the sentinels, when they have one, is in parameters.
func (s several) sentinel(scheme string) (target, error) {
	if s.path == "" || strings.Contains(s.path, "/") || s.query.Has("master_name") {
		return target{}, fmt.Errorf("%w: a Sentinel URL ends with /MASTER", errURL)
	}
	s.query.Set("master_name", s.path)
	if s.user != nil {
		password, _ := s.user.Password()
		s.query.Set("username", s.user.Username())
		s.query.Set("password", password)
	}
	var user *url.Userinfo
	if s.query.Has("sentinel_password") {
		user = url.UserPassword(s.query.Get("sentinel_username"), s.query.Get("sentinel_password"))
	}
	s.query.Del("sentinel_username")
	s.query.Del("sentinel_password")
	opt, err := redis.ParseFailoverURL(s.first(scheme, user))
	if err != nil {
		return target{}, errURL
	}
	return target{sentinel: opt}, nil
}

func (s several) cluster(scheme string) (target, error) {
	if s.path != "" {
		return target{}, fmt.Errorf("%w: a cluster has no databases", errURL)
	}
	opt, err := redis.ParseClusterURL(s.first(scheme, s.user))
	if err != nil {
		return target{}, errURL
	}
	return target{cluster: opt}, nil
}

// tune bounds the connections. Each call has a context with a deadline; these bound a connection
// where go-redis does not look at it. Repeating is ours: see [patience].
func (t target) tune(timeout time.Duration) {
	bulk := bulkFactor * timeout
	switch {
	case t.simple != nil:
		o := t.simple
		o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = true, timeout, bulk, bulk, bulk
		o.MaxRetries, o.DialerRetries, o.DisableIdentity = -1, 1, true
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	case t.sentinel != nil:
		o := t.sentinel
		o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = true, timeout, bulk, bulk, bulk
		o.MaxRetries, o.DialerRetries, o.DisableIdentity = -1, 1, true
	case t.cluster != nil:
		o := t.cluster
		o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = true, timeout, bulk, bulk, bulk
		o.MaxRetries, o.DialerRetries, o.DisableIdentity = -1, 1, true
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		// Each command goes to the one node that has its key: nothing is spread or gathered, and the
		// server's table of commands is not needed.
		o.DisableRoutingPolicies = true
		o.MinRetryBackoff, o.MaxRetryBackoff = firstPause, longestPause
		o.ClusterStateReloadInterval = clusterLook
	}
}

// secure puts in the TLS of the configuration. A name that is to be checked is, for several hosts,
// the one that each was dialled by.
func (t target) secure(config *tls.Config) error {
	var at **tls.Config
	switch {
	case t.simple != nil:
		at = &t.simple.TLSConfig
	case t.sentinel != nil:
		at = &t.sentinel.TLSConfig
	default:
		at = &t.cluster.TLSConfig
	}
	if *at == nil {
		if config != nil {
			return errors.New("redisstore: TLS is configured, but the URL is not rediss://")
		}
		return nil
	}
	name := (*at).ServerName
	if t.simple == nil {
		name = ""
	}
	if config != nil {
		*at = config.Clone()
	}
	if (*at).ServerName == "" || t.simple == nil && config == nil {
		(*at).ServerName = name
	}
	if (*at).MinVersion == 0 {
		(*at).MinVersion = tls.VersionTLS12
	}
	return nil
}

// client makes the client; it does not connect.
func (t target) client() redis.UniversalClient {
	switch {
	case t.simple != nil:
		return redis.NewClient(t.simple)
	case t.sentinel != nil:
		return redis.NewFailoverClient(t.sentinel)
	default:
		return redis.NewClusterClient(t.cluster)
	}
}
