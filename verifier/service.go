package verifier

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/schemas"
)

// What a wallet answers about a code.
var (
	ErrCodeUnknown = errors.New("verifier: no such code")
	ErrCodeExpired = errors.New("verifier: code expired")
	ErrCodeUsed    = errors.New("verifier: code already used")
	ErrCodeClosed  = errors.New("verifier: show closed by its holder")
	ErrAgencyOver  = errors.New("verifier: who shows it may no longer act for the holder")
	ErrNotShowable = errors.New("verifier: the certificate cannot be shown now")
	// ErrCodeReserved: the holder is being asked by another. It comes with ErrCodeUsed.
	ErrCodeReserved  = errors.New("verifier: code reserved for another while its holder is asked")
	ErrHolderRefuses = errors.New("verifier: the holder shows nothing to this party")
)

// What a request is refused for before anything is spent or disclosed.
var (
	ErrPartyUnknown         = errors.New("verifier: not a relying party")
	ErrPartySuspended       = errors.New("verifier: relying party suspended")
	ErrPartyNotReleased     = errors.New("verifier: relying party not released yet")
	ErrPartyRetired         = errors.New("verifier: relying party retired")
	ErrPartyNotActive       = errors.New("verifier: relying party outside its dates")
	ErrPurposeMissing       = errors.New("verifier: purpose missing")
	ErrTypeNotRegistered    = errors.New("verifier: type not registered for this party")
	ErrPurposeNotRegistered = errors.New("verifier: purpose not registered for this party and type")
	ErrPurposeNotChosen     = errors.New("verifier: the holder shows this for another purpose")
	ErrFieldNotRegistered   = errors.New("verifier: field not registered for this party, type and purpose")
	ErrFieldsNeedCode       = errors.New("verifier: more fields can be asked for with a code only")
	ErrNothingToDisclose    = errors.New("verifier: nothing that the holder chose may be seen by this party")
	ErrRequest              = errors.New("verifier: give exactly one of code, presentation and facts")
	ErrFactsMissing         = errors.New("verifier: no facts to check")
	ErrNoPortrait           = errors.New("verifier: no portrait for this verification")
)

// RateLimitedError refuses a party that asks more often than it may.
type RateLimitedError struct{ RetryAfter time.Duration }

func (e *RateLimitedError) Error() string {
	return "verifier: too many checks, next in " + e.RetryAfter.String()
}

// DayQuotaError refuses a party that has made its checks of today.
type DayQuotaError struct{ RetryAfter time.Duration }

func (e *DayQuotaError) Error() string {
	return "verifier: the day's checks are used up, next in " + e.RetryAfter.String()
}

// Limiter counts a party's checks across processes.
type Limiter interface {
	Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error)
	// Count adds one to what the key has had, and reports whether that is no more than the limit.
	// A key is forgotten some time after its first count, as that one said.
	Count(ctx context.Context, key string, limit int, keep time.Duration) (ok bool, err error)
}

// Caller is who asks: a client of a relying party.
type Caller struct {
	Client string
	Party  string
}

// Party is a relying party as the registry knows it.
type Party struct {
	ID        string
	Name      schemas.Text
	Suspended bool
	PerMinute int  // quota of checks; 0 is the default
	PerDay    int  // quota of checks; 0 is none
	Ending    bool // may see the kind of ending
	Portrait  bool // may fetch portraits
	// Fields returns what it may see of a type for a purpose, live fields included.
	Fields func(typeID, purpose string) (fields []string, typeOK, purposeOK bool)
}

// Parties is what the service asks of the registry. It returns ErrPartyUnknown, ErrPartyNotReleased,
// ErrPartyRetired or ErrPartyNotActive.
type Parties interface {
	Party(ctx context.Context, id string) (Party, error)
}

// ServiceConfig says what the service stands on.
type ServiceConfig struct {
	Verifier  *Verifier
	Wallet    Wallet
	Parties   Parties
	Originals Originals
	Records   Records
	// Comparisons keeps what clerks say after a check.
	Comparisons Comparisons
	Challenges  Challenges
	Limiter     Limiter
	Domain      string              // our own four characters
	Audience    func(Caller) string // as proofs must name the caller; default: the party's id
	Now         func() time.Time
	PerMinute   int // checks of one party that has no quota of its own; default 6000
	// FactsPerMinute bounds checks without a code. Nobody consents to them one by one, and a
	// yes-or-no answer can be guessed at: default 60.
	FactsPerMinute int
	RepeatFor      time.Duration // how long a repeated request gets the same answer; default 60 s
	PortraitFor    time.Duration // how long after a verification its portrait may be fetched, and the person compared with it; default 5 min
	// Receipts says how receipts are signed. nil: verifications have none.
	Receipts *ReceiptConfig
	// HolderID gives the blind id of whom a check of facts names, so that she reads of it also
	// when she holds no such certificate. nil: she does not.
	HolderID func(schemas.HolderRef) string
	// Offline says how offline codes are checked. nil: they are not ours.
	Offline *CodesConfig
}

