package key

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drawer is a DataKeys in memory, shared by the sealers of a test as a database is by processes.
type drawer struct {
	mu    sync.Mutex
	keys  []DataKey
	reads int
}

func (d *drawer) DataKeys(context.Context) ([]DataKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	return slices.Clone(d.keys), nil
}

func (d *drawer) AddDataKey(_ context.Context, k DataKey) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := uint32(len(d.keys)); k.ID != last+1 {
		return false, nil
	}
	d.keys = append(d.keys, k)
	return true, nil
}

func (d *drawer) ReserveSeals(_ context.Context, id uint32, n, limit int64) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := &d.keys[id-1]
	if k.Used+n > limit {
		return false, nil
	}
	k.Used += n
	return true, nil
}

func (d *drawer) ReplaceDataKey(_ context.Context, was, now DataKey) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := &d.keys[was.ID-1]
	if !bytes.Equal(k.Wrapped, was.Wrapped) {
		return false, nil
	}
	k.KEK, k.Wrapped = now.KEK, now.Wrapped
	return true, nil
}

func testStore(t testing.TB) *Store {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, NewKeyFile(filepath.Join(dir, "key")))
	s, err := CreateStore(filepath.Join(dir, "keystore.json"), Unlock{KeyFile: filepath.Join(dir, "key")})
	require.NoError(t, err)
	return s
}

func testSealer(t testing.TB, cfg SealerConfig) *Sealer {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = testStore(t)
	}
	if cfg.DataKeys == nil {
		cfg.DataKeys = &drawer{}
	}
	s, err := NewSealer(cfg)
	require.NoError(t, err)
	return s
}

func TestSealedValueOpensOnlyInItsPlace(t *testing.T) {
	s := testSealer(t, SealerConfig{})
	plain := []byte(`{"name":"张三"}`)
	sealed, err := s.Seal("certificates", "row-1", "row", plain)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "张三")
	again, err := s.Seal("certificates", "row-1", "row", plain)
	require.NoError(t, err)
	require.NotEqual(t, sealed, again, "nonces are random")

	got, err := s.Open("certificates", "row-1", "row", sealed)
	require.NoError(t, err)
	require.Equal(t, plain, got)

	_, err = s.Open("certificates", "430102199001011234", "row", sealed)
	require.NotContains(t, err.Error(), "4301", "rows are not for logs")
	for _, p := range [][3]string{
		{"certificates", "row-2", "row"},
		{"certificates", "row-1", "credential"},
		{"wallet_copies", "row-1", "row"},
		{"certificates", "row-1\x00row", ""},
		{"certificates\x00row-1", "row", ""},
		{"", "", ""},
	} {
		_, err := s.Open(p[0], p[1], p[2], sealed)
		require.ErrorIs(t, err, ErrSealed, "%q", p)
	}
}

func TestSealedValueBearsNoChange(t *testing.T) {
	drawn := &drawer{}
	s := testSealer(t, SealerConfig{DataKeys: drawn, Now: func() time.Time { return time.Unix(1e9, 0) }})
	sealed, err := s.Seal("t", "r", "c", []byte("portrait"))
	require.NoError(t, err)
	before := drawn.reads
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			_, err := s.Open("t", "r", "c", bad)
			require.ErrorIs(t, err, ErrSealed, "byte %d", i)
		}
		_, err := s.Open("t", "r", "c", sealed[:i])
		require.ErrorIs(t, err, ErrSealed, "cut to %d", i)
	}
	_, err = s.Open("t", "r", "c", append(bytes.Clone(sealed), 0))
	require.ErrorIs(t, err, ErrSealed)
	_, err = s.Open("t", "r", "c", nil)
	require.ErrorIs(t, err, ErrSealed)

	cached := 0
	s.known.Range(func(any, any) bool { cached++; return true })
	require.LessOrEqual(t, cached, 1, "tampered key ids must not fill the memory")
	require.LessOrEqual(t, drawn.reads-before, 3, "nor ask the database each time")
}

