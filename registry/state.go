package registry

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/strictjson"
)

// state is the registry at one revision, parsed. It is never changed, only replaced.
type state struct {
	revision    int64
	authorities map[string]Authority
	parties     map[string]Party
	clients     map[string]Client
	providers   map[string]Provider
	domains     map[string]Domain
	types       map[string]TypeState
	proposals   map[string]Proposal
	stops       map[string]Stop
	roots       *trustlist.Roots // the newest, with which the list was signed
	rootTexts   map[int64][]byte
	live        *state             // with the urgent freezes that are still to be approved; itself when there are none
	bodies      map[entryID][]byte // all of it as stored, but the seal
	list        string
	listParsed  *trustlist.List // nil when the list has expired
}

func blank() *state {
	return &state{
		authorities: map[string]Authority{}, parties: map[string]Party{}, clients: map[string]Client{}, providers: map[string]Provider{},
		domains: map[string]Domain{}, types: map[string]TypeState{}, proposals: map[string]Proposal{}, stops: map[string]Stop{},
		bodies: map[entryID][]byte{}, rootTexts: map[int64][]byte{},
	}
}

// open reads what the store holds like a stranger's document: the seal first, then the rest.
func (r *Registry) open(snap Snapshot) (*state, error) {
	s := blank()
	s.revision, s.roots, s.rootTexts[r.roots.Version] = snap.Revision, r.roots, r.cfg.Roots
	s.live = s
	seal := ""
	for _, e := range snap.Entries {
		if e.Kind == kindSeal {
			seal = string(e.Body)
		} else {
			s.bodies[entryID{e.Kind, e.ID}] = e.Body
		}
	}
	if snap.Revision == 0 && len(snap.Entries) == 0 {
		return s, nil
	}
	// The roots vouch for themselves; who may have sealed the rest, only the newest say.
	if err := s.walkRoots(r.cfg.Now()); err != nil {
		return nil, err
	}
	if err := s.checkSeal(seal); err != nil {
		return nil, err
	}
	for id, body := range s.bodies {
		if err := s.parse(id, body); err != nil {
			return nil, fmt.Errorf("registry: stored %s %q: %w", id.kind, id.id, err)
		}
	}
	list, err := s.roots.Verify(s.list, r.cfg.Now(), 0)
	if err != nil && !errors.Is(err, trustlist.ErrStale) {
		return nil, fmt.Errorf("registry: stored trust list: %w", err)
	}
	s.listParsed = list
	s.live = s.overlaid()
	return s, nil
}

func (s *state) parse(id entryID, body []byte) error {
	switch id.kind {
	case kindAuthority:
		return put(s.authorities, id.id, body)
	case kindParty:
		err := put(s.parties, id.id, body)
		s.parties[id.id] = s.parties[id.id].settled()
		return err
	case kindClient:
		return put(s.clients, id.id, body)
	case kindProvider:
		return put(s.providers, id.id, body)
	case kindDomain:
		return put(s.domains, id.id, body)
	case kindType:
		return put(s.types, id.id, body)
	case kindProposal:
		return put(s.proposals, id.id, body)
	case kindStop:
		return put(s.stops, id.id, body)
	case kindRoots:
		return nil // walked already
	case kindList:
		s.list = string(body)
		return nil
	}
	// A newer version wrote it. Without it our next list would lack something.
	return errors.New("this version does not know the kind")
}

func put[T interface{ id() string }](m map[string]T, id string, body []byte) error {
	var v T
	if err := strictjson.Decode(body, 16, &v); err != nil {
		return err
	}
	if v.id() != id {
		return fmt.Errorf("calls itself %q", v.id())
	}
	m[id] = v
	return nil
}

// overlaid is the state as it is lived: urgent freezes bite before they are approved, and leave
// no trace in the entries when they are not.
func (s *state) overlaid() *state {
	var d *Draft
	for _, p := range s.proposals {
		if !p.holds() {
			continue
		}
		if d == nil {
			d = newDraft(s)
		}
		_ = d.freeze(*p.Freeze) // what is not there any more need not be held
	}
	if d == nil {
		return s
	}
	return d.next
}

// sealType is the "typ" of the seal, so that it never passes for a trust list.
const sealType = "registry-seal+jwt"

// seal says what the whole registry is at a revision.
type seal struct {
	Revision int64  `json:"revision"`
	Digest   string `json:"sm3"`
}

// digest covers every entry by its kind, id and body, each with its length before it.
func digest(bodies map[entryID][]byte) string {
	ids := slices.SortedFunc(maps.Keys(bodies), func(a, b entryID) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	h := sm.NewHash()
	for _, id := range ids {
		for _, part := range [][]byte{[]byte(id.kind), []byte(id.id), bodies[id]} {
			_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash takes everything
			h.Write(part)
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func signSeal(signer key.Signer, revision int64, bodies map[entryID][]byte) (string, error) {
	return jose.SignJSON(signer, jose.SignHeader{Type: sealType}, seal{Revision: revision, Digest: digest(bodies)})
}

// checkSeal holds what was read against the seal, which must be by a key that the roots let
// sign lists.
func (s *state) checkSeal(text string) error {
	t, err := jose.Parse(text, sealType)
	if err != nil {
		return fmt.Errorf("%w: seal: %w", ErrTampered, err)
	}
	if !slices.ContainsFunc(s.roots.Signers, func(d trustlist.DatedKey) bool {
		return !d.Frozen && d.Key.ID() == t.Header.KeyID && t.Verify(d.Key) == nil
	}) {
		return fmt.Errorf("%w: the seal is not by a key that the roots name", ErrTampered)
	}
	var v seal
	if err := strictjson.Decode(t.Payload, 1, &v); err != nil {
		return fmt.Errorf("%w: seal: %w", ErrTampered, err)
	}
	if v.Revision != s.revision || v.Digest != digest(s.bodies) {
		return fmt.Errorf("%w: revision %d is not what the seal of revision %d says", ErrTampered, s.revision, v.Revision)
	}
	return nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("registry: an entry does not marshal: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
