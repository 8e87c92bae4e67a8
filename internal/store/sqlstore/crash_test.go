package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
)

// The environment variables that make this test binary one of the processes to be killed.
const (
	crashFolder = "SQLSTORE_TEST_CRASH_FOLDER"
	crashRun    = "SQLSTORE_TEST_CRASH_RUN"
	crashURL    = "SQLSTORE_TEST_CRASH_URL"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		fmt.Fprintln(os.Stderr, crashing(folder, os.Getenv(crashRun)))
		os.Exit(1) // it never ends by itself but with an error
	}
	code := m.Run()
	closeServer()
	os.Exit(code)
}

func crashConfig(folder, url string) (sqlstore.Config, error) {
	keys, err := key.OpenStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "key")})
	return sqlstore.Config{URL: url, Keys: keys}, err
}

// crashing works until it is killed. A line is written when the store has acknowledged.
func crashing(folder, run string) error {
	cfg, err := crashConfig(folder, os.Getenv(crashURL))
	if err != nil {
		return err
	}
	s, err := sqlstore.Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	if strings.HasPrefix(run, erasingRun) {
		return erasing(s, run)
	}
	var mu sync.Mutex
	return storetest.DurableWork(context.Background(), s, run, func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = os.Stdout.WriteString(line + "\n")
	})
}

// Two processes write into one file and are killed in the middle of it, again and again.
// Whatever they were told is durable must be there, and nothing may be there twice.
func TestKilledProcessesLoseNothing(t *testing.T) { onEach(t, eachKilledProcessesLoseNothing) }

func eachKilledProcessesLoseNothing(t *testing.T, fresh string) {
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "key")))
	_, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "key")})
	require.NoError(t, err)
	cfg, err := crashConfig(folder, fresh)
	require.NoError(t, err)
	first, err := sqlstore.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, first.Close())

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var journal storetest.DurableJournal
	for round := range 6 {
		var lines [2][]string
		var wg sync.WaitGroup
		for i := range lines {
			until := 50 + random.IntN(900)
			wg.Go(func() {
				lines[i] = killAfter(t, folder, fresh, fmt.Sprintf("run-%d-%d", round, i), until)
			})
		}
		wg.Wait()
		for _, l := range append(lines[0], lines[1]...) {
			require.NoError(t, journal.Add(l))
		}
		s, err := sqlstore.Open(t.Context(), cfg)
		require.NoError(t, err)
		journal.Verify(t, s)
		require.NoError(t, s.Close())
	}
	rows, verifications, changes := journal.Len()
	t.Logf("%d rows, %d verifications, %d changes of state survived", rows, verifications, changes)
	require.NotZero(t, rows)
	require.NotZero(t, verifications)
	require.NotZero(t, changes)
}

// killAfter runs a process, kills it once it has said so many lines, and returns all that it
// had said whole.
func killAfter(t *testing.T, folder, url, run string, until int) []string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashFolder+"="+folder, crashRun+"="+run, crashURL+"="+url)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	var lines []string
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break // what is left is half a line
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
		if len(lines) == until {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if len(lines) < until {
		t.Errorf("%s ended by itself after %d lines: %s", run, len(lines), complaint.String())
	}
	return lines
}
