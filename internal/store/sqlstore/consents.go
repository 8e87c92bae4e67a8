package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/wallet"
)

var (
	_ wallet.Consents    = (*Store)(nil)
	_ wallet.Withdrawals = (*Store)(nil)
)

// askNote is what of an ask is sealed: it is the checker's, and nobody else's to read.
type askNote struct {
	Claimant string `json:"c"`
	Note     []byte `json:"n"`
}

func consentEvent(a wallet.Ask, kind, actor string, at time.Time) audit.Event {
	return audit.Event{Kind: kind, Once: a.ID, At: at, Actor: actor, Subject: a.ID, Holder: a.HolderID, Detail: map[string]string{
		"party": a.Party, "purpose": a.Purpose, "certificate": a.Identifier, "shown": strings.Join(a.Shown, " "), "asked": strings.Join(a.Asked, " "),
	}}
}

// decided is the event of an answer: who gave it, and what it was.
func decided(a wallet.Ask, answer string, at time.Time) audit.Event {
	kind, actor := "consent.refused", "person:"+a.PersonID
	switch answer {
	case wallet.AnswerYes:
		kind = "consent.given"
	case wallet.AnswerLapsed:
		kind, actor = "consent.lapsed", "wallet"
	case wallet.AnswerRefused:
		actor = "wallet"
	}
	e := consentEvent(a, kind, actor, at)
	e.Detail["answer"] = answer
	return e
}

// aboutAsk names works that hold the row of an ask.
func aboutAsk(id string) string { return "ask " + id }

// PutAsk implements [wallet.Consents].
func (s *Store) PutAsk(ctx context.Context, a wallet.Ask) (wallet.Ask, error) {
	note, err := s.sealJSON("consents", a.ID, "note", askNote{a.Claimant, a.Note})
	if err != nil {
		return wallet.Ask{}, err
	}
	events := []audit.Event{consentEvent(a, "consent.asked", a.Client, a.At)}
	if a.Answer != "" {
		events = append(events, decided(a, a.Answer, a.AnsweredAt))
	}
	log, err := s.audited(events...)
	if err != nil {
		return wallet.Ask{}, err
	}
	shown, asked := names(a.Shown), names(a.Asked)
	put := false
	err = s.writeAbout(ctx, aboutAsk(a.ID), 1+len(events), func(q querier) error {
		n, err := q.exec(`INSERT INTO consents (id, at, expires_at, show_id, ticket, holder_id, person_id, identifier, type, client,
				party, party_zh, party_en, purpose, shown, asked, answer, answered_at, verification, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, '', $19) ON CONFLICT (id) DO NOTHING`,
			a.ID, micros(a.At), micros(a.Expires), a.ShowID, a.Ticket[:], a.HolderID, a.PersonID, a.Identifier, a.Type, a.Client,
			a.Party, a.PartyName.ZH, a.PartyName.EN, a.Purpose, shown, asked, a.Answer, optional(a.AnsweredAt), note)
		if put = n == 1; err != nil || !put {
			return err
		}
		return log.store(q)
	})
	if err != nil {
		return wallet.Ask{}, err
	}
	return s.Ask(ctx, a.ID) // as it stands, whoever put it
}

const consentColumns = `id, at, expires_at, show_id, ticket, holder_id, person_id, identifier, type, client,
	party, party_zh, party_en, purpose, shown, asked, answer, answered_at, verification, note`

func (s *Store) scanAsk(row scanner) (a wallet.Ask, err error) {
	var at, expires int64
	var answered *int64
	var ticket, note []byte
	var shown, asked string
	if err := row.Scan(&a.ID, &at, &expires, &a.ShowID, &ticket, &a.HolderID, &a.PersonID, &a.Identifier, &a.Type, &a.Client,
		&a.Party, &a.PartyName.ZH, &a.PartyName.EN, &a.Purpose, &shown, &asked, &a.Answer, &answered, &a.Verification, &note); err != nil {
		return a, err
	}
	copy(a.Ticket[:], ticket)
	a.At, a.Expires, a.AnsweredAt = moment(at), moment(expires), optionalMoment(answered)
	if a.Shown, err = parseNames(shown); err != nil {
		return a, err
	}
	if a.Asked, err = parseNames(asked); err != nil {
		return a, err
	}
	if note != nil {
		var n askNote
		err = s.openJSON("consents", a.ID, "note", note, &n)
		a.Claimant, a.Note = n.Claimant, n.Note
	}
	return a, err
}

