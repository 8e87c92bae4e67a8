package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/showcard/showcard/bench/plain/verify"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

const (
	coreBase   = "https://cards.example.gov.cn"
	coreIssuer = coreBase + "/issuers/police"
	coreVCT    = coreBase + "/types/resident-id/1"
	coreStatus = coreBase + "/status/"
	coreParty  = "bank"
	coreSize   = 1 << 20
	// cold credentials, each with a device of its own, are more than the cold verifier remembers:
	// when one comes around again it has been forgotten, credential and device both.
	cold = 4096
	warm = 256
	// proofs of each warm credential, all different. Nobody remembers proofs.
	proofs = 8
)

// coreWorld is what a verification stands on, for both sides: one issuer, a trust list, a bitmap.
type coreWorld struct {
	now      time.Time
	issuer   *key.Private
	provider *key.Private
	list     *trustlist.List
	bits     *statuslist.List
}

// shown is a presentation and the nonce it answers.
type shown struct{ text, nonce string }

// Current implements verifier.TrustSource.
func (w *coreWorld) Current(context.Context) (*trustlist.List, error) {
	return w.list, w.list.Fresh(w.now)
}

// Lookup implements verifier.StatusCache.
func (w *coreWorld) Lookup(_ context.Context, list string, index uint64) (uint8, time.Time, bool, error) {
	status, err := w.bits.Get(index)
	return uint8(status), w.now, list == "1" && err == nil, nil
}

func newCoreWorld() (*coreWorld, error) {
	w := &coreWorld{now: time.Now().UTC().Truncate(time.Second)}
	var err, err1, err2 error
	w.issuer, err = key.Generate(key.SM2)
	w.provider, err1 = key.Generate(key.SM2)
	w.bits, err2 = statuslist.New(2, coreSize)
	if err := errors.Join(err, err1, err2); err != nil {
		return nil, err
	}
	since := w.now.AddDate(-1, 0, 0)
	name := trustlist.Name{ZH: "示例市公安局", EN: "Example police"}
	w.list = &trustlist.List{
		Version: 1, IssuedAt: w.now, Expires: w.now.AddDate(0, 0, 1),
		Domains: []trustlist.Domain{{Code: "DEMO", Name: name, BaseURL: coreBase, StatusPrefix: coreStatus}},
		Issuers: []trustlist.Issuer{{
			ID: coreIssuer, Authority: "11430000MB1D000127", Name: name, Domain: "DEMO", Types: []string{"resident-id"}, Regions: []string{"430000"},
			Keys: []trustlist.DatedKey{{Key: w.issuer.Public(), NotBefore: since}},
		}},
		Providers: []trustlist.Provider{{ID: "wallet", Name: name, Domain: "DEMO", Keys: []trustlist.DatedKey{{Key: w.provider.Public(), NotBefore: since}}}},
		Types:     []trustlist.Type{{ID: "resident-id", Version: 1, VCT: coreVCT, Code: "11100000000013127D001"}},
	}
	return w, nil
}

// plain is the baseline over the same trust list and bitmap.
func (w *coreWorld) plain() *verify.Verifier {
	t := verify.Trust{Expires: w.list.Expires, Issuers: map[string]verify.Issuer{}, Types: map[string]verify.Type{}, Providers: map[string]verify.Provider{}, FrozenRegions: w.list.FrozenRegions, FrozenAll: w.list.FrozenAll}
	dated := func(d trustlist.DatedKey) verify.Key {
		return verify.Key{Public: d.Key.ECDSA(), NotBefore: d.NotBefore, NotAfter: d.NotAfter, Frozen: d.Frozen}
	}
	for _, i := range w.list.Issuers {
		one := verify.Issuer{Name: schemas.Text(i.Name), Authority: i.Authority, Types: i.Types, Regions: i.Regions, Keys: map[string]verify.Key{}, Frozen: i.Frozen, StatusPrefix: coreStatus}
		for _, k := range i.Keys {
			one.Keys[k.Key.ID()] = dated(k)
		}
		t.Issuers[i.ID] = one
	}
	for _, p := range w.list.Types {
		t.Types[p.VCT] = verify.Type{ID: p.ID, Frozen: p.Frozen}
	}
	for _, p := range w.list.Providers {
		for _, k := range p.Keys {
			point := k.Key.Point()
			k.Frozen = k.Frozen || p.Frozen
			t.Providers[base64.RawURLEncoding.EncodeToString(point[1:33])+"."+base64.RawURLEncoding.EncodeToString(point[33:])] = verify.Provider{ID: p.ID, Key: dated(k)}
		}
	}
	return &verify.Verifier{Trust: t, Statuses: map[string][]byte{coreStatus + "1": w.bits.Raw()}, AsOf: w.now}
}

