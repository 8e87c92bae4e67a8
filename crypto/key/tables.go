package key

import "github.com/showcard/showcard/crypto/sm"

// Tables makes the verification of keys fast that are met again and again (sm.Tables). Keys of
// ES256 go without: the standard library's own arithmetic serves them. A nil *Tables is good and
// does nothing.
type Tables struct{ sm *sm.Tables }

// NewTables makes tables for SM2 keys.
func NewTables(cfg sm.TablesConfig) (*Tables, error) {
	t, err := sm.NewTables(cfg)
	if err != nil {
		return nil, err
	}
	return &Tables{t}, nil
}

// Known returns the key, ready to verify fast: for keys that the trust list names, or our own.
func (t *Tables) Known(p *Public) *Public {
	if t == nil || p == nil || p.sm == nil {
		return p
	}
	return p.with(t.sm.Known(p.sm))
}

// Returning returns the key, ready to verify fast if it was met before: for keys of devices.
func (t *Tables) Returning(p *Public) *Public {
	if t == nil || p == nil || p.sm == nil {
		return p
	}
	return p.with(t.sm.Returning(p.sm))
}

// Stats tells what the tables take.
func (t *Tables) Stats() sm.Stats {
	if t == nil {
		return sm.Stats{}
	}
	return t.sm.Stats()
}

// with is the same key, id and all, through another of sm's.
func (p *Public) with(k *sm.PublicKey) *Public {
	if p.sm == k {
		return p
	}
	same := *p
	same.sm = k
	return &same
}
