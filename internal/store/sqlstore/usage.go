package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/showcard/showcard/crypto/key"
)

// usage keeps the sealer's count. See [key.Usage].
type usage struct{ db database }

// ReserveSeals implements [key.Usage].
func (u usage) ReserveSeals(ctx context.Context, id uint32, fingerprint []byte, n, limit int64) (ok bool, err error) {
	err = u.db.write(ctx, work{rows: 1, do: func(q querier) error {
		ok = false
		if _, err := q.exec(`INSERT INTO data_keys (id, fingerprint, used) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING`, int64(id), fingerprint); err != nil {
			return err
		}
		var stored []byte
		err := q.row(`UPDATE data_keys SET used = used + $2 WHERE id = $1 AND used + $2 <= $3 RETURNING fingerprint`, int64(id), n, limit).Scan(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			err = q.row(`SELECT fingerprint FROM data_keys WHERE id = $1`, int64(id)).Scan(&stored)
		} else {
			ok = err == nil
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(stored, fingerprint) {
			return fmt.Errorf("sqlstore: data key %d: %w", id, key.ErrOtherKeystore)
		}
		return nil
	}})
	return ok && err == nil, err
}
