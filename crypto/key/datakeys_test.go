package key

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// legacy puts the row of a derived data key into a database, and returns a value sealed under it.
func legacy(t *testing.T, s *Sealer, d *drawer) []byte {
	t.Helper()
	print, err := s.derive("showcard data key fingerprint", 1, 16)
	require.NoError(t, err)
	d.keys = append(d.keys, DataKey{ID: 1, Fingerprint: print, Used: 5})
	aead, err := s.unwrap(d.keys[0])
	require.NoError(t, err)
	out := append([]byte{0, 0, 0, 1}, make([]byte, 12)...)
	return aead.Seal(out, out[4:], []byte("from before"), place("t", "r", "c"))
}

// What early versions sealed under derived keys opens; nothing more is sealed under them.
func TestDerivedDataKeysStillOpen(t *testing.T) {
	keys, d := testStore(t), &drawer{}
	old := legacy(t, testSealer(t, SealerConfig{Keys: keys, DataKeys: &drawer{}}), d)
	s := testSealer(t, SealerConfig{Keys: keys, DataKeys: d})
	got, err := s.Open("t", "r", "c", old)
	require.NoError(t, err)
	require.Equal(t, "from before", string(got))
	v, err := s.Seal("t", "r", "c", nil)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0, 2}, v[:4])
	require.Equal(t, firstKEK, d.keys[1].KEK)

	_, err = NewSealer(SealerConfig{Keys: testStore(t), DataKeys: &drawer{keys: d.keys[:1]}})
	require.ErrorIs(t, err, ErrOtherKeystore)
}

// A data key is random: two databases of one keystore have different ones, and what lies in the
// database opens without the keystore in no way.
func TestDataKeysAreWrapped(t *testing.T) {
	keys := testStore(t)
	a, b := &drawer{}, &drawer{}
	one, two := testSealer(t, SealerConfig{Keys: keys, DataKeys: a}), testSealer(t, SealerConfig{Keys: keys, DataKeys: b})
	v, err := one.Seal("t", "r", "c", []byte("x"))
	require.NoError(t, err)
	_, err = two.Seal("t", "r", "c", []byte("x"))
	require.NoError(t, err)
	_, err = two.Open("t", "r", "c", v)
	require.ErrorIs(t, err, ErrSealed)
	require.Len(t, a.keys[0].Wrapped, 12+16+16)

	// A wrapped key put under another number, or with a changed byte, opens nothing.
	for name, change := range map[string]func(*DataKey){
		"number": func(k *DataKey) { k.ID = 2 },
		"age":    func(k *DataKey) { k.Created = k.Created.Add(time.Second) },
		"byte":   func(k *DataKey) { k.Wrapped[20] ^= 1 },
		"cut":    func(k *DataKey) { k.Wrapped = k.Wrapped[:8] },
		"kek":    func(k *DataKey) { k.KEK = "kek/7" },
	} {
		t.Run(name, func(t *testing.T) {
			k := a.keys[0]
			k.Wrapped = append([]byte(nil), k.Wrapped...)
			change(&k)
			_, err := NewSealer(SealerConfig{Keys: keys, DataKeys: &drawer{keys: []DataKey{k}}})
			require.ErrorIs(t, err, ErrOtherKeystore)
		})
	}
}

func TestDataKeysGrowOld(t *testing.T) {
	now := time.Unix(1e9, 0)
	d := &drawer{}
	s := testSealer(t, SealerConfig{DataKeys: d, Now: func() time.Time { return now }, Life: 24 * time.Hour})
	under := func() byte {
		v, err := s.Seal("t", "r", "c", nil)
		require.NoError(t, err)
		_, err = s.Open("t", "r", "c", v)
		require.NoError(t, err)
		return v[3]
	}
	require.EqualValues(t, 1, under())
	now = now.Add(24*time.Hour - time.Second)
	require.EqualValues(t, 1, under())
	now = now.Add(time.Second)
	require.EqualValues(t, 2, under())
	now = now.Add(240 * time.Hour)
	require.EqualValues(t, 3, under(), "one key, not ten")
}

