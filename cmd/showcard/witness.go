package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
	"github.com/showcard/showcard/internal/audit/witness"
)

type witnessCommand struct {
	Log      string        `required:"" placeholder:"URL" help:"Address of the deployment whose log is followed."`
	LogKeys  string        `name:"log-keys" placeholder:"FILE" help:"Verifier keys of that log. Without it they are asked for at the first start, written down in the data folder, and never changed again."`
	Key      string        `required:"" placeholder:"FILE" help:"The witness's own key; made at the first start, mode 0600."`
	Name     string        `placeholder:"NAME" help:"The witness's name in its cosignatures, when the key is made. Default: the host's."`
	Data     string        `required:"" placeholder:"DIR" help:"Folder for what was witnessed: on another machine than the log, under another hand."`
	Listen   string        `default:"127.0.0.1:8090" placeholder:"ADDR" help:"Address to serve on. TLS is for a proxy in front."`
	Interval time.Duration `default:"10s" help:"How often the log is asked."`
	CA       string        `name:"ca" placeholder:"FILE" help:"PEM file of certificate authorities to trust for TLS besides the system's."`
}

// Help is what --help prints below the flags.
func (witnessCommand) Help() string {
	return `Follows an audit log from outside: checks both signatures of each checkpoint and that it continues the last one, keeps
it and all leaves (they hold nothing of a person) on its own disk, and cosigns. The log shows the cosignature with its checkpoint,
and "showcard audit verify --witness" holds the log against what the witness kept.

When the log does not continue what it was, three times in a row, the witness stores both signed checkpoints in DATA/evidence,
says so in /healthz and /metrics (showcard_witness_alarm), and ends with status 1. It takes up again only after somebody has moved
that folder away.

It asks the log itself and also takes what the log brings (POST /add-checkpoint, C2SP tlog-witness).

Example:
  showcard witness --log https://cards.example.gov.cn --key witness.key --data /srv/witness --listen 127.0.0.1:8090`
}

// witnessKeyFile is the witness's key on disk.
type witnessKeyFile struct {
	Name string `json:"name"`
	Seed string `json:"seed"` // of Ed25519, base64
}

func (c *witnessCommand) Run(e *env) error {
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	if c.Interval < time.Second || c.Interval > time.Hour {
		return fmt.Errorf("%w: --interval: 1s to 1h", errConfig)
	}
	signer, err := c.signer()
	if err != nil {
		return err
	}
	if found, err := os.ReadDir(filepath.Join(c.Data, witness.EvidenceFolder)); err == nil {
		for _, f := range found {
			if strings.HasPrefix(f.Name(), witness.Rewritten) {
				return &coded{code: audit.FoundForked, err: fmt.Errorf("there is evidence that this log was rewritten: %s. Look into it, then move the folder away",
					filepath.Join(c.Data, witness.EvidenceFolder, f.Name()))}
			}
		}
	}
	h, err := c.http()
	if err != nil {
		return err
	}
	source, err := remote.NewLog(c.Log, h)
	if err != nil {
		return fmt.Errorf("%w: --log: %w", errConfig, err)
	}
	keys, err := c.keys(e.ctx, source, log)
	if err != nil {
		return err
	}
	w, err := witness.New(witness.Config{Data: c.Data, Log: source, Keys: keys, Signer: signer, Logger: log})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s\n", signer.Key())
	log.Info("witnessing", "log", keys.Origin, "size", w.Latest().Size, "address", l.Addr().String(), "key", signer.Key().String())
	return follow(e.ctx, w, l, c.Interval)
}

// follow serves and polls until ctx ends or the log turns out rewritten.
func follow(ctx context.Context, w *witness.Witness, l net.Listener, interval time.Duration) error {
	server := &http.Server{
		Handler: w.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 5 * time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	g, following := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		if err := w.Follow(following, interval); err != nil {
			return &coded{code: audit.FoundForked, err: err}
		}
		return nil
	})
	g.Go(func() error {
		<-following.Done()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(closing)
	})
	return g.Wait()
}

// signer reads the witness's key, or makes it.
func (c *witnessCommand) signer() (audit.Signer, error) {
	data, err := os.ReadFile(c.Key)
	if errors.Is(err, fs.ErrNotExist) {
		name := c.Name
		if name == "" {
			if name, err = os.Hostname(); err != nil {
				return audit.Signer{}, err
			}
		}
		seed := make([]byte, 32)
		_, _ = rand.Read(seed)
		if _, err := audit.NewWitnessSigner(name, seed, time.Now); err != nil {
			return audit.Signer{}, fmt.Errorf("%w: --name: %w", errConfig, err)
		}
		if data, err = json.Marshal(witnessKeyFile{name, base64.StdEncoding.EncodeToString(seed)}); err != nil {
			return audit.Signer{}, err
		}
		if err := writeFile(c.Key, append(data, '\n'), 0o600); err != nil {
			return audit.Signer{}, err
		}
	} else if err != nil {
		return audit.Signer{}, err
	}
	if info, err := os.Stat(c.Key); err != nil {
		return audit.Signer{}, err
	} else if info.Mode().Perm()&0o077 != 0 {
		return audit.Signer{}, &coded{code: "keystore-insecure-permissions", err: fmt.Errorf("%s has %o", c.Key, info.Mode().Perm())}
	}
	var f witnessKeyFile
	seed, seedErr := []byte(nil), json.Unmarshal(data, &f)
	if seedErr == nil {
		seed, seedErr = base64.StdEncoding.DecodeString(f.Seed)
	}
	if seedErr != nil {
		return audit.Signer{}, fmt.Errorf("%w: --key %s: not a witness's key", errConfig, c.Key)
	}
	return audit.NewWitnessSigner(f.Name, seed, time.Now)
}

// http makes the guarded client: of this log only.
func (c *witnessCommand) http() (*http.Client, error) {
	return newOutbound(config{OutboundAllow: []string{originOf(c.Log)}, OutboundCA: c.CA, PublicURL: c.Log})
}

func originOf(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// keys reads the log's keys: given, written down before, or asked for and written down.
func (c *witnessCommand) keys(ctx context.Context, source *remote.Log, log *slog.Logger) (audit.Keys, error) {
	file := filepath.Join(c.Data, "log-keys")
	if c.LogKeys != "" {
		file = c.LogKeys
	} else if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		asked, err := source.Keys(ctx)
		if err != nil {
			return audit.Keys{}, err
		}
		var text strings.Builder
		for _, k := range asked {
			if !k.Witness() {
				text.WriteString(k.String() + "\n")
				log.Warn("the log's key is taken on its own word: compare it with what its operator tells you", "key", k.String())
			}
		}
		if err := os.MkdirAll(c.Data, 0o750); err != nil {
			return audit.Keys{}, err
		}
		if err := writeFile(file, []byte(text.String()), 0o640); err != nil {
			return audit.Keys{}, err
		}
	}
	list, err := readKeys(file)
	if err != nil {
		return audit.Keys{}, err
	}
	return audit.NewKeys(list)
}
