package signer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/showcard/showcard/internal/strictjson"
)

// Rule says what the keys whose names fit may sign. The first rule that fits a key counts; a key that
// none fits signs nothing.
type Rule struct {
	// Keys is a pattern of names as in path.Match: * stands for anything but a slash.
	Keys string `json:"keys"`
	// Kinds of messages: the "typ" of a JWS; "cose" for a Sig_structure; "other" for anything else.
	Kinds []string `json:"kinds"`
	// PerSecond bounds signatures of each key; 0 is no bound.
	PerSecond int `json:"per_second,omitempty"`
}

// Policy is a list of rules.
type Policy []Rule

// DefaultPolicy is what the keys of a deployment sign, and nothing else: a server that was broken into
// cannot have the key of wallets sign an access token, or that of a department a trust list.
func DefaultPolicy() Policy {
	return Policy{
		{Keys: "authority/*/*", Kinds: []string{"dc+sd-jwt"}},
		{Keys: "wallet-provider/*", Kinds: []string{"kb+jwt"}},
		{Keys: "status/*", Kinds: []string{"statuslist+jwt", "cose"}, PerSecond: 1000},
		{Keys: "token/*", Kinds: []string{"at+jwt"}},
		{Keys: "trust-list/*", Kinds: []string{"trustlist+jwt", "registry-seal+jwt"}, PerSecond: 200},
		{Keys: "receipt/*", Kinds: []string{"receipt+jwt"}},
		{Keys: "audit-sm2/*", Kinds: []string{"other"}, PerSecond: 100},
	}
}

// ParsePolicy reads a policy file: a JSON array of rules.
func ParsePolicy(data []byte) (Policy, error) {
	var p Policy
	if err := strictjson.Decode(data, 8, &p); err != nil {
		return nil, fmt.Errorf("signer: policy: %w", err)
	}
	return p, p.check()
}

func (p Policy) check() error {
	for i, r := range p {
		if _, err := path.Match(r.Keys, "x"); err != nil || r.Keys == "" || len(r.Kinds) == 0 || r.PerSecond < 0 {
			return fmt.Errorf("signer: policy: rule %d needs a pattern of keys, kinds, and no negative bound", i+1)
		}
	}
	return nil
}

func (p Policy) rule(name string) (Rule, bool) {
	for _, r := range p {
		if ok, _ := path.Match(r.Keys, name); ok {
			return r, true
		}
	}
	return Rule{}, false
}

// kindOf tells what a message is. It is judged by what a verifier would take it for: a JWS signing
// input by the "typ" of its header.
func kindOf(message []byte) string {
	if bytes.HasPrefix(message, []byte("\x84\x6aSignature1")) {
		return "cose"
	}
	head, _, ok := bytes.Cut(message, []byte("."))
	if !ok {
		return "other"
	}
	raw, err := base64.RawURLEncoding.DecodeString(string(head))
	if err != nil {
		return "other"
	}
	var h map[string]json.RawMessage
	if err := json.Unmarshal(raw, &h); err != nil {
		return "other"
	}
	var typ string
	if err := json.Unmarshal(h["typ"], &typ); err != nil || typ == "" {
		return "untyped" // a JWS without "typ" passes for many things; no default rule has it
	}
	return typ
}

// gate holds requests against a policy.
type gate struct {
	policy Policy
	now    func() time.Time

	mu     sync.Mutex
	second int64
	counts map[string]int
}

func (g *gate) allow(name string, message []byte) error {
	r, ok := g.policy.rule(name)
	if !ok {
		return fmt.Errorf("%w: no rule for %s", ErrPolicy, name)
	}
	if kind := kindOf(message); !slices.Contains(r.Kinds, kind) {
		return fmt.Errorf("%w: %s does not sign %s", ErrPolicy, name, kind)
	}
	if r.PerSecond == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now().Unix(); now != g.second || g.counts == nil {
		g.second, g.counts = now, map[string]int{}
	}
	if g.counts[name]++; g.counts[name] > r.PerSecond {
		return fmt.Errorf("%w: %s", ErrRate, name)
	}
	return nil
}
