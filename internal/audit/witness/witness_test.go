package witness_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
	"github.com/showcard/showcard/internal/audit/witness"
)

const origin = "cards.example/v1/audit"

func seed(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func signers(t testing.TB, name string) []audit.Signer {
	ed, err := audit.NewEd25519Signer(name, seed(1))
	require.NoError(t, err)
	private, err := key.FromScalar(key.SM2, seed(1))
	require.NoError(t, err)
	two, err := audit.NewSM2Signer(name, private)
	require.NoError(t, err)
	return []audit.Signer{ed, two}
}

// log is a log that keeps all in memory, and may be made to lie.
type log struct {
	t       testing.TB
	leaves  [][]byte
	tiles   map[[2]uint64][]byte
	state   audit.State
	signers []audit.Signer
}

func newLog(t testing.TB, leaves ...string) *log {
	l := &log{t: t, tiles: map[[2]uint64][]byte{}, signers: signers(t, origin)}
	for _, one := range leaves {
		l.add(one)
	}
	return l
}

func (l *log) add(leaf string) {
	var edge []audit.Tile
	for _, p := range l.state.Edge() {
		edge = append(edge, audit.Tile{Level: p.Level, Index: p.Index, Hashes: l.tiles[[2]uint64{uint64(p.Level), p.Index}]})
	}
	next, tiles, err := l.state.Grow(edge, [][]byte{[]byte(leaf)})
	require.NoError(l.t, err)
	for _, one := range tiles {
		l.tiles[[2]uint64{uint64(one.Level), one.Index}] = one.Hashes
	}
	l.state, l.leaves = next, append(l.leaves, []byte(leaf))
}

func (l *log) Tile(_ context.Context, level int, index uint64, width int) ([]byte, error) {
	return l.tiles[[2]uint64{uint64(level), index}][:width*32], nil
}

func (l *log) note() string {
	root, err := l.state.Root()
	require.NoError(l.t, err)
	text, err := audit.Checkpoint{Origin: origin, Size: l.state.Size, Root: root}.Sign(l.signers...)
	require.NoError(l.t, err)
	return text
}

func (l *log) Checkpoint(context.Context, bool) (string, error) { return l.note(), nil }

func (l *log) Leaves(_ context.Context, bundle uint64, n int) ([][]byte, error) {
	return l.leaves[bundle*256 : bundle*256+uint64(n)], nil
}

func (l *log) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	return audit.ProveConsistency(ctx, l, from, to)
}

type fixture struct {
	data string
	log  *log
	key  audit.Signer
}

func (f *fixture) open(t testing.TB) *witness.Witness {
	keys, err := audit.NewKeys([]audit.VerifierKey{f.log.signers[0].Key(), f.log.signers[1].Key()})
	require.NoError(t, err)
	w, err := witness.New(witness.Config{Data: f.data, Log: f.log, Keys: keys, Signer: f.key, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	require.NoError(t, err)
	return w
}

func newFixture(t testing.TB, leaves ...string) *fixture {
	k, err := audit.NewWitnessSigner("witness.example", seed(9), time.Now)
	require.NoError(t, err)
	return &fixture{filepath.Join(t.TempDir(), "witness"), newLog(t, leaves...), k}
}

func TestWitnessFollows(t *testing.T) {
	f := newFixture(t, "one", "two")
	w := f.open(t)
	for i := range 700 {
		if i%100 == 0 {
			require.NoError(t, w.Poll(t.Context()))
		}
		f.log.add(fmt.Sprint("leaf ", i))
	}
	require.NoError(t, w.Poll(t.Context()))
	require.NoError(t, w.Poll(t.Context()), "nothing new")
	last := w.Latest()
	require.EqualValues(t, 702, last.Size)
	require.Len(t, last.Witnesses, 1)

	again := f.open(t) // after a restart
	require.Equal(t, last.Note, again.Latest().Note)
	bundle, err := again.Bundle(2, 190)
	require.NoError(t, err)
	leaves, err := audit.ParseBundle(bundle, 190)
	require.NoError(t, err)
	require.Equal(t, "leaf 699", string(leaves[189]))
	_, err = again.Bundle(2, 191)
	require.ErrorIs(t, err, audit.ErrRange)
	f.log.add("more")
	require.NoError(t, again.Poll(t.Context()))

	data, err := os.ReadFile(filepath.Join(f.data, witness.CheckpointsFile))
	require.NoError(t, err)
	notes, err := witness.Checkpoints(bytes.NewReader(data))
	require.NoError(t, err)
	require.Len(t, notes, 9)

	// What a crash cut off is fetched, and cosigned, again.
	for _, file := range []string{witness.CheckpointsFile, witness.LeavesFile} {
		path := filepath.Join(f.data, file)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()-3))
	}
	crashed := f.open(t)
	require.EqualValues(t, 702, crashed.Latest().Size)
	require.NoError(t, crashed.Poll(t.Context()))
	require.EqualValues(t, 703, crashed.Latest().Size)
}

