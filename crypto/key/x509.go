package key

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/sm"
)

var (
	// ErrCertificate says that a certificate is malformed or may not be used for what it is
	// used for.
	ErrCertificate = errors.New("key: certificate not usable")
	// ErrChain says that the certificates do not lead to an anchor.
	ErrChain = errors.New("key: certificate chain leads to no anchor")
	// ErrCertificateDates says that a certificate of the chain is not valid at the time.
	ErrCertificateDates = errors.New("key: certificate not valid at this time")
)

// A Template says what goes into a certificate.
type Template struct {
	CommonName   string
	Organization string
	Country      string // two letters, "CN"
	URIs         []string
	DNSNames     []string
	NotBefore    time.Time
	NotAfter     time.Time
}

// Authority is a certificate together with its key: it signs other certificates.
type Authority struct {
	certificate *sm.Certificate
	key         *Private
}

// NewAuthority makes a self-signed certificate authority, SM2 or P-256 after its key. It
// signs leaves only, no further authorities.
func NewAuthority(k *Private, t Template) (*Authority, error) {
	template, err := t.certificate()
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.MaxPathLenZero = true
	template.KeyUsage = sm.KeyUsageCertSign | sm.KeyUsageCRLSign
	der, err := sm.CreateCertificate(template, template, k.public.ECDSA(), k.CryptoKey())
	if err != nil {
		return nil, err
	}
	return OpenAuthority(k, der)
}

// OpenAuthority puts a stored certificate and its key together again.
func OpenAuthority(k *Private, der []byte) (*Authority, error) {
	c, err := sm.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	public, err := certified(c)
	if err != nil {
		return nil, err
	}
	if !public.Equal(k.public) || !c.IsCA || c.KeyUsage&sm.KeyUsageCertSign == 0 {
		return nil, fmt.Errorf("%w: not an authority of this key", ErrCertificate)
	}
	return &Authority{certificate: c, key: k}, nil
}

// Certificate returns the authority's own certificate in DER.
func (a *Authority) Certificate() []byte { return bytes.Clone(a.certificate.Raw) }

// Issue signs a leaf certificate for a key that signs tokens, and returns its DER. The leaf
// outlives the authority in no case.
func (a *Authority) Issue(p *Public, t Template) ([]byte, error) {
	if t.NotBefore.Before(a.certificate.NotBefore) || t.NotAfter.After(a.certificate.NotAfter) {
		return nil, fmt.Errorf("%w: its dates exceed those of its authority", ErrCertificateDates)
	}
	if p.Equal(a.key.public) {
		return nil, fmt.Errorf("%w: an authority does not sign tokens", ErrCertificate)
	}
	template, err := t.certificate()
	if err != nil {
		return nil, err
	}
	template.BasicConstraintsValid = true
	template.KeyUsage = sm.KeyUsageDigitalSignature
	return sm.CreateCertificate(template, a.certificate, p.ECDSA(), a.key.CryptoKey())
}

func (t Template) certificate() (*sm.Certificate, error) {
	if t.CommonName == "" || t.NotBefore.IsZero() || !t.NotAfter.After(t.NotBefore) {
		return nil, fmt.Errorf("%w: a certificate has a name and dates", ErrCertificate)
	}
	c := &sm.Certificate{
		// RFC 5280 §4.1.2.2: positive, at most 20 bytes; 126 random bits.
		SerialNumber: new(big.Int).SetBytes(append([]byte{0x40 | random(1)[0]&0x3f}, random(15)...)),
		Subject:      pkix.Name{CommonName: t.CommonName},
		NotBefore:    t.NotBefore.UTC(),
		NotAfter:     t.NotAfter.UTC(),
		DNSNames:     t.DNSNames,
	}
	if t.Organization != "" {
		c.Subject.Organization = []string{t.Organization}
	}
	if t.Country != "" {
		c.Subject.Country = []string{t.Country}
	}
	for _, text := range t.URIs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return nil, fmt.Errorf("%w: %q is not an absolute URI", ErrCertificate, text)
		}
		c.URIs = append(c.URIs, u)
	}
	return c, nil
}

// Anchors are the certificates that a verifier trusts, from its configuration or the trust
// list, never from a token.
type Anchors struct {
	roots []*sm.Certificate
}

// NewAnchors reads trusted certificates in DER.
func NewAnchors(ders ...[]byte) (*Anchors, error) {
	a := &Anchors{}
	for _, der := range ders {
		c, err := sm.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		if _, err := certified(c); err != nil {
			return nil, err
		}
		if !c.IsCA {
			return nil, fmt.Errorf("%w: an anchor is a certificate authority", ErrCertificate)
		}
		a.roots = append(a.roots, c)
	}
	return a, nil
}

