package issuer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/statuslist"
)

// SignedList is a status list as others fetch it.
type SignedList struct {
	Body      []byte // JWT text, or CWT
	MediaType string
	IssuedAt  time.Time
	TTL       time.Duration // how long from now it may be kept
}

type listForm struct {
	name string
	cwt  bool
}

// signedLists keeps what was signed until the list moves or its signature is half as old as its
// ttl: half for us, half for those who keep it, and nobody is later than the ttl.
type signedLists struct {
	mu     sync.Mutex
	byForm map[listForm]*signedList
}

type signedList struct {
	mu   sync.Mutex // one signing at a time; packing a million entries takes up to 65 ms
	seq  uint64
	list *SignedList
}

// maxSigned bounds how many signed lists are kept.
const maxSigned = 1024

func (s *signedLists) slot(f listForm) *signedList {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byForm[f]
	if one == nil {
		if len(s.byForm) >= maxSigned {
			clear(s.byForm)
		}
		one = &signedList{}
		s.byForm[f] = one
	}
	return one
}

// StatusListJWT returns a list in the JWT form of the Token Status List, signed by the domain's
// status key. ErrListUnknown when there is none of that name.
func (i *Issuer) StatusListJWT(ctx context.Context, name string) (SignedList, error) {
	return i.signedList(ctx, listForm{name: name})
}

// StatusListCWT returns the same list in the CWT form.
func (i *Issuer) StatusListCWT(ctx context.Context, name string) (SignedList, error) {
	return i.signedList(ctx, listForm{name: name, cwt: true})
}

func (i *Issuer) signedList(ctx context.Context, f listForm) (SignedList, error) {
	if _, err := i.publisher.head(ctx, f.name); err != nil { // before anything is kept under the name
		return SignedList{}, err
	}
	slot := i.lists.slot(f)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	head, err := i.publisher.head(ctx, f.name)
	if err != nil {
		return SignedList{}, err
	}
	now := i.cfg.Now()
	keep := i.cfg.StatusTTL / 2
	if l := slot.list; l == nil || slot.seq < head.Seq || now.Sub(l.IssuedAt) >= keep || now.Before(l.IssuedAt.Add(-statuslist.Skew)) {
		seq, fresh, err := i.signList(ctx, f, now)
		if err != nil {
			return SignedList{}, err
		}
		slot.seq, slot.list = seq, fresh
	}
	out := *slot.list
	out.TTL = max(0, keep)
	return out, nil
}

// signList signs the list as the record has it. now was read before the record is.
func (i *Issuer) signList(ctx context.Context, f listForm, now time.Time) (uint64, *SignedList, error) {
	head, list, err := snapshot(ctx, i.cfg.Statuses, f.name)
	if err != nil {
		return 0, nil, fmt.Errorf("issuer: status list: %w", err)
	}
	token := statuslist.Token{Subject: i.StatusPrefix() + f.name, IssuedAt: now.UTC().Truncate(time.Second),
		TTL: i.cfg.StatusTTL, List: list}
	token.Expires = token.IssuedAt.Add(i.cfg.StatusLife)
	out := &SignedList{IssuedAt: token.IssuedAt, MediaType: statuslist.MediaTypeJWT}
	signer := i.cfg.StatusSigner
	if i.cfg.CurrentStatusSigner != nil {
		if signer, err = i.cfg.CurrentStatusSigner(); err != nil {
			return 0, nil, fmt.Errorf("issuer: status list: %w", err)
		}
	}
	if f.cwt {
		out.MediaType = statuslist.MediaTypeCWT
		out.Body, err = token.SignCWT(signer)
	} else {
		var text string
		text, err = token.Sign(signer, i.cfg.StatusX5C)
		out.Body = []byte(text)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("issuer: status list: %w", err)
	}
	if len(out.Body) == 0 {
		return 0, nil, errors.New("issuer: empty status list")
	}
	return head.Seq, out, nil
}