// TestRewrittenLog plays a log that shows another past, with flawless signatures.
func TestRewrittenLog(t *testing.T) {
	for name, tc := range map[string]struct {
		other []string
		err   error
	}{
		"edited and grown": {[]string{"one", "TWO", "three", "four"}, witness.ErrFork},
		"edited":           {[]string{"one", "TWO", "three"}, witness.ErrFork},
		"reordered":        {[]string{"two", "one", "three"}, witness.ErrFork},
		"deleted":          {[]string{"one", "three", "four"}, witness.ErrFork},
		"cut off":          {[]string{"one", "two"}, witness.ErrShrunk},
		"emptied":          {nil, witness.ErrShrunk},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, "one", "two", "three")
			w := f.open(t)
			require.NoError(t, w.Poll(t.Context()))
			before := w.Latest()
			honest := f.log.leaves
			*f.log = *newLog(t, tc.other...)
			for range 2 { // it may have been overtaken, or a cache
				require.Error(t, w.Poll(t.Context()))
				require.NoError(t, w.Alarm())
			}
			require.ErrorIs(t, w.Poll(t.Context()), tc.err)
			require.ErrorIs(t, w.Alarm(), tc.err)
			require.ErrorIs(t, w.Follow(t.Context(), time.Hour), tc.err, "it ends")
			require.Equal(t, before.Note, w.Latest().Note, "nothing of it was cosigned")
			found, err := filepath.Glob(filepath.Join(f.data, witness.EvidenceFolder, witness.Rewritten+"*"))
			require.NoError(t, err)
			require.Len(t, found, 1)
			data, err := os.ReadFile(found[0])
			require.NoError(t, err)
			require.Contains(t, string(data), strings.Split(before.Note, "\n")[2], "the root before")
			require.Len(t, honest, 3)
		})
	}
}

// Leaves that do not make the signed tree are not kept, and nothing is cosigned.
func TestLeavesMustMakeTheTree(t *testing.T) {
	f := newFixture(t, "one", "two")
	w := f.open(t)
	require.NoError(t, w.Poll(t.Context()))
	f.log.add("three")
	right := f.log.leaves[2]
	f.log.leaves[2] = []byte("3")
	require.ErrorIs(t, w.Poll(t.Context()), audit.ErrProof)
	require.EqualValues(t, 2, w.Latest().Size)
	f.log.leaves[2] = right
	require.NoError(t, w.Poll(t.Context()))
	require.EqualValues(t, 3, w.Latest().Size)
}

