package sm

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A second implementation of SM2 verification, in plain big integers and straight from
// GB/T 32918: slow, and with no assembly to be wrong in. What gmsm answers, on whatever
// processor and with or without -tags purego, is compared with it.

func number(s string) *big.Int {
	v, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return v
}

// GB/T 32918.5 §2.
var (
	prime = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF")
	order = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123")
	coefA = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC")
	coefB = number("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93")
	baseX = number("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7")
	baseY = number("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0")
)

type point struct{ x, y *big.Int } // x nil: infinity

func (p point) add(q point) point {
	switch {
	case p.x == nil:
		return q
	case q.x == nil:
		return p
	}
	var slope *big.Int
	if p.x.Cmp(q.x) == 0 {
		sum := new(big.Int).Add(p.y, q.y)
		if sum.Mod(sum, prime).Sign() == 0 {
			return point{}
		}
		slope = new(big.Int).Mul(p.x, p.x)
		slope.Mul(slope, big.NewInt(3)).Add(slope, coefA)
		slope.Mul(slope, new(big.Int).ModInverse(new(big.Int).Lsh(p.y, 1), prime))
	} else {
		dx := new(big.Int).Sub(q.x, p.x)
		slope = new(big.Int).Sub(q.y, p.y)
		slope.Mul(slope, dx.ModInverse(dx.Mod(dx, prime), prime))
	}
	slope.Mod(slope, prime)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, p.x).Sub(x, q.x).Mod(x, prime)
	y := new(big.Int).Sub(p.x, x)
	y.Mul(y, slope).Sub(y, p.y).Mod(y, prime)
	return point{x, y}
}

func (p point) times(k *big.Int) point {
	var out point
	for i := k.BitLen() - 1; i >= 0; i-- {
		if out = out.add(out); k.Bit(i) == 1 {
			out = out.add(p)
		}
	}
	return out
}

func referencePoint(scalar []byte) (x, y *big.Int) {
	p := point{baseX, baseY}.times(new(big.Int).SetBytes(scalar))
	return p.x, p.y
}

// combine returns x of s·G + t·P, nil at infinity.
func combine(public []byte, s, t *big.Int) *big.Int {
	p := point{new(big.Int).SetBytes(public[1:33]), new(big.Int).SetBytes(public[33:])}
	return point{baseX, baseY}.times(s).add(p.times(t)).x
}

// referenceVerify is GB/T 32918.2 §7.1 from B5 on, over a digest e.
func referenceVerify(public, e, signature []byte) bool {
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(order) >= 0 || s.Cmp(order) >= 0 {
		return false
	}
	t := new(big.Int).Add(r, s)
	if t.Mod(t, order).Sign() == 0 {
		return false
	}
	x := combine(public, s, t)
	if x == nil {
		return false
	}
	x.Add(x, new(big.Int).SetBytes(e))
	return x.Mod(x, order).Cmp(r) == 0
}

func onCurve(x, y *big.Int) bool {
	right := new(big.Int).Exp(x, big.NewInt(3), prime)
	right.Add(right, new(big.Int).Mul(coefA, x)).Add(right, coefB).Mod(right, prime)
	left := new(big.Int).Mul(y, y)
	return left.Mod(left, prime).Cmp(right) == 0
}

var update = flag.Bool("update", false, "write testdata/verify.jsonl anew")

// tableRow is one line of testdata/verify.jsonl; all but OK in hex.
type tableRow struct {
	Public    string `json:"public"`
	Digest    string `json:"digest"`
	Signature string `json:"signature"`
	OK        bool   `json:"ok"`
}

