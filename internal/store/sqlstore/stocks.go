package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

var (
	_ wallet.Stocks         = (*Store)(nil)
	_ wallet.RevokedSerials = (*Store)(nil)
)

// stockEvent is what the log says of a stock. It is about whose certificate it is.
func stockEvent(t wallet.Stocked) audit.Event {
	return audit.Event{Kind: "device.stocked", Once: t.ID, At: t.At, Actor: "person:" + t.PersonID, Subject: t.ID, Holder: t.HolderID, Detail: map[string]string{
		"device": t.DeviceID, "certificate": t.Identifier, "type": t.Type, "view": t.View, "codes": strconv.Itoa(t.Codes), "until": t.ExpiresAt.UTC().Format(time.RFC3339),
	}}
}

// PutStock implements [wallet.Stocks]. It holds the rows of the certificate, the session and the
// device, in this order: what ends one of them either comes first, or finds the serials.
func (s *Store) PutStock(ctx context.Context, t wallet.Stocked, limit int) error {
	log, err := s.audited(stockEvent(t))
	if err != nil {
		return err
	}
	fields := names(t.Fields)
	return s.writeAbout(ctx, aboutCertificate(t.Identifier), 4+len(t.Serials), func(q querier) error {
		if t.PersonID != t.HolderID {
			if err := q.alone(stocksOf(t.HolderID)); err != nil {
				return err
			}
		}
		if err := s.stockable(q, t); err != nil {
			return err
		}
		if err := s.inSession(q, t.PersonID, t.Session); err != nil {
			return err
		}
		if err := use(q, t); err != nil {
			return err
		}
		var have int
		if err := q.row(`SELECT COUNT(*) FROM device_serials WHERE device_id = $1 AND expires_at > $2 AND revoked_at IS NULL`, t.DeviceID, micros(s.cfg.Now())).Scan(&have); err != nil {
			return err
		}
		if have+len(t.Serials) > limit {
			return wallet.ErrStockFull
		}
		if _, err := q.exec(`INSERT INTO device_stocks (id, at, holder_id, person_id, device_id, identifier, type, view, fields, codes, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			t.ID, micros(t.At), t.HolderID, t.PersonID, t.DeviceID, t.Identifier, t.Type, t.View, fields, t.Codes, micros(t.ExpiresAt)); err != nil {
			return err
		}
		for _, serial := range t.Serials {
			if _, err := q.exec(`INSERT INTO device_serials (serial, identifier, holder_id, person_id, device_id, view, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				serial[:], t.Identifier, t.HolderID, t.PersonID, t.DeviceID, t.View, micros(t.ExpiresAt)); err != nil {
				return err
			}
		}
		return log.store(q)
	})
}

// stocksOf names what is done with the codes of a company: they are given out, or somebody loses the
// right to them.
func stocksOf(companyID string) string { return "stocks " + companyID }

