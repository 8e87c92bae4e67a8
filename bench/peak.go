package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/showcard/showcard/internal/retry"
)

// What a day is made of: Guangzhou showed 99.5 million codes in one. Between half past seven and half past
// eight a city shows four times what it shows in an hour of the day on the average.
const (
	ShowsADay  = 99.5e6
	PeakFactor = 4.0
)

// PeakRate is how many new shows a second the peak has.
const PeakRate = ShowsADay / 86400 * PeakFactor

// PeakConfig says whom the peak comes from, and how much of it.
type PeakConfig struct {
	URL         string
	Credentials Credentials
	Rate        float64       // new shows a second at the top
	For         time.Duration // of which the first third rises
}

// Credentials are what the load signs in with.
type Credentials struct {
	People   []PeakPerson  `json:"people"`
	Checkers []PeakChecker `json:"checkers"`
}

// PeakPerson shows.
type PeakPerson struct {
	Token      string `json:"token"`
	Identifier string `json:"identifier"`
	View       string `json:"view"`
}

// PeakChecker scans.
type PeakChecker struct {
	Token   string `json:"token"`
	Purpose string `json:"purpose"`
}

type peak struct {
	cfg  PeakConfig
	http *http.Client

	mu      sync.Mutex
	took    map[string][]time.Duration
	refused map[string]int
	failed  map[string]int
}

// Peak is eight o'clock: people open their codes, wait in a queue, get the next code when the queue is long,
// and are scanned. Whoever is refused comes again when she was told to.
func Peak(ctx context.Context, cfg PeakConfig) ([]Metric, error) {
	if len(cfg.Credentials.People) == 0 || len(cfg.Credentials.Checkers) == 0 || cfg.Rate <= 0 || cfg.For <= 0 {
		return nil, fmt.Errorf("bench: peak: needs people, checkers, a rate and a time")
	}
	p := &peak{
		cfg: cfg, took: map[string][]time.Duration{}, refused: map[string]int{}, failed: map[string]int{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}, Timeout: 30 * time.Second},
	}
	var all sync.WaitGroup
	began := time.Now()
	for time.Since(began) < cfg.For && ctx.Err() == nil {
		rate := cfg.Rate * min(1, .1+2.7*time.Since(began).Seconds()/cfg.For.Seconds())
		_ = retry.Wait(ctx, time.Duration(rand.ExpFloat64()/rate*float64(time.Second)))
		all.Go(func() { p.session(ctx) })
	}
	all.Wait()
	return p.metrics(), ctx.Err()
}

// session is one person in one queue.
func (p *peak) session(ctx context.Context) {
	who := p.cfg.Credentials.People[rand.IntN(len(p.cfg.Credentials.People))]
	clerk := p.cfg.Credentials.Checkers[rand.IntN(len(p.cfg.Credentials.Checkers))]
	var code struct {
		Show    string  `json:"show"`
		Code    string  `json:"code"`
		SVG     string  `json:"svg"`
		RenewIn float64 `json:"renew_in"`
	}
	if !p.ask(ctx, "show", http.MethodPost, "/v1/wallet/shows", who.Token, map[string]string{"identifier": who.Identifier, "view": who.View}, &code) {
		return
	}
	p.ask(ctx, "picture", http.MethodGet, code.SVG, who.Token, nil, nil)
	queue := time.Duration(rand.ExpFloat64() * 20 * float64(time.Second))
	for renew := time.Duration(code.RenewIn * float64(time.Second)); queue > renew && renew > 0; queue -= renew {
		if retry.Wait(ctx, renew) != nil || !p.ask(ctx, "renewal", http.MethodPost, "/v1/wallet/shows/"+code.Show+"/codes", who.Token, nil, &code) {
			return
		}
		p.ask(ctx, "picture", http.MethodGet, code.SVG, who.Token, nil, nil)
	}
	if retry.Wait(ctx, queue) == nil {
		p.ask(ctx, "scan", http.MethodPost, "/v1/verifications", clerk.Token, map[string]string{"code": code.Code, "purpose": clerk.Purpose}, nil)
	}
}

// ask sends a request, and again when it was refused for now, as often as a patient person would.
func (p *peak) ask(ctx context.Context, kind, method, path, token string, body, into any) bool {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return false
		}
	}
	for range 4 {
		req, err := http.NewRequestWithContext(ctx, method, p.cfg.URL+path, bytes.NewReader(text))
		if err != nil {
			return false
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		began := time.Now()
		resp, err := p.http.Do(req)
		if err != nil {
			p.count(p.failed, kind)
			return false
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err == nil && resp.StatusCode < 300:
			p.mu.Lock()
			p.took[kind] = append(p.took[kind], time.Since(began))
			p.mu.Unlock()
			return into == nil || json.Unmarshal(answer, into) == nil
		case resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable:
			p.count(p.failed, kind)
			return false
		}
		p.count(p.refused, kind)
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		if retry.Wait(ctx, time.Duration(max(seconds, 1))*time.Second) != nil {
			return false
		}
	}
	p.count(p.failed, kind)
	return false
}

func (p *peak) count(in map[string]int, kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	in[kind]++
}

func (p *peak) metrics() []Metric {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Metric
	for _, kind := range []string{"scan", "renewal", "show", "picture"} {
		took := p.took[kind]
		ours := fmt.Sprintf("%d answered, %d times refused for now, %d failed", len(took), p.refused[kind], p.failed[kind])
		out = append(out,
			Metric{Name: "peak_" + kind + "_p50_ms", Value: milliseconds(quantile(took, .5)), Unit: "ms", Ours: ours},
			Metric{Name: "peak_" + kind + "_p99_ms", Value: milliseconds(quantile(took, .99)), Unit: "ms", Ours: ours})
	}
	return out
}