// Ask implements [wallet.Consents].
func (s *Store) Ask(ctx context.Context, id string) (a wallet.Ask, err error) {
	err = s.read(ctx, func(q querier) (err error) {
		a, err = s.scanAsk(q.row(`SELECT `+consentColumns+` FROM consents WHERE id = $1`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return wallet.Ask{}, wallet.ErrConsentUnknown
	}
	return a, err
}

// Decide implements [wallet.Consents]: the row without an answer is there once.
func (s *Store) Decide(ctx context.Context, id, answer string, at time.Time) (wallet.Ask, error) {
	a, err := s.Ask(ctx, id)
	if err != nil {
		return wallet.Ask{}, err
	}
	if a.Answer != "" {
		return a, wallet.ErrConsentAnswered
	}
	log, err := s.audited(decided(a, answer, at))
	if err != nil {
		return wallet.Ask{}, err
	}
	won := false
	err = s.writeAbout(ctx, aboutAsk(id), 2, func(q querier) error {
		n, err := q.exec(`UPDATE consents SET answer = $1, answered_at = $2 WHERE id = $3 AND answer = ''`, answer, micros(at), id)
		if won = n == 1; err != nil || !won {
			return err
		}
		return log.store(q)
	})
	if err != nil {
		return wallet.Ask{}, err
	}
	if a, err = s.Ask(ctx, id); err == nil && !won {
		err = wallet.ErrConsentAnswered
	}
	return a, err
}

func (s *Store) asks(ctx context.Context, where string, args ...any) (all []wallet.Ask, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.rows(`SELECT `+consentColumns+` FROM consents WHERE `+where, args, func(row scanner) error {
			a, err := s.scanAsk(row)
			all = append(all, a)
			return err
		})
	})
	return all, err
}

// Asks implements [wallet.Consents].
func (s *Store) Asks(ctx context.Context, holderID, personID string, before time.Time, limit int) ([]wallet.Ask, error) {
	return s.asks(ctx, `holder_id = $1 AND ($2 = '' OR person_id = $2) AND at < $3 ORDER BY at DESC, id LIMIT $4`, holderID, personID, micros(before), limit)
}

// OpenAsks implements [wallet.Consents].
func (s *Store) OpenAsks(ctx context.Context, personID string, now time.Time) ([]wallet.Ask, error) {
	return s.asks(ctx, `person_id = $1 AND answer = '' AND expires_at > $2 ORDER BY at, id`, personID, micros(now))
}

// Overdue implements [wallet.Consents].
func (s *Store) Overdue(ctx context.Context, before time.Time, limit int) (ids []string, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.rows(`SELECT id FROM consents WHERE answer = '' AND expires_at < $1 ORDER BY expires_at LIMIT $2`, []any{micros(before), limit}, func(row scanner) error {
			var id string
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	return ids, err
}

// SweepConsents erases receipts older than before, as records of verifications are, and like them
// not while somebody disputes the check. It returns how many.
func (s *Store) SweepConsents(ctx context.Context, before time.Time) (int64, error) {
	return s.sweep(ctx, `DELETE FROM consents WHERE id IN (SELECT id FROM consents WHERE at < $1
		AND NOT EXISTS (SELECT 1 FROM disputes WHERE disputes.verification = consents.verification AND disputes.state = 'open') ORDER BY at LIMIT $2)`, micros(before), sweepRows)
}

func withdrawalEvent(d wallet.Withdrawal, kind string, at time.Time) audit.Event {
	scope := map[string]string{"party": d.Party, "certificate": d.Certificate}
	if d.Block {
		scope["block"] = "yes"
	}
	return audit.Event{Kind: kind, At: at, Actor: "person:" + d.PersonID, Subject: d.ID, Holder: d.PersonID, Detail: scope}
}

// PutWithdrawal implements [wallet.Withdrawals].
func (s *Store) PutWithdrawal(ctx context.Context, d wallet.Withdrawal) (wallet.Withdrawal, error) {
	log, err := s.audited(withdrawalEvent(d, "consent.withdrawn", d.At))
	if err != nil {
		return wallet.Withdrawal{}, err
	}
	standing := d
	err = s.write(ctx, 2, func(q querier) error {
		_, err := q.exec(`INSERT INTO withdrawals (id, person_id, party, certificate, block, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (person_id, party, certificate) DO UPDATE SET block = excluded.block`,
			d.ID, d.PersonID, d.Party, d.Certificate, bit(d.Block), micros(d.At))
		if err != nil {
			return err
		}
		var at int64
		if err := q.row(`SELECT id, at FROM withdrawals WHERE person_id = $1 AND party = $2 AND certificate = $3`, d.PersonID, d.Party, d.Certificate).Scan(&standing.ID, &at); err != nil {
			return err
		}
		standing.At = moment(at)
		// Whoever scans a code is not asked for its name, so that withdrawing from one party takes back
		// all codes, as it closes all shows.
		if _, err := s.revokeSerials(q, `person_id = $2 AND ($3 = '' OR identifier = $3)`, d.PersonID, d.Certificate); err != nil {
			return err
		}
		return log.store(q)
	})
	return standing, err
}

func bit(on bool) int64 {
	if on {
		return 1
	}
	return 0
}

// Withdrawals implements [wallet.Withdrawals].
func (s *Store) Withdrawals(ctx context.Context, personID string) (all []wallet.Withdrawal, err error) {
	err = s.read(ctx, func(q querier) error {
		return q.rows(`SELECT id, party, certificate, block, at FROM withdrawals WHERE person_id = $1 ORDER BY at, id`, []any{personID}, func(row scanner) error {
			d := wallet.Withdrawal{PersonID: personID}
			var block, at int64
			err := row.Scan(&d.ID, &d.Party, &d.Certificate, &block, &at)
			d.Block, d.At = block == 1, moment(at)
			all = append(all, d)
			return err
		})
	})
	return all, err
}

// LiftWithdrawal implements [wallet.Withdrawals].
func (s *Store) LiftWithdrawal(ctx context.Context, personID, id string, at time.Time) error {
	log, err := s.audited(withdrawalEvent(wallet.Withdrawal{ID: id, PersonID: personID}, "consent.restored", at))
	if err != nil {
		return err
	}
	return s.write(ctx, 2, func(q querier) error {
		n, err := q.exec(`DELETE FROM withdrawals WHERE person_id = $1 AND id = $2`, personID, id)
		if err == nil && n == 0 {
			err = wallet.ErrWithdrawalUnknown
		}
		if err != nil {
			return err
		}
		return log.store(q)
	})
}
