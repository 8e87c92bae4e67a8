package issuer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/statuslist"
)

// feistelRounds is more than the ten of NIST SP 800-38G, because the halves are small.
const feistelRounds = 12

// permutation is a secret bijection of [0, size): a counter goes in, the index of a status comes
// out. The record counts, which is all it takes never to give a place twice; the permutation
// hides the count, so that an index tells neither when a certificate was issued nor which others
// were issued with it (HAIP 1.0 §6.1 wants indices unpredictable).
//
// It is a balanced Feistel network over the smallest even number of bits that holds size. A
// result past the end goes in again until it lies inside ("cycle walking"): the walk stays on one
// cycle of a bijection that began inside, so it comes back inside and the whole is a bijection
// again. At least a quarter of the domain is inside, and for the usual size all but one in four
// thousand. The rounds are tables, drawn once per list: what remains per index is twelve look-ups.
type permutation struct {
	size   uint64
	half   uint // bits of a half
	rounds [feistelRounds][]uint16
}

// newPermutation draws the permutation of one list. The key must never change while the list may
// grow: another key is another permutation, and would give places twice.
func newPermutation(key []byte, list string, size uint64) (*permutation, error) {
	if len(key) < 16 {
		return nil, errors.New("issuer: permutation key of less than 16 bytes")
	}
	if size == 0 || size > statuslist.MaxEntries {
		return nil, fmt.Errorf("issuer: status list %s of %d entries", list, size)
	}
	p := &permutation{size: size, half: max(1, uint(bits.Len64(size-1)+1)/2)}
	label := append([]byte("showcard status index 1\x00"), list...)
	label = binary.BigEndian.AppendUint64(append(label, 0), size)
	own := hmacSM3(key, label) // of this list alone
	n := 1 << p.half
	mask := uint16(n - 1)
	for r := range p.rounds {
		table := make([]uint16, 0, n+16)
		for block := uint32(0); len(table) < n; block++ {
			sum := hmacSM3(own[:], binary.BigEndian.AppendUint32([]byte{byte(r)}, block))
			for i := 0; i < len(sum); i += 2 {
				table = append(table, binary.BigEndian.Uint16(sum[i:])&mask)
			}
		}
		p.rounds[r] = table[:n]
	}
	return p, nil
}

// index returns the place of a counter, which must be below size.
func (p *permutation) index(counter uint64) (uint64, error) {
	if counter >= p.size {
		return 0, fmt.Errorf("issuer: counter %d of a status list of %d", counter, p.size)
	}
	mask := uint64(1)<<p.half - 1
	x := counter
	for {
		left, right := x>>p.half, x&mask
		for r := range p.rounds {
			left, right = right, left^uint64(p.rounds[r][right])
		}
		if x = left<<p.half | right; x < p.size {
			return x, nil
		}
	}
}

// hmacSM3 is HMAC (RFC 2104, GM/T 0042) over SM3, whose blocks have 64 bytes.
func hmacSM3(key, message []byte) [32]byte {
	const block = 64
	if len(key) > block {
		sum := sm.Sum(key)
		key = sum[:]
	}
	inner, outer := make([]byte, block, block+len(message)), make([]byte, block, block+32)
	copy(inner, key)
	copy(outer, key)
	for i := range block {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	sum := sm.Sum(append(inner, message...))
	return sm.Sum(append(outer, sum[:]...))
}

// permutations keeps those of the lists that grow at the moment.
type permutations struct {
	key []byte

	mu    sync.Mutex
	lists map[string]*permutation
}

// growing is how many lists may be filled at the same time without drawing tables anew.
const growing = 64

// slots turns what the record counted into places.
func (i *Issuer) slots(ctx context.Context, r Reservation) ([]Slot, error) {
	if len(r.Counters) == 0 {
		return nil, nil
	}
	size, ok := i.perms.size(r.List)
	if !ok {
		head, err := i.publisher.find(ctx, r.List)
		if err != nil {
			return nil, err
		}
		size = head.Size
	}
	return i.perms.slots(r.List, size, r.Counters)
}

// size returns the size of a list that is growing.
func (p *permutations) size(list string) (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.lists[list]
	if one == nil {
		return 0, false
	}
	return one.size, true
}

func (p *permutations) slots(list string, size uint64, counters []uint64) ([]Slot, error) {
	p.mu.Lock()
	one := p.lists[list]
	p.mu.Unlock()
	if one == nil {
		var err error
		if one, err = newPermutation(p.key, list, size); err != nil {
			return nil, err
		}
		p.mu.Lock()
		if p.lists == nil || len(p.lists) >= growing {
			p.lists = map[string]*permutation{}
		}
		p.lists[list] = one
		p.mu.Unlock()
	}
	slots := make([]Slot, len(counters))
	for i, c := range counters {
		index, err := one.index(c)
		if err != nil {
			return nil, err
		}
		slots[i] = Slot{List: list, Index: index}
	}
	return slots, nil
}
