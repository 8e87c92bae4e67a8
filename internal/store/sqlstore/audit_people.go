package sqlstore

import (
	"context"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/wallet"
)

// people looks for the entries of what people asked for and were asked: consents, corrections,
// reviews, disputes, devices, what these were given, and appointments, and of how each ended. What the rows say is not compared, only that it
// was logged: words are sealed, and names go when their bearer is erased.
func (c *rowCheck) people(ctx context.Context) error {
	always := func(kind string) func(string) string { return func(string) string { return kind } }
	for _, of := range []struct {
		what, columns, from string
		kind                func(state string) string
	}{
		{"consent", "at, ''", "consents WHERE id > $1", always("consent.asked")},
		// A company's ask that was open when whoever was asked was erased lapses without an entry.
		{"answer to consent", "at, answer", "consents WHERE id > $1 AND answer <> '' AND person_id <> ''", func(answer string) string {
			return decided(wallet.Ask{}, answer, moment(0)).Kind
		}},
		{"correction", "filed_at, ''", "corrections WHERE id > $1", always("correction.filed")},
		{"answer to correction", "answered_at, ''", "corrections WHERE id > $1 AND answered_at IS NOT NULL", always(correctionAnswered)},
		{"review", "at, ''", "reviews WHERE id > $1", always("review.submitted")},
		{"answer to review", "ended_at, ''", "reviews WHERE id > $1 AND state = 'answered'", always(reviewAnswered)},
		{"dispute", "filed_at, ''", "disputes WHERE id > $1", always("receipt.disputed")},
		{"answer to dispute", "answered_at, ''", "disputes WHERE id > $1 AND answered_at IS NOT NULL", always("dispute.answered")},
		{"appointment", "created_at, ''", "appointments WHERE id > $1", always("agency.offered")},
		{"device", "created_at, ''", "devices WHERE id > $1", always("device.registered")},
		{"stock of a device", "at, ''", "device_stocks WHERE id > $1", always("device.stocked")},
		{"end of appointment", "COALESCE(ended_at, answered_at), state", "appointments WHERE id > $1 AND (answered_at IS NOT NULL OR ended_at IS NOT NULL)", func(state string) string {
			kind, ok := appointmentEvent(wallet.AppointmentState(state))
			if !ok {
				kind = "agency." + state // none that we make: it has no entry
			}
			return kind
		}},
	} {
		err := pages(ctx, c, func(q querier, after string) ([]row, string, error) {
			var rows []row
			err := q.rows(`SELECT id, `+of.columns+` FROM `+of.from+` ORDER BY id LIMIT $2`, []any{after, checkRows}, func(r scanner) error {
				var at int64
				var state string
				err := r.Scan(&after, &at, &state)
				rows = append(rows, row{name: of.what + " " + after, at: at, erased: true, event: audit.Event{Kind: of.kind(state), Once: after}})
				return err
			})
			return rows, after, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
