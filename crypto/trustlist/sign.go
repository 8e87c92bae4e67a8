package trustlist

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/strictjson"
)

const (
	maxRoots      = 256 << 10 // bytes of a root set
	maxRootKeys   = 16
	maxSigners    = 64
	maxSignatures = 2 * maxRootKeys // a rotation may carry all the old and all the new
	maxDepth      = 16
)

// Sign checks the list and makes it a compact JWS under one of the signers that the roots name.
func (l *List) Sign(s key.Signer) (string, error) {
	if err := l.Validate(); err != nil {
		return "", err
	}
	payload, err := l.encode()
	if err != nil {
		return "", fmt.Errorf("trustlist: %w", err)
	}
	text, err := jose.Sign(s, jose.SignHeader{Type: TypeList}, payload)
	if err != nil {
		return "", fmt.Errorf("trustlist: %w", err)
	}
	if len(text) > jose.MaxSize {
		return "", fmt.Errorf("%w: %d bytes, a reader takes %d", ErrMalformed, len(text), jose.MaxSize)
	}
	return text, nil
}

// Roots is the root set.
type Roots struct {
	Version   int64 // 1 and up, without gaps
	IssuedAt  time.Time
	Expires   time.Time
	Threshold int           // how many different Keys sign the next root set
	Keys      []*key.Public // offline
	Signers   []DatedKey    // online: sign lists, and nothing else
}

// Validate checks that the root set can be lived with: its threshold can be met, no key stands
// twice, and no root key is a list signer, for then it would not lie in a safe.
func (r *Roots) Validate() error {
	if err := checkFrame(r.Version, r.IssuedAt, r.Expires); err != nil {
		return err
	}
	if len(r.Keys) > maxRootKeys || len(r.Signers) > maxSigners {
		return fmt.Errorf("%w: %d root keys, %d signers", ErrMalformed, len(r.Keys), len(r.Signers))
	}
	if r.Threshold < 1 || r.Threshold > len(r.Keys) {
		return fmt.Errorf("%w: threshold %d of %d keys", ErrMalformed, r.Threshold, len(r.Keys))
	}
	v := validator{seen: map[string]struct{}{}}
	for _, k := range r.Keys {
		if k == nil {
			return fmt.Errorf("%w: a root key is missing", ErrMalformed)
		}
		v.keyID(k, "roots")
		v.once("root set key", identity(k))
		v.once("root set kid", k.ID())
	}
	for _, d := range r.Signers {
		if d.Key != nil {
			v.once("root set key", identity(d.Key))
			v.once("root set kid", d.Key.ID())
		}
	}
	v.keys(r.Signers, "signer", "signers")
	return v.err
}

// rootsEnvelope is the general JSON serialization of a JWS (RFC 7515 §7.2.1) without
// unprotected headers.
type rootsEnvelope struct {
	Payload    string          `json:"payload"`
	Signatures []rootSignature `json:"signatures"`
}

type rootSignature struct {
	Protected string `json:"protected"`
	Signature string `json:"signature"`
}

// Sign makes the root set a JWS with one signature per signer. A set that follows another
// needs a threshold of the old keys and a threshold of its own; one signature counts for both.
func (r *Roots) Sign(signers ...key.Signer) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	jwks := make([]*key.Public, len(r.Keys))
	copy(jwks, r.Keys)
	payload, err := json.Marshal(rootsJSON{Version: r.Version, IssuedAt: numeric(r.IssuedAt), Expires: numeric(r.Expires),
		Threshold: r.Threshold, Keys: jwks, Signers: r.Signers})
	if err != nil {
		return nil, fmt.Errorf("trustlist: %w", err)
	}
	return signRoots(rootsEnvelope{}, payload, signers)
}

// Cosign adds signatures to a root set that others have signed: the keys lie in different
// safes, so the document travels from one to the next.
func Cosign(data []byte, signers ...key.Signer) ([]byte, error) {
	doc, err := parseRoots(data)
	if err != nil {
		return nil, err
	}
	return signRoots(doc.envelope, doc.payload, signers)
}

