package key

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"

	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm"
)

var (
	from  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	until = time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
	then  = time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
)

func authority(t testing.TB, a Algorithm) *Authority {
	t.Helper()
	ca, err := NewAuthority(generate(t, a), Template{CommonName: "测试根 Test Root", Organization: "Showcard", Country: "CN", NotBefore: from, NotAfter: until})
	require.NoError(t, err)
	return ca
}

func leafTemplate() Template {
	return Template{CommonName: "湖南省公安厅", Organization: "Hunan", URIs: []string{"https://issuer.example/hunan"}, DNSNames: []string{"issuer.example"},
		NotBefore: from, NotAfter: from.AddDate(2, 0, 0)}
}

func TestCertificateChain(t *testing.T) {
	for _, root := range both {
		for _, end := range both {
			t.Run(string(root)+" signs "+string(end), func(t *testing.T) {
				ca, k := authority(t, root), generate(t, end)
				der, err := ca.Issue(k.Public(), leafTemplate())
				require.NoError(t, err)
				anchors, err := NewAnchors(authority(t, SM2).Certificate(), ca.Certificate())
				require.NoError(t, err)
				leaf, err := anchors.Verify([][]byte{der}, then)
				require.NoError(t, err)
				require.True(t, leaf.Key.Equal(k.Public()))
				require.Equal(t, end, leaf.Key.Algorithm())
				require.Equal(t, "湖南省公安厅", leaf.CommonName)
				require.Equal(t, "Hunan", leaf.Organization)
				require.Equal(t, from, leaf.NotBefore)
				require.True(t, leaf.Names("https://issuer.example/hunan"))
				require.True(t, leaf.Names("https://issuer.example/other"), "the DNS name speaks for the host")
				require.False(t, leaf.Names("https://issuer.example.evil/hunan"))
				require.False(t, leaf.Names("http://issuer.example/other"))
				require.False(t, leaf.Names("issuer.example"))
				require.False(t, leaf.Names(""))

				again, err := OpenAuthority(ca.key, ca.Certificate())
				require.NoError(t, err)
				_, err = again.Issue(k.Public(), leafTemplate())
				require.NoError(t, err)
			})
		}
	}
}

func TestAuthorityRefuses(t *testing.T) {
	ca := authority(t, SM2)
	k := generate(t, SM2)
	_, err := OpenAuthority(k, ca.Certificate())
	require.ErrorIs(t, err, ErrCertificate, "the key of another")
	der, err := ca.Issue(k.Public(), leafTemplate())
	require.NoError(t, err)
	_, err = OpenAuthority(k, der)
	require.ErrorIs(t, err, ErrCertificate, "a leaf is no authority")
	_, err = OpenAuthority(k, der[:20])
	require.ErrorIs(t, err, ErrCertificate)
	_, err = ca.Issue(ca.key.public, leafTemplate())
	require.ErrorIs(t, err, ErrCertificate)
	for name, edit := range map[string]func(*Template){
		"no name": func(t *Template) { t.CommonName = "" }, "no dates": func(t *Template) { t.NotBefore, t.NotAfter = time.Time{}, time.Time{} },
		"dates reversed": func(t *Template) { t.NotBefore, t.NotAfter = t.NotAfter, t.NotBefore },
		"outlives root":  func(t *Template) { t.NotAfter = until.AddDate(1, 0, 0) },
		"before root":    func(t *Template) { t.NotBefore = from.AddDate(-1, 0, 0) },
		"relative URI":   func(t *Template) { t.URIs = []string{"/hunan"} },
	} {
		t.Run(name, func(t *testing.T) {
			template := leafTemplate()
			edit(&template)
			_, err := ca.Issue(k.Public(), template)
			require.Error(t, err)
		})
	}
}

// intermediate signs an authority below ca, which Authority itself never does.
func intermediate(t *testing.T, ca *Authority, k *Private, edit func(*sm.Certificate)) *Authority {
	t.Helper()
	template, err := Template{CommonName: "Intermediate", NotBefore: from, NotAfter: until}.certificate()
	require.NoError(t, err)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = sm.KeyUsageCertSign
	if edit != nil {
		edit(template)
	}
	der, err := sm.CreateCertificate(template, ca.certificate, k.Public().ECDSA(), ca.key.CryptoKey())
	require.NoError(t, err)
	c, err := sm.ParseCertificate(der)
	require.NoError(t, err)
	return &Authority{certificate: c, key: k}
}

