package key

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine returns a keystore path and a key file that opens it.
func machine(t *testing.T) (path string, u Unlock) {
	t.Helper()
	dir := t.TempDir()
	u = Unlock{KeyFile: filepath.Join(dir, "unlock")}
	require.NoError(t, NewKeyFile(u.KeyFile))
	return filepath.Join(dir, "keys.json"), u
}

func TestStore(t *testing.T) {
	path, machineUnlock := machine(t)
	for name, u := range map[string]Unlock{"key file": machineUnlock, "passphrase": {Passphrase: []byte("开门")}} {
		t.Run(name, func(t *testing.T) {
			path := path + "." + name
			s, err := CreateStore(path, u)
			require.NoError(t, err)
			sm2Key, err := s.Generate("issuer/hunan", SM2)
			require.NoError(t, err)
			ecKey := generate(t, ES256).WithID("2026-1")
			require.NoError(t, s.Add("issuer/haip", ecKey))
			secret, err := s.Secret("cursor", 32)
			require.NoError(t, err)
			require.Len(t, secret, 32)
			require.ErrorIs(t, s.Add("issuer/haip", ecKey), ErrExists)
			_, err = s.Generate("issuer/hunan", ES256)
			require.ErrorIs(t, err, ErrExists)
			_, err = CreateStore(path, u)
			require.ErrorIs(t, err, ErrExists)

			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.False(t, bytes.Contains(data, sm2Key.scalar()))

			s, err = OpenStore(path, u)
			require.NoError(t, err)
			require.Equal(t, []string{"issuer/hunan", "issuer/haip", "cursor"}, s.Names())
			k, err := s.Signer("issuer/hunan")
			require.NoError(t, err)
			require.True(t, k.Public().Equal(sm2Key.Public()))
			require.Equal(t, sm2Key.Public().ID(), k.Public().ID())
			k, err = s.Signer("issuer/haip")
			require.NoError(t, err)
			require.Equal(t, "2026-1", k.Public().ID())
			again, err := s.Secret("cursor", 32)
			require.NoError(t, err)
			require.Equal(t, secret, again)
			_, err = s.Secret("cursor", 16)
			require.ErrorIs(t, err, ErrDamaged, "the size is part of the agreement")
			_, err = s.Secret("issuer/hunan", 32)
			require.ErrorIs(t, err, ErrDamaged, "a signing key is not a secret to hand out")
			_, err = s.Signer("cursor")
			require.Error(t, err)
			_, err = s.Signer("nobody")
			require.ErrorIs(t, err, ErrNotFound)
			for _, bad := range []string{"", "two words", "new\nline", "nul\x00", "证照", string(make([]byte, 200))} {
				require.ErrorIs(t, s.Add(bad, ecKey), ErrName, "%q", bad)
			}
			_, err = s.Secret("tiny", 4)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

func TestStoreLocked(t *testing.T) {
	path, u := machine(t)
	_, err := CreateStore(path, u)
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, NewKeyFile(other))
	require.Error(t, NewKeyFile(other), "a key file is never overwritten")
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("31 bytes are one too few for us"), 0o600))
	for name, wrong := range map[string]Unlock{
		"another key file": {KeyFile: other}, "passphrase": {Passphrase: []byte("x")}, "nothing": {}, "short key file": {KeyFile: short},
		"both": {KeyFile: u.KeyFile, Passphrase: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenStore(path, wrong)
			require.ErrorIs(t, err, ErrLocked)
		})
	}
	_, err = OpenStore(path, Unlock{KeyFile: other + "-gone"})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = OpenStore(path+"-gone", u)
	require.ErrorIs(t, err, os.ErrNotExist)

	people := path + ".people"
	_, err = CreateStore(people, Unlock{Passphrase: []byte("right")})
	require.NoError(t, err)
	for _, wrong := range []Unlock{{Passphrase: []byte("wrong")}, {Passphrase: []byte("right ")}, u} {
		_, err = OpenStore(people, wrong)
		require.ErrorIs(t, err, ErrLocked)
	}
}

func TestStorePermissions(t *testing.T) {
	path, u := machine(t)
	_, err := CreateStore(path, u)
	require.NoError(t, err)
	for _, mode := range []os.FileMode{0o644, 0o640, 0o660, 0o604, 0o601, 0o777} {
		require.NoError(t, os.Chmod(path, mode))
		_, err = OpenStore(path, u)
		require.ErrorIs(t, err, ErrPermissions, "%o", mode)
	}
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.Chmod(u.KeyFile, 0o644))
	_, err = OpenStore(path, u)
	require.ErrorIs(t, err, ErrPermissions)
	require.NoError(t, os.Chmod(u.KeyFile, 0o400))
	_, err = OpenStore(path, u)
	require.NoError(t, err)
}