// ours is a verifier as the service makes one, with bounds of its own on what it remembers.
func (w *coreWorld) ours(tables sm.TablesConfig, cacheBytes int64) (*verifier.Verifier, error) {
	t, err := key.NewTables(tables)
	if err != nil {
		return nil, err
	}
	return verifier.New(verifier.Config{
		Trust: w, Status: verifier.CachedStatus{Prefix: coreStatus, Size: coreSize, Cache: w},
		Now: func() time.Time { return w.now }, Tables: t, CacheBytes: cacheBytes,
	})
}

// fifteen fields, as a resident ID card has them.
var fifteen = [...][2]string{
	{"name", "张示例"}, {"sex", "1"}, {"ethnicity", "01"}, {"birth_date", "1990-03-07"}, {"address", "湖南省长沙市开福区示例路一段 12 号 3 栋 402 室"},
	{"id_number", "430102199003070011"}, {"issued_by", "长沙市公安局开福分局"}, {"valid_from", "2020-05-06"}, {"valid_until", "2040-05-06"}, {"nationality", "CHN"},
	{"portrait", "9a1yqTQW8m2bJ0Vx7dGgQ3nq3l0mR1cQ2fJ8yW4hZ6s"}, {"identifier", "1.2.156.3005.2.11100000000013127D001.11430000MB1D000127.X7K2M9QF4T1B8C3D.001.R"},
	{"over_16", "true"}, {"over_18", "true"}, {"over_60", "false"},
}

// claims are those of a certificate of the profile.
func (w *coreWorld) claims(holder key.Signer, index uint64) map[string]any {
	return map[string]any{
		"iss": coreIssuer, "vct": coreVCT, "region": "430105", "iat": w.now.Add(-time.Hour).Unix(), "nbf": w.now.Add(-time.Hour).Unix(), "exp": w.now.AddDate(0, 6, 0).Unix(),
		"cnf":    map[string]any{"jwk": holder.Public().Confirmation()},
		"status": statuslist.Reference{Index: index, URI: coreStatus + "1"}.Claim(),
	}
}

// credential signs a certificate and returns it parsed.
func (w *coreWorld) credential(claims map[string]any) (*sdjwt.SDJWT, error) {
	in := sdjwt.Issue{Claims: claims}
	for _, f := range fifteen {
		var value any = f[1]
		if yes, err := strconv.ParseBool(f[1]); err == nil && len(f[1]) > 1 {
			value = yes
		}
		in.Disclosable = append(in.Disclosable, sdjwt.Claim{Name: f[0], Value: value})
	}
	text, err := sdjwt.Sign(w.issuer, in)
	if err != nil {
		return nil, err
	}
	return sdjwt.ParseIssued(text, sdjwt.Type)
}

