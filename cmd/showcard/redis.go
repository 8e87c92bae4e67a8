package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/showcard/showcard/internal/store/redisstore"
)

// openRedis makes the store that many processes share. It does not connect.
func openRedis(cfg config) (*redisstore.Store, error) {
	c := redisstore.Config{URL: cfg.Volatile}
	if cfg.VolatileCA != "" {
		data, err := os.ReadFile(cfg.VolatileCA)
		if err != nil {
			return nil, fmt.Errorf("%w: volatile_ca: %w", errConfig, err)
		}
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		if !c.TLS.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%w: volatile_ca: no certificate in %s", errConfig, cfg.VolatileCA)
		}
	}
	s, err := redisstore.New(c)
	if err != nil {
		return nil, fmt.Errorf("%w: volatile: %w", errConfig, err)
	}
	return s, nil
}
