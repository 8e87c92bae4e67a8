package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/showcard/showcard/bench/plain/sign"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/issuerhttp"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

// push measures a bulk push, over HTTP from the first byte of the file to the answer that says that
// everything is durable, against signing the same credentials on the same cores and nothing else.
// Sender, server and database share the machine. The two are run in turn.
func push(ctx context.Context, cfg Config) (_ []Metric, err error) {
	dir, err := os.MkdirTemp("", "showcard-bench-push-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return pushInto(ctx, cfg, "", "sqlite:"+filepath.Join(dir, "record", "showcard.db"), dir)
}

// pushInto measures with one database; name is put behind the names of its metrics.
func pushInto(ctx context.Context, cfg Config, name, url, dir string) (_ []Metric, err error) {
	rounds, rows := 5, 20_000
	if cfg.Quick {
		rounds, rows = 3, 2000
	}
	f, err := newFileOfRows("vehicle-licence")
	if err != nil {
		return nil, err
	}
	o, err := openOffice(ctx, url, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	if _, err := o.push(ctx, "warm", f, "w", 500); err != nil {
		return nil, err
	}
	var signed, pushed, ratios []float64
	for round := range rounds {
		s, err := f.signAlone(ctx, cfg)
		if err != nil {
			return nil, err
		}
		p, err := o.push(ctx, "round-"+strconv.Itoa(round), f, strconv.Itoa(round), rows)
		if err != nil {
			return nil, err
		}
		signed, pushed, ratios = append(signed, s), append(pushed, p), append(ratios, p/s)
	}
	batches := o.record.taken()
	slices.Sort(batches)
	at := func(share float64) float64 { return round(batches[int(share*float64(len(batches)-1))]) }
	baseline := "signing alone on all cores, gmsm as shipped: " + number(round(median(signed))) + " credentials/s"
	ours := "pushed over HTTP, checked, signed, sealed, durable, answered: " + number(round(median(pushed))) + " rows/s"
	return []Metric{
		Metric{Name: "issue_store_ratio" + name, Value: round(median(ratios)), Unit: "x", Baseline: baseline, Ours: ours}.atLeast(0.5),
		Metric{Name: "issue_store_rows_per_s" + name, Value: round(median(pushed)), Unit: "rows/s", Ours: strconv.Itoa(rows) + " rows a push"}.atLeast(20_000),
		{Name: "issue_store_batch_p50_ms" + name, Value: at(0.5), Unit: "ms", Ours: "one transaction, up to 256 rows, durable"},
		{Name: "issue_store_batch_p99_ms" + name, Value: at(0.99), Unit: "ms", Ours: strconv.Itoa(len(batches)) + " transactions"},
	}, nil
}

// fileOfRows is a department's file that is never anywhere as a whole: one row of the seed, each time
// under another key.
type fileOfRows struct {
	before, after []byte // the key
	claims        map[string]any
	hidden        []sign.Claim
}

func newFileOfRows(typeID string) (*fileOfRows, error) {
	data, err := testdata.Files.ReadFile("push/" + benchAuthority + ".ndjson")
	if err != nil {
		return nil, err
	}
	types, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	typ, err := types.Type(typeID)
	if err != nil {
		return nil, err
	}
	for text := range bytes.Lines(data) {
		row, problems := schemas.DecodeRow(bytes.TrimSpace(text))
		if len(problems) > 0 || row.Type != typeID {
			continue
		}
		const mark = "THE-KEY"
		row.Key = mark
		line, err := json.Marshal(row)
		if err != nil {
			return nil, err
		}
		f := &fileOfRows{claims: map[string]any{
			"iss": "https://cards.example.gov.cn/issuers/" + benchAuthority, "vct": "https://cards.example.gov.cn" + typ.Path(), "iat": 1795305600, "nbf": 1795305600,
			"exp": 1895305600, "region": row.Region, "status": map[string]any{"status_list": map[string]any{"idx": 123456, "uri": "https://cards.example.gov.cn/status/1"}},
		}}
		f.before, f.after, _ = bytes.Cut(line, []byte(mark))
		claims := typ.ClaimsOf(row)
		for _, field := range typ.Fields {
			if v, ok := claims[field.Name]; ok {
				f.hidden = append(f.hidden, sign.Claim{Name: field.Name, Value: v})
			}
		}
		predicates, _ := typ.Evaluate(claims, time.Now())
		for _, p := range typ.Predicates {
			if v, ok := predicates[p.Name]; ok {
				f.hidden = append(f.hidden, sign.Claim{Name: p.Name, Value: v})
			}
		}
		f.hidden = append(f.hidden, sign.Claim{Name: "identifier", Value: "1.2.156.3005.2.11100000000013338W001.11430000000000000X.AC5XMPN600AB4BGG12CU.001.3"})
		return f, nil
	}
	return nil, fmt.Errorf("the seed has no row of %s", typeID)
}

// signAlone signs on all cores for a while, and says how many credentials a second that makes.
func (f *fileOfRows) signAlone(ctx context.Context, cfg Config) (float64, error) {
	k, err := sign.NewKey("issuer-key")
	if err != nil {
		return 0, err
	}
	span := time.Second
	if !cfg.Quick {
		span = 3 * time.Second
	}
	var wait sync.WaitGroup
	rates := make([]float64, runtime.GOMAXPROCS(0))
	errs := make([]error, len(rates))
	for i := range rates {
		wait.Go(func() {
			rates[i] = 1e9 / each(span, func() {
				if _, err := k.SDJWT(f.claims, f.hidden); err != nil {
					errs[i] = err
				}
			})
		})
	}
	wait.Wait()
	total := 0.0
	for _, r := range rates {
		total += r
	}
	return total, errors.Join(append(errs, ctx.Err())...)
}

// read gives the file with n rows whose keys begin with prefix.
func (f *fileOfRows) read(prefix string, n int) io.Reader {
	return &rowReader{file: f, prefix: prefix, left: n}
}

type rowReader struct {
	file   *fileOfRows
	prefix string
	n      int
	left   int
	rest   []byte
	buf    []byte
}

func (r *rowReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.buf = r.buf[:0]
		for ; r.left > 0 && len(r.buf) < 32<<10; r.left-- {
			r.n++
			r.buf = append(append(r.buf, r.file.before...), r.prefix...)
			r.buf = strconv.AppendInt(append(r.buf, '-'), int64(r.n), 10)
			r.buf = append(append(r.buf, r.file.after...), '\n')
		}
		r.rest = r.buf
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const benchAuthority = "hunan-police"

// office is an issuer behind a listener of this machine, over a real database.
type office struct {
	url    string
	client *http.Client
	record *timedRecord
	close  func() error
}

// timedRecord notes how long each transaction of a batch takes.
type timedRecord struct {
	issuer.Record
	mu  sync.Mutex
	all []float64 // milliseconds
}

func (r *timedRecord) Commit(ctx context.Context, b issuer.Batch) ([]issuer.Committed, error) {
	began := time.Now()
	out, err := r.Record.Commit(ctx, b)
	r.mu.Lock()
	r.all = append(r.all, float64(time.Since(began).Microseconds())/1e3)
	r.mu.Unlock()
	return out, err
}

func (r *timedRecord) taken() []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

type benchRegistry struct{ authority issuer.Authority }

func (r benchRegistry) Authority(context.Context, string) (issuer.Authority, error) {
	return r.authority, nil
}
func (benchRegistry) TypeUsable(context.Context, string) error { return nil }

// benchCaller lets the department in; who calls costs the same once for a whole file.
type benchCaller struct{}

func (benchCaller) Authenticate(*http.Request) (httpd.Caller, error) {
	return httpd.Caller{ID: "department", Role: httpd.RoleDepartment, Scopes: []string{issuerhttp.Scope}, Issuers: []string{benchAuthority}}, nil
}

func openOffice(ctx context.Context, url, dir string) (_ *office, err error) {
	var closing []func() error
	o := &office{client: &http.Client{Transport: &http.Transport{DisableCompression: true}}, close: func() error {
		var errs []error
		for _, c := range slices.Backward(closing) {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	keyFile := filepath.Join(dir, "key")
	if err := key.NewKeyFile(keyFile); err != nil {
		return nil, err
	}
	keys, err := key.CreateStore(filepath.Join(dir, "keystore.json"), key.Unlock{KeyFile: keyFile})
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: url, Keys: keys})
	if err != nil {
		return nil, err
	}
	closing = append(closing, store.Close)
	o.record = &timedRecord{Record: store}
	cache, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	types, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o.url = "http://" + listener.Addr().String()
	authority, err := benchIssuer(o.url)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	quiet := slog.New(slog.DiscardHandler)
	i, err := issuer.New(issuer.Config{
		Record: o.record, Jobs: store, Statuses: store, Live: store, Cache: cache, Registry: benchRegistry{authority}, Types: types,
		BaseURL: o.url, StatusSigner: authority.Signer, PermutationKey: bytes.Repeat([]byte{7}, 32), Logger: quiet,
		HolderID: func(h schemas.HolderRef) string { return h.Index([]byte("a key of the bench only, 32 bytes")) },
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	api, err := issuerhttp.New(issuerhttp.Config{Issuer: i, Idempotency: store})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	server, err := httpd.New(httpd.Config{Authenticator: benchCaller{}, PublicURL: o.url, Logger: quiet})
	if err == nil {
		err = server.Mount(api.Routes(), issuerhttp.Errors())
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving, nil, listener) }()
	closing = append(closing, func() error {
		o.client.CloseIdleConnections()
		stop()
		return <-served
	})
	return o, nil
}

func benchIssuer(url string) (issuer.Authority, error) {
	data, err := testdata.Files.ReadFile("push/issuers.json")
	if err != nil {
		return issuer.Authority{}, err
	}
	var all []struct {
		ID, USCC       string
		Types, Regions []string
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return issuer.Authority{}, err
	}
	signer, err := key.Generate(key.SM2)
	if err != nil {
		return issuer.Authority{}, err
	}
	for _, a := range all {
		if a.ID == benchAuthority {
			return issuer.Authority{ID: a.ID, USCC: a.USCC, ISS: url + "/issuers/" + a.ID, Types: a.Types, Regions: a.Regions, Signer: signer}, nil
		}
	}
	return issuer.Authority{}, fmt.Errorf("the seed has no authority %s", benchAuthority)
}

// push sends a file and says how many rows a second became durable. Every row must have been taken.
func (o *office) push(ctx context.Context, job string, f *fileOfRows, prefix string, rows int) (float64, error) {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, o.url+"/v1/pushes/"+job, f.read(prefix, rows))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := o.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	var answer struct{ Accepted int }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Accepted != rows {
		return 0, fmt.Errorf("%d of %d rows were taken: HTTP %d %s", answer.Accepted, rows, resp.StatusCode, strings.TrimSpace(string(text)))
	}
	return float64(rows) / took.Seconds(), nil
}
