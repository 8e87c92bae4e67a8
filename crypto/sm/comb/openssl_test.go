package comb_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/big"
	mathrand "math/rand"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm/comb"
)

var opensslCases = flag.Int("sm2.openssl", 400, "cases to compare with OpenSSL")

// OpenSSL computes SM2 with arithmetic of its own.
func TestOpenSSL(t *testing.T) {
	python, err := exec.LookPath("python3")
	require.NoError(t, err, "python3 calls OpenSSL's libcrypto: run make tools")
	g, err := comb.NewBase(8)
	require.NoError(t, err)
	keys := subjects(t, 8)
	edges := scalars()
	seed := mathrand.Int63()
	random := mathrand.New(mathrand.NewSource(seed))
	var input bytes.Buffer
	var ours [][2]comb.Answer
	good := 0
	for len(ours) < *opensslCases {
		k := keys[random.Intn(len(keys))]
		number := func() *big.Int {
			v := new(big.Int).Rand(random, n)
			if random.Intn(3) == 0 {
				v.Set(edges[random.Intn(len(edges))])
			}
			return v
		}
		r, s := number(), number()
		e, ok := fitting(k, r, s)
		if !ok || random.Intn(3) == 0 {
			e = number()
		}
		var eb, rb, sb [32]byte
		e.FillBytes(eb[:])
		r.FillBytes(rb[:])
		s.FillBytes(sb[:])
		point := make([]byte, 65)
		point[0] = 4
		k.key.X.FillBytes(point[1:33])
		k.key.Y.FillBytes(point[33:])
		fmt.Fprintf(&input, "%x %x %x%x\n", point, eb, rb, sb)
		answers := [2]comb.Answer{comb.Verify(g, k.wide, &eb, &rb, &sb), comb.Verify(g, k.small, &eb, &rb, &sb)}
		if answers[0] == comb.Good {
			good++
		}
		ours = append(ours, answers)
	}
	lines := bytes.Split(input.Bytes(), []byte("\n"))
	cmd := exec.Command(python, "testdata/openssl.py")
	cmd.Stdin = &input
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	theirs := bufio.NewScanner(bytes.NewReader(out))
	for i, answers := range ours {
		require.True(t, theirs.Scan(), "OpenSSL stopped at case %d: %s", i, complaint.String())
		for _, a := range answers {
			if a != comb.Exceptional && (a == comb.Good) != (theirs.Text() == "1") {
				t.Fatalf("seed %d, case %d: OpenSSL says %s, we %d: %s", seed, i, theirs.Text(), a, lines[i])
			}
		}
	}
	t.Logf("seed %d: %d cases, %d good", seed, len(ours), good)
	require.Greater(t, good, len(ours)/3)
}
