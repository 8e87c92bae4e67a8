package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/rights"
)

const disputeColumns = `id, verification, side, holder_id, party, filed_by, reason, state, filed_at, answer, answered_by, answered_at`

// sealedDispute is a dispute as the table has it.
type sealedDispute struct {
	d              rights.Dispute
	filed          int64
	answered       *int64
	reason, answer []byte
}

func (r *sealedDispute) scan(row scanner) error {
	return row.Scan(&r.d.ID, &r.d.Verification, &r.d.Side, &r.d.Holder, &r.d.Party, &r.d.FiledBy, &r.reason, &r.d.State, &r.filed, &r.answer, &r.d.AnsweredBy, &r.answered)
}

func (s *Store) openDispute(r *sealedDispute) (rights.Dispute, error) {
	d := r.d
	d.FiledAt, d.AnsweredAt = moment(r.filed), optionalMoment(r.answered)
	var err error
	if d.Reason, err = s.openText("disputes", d.ID, "reason", r.reason); err != nil {
		return d, err
	}
	d.Answer, err = s.openText("disputes", d.ID, "answer", r.answer)
	return d, err
}

// FileDispute implements [rights.Disputes].
func (s *Store) FileDispute(ctx context.Context, f rights.Filing) (rights.Dispute, error) {
	d := f.Dispute
	reason, err := s.sealText("disputes", d.ID, "reason", d.Reason)
	if err != nil {
		return d, err
	}
	// Whose look it is, is known only inside: the entry names the look, and the filer where that
	// is a client.
	actor := d.FiledBy
	if d.Side == rights.SideHolder {
		actor = "person"
	}
	log, err := s.audited(audit.Event{Kind: "receipt.disputed", At: d.FiledAt, Actor: actor, Subject: d.Verification, Detail: map[string]string{"dispute": d.ID, "side": string(d.Side)}})
	if err != nil {
		return d, err
	}
	err = s.write(ctx, 2, func(q querier) error {
		var holder, party string
		err := q.row(`SELECT holder_id, party FROM verifications WHERE id = $1`+s.db.lock(), d.Verification).Scan(&holder, &party)
		theirs := d.Side == rights.SideParty && party == d.Party || d.Side == rights.SideHolder && holder != "" && slices.Contains(f.Holders, holder)
		switch {
		case errors.Is(err, sql.ErrNoRows), err == nil && !theirs:
			return rights.ErrLookUnknown // whether it exists is not theirs to know
		case err != nil:
			return err
		}
		d.Holder, d.Party = holder, party
		var open, all int
		if err := q.row(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = 'open' THEN 1 ELSE 0 END), 0) FROM disputes WHERE verification = $1 AND side = $2`,
			d.Verification, string(d.Side)).Scan(&all, &open); err != nil {
			return err
		}
		switch {
		case open > 0:
			return rights.ErrDisputed
		case all >= rights.MaxPerLook:
			return rights.ErrTooMany
		}
		// The unique index decides between two that come at once.
		n, err := q.exec(`INSERT INTO disputes (`+disputeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, '', NULL) ON CONFLICT DO NOTHING`,
			d.ID, d.Verification, string(d.Side), d.Holder, d.Party, d.FiledBy, reason, string(d.State), micros(d.FiledAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return rights.ErrDisputed
		}
		return log.store(q)
	})
	return d, err
}

func (s *Store) disputes(ctx context.Context, query string, args ...any) ([]rights.Dispute, error) {
	var found []*sealedDispute
	err := s.read(ctx, func(q querier) error {
		return q.rows(query, args, func(row scanner) error {
			r := &sealedDispute{}
			found = append(found, r)
			return r.scan(row)
		})
	})
	if err != nil {
		return nil, err
	}
	out := make([]rights.Dispute, len(found))
	for i, r := range found {
		if out[i], err = s.openDispute(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// DisputesOf implements [rights.Disputes].
func (s *Store) DisputesOf(ctx context.Context, verification string) ([]rights.Dispute, error) {
	return s.disputes(ctx, `SELECT `+disputeColumns+` FROM disputes WHERE verification = $1 ORDER BY filed_at, id`, verification)
}

// DisputesBy implements [rights.Disputes].
func (s *Store) DisputesBy(ctx context.Context, holderID string) ([]rights.Dispute, error) {
	return s.disputes(ctx, `SELECT `+disputeColumns+` FROM disputes WHERE holder_id = $1 AND holder_id <> '' AND side = 'holder' ORDER BY filed_at, id`, holderID)
}

// ListDisputes implements [rights.Disputes].
func (s *Store) ListDisputes(ctx context.Context, state rights.State, after rights.Place, limit int) ([]rights.Dispute, error) {
	at := int64(0) // the zero time lies before the epoch
	if !after.At.IsZero() {
		at = micros(after.At)
	}
	return s.disputes(ctx, `SELECT `+disputeColumns+` FROM disputes WHERE (filed_at > $1 OR filed_at = $1 AND id > $2) AND ($3 = '' OR state = $3) ORDER BY filed_at, id LIMIT $4`,
		at, after.ID, string(state), limit)
}

// AnswerDispute implements [rights.Disputes].
func (s *Store) AnswerDispute(ctx context.Context, id string, state rights.State, answer, by string, at time.Time) (rights.Dispute, error) {
	sealed, err := s.sealText("disputes", id, "answer", answer)
	if err != nil {
		return rights.Dispute{}, err
	}
	log, err := s.audited(audit.Event{Kind: "dispute.answered", At: at, Actor: by, Subject: id, Detail: map[string]string{"state": string(state)}})
	if err != nil {
		return rights.Dispute{}, err
	}
	var r sealedDispute
	err = s.write(ctx, 2, func(q querier) error {
		r = sealedDispute{}
		n, err := q.exec(`UPDATE disputes SET state = $2, answer = $3, answered_by = $4, answered_at = $5 WHERE id = $1 AND state = 'open'`, id, string(state), sealed, by, micros(at))
		if err != nil {
			return err
		}
		err = r.scan(q.row(`SELECT `+disputeColumns+` FROM disputes WHERE id = $1`, id))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("%w: %s", rights.ErrDisputeUnknown, id)
		case err != nil:
			return err
		case n == 0:
			return rights.ErrDisputeClosed
		}
		return log.store(q)
	})
	if err != nil {
		return rights.Dispute{}, err
	}
	return s.openDispute(&r)
}