// deepAuthority is an anchor that may have authorities below it.
func deepAuthority(t *testing.T, a Algorithm) *Authority {
	t.Helper()
	k := generate(t, a)
	template, err := Template{CommonName: "Deep Root", NotBefore: from, NotAfter: until}.certificate()
	require.NoError(t, err)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = sm.KeyUsageCertSign
	der, err := sm.CreateCertificate(template, template, k.Public().ECDSA(), k.CryptoKey())
	require.NoError(t, err)
	ca, err := OpenAuthority(k, der)
	require.NoError(t, err)
	return ca
}

func TestChainRefuses(t *testing.T) {
	root := deepAuthority(t, SM2)
	middle := intermediate(t, root, generate(t, SM2), nil)
	k := generate(t, SM2)
	leaf, err := middle.Issue(k.Public(), leafTemplate())
	require.NoError(t, err)
	anchors, err := NewAnchors(root.Certificate())
	require.NoError(t, err)
	_, err = anchors.Verify([][]byte{leaf, middle.Certificate()}, then)
	require.NoError(t, err)

	custom := func(edit func(*sm.Certificate)) []byte {
		template, err := leafTemplate().certificate()
		require.NoError(t, err)
		template.BasicConstraintsValid = true
		template.KeyUsage = sm.KeyUsageDigitalSignature
		edit(template)
		der, err := sm.CreateCertificate(template, root.certificate, k.Public().ECDSA(), root.key.CryptoKey())
		require.NoError(t, err)
		return der
	}
	stranger := authority(t, SM2)
	strange, err := stranger.Issue(k.Public(), leafTemplate())
	require.NoError(t, err)
	selfTemplate, err := leafTemplate().certificate()
	require.NoError(t, err)
	selfTemplate.KeyUsage = sm.KeyUsageDigitalSignature
	self, err := sm.CreateCertificate(selfTemplate, selfTemplate, k.Public().ECDSA(), k.CryptoKey())
	require.NoError(t, err)
	expiredMiddle := intermediate(t, root, generate(t, SM2), func(c *sm.Certificate) { c.NotAfter = from.AddDate(1, 0, 0) })
	expiring := leafTemplate()
	expiring.NotAfter = from.AddDate(1, 0, 0)
	underExpired, err := expiredMiddle.Issue(k.Public(), expiring)
	require.NoError(t, err)
	noSign := intermediate(t, root, generate(t, SM2), func(c *sm.Certificate) { c.KeyUsage = sm.KeyUsageDigitalSignature })
	underNoSign, err := noSign.Issue(k.Public(), leafTemplate())
	require.NoError(t, err)
	second := intermediate(t, middle, generate(t, SM2), func(c *sm.Certificate) { c.Subject.CommonName = "Second" })
	underSecond, err := second.Issue(k.Public(), leafTemplate())
	require.NoError(t, err)
	flipped := bytes.Clone(leaf)
	flipped[len(flipped)-1] ^= 1
	middleDER := middle.Certificate()

	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	big384 := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "P-384"}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der384, err := x509.CreateCertificate(rand.Reader, big384, big384, &p384.PublicKey, p384)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		x5c  [][]byte
		now  time.Time
		want error
	}{
		"empty":                         {nil, then, ErrCertificate},
		"garbage":                       {[][]byte{[]byte("certificate")}, then, ErrCertificate},
		"cut off":                       {[][]byte{leaf[:99], middleDER}, then, ErrCertificate},
		"bytes behind":                  {[][]byte{append(bytes.Clone(leaf), 0), middleDER}, then, ErrCertificate},
		"too many":                      {[][]byte{leaf, middleDER, middleDER, middleDER, middleDER}, then, ErrCertificate},
		"no intermediate":               {[][]byte{leaf}, then, ErrChain},
		"wrong order":                   {[][]byte{middleDER, leaf}, then, ErrCertificate},
		"something in between":          {[][]byte{leaf, second.Certificate(), middleDER}, then, ErrChain},
		"unneeded at the end":           {[][]byte{leaf, middleDER, second.Certificate()}, then, ErrChain},
		"intermediate twice":            {[][]byte{leaf, middleDER, middleDER}, then, ErrChain},
		"anchor included":               {[][]byte{leaf, middleDER, root.Certificate()}, then, ErrCertificate},
		"anchor alone":                  {[][]byte{root.Certificate()}, then, ErrCertificate},
		"another anchor":                {[][]byte{strange}, then, ErrChain},
		"another anchor, brought along": {[][]byte{strange, stranger.Certificate()}, then, ErrCertificate},
		"self-signed leaf":              {[][]byte{self}, then, ErrCertificate},
		"signature flipped":             {[][]byte{flipped, middleDER}, then, ErrChain},
		"leaf is an authority":          {[][]byte{middleDER}, then, ErrCertificate},
		"no key usage":                  {[][]byte{custom(func(c *sm.Certificate) { c.KeyUsage = 0 })}, then, ErrCertificate},
		"key usage for authorities":     {[][]byte{custom(func(c *sm.Certificate) { c.KeyUsage |= sm.KeyUsageCertSign })}, then, ErrCertificate},
		"key usage for lists":           {[][]byte{custom(func(c *sm.Certificate) { c.KeyUsage = sm.KeyUsageCRLSign })}, then, ErrCertificate},
		"unknown critical extension": {[][]byte{custom(func(c *sm.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		})}, then, ErrChain},
		"expired":                         {[][]byte{leaf, middleDER}, until, ErrCertificateDates},
		"not yet valid":                   {[][]byte{leaf, middleDER}, from.Add(-time.Second), ErrCertificateDates},
		"no time":                         {[][]byte{leaf, middleDER}, time.Time{}, ErrCertificateDates},
		"intermediate expired":            {[][]byte{underExpired, expiredMiddle.Certificate()}, then, ErrCertificateDates},
		"intermediate may not sign":       {[][]byte{underNoSign, noSign.Certificate()}, then, ErrChain},
		"below an authority without room": {[][]byte{underSecond, second.Certificate(), middleDER}, then, ErrChain},
		"P-384":                           {[][]byte{der384}, then, ErrCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := anchors.Verify(c.x5c, c.now)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, got)
		})
	}
	none, err := NewAnchors()
	require.NoError(t, err)
	_, err = none.Verify([][]byte{leaf, middleDER}, then)
	require.ErrorIs(t, err, ErrChain, "without anchors nothing is trusted, least of all the system's")
	for name, bad := range map[string][]byte{"garbage": {1, 2}, "leaf": leaf, "P-384": der384} {
		_, err := NewAnchors(bad)
		require.ErrorIs(t, err, ErrCertificate, name)
	}
}

