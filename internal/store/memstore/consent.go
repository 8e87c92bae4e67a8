package memstore

import (
	"context"
	"slices"

	"github.com/showcard/showcard/wallet"
)

// index notes under a person that a show is hers, after the show itself is there: another
// call would take one that is not for one that has ended. What has ended meanwhile goes.
func (s *Store) index(sh wallet.Show, now, until int64) error {
	if sh.PersonID == "" {
		return nil
	}
	return s.people.edit(sh.PersonID, now, until, func(ids *[]string, _ bool) bool {
		if slices.Contains(*ids, sh.ID) {
			return true
		}
		kept := make([]string, 0, len(*ids)+1) // a new one: readers have the old
		for _, id := range *ids {
			if v, ok := s.shows.get(id, now); ok && !v.closed {
				kept = append(kept, id)
			}
		}
		*ids = append(kept, sh.ID)
		return true
	})
}

// OpenShows implements [wallet.ShowIndex].
func (s *Store) OpenShows(ctx context.Context, personID string) ([]wallet.Show, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := s.now().UnixMicro()
	ids, _ := s.people.get(personID, now)
	var open []wallet.Show
	for _, id := range ids {
		if v, ok := s.shows.get(id, now); ok && v.open != nil && !v.closed {
			sh := *v.open
			sh.Fields, sh.Blocked = slices.Clone(sh.Fields), slices.Clone(sh.Blocked)
			open = append(open, sh)
		}
	}
	return open, nil
}

// Ring implements [wallet.Bell].
func (s *Store) Ring(ctx context.Context, topic string, e wallet.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.bell.Ring(topic, e)
	return nil
}

// Listen implements [wallet.Bell].
func (s *Store) Listen(ctx context.Context, topic string) (<-chan wallet.Event, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	events, _, stop, err := s.bell.Listen(topic)
	if err != nil {
		return nil, nil, err
	}
	return events, func() { stop() }, nil
}
