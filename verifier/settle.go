package verifier

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/strictjson"
)

// ViaOffline is how a check was made that a counter made without a network, and settled later.
const ViaOffline = "offline"

// MaxSettled is how many checks one request may settle.
const MaxSettled = 200

// Codes of conflicts: what a counter that was offline could not know, or knew otherwise.
const (
	CodeRevokedBefore  = "conflict-revoked-before"  // the counter's bundle was too old
	CodeShownElsewhere = "conflict-shown-elsewhere" // the same proof, to another checker or a second time
	CodeShownOnline    = "conflict-shown-online"    // the same proof was checked at the service
	CodeSaidValid      = "conflict-said-valid"      // and it is not
	CodeSaidInvalid    = "conflict-said-invalid"    // and it is valid
	CodeNotRegistered  = "conflict-not-registered"  // the counter read what its party may not see, or not for that
)

// Codes of rows that are refused.
const (
	CodeCheckMalformed  = "check-malformed"
	CodeCheckFromFuture = "check-from-future"
	CodeCheckTooOld     = "check-too-old"
)

// OfflineReport is a check as the counter that made it reports it.
type OfflineReport struct {
	Code       string    `json:"code"` // as scanned
	CheckedAt  time.Time `json:"checked_at"`
	Purpose    string    `json:"purpose"`
	Outcome    Outcome   `json:"outcome"` // what the counter said
	Reasons    []string  `json:"reasons,omitempty"`
	Asked      *Answered `json:"asked,omitempty"` // when the counter showed its own code first
	BundleAsOf time.Time `json:"bundle_as_of,omitzero"`
	// PersonCompared says that the clerk compared the person with what she carries.
	PersonCompared bool `json:"person_compared,omitempty"`
}

// Answered is the counter's own code that the holder scanned.
type Answered struct {
	Nonce string `json:"nonce"` // base64url, of 8 to 32 bytes
}

// ReadReport reads a report strictly; nil when it is none.
func ReadReport(raw []byte) *OfflineReport {
	var r OfflineReport
	if err := strictjson.Decode(raw, 4, &r); err != nil {
		return nil
	}
	return &r
}

// nonce is what was in that code; nil when it cannot have been.
func (a Answered) nonce() []byte {
	nonce, err := base64.RawURLEncoding.DecodeString(a.Nonce)
	if err != nil || len(nonce) < 8 || len(nonce) > 32 {
		return nil
	}
	return nonce
}

// How a row was settled.
const (
	StateRecorded = "recorded"
	StateRepeated = "repeated" // the party has settled this proof before
	StateRefused  = "refused"  // nothing is recorded as a look
)

// SettledCheck is what became of a reported check.
type SettledCheck struct {
	Proof     string   `json:"proof,omitempty"` // "cti" of the proof, hexadecimal, where it could be read
	State     string   `json:"state"`
	ID        string   `json:"id,omitempty"` // of the verification
	Outcome   Outcome  `json:"outcome,omitempty"`
	Reasons   []string `json:"reasons"`
	Conflicts []string `json:"conflicts"`
}

// Settling is a check on its way into the record, and what the counter said of it.
type Settling struct {
	Verification
	// Shown says that its device showed it to that counter, then. What else is shown to several is no
	// conflict between them: none of them was to believe it.
	Shown       bool
	Said        Outcome
	SaidReasons []string
	BundleAsOf  time.Time
}

// Replayed says that the counter itself found that it had seen the code before.
func (s Settling) Replayed() bool { return slices.Contains(s.SaidReasons, CodeReplayed) }

