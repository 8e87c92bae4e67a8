package sqlstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

const logOrigin = "cards.example/v1/audit"

// auditFixture is a store, its log, and a witness that cosigned what the log was.
type auditFixture struct {
	path    string
	cfg     sqlstore.Config
	store   *sqlstore.Store
	log     *audit.Log
	keys    audit.Keys
	witness audit.Signer
}

func newAudit(t testing.TB) *auditFixture {
	return newAuditAt(t, "sqlite:"+filepath.Join(t.TempDir(), "showcard.db"))
}

func newAuditAt(t testing.TB, url string) *auditFixture {
	f := &auditFixture{cfg: sqlstore.Config{URL: url, Keys: newKeys(t)}}
	f.path, _ = strings.CutPrefix(url, "sqlite:")
	if f.path == url {
		f.path = ""
	}
	f.store = open(t, f.cfg)
	var err error
	f.witness, err = audit.NewWitnessSigner("witness.example", make([]byte, 32), time.Now)
	require.NoError(t, err)
	f.log = f.newLog(t, f.store)
	f.keys = f.log.Keys()
	f.keys.Witnesses = []audit.VerifierKey{f.witness.Key()}
	return f
}

func (f *auditFixture) newLog(t testing.TB, s *sqlstore.Store) *audit.Log {
	ed, err := audit.NewEd25519Signer(logOrigin, make([]byte, 32))
	require.NoError(t, err)
	private, err := f.cfg.Keys.Signer("audit-sm2/1")
	if err != nil {
		private, err = f.cfg.Keys.Generate("audit-sm2/1", key.SM2)
	}
	require.NoError(t, err)
	two, err := audit.NewSM2Signer(logOrigin, private)
	require.NoError(t, err)
	log, err := audit.New(audit.Config{Store: s, Entries: s, Origin: logOrigin, Signers: []audit.Signer{ed, two}})
	require.NoError(t, err)
	return log
}

// cosigned builds the log and has its checkpoint cosigned.
func (f *auditFixture) cosigned(t testing.TB) audit.Signed {
	t.Helper()
	signed, err := f.log.Build(t.Context())
	require.NoError(t, err)
	line, err := signed.Sign(f.witness)
	require.NoError(t, err)
	signed, err = f.keys.Open(signed.Note + audit.SignatureLines(line))
	require.NoError(t, err)
	return signed
}

// leaves is the witness's copy.
func (f *auditFixture) leaves(t testing.TB, size uint64) func(context.Context, uint64, int) ([][]byte, error) {
	var all [][]byte
	for uint64(len(all)) < size {
		some, err := f.store.Leaves(t.Context(), uint64(len(all)), 256)
		require.NoError(t, err)
		all = append(all, some...)
	}
	return func(_ context.Context, from uint64, n int) ([][]byte, error) {
		return all[min(from, uint64(len(all))):min(from+uint64(n), uint64(len(all)))], nil
	}
}

// verify checks the store's log as an auditor does, with the record.
func (f *auditFixture) verify(t testing.TB, e audit.Evidence) (audit.Report, sqlstore.RowCheck) {
	t.Helper()
	s := open(t, f.cfg) // a process of its own
	text, err := s.Checkpoint(t.Context(), 0)
	require.NoError(t, err)
	signed, err := f.keys.Open(text)
	require.NoError(t, err)
	r, err := audit.Verify(t.Context(), s, signed, e)
	require.NoError(t, err)
	rows, err := s.CheckRows(t.Context(), time.Now().AddDate(-1, 0, 0), r.Add)
	require.NoError(t, err)
	return r, rows
}

