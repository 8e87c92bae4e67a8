package issuer

import (
	"context"
	"time"
)

// beat moves as-of of all lists forward at once, and returns those that stand elsewhere.
func (p *publisher) beat(ctx context.Context, heads []ListHead, asOf time.Time) ([]ListHead, error) {
	names, err := p.cache.Beat(ctx, heads, asOf)
	behind := make(map[string]bool, len(names))
	for _, name := range names {
		behind[name] = true
	}
	var elsewhere []ListHead
	for _, h := range heads {
		if behind[h.Name] {
			elsewhere = append(elsewhere, h)
		} else if err == nil {
			p.stands(h, true)
		}
	}
	return elsewhere, err
}

// stands remembers that the cache has come as far as a head, or that we do not know.
func (p *publisher) stands(h ListHead, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[string]uint64{}
	}
	if !ok {
		delete(p.at, h.Name)
		return
	}
	p.at[h.Name] = h.Seq
}

// stood says whether the cache was at a number when we were there last.
func (p *publisher) stood(list string, seq uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.at[list]
	return ok && at == seq
}

// knows says whether the cache has heard of a list. It may have forgotten since.
func (p *publisher) knows(list string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.at[list]
	return ok
}

// Published says how far the cache was with a list when this process was there last; ok is false
// when it was not, or could not.
func (i *Issuer) Published(list string) (seq uint64, ok bool) {
	i.publisher.mu.Lock()
	defer i.publisher.mu.Unlock()
	seq, ok = i.publisher.at[list]
	return seq, ok
}