// An SM2 key must not sign certificates with ECDSA, nor a P-256 key with SM2: the library
// would verify both.
func TestChainAlgorithmConfusion(t *testing.T) {
	ca := authority(t, SM2)
	k := generate(t, SM2)
	template, err := leafTemplate().certificate()
	require.NoError(t, err)
	template.KeyUsage, template.BasicConstraintsValid = sm.KeyUsageDigitalSignature, true
	good, err := sm.CreateCertificate(template, ca.certificate, k.Public().ECDSA(), ca.key.CryptoKey())
	require.NoError(t, err)
	c, err := sm.ParseCertificate(good)
	require.NoError(t, err)

	// Rewrite both algorithm identifiers to ecdsa-with-SHA256 and sign the new body as ECDSA.
	sm2OID, ecOID := []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75}, []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}
	require.Equal(t, 1, bytes.Count(c.RawTBSCertificate, sm2OID))
	tbs := bytes.Replace(c.RawTBSCertificate, sm2OID, ecOID, 1)
	ec := &ecdsa.PrivateKey{PublicKey: *ca.key.public.ECDSA(), D: new(big.Int).SetBytes(ca.key.scalar())}
	digest := sha256.Sum256(tbs)
	sig, err := ecdsa.SignASN1(rand.Reader, ec, digest[:])
	require.NoError(t, err)
	body := append(append(bytes.Clone(tbs), ecOID...), append([]byte{0x03, byte(len(sig) + 1), 0}, sig...)...)
	require.Greater(t, len(body), 255)
	forged := append([]byte{0x30, 0x82, byte(len(body) >> 8), byte(len(body))}, body...)

	anchors, err := NewAnchors(ca.Certificate())
	require.NoError(t, err)
	_, err = anchors.Verify([][]byte{good}, then)
	require.NoError(t, err)
	_, err = anchors.Verify([][]byte{forged}, then)
	require.ErrorIs(t, err, ErrChain)
}

func FuzzAnchorsVerify(f *testing.F) {
	ca := authority(f, SM2)
	k := generate(f, SM2)
	leaf, err := ca.Issue(k.Public(), leafTemplate())
	require.NoError(f, err)
	anchors, err := NewAnchors(ca.Certificate())
	require.NoError(f, err)
	f.Add(leaf, []byte{})
	f.Add(leaf, ca.Certificate())
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x00}, []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x5c := [][]byte{a}
		if len(b) > 0 {
			x5c = append(x5c, b)
		}
		got, err := anchors.Verify(x5c, then)
		if err == nil {
			require.True(t, got.Key.Equal(k.Public()))
		}
	})
}