// scalars are numbers at which carries, borrows and reductions go wrong: all ones, single
// bits at the borders of limbs, runs of zeros and ones, the order's own neighbourhood.
func scalars() []*big.Int {
	var out []*big.Int
	for _, s := range []string{"1", "2", "3", "ff", "ffffffff", "100000000", "ffffffffffffffff", "10000000000000000", "ffffffffffffffffffffffffffffffff",
		"100000000000000000000000000000000", "ffffffff00000000ffffffff00000000ffffffff00000000ffffffff00000000", "00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff",
		"8000000000000000800000000000000080000000000000008000000000000000", "7fffffffffffffff7fffffffffffffff7fffffffffffffff7fffffffffffffff",
		"fffffffe00000000000000000000000000000000000000000000000000000001", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		out = append(out, new(big.Int).Mod(number(s), order))
	}
	for _, d := range []int64{1, 2, 3, 1 << 32} {
		out = append(out, new(big.Int).Sub(order, big.NewInt(d)))
	}
	half := new(big.Int).Rsh(order, 1)
	return append(out, half, new(big.Int).Add(half, big.NewInt(1)))
}

// craft makes a valid signature with r and s of our choice: the digest follows from them,
// e = r - x(s·G + (r+s)·P). That is no forgery, since nobody knows a message for it.
func craft(public []byte, r, s *big.Int) (digest []byte, ok bool) {
	t := new(big.Int).Add(r, s)
	if t.Mod(t, order).Sign() == 0 {
		return nil, false
	}
	x := combine(public, s, t)
	if x == nil {
		return nil, false
	}
	e := new(big.Int).Sub(r, x)
	return e.Mod(e, order).FillBytes(make([]byte, 32)), true
}

func join(r, s *big.Int) []byte {
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

func publicOf(d *big.Int) []byte {
	x, y := referencePoint(d.Bytes())
	out := make([]byte, 65)
	out[0] = 4
	x.FillBytes(out[1:33])
	y.FillBytes(out[33:])
	return out
}

// makeTable makes some 600 cases, the same ones every time.
func makeTable() []tableRow {
	random := rand.New(rand.NewPCG(560, 2026))
	number := func() *big.Int {
		b := make([]byte, 40)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		v := new(big.Int).SetBytes(b)
		return v.Mod(v, new(big.Int).Sub(order, big.NewInt(2))).Add(v, big.NewInt(1))
	}
	var rows []tableRow
	add := func(public, digest, sig []byte) {
		rows = append(rows, tableRow{hex.EncodeToString(public), hex.EncodeToString(digest), hex.EncodeToString(sig), referenceVerify(public, digest, sig)})
	}
	special := scalars()
	keys := [][]byte{publicOf(big.NewInt(1)), publicOf(big.NewInt(2)), publicOf(new(big.Int).Sub(order, big.NewInt(2))), publicOf(number())}
	for i, r := range special {
		for j, s := range special {
			public := keys[(i+j)%len(keys)]
			digest, ok := craft(public, r, s)
			if !ok {
				add(public, make([]byte, 32), join(r, s)) // r+s = n: refused by §7.1 B5
				continue
			}
			add(public, digest, join(r, s))
		}
	}
	for range 60 { // random numbers, and each once more with one bit wrong
		public, r, s := publicOf(number()), number(), number()
		digest, _ := craft(public, r, s)
		sig := join(r, s)
		add(public, digest, sig)
		sig[random.IntN(64)] ^= 1 << random.IntN(8)
		add(public, digest, sig)
	}
	// Digests that are special, signed with d known: s = (1+d)^-1·(k - r·d).
	for _, e := range [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), order.Bytes(), prime.Bytes(), append(make([]byte, 31), 1)} {
		for range 4 {
			d, k := number(), number()
			x, _ := referencePoint(k.Bytes())
			r := new(big.Int).Add(new(big.Int).SetBytes(e), x)
			r.Mod(r, order)
			s := new(big.Int).Mul(r, d)
			s.Sub(k, s).Mul(s, new(big.Int).ModInverse(new(big.Int).Add(d, big.NewInt(1)), order)).Mod(s, order)
			add(publicOf(d), e, join(r, s))
		}
	}
	return rows
}

const tablePath = "testdata/verify.jsonl"

