package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/showcard/showcard/wallet"
)

func copyRow(holderID, identifier string) string { return holderID + "\x00" + identifier }

// Copy implements [wallet.Store].
func (s *Store) Copy(ctx context.Context, holderID, identifier string) (wallet.Copy, error) {
	c := wallet.Copy{HolderID: holderID, Identifier: identifier}
	var sealed []byte
	var refresh, created int64
	err := s.read(ctx, func(q querier) error {
		return q.row(`SELECT credential, key_id, refresh_at, created_at FROM wallet_copies WHERE holder_id = $1 AND identifier = $2`, holderID, identifier).
			Scan(&sealed, &c.KeyID, &refresh, &created)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return wallet.Copy{}, fmt.Errorf("%w: %s", wallet.ErrHoldingUnknown, identifier)
	}
	if err != nil {
		return wallet.Copy{}, err
	}
	c.Credential, err = s.openText("wallet_copies", copyRow(holderID, identifier), "credential", sealed)
	c.RefreshAt, c.CreatedAt = moment(refresh), moment(created)
	return c, err
}

// PutCopy implements [wallet.Store].
func (s *Store) PutCopy(ctx context.Context, c wallet.Copy) error {
	sealed, err := s.sealer.Seal("wallet_copies", copyRow(c.HolderID, c.Identifier), "credential", []byte(c.Credential))
	if err != nil {
		return err
	}
	return s.db.write(ctx, work{rows: 1, clean: true, do: func(q querier) error {
		_, err := q.exec(`INSERT INTO wallet_copies (holder_id, identifier, credential, key_id, refresh_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (holder_id, identifier) DO UPDATE SET credential = excluded.credential, key_id = excluded.key_id,
				refresh_at = excluded.refresh_at, created_at = excluded.created_at`,
			c.HolderID, c.Identifier, sealed, c.KeyID, micros(c.RefreshAt), micros(c.CreatedAt))
		return err
	}})
}

// Looks implements [wallet.Store]. The holder reads the verifier's own records: there is no
// second history that could differ.
func (s *Store) Looks(ctx context.Context, holderID string, before wallet.Cursor, limit int) ([]wallet.Look, error) {
	if holderID == "" {
		return nil, nil // of records whose holder is not known
	}
	return s.looks(ctx, `SELECT `+lookColumns+` FROM verifications
		WHERE holder_id = $1 AND holder_id <> '' AND (at < $2 OR at = $2 AND id < $3) ORDER BY at DESC, id DESC LIMIT $4`, holderID, micros(before.At), before.ID, limit)
}

// LooksShownBy implements [wallet.Store].
func (s *Store) LooksShownBy(ctx context.Context, holderID, personID string, before wallet.Cursor, limit int) ([]wallet.Look, error) {
	if holderID == "" || personID == "" {
		return nil, nil
	}
	return s.looks(ctx, `SELECT `+lookColumns+` FROM verifications
		WHERE holder_id = $1 AND holder_id <> '' AND person_id = $2 AND (at < $3 OR at = $3 AND id < $4) ORDER BY at DESC, id DESC LIMIT $5`, holderID, personID, micros(before.At), before.ID, limit)
}

const lookColumns = `id, at, holder_id, identifier, type, caller, party, party_name, purpose, fields, outcome, reasons, via, person_id, receipt IS NOT NULL, portrait_at, settled_at, compared_at, compared_same,
	COALESCE((SELECT d.state FROM disputes d WHERE d.verification = verifications.id ORDER BY d.filed_at DESC, d.id DESC LIMIT 1), ''),
	COALESCE((SELECT c.answer FROM consents c WHERE c.id = verifications.id), ''),
	COALESCE((SELECT c.asked FROM consents c WHERE c.id = verifications.id), 'null')`

func (s *Store) looks(ctx context.Context, query string, args ...any) ([]wallet.Look, error) {
	var out []wallet.Look
	err := s.lookup(ctx, func(q querier) error {
		return q.rows(query, args, func(row scanner) error {
			var l wallet.Look
			var at int64
			var portraitAt, settledAt, comparedAt, comparedSame *int64
			var fields, reasons, asked string
			err := row.Scan(&l.ID, &at, &l.Holder, &l.Identifier, &l.Type, &l.Client, &l.Party, &l.PartyName, &l.Purpose, &fields, &l.Outcome, &reasons, &l.Via, &l.PersonID,
				&l.Receipt, &portraitAt, &settledAt, &comparedAt, &comparedSame, &l.Disputed, &l.Consent, &asked)
			if err == nil {
				l.Fields, err = parseNames(fields)
			}
			if err == nil {
				l.Reasons, err = parseNames(reasons)
			}
			if err == nil {
				l.Asked, err = parseNames(asked)
			}
			l.At, l.PortraitAt, l.SettledAt = moment(at), optionalMoment(portraitAt), optionalMoment(settledAt)
			l.ComparedAt, l.ComparedSame = optionalMoment(comparedAt), comparedSame != nil && *comparedSame == 1
			out = append(out, l)
			return err
		})
	})
	return out, err
}
