package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showcard/showcard/bench"
	"github.com/showcard/showcard/bench/plain/api"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
	"github.com/showcard/showcard/wallet"
)

// benchTargetCommand is the server that `showcard bench` measures: the whole service, with the demo's
// people and a checker. Codes are made on demand, because making them is not what is measured.
type benchTargetCommand struct {
	Data     string        `required:"" help:"Empty folder."`
	Database string        `required:"" help:"As in a configuration."`
	Volatile string        `required:"" help:"As in a configuration."`
	Addr     string        `default:"127.0.0.1:0" help:"Address to serve on."`
	Drain    time.Duration `help:"As drain_delay in a configuration."`
	Profile  string        `help:"File for a CPU profile of all that it does."`
}

const (
	benchParty     = "changsha-service-hall"
	benchPurpose   = "identity-check"
	benchView      = "full"
	benchType      = "resident-id"
	benchAuthority = "hunan-police"
	benchLifetime  = wallet.MaxLifetime
)

func (c *benchTargetCommand) Run(e *env) error {
	cmd := demoCommand{Addr: c.Addr, Data: c.Data, Database: c.Database, Volatile: c.Volatile, LogLevel: "warn", Profile: "sm2", Unlimited: true, DrainDelay: c.Drain, ConsentWait: 45 * time.Second}
	return cmd.start(e.ctx, func(ctx context.Context, d *demo) error {
		t := &benchTarget{demo: d}
		about, err := t.about(ctx)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(e.stdout).Encode(about); err != nil {
			return err
		}
		if c.Profile != "" {
			f, err := os.Create(filepath.Clean(c.Profile))
			if err != nil {
				return err
			}
			defer f.Close() // what is not written is not there
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
			defer pprof.StopCPUProfile()
		}
		return bench.Obey(e.stdin, e.stdout, func(o bench.Order) ([]string, error) { return t.mint(ctx, o) })
	}, e)
}

type benchTarget struct {
	*demo
	known []benchHolding
	made  int // certificates that nobody has seen
	row   schemas.Row
}

type benchHolding struct{ holder, identifier string }

func (t *benchTarget) person(holder string) wallet.Person {
	return wallet.Person{HolderID: holder, Method: "oidc:" + demoProvider, VerifiedAt: time.Now(), Assurance: "high"}
}

// about says what a load needs to know, and signs people in.
func (t *benchTarget) about(ctx context.Context) (*bench.Target, error) {
	granted, err := t.callers.token(ctx, t.access, benchParty)
	if err != nil {
		return nil, err
	}
	operator, err := t.callers.token(ctx, t.access, "demo-operator")
	if err != nil {
		return nil, err
	}
	out := &bench.Target{Operator: operator.AccessToken, Address: strings.TrimPrefix(t.base, "http://"), Token: granted.AccessToken, Purpose: benchPurpose}
	for _, p := range t.people {
		holder := t.holderID(p.holder)
		held, err := t.wallet.Holdings(ctx, t.person(holder), false)
		if err != nil {
			return nil, err
		}
		for _, h := range held {
			if h.Type != benchType || h.State != string(issuer.Valid) {
				continue
			}
			t.known = append(t.known, benchHolding{holder, h.Identifier})
			token, _, err := signIn(ctx, t.base, p.Login, nil)
			if err != nil {
				return nil, err
			}
			person := bench.Person{Token: token, Identifier: h.Identifier}
			for range 8 {
				code, err := t.show(ctx, benchHolding{holder, h.Identifier})
				if err != nil {
					return nil, err
				}
				person.Shows = append(person.Shows, code.ShowID)
			}
			out.People = append(out.People, person)
		}
	}
	if out.Sample, err = t.sample(ctx); err != nil {
		return nil, err
	}
	return out, t.readRow()
}

func (t *benchTarget) show(ctx context.Context, h benchHolding) (wallet.Code, error) {
	return t.wallet.Show(ctx, t.person(h.holder), wallet.ShowRequest{Identifier: h.identifier, View: benchView, Lifetime: benchLifetime})
}

// sample is the copy that a code stands for, opened.
func (t *benchTarget) sample(ctx context.Context) (*bench.Sample, error) {
	c, err := t.store.Copy(ctx, t.known[0].holder, t.known[0].identifier)
	if err != nil {
		return nil, err
	}
	vc, err := sdjwt.ParseIssued(c.Credential, sdjwt.Type)
	if err != nil {
		return nil, err
	}
	typ, err := t.types.Type(benchType)
	if err != nil {
		return nil, err
	}
	view, err := typ.View(benchView)
	if err != nil {
		return nil, err
	}
	s := &bench.Sample{}
	if err := json.Unmarshal(vc.Token.Payload, &s.Payload); err != nil {
		return nil, err
	}
	claims, err := vc.Claims()
	if err != nil {
		return nil, err
	}
	for _, name := range view.Disclosable() {
		if value, ok := claims[name]; ok {
			s.Fields = append(s.Fields, api.Field{Name: name, Value: value})
		}
	}
	return s, nil
}

