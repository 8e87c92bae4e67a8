package main

import (
	"encoding/hex"
	"slices"
	"strings"
)

// change is one mutation of a vector. It is decided by its own dice, so that a case can be made again
// without it.
type change struct {
	name string
	seed uint64
}

// recipe says how a case is made: everything follows from the seed and the number.
type recipe struct {
	base    int // of the corpus
	changes []change
}

// Which changes there are, the frequent ones several times.
var (
	forShown   = []string{"signed", "signed", "signed", "signed", "signed", "signed", "text", "part", "signature", "setting", "splice"}
	forOffline = []string{"signed", "signed", "signed", "signed", "signed", "signed", "text", "code", "signature", "setting", "splice"}
)

// recipe makes up case number n.
func (c *corpus) recipe(seed, n uint64) recipe {
	r := roll(seed, n)
	out := recipe{base: c.good[r.IntN(len(c.good))]}
	if r.chance(3) {
		out.base = r.IntN(len(c.vectors))
	}
	names := forShown
	if c.vectors[out.base].offline() {
		names = forOffline
	}
	for {
		out.changes = append(out.changes, change{pick(r, names), r.Uint64()})
		if len(out.changes) == 5 || !r.chance(3) {
			return out
		}
	}
}

// cook makes the case.
func (c *corpus) cook(from recipe) vector {
	v := c.vectors[from.base]
	v.Audiences = slices.Clone(v.Audiences)
	v.Claims, v.Token = nil, nil
	for _, step := range from.changes {
		v = c.apply(step, v)
	}
	if s := v.subject(); !validText(s) {
		v.setSubject(strings.ToValidUTF8(s, "�"))
	}
	return v
}

func (c *corpus) apply(step change, v vector) vector {
	r := roll(step.seed, 0)
	switch step.name {
	case "signed":
		if v.offline() {
			return c.offlineStep(r, v)
		}
		return c.shownStep(r, v)
	case "part":
		return c.partStep(r, v)
	case "code":
		return c.codeStep(r, v)
	case "signature":
		return c.signatureStep(r, v)
	case "setting":
		return c.settingStep(r, v)
	case "splice":
		return c.spliceStep(r, v)
	}
	return c.textStep(r, v)
}

// textStep changes the text and signs nothing.
func (c *corpus) textStep(r *dice, v vector) vector {
	v.setSubject(mutateText(r, v.subject(), pick(r, c.vectors).subject()))
	return v
}

// spliceStep takes parts of another vector.
func (c *corpus) spliceStep(r *dice, v vector) vector {
	other := pick(r, c.vectors)
	if v.offline() || other.offline() {
		return c.textStep(r, v)
	}
	mine, theirs := strings.Split(v.subject(), "~"), strings.Split(other.subject(), "~")
	i, j := r.IntN(len(mine)), r.IntN(len(theirs))
	switch r.IntN(4) {
	case 0:
		mine[i] = theirs[j]
	case 1:
		mine = slices.Insert(mine, i, theirs[j])
	case 2:
		mine[len(mine)-1] = theirs[len(theirs)-1]
	default:
		mine = append(mine[:i:i], theirs[j:]...)
	}
	v.setSubject(strings.Join(mine, "~"))
	return v
}

// partStep changes how one part of a presentation is written in base64url.
func (c *corpus) partStep(r *dice, v vector) vector {
	s := v.subject()
	var ends []int
	for i := range s {
		if s[i] == '.' || s[i] == '~' {
			ends = append(ends, i)
		}
	}
	ends = append(ends, len(s))
	at := pick(r, ends)
	switch r.IntN(5) {
	case 0:
		s = s[:at] + pick(r, []string{"=", "==", "A", "AA", "AAA", "\n", "\r\n", " ", ".", "~", "~~", ".."}) + s[at:]
	case 1: // spare bits
		if at > 0 {
			s = s[:at-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[r.IntN(64)]) + s[at:]
		}
	case 2:
		if i := strings.IndexAny(s, "-_"); i >= 0 {
			s = s[:i] + map[byte]string{'-': "+", '_': "/"}[s[i]] + s[i+1:]
		}
	case 3:
		if at < len(s) {
			s = s[:at] + s[at+1:]
		}
	default:
		if at > 0 {
			s = s[:at-1] + s[at:]
		}
	}
	v.setSubject(s)
	return v
}

// signatureStep changes a signature and nothing else.
func (c *corpus) signatureStep(r *dice, v vector) vector {
	if v.offline() {
		return c.offlineStep(r, v)
	}
	s, ok := openShown(v.subject())
	if !ok {
		return c.textStep(r, v)
	}
	if s.bound && r.chance(2) {
		s.proof.signature = mutateSignature(r, s.proof.signature)
		s.proof.seal(nil)
	} else {
		s.issued.signature = mutateSignature(r, s.issued.signature)
		s.issued.seal(nil)
		if s.bound {
			s.rehash()
			s.proof.seal(c.byName("holder", v.Issuer))
		}
	}
	v.setSubject(s.text())
	return v
}

// settingStep changes what the checker wants.
func (c *corpus) settingStep(r *dice, v vector) vector {
	switch r.IntN(4) {
	case 0:
		v.Now += pick(r, []int64{-86400, -61, -56, -55, -54, -16, -15, -14, -11, -10, -1, 1, 10, 11, 54, 55, 56, 61, 86399, 86400, 86410, 400 * 86400, 9 * 365 * 86400, 10*365*86400 - 1, 10 * 365 * 86400, 10*365*86400 + 9, 10*365*86400 + 10, -v.Now})
	case 1:
		v.Issuer = c.stranger(r).public
	case 2:
		if v.offline() {
			v.Audiences = pick(r, [][]string{{}, {"any"}, {"bank"}, {"BANK"}, {"demo-bank"}, {"any", "bank", "hospital"}, {""}})
		} else {
			v.Audience = pick(r, []string{"", "https://bank.example", "https://bank.example/", "HTTPS://BANK.EXAMPLE", "x"})
		}
	default:
		if v.offline() {
			b := make([]byte, pick(r, []int{0, 7, 8, 16, 32, 33}))
			v.Nonce = hex.EncodeToString(b)
		} else {
			v.Nonce = pick(r, []string{"", "x", v.Nonce + "a"})
		}
	}
	return v
}