// A rotation by command in another process reaches the processes that seal within a minute, without
// the database being asked at each value.
func TestRotationReachesOthers(t *testing.T) {
	now := time.Unix(1e9, 0)
	keys, d := testStore(t), &drawer{}
	clock := func() time.Time { return now }
	serving, command := testSealer(t, SealerConfig{Keys: keys, DataKeys: d, Now: clock}), testSealer(t, SealerConfig{Keys: keys, DataKeys: d, Now: clock})
	seal := func(s *Sealer) []byte {
		v, err := s.Seal("t", "r", "c", []byte("x"))
		require.NoError(t, err)
		return v
	}
	require.EqualValues(t, 1, seal(serving)[3])
	id, err := command.RotateDataKey(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, id)
	before := d.reads
	for range 100 {
		require.EqualValues(t, 1, seal(serving)[3])
	}
	require.Equal(t, before, d.reads)
	// What the other process seals with the new key opens here at once.
	_, err = serving.Open("t", "r", "c", seal(command))
	require.NoError(t, err)
	now = now.Add(dataKeyLook)
	require.EqualValues(t, 2, seal(serving)[3])
}

// Another key-encryption key: data keys are wrapped anew, values stay; processes that run, and have
// not heard of it, go on.
func TestRewrap(t *testing.T) {
	dir := t.TempDir()
	unlock := Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, NewKeyFile(unlock.KeyFile))
	keys, err := CreateStore(filepath.Join(dir, "keystore.json"), unlock)
	require.NoError(t, err)
	d := &drawer{}
	maker := testSealer(t, SealerConfig{Keys: keys, DataKeys: d, Limit: 3, Block: 1})
	var sealed [][]byte
	for i := range 10 {
		v, err := maker.Seal("t", fmt.Sprint(i), "c", []byte{byte(i)})
		require.NoError(t, err)
		sealed = append(sealed, v)
	}
	require.Len(t, d.keys, 4)
	running, err := OpenStore(filepath.Join(dir, "keystore.json"), unlock) // before the new one is made
	require.NoError(t, err)
	serving := testSealer(t, SealerConfig{Keys: running, DataKeys: d, Limit: 3, Block: 1})

	// Called off half way: both kinds open; again, and it is done.
	broken := &breaking{drawer: d, left: 2}
	_, err = testSealer(t, SealerConfig{Keys: keys, DataKeys: broken}).Rewrap(t.Context(), "kek/2")
	require.ErrorIs(t, err, errBroken)
	n, err := maker.Rewrap(t.Context(), "kek/2")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for _, k := range d.keys {
		require.Equal(t, "kek/2", k.KEK)
	}
	for i, v := range sealed {
		got, err := serving.Open("t", fmt.Sprint(i), "c", v)
		require.NoError(t, err)
		require.Equal(t, []byte{byte(i)}, got)
	}
	for range 5 {
		_, err := serving.Seal("t", "r", "c", nil)
		require.NoError(t, err)
	}
	require.Equal(t, "kek/2", d.keys[len(d.keys)-1].KEK, "the next one is under it too")
}

var errBroken = errors.New("power cut")

type breaking struct {
	*drawer
	left int
}

func (b *breaking) ReplaceDataKey(ctx context.Context, was, now DataKey) (bool, error) {
	if b.left == 0 {
		return false, errBroken
	}
	b.left--
	return b.drawer.ReplaceDataKey(ctx, was, now)
}

func TestDestroyedDataKey(t *testing.T) {
	keys, d := testStore(t), &drawer{}
	s := testSealer(t, SealerConfig{Keys: keys, DataKeys: d})
	v, err := s.Seal("t", "r", "c", []byte("x"))
	require.NoError(t, err)
	_, err = s.RotateDataKey(t.Context())
	require.NoError(t, err)
	gone := d.keys[0]
	gone.Wrapped = nil
	ok, err := d.ReplaceDataKey(t.Context(), d.keys[0], gone)
	require.NoError(t, err)
	require.True(t, ok)
	later := testSealer(t, SealerConfig{Keys: keys, DataKeys: d})
	_, err = later.Open("t", "r", "c", v)
	require.ErrorIs(t, err, ErrDestroyed)
	_, err = later.Seal("t", "r", "c", nil)
	require.NoError(t, err)
}

