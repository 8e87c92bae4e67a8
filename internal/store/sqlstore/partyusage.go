package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/registry"
)

// maxUsageRows bounds what one question about a party's use reads. Groups are few: days by
// purposes by outcomes.
const maxUsageRows = 20_000

// PartyUsage counts the checks of a party since a moment, in groups that are alike. Days are China's:
// microseconds since 1970, eight hours on. It reads no column that is sealed.
func (s *Store) PartyUsage(ctx context.Context, party string, since time.Time) ([]registry.UsageRow, error) {
	var out []registry.UsageRow
	err := s.lookup(ctx, func(q querier) error {
		out = nil
		return q.rows(`SELECT (at + 28800000000) / 86400000000 AS day, purpose, type, via, outcome, reasons, fields, COUNT(*)
			FROM verifications WHERE party = $1 AND at >= $2
			GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7 LIMIT $3`, []any{party, micros(since), maxUsageRows}, func(row scanner) error {
			var r registry.UsageRow
			var day int64
			var reasons, fields string
			if err := row.Scan(&day, &r.Purpose, &r.Type, &r.Via, &r.Outcome, &reasons, &fields, &r.Checks); err != nil {
				return err
			}
			r.Day = time.Unix(day*86400, 0).UTC().Format(time.DateOnly)
			if err := errors.Join(json.Unmarshal([]byte(reasons), &r.Reasons), json.Unmarshal([]byte(fields), &r.Fields)); err != nil {
				return fmt.Errorf("a verification's names: %w", err)
			}
			out = append(out, r)
			return nil
		})
	})
	return out, err
}
