package sm

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm4"
	"github.com/stretchr/testify/require"
)

// Foreign checks: two implementations that share no code with gmsm must agree with us, both
// ways. A missing tool fails the test, because an unchecked agreement is not an agreement.

func runOpenSSL(t *testing.T, stdin []byte, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	require.NoError(t, err, "this test needs the command openssl: install OpenSSL 3 (package openssl)")
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("openssl %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func openssl(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	out, err := runOpenSSL(t, stdin, args...)
	require.NoError(t, err, "OpenSSL 3 is needed (package openssl)")
	return out
}

func writePEM(t *testing.T, path, kind string, der []byte) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

var messages = [][]byte{{}, []byte("message digest"), []byte("湖南省公安厅"), bytes.Repeat([]byte{0}, 64), bytes.Repeat([]byte("0123456789"), 1000)}

func TestOpenSSLSignatures(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	ours, err := GenerateKey()
	require.NoError(t, err)
	spki, err := MarshalPKIX(ours.Public().ECDSA())
	require.NoError(t, err)
	pkcs8, err := MarshalPKCS8(ours.SM2())
	require.NoError(t, err)
	public, private := writePEM(t, path("public.pem"), "PUBLIC KEY", spki), writePEM(t, path("private.pem"), "PRIVATE KEY", pkcs8)

	// OpenSSL reads our private key and derives the same public one.
	block, _ := pem.Decode(openssl(t, nil, "pkey", "-in", private, "-pubout"))
	require.NotNil(t, block)
	k, err := ParsePKIX(block.Bytes)
	require.NoError(t, err)
	require.True(t, k.Equal(ours.Public().ECDSA()))

	// A key that OpenSSL made.
	openssl(t, nil, "genpkey", "-algorithm", "SM2", "-out", path("theirs.pem"))
	openssl(t, nil, "pkey", "-in", path("theirs.pem"), "-pubout", "-out", path("theirs.pub"))
	data, err := os.ReadFile(path("theirs.pub"))
	require.NoError(t, err)
	block, _ = pem.Decode(data)
	require.NotNil(t, block)
	theirEC, err := ParsePKIX(block.Bytes)
	require.NoError(t, err)
	theirs, err := FromECDSA(theirEC)
	require.NoError(t, err)
	data, err = os.ReadFile(path("theirs.pem"))
	require.NoError(t, err)
	block, _ = pem.Decode(data)
	require.NotNil(t, block)
	v, err := ParsePKCS8(block.Bytes)
	require.NoError(t, err)
	theirPrivate, ok := v.(*PrivateKey)
	require.True(t, ok)
	require.Equal(t, theirs.Bytes(), theirPrivate.Public().Bytes())

	id := "distid:" + DefaultID
	for i, message := range messages {
		in := path("message")
		require.NoError(t, os.WriteFile(in, message, 0o600))
		for round := range 4 {
			t.Run(fmt.Sprintf("message %d round %d", i, round), func(t *testing.T) {
				sig, err := ours.Sign(message)
				require.NoError(t, err)
				der, err := ToDER(sig)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path("sig"), der, 0o600))
				require.Contains(t, string(openssl(t, nil, "dgst", "-sm3", "-verify", public, "-sigopt", id, "-signature", path("sig"), in)), "Verified OK")
				require.Contains(t, string(openssl(t, nil, "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-digest", "sm3", "-pkeyopt", id, "-in", in, "-sigfile", path("sig"))), "Verified Successfully")
				_, err = runOpenSSL(t, nil, "dgst", "-sm3", "-verify", path("theirs.pub"), "-sigopt", id, "-signature", path("sig"), in)
				require.Error(t, err, "another key")
				_, err = runOpenSSL(t, nil, "dgst", "-sm3", "-verify", public, "-sigopt", "distid:someone else", "-signature", path("sig"), in)
				require.Error(t, err, "another identifier makes another Z_A")

				der = openssl(t, nil, "dgst", "-sm3", "-sign", path("theirs.pem"), "-sigopt", id, in)
				sig, err = FromDER(der)
				require.NoError(t, err)
				require.NoError(t, theirs.Verify(message, sig))
				require.ErrorIs(t, theirs.Verify(append([]byte("x"), message...), sig), ErrSignature)
				require.ErrorIs(t, theirs.Verify(message, der), ErrEncoding)
				der = openssl(t, nil, "dgst", "-sm3", "-sign", path("theirs.pem"), "-sigopt", "distid:another one", in)
				sig, err = FromDER(der)
				require.NoError(t, err)
				require.ErrorIs(t, theirs.Verify(message, sig), ErrSignature, "the identifier is fixed")
			})
		}
	}
}

func TestOpenSSLDigest(t *testing.T) {
	dir := t.TempDir()
	args := []string{"dgst", "-sm3", "-r"}
	var want []string
	data := make([]byte, 5000)
	for i := range data {
		data[i] = byte(i * i)
	}
	// All lengths around one and two blocks, and some beyond.
	for n := 0; n <= 130; n++ {
		args = append(args, sampleFile(t, dir, n, data[:n]))
		want = append(want, fmt.Sprintf("%x", Sum(data[:n])))
	}
	for _, n := range []int{255, 256, 511, 1000, 4096, 5000} {
		args = append(args, sampleFile(t, dir, n, data[:n]))
		want = append(want, fmt.Sprintf("%x", Sum(data[:n])))
	}
	lines := strings.Split(strings.TrimSpace(string(openssl(t, nil, args...))), "\n")
	require.Len(t, lines, len(want))
	for i, line := range lines {
		require.True(t, strings.HasPrefix(line, want[i]), "%s: %s", line, want[i])
	}
}

