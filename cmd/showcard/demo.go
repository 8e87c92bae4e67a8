package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/registryhttp"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
	"github.com/showcard/showcard/wallet"
)

type demoCommand struct {
	Addr        string        `default:"127.0.0.1:8080" help:"Address to serve on."`
	Data        string        `default:"showcard-data" placeholder:"DIR" help:"Folder for database and keys; made at the first start, mode 0700."`
	LAN         bool          `name:"lan" help:"Serve HTTPS to the local network too, with a self-made certificate, so that a phone can open the page."`
	LANAddr     string        `name:"lan-addr" default:"0.0.0.0:8443" hidden:"" help:"Address of --lan."`
	Catalogue   string        `placeholder:"DIR" help:"Folder whose types/*.json and tables/*.json add certificate types to the built-in ones."`
	Tour        bool          `help:"Tell the whole story in the terminal, compare each step with what must happen, and end."`
	ConsentWait time.Duration `default:"45s" help:"How long a holder may think when a checker asks for more than she shows, 10s to 120s."`
	Volatile    string        `default:"memory" hidden:"" help:"memory, or redis://… so that several processes can share one data folder."`
	Database    string        `hidden:"" help:"As in a configuration; default SQLite in the data folder."`
	DrainDelay  time.Duration `hidden:"" help:"As in a configuration."`
	Unlimited   bool          `kong:"-"` // callers are counted and never told to stop, for bench
	Signer      string        `hidden:"" help:"unix:/PATH of a signer."`
	LogLevel    string        `default:"warn" enum:"debug,info,warn,error" hidden:"" help:"What is logged to standard error."`
	Profile     string        `enum:"sm2,es256" default:"sm2" help:"Algorithms of keys made at the first start: ${enum}."`
}

// Help is what --help says below the flags.
func (demoCommand) Help() string {
	return `Everything in one process: departments, wallets, checkers and the registry, with fictitious
people and companies. Nothing is needed but this binary. A second start goes on with the same data;
Ctrl-C ends it. People sign in with an identity provider that comes with the demo, marked as such;
it does not exist in "showcard serve".

Examples:
  showcard demo                     # then open http://localhost:8080
  showcard demo --lan               # scan the QR code in the terminal with a phone
  showcard demo --tour              # the story in 20 seconds, nothing to open
  curl -H "Authorization: Bearer $(showcard token --client demo-bank)" …`
}

// demo is a running demo.
type demo struct {
	*app
	callers *demoCallers
	people  []demoPerson
	rows    []seedRow
	base    string // where we can be reached from here, whatever the public URL says
}

func (c *demoCommand) Run(e *env) error {
	if c.Tour {
		return runTour(e, c)
	}
	return c.start(e.ctx, func(ctx context.Context, d *demo) error {
		d.announce(e, c)
		<-ctx.Done()
		return nil
	}, e)
}