func TestEmptyValue(t *testing.T) {
	s := testSealer(t, SealerConfig{})
	sealed, err := s.Seal("t", "r", "c", nil)
	require.NoError(t, err)
	got, err := s.Open("t", "r", "c", sealed)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestDataKeysRollOver(t *testing.T) {
	keys, usage := testStore(t), &drawer{}
	// Two sealers share one count, as two processes do.
	a := testSealer(t, SealerConfig{Keys: keys, DataKeys: usage, Limit: 10, Block: 4})
	b := testSealer(t, SealerConfig{Keys: keys, DataKeys: usage, Limit: 10, Block: 4})
	perKey := map[byte]int{}
	var sealed [][]byte
	for i := range 40 {
		s := []*Sealer{a, b}[i%2]
		v, err := s.Seal("t", fmt.Sprint(i), "c", []byte{byte(i)})
		require.NoError(t, err)
		require.Equal(t, []byte{0, 0, 0}, v[:3])
		perKey[v[3]]++
		sealed = append(sealed, v)
	}
	require.Greater(t, len(perKey), 3)
	for id, n := range perKey {
		require.LessOrEqual(t, n, 10, "data key %d", id)
		require.LessOrEqual(t, usage.keys[id-1].Used, int64(10))
	}
	// A later process, which starts counting at key 1 again, opens them all and seals on.
	later := testSealer(t, SealerConfig{Keys: keys, DataKeys: usage, Limit: 10, Block: 4})
	for i, v := range sealed {
		got, err := later.Open("t", fmt.Sprint(i), "c", v)
		require.NoError(t, err)
		require.Equal(t, []byte{byte(i)}, got)
	}
	v, err := later.Seal("t", "r", "c", nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, v[3], sealed[39][3])
}

func TestDatabaseOfAnotherKeystore(t *testing.T) {
	usage := &drawer{}
	s := testSealer(t, SealerConfig{DataKeys: usage})
	sealed, err := s.Seal("t", "r", "c", []byte("x"))
	require.NoError(t, err)

	_, err = NewSealer(SealerConfig{Keys: testStore(t), DataKeys: usage})
	require.ErrorIs(t, err, ErrOtherKeystore)
	other := testSealer(t, SealerConfig{})
	_, err = other.Open("t", "r", "c", sealed)
	require.ErrorIs(t, err, ErrSealed)
	_, err = other.Seal("t", "r", "c", nil) // now it has a key 1 as well, another one
	require.NoError(t, err)
	_, err = other.Open("t", "r", "c", sealed)
	require.ErrorIs(t, err, ErrSealed)
	_, err = NewSealer(SealerConfig{})
	require.Error(t, err)
}

func TestSealerSurvivesReopeningTheKeystore(t *testing.T) {
	dir := t.TempDir()
	unlock := Unlock{KeyFile: filepath.Join(dir, "key")}
	path := filepath.Join(dir, "keystore.json")
	require.NoError(t, NewKeyFile(unlock.KeyFile))
	first, err := CreateStore(path, unlock)
	require.NoError(t, err)
	usage := &drawer{}
	a := testSealer(t, SealerConfig{Keys: first, DataKeys: usage})
	sealed, err := a.Seal("t", "r", "c", []byte("x"))
	require.NoError(t, err)

	second, err := OpenStore(path, unlock)
	require.NoError(t, err)
	b := testSealer(t, SealerConfig{Keys: second, DataKeys: usage})
	got, err := b.Open("t", "r", "c", sealed)
	require.NoError(t, err)
	require.Equal(t, []byte("x"), got)
	require.Equal(t, a.Blind("t", "c", "v"), b.Blind("t", "c", "v"))
}

func TestBlindNames(t *testing.T) {
	s := testSealer(t, SealerConfig{})
	v := s.Blind("certificates", "row_key", "430102199001011234")
	require.Len(t, v, 16)
	require.Equal(t, v, s.Blind("certificates", "row_key", "430102199001011234"))
	require.NotEqual(t, v, s.Blind("certificates", "row_key", "430102199001011235"))
	require.NotEqual(t, v, s.Blind("certificates", "holder", "430102199001011234"))
	require.NotEqual(t, v, testSealer(t, SealerConfig{}).Blind("certificates", "row_key", "430102199001011234"))
}

func TestSealerDoesNotPrint(t *testing.T) {
	s := testSealer(t, SealerConfig{})
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "sealer", s)
	for _, text := range []string{log.String(), fmt.Sprintf("%v %+v %#v %s", s, s, s, s)} {
		require.Contains(t, text, "[sealer]")
		require.NotContains(t, text, fmt.Sprint(s.secret))
	}
}

func TestSealConcurrently(t *testing.T) {
	usage := &drawer{}
	s := testSealer(t, SealerConfig{DataKeys: usage, Limit: 100, Block: 7})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 50 {
				row := fmt.Sprint(g, "-", i)
				v, err := s.Seal("t", row, "c", []byte(row))
				if err == nil {
					v, err = s.Open("t", row, "c", v)
				}
				if err != nil || string(v) != row {
					t.Errorf("%s: %q, %v", row, v, err)
				}
			}
		})
	}
	wg.Wait()
	for _, k := range usage.keys {
		require.LessOrEqual(t, k.Used, int64(100), "data key %d", k.ID)
	}
}

func FuzzSealerOpen(f *testing.F) {
	s := testSealer(f, SealerConfig{})
	good, err := s.Seal("t", "r", "c", []byte("value"))
	require.NoError(f, err)
	f.Add([]byte{})
	f.Add(good[:sealedOverhead])
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if v, err := s.Open("t", "r", "c", sealed); err == nil {
			t.Fatalf("forged: %q", v)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s := testSealer(b, SealerConfig{})
	for _, size := range []int{40, 1500, 20_000} {
		plain := make([]byte, size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := s.Seal("t", "r", "c", plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
