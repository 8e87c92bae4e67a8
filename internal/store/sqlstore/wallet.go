package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

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

// Agencies implements [wallet.Store]: what was put, and the representatives that standing
// certificates of companies name. When such a certificate ends, so does the agency.
func (s *Store) Agencies(ctx context.Context, personID string, now time.Time) ([]wallet.Agency, error) {
	var out []wallet.Agency
	err := s.read(ctx, func(q querier) error {
		return q.rows(`SELECT company_id, role, until, created_at FROM agencies WHERE person_id = $1 AND (until IS NULL OR until > $2)
			UNION ALL
			SELECT r.company_id, $3, NULL, c.created_at FROM representatives r JOIN certificates c ON c.identifier = r.identifier
			WHERE r.person_id = $1 AND c.state IN ('valid', 'suspended')
				AND r.company_id NOT IN (SELECT company_id FROM agencies WHERE person_id = $1 AND (until IS NULL OR until > $2))
			ORDER BY 4, 1`,
			[]any{personID, micros(now), wallet.RoleRepresentative}, func(row scanner) error {
				a := wallet.Agency{PersonID: personID}
				var until *int64
				var created int64
				err := row.Scan(&a.CompanyID, &a.Role, &until, &created)
				a.Until, a.CreatedAt = optionalMoment(until), moment(created)
				out = append(out, a)
				return err
			})
	})
	return out, err
}

// PutAgency implements [wallet.Store].
func (s *Store) PutAgency(ctx context.Context, a wallet.Agency) error {
	log, err := s.audited(agencyEvent(a, !a.Until.IsZero() && !a.Until.After(s.cfg.Now())))
	if err != nil {
		return err
	}
	return s.db.write(ctx, work{rows: 2, clean: true, do: func(q querier) error {
		_, err := q.exec(`INSERT INTO agencies (person_id, company_id, role, until, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (person_id, company_id) DO UPDATE SET role = excluded.role, until = excluded.until`,
			a.PersonID, a.CompanyID, a.Role, optional(a.Until), micros(a.CreatedAt))
		if err != nil {
			return err
		}
		return log.store(q)
	}})
}

// Looks implements [wallet.Store]. The holder reads the verifier's own records: there is no
// second history that could differ.
func (s *Store) Looks(ctx context.Context, holderID string, before time.Time, limit int) ([]wallet.Look, error) {
	if holderID == "" {
		return nil, nil // of records whose holder is not known
	}
	var out []wallet.Look
	err := s.read(ctx, func(q querier) error {
		return q.rows(`SELECT v.id, v.at, v.identifier, v.type, v.party, v.party_name, v.purpose, v.fields, v.outcome, v.reasons, v.via,
				COALESCE(c.answer, ''), COALESCE(c.asked, 'null')
			FROM verifications v LEFT JOIN consents c ON c.id = v.id
			WHERE v.holder_id = $1 AND v.holder_id <> '' AND v.at < $2 ORDER BY v.at DESC, v.id LIMIT $3`,
			[]any{holderID, micros(before), limit}, func(row scanner) error {
				var l wallet.Look
				var at int64
				var fields, reasons, asked string
				err := row.Scan(&l.ID, &at, &l.Identifier, &l.Type, &l.Party, &l.PartyName, &l.Purpose, &fields, &l.Outcome, &reasons, &l.Via, &l.Consent, &asked)
				if err == nil {
					l.Fields, err = parseNames(fields)
				}
				if err == nil {
					l.Reasons, err = parseNames(reasons)
				}
				if err == nil {
					l.Asked, err = parseNames(asked)
				}
				l.At = moment(at)
				out = append(out, l)
				return err
			})
	})
	return out, err
}
