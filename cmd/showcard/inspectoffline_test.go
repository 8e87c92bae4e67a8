package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// offlineCode is a resident ID's view identity, shown now.
func offlineCode(t testing.TB, issuer *key.Private, name string) string {
	types, err := schemas.Embedded()
	require.NoError(t, err)
	id, err := types.Type("resident-id")
	require.NoError(t, err)
	now := time.Now()
	view, _, err := id.OfflineView("identity", schemas.Claims{"name": name, "id_number": "430102198803129911", "valid_until": "2040-05-18"}, now)
	require.NoError(t, err)
	device := generated(t, key.ES256)
	cwt, err := sdcwt.Issue(t.Context(), issuer, sdcwt.Claims{Serial: sdcwt.NewSerial(), IssuedAt: now, Expires: now.Add(time.Hour), Device: device.Public(),
		View: sdcwt.View{Type: view.Type, Version: view.Version, View: view.View, Region: "430102", Values: view.Values}})
	require.NoError(t, err)
	token, err := sdcwt.Prove(t.Context(), device, cwt, sdcwt.Proof{Audience: "bank", IssuedAt: now})
	require.NoError(t, err)
	return qr.FormatOffline(token)
}

func TestInspectOfflineCode(t *testing.T) {
	n := newInspector(t)
	text := func(data string) string {
		f, err := n.inspect([]byte(data))
		require.NoError(t, err)
		var out bytes.Buffer
		f.print(&out, "")
		return out.String()
	}
	code := offlineCode(t, generated(t, key.SM2), "阿示例")
	told := text(code)
	for _, want := range []string{"resident-id", "identity", "阿**", "4****************1", "2040-05-18", "湖南省长沙市", "bank", "verifies under the device's key", "-M", "was not checked"} {
		require.Contains(t, told, want)
	}
	for _, not := range []string{"阿示例", "430102198803129911", "offline-"} {
		require.NotContains(t, told, not)
	}
	require.Equal(t, told, text(strings.ToLower(code)), "a scanner that types lower case")

	n.now = n.now.Add(2 * time.Hour)
	told = text(code)
	require.Contains(t, told, "offline-expired")
	require.Contains(t, told, "offline-proof-expired")
	require.Contains(t, told, "verifies under the device's key", "late is not forged")

	last := map[bool]string{true: "B", false: "A"}[code[len(code)-40] == 'A']
	require.Contains(t, text(code[:len(code)-40]+last+code[len(code)-39:]), "offline-proof-invalid")
	require.Contains(t, text("SC2"+strings.Repeat("3", 8)), "offline-cbor-")
}

func TestInspectSDCWT(t *testing.T) {
	n := newInspector(t)
	data, err := os.ReadFile("../../crypto/sdcwt/testdata/kbt.cbor")
	require.NoError(t, err)
	f, err := n.inspect(data)
	require.NoError(t, err)
	require.Equal(t, "sd-cwt", f.Kind)
	var out bytes.Buffer
	f.print(&out, "")
	require.Contains(t, out.String(), "https://issuer.example")
	require.NotContains(t, out.String(), "ABCD-123456")
	n.reveal = true
	f, err = n.inspect(data)
	require.NoError(t, err)
	out.Reset()
	f.print(&out, "")
	require.Contains(t, out.String(), "ABCD-123456", "a disclosed claim")
}
