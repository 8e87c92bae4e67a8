package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/showcard/showcard/crypto/key"
	sockets "github.com/showcard/showcard/internal/signer"
)

type signerCommand struct {
	Keystore string `required:"" placeholder:"FILE" help:"Keystore of the private keys, made when it is not there."`
	KeyFile  string `placeholder:"FILE" help:"Key file that opens it; made with it. Otherwise the passphrase is read from SHOWCARD_PASSPHRASE or asked for."`
	Socket   string `required:"" placeholder:"PATH" help:"Where to listen: a unix socket, mode 0600."`
	Policy   string `placeholder:"FILE" help:"JSON: which key signs which kind of message, how often. Default: what a deployment needs."`
	User     []int  `placeholder:"ID" help:"User id that may connect besides our own."`
}

// Help is what --help prints below the flags.
func (signerCommand) Help() string {
	return `Run it as another user than the server, and give the server, in its configuration:

  signer: unix:/run/showcard/signer.sock

No request gives a private key out. docs/signer.md has the protocol, for adapters of security modules.`
}

// Run serves until it is stopped.
func (s signerCommand) Run(e *env) error {
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	keys, err := s.open(e)
	if err != nil {
		return err
	}
	cfg := sockets.ServerConfig{Keys: keys, Users: s.User, Logger: log}
	if s.Policy != "" {
		data, err := os.ReadFile(s.Policy)
		if err != nil {
			return err
		}
		if cfg.Policy, err = sockets.ParsePolicy(data); err != nil {
			return fmt.Errorf("%w: %s: %w", errConfig, s.Policy, err)
		}
	}
	server, err := sockets.NewServer(cfg)
	if err != nil {
		return err
	}
	l, err := sockets.Listen(s.Socket)
	if err != nil {
		return err
	}
	log.Info("signing", "socket", s.Socket, "pid", os.Getpid())
	return server.Serve(e.ctx, l)
}

func (s signerCommand) open(e *env) (*key.Store, error) {
	_, err := os.Stat(s.Keystore)
	fresh := errors.Is(err, fs.ErrNotExist)
	u, err := unlock(e, s.KeyFile, fresh)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return key.OpenStore(s.Keystore, u)
	}
	if s.KeyFile != "" {
		if _, err := os.Stat(s.KeyFile); errors.Is(err, fs.ErrNotExist) {
			if err := key.NewKeyFile(s.KeyFile); err != nil {
				return nil, err
			}
		}
	}
	return key.CreateStore(s.Keystore, u)
}