// The forms of reason codes, and of purposes that the party is not registered for. Those are recorded as
// they were reported: they must not be names or numbers.
var (
	reasonCode  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+){0,9}$`)
	purposeCode = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
)

func (r *OfflineReport) malformed() bool {
	if r.Code == "" || r.CheckedAt.IsZero() || strings.TrimSpace(r.Purpose) == "" || len(r.Purpose) > maxPurpose || len(r.Reasons) > 16 {
		return true
	}
	if year := r.CheckedAt.Year(); year < 2000 || year > 9999 {
		return true
	}
	return !slices.Contains([]Outcome{Valid, Invalid, Indeterminate}, r.Outcome) ||
		slices.ContainsFunc(r.Reasons, func(code string) bool { return len(code) > 64 || !reasonCode.MatchString(code) })
}

// Settle takes checks that were made offline into the record, in their order, and says of each what
// became of it. Each is verified anew, as of when it was made. A repetition of a request changes nothing:
// who got no answer asks again. Fewer answers than checks say that the rest was not looked at, and is to be
// pushed again after the wait; an error, that none was. A nil report is a row that could not be read.
func (s *Service) Settle(ctx context.Context, c Caller, reports []*OfflineReport) (done []SettledCheck, wait time.Duration, err error) {
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	switch {
	case err != nil:
		return nil, 0, err
	case party.Suspended:
		return nil, 0, ErrPartySuspended
	case s.offline == nil:
		return nil, 0, qr.ErrNotOurs
	}
	done = make([]SettledCheck, 0, len(reports))
	for _, r := range reports {
		if err := s.allowSettling(ctx, party); err != nil {
			return settledSoFar(done, err)
		}
		k := &check{Service: s, caller: c, party: party}
		row, err := k.settle(ctx, r)
		if err != nil {
			return settledSoFar(done, err)
		}
		if told := s.cfg.Offline.Settled; told != nil {
			told(ctx, c, row)
		}
		done = append(done, row)
	}
	return done, 0, nil
}

// settledSoFar keeps what was settled when the rest must wait.
func settledSoFar(done []SettledCheck, err error) ([]SettledCheck, time.Duration, error) {
	if len(done) == 0 {
		return nil, 0, err
	}
	wait := time.Second
	var limited *RateLimitedError
	var day *DayQuotaError
	switch {
	case errors.As(err, &limited):
		wait = limited.RetryAfter
	case errors.As(err, &day):
		wait = day.RetryAfter
	}
	return done, wait, nil
}

// allowSettling counts a row. It has a count of its own beside that of scans, so that a queue that
// settles takes none of them; the quota of the day is for all.
func (s *Service) allowSettling(ctx context.Context, p Party) error {
	perMinute := s.cfg.PerMinute
	if p.PerMinute > 0 {
		perMinute = p.PerMinute
	}
	if ok, wait, err := s.cfg.Limiter.Allow(ctx, "settle:"+p.ID, perMinute); err == nil && !ok {
		return &RateLimitedError{RetryAfter: wait}
	}
	return s.allowDay(ctx, p, Request{})
}

// settle takes one row.
func (k *check) settle(ctx context.Context, report *OfflineReport) (SettledCheck, error) {
	now := k.cfg.Now().UTC()
	if report == nil || report.malformed() {
		return refusedRow(CodeCheckMalformed), nil
	}
	e := sdcwt.Expect{Now: report.CheckedAt.UTC().Truncate(time.Microsecond), Audiences: []string{"any", report.Purpose, k.cfg.Audience(k.caller)}}
	if report.Asked != nil {
		if e.Nonce = report.Asked.nonce(); e.Nonce == nil {
			return refusedRow(CodeCheckMalformed), nil
		}
		e.Audiences = []string{k.cfg.Audience(k.caller)}
	}
	switch {
	case e.Now.After(now.Add(sdcwt.MaxSkew)):
		return refusedRow(CodeCheckFromFuture), nil
	case now.Sub(e.Now) > k.cfg.Offline.SettleWithin:
		return refusedRow(CodeCheckTooOld), nil
	}
	code, err := qr.Parse(report.Code)
	if err == nil && code.Kind != qr.Offline {
		err = qr.ErrNotOurs
	}
	if err != nil {
		return refusedRow(textCode(err)), nil
	}
	for range tries {
		row, err := k.settled(ctx, report, code.Offline, e, now)
		if !errors.Is(err, ErrCodeMoved) {
			return row, err
		}
	}
	return SettledCheck{}, ErrCodeMoved
}

func refusedRow(code string) SettledCheck {
	return SettledCheck{State: StateRefused, Reasons: []string{code}, Conflicts: []string{}}
}

// settled judges a code as of when it was checked, and records the check.
func (k *check) settled(ctx context.Context, report *OfflineReport, code []byte, e sdcwt.Expect, now time.Time) (SettledCheck, error) {
	r := &Result{CheckedAt: e.Now}
	t := readToken(r, code, e.Now)
	if t == nil { // no code, whatever the counter made of it
		row := refusedRow(r.Signature.Reason)
		if report.Outcome == Valid {
			row.Conflicts = []string{CodeSaidValid}
		}
		return row, nil
	}
	state, err := k.judge(ctx, r, t, e)
	if err != nil {
		return SettledCheck{}, err
	}
	if r.Issuer.State == Unknown { // no trust list: another moment says more
		return SettledCheck{}, fmt.Errorf("verifier: settle: %s", r.Issuer.Reason)
	}
	if _, _, registered := k.party.Fields(r.Type, report.Purpose); !registered && !purposeCode.MatchString(report.Purpose) {
		return refusedRow(CodeCheckMalformed), nil
	}
	if report.PersonCompared {
		r.Person.pass()
		r.Person.Method, r.Person.At = methodClerk, &e.Now
	}
	r.conclude()
	k.req = Request{Purpose: report.Purpose}
	k.record = Verification{
		ID: newID(), At: e.Now, SettledAt: now, Caller: k.caller.Client, Party: k.party.ID, PartyName: k.party.Name.ZH, Purpose: report.Purpose,
		Type: r.Type, Via: ViaOffline, Outcome: string(r.Outcome), Reasons: r.Reasons, AnswerUntil: now,
	}
	k.record.Conflicts = k.conflicts(report, r)
	if r.Claims == nil {
		// Not shown by its device to that counter, then: nobody's history, and no proof of anybody's.
		sum := sm.Sum(append([]byte("unproven\x00"), code...))
		k.record.Proof = sum[:]
	} else {
		k.record.Proof = proofDigest(t)
		if k.record.Code = state; state != nil {
			k.record.HolderID, k.record.PersonID, k.record.Identifier = state.HolderID, state.PersonID, state.Identifier
		}
	}
	for name := range r.Claims { // all that the counter read, whether or not it may
		k.record.Fields = append(k.record.Fields, name)
	}
	slices.Sort(k.record.Fields)
	if _, err := k.receipt(&Answer{ID: k.record.ID, Result: r}); err != nil {
		return SettledCheck{}, err
	}
	kept, repeated, err := k.cfg.Offline.Codes.Settle(ctx, Settling{Verification: k.record, Shown: r.Claims != nil, Said: report.Outcome, SaidReasons: report.Reasons, BundleAsOf: report.BundleAsOf})
	if err != nil {
		return SettledCheck{}, fmt.Errorf("verifier: settle: %w", err)
	}
	row := SettledCheck{Proof: t.Proof.Serial.String(), State: StateRecorded, ID: kept.ID, Outcome: Outcome(kept.Outcome), Reasons: kept.Reasons, Conflicts: kept.Conflicts}
	if repeated {
		row.State = StateRepeated
	}
	if row.Conflicts == nil {
		row.Conflicts = []string{}
	}
	return row, nil
}

// conflicts are those that the code and the counter's word show by themselves.
func (k *check) conflicts(report *OfflineReport, r *Result) []string {
	var all []string
	revoked := r.Status.Reason == CodeOfflineRevoked && r.Claims != nil
	if revoked && report.Outcome != Invalid {
		all = append(all, CodeRevokedBefore)
	}
	switch {
	case report.Outcome == Valid && r.Outcome != Valid && !(revoked && len(r.Reasons) == 1):
		all = append(all, CodeSaidValid)
	case report.Outcome == Invalid && r.Outcome == Valid && !slices.Contains(report.Reasons, CodeReplayed):
		all = append(all, CodeSaidInvalid)
	}
	if r.Claims == nil {
		return all
	}
	may, typeOK, purposeOK := k.party.Fields(r.Type, report.Purpose)
	if !typeOK || !purposeOK {
		return append(all, CodeNotRegistered)
	}
	for name := range r.Claims {
		if !slices.Contains(may, name) {
			return append(all, CodeNotRegistered)
		}
	}
	return all
}
