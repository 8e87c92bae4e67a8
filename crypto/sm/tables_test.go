package sm

import (
	"math/big"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/sm/comb"
)

func newTables(t *testing.T, cfg TablesConfig) *Tables {
	t.Helper()
	tables, err := NewTables(cfg)
	require.NoError(t, err)
	return tables
}

func newKey(t *testing.T) *PrivateKey {
	t.Helper()
	k, err := GenerateKey()
	require.NoError(t, err)
	return k
}

func checkBoth(t *testing.T, private *PrivateKey, public *PublicKey) {
	t.Helper()
	message := []byte("出示证照")
	signature, err := private.Sign(message)
	require.NoError(t, err)
	require.NoError(t, public.Verify(message, signature))
	require.ErrorIs(t, public.Verify([]byte("else"), signature), ErrSignature)
	for i := range signature {
		signature[i] ^= 1
		require.Error(t, public.Verify(message, signature), "byte %d", i)
		signature[i] ^= 1
	}
	require.ErrorIs(t, public.Verify(message, signature[:63]), ErrEncoding)
	require.ErrorIs(t, public.Verify(message, make([]byte, 64)), ErrEncoding)
}

func TestKindsOfKeys(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 5})
	issuer, device := newKey(t), newKey(t)

	known := tables.Known(issuer.Public())
	require.True(t, known.fast.entry.table.Load().Wide())
	checkBoth(t, issuer, known)

	first := tables.Returning(device.Public())
	require.Nil(t, first.fast.entry.table.Load(), "a key that comes once costs nothing")
	checkBoth(t, device, first)
	other, err := ParsePublicKey(device.Public().Bytes())
	require.NoError(t, err)
	second := tables.Returning(other)
	require.Same(t, first, second)
	require.False(t, second.fast.entry.table.Load().Wide())
	checkBoth(t, device, second)
	require.Equal(t, Stats{Known: 1, Returning: 1, Wide: 1, Small: 1, Bytes: int64(tables.base.Bytes() + comb.WideBytes(5) + 4096)}, tables.Stats())

	// The trust list names it from now on.
	checkBoth(t, device, tables.Known(other))
	require.True(t, second.fast.entry.table.Load().Wide())
	require.Equal(t, 2, tables.Stats().Known)
}

func TestNoTables(t *testing.T) {
	k := newKey(t)
	var none *Tables
	require.Same(t, k.Public(), none.Known(k.Public()))
	require.Equal(t, Stats{}, none.Stats())
	off := newTables(t, TablesConfig{Mode: Library})
	require.Same(t, k.Public(), off.Known(k.Public()))
	require.Same(t, k.Public(), off.Returning(k.Public()))
	require.Equal(t, Stats{}, off.Stats())
	_, err := NewTables(TablesConfig{Width: 20})
	require.ErrorContains(t, err, "windows")
}

// Memory for two wide tables and three keys: the third gets its place by being used.
func TestMemoryIsBounded(t *testing.T) {
	size := int64(comb.WideBytes(5))
	tables := newTables(t, TablesConfig{Width: 5, Memory: 2*size + 1})
	a, b, c := newKey(t), newKey(t), newKey(t)
	tables.Known(a.Public())
	tables.Known(b.Public())
	slow := tables.Known(c.Public())
	require.Nil(t, slow.fast.entry.table.Load(), "it may be one of ten thousand that come once a day")
	require.Same(t, slow, tables.Known(c.Public()))
	require.False(t, slow.fast.entry.table.Load().Wide(), "a small one meanwhile")
	checkBoth(t, c, slow)
	for range busy {
		tables.Known(b.Public())
		tables.Known(c.Public())
	}
	require.True(t, slow.fast.entry.table.Load().Wide())
	idle := tables.keys[[64]byte(a.Public().point[1:])].Value.(*entry)
	require.Nil(t, idle.table.Load(), "the one that was not used gave way")
	checkBoth(t, a, idle.key)
	require.Equal(t, 2, tables.Stats().Wide)
	require.Equal(t, 2, tables.wide.Len())
}

