package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/outbound"
	"github.com/showcard/showcard/internal/store/sqlstore"
)

// newOutbound makes the client for everything that the server fetches.
func newOutbound(c config) (*http.Client, error) {
	o := outbound.Config{Allow: slices.Clone(c.OutboundAllow)}
	// On one machine, which is a demo or a trial, the deployment is its own neighbour.
	if u, err := url.Parse(c.PublicURL); err == nil && loopback(u.Hostname()) {
		o.Allow = append(o.Allow, c.PublicURL)
	}
	if host, _, err := net.SplitHostPort(c.Listen); c.demo && err == nil && loopback(host) {
		o.Allow = append(o.Allow, "http://"+c.Listen) // a later start may be given another --addr
	}
	if c.OutboundCA != "" {
		data, err := os.ReadFile(c.OutboundCA)
		if err != nil {
			return nil, fmt.Errorf("%w: outbound_ca: %w", errConfig, err)
		}
		if o.Roots, err = x509.SystemCertPool(); err != nil {
			o.Roots = x509.NewCertPool()
		}
		if !o.Roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%w: outbound_ca: no certificate in %s", errConfig, c.OutboundCA)
		}
	}
	client, err := outbound.New(o)
	if err != nil {
		return nil, fmt.Errorf("%w: outbound_allow: %w", errConfig, err)
	}
	return client, nil
}

// storeConfig says how the record is opened.
func storeConfig(c config, keys *key.Store) sqlstore.Config {
	return sqlstore.Config{URL: c.Database, Replicas: c.DatabaseReplicas, Keys: keys, Seals: key.SealerConfig{Life: c.DataKeyLife}}
}

var errServing = errors.New("a server is running on this data folder, or another maintenance command: stop it first")

