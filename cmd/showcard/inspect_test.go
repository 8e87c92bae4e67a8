package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

func newInspector(t testing.TB) *inspector {
	types, err := schemas.Embedded()
	require.NoError(t, err)
	all, err := loadSentences()
	require.NoError(t, err)
	return &inspector{types: types, sentences: all, now: time.Now()}
}

func generated(t testing.TB, a key.Algorithm) *key.Private {
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

// certificate is a signed certificate, bound to holder if there is one.
func certificate(t testing.TB, k key.Signer, holder *key.Private, base string, index uint64) string {
	claims := map[string]any{
		"iss": base + "/issuers/hunan-police", "vct": base + "/types/resident-id/1", "iat": time.Now().Add(-time.Hour).Unix(), "nbf": time.Now().Add(-time.Hour).Unix(),
		"exp": time.Now().Add(time.Hour).Unix(), "region": "430102", "status": statuslist.Reference{Index: index, URI: base + "/status/1"}.Claim(),
	}
	if holder != nil {
		claims["cnf"] = map[string]any{"jwk": holder.Public().Confirmation()}
	}
	text, err := sdjwt.Sign(k, sdjwt.Issue{Header: jose.SignHeader{Type: sdjwt.Type}, Hash: sdjwt.SM3, Decoys: 2, Claims: claims, Disclosable: []sdjwt.Claim{
		{Name: "name", Value: "张示例"}, {Name: "sex", Value: "1"}, {Name: "birth_date", Value: "1988-03-12"}, {Name: "over_18", Value: true},
	}})
	require.NoError(t, err)
	return text
}

// samples are one of each kind of thing, with the kind that it is to be told as.
func samples(t testing.TB) map[string][]byte {
	k := generated(t, key.SM2)
	now := time.Now().Truncate(time.Second)
	out := map[string][]byte{}
	put := func(kind, text string, err error) {
		require.NoError(t, err, kind)
		out[kind] = []byte(text)
	}
	ticket, err := qr.FormatTicket("DEMO", [16]byte{1, 2, 3})
	put("ticket", ticket, err)
	put("offline-code", offlineCode(t, k, "阿示例"), nil)
	image, err := qrimage.PNG(ticket, qrimage.Options{})
	put("image", string(image), err)
	put("sd-jwt-vc", certificate(t, k, nil, "https://cards.example.cn", 7), nil)
	holder := generated(t, key.ES256)
	copied, err := sdjwt.Parse(certificate(t, k, holder, "https://cards.example.cn", 7), sdjwt.Type)
	require.NoError(t, err)
	shown, err := copied.Present([]string{"name"}, holder, sdjwt.Binding{Audience: "bank", Nonce: "n", IssuedAt: now})
	put("sd-jwt-vc-presentation", shown, err)
	list, err := statuslist.New(2, 64)
	require.NoError(t, err)
	require.NoError(t, list.Set(3, statuslist.Suspended))
	signed, err := statuslist.Token{Subject: "https://cards.example.cn/status/1", IssuedAt: now, Expires: now.Add(time.Hour), TTL: time.Minute, List: list}.Sign(k, nil)
	put("status-list", signed, err)
	roots, trust := trustOf(t, k, generated(t, key.SM2), "https://cards.example.cn", now)
	put("trust-roots", string(roots), nil)
	put("trust-list", trust, nil)
	assertion, err := access.Assert(k, "bank-1", "https://cards.example.cn", now)
	put("client-assertion", assertion, err)
	token, err := jose.SignJSON(k, jose.SignHeader{Type: "at+jwt"}, map[string]any{"iss": "x", "exp": now.Add(-time.Hour).Unix()})
	put("access-token", token, err)
	jwk, err := json.Marshal(k.Public())
	put("jwk", string(jwk), err)
	set, err := json.Marshal(key.Set{Keys: []*key.Public{k.Public(), holder.Public()}})
	put("jwk-set", string(set), err)
	dir := t.TempDir()
	require.NoError(t, key.WriteFile(filepath.Join(dir, "k"), k))
	private, err := os.ReadFile(filepath.Join(dir, "k"))
	put("jwk-private", string(private), err)
	require.NoError(t, key.NewKeyFile(filepath.Join(dir, "kf")))
	store, err := key.CreateStore(filepath.Join(dir, "ks"), key.Unlock{KeyFile: filepath.Join(dir, "kf")})
	require.NoError(t, err)
	require.NoError(t, store.Add("status/1", k))
	kept, err := os.ReadFile(filepath.Join(dir, "ks"))
	put("keystore", string(kept), err)
	id, err := schemas.NewIdentifier("11100000000013338W001", "11430000MB1D000127", "ABCDEFGH0123456789AB", 1)
	put("identifier", id.String(), err)
	put("citizen-number", "430102198803129911", nil)
	put("uscc", "11430000MB1D000127", nil)
	rows, err := testdata.Files.ReadFile("push/hunan-police.ndjson")
	put("rows", string(rows), err)
	authority, err := key.NewAuthority(k, key.Template{CommonName: "demo CA", NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)})
	require.NoError(t, err)
	put("x509", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate()})), nil)
	return out
}