func signRoots(e rootsEnvelope, payload []byte, signers []key.Signer) ([]byte, error) {
	e.Payload = base64.RawURLEncoding.EncodeToString(payload)
	for _, s := range signers {
		text, err := jose.Sign(s, jose.SignHeader{Type: TypeRoots}, payload)
		if err != nil {
			return nil, fmt.Errorf("trustlist: %w", err)
		}
		part := strings.Split(text, ".")
		e.Signatures = append(e.Signatures, rootSignature{Protected: part[0], Signature: part[2]})
	}
	if len(e.Signatures) == 0 || len(e.Signatures) > maxSignatures {
		return nil, fmt.Errorf("%w: %d signatures", ErrMalformed, len(e.Signatures))
	}
	return json.Marshal(e)
}

// rootsDocument is a root set that was read and is not trusted yet.
type rootsDocument struct {
	roots      *Roots
	payload    []byte
	envelope   rootsEnvelope
	signatures []*jose.Token
}

func parseRoots(data []byte) (*rootsDocument, error) {
	if len(data) > maxRoots {
		return nil, fmt.Errorf("%w: root set of %d bytes", ErrMalformed, len(data))
	}
	doc := &rootsDocument{}
	// The envelope is JOSE's and does not grow, so unknown names are refused here.
	if err := strictjson.Decode(data, maxDepth, &doc.envelope); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkNames(data); err != nil {
		return nil, err
	}
	if n := len(doc.envelope.Signatures); n == 0 || n > maxSignatures {
		return nil, fmt.Errorf("%w: %d signatures", ErrMalformed, n)
	}
	for _, s := range doc.envelope.Signatures {
		// One signature of the set is the compact JWS over the same payload.
		t, err := jose.Parse(s.Protected+"."+doc.envelope.Payload+"."+s.Signature, TypeRoots)
		if errors.Is(err, jose.ErrAlgorithm) {
			continue // of a kind that this version does not know: does not count
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		doc.signatures = append(doc.signatures, t)
		doc.payload = t.Payload
	}
	if doc.payload == nil {
		return nil, fmt.Errorf("%w: no signature of a known kind", ErrThreshold)
	}
	var in rootsJSON
	if err := decode(doc.payload, &in); err != nil {
		return nil, err
	}
	doc.roots = &Roots{Version: in.Version, IssuedAt: date(in.IssuedAt), Expires: date(in.Expires),
		Threshold: in.Threshold, Keys: in.Keys, Signers: in.Signers}
	if err := doc.roots.Validate(); err != nil {
		return nil, err
	}
	return doc, nil
}

// signedBy demands good signatures of at least the threshold of different keys. The same key
// twice is one key. Signatures under other keys do not count; a bad one under a key of the set
// is never an accident, so it is refused whatever the others say.
func (doc *rootsDocument) signedBy(r *Roots) error {
	good := map[string]bool{}
	for _, t := range doc.signatures {
		for _, k := range r.Keys {
			if k.ID() != t.Header.KeyID {
				continue
			}
			if err := t.Verify(k); err != nil {
				return fmt.Errorf("%w: root key %s: %w", ErrSignature, k.ID(), err)
			}
			good[identity(k)] = true
		}
	}
	if len(good) < r.Threshold {
		return fmt.Errorf("%w: %d of %d", ErrThreshold, len(good), r.Threshold)
	}
	return nil
}

// Signed is a root document as somebody holds it in hand: what it says, and which keys of its own
// or of others have signed it. Nothing in it is to be trusted yet.
type Signed struct {
	Roots      *Roots
	Signatures []string // key ids; those of the set's own keys are checked
}

// SignedBy reads a root document without trusting it, so that its keepers can see how far it is.
func SignedBy(data []byte) (*Signed, error) {
	doc, err := parseRoots(data)
	if err != nil {
		return nil, err
	}
	out := &Signed{Roots: doc.roots}
	for _, t := range doc.signatures {
		for _, k := range doc.roots.Keys {
			if k.ID() == t.Header.KeyID && t.Verify(k) != nil {
				return nil, fmt.Errorf("%w: root key %s", ErrSignature, k.ID())
			}
		}
		out.Signatures = append(out.Signatures, t.Header.KeyID)
	}
	return out, nil
}

// ParseRoots reads the root set that a verifier was given by hand. It vouches for itself by
// its own threshold, which proves that the file is whole, not whence it came.
func ParseRoots(data []byte) (*Roots, error) {
	doc, err := parseRoots(data)
	if err != nil {
		return nil, err
	}
	if err := doc.signedBy(doc.roots); err != nil {
		return nil, err
	}
	return doc.roots, nil
}

// Next takes the root set that follows r: exactly one version on, signed by a threshold of the
// old keys, who hand over, and of the new, who prove that they exist. That r has expired does
// not stop the chain, or whoever slept too long would never wake; expiry counts in [Roots.Verify].
func (r *Roots) Next(data []byte, now time.Time) (*Roots, error) {
	doc, err := parseRoots(data)
	if err != nil {
		return nil, err
	}
	switch v := doc.roots.Version; {
	case v <= r.Version:
		return nil, fmt.Errorf("%w: root set %d, trusted is %d", ErrRolledBack, v, r.Version)
	case v > r.Version+1:
		return nil, fmt.Errorf("%w: root set %d, trusted is %d", ErrGap, v, r.Version)
	}
	if err := doc.signedBy(r); err != nil {
		return nil, fmt.Errorf("old keys: %w", err)
	}
	if err := doc.signedBy(doc.roots); err != nil {
		return nil, fmt.Errorf("new keys: %w", err)
	}
	if doc.roots.IssuedAt.After(now.Add(Skew)) {
		return nil, fmt.Errorf("%w: root set %d", ErrFuture, doc.roots.Version)
	}
	return doc.roots, nil
}

// Verify reads a list. newest is the highest version that the caller has ever accepted; a
// lower one is refused. That the same version stays the same bytes is the caller's to watch.
func (r *Roots) Verify(text string, now time.Time, newest int64) (*List, error) {
	if !now.Before(r.Expires) {
		return nil, fmt.Errorf("%w: root set %d, on %s", ErrStale, r.Version, r.Expires.UTC().Format(time.RFC3339))
	}
	l, err := r.Archived(text)
	if err != nil {
		return nil, err
	}
	switch {
	case l.Version < newest:
		return nil, fmt.Errorf("%w: list %d, seen %d", ErrRolledBack, l.Version, newest)
	case l.IssuedAt.After(now.Add(Skew)):
		return nil, fmt.Errorf("%w: list %d", ErrFuture, l.Version)
	}
	if err := l.Fresh(now); err != nil {
		return nil, err
	}
	return l, nil
}

// Archived reads a list that was filed away: everything is checked as in [Roots.Verify], except
// whether list and roots have expired. It is for looking back: a list says which keys signed in
// its time, and nothing of what was frozen since. Nothing that is shown today may be judged by it.
func (r *Roots) Archived(text string) (*List, error) {
	t, err := jose.Parse(text, TypeList)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var signer *DatedKey
	if t.Header.KeyID != "" {
		signer = find(r.Signers, t.Header.KeyID)
	}
	if signer == nil {
		return nil, fmt.Errorf("%w: list signer %q", ErrKeyUnknown, clip(t.Header.KeyID))
	}
	if err := t.Verify(signer.Key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	l, err := decodeList(t.Payload)
	if err != nil {
		return nil, err
	}
	if err := signer.covers(l.IssuedAt); err != nil {
		return nil, err
	}
	return l, nil
}