// Service checks codes, presentations and facts for relying parties, and records each check.
type Service struct {
	cfg     ServiceConfig
	offline *offline // nil: offline codes are not ours
}

// NewService makes a service.
func NewService(cfg ServiceConfig) (*Service, error) {
	if cfg.Verifier == nil || cfg.Wallet == nil || cfg.Parties == nil || cfg.Originals == nil || cfg.Records == nil || cfg.Comparisons == nil || cfg.Challenges == nil || cfg.Limiter == nil || len(cfg.Domain) != 4 {
		return nil, errors.New("verifier: incomplete configuration")
	}
	if r := cfg.Receipts; r != nil && (r.Issuer == "" || r.Hash == "" || r.Signer == nil) {
		return nil, errors.New("verifier: incomplete configuration of receipts")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Audience == nil {
		cfg.Audience = func(c Caller) string { return c.Party }
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = 6000
	}
	if cfg.FactsPerMinute == 0 {
		cfg.FactsPerMinute = 60
	}
	if cfg.RepeatFor == 0 {
		cfg.RepeatFor = time.Minute
	}
	if cfg.PortraitFor == 0 {
		cfg.PortraitFor = 5 * time.Minute
	}
	s := &Service{cfg: cfg}
	if cfg.Offline != nil {
		offline := *cfg.Offline
		if err := offline.check(); err != nil {
			return nil, err
		}
		s.cfg.Offline, s.offline = &offline, newOffline(offline.Trust, offline.Types, offline.Tables)
	}
	return s, nil
}

// Request is one check.
type Request struct {
	Code          string
	Presentation  string
	Nonce         string // of the challenge that the presentation, or an offline code, answers
	Facts         *Facts
	Purpose       string
	Fields        []string // with Code: what the caller wants; the holder is asked for what she does not show
	Key           string   // Idempotency-Key, may be empty
	ClerkCompared bool     // the clerk says she has compared the person with the portrait
	Receipt       bool     // the answer is to bring the receipt
}

// Facts are claims to check against a certificate, without a code and without disclosure.
type Facts struct {
	Identifier string
	Holder     schemas.HolderRef // instead of Identifier; Name is not used
	Type       string
	Claims     map[string]any
}

// Answer is a recorded check.
type Answer struct {
	ID string `json:"id"`
	*Result
	Purpose string         `json:"purpose"`
	Live    map[string]any `json:"live,omitempty"`
	LiveAt  *time.Time     `json:"live_at,omitempty"`
	// Portrait is where the image may be fetched for a few minutes, when the caller may.
	Portrait bool            `json:"portrait,omitempty"`
	Matches  map[string]bool `json:"matches,omitempty"` // of facts
	Consent  *Consent        `json:"consent,omitempty"` // when the holder was asked
	// Receipt is signed when it was asked for; Openings are its salts.
	Receipt  string            `json:"receipt,omitempty"`
	Openings *receipt.Openings `json:"openings,omitempty"`
}

// maxFields bounds what one check may ask for.
const maxFields = 64

// maxPurpose bounds a purpose in bytes. It is recorded also when nothing of the presentation
// could be read, and so before it is held against what is registered.
const maxPurpose = 256

// Challenge makes a single-use nonce for a presentation.
func (s *Service) Challenge(ctx context.Context, c Caller) (nonce string, expires time.Time, err error) {
	const life = 5 * time.Minute
	nonce = randomText(24)
	if err := s.cfg.Challenges.PutChallenge(ctx, nonce, c.Client, life); err != nil {
		return "", time.Time{}, fmt.Errorf("verifier: challenge: %w", err)
	}
	return nonce, s.cfg.Now().Add(life), nil
}

// Check makes one check. An error means that the request was refused and nothing was spent;
// whatever is wrong with the certificate or the code is in the answer.
func (s *Service) Check(ctx context.Context, c Caller, req Request) (*Answer, error) {
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	if err != nil {
		return nil, err
	}
	if party.Suspended { // before anything is repeated, too
		return nil, ErrPartySuspended
	}
	hash := req.hash()
	if req.Key != "" {
		if a, err := s.repeat(ctx, c, req.Key, hash, req.Receipt); a != nil || err != nil {
			return a, err
		}
	}
	switch {
	case strings.TrimSpace(req.Purpose) == "":
		return nil, ErrPurposeMissing
	case len(req.Purpose) > maxPurpose:
		return nil, fmt.Errorf("%w: %d bytes", ErrPurposeNotRegistered, len(req.Purpose))
	}
	if err := s.allow(ctx, party, req); err != nil {
		return nil, err
	}
	given := 0
	for _, ok := range []bool{req.Code != "", req.Presentation != "", req.Facts != nil} {
		if ok {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, ErrRequest
	case len(req.Fields) > 0 && req.Code == "":
		return nil, ErrFieldsNeedCode
	case len(req.Fields) > maxFields:
		return nil, fmt.Errorf("%w: %d fields", ErrFieldNotRegistered, len(req.Fields))
	}
	k := &check{Service: s, caller: c, party: party, req: req, record: Verification{
		ID: newID(), At: s.cfg.Now().UTC(), Caller: c.Client, Party: party.ID, PartyName: party.Name.ZH, RequestKey: req.Key, RequestHash: hash, Purpose: req.Purpose,
	}}
	switch {
	case req.Code != "":
		return k.code(ctx)
	case req.Presentation != "":
		return k.presentation(ctx)
	}
	return k.facts(ctx)
}

// allow holds the party to its quota. When the counter cannot be reached a code is checked all
// the same (the queue must go on), but no facts: there the count is the protection.
func (s *Service) allow(ctx context.Context, p Party, req Request) error {
	perMinute, counter := s.cfg.PerMinute, "party:"
	if p.PerMinute > 0 {
		perMinute = p.PerMinute
	}
	if req.Facts != nil {
		perMinute, counter = min(perMinute, s.cfg.FactsPerMinute), "facts:"
	}
	ok, wait, err := s.cfg.Limiter.Allow(ctx, counter+p.ID, perMinute)
	if err != nil && req.Facts != nil {
		return fmt.Errorf("verifier: limit of facts: %w", err)
	}
	if err == nil && !ok {
		return &RateLimitedError{RetryAfter: wait}
	}
	return s.allowDay(ctx, p, req)
}

// allowDay holds the party to its quota of the day, which ends at midnight in China: there is one
// time zone. The counter is volatile: a quota is a bound on misuse and on cost, not a record, and
// counting records would cost each check a query over the day's.
func (s *Service) allowDay(ctx context.Context, p Party, req Request) error {
	if p.PerDay <= 0 {
		return nil
	}
	now := s.cfg.Now()
	local := now.In(time.FixedZone("CST", 8*60*60))
	midnight := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, local.Location())
	ok, err := s.cfg.Limiter.Count(ctx, "day:"+p.ID+":"+local.Format(time.DateOnly), p.PerDay, midnight.Sub(now))
	if err != nil && req.Facts != nil {
		return fmt.Errorf("verifier: quota of the day: %w", err)
	}
	if err == nil && !ok {
		return &DayQuotaError{RetryAfter: midnight.Sub(now)}
	}
	return nil
}

func (r Request) hash() [32]byte {
	b, err := json.Marshal(struct {
		C, P, N, U string
		F          *Facts
		K          bool
		R          bool     `json:",omitempty"`
		W          []string `json:",omitempty"`
	}{r.Code, r.Presentation, r.Nonce, r.Purpose, r.Facts, r.ClerkCompared, r.Receipt, r.Fields})
	if err != nil {
		b = []byte(fmt.Sprint("unmarshalable", err)) // facts came from JSON
	}
	return sm.Sum(b)
}

// repeat answers a request that was recorded before: the answer may have been lost on its way.
func (s *Service) repeat(ctx context.Context, c Caller, requestKey string, hash [32]byte, wanted bool) (*Answer, error) {
	old, err := s.cfg.Records.ByRequest(ctx, c.Client, requestKey)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if old.RequestHash != hash {
		return nil, ErrRequestReused
	}
	a, err := s.stored(ctx, old, wanted)
	if errors.Is(err, ErrAnswerErased) {
		err = ErrRequestReused
	}
	return a, err
}

// stored is the answer of a record, as long as it is kept.
func (s *Service) stored(ctx context.Context, v Verification, receipt bool) (*Answer, error) {
	if !s.cfg.Now().Before(v.AnswerUntil) || len(v.Answer) == 0 {
		return nil, ErrAnswerErased
	}
	var a Answer
	if err := json.Unmarshal(v.Answer, &a); err != nil {
		return nil, fmt.Errorf("verifier: stored answer: %w", err)
	}
	if receipt {
		// The check stands: without a key to sign with, the answer goes without.
		if text, openings, err := s.sign(ctx, v); err == nil {
			a.Receipt, a.Openings = text, &openings
		}
	}
	return &a, nil
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// Audience is the "aud" by which a holder's proof must name the caller.
func (s *Service) Audience(c Caller) string { return s.cfg.Audience(c) }
