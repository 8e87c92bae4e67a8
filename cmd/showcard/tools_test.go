package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/retry"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/issuerhttp"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

func TestMain(m *testing.M) {
	if os.Getenv(processVariable) != "" {
		main() // this test binary plays the real one, so that it can be killed
		return
	}
	testscript.Main(m, map[string]func(){"showcard": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// What the machine that runs the tests has set must not change what they say.
			for _, name := range []string{"DATA", "SERVER", "CLIENT", "KEY", "CA", "PASSPHRASE"} {
				e.Setenv("SHOWCARD_"+name, "")
			}
			return nil
		},
	})
}

// office is a department's side of a deployment: the real issuer over SQLite, behind the real
// web server, which can be stopped in the middle of things and started again at its address.
type office struct {
	t      *testing.T
	dir    string
	client *key.Private
	keys   *key.Store
	addr   string
	stop   func()
}

const officeClient = "hunan-police-client"

func newOffice(t *testing.T) *office {
	o := &office{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	var err error
	o.client, err = key.Generate(key.SM2)
	require.NoError(t, err)
	keyFile := filepath.Join(o.dir, "keyfile")
	require.NoError(t, key.NewKeyFile(keyFile))
	o.keys, err = key.CreateStore(filepath.Join(o.dir, "keystore.json"), key.Unlock{KeyFile: keyFile})
	require.NoError(t, err)
	return o
}

type officeRegistry struct{ authority issuer.Authority }

func (r officeRegistry) Authority(_ context.Context, id string) (issuer.Authority, error) {
	if id != r.authority.ID {
		return issuer.Authority{}, issuer.ErrIssuerUnknown
	}
	return r.authority, nil
}

func (officeRegistry) TypeUsable(context.Context, string) error { return nil }

// start serves. wrap goes around the listener, to make the network worse than it is.
func (o *office) start(wrap func(net.Listener) net.Listener) {
	t := o.t
	l, err := net.Listen("tcp", o.addr)
	require.NoError(t, err)
	o.addr = l.Addr().String()
	if wrap != nil {
		l = wrap(l)
	}
	signer := func(name string) *key.Private {
		k, err := signer(o.keys, name, key.SM2)
		require.NoError(t, err)
		return k
	}
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(o.dir, "showcard.db"), Keys: o.keys})
	require.NoError(t, err)
	volatile, err := memstore.New(memstore.Config{})
	require.NoError(t, err)
	types, err := schemas.Embedded()
	require.NoError(t, err)
	authority := issuer.Authority{
		ID: "hunan-police", USCC: "11430000MB1D000127", ISS: o.base() + "/issuers/hunan-police", Name: schemas.Text{ZH: "湖南省公安厅", EN: "Hunan Police"},
		Types: []string{"resident-id", "drivers-licence", "vehicle-licence"}, Regions: []string{"430000"}, Signer: signer("authority/hunan-police/1"),
	}
	quiet := slog.New(slog.DiscardHandler)
	rooms, err := issuer.New(issuer.Config{
		Record: store, Jobs: store, Statuses: store, Live: store, Cache: volatile, Registry: officeRegistry{authority}, Types: types, Logger: quiet,
		BaseURL: o.base(), StatusSigner: signer(keyStatus), PermutationKey: bytes.Repeat([]byte{7}, 32),
		HolderID: func(h schemas.HolderRef) string { return h.Index(bytes.Repeat([]byte{8}, 32)) },
	})
	require.NoError(t, err)
	api, err := issuerhttp.New(issuerhttp.Config{Issuer: rooms, Idempotency: store})
	require.NoError(t, err)
	tokens, err := access.New(access.Config{Issuer: o.base(), Signer: signer(keyToken), Once: volatile, Clients: func(id string) (access.Client, error) {
		if id != officeClient {
			return access.Client{}, access.ErrClientUnknown
		}
		return access.Client{ID: id, Role: httpd.RoleDepartment, Authorities: []string{"hunan-police"}, Scopes: []string{"issue"}, Keys: []*key.Public{o.client.Public()}}, nil
	}})
	require.NoError(t, err)
	server, err := httpd.New(httpd.Config{PublicURL: o.base(), Logger: quiet, Authenticator: tokens, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, server.Mount(tokens.Routes(), nil))
	require.NoError(t, server.Mount(api.Routes(), issuerhttp.Errors()))

	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = rooms.Run(ctx) })
	group.Go(func() { _ = server.Serve(ctx, nil, l) }) // its error says that uploads were cut, as they should be
	o.stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
		require.NoError(t, store.Close())
	})
	t.Cleanup(func() { o.stop() })
}

func (o *office) base() string { return "http://" + o.addr }

// dial makes a client whose pauses are a tenth as long.
func (o *office) dial() *client {
	c, err := newClientFor(o.base(), "", officeClient, o.client, &http.Client{Transport: &http.Transport{}})
	require.NoError(o.t, err)
	c.wait = func(ctx context.Context, d time.Duration) error { return retry.Wait(ctx, d/10) }
	return c
}

// run runs a command as a person would, with files in place of her terminal.
func runTool(t *testing.T, stdin io.Reader, run func(*env) error) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	err = run(&env{ctx: t.Context(), stdin: stdin, stdout: &out, stderr: &errs})
	return out.String(), errs.String(), err
}

// policeRows are n rows of the demo's police, each under a key of its own.
func policeRows(t *testing.T, n int) []string {
	data, err := testdata.Files.ReadFile("push/hunan-police.ndjson")
	require.NoError(t, err)
	seed := strings.Split(strings.TrimSpace(string(data)), "\n")
	rows := make([]string, n)
	for i := range rows {
		row := seed[i%len(seed)]
		_, rest, ok := strings.Cut(row, `","type"`)
		require.True(t, ok)
		rows[i] = fmt.Sprintf(`{"key":"row-%05d","type"%s`, i, rest)
	}
	return rows
}