func TestStoreDamaged(t *testing.T) {
	path, u := machine(t)
	s, err := CreateStore(path, u)
	require.NoError(t, err)
	a, err := s.Generate("a", SM2)
	require.NoError(t, err)
	_, err = s.Generate("b", SM2)
	require.NoError(t, err)
	_, err = s.Secret("c", 32)
	require.NoError(t, err)
	good, err := os.ReadFile(path)
	require.NoError(t, err)

	damaged := func(t *testing.T, data []byte, want error) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, data, 0o600))
		_, err := OpenStore(path, u)
		require.ErrorIs(t, err, want)
	}
	t.Run("cut off", func(t *testing.T) {
		for n := 0; n < len(good)-1; n += 10 {
			damaged(t, good[:n], ErrDamaged)
		}
	})
	t.Run("any byte flipped", func(t *testing.T) {
		for i := 0; i < len(good); i += 7 {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			s, err := OpenStore(path, u)
			if err != nil {
				require.True(t, isOneOf(err, ErrDamaged, ErrLocked), "byte %d: %v", i, err)
				continue
			}
			// White space, or a member of the JWK that says nothing new: the same keystore.
			require.Equal(t, []string{"a", "b", "c"}, s.Names())
			k, err := s.Signer("a")
			require.NoError(t, err)
			require.True(t, k.Public().Equal(a.Public()))
		}
	})
	edit := func(f func(*storeFile)) []byte {
		var file storeFile
		require.NoError(t, json.Unmarshal(good, &file))
		f(&file)
		data, err := json.Marshal(file)
		require.NoError(t, err)
		return data
	}
	stranger := generate(t, SM2).Public()
	for name, c := range map[string]struct {
		edit func(*storeFile)
		want error
	}{
		"entries in another order": {func(f *storeFile) { f.Entries[0], f.Entries[1] = f.Entries[1], f.Entries[0] }, ErrDamaged},
		"sealed parts swapped": {func(f *storeFile) {
			f.Entries[0].Sealed, f.Entries[1].Sealed = f.Entries[1].Sealed, f.Entries[0].Sealed
		}, ErrDamaged},
		"names swapped":         {func(f *storeFile) { f.Entries[0].Name, f.Entries[1].Name = "b", "a" }, ErrDamaged},
		"public key edited":     {func(f *storeFile) { f.Entries[0].Public = stranger }, ErrDamaged},
		"key id edited":         {func(f *storeFile) { f.Entries[0].KeyID = "x" }, ErrDamaged},
		"algorithm edited":      {func(f *storeFile) { f.Entries[0].Algorithm = ES256 }, ErrDamaged},
		"entry taken out":       {func(f *storeFile) { f.Entries = f.Entries[:2] }, ErrDamaged},
		"entry doubled":         {func(f *storeFile) { f.Entries = append(f.Entries, f.Entries[0]) }, ErrDamaged},
		"all entries taken out": {func(f *storeFile) { f.Entries = nil }, ErrDamaged},
		"no seal":               {func(f *storeFile) { f.Seal = nil }, ErrDamaged},
		"seal of the check":     {func(f *storeFile) { f.Seal = f.Check }, ErrDamaged},
		"version":               {func(f *storeFile) { f.Version = 2 }, ErrDamaged},
		"salt short":            {func(f *storeFile) { f.KDF.Salt = f.KDF.Salt[:8] }, ErrDamaged},
		"scrypt memory bomb":    {func(f *storeFile) { f.KDF.Name, f.KDF.N, f.KDF.R, f.KDF.P = "scrypt", 1<<30, 8, 1 }, ErrDamaged},
		"scrypt negative":       {func(f *storeFile) { f.KDF.N = -1 }, ErrDamaged},
		"salt edited":           {func(f *storeFile) { f.KDF.Salt[0] ^= 1 }, ErrLocked},
		"other derivation":      {func(f *storeFile) { f.KDF.Name = "argon2id" }, ErrLocked},
		"no check":              {func(f *storeFile) { f.Check = nil }, ErrLocked},
	} {
		t.Run(name, func(t *testing.T) { damaged(t, edit(c.edit), c.want) })
	}
	t.Run("unknown member", func(t *testing.T) {
		damaged(t, bytes.Replace(good, []byte(`"version"`), []byte(`"extra": 1, "version"`), 1), ErrDamaged)
	})
	t.Run("member twice", func(t *testing.T) {
		damaged(t, bytes.Replace(good, []byte(`"version"`), []byte(`"version": 1, "version"`), 1), ErrDamaged)
	})
	require.NoError(t, os.WriteFile(path, good, 0o600))
	_, err = OpenStore(path, u)
	require.NoError(t, err)
}

