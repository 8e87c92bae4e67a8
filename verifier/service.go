package verifier

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// What a wallet answers about a code.
var (
	ErrCodeUnknown = errors.New("verifier: no such code")
	ErrCodeExpired = errors.New("verifier: code expired")
	ErrCodeUsed    = errors.New("verifier: code already used")
)

// What a request is refused for before anything is spent or disclosed.
var (
	ErrPartyUnknown         = errors.New("verifier: not a relying party")
	ErrPartySuspended       = errors.New("verifier: relying party suspended")
	ErrPurposeMissing       = errors.New("verifier: purpose missing")
	ErrTypeNotRegistered    = errors.New("verifier: type not registered for this party")
	ErrPurposeNotRegistered = errors.New("verifier: purpose not registered for this party and type")
	ErrPurposeNotChosen     = errors.New("verifier: the holder shows this for another purpose")
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

// Limiter counts a party's checks across processes.
type Limiter interface {
	Allow(ctx context.Context, key string, perMinute int) (ok bool, retryAfter time.Duration, err error)
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
	Ending    bool // may see the kind of ending
	Portrait  bool // may fetch portraits
	// Fields returns what it may see of a type for a purpose, live fields included.
	Fields func(typeID, purpose string) (fields []string, typeOK, purposeOK bool)
}

// Parties is what the service asks of the registry. It returns ErrPartyUnknown.
type Parties interface {
	Party(ctx context.Context, id string) (Party, error)
}

// Offer is what a code stands for.
type Offer struct {
	ShowID     string
	Ticket     [32]byte // digest of the code
	HolderID   string
	Identifier string
	Type       string
	Fields     []string
	Scene      string
	Method     string
	VerifiedAt time.Time
}

// Wallet is what the service asks of a wallet. Its errors are ErrCodeUnknown, ErrCodeExpired
// and ErrCodeUsed. Offer comes with the latter two where it is known.
type Wallet interface {
	Peek(ctx context.Context, ticket [16]byte) (Offer, error)
	// Redeem claims the code and returns a presentation of the fields, made for audience and
	// nonce. The same claimant may come again.
	Redeem(ctx context.Context, ticket [16]byte, claimant string, fields []string, audience, nonce string) (Offer, string, error)
	// Spent closes the show once the verification is recorded.
	Spent(ctx context.Context, showID string) error
}

// Original is a certificate as its issuer keeps it, for checking without a code.
type Original struct {
	Identifier string
	HolderID   string
	Type       string
	Credential string // SD-JWT VC without holder binding
}

// Originals is what the service asks of the issuers in its own domain.
type Originals interface {
	// Find returns certificates by identifier, or by holder and type.
	Find(ctx context.Context, identifier string, holder schemas.HolderRef, typeID string) ([]Original, error)
	// Live returns what changes daily, and how and when the certificate ended if it did.
	Live(ctx context.Context, identifier string) (live map[string]any, at time.Time, ending *Ending, err error)
	Portrait(ctx context.Context, identifier string) (image, salt []byte, err error)
}

// ServiceConfig says what the service stands on.
type ServiceConfig struct {
	Verifier   *Verifier
	Wallet     Wallet
	Parties    Parties
	Originals  Originals
	Records    Records
	Challenges Challenges
	Limiter    Limiter
	Domain     string              // our own four characters
	Audience   func(Caller) string // as proofs must name the caller; default: the party's id
	Now        func() time.Time
	PerMinute  int // checks of one party that has no quota of its own; default 6000
	// FactsPerMinute bounds checks without a code. Nobody consents to them one by one, and a
	// yes-or-no answer can be guessed at: default 60.
	FactsPerMinute int
	RepeatFor      time.Duration // how long a repeated request gets the same answer; default 60 s
	PortraitFor    time.Duration // how long after a verification its portrait may be fetched; default 5 min
}

// Service checks codes, presentations and facts for relying parties, and records each check.
type Service struct{ cfg ServiceConfig }

// NewService makes a service.
func NewService(cfg ServiceConfig) (*Service, error) {
	if cfg.Verifier == nil || cfg.Wallet == nil || cfg.Parties == nil || cfg.Originals == nil || cfg.Records == nil || cfg.Challenges == nil || cfg.Limiter == nil || len(cfg.Domain) != 4 {
		return nil, errors.New("verifier: incomplete configuration")
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
	return &Service{cfg: cfg}, nil
}

// Request is one check.
type Request struct {
	Code          string
	Presentation  string
	Nonce         string // of the challenge that the presentation answers
	Facts         *Facts
	Purpose       string
	Key           string // Idempotency-Key, may be empty
	ClerkCompared bool   // the clerk says she has compared the person with the portrait
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
}

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
	hash := req.hash()
	if req.Key != "" {
		if a, err := s.repeat(ctx, c, req.Key, hash); a != nil || err != nil {
			return a, err
		}
	}
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	if err != nil {
		return nil, err
	}
	if party.Suspended {
		return nil, ErrPartySuspended
	}
	if strings.TrimSpace(req.Purpose) == "" {
		return nil, ErrPurposeMissing
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
	if given != 1 {
		return nil, ErrRequest
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
	return nil
}

func (r Request) hash() [32]byte {
	b, err := json.Marshal(struct {
		C, P, N, U string
		F          *Facts
		K          bool
	}{r.Code, r.Presentation, r.Nonce, r.Purpose, r.Facts, r.ClerkCompared})
	if err != nil {
		b = []byte(fmt.Sprint("unmarshalable", err)) // facts came from JSON
	}
	return sm.Sum(b)
}

// repeat answers a request that was recorded before: the answer may have been lost on its way.
func (s *Service) repeat(ctx context.Context, c Caller, requestKey string, hash [32]byte) (*Answer, error) {
	old, err := s.cfg.Records.ByRequest(ctx, c.Client, requestKey)
	if errors.Is(err, ErrNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if old.RequestHash != hash || !s.cfg.Now().Before(old.AnswerUntil) || len(old.Answer) == 0 {
		return nil, ErrRequestReused
	}
	var a Answer
	if err := json.Unmarshal(old.Answer, &a); err != nil {
		return nil, fmt.Errorf("verifier: stored answer: %w", err)
	}
	return &a, nil
}

// check is one check under way.
type check struct {
	*Service
	caller Caller
	party  Party
	req    Request
	record Verification
}

// allowed returns which of the offered fields the party may see.
func (k *check) allowed(typeID string, offered []string) ([]string, error) {
	may, typeOK, purposeOK := k.party.Fields(typeID, k.req.Purpose)
	switch {
	case !typeOK:
		return nil, fmt.Errorf("%w: %s", ErrTypeNotRegistered, typeID)
	case !purposeOK:
		return nil, fmt.Errorf("%w: %s for %s", ErrPurposeNotRegistered, k.req.Purpose, typeID)
	}
	var both []string
	for _, f := range offered {
		if slices.Contains(may, f) {
			both = append(both, f)
		}
	}
	if len(both) == 0 {
		return nil, ErrNothingToDisclose
	}
	return both, nil
}

func (k *check) code(ctx context.Context) (*Answer, error) {
	k.record.Via = "code"
	code, err := qr.Parse(k.req.Code)
	if err != nil {
		return nil, err
	}
	if code.Kind != qr.Ticket {
		return nil, fmt.Errorf("%w: an offline code", qr.ErrNotOurs)
	}
	if code.Domain != k.cfg.Domain {
		// Its home may know it; we cannot say anything of it.
		return k.refuse(Unknown, "code-other-domain"), nil
	}
	offer, err := k.cfg.Wallet.Peek(ctx, code.Ticket)
	if err != nil {
		return k.refusedCode(ctx, offer, code.Ticket, err)
	}
	if offer.Scene != "" && offer.Scene != k.req.Purpose {
		return nil, fmt.Errorf("%w: %s", ErrPurposeNotChosen, offer.Scene)
	}
	fields, err := k.allowed(offer.Type, offer.Fields)
	if err != nil {
		return nil, err
	}
	nonce := randomText(24)
	audience := k.cfg.Audience(k.caller)
	// A retry of the same request may take up its own claim; another request may not.
	claimant := k.caller.Client + "\x00" + k.req.Key
	if k.req.Key == "" {
		claimant += k.record.ID
	}
	offer, presentation, err := k.cfg.Wallet.Redeem(ctx, code.Ticket, claimant, fields, audience, nonce)
	if err != nil {
		return k.refusedCode(ctx, offer, code.Ticket, err)
	}
	r := k.cfg.Verifier.Verify(ctx, presentation, Expect{Audience: audience, Nonce: nonce})
	if !offer.VerifiedAt.IsZero() {
		r.Person.pass()
		r.Person.Method = offer.Method
		at := offer.VerifiedAt.UTC()
		r.Person.At = &at
	}
	k.record.ShowID, k.record.Ticket = offer.ShowID, offer.Ticket
	k.record.HolderID, k.record.Identifier, k.record.Type = offer.HolderID, offer.Identifier, offer.Type
	a, err := k.finish(ctx, r, offer.Identifier)
	if err != nil || a.Reasons != nil && slices.Contains(a.Reasons, "code-used") {
		return a, err
	}
	// The record has decided; closing the show only makes later scans cheap. If it fails,
	// they are refused by the record.
	_ = k.cfg.Wallet.Spent(context.WithoutCancel(ctx), offer.ShowID)
	return a, nil
}

// refusedCode tells a clerk why a code does not work. An unknown code may be one whose
// cache entry was lost after it was spent: the record remembers.
func (k *check) refusedCode(ctx context.Context, offer Offer, ticket [16]byte, err error) (*Answer, error) {
	switch {
	case errors.Is(err, ErrCodeUsed):
		return k.refuse(Failed, "code-used"), nil
	case errors.Is(err, ErrCodeExpired):
		return k.refuse(Failed, "code-expired"), nil
	case errors.Is(err, ErrCodeUnknown):
		_, err := k.cfg.Records.ByTicket(ctx, qr.Digest(ticket))
		if err == nil {
			return k.refuse(Failed, "code-used"), nil
		}
		if !errors.Is(err, ErrNoRecord) {
			return nil, fmt.Errorf("verifier: %w", err)
		}
		return k.refuse(Failed, "code-unknown"), nil
	}
	return nil, err
}

// refuse answers about a code that leads to no certificate. Nothing was looked at, so there
// is nothing to record.
func (k *check) refuse(state State, code string) *Answer {
	r := &Result{CheckedAt: k.record.At}
	r.Holder.Check = Check{State: state, Reason: code}
	r.conclude()
	return &Answer{ID: k.record.ID, Result: r, Purpose: k.req.Purpose}
}

func (k *check) presentation(ctx context.Context) (*Answer, error) {
	k.record.Via = "presentation"
	if err := k.cfg.Challenges.TakeChallenge(ctx, k.req.Nonce, k.caller.Client); err != nil {
		return nil, err
	}
	k.record.Challenge = k.req.Nonce
	r := k.cfg.Verifier.Verify(ctx, k.req.Presentation, Expect{Audience: k.cfg.Audience(k.caller), Nonce: k.req.Nonce})
	if r.Claims != nil {
		// The holder has sent what she has sent; the party still gets no more than it may see.
		fields, err := k.allowed(r.Type, r.names)
		if err != nil {
			return nil, err
		}
		for name := range r.Claims {
			if !slices.Contains(fields, name) {
				delete(r.Claims, name)
			}
		}
	}
	k.record.Type = r.Type
	k.record.Identifier = r.Claims.Text(schemas.IdentifierClaim)
	return k.finish(ctx, r, k.record.Identifier)
}

func (k *check) facts(ctx context.Context) (*Answer, error) {
	k.record.Via = "facts"
	f := k.req.Facts
	if len(f.Claims) == 0 || len(f.Claims) > 32 || (f.Identifier == "") == (f.Holder.Number == "") {
		return nil, ErrFactsMissing
	}
	names := make([]string, 0, len(f.Claims))
	for name := range f.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	if f.Type == "" {
		return nil, ErrFactsMissing
	}
	allowed, err := k.allowed(f.Type, names)
	if err != nil {
		return nil, err
	}
	if len(allowed) != len(names) {
		return nil, fmt.Errorf("%w: not every fact may be asked", ErrNothingToDisclose)
	}
	found, err := k.cfg.Originals.Find(ctx, f.Identifier, f.Holder, f.Type)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	// Who has several of a type is asked about the best: valid before anything else.
	var best *Result
	var of Original
	for _, o := range found {
		if o.Type != f.Type {
			continue
		}
		r := k.cfg.Verifier.Verify(ctx, o.Credential, Expect{Unbound: true})
		if best == nil || best.Outcome != Valid && r.Outcome == Valid {
			best, of = r, o
		}
	}
	if best == nil {
		return k.refuse(Failed, "certificate-unknown"), nil
	}
	matches := make(map[string]bool, len(names))
	for _, name := range names {
		matches[name] = equalJSON(best.Claims[name], f.Claims[name])
	}
	if slices.ContainsFunc(names, func(name string) bool { return !matches[name] }) {
		// A valid certificate with another name on it is not a yes.
		best.Outcome = Invalid
		best.Reasons = append(best.Reasons, "facts-mismatch")
	}
	best.Claims = nil // yes or no; nothing is disclosed
	k.record.HolderID, k.record.Identifier, k.record.Type, k.record.Fields = of.HolderID, of.Identifier, of.Type, names
	a := &Answer{ID: k.record.ID, Result: best, Purpose: k.req.Purpose, Matches: matches}
	return k.store(ctx, a)
}

func equalJSON(have json.RawMessage, claimed any) bool {
	if have == nil {
		return false
	}
	want, err := json.Marshal(claimed)
	if err != nil {
		return false
	}
	var a, b any
	if json.Unmarshal(have, &a) != nil || json.Unmarshal(want, &b) != nil {
		return false
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// finish adds what only this deployment knows, records and answers.
func (k *check) finish(ctx context.Context, r *Result, identifier string) (*Answer, error) {
	a := &Answer{ID: k.record.ID, Result: r, Purpose: k.req.Purpose}
	if k.req.ClerkCompared {
		at := k.record.At
		r.Person.pass()
		r.Person.Method, r.Person.At = "clerk", &at
	}
	if identifier != "" && r.Claims != nil {
		if err := k.addLive(ctx, a, identifier); err != nil {
			return nil, err
		}
	}
	for name := range r.Claims {
		k.record.Fields = append(k.record.Fields, name)
	}
	slices.Sort(k.record.Fields)
	_, shown := r.Claims[schemas.PortraitClaim]
	a.Portrait = shown && k.party.Portrait
	return k.store(ctx, a)
}

// addLive looks up what is never signed: what changes daily, as far as the party may see it,
// and how the certificate ended.
func (k *check) addLive(ctx context.Context, a *Answer, identifier string) error {
	live, at, ending, err := k.cfg.Originals.Live(ctx, identifier)
	if err != nil {
		return fmt.Errorf("verifier: live data: %w", err)
	}
	may, _, _ := k.party.Fields(a.Type, k.req.Purpose)
	for name, value := range live {
		if !slices.Contains(may, name) {
			continue
		}
		if a.Live == nil {
			a.Live, a.LiveAt = map[string]any{}, &at
		}
		a.Live[name] = value
		k.record.Fields = append(k.record.Fields, name)
	}
	if k.party.Ending && a.Status.State == Failed {
		a.Status.Ending = ending
	}
	return nil
}

// store makes the record durable. Only then may the answer leave.
func (k *check) store(ctx context.Context, a *Answer) (*Answer, error) {
	k.record.Outcome, k.record.Reasons = string(a.Outcome), a.Reasons
	answer, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	k.record.Answer, k.record.AnswerUntil = answer, k.record.At.Add(k.cfg.RepeatFor)
	switch err := k.cfg.Records.Record(ctx, k.record); {
	case err == nil:
		return a, nil
	case errors.Is(err, ErrSpent):
		// Another scanner was faster: no name, no field leaves.
		if k.req.Key != "" {
			// It may have been this very request, sent twice at once.
			if same, err := k.repeat(ctx, k.caller, k.req.Key, k.record.RequestHash); same != nil || err != nil {
				return same, err
			}
		}
		return k.refuse(Failed, "code-used"), nil
	case errors.Is(err, ErrRequestReused):
		if same, err := k.repeat(ctx, k.caller, k.req.Key, k.record.RequestHash); same != nil || err != nil {
			return same, err
		}
		return nil, ErrRequestReused
	default:
		return nil, fmt.Errorf("verifier: record: %w", err)
	}
}

// Portrait returns the image of a verified certificate, with the salt of its signed digest,
// to the caller who verified it, for a few minutes.
func (s *Service) Portrait(ctx context.Context, c Caller, id string) (image, salt []byte, err error) {
	v, err := s.cfg.Records.ByID(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	if err != nil {
		return nil, nil, err
	}
	if v.Caller != c.Client {
		return nil, nil, ErrNoRecord // whether it exists is not theirs to know
	}
	if party.Suspended || !party.Portrait || !slices.Contains(v.Fields, schemas.PortraitClaim) || s.cfg.Now().Sub(v.At) > s.cfg.PortraitFor {
		return nil, nil, ErrNoPortrait
	}
	return s.cfg.Originals.Portrait(ctx, v.Identifier)
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