// show makes presentations of all fifteen fields, each with a proof of its own.
func (w *coreWorld) show(vc *sdjwt.SDJWT, holder key.Signer, n int) ([]shown, error) {
	out := make([]shown, n)
	for i := range out {
		out[i].nonce = rand.Text()
		var err error
		if out[i].text, err = vc.Present(vc.Disclosed(), holder, sdjwt.Binding{Audience: coreParty, Nonce: out[i].nonce, IssuedAt: w.now}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// deck makes n certificates, each shown m times in turn. Without a holder each has a device's key
// of its own.
func (w *coreWorld) deck(n, m int, holder *key.Private) ([]shown, error) {
	out := make([]shown, n*m)
	for i := range n {
		k := holder
		if k == nil {
			var err error
			if k, err = key.Generate(key.SM2); err != nil {
				return nil, err
			}
		}
		vc, err := w.credential(w.claims(k, uint64(i)))
		if err != nil {
			return nil, err
		}
		shows, err := w.show(vc, k, m)
		if err != nil {
			return nil, err
		}
		for j, one := range shows {
			out[j*n+i] = one
		}
	}
	return out, nil
}

// core compares the whole check of a presentation of fifteen disclosures, on one core: plain code
// over gmsm and encoding/json against the verifier. Warm: credentials were seen before. Cold: each
// is new. Each presentation has a fresh proof in both. The two with a goal are what a code at a
// counter comes to: the hosted wallet's copy, bound to a wallet provider's key. The other two are
// bound to keys of devices, each to its own, seen before or never.
func core(ctx context.Context, cfg Config) ([]Metric, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or the collector would work for free on another
	w, err := newCoreWorld()
	if err != nil {
		return nil, err
	}
	plain := w.plain()
	var out []Metric
	for _, one := range []struct {
		name      string
		goal      float64
		n, m      int
		holder    *key.Private
		returning int
		cache     int64
	}{
		{"verify_core_warm_ratio", 4, warm, proofs, w.provider, 0, 0},
		{"verify_core_cold_ratio", 1.9, cold, 1, w.provider, cold / 8, 4 << 20},
		{"verify_core_warm_device_ratio", 0, warm, proofs, nil, 0, 0},
		{"verify_core_cold_device_ratio", 0, cold, 1, nil, cold / 8, 4 << 20},
	} {
		deck, err := w.deck(one.n, one.m, one.holder)
		if err != nil {
			return out, err
		}
		v, err := w.ours(sm.TablesConfig{Returning: one.returning}, one.cache)
		if err != nil {
			return out, err
		}
		failed := 0
		run := func(check func(shown) *verifier.Result) func() {
			i := 0
			return func() {
				if check(deck[i%len(deck)]).Outcome != verifier.Valid {
					failed++
				}
				i++
			}
		}
		ours := run(func(s shown) *verifier.Result {
			return v.Verify(ctx, s.text, verifier.Expect{Audience: coreParty, Nonce: s.nonce})
		})
		baseline := run(func(s shown) *verifier.Result { return plain.Verify(s.text, coreParty, s.nonce, w.now) })
		for range len(deck) {
			ours() // twice around for the warm ones: a device's table comes with its second proof
		}
		before := v.Stats()
		p, err := compare(ctx, cfg, baseline, ours)
		if err != nil {
			return out, err
		}
		after := v.Stats()
		if failed > 0 {
			return out, fmt.Errorf("bench: %d good presentations were refused", failed)
		}
		if hits, misses := after.Hits-before.Hits, after.Misses-before.Misses; one.m == 1 && hits > 0 || one.m > 1 && misses > 0 {
			return out, fmt.Errorf("bench: %s had %d hits and %d misses", one.name, hits, misses)
		}
		m := Metric{
			Name: one.name, Value: round(p.ratio), Unit: "x",
			Baseline: "gmsm as shipped and encoding/json: " + micros(p.baseline) + ", " + allocations(baseline),
			Ours:     micros(p.ours) + ", " + allocations(ours),
		}
		if one.goal > 0 {
			m = m.atLeast(one.goal)
		}
		out = append(out, m)
	}
	return out, nil
}

// allocations counts what one piece of work takes from the heap.
func allocations(work func()) string {
	const n = 256
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		work()
	}
	runtime.ReadMemStats(&after)
	return fmt.Sprintf("%d allocations of %.1f KB", (after.Mallocs-before.Mallocs)/n, float64(after.TotalAlloc-before.TotalAlloc)/n/1024)
}
