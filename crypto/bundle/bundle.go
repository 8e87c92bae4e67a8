// Package bundle is what a checker takes along to where there is no network (docs/formats.md §12): the
// trust list, the serials of offline codes that were revoked before their end, and the status lists,
// all signed together as of one moment by the key that signs the domain's status lists.
//
//	data, err := b.Sign(statusSigner)         // the deployment
//	u, err := bundle.Parse(data)              // form only; nothing is trusted yet
//	b, err := u.Verify(statusKey)             // the key that the trust list gives the domain
//	state, err := state.Apply(b)              // what the checker knows from now on
//
// A bundle is whole, or says what changed since the one before: sequence numbers without gaps say
// which. What is marked in a status list is few and far between, so a set of entries is written as the
// gaps between them in Golomb-Rice code (Rice, Plaunt: "Adaptive variable-length coding", 1971), which
// comes within a twentieth of what is possible: of a million certificates 1 % take 10 KB. Serials are
// random and take their eight bytes, sorted by the hour in which they may be forgotten.
//
// A bundle that is older than what is known, or leaves a gap, is refused and changes nothing. How old
// knowledge may be is for the checker to say; it only ever grows older, never younger, by itself.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/statuslist"
)

// Type is the "typ" of a bundle (RFC 9596).
const Type = "application/showcard-bundle+cbor"

// Bounds of a bundle.
const (
	MaxSize     = cose.MaxSize // bytes
	MaxLists    = 1 << 12
	MaxListSize = 1 << 24 // entries
	// MaxEntries bounds the entries of all lists that are known: 64 MB, a quarter of a billion.
	MaxEntries = 1 << 28
	maxStatus  = 3 // two bits each
	maxRoots   = 128
	maxName    = 64 // characters of a list's name
	maxIssuer  = 2048
	maxNumber  = 1<<53 - 1 // sequence numbers: what every reader's numbers hold exactly
	lastHour   = 253402300799 / 3600
)

// Why a bundle is refused. Every refusal wraps exactly one of these.
var (
	ErrMalformed  = errors.New("bundle: malformed")
	ErrSignature  = errors.New("bundle: signature does not verify")
	ErrRolledBack = errors.New("bundle: older than what is known")
	ErrGap        = errors.New("bundle: something is missing between what is known and what it says")
	ErrTooLarge   = errors.New("bundle: too large")
)

// Bundle is what is known at one moment.
type Bundle struct {
	Issuer   string    // base URL of the domain, as in the trust list
	IssuedAt time.Time // whole seconds; all below is as of then, or younger
	// Trust is the trust list, nil when the checker has the newest.
	Trust   *Trust
	Serials Serials
	Lists   map[string]List
}

// Trust is the trust list and how to come to trust it. Both are signed documents of their own: who
// signs bundles cannot make any.
type Trust struct {
	Roots [][]byte // the root sets behind the checker's own, each after the one before
	List  string
}

// Serials are offline codes that were revoked before their end: all of them, or those behind a number.
type Serials struct {
	From    uint64 // 0: all
	Head    uint64 // the last number given out
	Revoked []Revoked
}

// Revoked is one of them. It may be forgotten once Until, a whole hour, has passed.
type Revoked struct {
	Serial sdcwt.Serial
	Until  time.Time
}

// List is a status list: whole, or what its entries have become since.
type List struct {
	From uint64 // 0: whole; entries that are in no set are valid
	Seq  uint64 // how far it has come
	Size uint64 // entries
	// Sets are indices by status, ascending. A whole list has no set for valid ones.
	Sets [4][]uint32
}

type payload struct {
	Issuer   string              `cbor:"1,keyasint"`
	IssuedAt uint64              `cbor:"6,keyasint"`
	Trust    *trustWire          `cbor:"-65538,keyasint,omitempty"`
	Serials  serialsWire         `cbor:"-65539,keyasint"`
	Lists    map[string]listWire `cbor:"-65540,keyasint,omitempty"`
}

type trustWire struct {
	_     struct{} `cbor:",toarray"`
	Roots [][]byte
	List  string
}

type serialsWire struct {
	_          struct{} `cbor:",toarray"`
	From, Head uint64
	ByHour     map[uint64][]byte // the hour since 1970 in which the last of them ends
}

type listWire struct {
	_               struct{} `cbor:",toarray"`
	From, Seq, Size uint64
	Sets            map[uint64]setWire // by status
}

