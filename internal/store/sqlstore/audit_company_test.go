package sqlstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/wallet"
)

// A company's look names who showed it, and the log knows its receipt by digest. Neither is a
// difference between record and log, nor is it one that she who showed was erased since.
func TestCompanyLooksAgreeWithTheLog(t *testing.T) { onEach(t, eachCompanyLooksAgreeWithTheLog) }

func eachCompanyLooksAgreeWithTheLog(t *testing.T, fresh string) {
	f := newAuditAt(t, fresh)
	ctx := t.Context()
	v := benchmarkVerification(1)
	v.HolderID, v.PersonID, v.Receipt, v.ReceiptDigest = "firm", "agent", []byte("{}"), "digest"
	require.NoError(t, f.store.Record(ctx, v))
	require.NoError(t, f.store.PutAppointment(ctx, wallet.Appointment{ID: "a", CompanyID: "firm", PersonID: "agent", State: wallet.Accepted}))
	signed := f.cosigned(t)
	r, rows := f.verify(t, audit.Evidence{Checkpoints: []audit.Signed{signed}})
	require.Empty(t, r.Findings)
	require.Equal(t, 2, rows.Rows, "the look and the appointment")
	a, err := f.log.Query(ctx, audit.Query{Kind: "verification.recorded"})
	require.NoError(t, err)
	require.Equal(t, "digest", a.Entries[0].Event.Detail["receipt"])
	require.Equal(t, "agent", a.Entries[0].Event.Detail["shown_by"])

	require.NoError(t, f.store.PrepareErasure(ctx, "agent", "token", time.Now().Add(time.Hour)))
	_, err = f.store.Erase(ctx, "agent", "token", time.Now())
	require.NoError(t, err)
	again, err := f.store.ByID(ctx, v.ID)
	require.NoError(t, err)
	require.Empty(t, again.PersonID)
	r, _ = f.verify(t, audit.Evidence{Checkpoints: []audit.Signed{f.cosigned(t)}})
	require.Empty(t, r.Findings)
}
