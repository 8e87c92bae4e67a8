package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
)

// newTables makes the tables that SM2 verification stands on, as the configuration says.
func newTables(cfg config, log *slog.Logger) (*key.Tables, error) {
	modes := map[string]sm.Mode{"on": sm.Fast, "off": sm.Library, "both": sm.Both}
	t, err := key.NewTables(sm.TablesConfig{
		Mode: modes[cfg.SM2Tables], Memory: cfg.SM2TableMemory,
		Disagreed: func(public, digest, signature []byte, library bool) {
			// Everything here is public, and all of it is needed to find the fault.
			log.Error("two SM2 implementations disagree; the library's answer was given", "key", hex.EncodeToString(public),
				"digest", hex.EncodeToString(digest), "signature", hex.EncodeToString(signature), "library", library)
		},
	})
	if errors.Is(err, sm.ErrSelfTest) {
		return nil, fmt.Errorf("%w (sm2_tables: off goes on without them)", err)
	}
	return t, err
}

// tableMetrics shows at /metrics what the tables take, whether the two implementations ever
// disagreed, and what is remembered of certificates.
func (a *app) tableMetrics() error {
	return errors.Join(
		a.server.Gauge("showcard_sm2_table_bytes", "Memory of the tables for SM2 verification.", func() float64 { return float64(a.tables.Stats().Bytes) }),
		a.server.Gauge("showcard_sm2_known_keys", "Keys of issuers and wallet providers with a place among the tables.", func() float64 { return float64(a.tables.Stats().Known) }),
		a.server.Gauge("showcard_sm2_returning_keys", "Keys of devices that are remembered.", func() float64 { return float64(a.tables.Stats().Returning) }),
		a.server.Gauge("showcard_certificate_cache_bytes", "Memory of the certificates whose issuer's signature was found good.", func() float64 { return float64(a.checker.Stats().Bytes) }),
		a.server.Gauge("showcard_certificate_cache_entries", "Certificates whose issuer's signature was found good.", func() float64 { return float64(a.checker.Stats().Certificates) }),
		a.server.Gauge("showcard_certificate_cache_hits", "Signatures of issuers that were remembered, since the start.", func() float64 { return float64(a.checker.Stats().Hits) }),
		a.server.Gauge("showcard_certificate_cache_misses", "Signatures of issuers that were verified, since the start.", func() float64 { return float64(a.checker.Stats().Misses) }),
		a.server.Gauge("showcard_sm2_disagreements", "Signatures on which the two implementations disagreed: any is an alarm.", func() float64 { return float64(a.tables.Stats().Differences) }),
	)
}