func TestPEM(t *testing.T) {
	for _, a := range both {
		k := generate(t, a)
		public, err := MarshalPublicPEM(k.Public())
		require.NoError(t, err)
		back, err := ParsePublicPEM(public)
		require.NoError(t, err)
		require.True(t, back.Equal(k.Public()))
		private, err := MarshalPrivatePEM(k)
		require.NoError(t, err)
		same, err := ParsePrivatePEM(private)
		require.NoError(t, err)
		require.Equal(t, k.scalar(), same.scalar())
		_, err = ParsePublicPEM(private)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = ParsePrivatePEM(public)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = ParsePublicPEM(append(bytes.Clone(public), public...))
		require.ErrorIs(t, err, ErrMalformed, "one key, not two")
		_, err = ParsePublicPEM(public[:len(public)/2])
		require.ErrorIs(t, err, ErrMalformed)
	}
	for _, bad := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", strings.Repeat("-", 70<<10)} {
		_, err := ParsePrivatePEM([]byte(bad))
		require.ErrorIs(t, err, ErrMalformed)
	}
}

// openssl runs the OpenSSL 3 command line; it is a foreign implementation of all of this.
func openssl(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	require.NoError(t, err, "this test needs the command openssl: install OpenSSL 3 (package openssl)")
	out, err := exec.Command(path, args...).CombinedOutput()
	require.NoError(t, err, "openssl %s (OpenSSL 3 is needed)\n%s", strings.Join(args, " "), out)
	return string(out)
}

func TestOpenSSLCertificate(t *testing.T) {
	for _, a := range both {
		t.Run(string(a), func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, kind string, der []byte) string {
				path := filepath.Join(dir, name)
				require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
				return path
			}
			ca, k := authority(t, a), generate(t, a)
			der, err := ca.Issue(k.Public(), leafTemplate())
			require.NoError(t, err)
			root, leaf := write("root.pem", "CERTIFICATE", ca.Certificate()), write("leaf.pem", "CERTIFICATE", der)

			args := []string{"verify", "-x509_strict", "-attime", "1811808000", "-CAfile", root, leaf}
			if a == SM2 {
				// -vfyopt is for the certificate's own signature: GM/T 0009's identifier again.
				args = append([]string{"verify", "-vfyopt", "distid:" + sm.DefaultID}, args[1:]...)
			}
			require.Contains(t, openssl(t, args...), "leaf.pem: OK")
			theirs := openssl(t, "x509", "-in", leaf, "-noout", "-pubkey")
			p, err := ParsePublicPEM([]byte(theirs))
			require.NoError(t, err)
			require.True(t, p.Equal(k.Public()))
			text := openssl(t, "x509", "-in", leaf, "-noout", "-text", "-nameopt", "utf8")
			require.Contains(t, text, "URI:https://issuer.example/hunan")
			require.Contains(t, text, "DNS:issuer.example")
			require.Contains(t, text, "Digital Signature")

			// The other way round: OpenSSL is the authority and we verify.
			params := []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha256"}
			sign := []string{"-sha256"}
			if a == SM2 {
				params = []string{"-newkey", "sm2", "-sm3", "-sigopt", "distid:" + sm.DefaultID}
				sign = []string{"-sm3", "-sigopt", "distid:" + sm.DefaultID, "-vfyopt", "distid:" + sm.DefaultID}
			}
			path := func(name string) string { return filepath.Join(dir, name) }
			openssl(t, append([]string{"req", "-x509", "-nodes", "-keyout", path("ca.key"), "-out", path("ca.pem"), "-days", "3650", "-subj", "/CN=OpenSSL CA"}, params...)...)
			openssl(t, append([]string{"req", "-nodes", "-new", "-keyout", path("end.key"), "-out", path("end.csr"), "-subj", "/CN=end/O=Org"}, params...)...)
			require.NoError(t, os.WriteFile(path("ext"), []byte("keyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=URI:https://issuer.example/x\n"), 0o600))
			openssl(t, append([]string{"x509", "-req", "-in", path("end.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "365", "-extfile", path("ext"), "-out", path("end.pem")}, sign...)...)
			read := func(name string) []byte {
				data, err := os.ReadFile(path(name))
				require.NoError(t, err)
				block, _ := pem.Decode(data)
				require.NotNil(t, block)
				return block.Bytes
			}
			anchors, err := NewAnchors(read("ca.pem"))
			require.NoError(t, err)
			got, err := anchors.Verify([][]byte{read("end.pem")}, time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.True(t, got.Names("https://issuer.example/x"))
			end, err := os.ReadFile(path("end.key"))
			require.NoError(t, err)
			private, err := ParsePrivatePEM(end)
			require.NoError(t, err)
			require.True(t, private.Public().Equal(got.Key))
		})
	}
}