// lockServing says that a process serves from a data folder; alone, that it wants nobody to. The
// lock ends with the process, however it ends.
func lockServing(folder string, alone bool) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(folder, "serving.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errServing, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// deploymentFlags name the deployment that a command works on, on the machine where its data lies.
type deploymentFlags struct {
	Config string `short:"c" xor:"deployment" placeholder:"FILE" help:"Configuration file of the deployment."`
	Data   string `xor:"deployment" placeholder:"DIR" help:"Data folder of a demo, in place of --config."`
}

func (f deploymentFlags) config() (config, error) {
	switch {
	case f.Config != "":
		return readConfig(f.Config)
	case f.Data != "":
		return (&demoCommand{Data: f.Data, Profile: "sm2", Volatile: "memory"}).config("127.0.0.1:8080")
	}
	return config{}, fmt.Errorf("%w: give --config FILE, or --data DIR of a demo", errConfig)
}

// existing refuses a folder without a deployment: a mistyped path must not make a new one.
func existing(c config) error {
	for _, name := range []string{"keystore.json", deploymentFile} {
		if _, err := os.Stat(filepath.Join(c.Data, name)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: there is no %s in %s", errConfig, name, c.Data)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// vault opens keystore and record of a deployment and calls with.
func (f deploymentFlags) vault(ctx context.Context, with func(c config, keys *key.Store, s *sqlstore.Store) error) (err error) {
	c, err := f.config()
	if err != nil {
		return err
	}
	if err := existing(c); err != nil {
		return err
	}
	keys, err := openKeystore(c)
	if err != nil {
		return err
	}
	s, err := sqlstore.Open(ctx, storeConfig(c, keys))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return with(c, keys, s)
}

// vaultCommand is what an operator does about the keys that the data lies under.
type vaultCommand struct {
	Status          vaultStatusCommand   `cmd:"" help:"List data keys, and what wraps them."`
	RotateDataKey   rotateDataKeyCommand `cmd:"" help:"Make the next data key; it seals from now on. Also happens by age and by count."`
	Reseal          resealCommand        `cmd:"" help:"Seal everything anew under the newest data key, while the server runs. Killed half way, call it again."`
	DestroyDataKey  destroyKeyCommand    `cmd:"" help:"Destroy a data key under which nothing lies any more."`
	RotateKEK       rotateKEKCommand     `cmd:"" name:"rotate-kek" help:"Make the next key-encryption key and wrap the data keys anew under it."`
	RotateLookupKey rotateLookupCommand  `cmd:"" help:"Turn all blind names (holder ids, row keys) to a new key. The server must not run; everybody signs in again."`
}

type vaultStatusCommand struct{ deploymentFlags }

// Run lists the data keys.
func (v vaultStatusCommand) Run(e *env) error {
	return v.vault(e.ctx, func(_ config, _ *key.Store, s *sqlstore.Store) error {
		keys, err := s.DataKeys(e.ctx)
		if err != nil {
			return err
		}
		for i, k := range keys {
			state := "opens 可解封"
			switch {
			case k.Destroyed():
				state = "destroyed 已销毁"
			case i == len(keys)-1:
				state = "seals 在用"
			}
			wrapped, made := k.KEK, k.Created.Format("2006-01-02")
			if k.KEK == "" {
				wrapped, made = "derived 派生", "–"
			}
			fmt.Fprintf(e.stdout, "%4d  %-10s  %-12s  %12d  %s\n", k.ID, made, wrapped, k.Used, state)
		}
		return nil
	})
}

func rotated(e *env, s *sqlstore.Store, what string, detail map[string]string) error {
	return s.Note(e.ctx, audit.Event{Kind: "key.rotated", Actor: "command", Subject: what, Detail: detail})
}

type rotateDataKeyCommand struct{ deploymentFlags }

// Run makes the next data key.
func (v rotateDataKeyCommand) Run(e *env) error {
	return v.vault(e.ctx, func(_ config, _ *key.Store, s *sqlstore.Store) error {
		id, err := s.RotateDataKey(e.ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "数据密钥 %d 启用 Data key %d seals from now on; processes that run follow within a minute.\n", id, id)
		return rotated(e, s, "data-key/"+strconv.FormatUint(uint64(id), 10), nil)
	})
}

type resealCommand struct{ deploymentFlags }

// Run seals everything anew.
func (v resealCommand) Run(e *env) error {
	return v.vault(e.ctx, func(_ config, _ *key.Store, s *sqlstore.Store) error {
		counts := map[string]int64{}
		var order []string
		total, err := s.Reseal(e.ctx, func(table string, n int64) {
			if _, ok := counts[table]; !ok {
				order = append(order, table)
			}
			counts[table] += n
		})
		for _, table := range order {
			fmt.Fprintf(e.stdout, "%12d  %s\n", counts[table], table)
		}
		if err != nil {
			return fmt.Errorf("after %d values; call it again to go on: %w", total, err)
		}
		fmt.Fprintf(e.stdout, "%12d  重新封存 sealed anew\n", total)
		return nil
	})
}

type destroyKeyCommand struct {
	deploymentFlags
	ID uint32 `arg:"" help:"Number of the data key, as status lists it."`
}

// Run destroys a data key.
func (v destroyKeyCommand) Run(e *env) error {
	return v.vault(e.ctx, func(_ config, _ *key.Store, s *sqlstore.Store) error {
		if err := s.DestroyDataKey(e.ctx, v.ID); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "数据密钥 %d 已销毁 Data key %d is destroyed. Backups still hold it, wrapped.\n", v.ID, v.ID)
		return s.Note(e.ctx, audit.Event{Kind: "key.destroyed", Actor: "command", Subject: fmt.Sprintf("data-key/%d", v.ID)})
	})
}

type rotateKEKCommand struct{ deploymentFlags }

// nextKEK names the key-encryption key that data keys are to be wrapped under: the next one, or the
// newest, when a rotation to it was called off half way. Derived keys and destroyed ones are wrapped
// under none, and say nothing of that.
func nextKEK(list []key.DataKey) string {
	used, newest := map[int]bool{}, 0
	for _, k := range list {
		n, err := strconv.Atoi(strings.TrimPrefix(k.KEK, "kek/"))
		if err != nil {
			continue
		}
		newest = max(newest, n)
		if !k.Destroyed() {
			used[n] = true
		}
	}
	if len(used) < 2 || !used[newest] {
		newest++
	}
	return "kek/" + strconv.Itoa(newest)
}

// Run wraps the data keys anew. When it was called off before, the key that it had made is used.
func (v rotateKEKCommand) Run(e *env) error {
	return v.vault(e.ctx, func(_ config, keys *key.Store, s *sqlstore.Store) error {
		list, err := s.DataKeys(e.ctx)
		if err != nil {
			return err
		}
		next := nextKEK(list)
		n, err := s.Rewrap(e.ctx, next)
		if err != nil {
			return fmt.Errorf("after %d keys; call it again to go on: %w", n, err)
		}
		fmt.Fprintf(e.stdout, "%d 个数据密钥改由 %s 加密 %d data keys are wrapped under %s now. The old one still opens backups.\n", n, next, n, next)
		return rotated(e, s, next, map[string]string{"data_keys": strconv.Itoa(n)})
	})
}

type rotateLookupCommand struct{ deploymentFlags }

// Run turns the names.
func (v rotateLookupCommand) Run(e *env) error {
	c, err := v.config()
	if err != nil {
		return err
	}
	if err := existing(c); err != nil {
		return err
	}
	unlock, err := lockServing(c.Data, true)
	if err != nil {
		return err
	}
	defer unlock()
	keys, err := openKeystore(c)
	if err != nil {
		return err
	}
	counts := map[string]int64{}
	g, err := sqlstore.RotateLookups(e.ctx, storeConfig(c, keys), func(table string, n int64) { counts[table] += n })
	for _, table := range slices.Sorted(func(yield func(string) bool) {
		for t := range counts {
			if !yield(t) {
				return
			}
		}
	}) {
		fmt.Fprintf(e.stdout, "%12d  %s\n", counts[table], table)
	}
	if err != nil && g > 0 {
		return fmt.Errorf("names may be turned in part, and then no server starts until it is done; call it again: %w", err)
	}
	if err != nil {
		return err // nothing had begun
	}
	fmt.Fprintf(e.stdout, "检索密钥第 %d 代启用 Generation %d of the keys of names is in force. Codes on screens are void; everybody signs in again.\n", g, g)
	return v.vault(e.ctx, func(_ config, _ *key.Store, s *sqlstore.Store) error {
		return rotated(e, s, "lookup/"+strconv.Itoa(g), nil)
	})
}

// quiet is a log for commands that open what servers open.
func quiet(e *env) *slog.Logger {
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}
