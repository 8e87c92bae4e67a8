package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/audit"
)

const origin = "cards.example.gov.cn/v1/audit"

func now() time.Time { return time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC) }

func seed(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func signers(t testing.TB, name string, n byte) []audit.Signer {
	t.Helper()
	ed, err := audit.NewEd25519Signer(name, seed(n))
	require.NoError(t, err)
	private, err := key.FromScalar(key.SM2, seed(n))
	require.NoError(t, err)
	two, err := audit.NewSM2Signer(name, private)
	require.NoError(t, err)
	return []audit.Signer{ed, two}
}

func witness(t testing.TB, name string, n byte) audit.Signer {
	t.Helper()
	w, err := audit.NewWitnessSigner(name, seed(n), now)
	require.NoError(t, err)
	return w
}

func keysOf(t testing.TB, all ...audit.Signer) audit.Keys {
	t.Helper()
	var list []audit.VerifierKey
	for _, s := range all {
		list = append(list, s.Key())
	}
	k, err := audit.NewKeys(list)
	require.NoError(t, err)
	return k
}

func TestCheckpointIsASignedNote(t *testing.T) {
	s := signers(t, origin, 1)
	w := witness(t, "witness.example.org", 9)
	c := audit.Checkpoint{Origin: origin, Size: 42, Root: [32]byte(seed(7))}
	text, err := c.Sign(append(s, w)...)
	require.NoError(t, err)

	// Go's own library, with its own verifier of our Ed25519 key, opens it and knows nothing of
	// the other two lines.
	v, err := note.NewVerifier(s[0].Key().String())
	require.NoError(t, err)
	n, err := note.Open([]byte(text), note.VerifierList(v))
	require.NoError(t, err)
	require.Len(t, n.Sigs, 1)
	require.Len(t, n.UnverifiedSigs, 2)
	require.Equal(t, origin+"\n42\n"+base64.StdEncoding.EncodeToString(seed(7))+"\n", n.Text)

	// The SM2 line is r‖s over the text, under key and hash as STANDARDS say.
	raw, err := base64.StdEncoding.DecodeString(n.UnverifiedSigs[0].Base64)
	require.NoError(t, err)
	private, err := key.FromScalar(key.SM2, seed(1))
	require.NoError(t, err)
	require.NoError(t, private.Public().Verify([]byte(n.Text), raw[4:]))
	require.Len(t, raw, 4+sm.SignatureSize)

	// The cosignature is Ed25519 over "cosignature/v1", the time and the text (C2SP tlog-cosignature).
	raw, err = base64.StdEncoding.DecodeString(n.UnverifiedSigs[1].Base64)
	require.NoError(t, err)
	require.EqualValues(t, now().Unix(), binary.BigEndian.Uint64(raw[4:]))
	public := ed25519.NewKeyFromSeed(seed(9)).Public().(ed25519.PublicKey)
	require.True(t, ed25519.Verify(public, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", now().Unix(), n.Text), raw[12:]))

	signed, err := keysOf(t, append(s, w)...).Open(text)
	require.NoError(t, err)
	require.Equal(t, c, signed.Checkpoint)
	require.Len(t, signed.Witnesses, 1)
	require.Equal(t, now(), signed.Witnesses[0].At)
	signed, err = keysOf(t, s...).Open(text)
	require.NoError(t, err)
	require.Empty(t, signed.Witnesses, "a witness that nobody asked about")
}

func TestCheckpointRefused(t *testing.T) {
	s := signers(t, origin, 1)
	c := audit.Checkpoint{Origin: origin, Size: 42, Root: [32]byte(seed(7))}
	sign := func(c audit.Checkpoint, s ...audit.Signer) string {
		text, err := c.Sign(s...)
		require.NoError(t, err)
		return text
	}
	good := sign(c, s...)
	raw := func(text string, s ...audit.Signer) string {
		list := []note.Signer{}
		for _, one := range s {
			list = append(list, one)
		}
		data, err := note.Sign(&note.Note{Text: text}, list...)
		require.NoError(t, err)
		return string(data)
	}
	k := keysOf(t, append(s, witness(t, "w", 9))...)
	root := base64.StdEncoding.EncodeToString(seed(7))
	for name, tc := range map[string]struct {
		text string
		err  error
	}{
		"only Ed25519":           {sign(c, s[0]), audit.ErrSignature},
		"only SM2":               {sign(c, s[1]), audit.ErrSignature},
		"keys of another":        {sign(c, signers(t, origin, 2)...), audit.ErrSignature},
		"another log":            {sign(audit.Checkpoint{Origin: "other.example", Size: 42, Root: c.Root}, signers(t, "other.example", 1)...), audit.ErrOrigin},
		"another log's name":     {sign(audit.Checkpoint{Origin: "other.example", Size: 42, Root: c.Root}, s...), audit.ErrOrigin},
		"nothing":                {"", audit.ErrCheckpoint},
		"no signatures":          {c.Text(), audit.ErrCheckpoint},
		"cut in a signature":     {good[:len(good)-20], audit.ErrCheckpoint},
		"cut after the first":    {good[:strings.LastIndex(strings.TrimSuffix(good, "\n"), "\n")+1], audit.ErrSignature},
		"size with a zero":       {raw(origin+"\n042\n"+root+"\n", s...), audit.ErrCheckpoint},
		"negative size":          {raw(origin+"\n-1\n"+root+"\n", s...), audit.ErrCheckpoint},
		"huge size":              {raw(origin+"\n18446744073709551615\n"+root+"\n", s...), audit.ErrCheckpoint},
		"short root":             {raw(origin+"\n42\nAAAA\n", s...), audit.ErrCheckpoint},
		"no root":                {raw(origin+"\n42\n", s...), audit.ErrCheckpoint},
		"a line more":            {raw(origin+"\n42\n"+root+"\nmore\n", s...), audit.ErrCheckpoint},
		"huge":                   {good + strings.Repeat("— a AAAAAAAA\n", 10_000), audit.ErrCheckpoint},
		"many signatures":        {good + strings.Repeat("— a AAAAAAAA\n", 150), audit.ErrCheckpoint},
		"cosignature is made up": {good + "— w " + base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, k.Witnesses[0].KeyHash())) + "AAAAAAAA\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Open(tc.text)
			require.Error(t, err)
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			}
		})
	}
	// The last letter of a signature has bits to spare: they are zero, or a checkpoint had four spellings.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range []byte(good) {
		if strings.HasPrefix(good[i:], "=\n") {
			bad := []byte(good)
			if bad[i-1] != '=' && i > strings.Index(good, "\n\n") {
				bad[i-1] = alphabet[strings.IndexByte(alphabet, bad[i-1])+1]
				_, err := k.Open(string(bad))
				require.ErrorIs(t, err, audit.ErrCheckpoint, "%s", bad)
			}
		}
	}
	for i := range []byte(good) {
		bad := []byte(good)
		bad[i] ^= 1
		signed, err := k.Open(string(bad))
		require.Error(t, err, "byte %d turned: %v", i, signed)
	}
}

