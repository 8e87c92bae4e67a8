package registry

import "time"

// Fresh returns as of when everything that this registry answers is known to be what the store
// holds: the beginning of the last look at the store that found nothing newer, or read it. While
// the store cannot be reached, or holds what we refuse to believe, it stands still: whoever asks
// whether a client is suspended must not trust an answer that is too old.
func (r *Registry) Fresh() time.Time { return *r.fresh.Load() }

// sawStore notes that what is in force was what the store held at a moment.
func (r *Registry) sawStore(at time.Time) {
	for {
		old := r.fresh.Load()
		if old != nil && !at.After(*old) {
			return
		}
		if r.fresh.CompareAndSwap(old, &at) {
			return
		}
	}
}
