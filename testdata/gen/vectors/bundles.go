package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/trustlist"
)

// bundleVector is one file of testdata/vectors/bundle: what a checker does, step by step.
type bundleVector struct {
	Name    string       `json:"name"`
	Comment string       `json:"comment"`
	Profile string       `json:"profile"`
	Base    string       `json:"base"`
	Roots   string       `json:"roots"` // pinned, as JSON
	Recipe  string       `json:"recipe"`
	Steps   []bundleStep `json:"steps"`
}

type bundleStep struct {
	Do     string          `json:"do"`
	At     int64           `json:"at"`
	Bundle string          `json:"bundle,omitempty"` // base64url
	Code   string          `json:"code,omitempty"`
	List   string          `json:"list,omitempty"`
	Index  uint64          `json:"idx,omitempty"`
	Wants  json.RawMessage `json:"wants,omitempty"`
	Expect string          `json:"expect,omitempty"`
}

const (
	bundleBase = "https://cards.example.gov.cn"
	taken      = "taken"
)

// bundling makes the steps of one file.
type bundling struct {
	p       profile
	keys    keyring
	fill    bool // fixed bytes instead of signatures: to see whether anything else has changed
	roots   []*trustlist.Roots
	list    *trustlist.List
	signers map[string]*key.Private
	steps   []bundleStep
	pinned  string
}

// filled signs everything alike.
type filled struct{ key.Signer }

func (f filled) Sign([]byte) ([]byte, error) { return bytes.Repeat([]byte{1}, 64), nil }

func (b *bundling) signer(k *key.Private) key.Signer {
	if b.fill {
		return filled{k}
	}
	return k
}

// named is a key that is the same in every run.
func (b *bundling) named(name string) *key.Private {
	if k := b.signers[name]; k != nil {
		return k
	}
	d := sm.Sum([]byte("showcard TEST ONLY bundle " + b.p.name + " " + name))
	k, err := key.FromScalar(b.p.algorithm, d[:])
	check(err)
	b.signers[name] = k.WithID(name)
	return b.signers[name]
}

