package httpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
)

// Role is what a caller is to the system. A caller has exactly one.
type Role string

// The five roles.
const (
	RoleDepartment   Role = "department"    // pushes certificates for an issuing authority
	RoleRelyingParty Role = "relying-party" // checks what people show
	RolePerson       Role = "person"        // holds and shows
	RoleOperator     Role = "operator"      // runs the registry
	RoleAuditor      Role = "auditor"       // reads the audit log
)

// Roles lists every role, for a route that any signed-in caller may use.
func Roles() []Role {
	return []Role{RoleDepartment, RoleRelyingParty, RolePerson, RoleOperator, RoleAuditor}
}

// Caller is who asks, as an Authenticator proved it. It prints as its id and role only: names and
// holder ids stay out of logs.
type Caller struct {
	ID      string   // client id or login, fit for logs
	Role    Role     //
	Scopes  []string // what the access token carries
	Holder  string   // opaque holder id of a person
	Name    string   // display name
	Issuers []string // issuing authorities that a department may act for
	Party   string   // relying party that a checker acts for

	Method     string    // how a person was verified when she signed in
	VerifiedAt time.Time // and when
	// AuthTime is that moment as the provider told it; zero when it did not: what wants a fresh
	// proof must not take the end of a silent sign-in for one.
	AuthTime  time.Time
	Session   string    // id of her session
	Assurance string    // how surely it is she: low, substantial or high
	StepUp    time.Time // when she last used a passkey in this session; zero: not yet

	// Now asks again what a machine may do, for requests that last longer than a permission may. Its
	// token need not be good any more: it was when the request began. nil: there is nobody to ask.
	Now func() (Caller, error)
}

// Has says whether the caller carries a scope.
func (c Caller) Has(scope string) bool { return slices.Contains(c.Scopes, scope) }

// LogValue implements slog.LogValuer.
func (c Caller) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", c.ID), slog.String("role", string(c.Role)))
}

// Format implements fmt.Formatter, for every verb.
func (c Caller) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, string(c.Role)+":"+c.ID) // fmt.State has nowhere to report a failed write
}

// Authenticator proves who is calling. Its errors:
//
//   - ErrNoCredentials when the request carries none of the kind it reads,
//   - ErrBadCredentials or ErrExpiredCredentials when it carries some that do not hold,
//   - a *Problem for anything more particular,
//   - any other error is a fault of ours and answered 500.
type Authenticator interface {
	Authenticate(r *http.Request) (Caller, error)
}

// What an Authenticator answers.
var (
	ErrNoCredentials      = errors.New("no credentials")
	ErrBadCredentials     = errors.New("credentials not valid")
	ErrExpiredCredentials = errors.New("credentials expired")
)

type callerKey struct{}

// WithCaller puts a caller into a context.
func WithCaller(ctx context.Context, caller Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// CallerFrom is the caller of a request; a *gin.Context serves as ctx. ok is false on public routes.
func CallerFrom(ctx context.Context) (caller Caller, ok bool) {
	caller, ok = ctx.Value(callerKey{}).(Caller)
	return caller, ok
}

// identify runs the route's demands on the caller. On success the request carries the caller.
func (s *Server) identify(c *gin.Context, r Route) (Caller, error) {
	caller, err := s.auth.Authenticate(c.Request)
	switch {
	case err == nil:
	case errors.Is(err, ErrNoCredentials):
		return Caller{}, &Problem{Code: CodeUnauthenticated, Cause: err}
	case errors.Is(err, ErrExpiredCredentials):
		return Caller{}, &Problem{Code: CodeTokenExpired, Cause: err}
	case errors.Is(err, ErrBadCredentials):
		if err := s.count(c, "bad-token:address:"+addressKey(c.ClientIP()), badTokensPerMinute); err != nil {
			return Caller{}, err
		}
		return Caller{}, &Problem{Code: CodeTokenInvalid, Cause: err}
	default:
		return Caller{}, fmt.Errorf("authenticate: %w", err)
	}
	if caller.ID == "" {
		return Caller{}, errors.New("authenticate: a caller without an id")
	}
	recordOf(c).caller = caller
	if !slices.Contains(r.Roles, caller.Role) {
		return Caller{}, &Problem{Code: CodeForbiddenRole}
	}
	if r.Scope != "" && !caller.Has(r.Scope) {
		c.Header("WWW-Authenticate", challenge(CodeForbiddenScope, r.Scope))
		return Caller{}, &Problem{Code: CodeForbiddenScope, Detail: "needs scope " + r.Scope}
	}
	c.Request = c.Request.WithContext(WithCaller(c.Request.Context(), caller))
	return caller, nil
}

// challenge is the WWW-Authenticate value of RFC 6750 §3. A request without credentials gets no
// error attribute, as §3.1 asks.
func challenge(code, scope string) string {
	const realm = `Bearer realm="showcard"`
	switch code {
	case CodeTokenInvalid, CodeTokenExpired, "session-ended":
		return realm + `, error="invalid_token"`
	case CodeForbiddenScope:
		return realm + `, error="insufficient_scope", scope="` + scope + `"`
	}
	return realm
}