func TestTable(t *testing.T) {
	if *update {
		var out bytes.Buffer
		for _, row := range makeTable() {
			line, err := json.Marshal(row)
			require.NoError(t, err)
			out.Write(append(line, '\n'))
		}
		require.NoError(t, os.WriteFile(tablePath, out.Bytes(), 0o644))
	}
	file, err := os.Open(tablePath)
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	tables, err := NewTables(TablesConfig{Width: 5, Memory: 1 << 30})
	require.NoError(t, err)
	good, n := 0, 0
	for ; lines.Scan(); n++ {
		var row tableRow
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		p, err := ParsePublicKey(unhex(t, row.Public))
		require.NoError(t, err, "row %d", n+1)
		sig, digest := unhex(t, row.Signature), unhex(t, row.Digest)
		if n%16 == 0 { // a sample, because the reference is slow
			require.Equal(t, row.OK, referenceVerify(p.Bytes(), digest, sig), "row %d", n+1)
		}
		for _, k := range []*PublicKey{p, tables.Known(p)} {
			err := checkRange(sig)
			if err == nil {
				err = k.verifyDigest(digest, sig)
			}
			require.Equal(t, row.OK, err == nil, "row %d: %v", n+1, err)
		}
		if row.OK {
			good++
		}
	}
	require.NoError(t, lines.Err())
	require.Greater(t, n, 600)
	require.Greater(t, good, 500)
}

// What gmsm signs, the reference accepts.
func TestSignAgainstReference(t *testing.T) {
	for i := range 12 {
		k, err := GenerateKey()
		require.NoError(t, err)
		require.True(t, onCurve(k.Public().ec.X, k.Public().ec.Y))
		require.Equal(t, publicOf(new(big.Int).SetBytes(k.Scalar())), k.Public().Bytes())
		message := bytes.Repeat([]byte{byte(i)}, i*7)
		sig, err := k.Sign(message)
		require.NoError(t, err)
		require.True(t, referenceVerify(k.Public().Bytes(), k.Public().Digest(message), sig))
	}
}

// FuzzVerify compares gmsm with the reference, with numbers that the fuzzer chooses: valid
// signatures crafted from r and s, and the same with another digest.
func FuzzVerify(f *testing.F) {
	for i, s := range scalars() {
		f.Add(s.Bytes(), big.NewInt(int64(i+1)).Bytes(), s.Bytes(), []byte{})
	}
	f.Add(make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), []byte{1}, []byte{2})
	f.Fuzz(func(t *testing.T, d, rb, sb, other []byte) {
		scalar := func(b []byte) *big.Int {
			v := new(big.Int).SetBytes(b[:min(len(b), 40)])
			return v.Mod(v, new(big.Int).Sub(order, big.NewInt(2))).Add(v, big.NewInt(1))
		}
		public, r, s := publicOf(scalar(d)), scalar(rb), scalar(sb)
		p, err := ParsePublicKey(public)
		require.NoError(t, err)
		if digest, ok := craft(public, r, s); ok {
			require.NoError(t, p.verifyDigest(digest, join(r, s)), "public %x r %x s %x", public, r, s)
		}
		digest := Sum(other)
		require.Equal(t, referenceVerify(public, digest[:], join(r, s)), p.verifyDigest(digest[:], join(r, s)) == nil)
	})
}

func FuzzFromDER(f *testing.F) {
	f.Add(unhex(f, "3006020101020102"))
	f.Add(unhex(f, "3046022100BE0EA64E1EC06F0D247093F3CCBBADCFB6260224272F86DDB78326E7CD6C7560022100E9F6AB2FCC48A2CEF94838E66B5C7E21FD8E4DE25990DD98CA5243F4966F2853"))
	f.Fuzz(func(t *testing.T, der []byte) {
		sig, err := FromDER(der)
		if err != nil {
			return
		}
		again, err := ToDER(sig)
		require.NoError(t, err)
		require.Equal(t, der, again, "one signature, one DER")
	})
}

func FuzzParsePublicKey(f *testing.F) {
	good := publicOf(big.NewInt(7))
	f.Add(good)
	f.Add(append([]byte{2}, good[1:33]...))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePublicKey(data)
		if err != nil {
			return
		}
		require.True(t, onCurve(p.ec.X, p.ec.Y))
		again, err := ParsePublicKey(p.Compressed())
		require.NoError(t, err)
		require.Equal(t, p.Bytes(), again.Bytes())
	})
}
