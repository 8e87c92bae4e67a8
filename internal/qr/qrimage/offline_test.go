package qrimage

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// What the offline views of every type take, with values as long as real ones get: minority names
// with dots, company names of 40 characters, addresses of 40.
var longClaims = schemas.Claims{
	"name": "阿卜杜热西提·阿布都热依木江·买买提明", "id_number": "430102198803129911", "social_security_number": "430102198803129911", "birth_date": "1948-03-12",
	"valid_until": "2040-05-18", "card_region": "430100", "insured_region": "430000", "insurance_type": "310", "id_type": "111", "vehicle_classes": "A1A2D",
	"plate_number": "湘AD12345", "plate_type": "52", "vehicle_type": "重型半挂牵引车（危险货物运输）", "owner": "湖南长沙市样例危险货物运输有限责任公司", "brand_model": "样例牌重型半挂牵引车YL4250L6ZNQE23",
	"vehicle_use": "A", "unified_social_credit_code": "91430100MA4L16JQ9B", "domicile": "湖南省长沙市岳麓区麓谷街道岳麓西大道五百八十八号芯城科技园七栋十二层一二零四室",
}

const longCompany = "湖南长沙市样例新一代信息技术先进制造融合发展产业投资基金管理合伙企业（有限合伙）"

func longOf(typ *schemas.Type) schemas.Claims {
	c := longClaims.Clone()
	if typ.ID == "business-licence" {
		c["name"] = longCompany
	}
	return c
}

// offlineCode signs a view and shows it for the scene with the longest name.
func offlineCode(t testing.TB, typ *schemas.Type, view string, issuer, device *key.Private) (text string, c sdcwt.Claims) {
	t.Helper()
	now := time.Unix(1800000000, 0)
	short, _, err := typ.OfflineView(view, longOf(typ), now)
	require.NoError(t, err, "%s %s", typ.ID, view)
	c = sdcwt.Claims{Serial: sdcwt.NewSerial(), IssuedAt: now, Expires: now.Add(sdcwt.MaxLifetime), Device: device.Public(),
		View: sdcwt.View{Type: short.Type, Version: short.Version, View: short.View, Region: "430102", Values: short.Values}}
	cwt, err := sdcwt.Issue(t.Context(), issuer, c)
	require.NoError(t, err)
	token, err := sdcwt.Prove(t.Context(), device, cwt, sdcwt.Proof{Audience: "hospital", IssuedAt: now})
	require.NoError(t, err)
	text, err = qr.Format(qr.Code{Kind: qr.Offline, Offline: token})
	require.NoError(t, err)
	return text, c
}

func signers(t testing.TB) map[key.Algorithm][2]*key.Private {
	t.Helper()
	out := map[key.Algorithm][2]*key.Private{}
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		var pair [2]*key.Private
		for i := range pair {
			k, err := key.Generate(a)
			require.NoError(t, err)
			pair[i] = k
		}
		out[a] = pair
	}
	return out
}

// The table of docs/formats.md §3.4. Signatures have a fixed length, so sizes do not vary.
func TestOfflineSizes(t *testing.T) {
	require.Len(t, []rune(longCompany), 40)
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)
	page, err := os.ReadFile("../../../docs/formats.md")
	require.NoError(t, err)
	keys := signers(t)
	for _, typ := range catalogue.Types() {
		for _, view := range typ.Offline.Views {
			row := fmt.Sprintf("| `%s` | `%s` |", typ.ID, view)
			for _, a := range []key.Algorithm{key.SM2, key.ES256} {
				text, _ := offlineCode(t, typ, view, keys[a][0], keys[a][1])
				version, err := Version(text, M)
				require.NoError(t, err)
				row += fmt.Sprintf(" %d | %d-M |", len(text), version)
				if view == "identity" && slices.Contains([]string{"resident-id", "drivers-licence", "business-licence"}, typ.ID) {
					require.LessOrEqual(t, len(text), 656)
				}
			}
			if !strings.Contains(string(page), row) {
				t.Errorf("docs/formats.md §3.4 lacks\n%s", row)
			}
		}
	}
}

// Every offline view of every type is read back exactly, by zbar and by what Scan uses, gozxing.
func TestOfflineViewsAreRead(t *testing.T) {
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)
	keys := signers(t)
	var names, want []string
	var pictures [][]byte
	for _, typ := range catalogue.Types() {
		for _, view := range typ.Offline.Views {
			for a, k := range keys {
				for _, module := range []int{3, 5, 8} {
					text, claims := offlineCode(t, typ, view, k[0], k[1])
					name := fmt.Sprintf("%s %s %s, module %d", typ.ID, view, a, module)
					data, err := PNG(text, Options{Module: module})
					require.NoError(t, err)
					names, want, pictures = append(names, name), append(want, text), append(pictures, data)
					got, err := Scan(data)
					require.NoError(t, err, name)
					require.Equal(t, []string{text}, got, name)
					code, err := qr.Parse(got[0])
					require.NoError(t, err)
					token, err := sdcwt.Parse(code.Offline)
					require.NoError(t, err)
					require.NoError(t, token.Verify(k[0].Public(), sdcwt.Expect{Now: claims.IssuedAt, Audiences: []string{"hospital"}}))
					require.Equal(t, claims.View, token.Claims.View, name)
				}
			}
		}
	}
	requireZbarReads(t, names, pictures, want)
}

// A code on another phone's screen, as a camera sees it.
func TestScanDistortedOfflineViews(t *testing.T) {
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)
	keys := signers(t)[key.SM2]
	r := seeded()
	for _, name := range []string{"resident-id", "drivers-licence", "business-licence"} {
		typ, err := catalogue.Type(name)
		require.NoError(t, err)
		text, _ := offlineCode(t, typ, "identity", keys[0], keys[1])
		img := drawn(t, text, 6)
		for label, picture := range map[string][]byte{
			"rotated":     asPNG(t, rotated(img, 7, 0xff)),
			"blurred":     asPNG(t, blurred(img, 1.2)),
			"dimmed":      asPNG(t, contrast(img, 40, 120)),
			"in shadow":   asPNG(t, shadow(img)),
			"noisy":       asPNG(t, noisy(img, 12, r)),
			"perspective": asPNG(t, tilted(img, 0.03)),
			"JPEG":        asJPEG(t, img, 60),
		} {
			got, err := Scan(picture)
			require.NoError(t, err, "%s %s", name, label)
			require.Equal(t, []string{text}, got, "%s %s", name, label)
		}
	}
}

// zlib would make most codes longer: signatures, keys and serials do not compress (decision 31).
func TestCompressionDoesNotHelp(t *testing.T) {
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)
	keys := signers(t)[key.SM2]
	for _, typ := range catalogue.Types() {
		for _, view := range typ.Offline.Views {
			text, _ := offlineCode(t, typ, view, keys[0], keys[1])
			code, err := qr.Parse(text)
			require.NoError(t, err)
			require.Greater(t, deflated(t, code.Offline), len(code.Offline)-8, "%s %s", typ.ID, view)
		}
	}
}

// deflated is how long zlib's best makes it.
func deflated(t testing.TB, data []byte) int {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Len()
}
