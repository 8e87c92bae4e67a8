package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTour(t *testing.T) {
	for _, profile := range []string{"sm2", "es256"} {
		t.Run(profile, func(t *testing.T) {
			var out bytes.Buffer
			e := &env{ctx: context.Background(), stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard}
			require.NoError(t, runTour(e, &demoCommand{Profile: profile}), out.String())
			require.Contains(t, out.String(), "everything happened as it must")
		})
	}
}

// A catalogue that is not there, or that has its files in the wrong place, starts nothing.
func TestCatalogueMissing(t *testing.T) {
	for _, folder := range []string{"nowhere", "../../schemas/testdata/seventh/types"} {
		e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}
		require.ErrorIs(t, runTour(e, &demoCommand{Profile: "sm2", Catalogue: folder}), errConfig)
	}
}

// A second start goes on with the same data, and Ctrl-C ends a demo cleanly.
func TestDemoStartsAgain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	first := demoFileOf(t, data)
	require.GreaterOrEqual(t, len(first.People), 12)
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, p.stop(os.Interrupt.(syscall.Signal)))

	p = startDemo(t, data)
	require.Equal(t, first, demoFileOf(t, data))
	citizen := citizenOf(t, p.base, "person-01")
	code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
	var got checked
	require.NoError(t, clientOf(t, data, p.base, "demo-bank").call(context.Background(), http.MethodPost, "/v1/verifications",
		map[string]any{"code": code, "purpose": "account-opening"}, "", &got))
	require.Equal(t, "valid", got.Outcome)
	require.NoError(t, p.stop(syscall.SIGTERM))
}

// Started with another --addr the demo says where it is now, and tools find it there; what its
// certificates are signed for stays.
func TestDemoMoves(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	var out bytes.Buffer
	e := &env{ctx: t.Context(), stdout: &out, stderr: io.Discard}
	c := &demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	var first string
	require.NoError(t, c.start(e.ctx, func(_ context.Context, d *demo) error {
		first = d.here()
		require.Equal(t, d.cfg.PublicURL, first)
		d.announce(e, c)
		require.Contains(t, out.String(), first+"/wallet")
		require.NotContains(t, out.String(), "--server")
		return nil
	}, e))
	out.Reset()
	require.NoError(t, c.start(e.ctx, func(_ context.Context, d *demo) error {
		require.Equal(t, first, d.cfg.PublicURL)
		require.NotEqual(t, first, d.here())
		d.announce(e, c)
		require.Contains(t, out.String(), d.here()+"/wallet")
		require.Contains(t, out.String(), "signed for "+first)
		require.NotEmpty(t, toolOf(t, 0, "token", "--data", data, "--client", "demo-bank", "--server", d.here()))
		return nil
	}, e))
}

// With --lan a phone opens the pages over HTTPS, and its session cookie never leaves it.
func TestDemoLAN(t *testing.T) {
	var out bytes.Buffer
	e := &env{ctx: t.Context(), stdout: &out, stderr: io.Discard}
	c := &demoCommand{Addr: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), Profile: "sm2", Volatile: "memory", LAN: true, LANAddr: freeAddress(t)}
	require.NoError(t, c.start(e.ctx, func(_ context.Context, d *demo) error {
		d.announce(e, c)
		_, port, err := net.SplitHostPort(c.LANAddr)
		require.NoError(t, err)
		if len(lanAddresses()) > 0 { // a machine without a network has no address to tell
			require.Contains(t, out.String(), ":"+port+"/")
			require.Contains(t, out.String(), "█")
		}
		phone := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		defer phone.CloseIdleConnections()
		resp, err := phone.Get("https://" + c.LANAddr + "/wallet")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		resp, err = phone.Get("https://" + c.LANAddr + demoSignInPath)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		_, browser, err := signIn(t.Context(), "https://"+c.LANAddr, "person-01", phone.Transport)
		require.NoError(t, err, "the phone goes to the provider, and back, by the address it came by")
		require.NotNil(t, browser)
		return nil
	}, e))
}
