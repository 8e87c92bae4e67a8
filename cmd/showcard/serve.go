package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
)

type serveCommand struct {
	Config string `required:"" short:"c" placeholder:"FILE" type:"existingfile" help:"Configuration file (YAML). docs/operations.md explains every key."`
}

// Help is what --help says below the flags.
func (serveCommand) Help() string {
	return `Starts the server. The first start makes the keys, the database and the trust roots in the data
folder; carry its folder offline-root-keys away to a safe and delete it there.

A configuration that works:

  public_url: https://cards.example.gov.cn
  listen: 127.0.0.1:8080
  data: /var/lib/showcard
  keystore_key_file: /etc/showcard/keystore.key
  volatile: redis://127.0.0.1:6379/0
  domain: {code: "4300", name: {zh: 湖南省, en: Hunan}}
  operators:
    - {id: operator-1, jwk: /etc/showcard/operator-1.public.jwk}
`
}

func (c *serveCommand) Run(e *env) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	var handler slog.Handler = slog.NewTextHandler(e.stderr, nil)
	if cfg.Log == "json" {
		handler = slog.NewJSONHandler(e.stderr, nil)
	}
	log := slog.New(handler)
	slog.SetDefault(log)
	var tlsConfig *tls.Config
	if cfg.TLSCertificate != "" {
		certificate, err := tls.LoadX509KeyPair(cfg.TLSCertificate, cfg.TLSKey)
		if err != nil {
			return fmt.Errorf("%w: tls: %w", errConfig, err)
		}
		tlsConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	a, err := build(e.ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := a.close(); err != nil {
			log.Error("close", "error", err)
		}
	}()
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, offlineRootKeys)); err == nil {
		log.Warn("the trust root keys lie beside the data: carry them away to a safe", "folder", filepath.Join(cfg.Data, offlineRootKeys))
	}
	listeners, err := a.listeners(tlsConfig, l)
	if err != nil {
		return err
	}
	log.Info("serving", "address", l.Addr().String(), "public_url", cfg.PublicURL, "version", version, "pid", os.Getpid())
	return a.run(e.ctx, nil, listeners...) // each brings its own TLS
}