type setWire struct {
	_    struct{} `cbor:",toarray"`
	K    uint64
	N    uint64
	Bits []byte
}

// Sign checks the bundle and signs it with the key of the domain's status lists.
func (b *Bundle) Sign(s key.Signer) ([]byte, error) {
	p, err := b.wire()
	if err != nil {
		return nil, err
	}
	body, err := cose.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if len(body) > MaxSize-1<<10 {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	data, err := cose.Sign(s, map[any]any{cose.HeaderType: Type, cose.HeaderKeyID: []byte(s.Public().ID())}, nil, body)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	// What no checker would take is found here and not there.
	if _, err := Parse(data); err != nil {
		return nil, err
	}
	return data, nil
}

func (b *Bundle) wire() (*payload, error) {
	if b.IssuedAt.Unix() < 0 {
		return nil, fmt.Errorf("%w: iat", ErrMalformed)
	}
	p := &payload{Issuer: b.Issuer, IssuedAt: uint64(b.IssuedAt.Unix())}
	if b.Trust != nil {
		p.Trust = &trustWire{Roots: b.Trust.Roots, List: b.Trust.List}
		if p.Trust.Roots == nil {
			p.Trust.Roots = [][]byte{}
		}
	}
	p.Serials = serialsWire{From: b.Serials.From, Head: b.Serials.Head, ByHour: map[uint64][]byte{}}
	sorted := slices.SortedFunc(slices.Values(b.Serials.Revoked), func(x, y Revoked) int { return bytes.Compare(x.Serial[:], y.Serial[:]) })
	for i, r := range sorted {
		if i > 0 && r.Serial == sorted[i-1].Serial {
			return nil, fmt.Errorf("%w: a serial twice", ErrMalformed)
		}
		hour := uint64(r.Until.Add(time.Hour-time.Second).Unix() / 3600)
		p.Serials.ByHour[hour] = append(p.Serials.ByHour[hour], r.Serial[:]...)
	}
	for name, l := range b.Lists {
		w := listWire{From: l.From, Seq: l.Seq, Size: l.Size, Sets: map[uint64]setWire{}}
		for status, set := range l.Sets {
			if len(set) == 0 {
				continue
			}
			k, bits, err := encodeSet(set, l.Size)
			if err != nil {
				return nil, fmt.Errorf("%w: list %s", err, name)
			}
			w.Sets[uint64(status)] = setWire{K: k, N: uint64(len(set)), Bits: bits}
		}
		if p.Lists == nil {
			p.Lists = map[string]listWire{}
		}
		p.Lists[name] = w
	}
	return p, nil
}

// Unverified is a bundle that was read and is not trusted.
type Unverified struct {
	KeyID   string // of its signer: a hint
	bundle  *Bundle
	message *cose.Message
}

// Parse reads a bundle and checks its form, to the last entry. It verifies nothing.
func Parse(data []byte) (*Unverified, error) {
	m, err := cose.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	id, there, err := m.Protected.Bytes(cose.HeaderKeyID)
	if err == nil && (!there || len(m.Protected) != 3 || len(m.Unprotected) > 0) {
		err = errors.New("the headers are not alg, kid and typ")
	}
	if err == nil && !m.Deterministic() {
		err = errors.New("a header is not in its one spelling")
	}
	if err == nil {
		err = m.ExpectType(Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var p payload
	if err := cose.Unmarshal(m.Payload, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// One spelling: this also refuses what the library is lenient about.
	if again, err := cose.Marshal(p); err != nil || !bytes.Equal(again, m.Payload) {
		return nil, fmt.Errorf("%w: not in its one spelling", ErrMalformed)
	}
	b, err := p.read()
	if err != nil {
		return nil, err
	}
	return &Unverified{KeyID: string(id), bundle: b, message: m}, nil
}

// Issuer is whose it says to be.
func (u *Unverified) Issuer() string { return u.bundle.Issuer }

// IssuedAt is as of when it says to be.
func (u *Unverified) IssuedAt() time.Time { return u.bundle.IssuedAt }

// Trust is the trust list in it, or nil. It has a signature of its own, and is what says which key
// signs bundles: so it is read first.
func (u *Unverified) Trust() *Trust { return u.bundle.Trust }

// Contents is what it says, whoever made it: to be shown, and not to be relied on.
func (u *Unverified) Contents() *Bundle { return u.bundle }

// Names are the names of the lists, sorted.
func (b *Bundle) Names() []string { return slices.Sorted(maps.Keys(b.Lists)) }

// Verify checks the signature and gives what it covers.
func (u *Unverified) Verify(k *key.Public) (*Bundle, error) {
	if err := u.message.Verify(k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return u.bundle, nil
}

func (p *payload) read() (*Bundle, error) {
	if p.Issuer == "" || len(p.Issuer) > maxIssuer || p.IssuedAt/3600 >= lastHour {
		return nil, fmt.Errorf("%w: iss or iat", ErrMalformed)
	}
	b := &Bundle{Issuer: p.Issuer, IssuedAt: time.Unix(int64(p.IssuedAt), 0)}
	if t := p.Trust; t != nil {
		if t.List == "" || t.Roots == nil || len(t.Roots) > maxRoots || slices.ContainsFunc(t.Roots, func(r []byte) bool { return r == nil }) {
			return nil, fmt.Errorf("%w: trust", ErrMalformed)
		}
		b.Trust = &Trust{Roots: t.Roots, List: t.List}
	}
	var err error
	if b.Serials, err = p.Serials.read(); err != nil {
		return nil, err
	}
	if len(p.Lists) > MaxLists || p.Lists != nil && len(p.Lists) == 0 {
		return nil, fmt.Errorf("%w: %d lists", ErrMalformed, len(p.Lists))
	}
	for name, w := range p.Lists {
		if !isName(name) {
			return nil, fmt.Errorf("%w: name of a list", ErrMalformed)
		}
		l, err := w.read()
		if err != nil {
			return nil, fmt.Errorf("%w, list %s", err, name)
		}
		if b.Lists == nil {
			b.Lists = make(map[string]List, len(p.Lists))
		}
		b.Lists[name] = l
	}
	return b, nil
}

func (w *serialsWire) read() (Serials, error) {
	s := Serials{From: w.From, Head: w.Head}
	if w.From > w.Head || w.Head > maxNumber || w.ByHour == nil {
		return s, fmt.Errorf("%w: numbers of serials", ErrMalformed)
	}
	seen := map[sdcwt.Serial]bool{}
	for hour, all := range w.ByHour {
		if len(all) == 0 || len(all)%len(sdcwt.Serial{}) != 0 || hour >= lastHour {
			return s, fmt.Errorf("%w: serials", ErrMalformed)
		}
		until := time.Unix(int64(hour)*3600, 0)
		var before []byte
		for one := range slices.Chunk(all, len(sdcwt.Serial{})) {
			if bytes.Compare(before, one) >= 0 {
				return s, fmt.Errorf("%w: serials are out of order", ErrMalformed)
			}
			if before = one; seen[sdcwt.Serial(one)] {
				return s, fmt.Errorf("%w: a serial at two hours", ErrMalformed)
			}
			seen[sdcwt.Serial(one)] = true
			s.Revoked = append(s.Revoked, Revoked{Serial: sdcwt.Serial(one), Until: until})
		}
	}
	return s, nil
}

func (w *listWire) read() (List, error) {
	l := List{From: w.From, Seq: w.Seq, Size: w.Size}
	if w.From > w.Seq || w.Seq > maxNumber || w.Size == 0 || w.Size > MaxListSize || w.Sets == nil {
		return l, fmt.Errorf("%w: numbers", ErrMalformed)
	}
	for status, set := range w.Sets {
		if status > maxStatus || status == uint64(statuslist.Valid) && w.From == 0 {
			return l, fmt.Errorf("%w: a set of status %d", ErrMalformed, status)
		}
		all, err := decodeSet(set.K, set.N, set.Bits, w.Size)
		if err != nil {
			return l, err
		}
		l.Sets[status] = all
	}
	if !disjoint(l.Sets) {
		return l, fmt.Errorf("%w: an entry in two sets", ErrMalformed)
	}
	return l, nil
}

// disjoint: no index is in two of the sets, which are ascending.
func disjoint(sets [4][]uint32) bool {
	for {
		least, at := uint32(0), -1
		for i, set := range sets {
			switch {
			case len(set) == 0:
			case at >= 0 && set[0] == least:
				return false
			case at < 0 || set[0] < least:
				least, at = set[0], i
			}
		}
		if at < 0 {
			return true
		}
		sets[at] = sets[at][1:]
	}
}

// isName: what may follow the prefix of status lists in an address.
func isName(s string) bool {
	return s != "" && len(s) <= maxName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}