func isOneOf(err error, wants ...error) bool {
	for _, want := range wants {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// A write that fails, at whatever point, leaves the old keystore on the disk and in memory.
func TestStoreReplace(t *testing.T) {
	path, u := machine(t)
	s, err := CreateStore(path, u)
	require.NoError(t, err)
	a, err := s.Generate("a", ES256)
	require.NoError(t, err)
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	// What a crash between write and rename leaves behind disturbs nobody.
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), ".keystore-123"), before[:99], 0o600))
	_, err = OpenStore(path, u)
	require.NoError(t, err)

	// Another process wrote: its key must survive.
	other, err := OpenStore(path, u)
	require.NoError(t, err)
	_, err = other.Generate("theirs", SM2)
	require.NoError(t, err)
	_, err = s.Generate("ours", SM2)
	require.ErrorIs(t, err, ErrChanged)
	require.Equal(t, []string{"a"}, s.Names())
	again, err := OpenStore(path, u)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "theirs"}, again.Names())

	// The folder is gone under our feet: nothing can be written, what is loaded still works.
	require.NoError(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+"-moved"))
	_, err = again.Generate("late", SM2)
	require.ErrorIs(t, err, ErrChanged)
	_, err = again.Secret("late secret", 32)
	require.Error(t, err)
	require.Equal(t, []string{"a", "theirs"}, again.Names())
	k, err := again.Signer("a")
	require.NoError(t, err)
	require.True(t, k.Public().Equal(a.Public()))
	require.NoError(t, os.Rename(filepath.Dir(path)+"-moved", filepath.Dir(path)))
	_, err = again.Generate("late", SM2)
	require.NoError(t, err)

	_, err = CreateStore(filepath.Join(t.TempDir(), "missing", "keys.json"), u)
	require.Error(t, err)

	// A good store leaves no temporary files.
	stray, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".keystore-*"))
	require.NoError(t, err)
	require.Len(t, stray, 1, "the one that this test wrote")
}

func TestStoreConcurrent(t *testing.T) {
	path, u := machine(t)
	s, err := CreateStore(path, u)
	require.NoError(t, err)
	const n = 16
	secrets := make([][]byte, n)
	errs := make([]error, n)
	taken := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			secrets[i], errs[i] = s.Secret("one", 32)
			_, taken[i] = s.Generate("key", SM2)
			s.Names()
		})
	}
	wait.Wait()
	won := 0
	for i := range n {
		require.NoError(t, errs[i])
		require.Equal(t, secrets[0], secrets[i], "one name, one secret")
		if taken[i] == nil {
			won++
		} else {
			require.ErrorIs(t, taken[i], ErrExists)
		}
	}
	require.Equal(t, 1, won)
	again, err := OpenStore(path, u)
	require.NoError(t, err)
	secret, err := again.Secret("one", 32)
	require.NoError(t, err)
	require.Equal(t, secrets[0], secret, "and it is the one on the disk")
}

// A keystore comes from a disk that others may have written to.
func FuzzOpenStore(f *testing.F) {
	dir := f.TempDir()
	u := Unlock{KeyFile: filepath.Join(dir, "unlock")}
	require.NoError(f, NewKeyFile(u.KeyFile))
	path := filepath.Join(dir, "keys.json")
	s, err := CreateStore(path, u)
	require.NoError(f, err)
	_, err = s.Generate("a", SM2)
	require.NoError(f, err)
	good, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"version":1,"kdf":{"name":"hkdf-sm3","salt":"AAAAAAAAAAAAAAAAAAAAAA=="},"check":"","entries":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		s, err := OpenStore(path, u)
		if err != nil {
			return
		}
		require.Equal(t, []string{"a"}, s.Names())
		_, err = s.Signer("a")
		require.NoError(t, err)
	})
}

func TestStoreReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keystore.json")
	u := Unlock{Passphrase: []byte("correct horse")}
	a, err := CreateStore(path, u)
	require.NoError(t, err)
	b, err := OpenStore(path, u)
	require.NoError(t, err)
	made, err := b.Generate("authority/x/1", SM2)
	require.NoError(t, err)
	_, err = a.Signer("authority/x/1")
	require.ErrorIs(t, err, ErrNotFound)
	require.NoError(t, a.Reload())
	got, err := a.Signer("authority/x/1")
	require.NoError(t, err)
	require.True(t, got.Public().Equal(made.Public()))
	// After a reload it may write again; a damaged file changes nothing.
	_, err = a.Secret("s", 32)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	require.Error(t, a.Reload())
	_, err = a.Signer("authority/x/1")
	require.NoError(t, err)
}

// Two processes, which have both read a keystore without it, ask for one secret: they get the same.
func TestSecretOfTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	unlock := Unlock{KeyFile: filepath.Join(dir, "key")}
	require.NoError(t, NewKeyFile(unlock.KeyFile))
	path := filepath.Join(dir, "keystore.json")
	_, err := CreateStore(path, unlock)
	require.NoError(t, err)
	var stores []*Store
	for range 8 {
		s, err := OpenStore(path, unlock)
		require.NoError(t, err)
		stores = append(stores, s)
	}
	secrets := make([][]byte, len(stores))
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() {
			var err error
			if secrets[i], err = s.Secret("kek/1", 16); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets {
		require.Equal(t, secrets[0], s)
	}
}