// Leaf is the verified end of a chain.
type Leaf struct {
	Key                 *Public
	CommonName          string
	Organization        string
	URIs                []string
	DNSNames            []string
	NotBefore, NotAfter time.Time
}

// Names reports whether the certificate speaks for an issuer: one of its URIs is the
// issuer's, or one of its DNS names is the host of the issuer's https URI. No wildcards.
func (l *Leaf) Names(issuer string) bool {
	if slices.Contains(l.URIs, issuer) {
		return true
	}
	u, err := url.Parse(issuer)
	return err == nil && u.Scheme == "https" && u.Host != "" && slices.Contains(l.DNSNames, u.Host)
}

// maxChain bounds a chain: a leaf and three authorities below the anchor.
const maxChain = 4

// Verify checks an "x5c" header against the anchors at a time and returns the leaf, whose key
// may then verify the token. It wants the chain as RFC 7515 §4.1.6 orders it, leaf first and
// each certified by the next, and as HAIP §6.1.1 trims it: the leaf not self-signed, the
// anchor not included.
func (a *Anchors) Verify(x5c [][]byte, now time.Time) (*Leaf, error) {
	if len(x5c) == 0 || len(x5c) > maxChain {
		return nil, fmt.Errorf("%w: %d certificates", ErrCertificate, len(x5c))
	}
	chain := make([]*sm.Certificate, len(x5c))
	for i, der := range x5c {
		c, err := sm.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		if err := a.belongs(c); err != nil {
			return nil, err
		}
		chain[i] = c
	}
	leaf := chain[0]
	if leaf.IsCA || leaf.KeyUsage&sm.KeyUsageDigitalSignature == 0 || leaf.KeyUsage&sm.KeyUsageCertSign != 0 {
		return nil, fmt.Errorf("%w: not for signing tokens", ErrCertificate)
	}
	public, err := certified(leaf)
	if err != nil {
		return nil, err
	}
	for _, c := range chain {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return nil, ErrCertificateDates
		}
	}
	paths, err := sm.Chains(leaf, chain[1:], a.roots, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	if !slices.ContainsFunc(paths, func(path []*sm.Certificate) bool { return sound(path, chain) }) {
		return nil, fmt.Errorf("%w: not in order, or signed with an algorithm that is not the key's", ErrChain)
	}
	l := &Leaf{Key: public, CommonName: leaf.Subject.CommonName, DNSNames: leaf.DNSNames, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
	if len(leaf.Subject.Organization) > 0 {
		l.Organization = leaf.Subject.Organization[0]
	}
	for _, u := range leaf.URIs {
		l.URIs = append(l.URIs, u.String())
	}
	return l, nil
}

// belongs refuses certificates that have no place in x5c.
func (a *Anchors) belongs(c *sm.Certificate) error {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return fmt.Errorf("%w: self-signed in x5c", ErrCertificate)
	}
	for _, root := range a.roots {
		if root.Equal(c) {
			return fmt.Errorf("%w: an anchor in x5c", ErrCertificate)
		}
	}
	return nil
}

// sound reports whether a path is exactly the presented chain and one anchor, each signed
// with the algorithm of its issuer's key. The library below would let an SM2 key sign with
// ECDSA and a P-256 key with SM2.
func sound(path, chain []*sm.Certificate) bool {
	if len(path) != len(chain)+1 {
		return false
	}
	for i, c := range chain {
		if !path[i].Equal(c) {
			return false
		}
		issuer, err := certified(path[i+1])
		if err != nil {
			return false
		}
		want := sm.ECDSAWithSHA256
		if issuer.Algorithm() == SM2 {
			want = sm.SM2WithSM3
		}
		if c.SignatureAlgorithm != want {
			return false
		}
	}
	return true
}

// certified returns the key of a certificate, which must be one of our two kinds.
func certified(c *sm.Certificate) (*Public, error) {
	k, ok := c.PublicKey.(*ecdsa.PublicKey)
	switch {
	case ok && sm.OnCurve(k):
		p, err := sm.FromECDSA(k)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		return NewSM2(p), nil
	case ok && k.Curve == elliptic.P256():
		return NewES256(k)
	}
	return nil, fmt.Errorf("%w: its key is neither SM2 nor P-256", ErrCertificate)
}
