package access

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// What the token endpoint counts. Neither can be used to lock somebody out: refusals are counted
// for the address and the client together, and a right proof gets in however many wrong ones
// came before it; tokens are counted for those who have proven who they are.
const (
	refusalsPerMinute = 10
	tokensPerMinute   = 120
	// notesPerMinute bounds what one address writes into the audit log by being refused. It counts
	// strangers and clients alike, or the time of an answer would tell them apart.
	notesPerMinute = 60
)

// Peer is the other end of the connection.
type Peer struct {
	Address     string            // under which refusals are counted
	Certificate *x509.Certificate // the client's, proven in TLS; nil: none
}

// Grant answers a client_credentials request.
func (s *Service) Grant(ctx context.Context, form url.Values) (Granted, error) {
	return s.GrantTo(ctx, form, Peer{})
}

// GrantTo is Grant for a peer whose connection counts. A *Refusal is the client's fault; any
// other error is ours.
func (s *Service) GrantTo(ctx context.Context, form url.Values, peer Peer) (Granted, error) {
	if err := checkForm(form); err != nil {
		return Granted{}, err
	}
	if err := s.current(); err != nil {
		return Granted{}, err
	}
	p, claimed, err := s.identify(ctx, form, peer)
	if err != nil {
		return Granted{}, s.refused(ctx, p, claimed, peer, err)
	}
	if err := s.count(ctx, "tokens:"+p.client.ID, tokensPerMinute); err != nil {
		return Granted{}, err
	}
	scopes := p.client.Scopes
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		slices.Sort(asked)
		scopes = slices.Compact(asked)
	}
	granted, err := s.grant(ctx, p, strings.Join(scopes, " "), peer.Certificate)
	if err != nil {
		return Granted{}, s.refused(ctx, p, p.client.ID, peer, err)
	}
	if err := s.note(ctx, Visit{Client: p.client.ID, Method: p.method}); err != nil {
		return Granted{}, err // what is not in the log has not happened
	}
	return granted, nil
}

// maxFields bounds the form: nobody needs more than six.
const maxFields = 16

func checkForm(form url.Values) error {
	if len(form) > maxFields {
		return refuse(ErrRequest, CodeRequestMalformed, "too many fields")
	}
	for _, values := range form {
		if len(values) != 1 {
			return refuse(ErrRequest, CodeRequestMalformed, "a field stands twice")
		}
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		return nil
	case "":
		return refuse(ErrRequest, CodeRequestMalformed, "grant_type is missing")
	}
	return refuse(ErrGrantType, CodeGrantUnsupported, "want client_credentials")
}

// refused counts and notes a refusal. Whoever is refused too often is not told why any more.
func (s *Service) refused(ctx context.Context, p proof, claimed string, peer Peer, err error) error {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	if err := s.count(ctx, "refused:"+peer.Address+":"+claimed, refusalsPerMinute); err != nil {
		return err
	}
	if s.count(ctx, "noted:"+peer.Address, notesPerMinute) != nil {
		return refusal
	}
	if noteErr := s.note(ctx, Visit{Client: p.client.ID, Method: p.method, Refused: refusal.Code}); noteErr != nil {
		return noteErr
	}
	return refusal
}

// count is nil while there is room. A limiter that fails lets everybody through, as everywhere.
func (s *Service) count(ctx context.Context, what string, perMinute int) error {
	if s.cfg.Limiter == nil {
		return nil
	}
	ok, wait, err := s.cfg.Limiter.Allow(ctx, "oauth:"+what, perMinute)
	if ok || err != nil {
		return nil //nolint:nilerr // see above
	}
	r := refuse(ErrRequest, CodeRateLimited, "too many requests")
	r.RetryAfter = wait
	return r
}

func (s *Service) note(ctx context.Context, v Visit) error {
	if s.cfg.Note == nil {
		return nil
	}
	return s.cfg.Note(ctx, v)
}
