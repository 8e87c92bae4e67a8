package verifier

import (
	"errors"
	"sync"
	"time"

	"github.com/showcard/showcard/crypto/sdcwt"
)

var (
	errShownBefore = errors.New("verifier: shown here before")
	errMemoryFull  = errors.New("verifier: the memory of what was shown is full")
)

// replayMemory remembers the proofs that were accepted here for as long as they would be again. Two
// checkers who do not know of one another cannot find a code that is shown to both.
type replayMemory struct {
	most  int
	mu    sync.Mutex
	until map[sdcwt.Serial]time.Time
}

// first notes a proof that was found good.
func (m *replayMemory) first(proof sdcwt.Serial, until, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end, there := m.until[proof]; there && !end.Before(now) {
		return errShownBefore
	}
	if len(m.until) >= m.most {
		for proof, end := range m.until {
			if end.Before(now) {
				delete(m.until, proof)
			}
		}
		if len(m.until) >= m.most {
			return errMemoryFull
		}
	}
	m.until[proof] = until
	return nil
}