func TestVerifierKeysRefused(t *testing.T) {
	good := signers(t, origin, 1)[1].Key().String()
	again, err := audit.ParseVerifierKey(good)
	require.NoError(t, err)
	require.True(t, again.SM())
	for _, text := range []string{
		"", "+", "++", "name", "a b+00000000+AQ==", strings.Replace(good, "+", "+0", 1), good + "A", good[:len(good)-4], strings.ToUpper(good), " " + good,
		strings.Repeat("n", 300) + good, "name+00000000+Ag==", "name+deadbeef+/w==",
	} {
		_, err := audit.ParseVerifierKey(text)
		require.ErrorIs(t, err, audit.ErrKey, text)
	}
	_, err = audit.NewKeys([]audit.VerifierKey{signers(t, "one", 1)[0].Key(), signers(t, "two", 1)[0].Key()})
	require.ErrorIs(t, err, audit.ErrKey)
	_, err = audit.NewKeys([]audit.VerifierKey{witness(t, "w", 1).Key()})
	require.ErrorIs(t, err, audit.ErrKey)
	keys, err := audit.ParseVerifierKeys("# of the log\n\n" + good + "\n")
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NotContains(t, fmt.Sprintf("%v %+v %s", signers(t, origin, 1)[0], signers(t, origin, 1)[0], signers(t, origin, 1)[0]), "1 1 1")
}

func TestLeafAndOpening(t *testing.T) {
	e := audit.Event{Kind: "verification.recorded", Actor: "bank", Subject: "v1", Holder: "h", Detail: map[string]string{"purpose": "open-account"}}
	entry := audit.NewEntry(e, now())
	require.NotContains(t, string(entry.Leaf), "bank")
	l, err := audit.ParseLeaf(entry.Leaf)
	require.NoError(t, err)
	require.Equal(t, now(), l.At)
	said, err := l.Open(entry.Opening)
	require.NoError(t, err)
	require.True(t, said.Same(e))
	e.Detail = map[string]string{"purpose": "other"}
	require.False(t, said.Same(e))
	for i := range entry.Opening {
		bad := bytes.Clone(entry.Opening)
		bad[i] ^= 1
		_, err := l.Open(bad)
		require.ErrorIs(t, err, audit.ErrOpening)
	}
	_, err = l.Open(nil)
	require.ErrorIs(t, err, audit.ErrOpening)
	again := audit.NewEntry(said, now())
	require.NotEqual(t, entry.Leaf, again.Leaf, "a fresh salt")
	for _, bad := range []string{
		"", "{}", "null", strings.Replace(string(entry.Leaf), `"v":1`, `"v":2`, 1), strings.Replace(string(entry.Leaf), `{`, `{ `, 1), string(entry.Leaf) + "\n",
		strings.Replace(string(entry.Leaf), `"v":1,`, `"v":1,"v":1,`, 1), strings.Replace(string(entry.Leaf), `"v":1,`, `"v":1,"more":1,`, 1), strings.Repeat("x", 1<<17),
	} {
		_, err := audit.ParseLeaf([]byte(bad))
		require.ErrorIs(t, err, audit.ErrLeaf, "%.80s", bad)
	}
}

func FuzzLeaf(f *testing.F) {
	entry := audit.NewEntry(audit.Event{Kind: "a.b", Actor: "c"}, now())
	f.Add(entry.Leaf)
	f.Add([]byte(`{"v":1,"id":"a","at":-1,"kind":"k","commitment":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := audit.ParseLeaf(data); err != nil {
			require.ErrorIs(t, err, audit.ErrLeaf)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	s := signers(f, origin, 1)
	w := witness(f, "w", 9)
	good, err := audit.Checkpoint{Origin: origin, Size: 42, Root: [32]byte(seed(7))}.Sign(append(s, w)...)
	require.NoError(f, err)
	k := keysOf(f, append(s, w)...)
	f.Add(good)
	f.Add(good[:100])
	f.Add("\n\n— a b\n")
	f.Fuzz(func(t *testing.T, text string) {
		if signed, err := k.Open(text); err == nil {
			require.EqualValues(t, 42, signed.Size)
		}
	})
}

func FuzzVerifierKey(f *testing.F) {
	f.Add(signers(f, origin, 1)[1].Key().String())
	f.Add("name+00000000+AQ==")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := audit.ParseVerifierKey(text); err == nil {
			require.Equal(t, text, v.String())
			require.False(t, v.Verify([]byte("text"), []byte("signature")))
		}
	})
}
