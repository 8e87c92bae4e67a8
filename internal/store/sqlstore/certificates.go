package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// rowData is what the sealed column row_data holds: the row without its portrait.
type rowData struct {
	Row  schemas.Row `json:"row"`
	Salt []byte      `json:"salt,omitempty"`
}

func (d rowData) appendJSON(to []byte) ([]byte, error) {
	to, err := d.Row.AppendJSON(append(to, `{"row":`...))
	if len(d.Salt) > 0 {
		to = append(base64.StdEncoding.AppendEncode(append(to, `,"salt":"`...), d.Salt), '"')
	}
	return append(to, '}'), err
}

const certificateColumns = `identifier, authority, row_digest, type_version, holder_id, status_list, status_index, state, state_at,
	reason, replaced_by, created_at, live, live_at, row_data, credential`

// sealedCertificate is a certificate as the table has it.
type sealedCertificate struct {
	c                                            issuer.Certificate
	index, stateAt, createdAt                    int64
	liveAt                                       *int64
	digest, reason, live, row, credential, image []byte
}

func (r *sealedCertificate) scan(row scanner, more ...any) error {
	return row.Scan(append([]any{&r.c.Identifier, &r.c.Authority, &r.digest, &r.c.TypeVer, &r.c.HolderID, &r.c.Slot.List, &r.index, &r.c.State, &r.stateAt,
		&r.reason, &r.c.ReplacedBy, &r.createdAt, &r.live, &r.liveAt, &r.row, &r.credential}, more...)...)
}