func TestReturningKeysAreBounded(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 5, Returning: 4})
	first := newKey(t)
	held := tables.Returning(first.Public())
	tables.Returning(first.Public())
	for range 20 {
		k := newKey(t).Public()
		tables.Returning(k)
		tables.Returning(k)
	}
	require.Equal(t, 4, tables.Stats().Returning)
	require.Len(t, tables.keys, 4)
	require.Nil(t, held.fast.entry.table.Load())
	checkBoth(t, first, held) // who still has it goes on
}

// Ten thousand known keys that come in turn, each now and then: they build no table that nobody
// uses, and do not drive out those that stand.
func TestManyKnownKeysInTurn(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 4, Memory: 2 * int64(comb.WideBytes(4)), Returning: 4})
	held := []*PublicKey{tables.Known(newKey(t).Public()), tables.Known(newKey(t).Public())}
	keys := make([]*PublicKey, 20)
	for i := range keys {
		keys[i] = newKey(t).Public()
	}
	for range 20 {
		for _, k := range keys {
			require.Nil(t, tables.Known(k).fast.entry.table.Load())
		}
	}
	for _, k := range held {
		require.True(t, k.fast.entry.table.Load().Wide())
	}
	require.Equal(t, 2, tables.Stats().Wide)
	require.Zero(t, tables.Stats().Small)
	require.Len(t, tables.keys, 6)
}

// Anybody can name a known issuer in what she sends, and so have a key counted. What that moves is
// one table in 256 tries, and never that of a key in use.
func TestThrashing(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 4, Memory: 2 * int64(comb.WideBytes(4))})
	hot := tables.Known(newKey(t).Public())
	tables.Known(newKey(t).Public())
	cold := make([]*PublicKey, 4)
	for i := range cold {
		cold[i] = newKey(t).Public()
	}
	moved := 0
	last := make([]*comb.Table, len(cold))
	for i := range 4 * 4 * busy {
		k := tables.Known(cold[i%len(cold)])
		require.Same(t, hot, tables.Known(hot))
		require.True(t, hot.fast.entry.table.Load().Wide())
		if table := k.fast.entry.table.Load(); table != last[i%len(cold)] && table != nil && table.Wide() {
			moved++
		}
		last[i%len(cold)] = k.fast.entry.table.Load()
	}
	require.Positive(t, moved)
	require.LessOrEqual(t, moved, 4*4)
	require.Equal(t, 2, tables.Stats().Wide)
}

// A key that is forgotten while its table is built leaves nothing behind.
func TestForgottenWhileBuilding(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 4, Returning: 1})
	k := newKey(t).Public()
	tables.Returning(k)
	e, width, earned := tables.note(k, false)
	require.True(t, earned)
	require.Zero(t, width)
	_, _, again := tables.note(k, true)
	require.False(t, again, "one builds")
	tables.Returning(newKey(t).Public())
	tables.build(e, width)
	require.Nil(t, e.table.Load())
	require.Len(t, tables.keys, 1)

	// Meanwhile it came back.
	tables.Returning(k)
	first, width, earned := tables.note(k, false)
	require.True(t, earned)
	tables.Returning(newKey(t).Public())
	tables.Returning(k)
	second, _, earned := tables.note(k, false)
	require.True(t, earned)
	require.NotSame(t, first, second)
	tables.build(first, width)
	require.Nil(t, second.table.Load())
	tables.build(second, width)
	require.NotNil(t, second.table.Load())

	// A wide table in the making is nobody's to evict.
	tables = newTables(t, TablesConfig{Width: 4, Memory: int64(comb.WideBytes(4))})
	e, width, earned = tables.note(k, true)
	require.True(t, earned)
	require.Equal(t, 4, width)
	other := newKey(t).Public()
	for range busy {
		require.Nil(t, wideOf(tables.Known(other)))
	}
	tables.build(e, width)
	for range busy {
		tables.Known(other)
	}
	require.NotNil(t, wideOf(tables.Known(other)))
	require.Nil(t, e.table.Load())
	require.Equal(t, 1, tables.wide.Len())
}

