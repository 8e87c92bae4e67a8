package sqlstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/showcard/showcard/issuer"
)

func requestRow(caller, request string) string { return caller + "\x00" + request }

// blindRequest is the name of a caller's Idempotency-Key: callers like to take citizens' numbers.
func (s *Store) blindRequest(table, caller, key string) string {
	if key == "" {
		return ""
	}
	return hex.EncodeToString(s.sealer.Blind(table, "request", caller+"\x00"+key))
}

// BlindClaimant is the name of who claims a code, for stores that are not sealed.
func (s *Store) BlindClaimant(claimant string) string {
	return hex.EncodeToString(s.sealer.Blind("shows", "claimant", claimant))
}

// BeginRequest implements [issuer.Requests].
func (s *Store) BeginRequest(ctx context.Context, caller, key string, digest [32]byte, now time.Time) (status int, response []byte, err error) {
	var sealed []byte
	key = s.blindRequest("requests", caller, key)
	// Blind: a row holds little that cannot be guessed, and a plain digest of it tells who guessed right.
	blind := s.sealer.Blind("requests", "digest", requestRow(caller, key)+"\x00"+string(digest[:]))
	err = s.db.write(ctx, work{rows: 1, clean: true, about: requestRow(caller, key), do: func(q querier) error {
		status, sealed = 0, nil
		n, err := q.exec(`INSERT INTO requests (caller, request, digest, status, created_at) VALUES ($1, $2, $3, 0, $4) ON CONFLICT (caller, request) DO NOTHING`,
			caller, key, blind, micros(now))
		if err != nil || n == 1 {
			return err
		}
		var stored []byte
		if err := q.row(`SELECT digest, status, response FROM requests WHERE caller = $1 AND request = $2`, caller, key).Scan(&stored, &status, &sealed); err != nil {
			return err
		}
		if !bytes.Equal(stored, blind) {
			return issuer.ErrRequestReused
		}
		return nil
	}})
	if err != nil {
		return 0, nil, fmt.Errorf("sqlstore: request: %w", err)
	}
	if sealed != nil {
		if response, err = s.sealer.Open("requests", requestRow(caller, key), "response", sealed); err != nil {
			return 0, nil, err
		}
	}
	return status, response, nil
}

// EndRequest implements [issuer.Requests].
func (s *Store) EndRequest(ctx context.Context, caller, key string, status int, response []byte) error {
	key = s.blindRequest("requests", caller, key)
	sealed, err := s.sealer.Seal("requests", requestRow(caller, key), "response", response)
	if err != nil {
		return err
	}
	return s.db.write(ctx, work{rows: 1, clean: true, about: requestRow(caller, key), do: func(q querier) error {
		_, err := q.exec(`UPDATE requests SET status = $3, response = $4 WHERE caller = $1 AND request = $2 AND status = 0`, caller, key, status, sealed)
		return err
	}})
}

// sweepRows bounds what one sweeping transaction takes, so that it delays nobody for long.
const sweepRows = 500

// sweep repeats a bounded statement until it finds nothing more.
func (s *Store) sweep(ctx context.Context, query string, args ...any) (total int64, err error) {
	for {
		var n int64
		err := s.db.write(ctx, work{rows: sweepRows, clean: true, do: func(q querier) (err error) {
			n, err = q.exec(query, args...)
			return err
		}})
		if err != nil {
			return total, fmt.Errorf("sqlstore: sweep: %w", err)
		}
		if total += n; n < sweepRows {
			return total, nil
		}
	}
}

// SweepRequests implements [issuer.Requests].
func (s *Store) SweepRequests(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM requests WHERE (caller, request) IN (SELECT caller, request FROM requests WHERE created_at < $1 ORDER BY created_at LIMIT $2)`,
		micros(before), sweepRows)
}
