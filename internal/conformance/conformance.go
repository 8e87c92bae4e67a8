// Package conformance tries a deployment out from the outside: whether what it publishes, answers and
// refuses is what docs/formats.md says, or the standard that it names. It is for whoever runs a
// deployment, whoever makes one from other code, and whoever is about to rely on one.
//
// Without credentials it looks at what everybody may see: trust roots and list, status lists in both
// forms, metadata, the table of problems, and how requests are refused. With those of a relying party
// it asks for tokens, well and badly, and checks things that are wrong in one way each.
//
// It is bounded and harmless. It makes at most [MaxRequests] requests, one after the other, reads at
// most [MaxAnswer] of each answer, and changes nothing but what every check leaves behind: lines in
// the audit log (refused tokens), records of checks that failed (of made-up people and of certificates
// that do not exist), challenges, spent or to expire within minutes.
//
// A check has an id that stays, the clause that it checks, and one of three ends: ok, failed, or not
// run, with the reason. Nothing is left out in silence. [Checks] lists them.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/retry"
)

// Bounds of one run.
const (
	MaxRequests = 250
	MaxAnswer   = 6 << 20
	patience    = 15 * time.Second // for one answer
)

// ErrConfig says that a Tester was not told what it needs.
var ErrConfig = errors.New("conformance: configuration")

// Config says what to try out.
type Config struct {
	// URL is the address of the deployment, without a slash at the end.
	URL string
	// HTTP makes the requests. It must not follow redirects.
	HTTP *http.Client
	Now  func() time.Time
	// Wait waits when the deployment asks to be asked later. Nil: a timer.
	Wait func(context.Context, time.Duration) error

	// Roots are pinned trust roots. Without them those that the deployment serves are taken, which
	// proves that they fit, not whose they are.
	Roots []byte
	// Lists are names of status lists. Nil: "1", the first that a deployment makes.
	Lists []string

	// Client and Signer are a relying party's. Without them its checks are not run.
	Client string
	Signer key.Signer
	// Purpose, Type and Field are something that the party may look up.
	Purpose, Type, Field string

	// Only are the ids of the checks to run, with those that they stand on. Nil: all.
	Only []string
}

// State is how a check ended.
type State string

// The states.
const (
	OK     State = "ok"
	Failed State = "failed"
	NotRun State = "not-run"
)

// Check is one thing that is checked.
type Check struct {
	ID     string `json:"id"`     // stays
	Clause string `json:"clause"` // docs/formats.md by section, or a standard
	What   string `json:"what"`
	// Party says that it needs the credentials of a relying party.
	Party bool `json:"party,omitempty"`

	needs []string // ids of others that must have been ok
	run   func(context.Context, *Tester) error
}

// Finding is how a check ended.
type Finding struct {
	Check
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"` // why it failed, or was not run
}

// Report is what came of a run.
type Report struct {
	URL      string    `json:"url"`
	At       time.Time `json:"at"`
	Findings []Finding `json:"checks"`
	OK       int       `json:"ok"`
	Failed   int       `json:"failed"`
	NotRun   int       `json:"not_run"`
	Requests int       `json:"requests"`
}

// notRun is the error of a check that could not be made. It is nobody's fault.
type notRun struct{ why string }

func (n *notRun) Error() string { return n.why }

func skip(format string, args ...any) error { return &notRun{fmt.Sprintf(format, args...)} }

// Tester makes one run.
type Tester struct {
	cfg      Config
	problems *problem.Table
	requests int
	busy     []string // answers that asked to come later, and whether they said when
	headless []string // answers without the headers that all have

	// What checks found out for those that stand on them.
	public string // the public URL
	roots  *trustlist.Roots
	list   *trustlist.List
	own    *trustlist.Domain
	bearer string
	bundle *bundle.State
}

// New makes a Tester.
func New(cfg Config) (*Tester, error) {
	if cfg.URL == "" || cfg.HTTP == nil {
		return nil, fmt.Errorf("%w: URL and HTTP", ErrConfig)
	}
	if (cfg.Client == "") != (cfg.Signer == nil) {
		return nil, fmt.Errorf("%w: a client id and its key go together", ErrConfig)
	}
	for _, id := range cfg.Only {
		if !slices.ContainsFunc(all, func(c Check) bool { return c.ID == id }) {
			return nil, fmt.Errorf("%w: no check %q", ErrConfig, id)
		}
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = retry.Wait
	}
	if cfg.Lists == nil {
		cfg.Lists = []string{"1"}
	}
	table, err := problem.Embedded()
	if err != nil {
		return nil, err
	}
	return &Tester{cfg: cfg, problems: table, public: cfg.URL}, nil
}

// Checks lists everything that can be checked, in the order of a run.
func Checks() []Check { return slices.Clone(all) }

// all is every check, in its order: those behind stand on those in front.
var all = slices.Concat(publicChecks, refusalChecks, tokenChecks, verificationChecks, bundleChecks, watchedChecks)

// Run makes all checks. Only a context that ends ends it early: the rest is not run, then.
func (t *Tester) Run(ctx context.Context) Report {
	r := Report{URL: t.cfg.URL, At: t.cfg.Now().UTC().Truncate(time.Second)}
	states := map[string]State{}
	wanted := t.wanted()
	for _, c := range all {
		if !wanted[c.ID] {
			continue
		}
		f := Finding{Check: c, State: OK}
		err := t.one(ctx, c, states)
		var no *notRun
		switch {
		case errors.As(err, &no):
			f.State, f.Detail = NotRun, no.why
			r.NotRun++
		case err != nil:
			f.State, f.Detail = Failed, err.Error()
			r.Failed++
		default:
			r.OK++
		}
		states[c.ID] = f.State
		r.Findings = append(r.Findings, f)
	}
	r.Requests = t.requests
	return r
}

// wanted are the checks of Only, and what they stand on.
func (t *Tester) wanted() map[string]bool {
	out := map[string]bool{}
	for _, c := range slices.Backward(all) {
		if t.cfg.Only == nil || slices.Contains(t.cfg.Only, c.ID) || out[c.ID] {
			out[c.ID] = true
			for _, id := range c.needs {
				out[id] = true
			}
		}
	}
	return out
}

func (t *Tester) one(ctx context.Context, c Check, states map[string]State) error {
	if err := ctx.Err(); err != nil {
		return skip("stopped: %v", context.Cause(ctx))
	}
	if c.Party && t.cfg.Signer == nil {
		return skip("needs the credentials of a relying party")
	}
	for _, id := range c.needs {
		if states[id] != OK {
			return skip("stands on %s", id)
		}
	}
	return c.run(ctx, t)
}