// everything writes one of each kind.
func (f *auditFixture) everything(t *testing.T) {
	ctx, now, s := t.Context(), time.Now(), f.store
	fill(t, s)
	r, err := s.Reserve(ctx, "police", nil, 1)
	require.NoError(t, err)
	n := sealedCertificate("two-2", "second")
	n.Replaces, n.Slot = "two", issuer.Slot{List: r.List, Index: r.Counters[0]}
	_, err = s.Commit(ctx, issuer.Batch{Authority: "police", Certificates: []issuer.NewCertificate{n}})
	require.NoError(t, err)
	require.NoError(t, s.AddCopy(ctx, issuer.Copy{Identifier: "two-2", Slot: issuer.Slot{List: r.List, Index: 77}, KeyID: "k", CreatedAt: now}))
	_, err = s.EndJob(ctx, "job", "upload", true, now)
	require.NoError(t, err)
	require.NoError(t, s.Note(ctx, audit.Event{Kind: "agency.granted", Actor: "wallet", Holder: "p"}))
	require.NoError(t, s.Save(ctx, 0, []registry.Entry{{Kind: "party", ID: "bank", Body: []byte(`{"a":1}`)}, {Kind: "party", ID: "away"}}, "operator-1", "because", now))
	v := benchmarkVerification(1)
	require.NoError(t, s.Record(ctx, v))
	require.NoError(t, s.Compared(ctx, v.ID, verifier.Comparison{At: now, Outcome: "invalid", Reasons: []string{verifier.CodePersonNotSame}}))
	require.NoError(t, s.Note(ctx, audit.Event{Kind: "session.refused", Actor: "person"}))
	company := benchmarkVerification(2)
	company.ID, company.HolderID, company.PersonID = "of-a-company", "company", "p"
	require.NoError(t, s.Record(ctx, company))
	_, err = s.PutAsk(ctx, wallet.Ask{ID: "ask", HolderID: "company", PersonID: "p", At: now, Expires: now.Add(time.Minute), Client: "bank-1", Party: "bank", Purpose: "look"})
	require.NoError(t, err)
	_, err = s.Decide(ctx, "ask", wallet.AnswerYes, now)
	require.NoError(t, err)
	_, err = s.AnswerDispute(ctx, "v2", rights.Rejected, "no", "op", now)
	require.NoError(t, err)
	require.NoError(t, s.ChangeAppointment(ctx, "a", []wallet.AppointmentState{wallet.Offered}, wallet.Accepted, "p", now))
}

func TestEverythingIsLogged(t *testing.T) { onEach(t, eachEverythingIsLogged) }