func wideOf(k *PublicKey) *comb.Table {
	if table := k.fast.entry.table.Load(); table != nil && table.Wide() {
		return table
	}
	return nil
}

// Both arithmetics are asked, and a difference is told. Here one is made: the table of another key.
func TestDisagreement(t *testing.T) {
	type difference struct {
		key     string
		library bool
	}
	var seen []difference
	tables := newTables(t, TablesConfig{Mode: Both, Width: 5, Disagreed: func(key, _, _ []byte, library bool) {
		seen = append(seen, difference{string(key), library})
	}})
	k, other := newKey(t), newKey(t)
	public := tables.Known(k.Public())
	checkBoth(t, k, public)
	require.Empty(t, seen)
	public.fast.entry.table.Store(tables.Known(other.Public()).fast.entry.table.Load())
	signature, err := k.Sign([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, public.Verify([]byte("x"), signature), "the library decides")
	require.Equal(t, []difference{{string(k.Public().Bytes()), true}}, seen)
	require.EqualValues(t, 1, tables.Stats().Differences)
}

// A sum that ours cannot add is the library's, in every mode.
func TestExceptionalGoesToTheLibrary(t *testing.T) {
	g, err := ParsePublicKey(publicOf(big.NewInt(1)))
	require.NoError(t, err)
	tables := newTables(t, TablesConfig{Width: 5})
	known := tables.Known(g)
	// s·G + t·Q with Q = G, s = 3, t = n - 3: the point at infinity.
	r, s := new(big.Int).Sub(order, big.NewInt(6)), big.NewInt(3)
	signature := join(r, s)
	e := make([]byte, 32)
	good, sure := known.fast.verify(e, signature)
	require.False(t, good)
	require.False(t, sure)
	require.Equal(t, referenceVerify(g.Bytes(), e, signature), known.verifyDigest(e, signature) == nil)
}

func TestSelfTestSeesAFault(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 5})
	x, y := [32]byte(newKey(t).Public().point[1:33]), [32]byte{}
	_, err := comb.NewTable(&x, &y, 5)
	require.ErrorIs(t, err, comb.ErrPoint)
	k := newKey(t).Public()
	wrong, err := comb.NewTable((*[32]byte)(k.point[1:33]), (*[32]byte)(k.point[33:]), 5)
	require.NoError(t, err)
	tables.base = wrong
	require.ErrorIs(t, tables.selfTest(), ErrSelfTest)
}

func TestTablesConcurrently(t *testing.T) {
	tables := newTables(t, TablesConfig{Width: 4, Memory: 3 * int64(comb.WideBytes(4)), Returning: 8})
	keys := make([]*PrivateKey, 16)
	signatures := make([][]byte, len(keys))
	for i := range keys {
		keys[i] = newKey(t)
		var err error
		signatures[i], err = keys[i].Sign([]byte("m"))
		require.NoError(t, err)
	}
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			for i := range 400 {
				n := (i*7 + w) % len(keys)
				k := keys[n].Public()
				if n < 6 {
					k = tables.Known(k)
				} else {
					k = tables.Returning(k)
				}
				if err := k.Verify([]byte("m"), signatures[n]); err != nil {
					t.Errorf("key %d: %v", n, err)
				}
				if k.Verify([]byte("n"), signatures[n]) == nil {
					t.Errorf("key %d: a bad signature passes", n)
				}
			}
		})
	}
	wait.Wait()
	s := tables.Stats()
	require.LessOrEqual(t, s.Wide, 3)
	require.LessOrEqual(t, s.Returning, 8)
	require.Equal(t, s.Wide, tables.wide.Len())
	require.Len(t, tables.keys, tables.wide.Len()+tables.rest.Len())
	for _, at := range tables.keys {
		require.False(t, at.Value.(*entry).building)
	}
}