func (t *benchTarget) readRow() error {
	data, err := testdata.Files.ReadFile("push/" + benchAuthority + ".ndjson")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(data), "\n")
	if err := json.Unmarshal([]byte(first), &t.row); err != nil {
		return err
	}
	return nil
}

// mint opens shows and returns their codes.
func (t *benchTarget) mint(ctx context.Context, o bench.Order) ([]string, error) {
	of := t.known
	if o.Fresh {
		var err error
		if of, err = t.fresh(ctx, o.Codes); err != nil {
			return nil, err
		}
	}
	codes := make([]string, o.Codes)
	var g errgroup.Group
	g.SetLimit(32)
	for i := range codes {
		g.Go(func() error {
			var code wallet.Code
			var err error
			for range 5 { // a busy machine may be slow for a moment, and this is not measured
				if code, err = t.show(ctx, of[i%len(of)]); err == nil {
					break
				}
			}
			codes[i] = code.Payload
			return err
		})
	}
	return codes, g.Wait()
}

// fresh issues certificates of people who have none yet.
func (t *benchTarget) fresh(ctx context.Context, n int) ([]benchHolding, error) {
	const batch = 500
	out := make([]benchHolding, 0, n)
	for begin := 0; begin < n; begin += batch {
		rows := make([]schemas.Row, min(batch, n-begin))
		for i := range rows {
			t.made++
			number := benchNumber(t.made)
			row := t.row
			row.Key = "bench-" + number
			row.Holder.Number = number
			row.Claims = schemas.Claims{}
			for name, value := range t.row.Claims {
				row.Claims[name] = value
			}
			row.Claims["id_number"] = number
			row.Claims["birth_date"] = number[6:10] + "-" + number[10:12] + "-" + number[12:14]
			rows[i] = row
		}
		issued, err := t.issuer.IssueMany(ctx, issuer.Order{Authority: benchAuthority, By: "bench"}, rows)
		if err != nil {
			return nil, err
		}
		for i, one := range issued {
			if one.Err != nil {
				return nil, one.Err
			}
			out = append(out, benchHolding{t.holderID(rows[i].Holder), one.Identifier})
		}
	}
	return out, nil
}

// benchNumber is a citizen's number that nobody has (GB 11643): of a man, as the row says.
func benchNumber(n int) string {
	day := time.Date(1976, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n/400)
	text := fmt.Sprintf("430102%s%03d", day.Format("20060102"), n%400*2+1)
	sum := 0
	for i, w := range [...]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(text[i]-'0') * w
	}
	return text + string("10X98765432"[sum%11])
}

// benchPlainCommand is what the target is compared with.
type benchPlainCommand struct {
	Data     string `required:"" help:"Empty folder."`
	Database string `required:"" help:"As in a configuration."`
	Volatile string `required:"" help:"As in a configuration."`
	Sample   string `required:"" help:"File with the shape of a certificate."`
}

func (c *benchPlainCommand) Run(e *env) error {
	text, err := os.ReadFile(filepath.Clean(c.Sample))
	if err != nil {
		return err
	}
	var s bench.Sample
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	f, err := api.New(e.ctx, c.Database, c.Volatile, s.Payload, s.Fields)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is thrown away
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	defer server.Close() //nolint:errcheck // as above
	if err := json.NewEncoder(e.stdout).Encode(bench.Target{Address: l.Addr().String(), Token: f.Token, Purpose: benchPurpose}); err != nil {
		return err
	}
	return bench.Obey(e.stdin, e.stdout, func(o bench.Order) ([]string, error) { return f.Mint(e.ctx, o.Fresh, o.Codes) })
}

// farOff is a limit that nobody reaches.
const farOff = 1 << 30

// classes are the limits of a target: one caller asks for a city.
func (a *app) classes() map[httpd.Class]httpd.Limits {
	if !a.cfg.unlimited {
		return nil
	}
	return map[httpd.Class]httpd.Limits{
		httpd.ClassScan: {Rank: httpd.RankScan, PerMinute: farOff}, httpd.ClassRenew: {Rank: httpd.RankRenew, PerMinute: farOff},
		httpd.ClassShow: {PerMinute: farOff}, httpd.ClassRead: {PerMinute: farOff}, httpd.ClassReport: {Rank: httpd.RankReport, PerMinute: farOff},
		httpd.ClassExport: {Rank: httpd.RankReport, PerMinute: farOff}, httpd.ClassCallback: {Rank: httpd.RankAside, PerMinute: farOff}, httpd.ClassPage: {PerMinute: farOff},
	}
}

func (a *app) checksPerMinute() int {
	if a.cfg.unlimited {
		return farOff
	}
	return 0 // the usual
}