// However many processes find the key full at once, one next key is made at a time and none is lost.
func TestManyProcessesRollOver(t *testing.T) {
	keys, d := testStore(t), &drawer{}
	_, err := keys.Secret("sealer", sealerSecret)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for p := range 6 {
		s := testSealer(t, SealerConfig{Keys: keys, DataKeys: d, Limit: 10, Block: 2})
		wg.Go(func() {
			for i := range 40 {
				row := fmt.Sprint(p, "-", i)
				v, err := s.Seal("t", row, "c", []byte(row))
				if err == nil {
					_, err = s.Open("t", row, "c", v)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i, k := range d.keys {
		require.EqualValues(t, i+1, k.ID)
		require.LessOrEqual(t, k.Used, int64(10))
	}
	require.LessOrEqual(t, len(d.keys), 24+6)
}

// Each generation turns every name once, also one whose value nobody knows any more.
func TestNamesTurn(t *testing.T) {
	keys, d := testStore(t), &drawer{}
	at := func(g int) *Sealer { return testSealer(t, SealerConfig{Keys: keys, DataKeys: d, Generation: g}) }
	first, second, third := at(1), at(2), at(3)
	name := first.Blind("t", "c", "430102199001011234")
	require.Equal(t, second.Blind("t", "c", "430102199001011234"), second.Turn(name))
	require.Equal(t, third.Blind("t", "c", "430102199001011234"), third.Turn(second.Turn(name)))
	require.Equal(t, second.Turn(name), second.Turn(second.Turn(name)), "twice is once")
	require.NotEqual(t, first.Blind("t", "c", "x"), second.Blind("t", "c", "x"))
	require.Equal(t, name, first.Turn(name))

	id := "abcdefghijklmnopqrstuvwxyz234567"
	require.Equal(t, id, first.CurrentID(id))
	require.Equal(t, second.CurrentID(id), second.TurnID(id))
	require.Equal(t, second.TurnID(id), second.TurnID(second.TurnID(id)))
	require.Equal(t, third.CurrentID(id), third.TurnID(second.TurnID(id)))
	require.Empty(t, second.TurnID(""))
	require.Empty(t, second.CurrentID(""))
	from, to := third.PresentIDs()
	require.True(t, from <= third.CurrentID(id) && third.CurrentID(id) < to)
	require.False(t, from <= second.CurrentID(id) && second.CurrentID(id) < to)
	require.Len(t, strings.TrimPrefix(third.CurrentID(id), from), 32)

	require.NotEqual(t, first.NameKeyCheck(), second.NameKeyCheck())
	require.Equal(t, second.NameKeyCheck(), at(2).NameKeyCheck())
	require.NotEqual(t, first.NameKeyCheck(), testSealer(t, SealerConfig{}).NameKeyCheck())
}

func TestWrap(t *testing.T) {
	s := testStore(t)
	w, err := s.Wrap("kek/1", []byte("key"), []byte("a"))
	require.NoError(t, err)
	plain, err := s.Unwrap("kek/1", w, []byte("a"))
	require.NoError(t, err)
	require.Equal(t, "key", string(plain))
	_, err = s.Unwrap("kek/1", w, []byte("b"))
	require.ErrorIs(t, err, ErrSealed)
	_, err = s.Unwrap("kek/2", w, []byte("a"))
	require.ErrorIs(t, err, ErrNotFound)
	require.NotContains(t, s.Names(), "kek/2", "unwrapping makes nothing")
	for i := range w {
		bad := append([]byte(nil), w...)
		bad[i] ^= 0x10
		_, err := s.Unwrap("kek/1", bad, []byte("a"))
		require.ErrorIs(t, err, ErrSealed)
		_, err = s.Unwrap("kek/1", w[:i], []byte("a"))
		require.ErrorIs(t, err, ErrSealed)
	}
}
