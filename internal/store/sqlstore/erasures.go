package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// NoteExport implements [rights.Erasures].
func (s *Store) NoteExport(ctx context.Context, holderID string, at, since time.Time, limit int) error {
	id := rand.Text()
	log, err := s.audited(audit.Event{Kind: "person.exported", At: at, Actor: "person:" + holderID, Subject: id, Holder: holderID})
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		if err := q.alone("exports " + holderID); err != nil {
			return err
		}
		var n int
		if err := q.row(`SELECT COUNT(*) FROM exports WHERE holder_id = $1 AND at > $2`, holderID, micros(since)).Scan(&n); err != nil {
			return err
		}
		if n >= limit {
			return rights.ErrTooOften
		}
		if _, err := q.exec(`INSERT INTO exports (id, holder_id, at) VALUES ($1, $2, $3)`, id, holderID, micros(at)); err != nil {
			return err
		}
		return log.store(q)
	})
}

// tokenDigest is what is kept of a token: 130 random bits cannot be found from it.
func tokenDigest(token string) []byte {
	sum := sm.Sum([]byte(token))
	return sum[:]
}

// PrepareErasure implements [rights.Erasures].
func (s *Store) PrepareErasure(ctx context.Context, holderID, token string, until time.Time) error {
	digest := tokenDigest(token)
	return s.db.write(ctx, work{rows: 1, clean: true, do: func(q querier) error {
		_, err := q.exec(`INSERT INTO erasures (holder_id, token, until) VALUES ($1, $2, $3)
			ON CONFLICT (holder_id) DO UPDATE SET token = excluded.token, until = excluded.until`, holderID, digest, micros(until))
		return err
	}})
}

// erasing is what an erasure does to each kind of data, in order; $1 is the blind holder id.
// Whoever adds a table that names a person adds a line. It holds the write lane, so each statement
// must find its rows by an index; of a partial one it has to repeat the condition.
// docs/retention.md says why what stays stays.
func erasing() []struct{ what, statement string } {
	return []struct{ what, statement string }{
		{"wallet copies", `DELETE FROM wallet_copies WHERE holder_id = $1`},
		// Of companies' certificates that she showed: the companies' looks stay, and do not name her.
		{"links of showing", `UPDATE verifications SET person_id = '' WHERE person_id = $1 AND holder_id <> '' AND holder_id IN
			(SELECT company_id FROM appointments WHERE person_id = $1 UNION SELECT company_id FROM representatives WHERE person_id = $1)`},
		// Consents are the party's evidence too: they stay with the look and do not name her.
		{"links of consents", `UPDATE consents SET holder_id = '', person_id = '', identifier = '', note = NULL,
			answer = CASE WHEN answer = '' THEN 'lapsed' ELSE answer END WHERE holder_id = $1`},
		{"links of answering", `UPDATE consents SET person_id = '', answer = CASE WHEN answer = '' THEN 'lapsed' ELSE answer END WHERE person_id = $1 AND holder_id IN
			(SELECT company_id FROM appointments WHERE person_id = $1 UNION SELECT company_id FROM representatives WHERE person_id = $1)`},
		{"withdrawals", `DELETE FROM withdrawals WHERE person_id = $1`},
		// Whom she appointed as an administrator acts no more, for her own appointment goes; nor do
		// they name her. A representative's word stands as long as the licence names her, and so
		// does her blind id beside it.
		{"links of appointing", `UPDATE appointments SET by_person = '' WHERE by_person = $1 AND (by_appointment <> '' OR state NOT IN ('offered', 'accepted')) AND company_id IN
			(SELECT company_id FROM appointments WHERE person_id = $1 UNION SELECT company_id FROM representatives WHERE person_id = $1)`},
		{"appointments", `DELETE FROM appointments WHERE person_id = $1`},
		{"corrections", `DELETE FROM corrections WHERE person_id = $1`},
		// The party keeps its level, and the check stays reviewed. Her words and the answer go.
		{"links of reviews", `UPDATE reviews SET person_id = '', said = NULL, answer = NULL, ended_at = COALESCE(ended_at, at),
			state = CASE WHEN state = 'open' THEN 'closed' ELSE state END WHERE person_id = $1`},
		{"passkeys", `DELETE FROM passkeys WHERE person_id = $1`},
		{"handles of passkeys", `DELETE FROM passkey_users WHERE person_id = $1`},
		{"sessions", `DELETE FROM sessions WHERE holder_id = $1`},
		// After the sessions, as a sign-out: who gives a device codes holds the session. The serials
		// that may still be shown are revoked, and lose whose they are, in erase.
		{"devices", `DELETE FROM devices WHERE person_id = $1`},
		{"stocks of devices", `DELETE FROM device_stocks WHERE holder_id = $1`},
		{"links of stocks", `UPDATE device_stocks SET person_id = '', device_id = '' WHERE person_id = $1`},
		// The words of the person go; a dispute of the party's goes on without naming her.
		{"disputes", `UPDATE disputes SET reason = NULL, answer = NULL, state = CASE WHEN state = 'open' THEN 'withdrawn' ELSE state END WHERE holder_id = $1 AND holder_id <> '' AND side = 'holder'`},
		{"links of disputes", `UPDATE disputes SET holder_id = '' WHERE holder_id = $1 AND holder_id <> ''`},
		// A look loses whom it was at. Code, show and challenge stay spent, and the party keeps the
		// receipt it may have to show one day: it holds no value. The digest of a request goes, for
		// of a check of facts it is the digest of a number.
		{"links of verifications", `UPDATE verifications SET holder_id = '', person_id = '', identifier = '', answer = NULL, request_key = '', request_hash = '' WHERE holder_id = $1 AND holder_id <> ''`},
		{"exports", `DELETE FROM exports WHERE holder_id = $1`},
	}
}

