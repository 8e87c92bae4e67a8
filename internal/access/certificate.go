package access

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
)

// Thumbprint is how a certificate is registered for a client: base64url of the SHA-256 of its
// DER, which RFC 8705 §3.1 calls x5t#S256.
func Thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// connectionCertificate is the client's certificate of a TLS connection to this very process.
// The handshake has proven that the client has its private key; nothing else about it is known.
func connectionCertificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// certified says whether a certificate speaks for the client: it is registered by its
// thumbprint, or its key is one of the client's (RFC 8705 §2.2). No authority is asked, so a
// client makes its own; its dates count all the same.
func (c Client) certified(presented *x509.Certificate, now time.Time) bool {
	if now.Before(presented.NotBefore) || now.After(presented.NotAfter) {
		return false
	}
	if slices.Contains(c.Certificates, Thumbprint(presented)) {
		return true
	}
	ec, ok := presented.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return false
	}
	public, err := key.NewES256(ec)
	return err == nil && slices.ContainsFunc(c.Keys, public.Equal)
}