// open unseals it.
func (s *Store) openCertificate(r *sealedCertificate) (issuer.Certificate, error) {
	c := r.c
	c.Slot.Index = uint64(r.index)
	c.StateAt, c.CreatedAt, c.LiveAt = moment(r.stateAt), moment(r.createdAt), optionalMoment(r.liveAt)
	if len(r.row) == 0 {
		return c, issuer.ErrContentErased // with what is left
	}
	var data rowData
	if err := s.openJSON("certificates", c.Identifier, "row_data", r.row, &data); err != nil {
		return c, err
	}
	c.Row, c.Salt = data.Row, data.Salt
	credential, err := s.sealer.Open("certificates", c.Identifier, "credential", r.credential)
	if err != nil {
		return c, err
	}
	c.Credential = string(credential)
	if c.RowDigest, err = s.openDigest(c.Identifier, r.digest); err != nil {
		return c, err
	}
	if c.Reason, err = s.openText("certificates", c.Identifier, "reason", r.reason); err != nil {
		return c, err
	}
	if r.live != nil {
		if err := s.openJSON("certificates", c.Identifier, "live", r.live, &c.Live); err != nil {
			return c, err
		}
	}
	if r.image != nil {
		if c.Row.Portrait, err = s.sealer.Open("portraits", c.Identifier, "image", r.image); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (s *Store) openDigest(identifier string, sealed []byte) (digest [32]byte, err error) {
	plain, err := s.sealer.Open("certificates", identifier, "row_digest", sealed)
	if err == nil && copy(digest[:], plain) != len(digest) {
		err = fmt.Errorf("sqlstore: row digest of %d bytes", len(plain))
	}
	return digest, err
}

// Certificate implements [issuer.Record].
func (s *Store) Certificate(ctx context.Context, identifier string) (issuer.Certificate, error) {
	var r sealedCertificate
	err := s.read(ctx, func(q querier) error { return selectCertificate(q, identifier, &r) })
	if err != nil {
		return issuer.Certificate{}, err
	}
	return s.openCertificate(&r)
}

func selectCertificate(q querier, identifier string, r *sealedCertificate) error {
	err := r.scan(q.row(`SELECT `+certificateColumns+`, (SELECT image FROM portraits WHERE portraits.identifier = certificates.identifier)
		FROM certificates WHERE identifier = $1`, identifier), &r.image)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %s", issuer.ErrUnknown, identifier)
	}
	return err
}

// Live implements [issuer.Record].
func (s *Store) Live(ctx context.Context, identifier string) (l issuer.Live, err error) {
	var stateAt int64
	var liveAt *int64
	var live []byte
	var erased bool
	err = s.read(ctx, func(q querier) error {
		return q.row(`SELECT state, state_at, live, live_at, length(row_data) = 0 FROM certificates WHERE identifier = $1`, identifier).
			Scan(&l.State, &stateAt, &live, &liveAt, &erased)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return l, fmt.Errorf("%w: %s", issuer.ErrUnknown, identifier)
	case err != nil:
		return l, err
	case erased:
		return issuer.Live{}, issuer.ErrContentErased
	}
	l.StateAt, l.AsOf = moment(stateAt), optionalMoment(liveAt)
	if live != nil {
		err = s.openJSON("certificates", identifier, "live", live, &l.Values)
	}
	return l, err
}

// Held implements [issuer.Record].
func (s *Store) Held(ctx context.Context, holderIDs []string, limit int, only ...string) ([]issuer.Certificate, error) {
	var found []*sealedCertificate
	err := s.read(ctx, func(q querier) error {
		for _, holder := range slices.Compact(slices.Sorted(slices.Values(holderIDs))) {
			for _, identifier := range only {
				r := &sealedCertificate{}
				err := r.scan(q.row(`SELECT `+certificateColumns+` FROM certificates WHERE identifier = $1 AND holder_id = $2 AND replaced_by = ''`, identifier, holder))
				switch {
				case err == nil:
					found = append(found, r)
				case !errors.Is(err, sql.ErrNoRows):
					return err
				}
			}
			if len(only) > 0 {
				continue
			}
			err := q.rows(`SELECT `+certificateColumns+` FROM certificates WHERE holder_id = $1 AND replaced_by = ''
				ORDER BY created_at DESC, identifier LIMIT $2`, []any{holder, limit}, func(row scanner) error {
				r := &sealedCertificate{}
				found = append(found, r)
				return r.scan(row)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]issuer.Certificate, len(found))
	for i, r := range found {
		if out[i], err = s.openCertificate(r); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b issuer.Certificate) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out, nil
}

// Reserve implements [issuer.Record]. Which keys are taken is read first and may be out of
// date at once; Commit decides. The slots are counted up in a transaction of their own: what
// is never committed is burnt.
func (s *Store) Reserve(ctx context.Context, authority string, keys []string, n int) (issuer.Reservation, error) {
	var r issuer.Reservation
	var err error
	if r.Taken, err = s.taken(ctx, authority, keys); err != nil || n <= 0 {
		return r, err
	}
	if uint64(n) > s.cfg.ListSize {
		return r, fmt.Errorf("sqlstore: %d slots at once, a list has %d", n, s.cfg.ListSize)
	}
	var last int64
	err = s.writeAbout(ctx, counters, 1, func(q querier) error {
		for {
			err := q.row(`UPDATE status_lists SET used = used + $1
				WHERE ordinal = (SELECT MAX(ordinal) FROM status_lists) AND used + $1 <= size RETURNING name, used`, n).Scan(&r.List, &last)
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			// The first list, or the next. What is left of the one
			// before stays unused, so that a reservation lies in one list. Where writers are
			// many, another may have made it in this moment.
			var ordinal int64
			var restore string
			if err := q.row(`SELECT COALESCE(MAX(ordinal), 0) + 1, COALESCE((SELECT id FROM restores ORDER BY restored_at DESC, id LIMIT 1), '') FROM status_lists`).
				Scan(&ordinal, &restore); err != nil {
				return err
			}
			name := strconv.FormatInt(ordinal, 10)
			if restore != "" { // the list of that number may have been begun in the time that was lost
				name += "-" + restore
			}
			if _, err := q.exec(`INSERT INTO status_lists (name, ordinal, size, used, seq, created_at) VALUES ($1, $2, $3, 0, 0, $4) ON CONFLICT DO NOTHING`,
				name, ordinal, int64(s.cfg.ListSize), micros(s.cfg.Now())); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return r, fmt.Errorf("sqlstore: reserve: %w", err)
	}
	r.Counters = make([]uint64, n)
	for i := range r.Counters {
		r.Counters[i] = uint64(last) - uint64(n) + uint64(i)
	}
	return r, nil
}

// takenRow is what a row key stands for.
type takenRow struct {
	identifier                 string
	rowKey, digest, credential []byte
}

const takenChunk = 128

// Which of many keys are taken. PostgreSQL keeps the plan that it made first, perhaps over an empty
// table: with IN it then reads the whole of a table that has grown since, for each batch. A look-up of
// its own for each key leaves it no choice but the index.
var (
	takenQuery = `SELECT identifier, row_key, row_digest, credential FROM certificates WHERE authority = $1 AND row_key IN (` + placeholders(2, takenChunk) + `)`
	takenByKey = `SELECT c.* FROM unnest($2::bytea[]) AS k(wanted) CROSS JOIN LATERAL
		(SELECT identifier, row_key, row_digest, credential FROM certificates WHERE authority = $1 AND row_key = wanted LIMIT 1) AS c`
)

func placeholders(from, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(from+i)
	}
	return strings.Join(list, ", ")
}

func (s *Store) blindKey(authority, rowKey string) []byte {
	return s.sealer.Blind("certificates", "row_key", authority+"\x00"+rowKey)
}

func (s *Store) taken(ctx context.Context, authority string, keys []string) (map[string]issuer.Taken, error) {
	taken := map[string]issuer.Taken{}
	if len(keys) == 0 {
		return taken, nil
	}
	plain := make(map[string]string, len(keys)) // by blind key
	blind := make([][]byte, len(keys))
	for i, k := range keys {
		blind[i] = s.blindKey(authority, k)
		plain[string(blind[i])] = k
	}
	var found []takenRow
	each := func(row scanner) error {
		var r takenRow
		err := row.Scan(&r.identifier, &r.rowKey, &r.digest, &r.credential)
		found = append(found, r)
		return err
	}
	err := s.read(ctx, func(q querier) error {
		if _, ok := q.(bulk); ok {
			return q.rows(takenByKey, []any{authority, blind}, each)
		}
		for chunk := range slices.Chunk(blind, takenChunk) {
			args := []any{authority}
			for i := range takenChunk { // one statement for all sizes: the last key fills up
				args = append(args, chunk[min(i, len(chunk)-1)])
			}
			if err := q.rows(takenQuery, args, each); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: reserve: %w", err)
	}
	for _, r := range found {
		t, err := s.openTaken(r)
		if err != nil {
			return nil, err
		}
		taken[plain[string(r.rowKey)]] = t
	}
	return taken, nil
}

func (s *Store) openTaken(r takenRow) (issuer.Taken, error) {
	if len(r.credential) == 0 { // erased: whatever comes under this key is another row
		return issuer.Taken{Identifier: r.identifier}, nil
	}
	digest, err := s.openDigest(r.identifier, r.digest)
	if err != nil {
		return issuer.Taken{}, err
	}
	credential, err := s.sealer.Open("certificates", r.identifier, "credential", r.credential)
	if err != nil {
		return issuer.Taken{}, err
	}
	return issuer.Taken{Identifier: r.identifier, RowDigest: digest, Credential: string(credential)}, nil
}

// sealedBatch is one certificate of a batch, sealed before the transaction begins.
type sealedBatch struct {
	rowKey, digest, row, credential, image []byte

	log      entries // of its issue, and of the replacement of another
	changeID string  // of that replacement
}

func (s *Store) sealCertificate(of issuer.Batch, n issuer.NewCertificate) (b sealedBatch, err error) {
	id := n.Identifier
	b.rowKey = s.blindKey(of.Authority, n.Row.Key)
	if b.digest, err = s.sealer.Seal("certificates", id, "row_digest", n.RowDigest[:]); err != nil {
		return b, err
	}
	row := n.Row
	row.Portrait = nil
	data, err := rowData{Row: row, Salt: n.Salt}.appendJSON(make([]byte, 0, 1024))
	if err != nil {
		return b, err
	}
	if b.row, err = s.sealer.Seal("certificates", id, "row_data", data); err != nil {
		return b, err
	}
	if b.credential, err = s.sealer.SealText("certificates", id, "credential", n.Credential); err != nil {
		return b, err
	}
	if len(n.Row.Portrait) > 0 {
		if b.image, err = s.sealer.Seal("portraits", id, "image", n.Row.Portrait); err != nil {
			return b, err
		}
	}
	events := []audit.Event{issuedEvent(n.Certificate, of.Authority, of.By, n.Replaces)}
	if n.Replaces != "" {
		b.changeID = rand.Text()
		ended := stateEvent(b.changeID, issuer.Event{Identifier: n.Replaces, At: n.CreatedAt, To: issuer.Lapsed, By: of.By, ReplacedBy: id}, of.Authority)
		events = append(events, ended)
	}
	if b.log, err = s.audited(events...); err == nil {
		b.log.about(n.HolderID) // a certificate replaces another of the same holder
	}
	return b, err
}

// sameDigest tells a repeated row from another one under the same key.
func (s *Store) sameDigest(r takenRow, digest [32]byte) (bool, error) {
	if len(r.digest) == 0 {
		return false, nil // erased
	}
	stored, err := s.openDigest(r.identifier, r.digest)
	return bytes.Equal(stored[:], digest[:]), err
}