func sampleFile(t *testing.T, dir string, n int, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("%05d", n))
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// The command line of OpenSSL refuses GCM, so SM4 is compared as a block cipher and in counter
// mode, of which GCM is made; GCM itself has RFC 8998's vector and the generic GCM.
func TestOpenSSLSM4(t *testing.T) {
	for i := range 8 {
		key, iv := Sum([]byte{byte(i), 1}), Sum([]byte{byte(i), 2})
		plain := bytes.Repeat(iv[:], 4+i)
		block, err := sm4.NewCipher(key[:16])
		require.NoError(t, err)
		want := make([]byte, len(plain))
		for at := 0; at < len(plain); at += 16 {
			block.Encrypt(want[at:], plain[at:])
		}
		require.Equal(t, want, openssl(t, plain, "enc", "-sm4-ecb", "-nopad", "-K", hex.EncodeToString(key[:16])))

		// GCM's first counter block is nonce ‖ 2: without additional data the ciphertext is CTR.
		aead, err := NewGCM(key[:16])
		require.NoError(t, err)
		sealed := aead.Seal(nil, iv[:12], plain, nil)
		ctr := openssl(t, plain, "enc", "-sm4-ctr", "-K", hex.EncodeToString(key[:16]), "-iv", hex.EncodeToString(iv[:12])+"00000002")
		require.Equal(t, ctr, sealed[:len(plain)])
	}
}

// smCrypto is a running driver of the npm package sm-crypto.
type smCrypto struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Scanner
}

type question struct {
	Op        string `json:"op"`
	Private   string `json:"private,omitempty"`
	Public    string `json:"public,omitempty"`
	Message   string `json:"message"`
	Signature string `json:"signature,omitempty"`
	Key       string `json:"key,omitempty"`
	ID        string `json:"id,omitempty"`
	DER       bool   `json:"der,omitempty"`
}

type answer struct {
	Hex    string
	Public string
	OK     bool
	Error  string
}

func startSMCrypto(t *testing.T) *smCrypto {
	t.Helper()
	node, err := exec.LookPath("node")
	require.NoError(t, err, "this test needs the command node: install Node.js 20 or later, then run: make tools")
	require.DirExists(t, "testdata/smcrypto/node_modules/sm-crypto", "this test needs the npm package sm-crypto: run: make tools")
	cmd := exec.Command(node, "driver.mjs")
	cmd.Dir = "testdata/smcrypto"
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
	})
	out := bufio.NewScanner(stdout)
	out.Buffer(nil, 1<<20)
	return &smCrypto{t: t, in: json.NewEncoder(stdin), out: out}
}

func (s *smCrypto) ask(q question) answer {
	s.t.Helper()
	require.NoError(s.t, s.in.Encode(q))
	require.True(s.t, s.out.Scan(), "the driver of sm-crypto stopped; run: make tools")
	var a answer
	require.NoError(s.t, json.Unmarshal(s.out.Bytes(), &a))
	return a
}

func TestSMCrypto(t *testing.T) {
	s := startSMCrypto(t)
	ours, err := GenerateKey()
	require.NoError(t, err)
	public := hex.EncodeToString(ours.Public().Bytes())
	made := s.ask(question{Op: "keygen"})
	theirs, err := ParsePrivateKey(unhex(t, made.Hex))
	require.NoError(t, err)
	require.Equal(t, made.Public, hex.EncodeToString(theirs.Public().Bytes()))
	for i, message := range messages {
		m := hex.EncodeToString(message)
		digest := Sum(message)
		require.Equal(t, hex.EncodeToString(digest[:]), s.ask(question{Op: "sm3", Message: m}).Hex)
		for range 3 {
			sig, err := ours.Sign(message)
			require.NoError(t, err)
			q := question{Op: "verify", Public: public, Message: m, Signature: hex.EncodeToString(sig)}
			require.True(t, s.ask(q).OK, "message %d", i)
			der, err := ToDER(sig)
			require.NoError(t, err)
			require.True(t, s.ask(question{Op: "verify", Public: public, Message: m, Signature: hex.EncodeToString(der), DER: true}).OK)
			q.Message = m + "00"
			require.False(t, s.ask(q).OK)
			q.Message, q.ID = m, "someone else"
			require.False(t, s.ask(q).OK)

			got := s.ask(question{Op: "sign", Private: made.Hex, Public: made.Public, Message: m})
			require.Empty(t, got.Error)
			require.NoError(t, theirs.Public().Verify(message, unhex(t, got.Hex)))
			got = s.ask(question{Op: "sign", Private: made.Hex, Public: made.Public, Message: m, ID: "someone else"})
			require.ErrorIs(t, theirs.Public().Verify(message, unhex(t, got.Hex)), ErrSignature)
			der = unhex(t, s.ask(question{Op: "sign", Private: made.Hex, Public: made.Public, Message: m, DER: true}).Hex)
			require.ErrorIs(t, theirs.Public().Verify(message, der), ErrEncoding)
			raw, err := FromDER(der)
			require.NoError(t, err)
			require.NoError(t, theirs.Public().Verify(message, raw))
		}
	}
	v := readVectors(t)
	require.True(t, strings.EqualFold(v.SM4.Ciphertext, s.ask(question{Op: "sm4", Message: v.SM4.Plaintext, Key: v.SM4.Key}).Hex))
	require.True(t, s.ask(question{Op: "verify", Public: "04" + strings.ToLower(v.SM2.X+v.SM2.Y), Message: hex.EncodeToString([]byte(v.SM2.Message)), Signature: strings.ToLower(v.SM2.R + v.SM2.S)}).OK)
}