// TestAddCheckpoint speaks C2SP tlog-witness to the witness, as a log does.
func TestAddCheckpoint(t *testing.T) {
	f := newFixture(t, "one", "two", "three")
	w := f.open(t)
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	client, err := remote.NewWitness(server.URL, f.key.Key(), server.Client())
	require.NoError(t, err)
	lines, err := client.Cosign(t.Context(), 0, nil, f.log.note())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(lines, "— witness.example "))
	keys, err := audit.NewKeys([]audit.VerifierKey{f.log.signers[0].Key(), f.log.signers[1].Key(), f.key.Key()})
	require.NoError(t, err)
	signed, err := keys.Open(f.log.note() + lines)
	require.NoError(t, err)
	require.Len(t, signed.Witnesses, 1)
	again, err := client.Cosign(t.Context(), 0, nil, f.log.note())
	require.NoError(t, err)
	require.Equal(t, lines, again, "the same one again costs nothing")

	old := f.log.note()
	f.log.add("four")
	_, err = client.Cosign(t.Context(), 1, nil, f.log.note())
	var stands *audit.StandsAt
	require.ErrorAs(t, err, &stands)
	require.EqualValues(t, 3, stands.Size)
	_, err = client.Cosign(t.Context(), 3, [][]byte{seed(1), seed(2)}, f.log.note())
	require.ErrorIs(t, err, remote.ErrRefused, "a proof for another tree")
	path, err := f.log.Consistency(t.Context(), 3, 4)
	require.NoError(t, err)
	_, err = client.Cosign(t.Context(), 3, path, f.log.note())
	require.NoError(t, err)
	_, err = client.Cosign(t.Context(), 4, nil, old)
	require.ErrorAs(t, err, &stands, "an old one, which anybody may have kept, is no alarm")
	require.NoError(t, w.Alarm())

	post := func(body string) (int, string) {
		response, err := server.Client().Post(server.URL+"/add-checkpoint", "text/plain", strings.NewReader(body))
		require.NoError(t, err)
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(answer)
	}
	other := newLog(t, "one")
	other.signers = signers(t, "other.example")
	root, err := other.state.Root()
	require.NoError(t, err)
	foreign, err := audit.Checkpoint{Origin: "other.example", Size: 1, Root: root}.Sign(other.signers...)
	require.NoError(t, err)
	half, err := audit.Checkpoint{Origin: origin, Size: 9, Root: root}.Sign(f.log.signers[0])
	require.NoError(t, err)
	for body, status := range map[string]int{
		"":                                       http.StatusBadRequest,
		"old 4\n":                                http.StatusBadRequest,
		"old x\n\nx":                             http.StatusBadRequest,
		"old 04\n\n" + f.log.note():              http.StatusBadRequest,
		"old 4\nnot a hash\n\n" + f.log.note():   http.StatusBadRequest,
		"old 4\n\nno note":                       http.StatusBadRequest,
		"old 4\n\n" + f.log.note()[:80]:          http.StatusBadRequest,
		"old 4\n\n" + foreign:                    http.StatusNotFound,
		"old 4\n\n" + half:                       http.StatusForbidden,
		"old 4\n" + strings.Repeat("A", 200_000): http.StatusRequestEntityTooLarge,
		"old 99999999999999999999\n\n" + f.log.note(): http.StatusBadRequest,
	} {
		got, answer := post(body)
		require.Equal(t, status, got, "%.60q: %s", body, answer)
	}

	// Another tree of the same size, signed by the log: that is the alarm.
	fork := newLog(t, "one", "two", "three", "FOUR")
	_, err = client.Cosign(t.Context(), 4, nil, fork.note())
	require.ErrorIs(t, err, remote.ErrRefused)
	require.ErrorIs(t, w.Alarm(), witness.ErrFork)
	for path, status := range map[string]int{
		"/healthz": http.StatusServiceUnavailable, "/metrics": http.StatusOK, "/checkpoint": http.StatusOK, "/checkpoints": http.StatusOK, "/key": http.StatusOK,
		"/tile/entries/000": http.StatusNotFound, "/tile/entries/../../x": http.StatusNotFound, "/tile/0/000": http.StatusNotFound, "/": http.StatusNotFound,
	} {
		response, err := server.Client().Get(server.URL + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, path)
	}
}

// A witness whose own file was edited does not start.
func TestOwnFilesDamaged(t *testing.T) {
	f := newFixture(t, "one")
	require.NoError(t, f.open(t).Poll(t.Context()))
	path := filepath.Join(f.data, witness.CheckpointsFile)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(data, []byte("\\n1\\n"), []byte("\\n2\\n"), 1), 0o600))
	_, err = witness.New(witness.Config{Data: f.data, Log: f.log, Keys: audit.Keys{Origin: origin, Log: []audit.VerifierKey{f.log.signers[0].Key()}}, Signer: f.key})
	require.ErrorIs(t, err, witness.ErrData)
}

func FuzzRequest(f *testing.F) {
	f.Add(remote.FormatRequest(3, [][]byte{seed(1)}, newLog(f, "one").note()))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		old, path, note, err := remote.ParseRequest(body)
		if err == nil {
			again, _, _, err := remote.ParseRequest(remote.FormatRequest(old, path, note))
			require.NoError(t, err)
			require.Equal(t, old, again)
		}
	})
}

func FuzzCheckpoints(f *testing.F) {
	f.Add([]byte(`{"at":"2026-01-01T00:00:00Z","size":1,"note":"x"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		notes, _ := witness.Checkpoints(bytes.NewReader(data))
		require.LessOrEqual(t, len(notes), len(data))
	})
}