// Erase implements [rights.Erasures].
func (s *Store) Erase(ctx context.Context, holderID, token string, now time.Time) ([]rights.Erased, error) {
	if holderID == "" {
		return nil, rights.ErrConfirmation // '' stands where nobody is known
	}
	digest := tokenDigest(token)
	// The entry that is left tells that somebody was erased, and not who; and how many openings went,
	// so that nobody destroys others and calls it an erasure. It is sealed before the transaction,
	// which begins anew when one more was logged meanwhile.
	for {
		var n int64
		err := s.read(ctx, func(q querier) error {
			return q.row(`SELECT COUNT(*) FROM audit_entries WHERE holder_id = $1`, holderID).Scan(&n)
		})
		if err != nil {
			return nil, err
		}
		log, err := s.audited(audit.Event{Kind: erasedKind, At: now, Actor: "person", Subject: rand.Text(), Detail: map[string]string{erasedOpenings: strconv.FormatInt(n, 10)}})
		if err != nil {
			return nil, err
		}
		out, err := s.erase(ctx, holderID, digest, now, n, log)
		if !errors.Is(err, errMoreOpenings) {
			return out, err
		}
	}
}

// How the log says that somebody was erased, how many openings went with her, and which went by retention.
const (
	erasedKind     = "person.erased"
	erasedOpenings = "openings"
	sweptKind      = "openings.swept"
)

var errMoreOpenings = errors.New("sqlstore: something was logged about her meanwhile")

