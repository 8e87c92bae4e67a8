package redisstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/internal/store/storetest"
)

type tlsFiles struct {
	cert, key string
	client    *tls.Config // trusts it
}

// testTLS makes a certificate for 127.0.0.1 that vouches for itself.
func testTLS(t *testing.T) tlsFiles {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST ONLY redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	dir := t.TempDir()
	f := tlsFiles{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), client: &tls.Config{RootCAs: x509.NewCertPool()}}
	require.NoError(t, os.WriteFile(f.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(f.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	f.client.RootCAs.AddCert(leaf)
	return f
}

// The whole suite over TLS, as a user who may do only what doc.go says.
func TestVolatileWithTLSAndACL(t *testing.T) {
	files := testTLS(t)
	port := redistest.FreePort(t)
	server := redistest.Start(t, "--tls-port", port, "--tls-cert-file", files.cert, "--tls-key-file", files.key,
		"--tls-ca-cert-file", files.cert, "--tls-auth-clients", "no")
	allow(t, storeRules(), server.Redis)
	cfg := redisstore.Config{URL: "rediss://showcard:s3cret@127.0.0.1:" + port, TLS: files.client}
	storetest.Volatile(t, subjects(server, cfg))
	require.NoError(t, open(t, cfg).Check(t.Context()))

	ctx := t.Context()
	unknownAuthority := cfg
	unknownAuthority.TLS = nil
	require.ErrorContains(t, open(t, unknownAuthority).Ready(ctx), "certificate")
	wrongPassword := cfg
	wrongPassword.URL = "rediss://showcard:wr0ng@127.0.0.1:" + port
	err := open(t, wrongPassword).Ready(ctx)
	require.ErrorContains(t, err, "WRONGPASS")
	require.NotContains(t, err.Error(), "wr0ng")
	elsewhere := cfg
	elsewhere.Prefix = "other:"
	err = open(t, elsewhere).Claim(ctx, "a", "x", time.Minute)
	require.ErrorContains(t, err, "NOPERM")
	_, _, known, err := open(t, elsewhere).Lookup(ctx, "a", 0)
	require.ErrorContains(t, err, "NOPERM", "a forbidden key is not a lost list")
	require.False(t, known)
	plain := cfg
	plain.TLS, plain.URL = nil, "redis://showcard:s3cret@127.0.0.1:"+port
	plain.Timeout = 200 * time.Millisecond
	require.Error(t, open(t, plain).Ready(ctx))
}

// storeRules are what doc.go says that the user needs, besides names.
func storeRules() []any {
	return []any{
		"+@connection", "+publish", "+subscribe", "+unsubscribe", "+zadd", "+zrange", "+zremrangebyscore", "+hmget", "+hset", "+pexpire", "+pttl",
		"+get", "+set", "+getdel", "+getrange", "+setrange", "+strlen", "+bitfield", "+bitfield_ro", "+time", "+evalsha", "+eval", "+info",
		"+watch", "+unwatch", "+multi", "+exec", "+xadd", "+xtrim", "+xread", "+xrevrange",
	}
}