func check(err error) {
	if err != nil {
		panic(err) // this program's own data
	}
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

const day = 86400

func newBundling(p profile, keys keyring, fill bool) *bundling {
	b := &bundling{p: p, keys: keys, fill: fill, signers: map[string]*key.Private{}}
	b.roots = []*trustlist.Roots{b.rootSet(1, "list-1")}
	pinned, err := b.roots[0].Sign(b.signer(b.named("root-1")), b.signer(b.named("root-2")))
	check(err)
	b.pinned = string(pinned)
	b.list = &trustlist.List{
		Version: 10, IssuedAt: at(now - 3600), Expires: at(now + 2*day),
		Domains: []trustlist.Domain{{Code: "DEMO", Name: trustlist.Name{ZH: "样例市", EN: "Sample City"}, BaseURL: bundleBase, StatusPrefix: bundleBase + "/status/",
			StatusKeys: []trustlist.DatedKey{{Key: b.named("status-1").Public(), NotBefore: at(now - 100*day)}, {Key: b.named("status-2").Public(), NotBefore: at(now - 10*day)},
				{Key: b.named("status-old").Public(), NotBefore: at(now - 100*day), NotAfter: at(now - 50*day)}}},
			{Code: "ELSE", Name: trustlist.Name{ZH: "别处", EN: "Elsewhere"}, BaseURL: "https://elsewhere.example.gov.cn", StatusPrefix: "https://elsewhere.example.gov.cn/status/",
				StatusKeys: []trustlist.DatedKey{{Key: b.named("status-else").Public()}}}},
		Issuers: []trustlist.Issuer{{ID: bundleBase + "/issuers/police", Authority: "11430000MB1D000127", Name: trustlist.Name{ZH: "样例公安局", EN: "Sample Police"}, Domain: "DEMO",
			Types: []string{"resident-id"}, Regions: []string{"430000"}, Keys: []trustlist.DatedKey{{Key: keys.issuer.Public()}}}},
		Types: []trustlist.Type{{ID: "resident-id", Version: 1, VCT: bundleBase + "/types/resident-id/1", Code: "11100000000013127D001"}},
	}
	return b
}

func (b *bundling) rootSet(version int64, listKey string) *trustlist.Roots {
	r := &trustlist.Roots{Version: version, IssuedAt: at(now - 100*day), Expires: at(now + 1000*day), Threshold: 2,
		Signers: []trustlist.DatedKey{{Key: b.named(listKey).Public()}}}
	for _, name := range []string{"root-1", "root-2", "root-3"} {
		r.Keys = append(r.Keys, b.named(name).Public())
	}
	return r
}

// trust is the list, signed, with roots behind the pinned ones.
func (b *bundling) trust(signer string, roots ...[]byte) *bundle.Trust {
	b.list = clone(b.list)
	text, err := b.list.Sign(b.signer(b.named(signer)))
	check(err)
	return &bundle.Trust{List: text, Roots: roots}
}

// clone, because the look-ups of a list are indexed on first use.
func clone(l *trustlist.List) *trustlist.List {
	return &trustlist.List{Version: l.Version, IssuedAt: l.IssuedAt, Expires: l.Expires, Domains: l.Domains, Issuers: l.Issuers, Providers: l.Providers,
		Types: l.Types, FrozenRegions: l.FrozenRegions, FrozenAll: l.FrozenAll}
}

// marked are ascending indices of a list: every step-th.
func marked(from, step, n uint32) (out []uint32) {
	for i := range n {
		out = append(out, from+i*step)
	}
	return out
}

// whole is all there is at now.
func (b *bundling) whole() *bundle.Bundle {
	return &bundle.Bundle{Issuer: bundleBase, IssuedAt: at(now), Trust: b.trust("list-1"),
		Serials: bundle.Serials{Head: 20, Revoked: []bundle.Revoked{b.revoked("a", now+3600), b.revoked("b", now+7200), b.revoked("c", now+7200)}},
		Lists: map[string]bundle.List{
			"1": {Seq: 60, Size: 1<<20 - 256, Sets: [4][]uint32{nil, marked(3, 17393, 60), marked(1, 99991, 10), nil}},
			"2": {Seq: 0, Size: 1000},
		}}
}

// change is what came in the ten minutes after.
func (b *bundling) change() *bundle.Bundle {
	return &bundle.Bundle{Issuer: bundleBase, IssuedAt: at(now + 600),
		Serials: bundle.Serials{From: 20, Head: 21, Revoked: []bundle.Revoked{b.revoked("showing", now+day)}},
		Lists: map[string]bundle.List{"1": {From: 60, Seq: 63, Size: 1<<20 - 256, Sets: [4][]uint32{{3}, {5}, {1048319}, nil}},
			"2": {From: 0, Seq: 1, Size: 1000, Sets: [4][]uint32{nil, nil, nil, {999}}}}}
}

func (b *bundling) revoked(what string, until int64) bundle.Revoked {
	return bundle.Revoked{Serial: [8]byte(drawn(b.p.name + " bundle " + what)), Until: at((until + 3599) / 3600 * 3600)}
}

func (b *bundling) sign(one *bundle.Bundle, signer string) []byte {
	data, err := one.Sign(b.signer(b.named(signer)))
	check(err)
	return data
}

// raw signs claims that no Bundle makes.
func (b *bundling) raw(claims any, header map[any]any) []byte {
	body, ok := claims.([]byte)
	if !ok {
		var err error
		body, err = cose.Marshal(claims)
		check(err)
	}
	if header == nil {
		header = map[any]any{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("status-1")}
	}
	data, err := cose.Sign(b.signer(b.named("status-1")), header, nil, body)
	check(err)
	return data
}

func (b *bundling) take(data []byte, when int64, expect string) {
	b.steps = append(b.steps, bundleStep{Do: "take", At: when, Bundle: encode(data), Expect: expect})
}

func (b *bundling) restart(when int64) {
	b.steps = append(b.steps, bundleStep{Do: "restart", At: when, Expect: taken})
}

func (b *bundling) status(list string, index uint64, expect string) {
	b.steps = append(b.steps, bundleStep{Do: "status", At: now, List: list, Index: index, Expect: expect})
}

func (b *bundling) wants(text string) {
	b.steps = append(b.steps, bundleStep{Do: "wants", At: now, Wants: json.RawMessage(text)})
}

// check shows a code whose serial is the one named.
func (b *bundling) check(serial string, when int64, expect string) {
	var fill *byte
	if b.fill {
		fill = new(byte)
	}
	s := newShowing(b.p, b.keys, fill)
	s.now = when
	s.cwt.set(4, int(when)+7200)
	s.cwt.set(6, int(when)-3600)
	s.cwt.set(7, drawn(b.p.name+" bundle "+serial))
	s.kbt.set(6, int(when)-5)
	s.kbt.set(7, drawn(fmt.Sprint(b.p.name, " bundle proof ", len(b.steps))))
	s.fillView()
	code, err := s.make()
	check(err)
	b.steps = append(b.steps, bundleStep{Do: "check", At: when, Code: code, Expect: expect})
}

func bundleFiles(p profile, keys keyring) (out []bundleVector) {
	for _, c := range bundleCases() {
		hash := []byte{}
		var v bundleVector
		for _, fill := range []bool{true, false} {
			b := newBundling(p, keys, fill)
			c.make(b)
			v = bundleVector{Name: c.name, Comment: c.comment, Profile: p.name, Base: bundleBase, Roots: b.pinned, Steps: b.steps}
			if fill {
				data, err := json.Marshal(v)
				check(err)
				sum := sm.Sum(data)
				hash = sum[:8]
			}
		}
		v.Recipe = hex.EncodeToString(hash)
		out = append(out, v)
	}
	return out
}

func (v bundleVector) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	check(e.Encode(v))
	return b.Bytes()
}

func sameBundle(old []byte, v bundleVector) bool {
	var was bundleVector
	return json.Unmarshal(old, &was) == nil && was.Recipe == v.Recipe && was.Name == v.Name && strings.HasSuffix(string(old), "}\n")
}

func runBundles(root string, p profile, keys keyring) error {
	folder := filepath.Join(root, "vectors", "bundle", p.name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, v := range bundleFiles(p, keys) {
		path := filepath.Join(folder, v.Name+".json")
		if old, err := os.ReadFile(path); err == nil && sameBundle(old, v) {
			continue
		}
		if err := os.WriteFile(path, v.encode(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