// start brings the demo up, seeds it, calls with, and takes it down again.
func (c *demoCommand) start(ctx context.Context, with func(context.Context, *demo) error, e *env) (err error) {
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("%w (is another demo running? choose another --addr)", err)
	}
	level := slog.LevelWarn
	if c.LogLevel != "" {
		if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
	cfg, err := c.config(listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	a, err := build(ctx, cfg, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	d := &demo{app: a, base: "http://" + listener.Addr().String()}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := d.prepare(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- a.run(running, nil, listener) }()
	if c.LAN {
		if err := c.serveLAN(running, d, ended); err != nil {
			stop()
			return errors.Join(err, <-ended)
		}
	}
	err = d.seed(ctx)
	if err == nil {
		err = with(ctx, d)
	}
	stop()
	err = errors.Join(err, <-ended)
	if c.LAN {
		err = errors.Join(err, <-ended)
	}
	return err
}

func (c *demoCommand) config(addr string) (config, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return config{}, err
	}
	cfg := config{
		PublicURL: "http://localhost:" + port, Listen: addr, Data: c.Data, KeystoreKeyFile: filepath.Join(c.Data, "demo.keyfile"),
		Domain: domainConfig{Code: "DEMO", Name: schemas.Text{ZH: "演示域", EN: "Demo domain"}}, Profile: c.Profile,
		CodeLifetimeMin: 3 * time.Second, ConsentWait: c.ConsentWait, Volatile: c.Volatile, Catalogue: c.Catalogue, Signer: c.Signer, Database: c.Database, unlimited: c.Unlimited, DrainDelay: c.DrainDelay, demo: true, demoOrigins: origins("http", addr),
	}
	if c.LAN {
		cfg.demoOrigins = append(cfg.demoOrigins, origins("https", c.LANAddr)...)
	}
	// A later start keeps the public URL of the first, whatever --addr says now.
	if data, err := os.ReadFile(filepath.Join(c.Data, deploymentFile)); err == nil {
		var first deployment
		if json.Unmarshal(data, &first) == nil && first.PublicURL != "" {
			cfg.PublicURL = first.PublicURL
		}
	}
	return cfg, cfg.check()
}

// prepare adds to the app what only a demo has: an identity provider for fictitious people, and
// tokens for the page of a counter.
func (d *demo) prepare(ctx context.Context) (err error) {
	if d.callers, err = d.seedRegistry(ctx); err != nil {
		return err
	}
	if d.rows, err = seedRows(); err != nil {
		return err
	}
	d.people = demoPeople(d.rows)
	identity, err := d.identityRoutes()
	if err != nil {
		return err
	}
	desk := &demoDesk{callers: d.callers, registry: d.registry, now: time.Now}
	return errors.Join(d.server.Mount(identity, nil), d.server.Mount(desk.routes(), registryhttp.Errors()))
}

func (d *demo) client(id string) (*client, error) {
	return newClientFor(d.base, d.cfg.PublicURL, id, d.callers.keys[id], &http.Client{})
}

// seed pushes the departments' files the way departments do, then makes the states and live
// values that the demo tells of. It writes demo.json last, so that a first start which was
// killed half way seeds again; pushing again is safe.
func (d *demo) seed(ctx context.Context) error {
	file := filepath.Join(d.cfg.Data, "demo.json")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	issuers, err := seedJSON[[]seedIssuer]("issuers.json")
	if err != nil {
		return err
	}
	certificates := map[string]seeded{} // by row key
	for _, i := range issuers {
		if err := d.pushSeed(ctx, i.ID, certificates); err != nil {
			return fmt.Errorf("seed %s: %w", i.ID, err)
		}
	}
	if err := d.seedLive(ctx, certificates); err != nil {
		return fmt.Errorf("seed live data: %w", err)
	}
	if err := d.seedStates(ctx, certificates); err != nil {
		return fmt.Errorf("seed states: %w", err)
	}
	return d.writeDemoJSON(ctx, file)
}

// seeded is a certificate of the seed.
type seeded struct {
	identifier string
	client     *client
}

func (d *demo) pushSeed(ctx context.Context, issuerID string, certificates map[string]seeded) error {
	cl, err := d.client(issuerID)
	if err != nil {
		return err
	}
	rows, err := fs.ReadFile(testdata.Files, "push/"+issuerID+".ndjson")
	if err != nil {
		return err
	}
	job := "/v1/pushes/seed-" + issuerID
	resp, err := cl.send(ctx, request{
		method: http.MethodPut, path: job, header: http.Header{"Content-Type": {"application/x-ndjson"}}, body: func() (io.Reader, error) { return bytes.NewReader(rows), nil },
	})
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp, err = cl.send(ctx, request{method: http.MethodGet, path: job + "/results?from=1"})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	results := json.NewDecoder(resp.Body)
	for results.More() {
		var r struct{ Key, Identifier, Code, Pointer string }
		if err := results.Decode(&r); err != nil {
			return err
		}
		if r.Identifier == "" {
			return fmt.Errorf("row %s was refused: %s at %s", r.Key, r.Code, r.Pointer)
		}
		certificates[r.Key] = seeded{r.Identifier, cl}
	}
	return nil
}

func (d *demo) seedLive(ctx context.Context, certificates map[string]seeded) error {
	return seedLines("push/live.ndjson", func(line []byte) error {
		var l struct {
			Key    string         `json:"key"`
			Values map[string]any `json:"values"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		c, ok := certificates[l.Key]
		if !ok {
			return fmt.Errorf("no certificate of key %s", l.Key)
		}
		return c.client.call(ctx, http.MethodPut, "/v1/certificates/"+url.PathEscape(c.identifier)+"/live", l.Values, "", nil)
	})
}

func (d *demo) seedStates(ctx context.Context, certificates map[string]seeded) error {
	return seedLines("push/states.ndjson", func(line []byte) error {
		var s struct {
			Key    string       `json:"key"`
			State  string       `json:"state"`
			Reason schemas.Text `json:"reason"`
		}
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		c, ok := certificates[s.Key]
		if !ok {
			return fmt.Errorf("no certificate of key %s", s.Key)
		}
		verb, body := "suspend", map[string]any{"reason": s.Reason.ZH}
		if kind, ends := strings.CutPrefix(s.State, "revoked-"); ends {
			verb, body["kind"] = "revoke", kind
		}
		return c.client.call(ctx, http.MethodPost, "/v1/certificates/"+url.PathEscape(c.identifier)+"/"+verb, body, "seed-"+s.Key, nil)
	})
}

// demoDocument is demo.json: what a script needs to drive the demo.
type demoDocument struct {
	demoFile
	People []demoHolder `json:"people"`
}

type demoHolder struct {
	Name     string        `json:"name"`
	Login    string        `json:"login"`
	Holdings []demoHolding `json:"holdings"`
}

type demoHolding struct {
	Type       string `json:"type"`
	Identifier string `json:"identifier"`
}

func (d *demo) writeDemoJSON(ctx context.Context, file string) error {
	doc := demoDocument{demoFile: demoFile{BaseURL: d.cfg.PublicURL, TrustListURL: d.cfg.PublicURL + "/v1/trust-list", Callers: d.callers.callers}}
	for _, p := range d.people {
		h := demoHolder{Name: p.Name, Login: p.Login, Holdings: []demoHolding{}}
		held, err := d.wallet.Holdings(ctx, wallet.Person{HolderID: d.holderID(p.holder), Method: "oidc:" + demoProvider, VerifiedAt: time.Now()}, false)
		if err != nil {
			return err
		}
		for _, one := range held {
			h.Holdings = append(h.Holdings, demoHolding{one.Type, one.Identifier})
		}
		doc.People = append(doc.People, h)
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(file, append(data, '\n'), 0o600)
}

// here is where a browser on this machine reaches us. The public URL is where the first start
// listened; this one may have been given another --addr.
func (d *demo) here() string {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(d.base, "http://"))
	if ip := net.ParseIP(host); err == nil && ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		return "http://localhost:" + port
	}
	return d.base
}

// announce prints where to go and who is there.
func (d *demo) announce(e *env, c *demoCommand) {
	w, here := e.stdout, d.here()
	fmt.Fprintf(w, "\n  showcard 演示已启动 / the demo is running\n\n")
	fmt.Fprintf(w, "  出示证照 show a certificate   %s/wallet\n", here)
	fmt.Fprintf(w, "  核验证照 check a code         %s/check\n", here)
	fmt.Fprintf(w, "  办公页面 offices              %s/office\n", here)
	fmt.Fprintf(w, "  接口说明 API                  %s/openapi.json\n\n", here)
	if here != d.cfg.PublicURL {
		fmt.Fprintf(w, "  注意 note: 本文件夹的证照以此地址签发 certificates of this folder are signed for %s;\n", d.cfg.PublicURL)
		fmt.Fprintf(w, "  命令行工具请加 tools need --server %s\n\n", here)
	}
	fmt.Fprintf(w, "  虚构人员 fictitious people (%d):\n", len(d.people))
	for i, p := range d.people {
		fmt.Fprintf(w, "    %s %s", p.Login, p.Name)
		if i%3 == 2 || i == len(d.people)-1 {
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintf(w, "\n  数据 data: %s   脚本 scripts: %s\n", d.cfg.Data, filepath.Join(d.cfg.Data, "demo.json"))
	fmt.Fprintf(w, "  令牌 token: showcard token --data %s --client demo-bank\n", d.cfg.Data)
	fmt.Fprintf(w, "  审计日志无见证方 audit log: no witness (showcard audit verify --data %s)\n", d.cfg.Data)
	fmt.Fprintf(w, "  按 Ctrl-C 结束 / Ctrl-C ends it\n\n")
	if c.LAN {
		d.announceLAN(w, c.LANAddr)
	}
}
