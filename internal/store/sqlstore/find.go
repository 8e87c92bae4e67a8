package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/showcard/showcard/issuer"
)

// What one question reads at once, and at most: an authority may have issued hundreds of millions,
// of which hardly one is of the type that is asked for. The next question goes on where it stopped.
const (
	findChunk = 256
	findMost  = 16 * findChunk
)

// candidate is a row that a question may find.
type candidate struct {
	issuer.Found
	holder string
	at     int64
	erased *int64
}

// spot is where a row stands: the newest first, and within a moment by identifier, from behind.
type spot struct {
	at   int64
	name string
}

func (p spot) compare(o spot) int {
	return cmp.Or(cmp.Compare(o.at, p.at), cmp.Compare(o.name, p.name))
}

// from is where a list begins.
func from(after issuer.Place) spot {
	if after.At.IsZero() {
		return spot{math.MaxInt64, ""}
	}
	return spot{micros(after.At), after.ID}
}

const candidateColumns = `identifier, authority, type, type_version, state, replaced_by, created_at, holder_id, erased_at`

// The ways into the table, each by an index: certificates_holder, certificates_authority and
// certificates_not_valid. $1 to $3 are the spot and the chunk.
const (
	findOrder       = ` AND (created_at, identifier) < ($1, $2) ORDER BY created_at DESC, identifier DESC LIMIT $3`
	findByHolder    = `SELECT ` + candidateColumns + ` FROM certificates WHERE holder_id = $4` + findOrder
	findByAuthority = `SELECT ` + candidateColumns + ` FROM certificates WHERE authority = $4 AND erased_at IS NULL` + findOrder
	findByState     = `SELECT ` + candidateColumns + ` FROM certificates WHERE authority = $4 AND state = $5 AND state <> 'valid'` + findOrder
)

// way is one of them, for one question.
type way struct {
	query string
	args  []any
}

func waysOf(q issuer.Question) []way {
	if q.HolderID != "" {
		return []way{{findByHolder, []any{q.HolderID}}}
	}
	var ways []way
	for _, a := range slices.Compact(slices.Sorted(slices.Values(q.Authorities))) {
		w := way{findByAuthority, []any{a}}
		if q.State != "" && q.State != issuer.Valid {
			w = way{findByState, []any{a, string(q.State)}}
		}
		ways = append(ways, w)
	}
	return ways
}

func (c *candidate) scan(row scanner) error {
	err := row.Scan(&c.Identifier, &c.Authority, &c.Type, &c.TypeVer, &c.State, &c.ReplacedBy, &c.at, &c.holder, &c.erased)
	c.CreatedAt = moment(c.at)
	return err
}

func (c *candidate) spot() spot { return spot{c.at, c.Identifier} }

// answers says whether a row is what a question is about.
func (c *candidate) answers(q issuer.Question) bool {
	return c.erased == nil && slices.Contains(q.Authorities, c.Authority) && (q.HolderID == "" || q.HolderID == c.holder) &&
		(q.Type == "" || q.Type == c.Type) && (q.State == "" || q.State == c.State)
}

// FindCertificates implements [issuer.Record].
func (s *Store) FindCertificates(ctx context.Context, q issuer.Question) (issuer.FoundPage, error) {
	var found []candidate
	var rows [][]byte
	var next issuer.Place
	err := s.read(ctx, func(in querier) (err error) {
		if q.Identifier != "" {
			found, err = findOne(in, q)
		} else {
			found, next, err = findPage(in, q)
		}
		if err != nil {
			return err
		}
		rows = make([][]byte, len(found))
		for i, c := range found {
			if err := in.row(`SELECT row_data FROM certificates WHERE identifier = $1`, c.Identifier).Scan(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return issuer.FoundPage{}, err
	}
	out := issuer.FoundPage{Certificates: make([]issuer.Found, 0, len(found)), Next: next}
	for i, c := range found {
		if len(rows[i]) == 0 {
			continue // erased in this moment
		}
		var data rowData
		if err := s.openJSON("certificates", c.Identifier, "row_data", rows[i], &data); err != nil {
			return issuer.FoundPage{}, err
		}
		c.Region, c.ValidFrom, c.ValidUntil = data.Row.Region, data.Row.ValidFrom, data.Row.ValidUntil
		out.Certificates = append(out.Certificates, c.Found)
	}
	return out, nil
}

func findOne(in querier, q issuer.Question) ([]candidate, error) {
	var c candidate
	err := c.scan(in.row(`SELECT `+candidateColumns+` FROM certificates WHERE identifier = $1`, q.Identifier))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !c.answers(q) {
		return nil, nil
	}
	return []candidate{c}, err
}

// findPage reads each way as far as it must, and puts them together: what is newer than the spot
// where the first of them stopped is all there is.
func findPage(in querier, q issuer.Question) (found []candidate, next issuer.Place, err error) {
	ways := waysOf(q)
	most := findMost
	if len(ways) > 0 {
		most = max(findChunk, findMost/len(ways))
	}
	var stopped *spot
	for _, w := range ways {
		some, at, err := w.read(in, q, most)
		if err != nil {
			return nil, next, err
		}
		found = append(found, some...)
		if at != nil && (stopped == nil || at.compare(*stopped) < 0) {
			stopped = at
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return a.spot().compare(b.spot()) })
	if stopped != nil {
		found = slices.DeleteFunc(found, func(c candidate) bool { return c.spot().compare(*stopped) > 0 })
	}
	if len(found) > q.Limit {
		found = found[:q.Limit]
		last := found[q.Limit-1].spot()
		stopped = &last
	}
	if stopped != nil {
		next = issuer.Place{At: moment(stopped.at), ID: stopped.name}
	}
	return found, next, nil
}

// read follows one way until there are enough, or it has read its share, or nothing is left; then
// stopped is nil.
func (w way) read(in querier, q issuer.Question, most int) (found []candidate, stopped *spot, err error) {
	at := from(q.After)
	for examined := 0; ; {
		n := 0
		err := in.rows(w.query, append([]any{at.at, at.name, findChunk}, w.args...), func(row scanner) error {
			var c candidate
			if err := c.scan(row); err != nil {
				return err
			}
			at, n = c.spot(), n+1
			if c.answers(q) {
				found = append(found, c)
			}
			return nil
		})
		examined += n
		switch {
		case err != nil:
			return nil, nil, err
		case n < findChunk:
			return found, nil, nil
		case len(found) > q.Limit || examined >= most:
			return found, &at, nil
		}
	}
}

// JobsOf implements [issuer.Jobs].
func (s *Store) JobsOf(ctx context.Context, authorities []string, after issuer.Place, limit int) ([]issuer.Job, error) {
	at := from(after)
	var out []issuer.Job
	err := s.read(ctx, func(q querier) error {
		out = nil
		for _, a := range slices.Compact(slices.Sorted(slices.Values(authorities))) {
			err := q.rows(`SELECT `+jobColumns+` FROM push_jobs WHERE authority = $1 AND (started_at, id) < ($2, $3) ORDER BY started_at DESC, id DESC LIMIT $4`,
				[]any{a, at.at, at.name, limit}, func(row scanner) error {
					var j openJob
					err := j.scan(row)
					out = append(out, j.now(micros(s.cfg.Now())))
					return err
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b issuer.Job) int {
		return spot{micros(a.StartedAt), a.ID}.compare(spot{micros(b.StartedAt), b.ID})
	})
	return out[:min(len(out), limit)], err
}