func eachEverythingIsLogged(t *testing.T, fresh string) {
	f := newAuditAt(t, fresh)
	f.everything(t)
	// What fails leaves nothing: a code that is spent, a change that is not allowed, an old revision.
	ctx := t.Context()
	v := benchmarkVerification(1)
	v.ID, v.RequestKey = "again", ""
	require.ErrorIs(t, f.store.Record(ctx, v), verifier.ErrSpent)
	_, err := f.store.ChangeState(ctx, issuer.Change{Authority: "police", Identifier: "one", From: []issuer.State{issuer.Valid}, To: issuer.Cancelled, At: time.Now()})
	require.ErrorIs(t, err, issuer.ErrTransition)
	require.ErrorIs(t, f.store.Save(ctx, 0, nil, "who", "why", time.Now()), registry.ErrConflict)
	_, err = f.store.EndJob(ctx, "job", "another", true, time.Now())
	require.ErrorIs(t, err, issuer.ErrJobConflict)

	signed := f.cosigned(t)
	kinds := map[string]int{}
	for q := (audit.Query{}); ; {
		a, err := f.log.Query(ctx, q)
		require.NoError(t, err)
		for _, o := range a.Entries {
			require.NoError(t, o.Fault)
			kinds[o.Event.Kind]++
			require.NotContains(t, fmt.Sprint(o.Event), secretNumber)
			require.NotContains(t, fmt.Sprint(o.Event), secretName)
			require.NotContains(t, string(o.Leaf), "blind-one", "leaves are public")
		}
		if q.After = a.Next; a.Next == 0 {
			break
		}
	}
	for kind, n := range map[string]int{
		"push.begun": 1, "push.finished": 1, "certificate.issued": 3, "certificate.suspended": 1, "certificate.replaced": 1, "certificate.updated": 1, "copy.collected": 1,
		"verification.recorded": 4, "person.compared": 1, "consent.asked": 1, "consent.given": 1, "review.submitted": 1, "review.claimed": 1, "review.answered": 1, "agency.granted": 2, "agency.offered": 1, "device.registered": 2, "device.stocked": 1, "registry.changed": 1, "session.opened": 2, "session.refused": 1,
	} {
		require.Equal(t, n, kinds[kind], kind)
	}

	r, rows := f.verify(t, audit.Evidence{Checkpoints: []audit.Signed{signed}})
	require.Empty(t, r.Findings)
	require.Equal(t, signed.Size, r.Proven)
	require.Equal(t, signed.Size, r.Opened)
	require.Equal(t, sqlstore.RowCheck{Rows: 3 + 4 + 1 + 2 + 1 + 11 + 3}, rows)

	// Filters, and what only wants to be read by its place.
	a, err := f.log.Query(ctx, audit.Query{Kind: "certificate.", Subject: "one"})
	require.NoError(t, err)
	require.Len(t, a.Entries, 3)
	a, err = f.log.Query(ctx, audit.Query{Holder: "blind-one", Limit: 2})
	require.NoError(t, err)
	require.Len(t, a.Entries, 2)
	require.NotZero(t, a.Next)
	a, err = f.log.Query(ctx, audit.Query{From: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Empty(t, a.Entries)
	a, err = f.log.Query(ctx, audit.Query{To: time.Now().Add(-time.Hour)})
	require.NoError(t, err)
	require.Empty(t, a.Entries)
	leaves, err := sqlstore.OpenLeaves(ctx, f.cfg.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, leaves.Close()) }()
	again, err := audit.Verify(ctx, leaves, signed, audit.Evidence{Checkpoints: []audit.Signed{signed}})
	require.NoError(t, err)
	require.Empty(t, again.Findings)
	require.Equal(t, signed.Size, again.Closed, "sealed to who has no keystore")
	if f.path != "" {
		_, err = sqlstore.OpenLeaves(ctx, "sqlite:"+f.path+"-none")
		require.Error(t, err)
	}
}

// TestOneByteChanged plays somebody who writes to the database with a tool of his own: whatever he
// changes is named, with the entry that it was.
func TestOneByteChanged(t *testing.T) {
	flip := func(table, column, where string) string {
		return fmt.Sprintf(`UPDATE %s SET %s = CAST(replace(CAST(%s AS TEXT), substr(CAST(%s AS TEXT), 20, 1), '#') AS BLOB) WHERE %s`, table, column, column, column, where)
	}
	for name, tc := range map[string]struct {
		meddle []string
		code   string
		index  uint64 // audit.NoPlace: not compared
	}{
		"leaf":                         {[]string{flip("audit_entries", "leaf", "idx = 4")}, audit.FoundChanged, 4},
		"leaf cut off":                 {[]string{`UPDATE audit_entries SET leaf = substr(leaf, 1, 50) WHERE idx = 4`}, audit.FoundChanged, 4},
		"leaf emptied":                 {[]string{`UPDATE audit_entries SET leaf = x'' WHERE idx = 0`}, audit.FoundChanged, 0},
		"kind in a leaf":               {[]string{`UPDATE audit_entries SET leaf = CAST(replace(CAST(leaf AS TEXT), 'certificate.suspended', 'certificate.updated') AS BLOB) WHERE CAST(leaf AS TEXT) LIKE '%suspended%'`}, audit.FoundChanged, audit.NoPlace},
		"moment of a row":              {[]string{`UPDATE audit_entries SET at = at - 1 WHERE idx = 3`}, audit.FoundChanged, 3},
		"id of a row":                  {[]string{`UPDATE audit_entries SET id = 'AAAA' WHERE idx = 3`}, audit.FoundChanged, 3},
		"opening":                      {[]string{`UPDATE audit_entries SET opening = CAST(substr(opening, 1, length(opening) - 1) || x'00' AS BLOB) WHERE idx = 5`}, audit.FoundOpening, 5},
		"opening of another":           {[]string{`UPDATE audit_entries SET opening = (SELECT opening FROM audit_entries WHERE idx = 1) WHERE idx = 5`}, audit.FoundOpening, 5},
		"entry deleted":                {[]string{`DELETE FROM audit_entries WHERE idx = 6`}, audit.FoundMissing, 6},
		"first deleted":                {[]string{`DELETE FROM audit_entries WHERE idx = 0`}, audit.FoundMissing, 0},
		"last deleted":                 {[]string{`DELETE FROM audit_entries WHERE idx = (SELECT MAX(idx) FROM audit_entries)`}, audit.FoundMissing, audit.NoPlace},
		"place taken back":             {[]string{`UPDATE audit_entries SET idx = NULL WHERE idx = 6`}, audit.FoundMissing, 6},
		"two swapped":                  {[]string{`UPDATE audit_entries SET idx = 1000 WHERE idx = 2`, `UPDATE audit_entries SET idx = 2 WHERE idx = 7`, `UPDATE audit_entries SET idx = 7 WHERE idx = 1000`}, audit.FoundMoved, 2},
		"leaf of another":              {[]string{`UPDATE audit_entries SET leaf = (SELECT leaf FROM audit_entries WHERE idx = 7) WHERE idx = 2`}, audit.FoundChanged, 2},
		"stored hash":                  {[]string{`UPDATE audit_tiles SET hashes = CAST(substr(hashes, 1, 64) || zeroblob(32) || substr(hashes, 97) AS BLOB) WHERE level = 0`}, audit.FoundTile, 2},
		"stored hashes deleted":        {[]string{`DELETE FROM audit_tiles`}, audit.FoundTile, 0},
		"look: who":                    {[]string{`UPDATE verifications SET caller = 'somebody' WHERE id <> 'v1' AND id <> 'v2'`}, audit.FoundRow, audit.NoPlace},
		"look: party":                  {[]string{`UPDATE verifications SET party = 'somebody' WHERE id = 'v1'`}, audit.FoundRow, audit.NoPlace},
		"look: whom":                   {[]string{`UPDATE verifications SET holder_id = 'nobody' WHERE id = 'v1'`}, audit.FoundRow, audit.NoPlace},
		"look: when":                   {[]string{`UPDATE verifications SET at = at + 1 WHERE id = 'v1'`}, audit.FoundRow, audit.NoPlace},
		"look: purpose":                {[]string{`UPDATE verifications SET purpose = 'another' WHERE party = 'bank'`}, audit.FoundRow, audit.NoPlace},
		"look: fields":                 {[]string{`UPDATE verifications SET fields = '["name"]' WHERE party = 'bank'`}, audit.FoundRow, audit.NoPlace},
		"look: fields are no list":     {[]string{`UPDATE verifications SET fields = 'x' WHERE id = 'v1'`}, audit.FoundRow, audit.NoPlace},
		"look: outcome":                {[]string{`UPDATE verifications SET outcome = 'invalid' WHERE party = 'bank'`}, audit.FoundRow, audit.NoPlace},
		"look: deleted":                {[]string{`DELETE FROM verifications WHERE id = 'v1'`}, audit.FoundGone, audit.NoPlace},
		"look: another id":             {[]string{`UPDATE verifications SET id = 'v9' WHERE id = 'v1'`}, audit.FoundUnlogged, audit.NoPlace},
		"look: slipped in":             {[]string{`INSERT INTO verifications (id, at, caller, party, party_name, request_key, request_hash, show_id, person_id, ticket, challenge, holder_id, identifier, type, purpose, fields, outcome, reasons, via, answer_until) SELECT 'v8', at, caller, party, party_name, 'another', request_hash, 'another', '', x'99', 'another', holder_id, identifier, type, purpose, fields, outcome, reasons, via, answer_until FROM verifications WHERE id = 'v1'`}, audit.FoundUnlogged, audit.NoPlace},
		"certificate: holder":          {[]string{`UPDATE certificates SET holder_id = 'nobody' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"certificate: slot":            {[]string{`UPDATE certificates SET status_index = status_index + 5 WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"certificate: type":            {[]string{`UPDATE certificates SET type = 'another' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"certificate: authority":       {[]string{`UPDATE certificates SET authority = 'another' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"certificate: who issued":      {[]string{`UPDATE certificates SET issued_by = 'another' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"certificate: erased unlogged": {[]string{`UPDATE certificates SET erased_at = 1800000000000000 WHERE identifier = 'one'`}, audit.FoundUnlogged, audit.NoPlace},
		"certificate: state":           {[]string{`UPDATE certificates SET state = 'valid' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"certificate: state as issued": {[]string{`UPDATE certificates SET state = 'revoked' WHERE identifier = 'two-2'`}, audit.FoundRow, audit.NoPlace},
		"certificate: status":          {[]string{`UPDATE slots SET status = 0 WHERE identifier = 'one' AND copy = 0`}, audit.FoundRow, audit.NoPlace},
		"certificate: status of copy":  {[]string{`UPDATE slots SET status = 1 WHERE identifier = 'two-2' AND copy = 1`}, audit.FoundRow, audit.NoPlace},
		"change: deleted":              {[]string{`DELETE FROM certificate_events WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"look: who showed":             {[]string{`UPDATE verifications SET person_id = 'another' WHERE id = 'of-a-company'`}, audit.FoundRow, audit.NoPlace},
		"opening destroyed":            {[]string{`UPDATE audit_entries SET opening = NULL, holder_id = '' WHERE idx = 5`}, audit.FoundOpening, audit.NoPlace},
		"consent: deleted":             {[]string{`DELETE FROM consents`}, audit.FoundGone, audit.NoPlace},
		"device: slipped in":           {[]string{`UPDATE devices SET id = 'another' WHERE id = 'device-1'`}, audit.FoundUnlogged, audit.NoPlace},
		"stock: deleted":               {[]string{`DELETE FROM device_stocks`}, audit.FoundGone, audit.NoPlace},
		"consent: slipped in":          {[]string{`UPDATE consents SET id = 'another'`}, audit.FoundUnlogged, audit.NoPlace},
		"consent: no made yes":         {[]string{`UPDATE consents SET answer = 'lapsed'`}, audit.FoundUnlogged, audit.NoPlace},
		"correction: deleted":          {[]string{`DELETE FROM corrections`}, audit.FoundGone, audit.NoPlace},
		"review: deleted":              {[]string{`DELETE FROM reviews`}, audit.FoundGone, audit.NoPlace},
		"review: answered":             {[]string{`UPDATE reviews SET id = 'another'`}, audit.FoundUnlogged, audit.NoPlace},
		"dispute: deleted":             {[]string{`DELETE FROM disputes WHERE id = 'v1'`}, audit.FoundGone, audit.NoPlace},
		"dispute: answered":            {[]string{`UPDATE disputes SET state = 'upheld', answered_at = 1900000000000000 WHERE id = 'v1'`}, audit.FoundUnlogged, audit.NoPlace},
		"appointment: deleted":         {[]string{`DELETE FROM appointments`}, audit.FoundGone, audit.NoPlace},
		"appointment: given back":      {[]string{`UPDATE appointments SET state = 'removed', ended_at = answered_at`}, audit.FoundUnlogged, audit.NoPlace},
		"revision: deleted":            {[]string{`DELETE FROM registry_revisions`}, audit.FoundGone, audit.NoPlace},
		"change: to what":              {[]string{`UPDATE certificate_events SET to_state = 'revoked' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"change: who":                  {[]string{`UPDATE certificate_events SET who = 'another' WHERE identifier = 'one'`}, audit.FoundRow, audit.NoPlace},
		"change: replaced by":          {[]string{`UPDATE certificate_events SET replaced_by = 'another' WHERE identifier = 'two'`}, audit.FoundRow, audit.NoPlace},
		"revision: who":                {[]string{`UPDATE registry_revisions SET who = 'another'`}, audit.FoundRow, audit.NoPlace},
		"revision: why":                {[]string{`UPDATE registry_revisions SET why = 'another'`}, audit.FoundRow, audit.NoPlace},
		"revision: what":               {[]string{`UPDATE registry_history SET body = CAST('{"a":2}' AS BLOB) WHERE id = 'bank'`}, audit.FoundRow, audit.NoPlace},
		"revision: what was deleted":   {[]string{`DELETE FROM registry_history WHERE id = 'away'`}, audit.FoundRow, audit.NoPlace},
	} {
		t.Run(name, func(t *testing.T) {
			f := newAudit(t)
			f.everything(t)
			signed := f.cosigned(t)
			e := audit.Evidence{Checkpoints: []audit.Signed{signed}}
			copied := audit.Evidence{Checkpoints: e.Checkpoints, Leaves: f.leaves(t, signed.Size)}
			for _, statement := range tc.meddle {
				meddle(t, f.path, statement)
			}
			for _, evidence := range []audit.Evidence{{}, e, copied} {
				r, _ := f.verify(t, evidence)
				first, found := r.First()
				require.True(t, found)
				require.Equal(t, tc.code, first.Code, "%+v", r.Findings)
				if tc.index != audit.NoPlace {
					require.Equal(t, tc.index, first.Index)
				}
				if tc.code == audit.FoundChanged || tc.code == audit.FoundMissing || tc.code == audit.FoundMoved {
					require.LessOrEqual(t, r.Proven, first.Index)
				}
				if evidence.Leaves != nil && tc.code == audit.FoundMissing {
					require.NotEmpty(t, first.Kind, "the witness knows what it was")
				}
			}
		})
	}
}

// TestRewrittenWhole plays the operator, who holds all keys: he edits an entry and makes the tree,
// the hashes and the checkpoint anew. Alone, his log is flawless.
func TestRewrittenWhole(t *testing.T) {
	f := newAudit(t)
	f.everything(t)
	signed := f.cosigned(t)
	e := audit.Evidence{Checkpoints: []audit.Signed{signed}}
	copied := audit.Evidence{Checkpoints: e.Checkpoints, Leaves: f.leaves(t, signed.Size)}
	rewrite := func(t *testing.T, statements ...string) {
		for _, s := range append(statements, `UPDATE audit_entries SET idx = NULL WHERE 1`, `UPDATE audit_tree SET size = 0, hashes = '', swept = 0`, `DELETE FROM audit_tiles`, `DELETE FROM audit_checkpoints`) {
			meddle(t, f.path, s)
		}
		_, err := f.newLog(t, f.store).Build(t.Context())
		require.NoError(t, err)
	}
	rewrite(t, `DELETE FROM audit_entries WHERE CAST(leaf AS TEXT) LIKE '%session.refused%'`)
	r, _ := f.verify(t, audit.Evidence{})
	require.Empty(t, r.Findings, "nothing shows without a witness")
	require.Zero(t, r.Proven)

	r, _ = f.verify(t, e)
	first, found := r.First()
	require.True(t, found)
	require.Equal(t, audit.FoundTruncated, first.Code)
	require.Zero(t, r.Proven)

	// With one more entry than it had, it is not shorter, and yet another.
	for range 2 {
		require.NoError(t, f.store.Note(t.Context(), audit.Event{Kind: "session.opened", Actor: "x"}))
	}
	_, err := f.newLog(t, f.store).Build(t.Context())
	require.NoError(t, err)
	r, _ = f.verify(t, e)
	first, _ = r.First()
	require.Equal(t, audit.FoundForked, first.Code)
	r, _ = f.verify(t, copied)
	first, _ = r.First()
	require.Contains(t, []string{audit.FoundChanged, audit.FoundMoved}, first.Code)
	require.Contains(t, fmt.Sprint(r.Findings), "the witness saw here agency.granted")
}

// The process that has seen a log refuses to sign one that does not continue it.
func TestBuilderStops(t *testing.T) {
	for name, statements := range map[string][]string{
		"checkpoints deleted":  {`DELETE FROM audit_checkpoints`},
		"checkpoint edited":    {`UPDATE audit_checkpoints SET note = replace(note, 'cards', 'other')`},
		"state cut":            {`UPDATE audit_tree SET hashes = x'00'`},
		"state of another":     {`UPDATE audit_tree SET hashes = zeroblob(length(hashes))`},
		"tree set back":        {`UPDATE audit_tree SET size = 1, hashes = zeroblob(32)`},
		"tree gone":            {`DELETE FROM audit_tree`},
		"hash of an old entry": {`UPDATE audit_tiles SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0`},
		"hashes deleted":       {`DELETE FROM audit_tiles`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newAudit(t)
			f.everything(t)
			f.cosigned(t)
			for _, s := range statements {
				meddle(t, f.path, s)
			}
			require.NoError(t, f.store.Note(t.Context(), audit.Event{Kind: "session.opened", Actor: "x"}), "people are served all the same")
			_, err := f.log.Build(t.Context())
			require.ErrorIs(t, err, audit.ErrTampered)
			_, err = f.log.Build(t.Context())
			require.ErrorIs(t, err, audit.ErrTampered, "and stays stopped")
		})
	}
}

// Several processes build over one database while others write: each entry gets one place, and no
// place is left out.
func TestSeveralBuilders(t *testing.T) { onEach(t, eachSeveralBuilders) }

func eachSeveralBuilders(t *testing.T, fresh string) {
	f := newAuditAt(t, fresh)
	const writers, each = 4, 60
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		s := open(t, f.cfg)
		log := f.newLog(t, s)
		wg.Go(func() {
			for {
				if _, err := log.Build(background()); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				if err := f.store.Note(background(), audit.Event{Kind: "session.opened", Actor: fmt.Sprint(w, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	wg.Wait()
	signed := f.cosigned(t)
	require.EqualValues(t, writers*each, signed.Size)
	r, _ := f.verify(t, audit.Evidence{Checkpoints: []audit.Signed{signed}})
	require.Empty(t, r.Findings)
	require.Equal(t, signed.Size, r.Proven)
}

func TestErasedAndSweptOpenings(t *testing.T) { onEach(t, eachErasedAndSweptOpenings) }

func eachErasedAndSweptOpenings(t *testing.T, fresh string) {
	f := newAuditAt(t, fresh)
	f.everything(t)
	f.cosigned(t)
	ctx := t.Context()
	a, err := f.log.Query(ctx, audit.Query{Holder: "blind-one"})
	require.NoError(t, err)
	hers := len(a.Entries)
	require.GreaterOrEqual(t, hers, 4, "issued, suspended, two looks")
	erase := func(holder string) {
		require.NoError(t, f.store.PrepareErasure(ctx, holder, "token", time.Now().Add(time.Minute)))
		_, err := f.store.Erase(ctx, holder, "token", time.Now())
		require.NoError(t, err)
	}
	erase("blind-one")
	_, err = f.store.Erase(ctx, "", "token", time.Now())
	require.ErrorIs(t, err, rights.ErrConfirmation, "not of all that are about nobody")
	signed := f.cosigned(t)
	e := audit.Evidence{Checkpoints: []audit.Signed{signed}}
	r, _ := f.verify(t, e)
	require.Empty(t, r.Findings)
	require.Equal(t, signed.Size, r.Proven, "the tree is as it was")
	require.EqualValues(t, hers, r.Closed)
	a, err = f.log.Query(ctx, audit.Query{Holder: "blind-one"})
	require.NoError(t, err)
	require.Empty(t, a.Entries)

	// Who showed for a company goes from the company's rows; they still are what was logged.
	erase("p")
	signed = f.cosigned(t)
	r, _ = f.verify(t, audit.Evidence{Checkpoints: []audit.Signed{signed}})
	require.Empty(t, r.Findings)

	n, err := f.store.SweepOpenings(ctx, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = f.store.SweepOpenings(ctx, time.Now().Add(time.Second))
	require.NoError(t, err)
	require.EqualValues(t, signed.Size, n)
	next := f.cosigned(t)
	require.Equal(t, signed.Size+1, next.Size, "the sweep is logged")
	r, _ = f.verify(t, audit.Evidence{Checkpoints: []audit.Signed{signed, next}})
	require.Empty(t, r.Findings)
	require.Equal(t, next.Size, r.Proven)
	require.Equal(t, signed.Size, r.Closed)
}
