package key

import (
	"crypto/hmac"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/showcard/showcard/crypto/sm"
)

// Names under which things are looked up are keyed digests. To rotate their key without knowing
// what they were made of, and without a moment in which two kinds of names mean the same, the next
// generation is a keyed digest of the one before:
//
//	generation 1   HMAC-SM3(key 1, value)
//	generation n   HMAC-SM3(key n, name of generation n-1), marked with n
//
// So every name in the database can be turned to the next generation where it stands, also those
// whose value is in no table; turning twice is impossible, because the mark tells; and who got hold
// of the keys before the rotation can try numbers only against what he copied then. The price: the
// old keys are part of the new names and stay in the keystore.

// turnName is the keystore's name of the key of a generation.
func turnName(generation int) string { return fmt.Sprintf("lookup/%d", generation) }

// MaxGeneration is how often keys of names can be rotated.
const MaxGeneration = 250

func (s *Sealer) turnKey(generation int) []byte { return s.turns[generation-2] }

func (s *Sealer) turn(generation int, before []byte) []byte {
	m := hmac.New(sm.NewHash, s.turnKey(generation))
	m.Write([]byte("showcard blind name\x00"))
	m.Write(before)
	return append([]byte{byte(generation)}, m.Sum(nil)[:16]...)
}

var idText = base32.StdEncoding.WithPadding(base32.NoPadding)

// mark begins the holder ids of a generation. Those of the first are base32 in small letters, in
// which there is no 9.
func mark(generation int) string { return fmt.Sprintf("9%03d", generation) }

func (s *Sealer) turnID(generation int, before string) string {
	m := hmac.New(sm.NewHash, s.turnKey(generation))
	m.Write([]byte("showcard holder id\x00" + before))
	return mark(generation) + strings.ToLower(idText.EncodeToString(m.Sum(nil)[:20]))
}

// CurrentID turns the first generation's id of a holder into the present one.
func (s *Sealer) CurrentID(first string) string {
	id := first
	if id == "" {
		return id
	}
	for g := 2; g <= s.cfg.Generation; g++ {
		id = s.turnID(g, id)
	}
	return id
}

// Generation tells how often the keys of names were rotated, and one.
func (s *Sealer) Generation() int { return max(1, s.cfg.Generation) }

// Turn gives a blind name of the generation before the present one its present form. What has it
// already is left as it is.
func (s *Sealer) Turn(name []byte) []byte {
	g := s.Generation()
	if g == 1 || len(name) == 17 && int(name[0]) == g || len(name) == 0 {
		return name
	}
	return s.turn(g, name)
}

// TurnID does the same for the id of a holder.
func (s *Sealer) TurnID(id string) string {
	g := s.Generation()
	if g == 1 || id == "" || strings.HasPrefix(id, mark(g)) {
		return id
	}
	return s.turnID(g, id)
}

// PresentIDs is the range in which ids of the present generation lie: from, and up to but without to.
func (s *Sealer) PresentIDs() (from, to string) {
	return mark(s.Generation()), mark(s.Generation() + 1)
}

// NameKeyCheck identifies the keys of names of this generation, so that a database can tell that it
// meets others.
func (s *Sealer) NameKeyCheck() []byte {
	m := hmac.New(sm.NewHash, s.secret)
	m.Write([]byte("showcard blind names check\x00"))
	for _, k := range s.turns {
		m.Write(k)
	}
	return m.Sum(nil)[:16]
}