func (s *Store) erase(ctx context.Context, holderID string, digest []byte, now time.Time, count int64, log entries) ([]rights.Erased, error) {
	var out []rights.Erased
	err := s.write(ctx, sweepRows, func(q querier) error {
		out = nil
		n, err := q.exec(`DELETE FROM erasures WHERE holder_id = $1 AND token = $2 AND until > $3`, holderID, digest, micros(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return rights.ErrConfirmation
		}
		// Whom she appointed as an administrator acts no more.
		if _, err := s.revokeSerials(q, `holder_id IN (SELECT company_id FROM appointments WHERE person_id = $2 AND role = $3 AND state = 'accepted')`, holderID, wallet.RoleAdministrator); err != nil {
			return err
		}
		for _, e := range erasing() {
			n, err := q.exec(e.statement, holderID)
			if err != nil {
				return err
			}
			out = append(out, rights.Erased{What: e.what, Rows: n})
		}
		revoked, err := s.revokeSerials(q, `person_id = $2 OR holder_id = $2`, holderID)
		if err != nil {
			return err
		}
		// That a serial was ours stays: a check of it that settles later is of nobody, and not of a stranger's code.
		links, err := q.exec(`UPDATE device_serials SET identifier = '', holder_id = '', person_id = '', device_id = '', view = '' WHERE person_id = $1 OR holder_id = $1`, holderID)
		if err != nil {
			return err
		}
		out = append(out, rights.Erased{What: "codes of devices", Rows: int64(revoked)}, rights.Erased{What: "links of codes", Rows: links})
		openings, err := eraseOpenings(q, holderID)
		if err != nil {
			return err
		}
		if openings != count {
			return errMoreOpenings
		}
		out = append(out, rights.Erased{What: "audit openings", Rows: openings})
		return log.store(q)
	})
	return out, err
}

// EraseContent implements [issuer.Contents].
func (s *Store) EraseContent(ctx context.Context, e issuer.Erasure) error {
	log, err := s.audited(audit.Event{Kind: "content.erased", Once: e.Identifier, At: e.At, Actor: e.By, Subject: e.Identifier, Detail: map[string]string{"authority": e.Authority}})
	if err != nil {
		return err
	}
	return s.writeAbout(ctx, aboutCertificate(e.Identifier), 8, func(q querier) error {
		var state issuer.State
		var since int64
		var erased *int64
		err := q.row(`SELECT state, state_at, erased_at FROM certificates WHERE identifier = $1 AND authority = $2`+s.db.lock(), e.Identifier, e.Authority).Scan(&state, &since, &erased)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return issuer.ErrUnknown
		case err != nil:
			return err
		case erased != nil:
			return nil // repeated
		case !state.Terminal() || since > micros(e.EndedBefore):
			return issuer.ErrContentKept
		}
		if err := s.revokeAbout(q, e.Identifier, true); err != nil { // it has ended: there are none, unless its end was entered by hand
			return err
		}
		// The identifier, the slots, the state and the dates of the events stay, or the status list
		// would no longer be right.
		for _, statement := range []string{
			`DELETE FROM portraits WHERE identifier = $1`,
			`DELETE FROM representatives WHERE identifier = $1`,
			`DELETE FROM wallet_copies WHERE identifier = $1`,
			`UPDATE device_serials SET identifier = '', holder_id = '', person_id = '', device_id = '', view = '' WHERE identifier = $1`,
			`UPDATE certificate_events SET reason = NULL, reason_id = '' WHERE identifier = $1`,
			`UPDATE certificates SET row_data = '', row_digest = '', credential = '', reason = NULL, live = NULL, live_at = NULL, holder_id = '' WHERE identifier = $1`,
		} {
			if _, err := q.exec(statement, e.Identifier); err != nil {
				return err
			}
		}
		if _, err := q.exec(`UPDATE certificates SET erased_at = $2 WHERE identifier = $1`, e.Identifier, micros(e.At)); err != nil {
			return err
		}
		return log.store(q)
	})
}

// SessionsOf returns a person's open sessions, for her export.
func (s *Store) SessionsOf(ctx context.Context, holderID string) ([]access.Session, error) {
	var ids []string
	err := s.read(ctx, func(q querier) error {
		return q.rows(`SELECT id FROM sessions WHERE holder_id = $1 AND expires > $2 ORDER BY signed_in_at, id`, []any{holderID, micros(s.cfg.Now())}, func(row scanner) error {
			var id string
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	out := make([]access.Session, 0, len(ids))
	for _, id := range ids {
		one, err := s.Session(ctx, id)
		if errors.Is(err, access.ErrSessionEnded) {
			continue // in this moment
		}
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}
