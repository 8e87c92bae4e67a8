package trustlist_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fixed makes a key that is the same in every run. TEST ONLY, as the names of the files say.
func fixed(t testing.TB, a key.Algorithm, n byte) *key.Private {
	t.Helper()
	k, err := key.FromScalar(a, bytes.Repeat([]byte{n}, 32))
	require.NoError(t, err)
	return k
}

// The JSON of both documents is a contract with verifiers in other languages: a changed name
// shows up here.
func TestWireFormat(t *testing.T) {
	w := newWorld(t, key.SM2)
	for i := range w.rootKeys {
		w.rootKeys[i] = fixed(t, key.SM2, byte(i+1))
		w.roots.Keys[i] = w.rootKeys[i].Public()
	}
	w.signer = fixed(t, key.SM2, 4)
	w.roots.Signers[0].Key = w.signer.Public()
	l := w.list
	l.Domains[0].StatusKeys[0].Key = fixed(t, key.SM2, 5).Public()
	l.Issuers[0].Keys[0].Key = fixed(t, key.SM2, 6).Public()
	l.Issuers[0].Keys = append(l.Issuers[0].Keys, trustlist.DatedKey{Key: fixed(t, key.ES256, 7).Public(), Frozen: true})
	l.Providers[0].Keys[0].Key = fixed(t, key.SM2, 8).Public()
	l.Types = append(l.Types, trustlist.Type{ID: "old-permit", Version: 2, VCT: "https://zz.example.cn/types/old-permit/2", Code: "DEMO001", Frozen: true})

	golden(t, "list.json", []byte(payloadOf(t, w.sign(t))))
	doc, err := w.roots.Sign(w.rootKeys[0], w.rootKeys[1])
	require.NoError(t, err)
	var e struct {
		Payload string `json:"payload"`
	}
	require.NoError(t, json.Unmarshal(doc, &e))
	payload, err := base64.RawURLEncoding.DecodeString(e.Payload)
	require.NoError(t, err)
	golden(t, "roots.json", payload)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		var b bytes.Buffer
		require.NoError(t, json.Indent(&b, got, "", "  "))
		require.NoError(t, os.WriteFile(path, append(b.Bytes(), '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}