// stockable holds a certificate of which codes may be given out; of a company's the licences, too,
// by which somebody acts for it.
func (s *Store) stockable(q querier, t wallet.Stocked) error {
	var state issuer.State
	var holder string
	company := t.HolderID
	if t.PersonID == t.HolderID {
		company = "" // nobody represents a person
	}
	err := q.rows(`SELECT identifier, state, holder_id FROM certificates
		WHERE identifier IN (SELECT CAST($1 AS TEXT) UNION ALL SELECT identifier FROM representatives WHERE company_id = $2) ORDER BY identifier`+s.db.lock(), []any{t.Identifier, company}, func(row scanner) error {
		var identifier, of string
		var is issuer.State
		err := row.Scan(&identifier, &is, &of)
		if identifier == t.Identifier {
			state, holder = is, of
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case holder != t.HolderID || holder == "":
		return fmt.Errorf("%w: %s", wallet.ErrHoldingUnknown, t.Identifier)
	case state.Terminal():
		return fmt.Errorf("%w: %s", wallet.ErrHoldingEnded, state)
	case state != issuer.Valid:
		return fmt.Errorf("%w: %s", wallet.ErrHoldingSuspended, state)
	}
	return nil
}

// use notes that a device is given codes, in which session, if it lives.
func use(q querier, t wallet.Stocked) error {
	n, err := q.exec(`UPDATE devices SET used_at = $3, session = $4 WHERE id = $1 AND person_id = $2 AND killed_at IS NULL`, t.DeviceID, t.PersonID, micros(t.At), t.Session)
	if err != nil || n == 1 {
		return err
	}
	var one int
	err = q.row(`SELECT 1 FROM devices WHERE id = $1 AND person_id = $2`, t.DeviceID, t.PersonID).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return wallet.ErrDeviceUnknown
	}
	if err != nil {
		return err
	}
	return wallet.ErrDeviceKilled
}

// Standing implements [wallet.Stocks].
func (s *Store) Standing(ctx context.Context, personID, deviceID string, now time.Time) ([]wallet.Standing, error) {
	var out []wallet.Standing
	err := s.read(ctx, func(q querier) error {
		out = nil
		return q.rows(`SELECT identifier, view, expires_at, serial FROM device_serials WHERE device_id = $1 AND person_id = $2 AND expires_at > $3 AND revoked_at IS NULL
			ORDER BY identifier, view, expires_at, serial`, []any{deviceID, personID, micros(now)}, func(row scanner) error {
			var g wallet.Standing
			var ends int64
			var serial []byte
			if err := row.Scan(&g.Identifier, &g.View, &ends, &serial); err != nil {
				return err
			}
			g.ExpiresAt = moment(ends)
			if last := len(out) - 1; last < 0 || out[last].Identifier != g.Identifier || out[last].View != g.View || !out[last].ExpiresAt.Equal(g.ExpiresAt) {
				out = append(out, g)
			}
			return appendSerial(&out[len(out)-1].Serials, serial)
		})
	})
	return out, err
}

func appendSerial(to *[]wallet.Serial, serial []byte) error {
	one, err := serialOf(serial)
	*to = append(*to, one)
	return err
}

func serialOf(b []byte) (serial wallet.Serial, err error) {
	if len(b) != len(serial) {
		return serial, fmt.Errorf("sqlstore: a serial of %d bytes", len(b))
	}
	return wallet.Serial(b), nil
}

// Stocked implements [wallet.Stocks].
func (s *Store) Stocked(ctx context.Context, holderID, personID string, before wallet.Cursor, limit int) ([]wallet.Stocked, error) {
	if holderID == "" {
		return nil, nil
	}
	where, args := `holder_id = $1`, []any{holderID, micros(before.At), before.ID, limit}
	if personID != "" {
		where, args = where+` AND person_id = $5`, append(args, personID)
	}
	var out []wallet.Stocked
	err := s.lookup(ctx, func(q querier) error {
		out = nil
		return q.rows(`SELECT id, at, holder_id, person_id, device_id, identifier, type, view, fields, codes, expires_at FROM device_stocks
			WHERE `+where+` AND (at < $2 OR at = $2 AND id < $3) ORDER BY at DESC, id DESC LIMIT $4`, args, func(row scanner) error {
			var t wallet.Stocked
			var at, ends int64
			var fields string
			err := row.Scan(&t.ID, &at, &t.HolderID, &t.PersonID, &t.DeviceID, &t.Identifier, &t.Type, &t.View, &fields, &t.Codes, &ends)
			if err == nil {
				t.Fields, err = parseNames(fields)
			}
			t.At, t.ExpiresAt = moment(at), moment(ends)
			out = append(out, t)
			return err
		})
	})
	return out, err
}

// serialHead orders the sequence of revoked serials among what is done last in a transaction.
const serialHead = "serials"

// revokeSerials marks the serials that fit, and have not expired, as revoked, and gives them numbers in
// the sequence of revoked ones; where reads its arguments from $2 on. It says how many. Like the numbers
// of a status list, those of the sequence are given out last in the transaction, so that they become
// visible in order. The marked rows go on saying whose they are: checks that were made offline settle later.
func (s *Store) revokeSerials(q querier, where string, args ...any) (int, error) {
	type ending struct {
		serial []byte
		at     int64
	}
	var all []ending
	now := micros(s.cfg.Now())
	err := q.rows(`UPDATE device_serials SET revoked_at = $1 WHERE expires_at > $1 AND revoked_at IS NULL AND (`+where+`) RETURNING serial, expires_at`, append([]any{now}, args...), func(row scanner) error {
		var e ending
		err := row.Scan(&e.serial, &e.at)
		all = append(all, e)
		return err
	})
	if err != nil || len(all) == 0 {
		return 0, err
	}
	slices.SortFunc(all, func(a, b ending) int { return strings.Compare(string(a.serial), string(b.serial)) })
	return len(all), q.finally(serialHead, func(q querier) error {
		last, err := leapSerials(q, int64(len(all)))
		if err != nil {
			return err
		}
		for i, e := range all {
			if _, err := q.exec(`INSERT INTO revoked_serials (seq, serial, expires_at, at) VALUES ($1, $2, $3, $4)`, last-int64(len(all)-1-i), e.serial, e.at, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// leapSerials takes the next numbers of the sequence, and returns the last.
func leapSerials(q querier, by int64) (last int64, err error) {
	err = q.row(`INSERT INTO revoked_serial_head (name, seq) VALUES ('', $1) ON CONFLICT (name) DO UPDATE SET seq = revoked_serial_head.seq + excluded.seq RETURNING seq`, by).Scan(&last)
	return last, err
}

// revokeAbout revokes the codes of a certificate that is not valid any more. Where it has ended, and
// named who may act for a company, nobody does by it, and all codes of the company go; suspended, it
// goes on naming them.
func (s *Store) revokeAbout(q querier, identifier string, ended bool) error {
	where := `identifier = $2`
	if ended {
		where += ` OR holder_id IN (SELECT company_id FROM representatives WHERE identifier = $2)`
	}
	_, err := s.revokeSerials(q, where, identifier)
	return err
}

// stopped are certificates of a batch that are not valid any more.
type stopped struct{ all, ended []string }

func (t *stopped) add(identifier string, ended bool) {
	t.all = append(t.all, identifier)
	if ended {
		t.ended = append(t.ended, identifier)
	}
}

// revokeAboutAll does it for many, where a statement is a trip to the server.
func (s *Store) revokeAboutAll(q querier, t stopped) error {
	if len(t.all) == 0 {
		return nil
	}
	_, err := s.revokeSerials(q, `identifier = ANY($2) OR holder_id IN (SELECT company_id FROM representatives WHERE identifier = ANY($3))`, t.all, t.ended)
	return err
}

// RevokedSerials implements [wallet.RevokedSerials].
func (s *Store) RevokedSerials(ctx context.Context, after uint64, now time.Time, limit int) (head uint64, page []wallet.RevokedSerial, err error) {
	err = s.snapshot(ctx, func(q querier) error {
		page = nil
		var last int64
		if err := q.row(`SELECT COALESCE((SELECT seq FROM revoked_serial_head WHERE name = ''), 0)`).Scan(&last); err != nil {
			return err
		}
		head = uint64(last)
		return q.rows(`SELECT seq, serial, expires_at FROM revoked_serials WHERE seq > $1 AND expires_at > $2 ORDER BY seq LIMIT $3`, []any{int64(after), micros(now), limit}, func(row scanner) error {
			var r wallet.RevokedSerial
			var seq, ends int64
			var serial []byte
			err := row.Scan(&seq, &serial, &ends)
			if err == nil {
				r.Serial, err = serialOf(serial)
			}
			r.Seq, r.ExpiresAt = uint64(seq), moment(ends)
			page = append(page, r)
			return err
		})
	})
	return head, page, err
}

// SweepSerials forgets revoked serials that expired before: nobody accepts such a code.
func (s *Store) SweepSerials(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM revoked_serials WHERE seq IN (SELECT seq FROM revoked_serials WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, micros(before), sweepRows)
}

// SweepCodes forgets whose the codes were that expired before: no check of one can be settled any more.
func (s *Store) SweepCodes(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM device_serials WHERE serial IN (SELECT serial FROM device_serials WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, micros(before), sweepRows)
}

// SweepStocks forgets what devices were given before, as records of verifications are forgotten.
func (s *Store) SweepStocks(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM device_stocks WHERE id IN (SELECT id FROM device_stocks WHERE at < $1 ORDER BY at LIMIT $2)`, micros(before), sweepRows)
}