// trustOf signs roots and a trust list in which k issues resident cards, and signs the status.
func trustOf(t testing.TB, k, listKey *key.Private, base string, now time.Time) (roots []byte, list string) {
	since := now.Add(-24 * time.Hour).Truncate(time.Second)
	root := generated(t, key.SM2)
	roots, err := (&trustlist.Roots{Version: 1, IssuedAt: since, Expires: now.Add(24 * time.Hour), Threshold: 1, Keys: []*key.Public{root.Public()},
		Signers: []trustlist.DatedKey{{Key: listKey.Public(), NotBefore: since}}}).Sign(root)
	require.NoError(t, err)
	keys := []trustlist.DatedKey{{Key: k.Public(), NotBefore: since}}
	name := trustlist.Name{ZH: "湖南省公安厅", EN: "Hunan Police"}
	list, err = (&trustlist.List{
		Version: 3, IssuedAt: since, Expires: now.Add(time.Hour),
		Domains: []trustlist.Domain{{Code: "DEMO", Name: name, BaseURL: base, StatusPrefix: base + "/status/", StatusKeys: keys}},
		Issuers: []trustlist.Issuer{{ID: base + "/issuers/hunan-police", Authority: "11430000MB1D000127", Name: name, Domain: "DEMO",
			Types: []string{"resident-id"}, Regions: []string{"430000"}, Keys: keys}},
		Types: []trustlist.Type{{ID: "resident-id", Version: 1, VCT: base + "/types/resident-id/1", Code: "11100000000013338W001"}},
	}).Sign(listKey)
	require.NoError(t, err)
	return roots, list
}

func TestInspectTellsWhatItIs(t *testing.T) {
	n := newInspector(t)
	for kind, data := range samples(t) {
		t.Run(kind, func(t *testing.T) {
			f, err := n.inspect(data)
			require.NoError(t, err)
			require.Equal(t, kind, f.Kind)
			var out bytes.Buffer
			f.print(&out, "")
			// Nothing personal and nothing secret, unless it was asked for.
			for _, secret := range []string{"张示例", "1988-03-12", "19880312", `"d"`} {
				require.NotContains(t, out.String(), secret)
			}
			b, err := json.Marshal(f)
			require.NoError(t, err)
			require.NotContains(t, string(b), "张示例")
		})
	}
}

func TestInspectDetails(t *testing.T) {
	n := newInspector(t)
	all := samples(t)
	text := func(data []byte) string {
		f, err := n.inspect(data)
		require.NoError(t, err)
		var out bytes.Buffer
		f.print(&out, "")
		return out.String()
	}
	vc := text(all["sd-jwt-vc"])
	for _, want := range []string{"4 here, 2 digests without one", "hash sm3", "place 7 of https://cards.example.cn/status/1", "resident-id", "姓名", "张**", "NOT checked"} {
		require.Contains(t, vc, want)
	}
	shown := text(all["sd-jwt-vc-presentation"])
	for _, want := range []string{"1 here, 5 digests without one", "sd_hash", "matches", "verifies under the key in the certificate"} {
		require.Contains(t, shown, want)
	}
	list := text(all["status-list"])
	require.Contains(t, list, "64 of 2 bit(s)")
	require.Regexp(t, `VALID\s+63`, list)
	require.Regexp(t, `SUSPENDED\s+1`, list)
	require.Contains(t, text(all["trust-list"]), "湖南省公安厅")
	require.Contains(t, text(all["access-token"]), "It has expired")
	require.NotContains(t, text(all["ticket"]), string(all["ticket"][7:33]))
	require.Contains(t, text(all["keystore"]), "entry status/1")

	t.Run("reveal", func(t *testing.T) {
		n.reveal = true
		defer func() { n.reveal = false }()
		require.Contains(t, text(all["sd-jwt-vc"]), "张示例")
	})
	t.Run("wrong check characters are named", func(t *testing.T) {
		require.Contains(t, text([]byte("430102198803129912")), "gives 1")
		require.Contains(t, text([]byte("11430000MB1D000128")), "gives 7")
		id := string(all["identifier"])
		wrong := id[:len(id)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(id, "0")]
		require.Contains(t, text([]byte(wrong)), "gives "+id[len(id)-1:])
	})
	t.Run("a row with faults", func(t *testing.T) {
		line, _, _ := strings.Cut(string(all["rows"]), "\n")
		require.Contains(t, text([]byte(line)), "No problems found")
		require.Contains(t, text([]byte(strings.Replace(line, `"region":"43`, `"region":"99`, 1))), "[region-unknown /region")
		require.Contains(t, text([]byte(line+"\n"+line[:40])), "2, of them 1 with problems")
	})
	t.Run("a tampered disclosure", func(t *testing.T) {
		parts := strings.Split(string(all["sd-jwt-vc"]), "~")
		parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`["salt-salt-salt-salt-sa","name","李四"]`))
		require.Contains(t, text([]byte(strings.Join(parts, "~"))), "every checker refuses it")
	})
	t.Run("an algorithm that nobody takes", func(t *testing.T) {
		token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"x"}`)) + "."
		require.Contains(t, text([]byte(token)), "showcard refuses this token")
	})
}

func TestInspectRefusesTheUnknown(t *testing.T) {
	n := newInspector(t)
	for text, code := range map[string]string{
		"": "input-unrecognised", "   ": "input-unrecognised", "hello": "input-unrecognised", `{"a":1}`: "input-unrecognised", "\x00\x01\xff": "input-unrecognised",
		"SC1DEMO": "code-truncated", "430102880312991": "input-unrecognised", "\x89PNGbroken": "image-format", "-----BEGIN X": "input-unrecognised", "a.b.c": "input-unrecognised",
	} {
		f, err := n.inspect([]byte(text))
		require.Nil(t, f)
		require.Equal(t, code, codeOf(err), text)
	}
}

func FuzzInspect(f *testing.F) {
	n := newInspector(f)
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Add([]byte("eyJ.eyJ.x"))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if isImage(data) {
			return // qrimage has a fuzzer of its own, and images are slow
		}
		found, err := n.inspect(data)
		if err != nil {
			require.Nil(t, found)
			return
		}
		var out bytes.Buffer
		found.print(&out, "")
		require.NotContains(t, out.String(), "\x1b", "a stranger's text must not drive the terminal")
	})
}
