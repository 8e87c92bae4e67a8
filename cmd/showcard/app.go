package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/login"
	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/internal/monitor"
	"github.com/showcard/showcard/internal/replica"
	"github.com/showcard/showcard/internal/rights/rightshttp"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/redisstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/issuerhttp"
	"github.com/showcard/showcard/openapi"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/registryhttp"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/verifierhttp"
	"github.com/showcard/showcard/wallet"
	"github.com/showcard/showcard/wallethttp"
	"github.com/showcard/showcard/web"
)

// volatile is what both volatile stores are.
type volatile interface {
	walletVolatile
	verifier.Challenges
	issuer.StatusCache
	replica.Source // and so verifier.StatusCache
	access.Once
	verifier.Limiter // and httpd's
}

// app is one process: its rooms, wired.
type app struct {
	cfg      config
	log      *slog.Logger
	keys     *key.Store
	store    *sqlstore.Store
	volatile volatile
	replica  *replica.Replica            // of all status lists
	ready    func(context.Context) error // of the volatile store
	shutdown func() error                // of the volatile store
	types    *schemas.Catalogue
	tables   *key.Tables // of SM2 keys that come back
	checker  *verifier.Verifier
	holderID func(schemas.HolderRef) string
	registry *registry.Registry
	issuer   *issuer.Issuer
	wallet   *wallet.Wallet
	verifier *verifier.Service
	settled  settledFigures
	access   *access.Service
	login    *login.Service
	audit    *audit.Log
	server   *httpd.Server
	traffic  *monitor.Traffic
	monitor  *monitor.Monitor
	outbound *http.Client // for everything that the server fetches
	leave    func()       // lets maintenance commands in
}

// collectAt is by how much, in percent, the heap may grow before it is collected. What lives long is
// small, some tens of MB, and a request leaves a hundred KB behind: at Go's default of 100 collecting takes
// a tenth of the processor, at 200 half of that. At 200 a push of five million rows came to the 200 MB that
// it is allowed, on a machine whose processors were wanted elsewhere.
const collectAt = 150

// build opens the stores and wires the rooms. The caller closes the app.
func build(ctx context.Context, cfg config, log *slog.Logger) (_ *app, err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	a := &app{cfg: cfg, log: log, traffic: monitor.NewTraffic(nil), ready: func(context.Context) error { return nil }}
	defer func() {
		if err != nil {
			_ = a.close()
		}
	}()
	if a.outbound, err = newOutbound(cfg); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(cfg.Data, 0o700); err != nil { //nolint:gosec // a folder needs its x
		return nil, err
	}
	if a.leave, err = lockServing(cfg.Data, false); err != nil {
		return nil, err
	}
	unlock, err := lockData(cfg.Data)
	if err != nil {
		return nil, err
	}
	defer unlock() // several processes may share the folder; only first starts take turns
	if err := pinDeployment(cfg); err != nil {
		return nil, err
	}
	if a.keys, err = openKeystore(cfg); err != nil {
		return nil, err
	}
	if a.types, err = loadTypes(cfg.Catalogue); err != nil {
		return nil, err
	}
	if a.tables, err = newTables(cfg, log); err != nil {
		return nil, err
	}
	if err := a.openStores(ctx); err != nil {
		return nil, err
	}
	if err := a.openRooms(ctx); err != nil {
		return nil, err
	}
	if err := a.openAudit(); err != nil {
		return nil, err
	}
	return a, a.mount()
}

// lockData makes first starts of processes that share a data folder take turns.
func lockData(folder string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}

func (a *app) openStores(ctx context.Context) (err error) {
	if a.store, err = sqlstore.Open(ctx, storeConfig(a.cfg, a.keys)); err != nil {
		return err
	}
	if err := a.openVolatile(ctx); err != nil {
		return err
	}
	return a.openReplica()
}

func (a *app) openVolatile(ctx context.Context) (err error) {
	switch {
	case a.cfg.Volatile == "memory":
		a.volatile, err = memstore.New(memstore.Config{})
	case strings.HasPrefix(a.cfg.Volatile, "redis"), strings.HasPrefix(a.cfg.Volatile, "unix"):
		var s *redisstore.Store
		if s, err = openRedis(a.cfg); err == nil {
			a.volatile, a.ready, a.shutdown = s, s.Ready, s.Shutdown
			if err := s.Check(ctx); err != nil {
				a.log.Warn("redis", "error", err) // it may be starting; /readyz says when it is not there
			}
		}
	default:
		err = fmt.Errorf("%w: volatile: memory, redis://…, unix://…, redis+sentinel://… or redis+cluster://…", errConfig)
	}
	return err
}

func (a *app) openRooms(ctx context.Context) error {
	if err := a.openRegistry(ctx); err != nil {
		return err
	}
	alg := algorithm(a.cfg.Profile)
	if err := ensureServiceKeys(ctx, a.cfg, a.registry, a.keys, time.Now()); err != nil {
		return err
	}
	holderKey, err := a.keys.Secret(secretHolder, 32)
	if err != nil {
		return err
	}
	a.holderID = func(h schemas.HolderRef) string { return a.store.HolderID(h.Index(holderKey)) }
	if err := a.openIssuer(alg); err != nil {
		return err
	}
	if err := a.openWallet(); err != nil {
		return err
	}
	if err := a.openVerifier(); err != nil {
		return err
	}
	if err := a.openAccess(alg); err != nil {
		return err
	}
	return a.openLogin()
}

func (a *app) openIssuer(alg key.Algorithm) error {
	status, err := signer(a.keys, keyStatus, alg)
	if err != nil {
		return err
	}
	slots, err := a.keys.Secret(secretSlots, 32)
	if err != nil {
		return err
	}
	a.issuer, err = issuer.New(issuer.Config{
		Record: a.store, Jobs: a.store, Statuses: a.store, Live: a.store, Cache: a.volatile,
		Registry: issuerRegistry{a.registry, newKeyring(a.keys, keyAuthority), a.types, time.Now}, Types: a.types,
		BaseURL: a.cfg.PublicURL, StatusSigner: status, CurrentStatusSigner: statusSigner(a.registry, a.keys, a.cfg.Domain.Code), PermutationKey: slots,
		Contents: a.store, KeepEnded: a.cfg.Retention.EndedContent, HolderID: a.holderID, KeyLimit: a.registry.KeyLimit, Logger: a.log, Turn: a.statusTurn,
	})
	return err
}

func (a *app) openWallet() (err error) {
	issues := walletIssuer{a.issuer, a.registry, a.types}
	a.wallet, err = wallet.New(wallet.Config{
		Store: a.store, Shows: a.volatile, Index: a.volatile, Bell: a.volatile, Consents: a.store, Withdrawals: a.store, ConsentWait: a.cfg.ConsentWait, Issuer: issues, Types: a.types,
		Keys: providerKeys(a.registry, a.keys), Frozen: a.registry.IssuerKeyFrozen, Domain: a.cfg.Domain.Code, CodeURL: a.cfg.CodeURL,
		Lifetime: a.cfg.CodeLifetime, MinLifetime: a.cfg.CodeLifetimeMin, MaxLifetime: a.cfg.CodeLifetimeMax,
		Appointments: a.store, HolderID: a.holderID, AdministratorTerm: a.cfg.AdministratorTerm, AgentTerm: a.cfg.AgentTerm,
		StepUpFor: a.cfg.StepUpFor, PasskeyOnly: a.cfg.StepUpBy == "passkey",
		Devices: a.store, DeviceChallenges: deviceChallenges{a.volatile}, Stocks: a.store, Offline: issues, Origin: originOf(a.cfg.PublicURL),
	})
	return err
}

func (a *app) openVerifier() error {
	var err error
	a.checker, err = verifier.New(verifier.Config{
		Trust: a.registry,
		Status: verifier.CachedStatus{
			Prefix: a.issuer.StatusPrefix(), Size: issuer.ListSize, Cache: a.statusCache(), Others: verifier.FetchStatus(a.outbound),
		},
		MaxStatusAge: a.cfg.StatusMaxAge, Tables: a.tables, CacheBytes: a.cfg.CertificateCache,
	})
	if err != nil {
		return err
	}
	a.verifier, err = verifier.NewService(verifier.ServiceConfig{
		Verifier: a.checker, Wallet: verifierWallet{a.wallet, a.store.BlindClaimant}, Parties: verifierParties{a.registry}, Originals: verifierOriginals{a.issuer, a.types},
		Records: a.store, Comparisons: a.store, Challenges: a.volatile, Limiter: a.volatile, Domain: a.cfg.Domain.Code,
		Receipts: receipts(a.cfg, a.registry, a.keys), HolderID: a.holderID, PerMinute: a.checksPerMinute(), Offline: a.offlineCodes(),
	})
	return err
}

// mount is the whole HTTP surface on one page.
func (a *app) mount() (err error) {
	problems, err := problem.Embedded()
	if err != nil {
		return err
	}
	a.server, err = httpd.New(httpd.Config{
		PublicURL: a.cfg.PublicURL, Version: version, Logger: a.log, Problems: problems, Authenticator: a.access, Limiter: a.volatile,
		Checks:  []httpd.Check{{Name: "database", Check: a.store.Ping}, {Name: "volatile", Check: a.ready}, {Name: "status", Check: a.replica.Ready}},
		Classes: a.classes(), DrainDelay: a.cfg.DrainDelay,
		TrustedProxies: a.cfg.TrustedProxies, Metrics: a.cfg.Metrics, OpenAPI: openapi.Document, Observed: a.traffic.Observe,
	})
	if err != nil {
		return err
	}
	registryAPI, err := registryhttp.New(a.registry, a.store)
	if err != nil {
		return err
	}
	issuerAPI, err := issuerhttp.New(issuerhttp.Config{Issuer: a.issuer, Idempotency: a.store})
	if err != nil {
		return err
	}
	walletAPI, err := wallethttp.New(a.wallet, a.partyName)
	if err != nil {
		return err
	}
	verifierAPI, err := verifierhttp.New(verifierhttp.Config{Service: a.verifier, Problems: problems, Answered: a.answered})
	if err != nil {
		return err
	}
	rightsAPI, err := a.openRights()
	if err != nil {
		return err
	}
	corrections, err := a.openCorrections()
	if err != nil {
		return err
	}
	passkeys, err := a.openPasskeys()
	if err != nil {
		return err
	}
	pages, err := web.New(web.Config{Demo: a.cfg.demo, PublicURL: a.cfg.PublicURL, Types: a.types, DomainName: a.cfg.Domain.Name})
	if err != nil {
		return err
	}
	return errors.Join(
		a.tableMetrics(),
		a.replicaMetrics(),
		a.settledMetrics(),
		a.server.Mount(rightsAPI.Routes(), rightshttp.Errors()),
		a.server.Mount(a.access.Routes(), nil),
		a.server.Mount(a.login.Routes(), login.Errors()),
		a.server.Mount(registryAPI.Routes(), registryhttp.Errors()),
		a.server.Mount(issuerAPI.Routes(), issuerhttp.Errors()),
		a.server.Mount(walletAPI.Routes(), wallethttp.Errors()),
		a.server.Mount(verifierAPI.Routes(), verifierhttp.Errors()),
		a.server.Mount(corrections.Routes(), correction.Errors()),
		a.mountReviews(),
		a.server.Mount(passkeys.Routes(), passkey.Errors()),
		a.mountAudit(),
		a.mountMonitor(),
		a.mountStatus(),
		a.mountBundles(),
		a.server.Mount(pages.Routes(), nil),
	)
}

// run serves until ctx ends, then lets requests in progress finish.
func (a *app) run(ctx context.Context, tlsConfig *tls.Config, listeners ...net.Listener) error {
	// The status cache is filled before the first question, or every answer right after a
	// restart would be "indeterminate". If it cannot be, the publisher goes on trying.
	warm, cancel := context.WithTimeout(ctx, 10*time.Second)
	if err := a.issuer.Flush(warm); err != nil {
		a.log.Warn("status cache not filled yet", "error", err)
	}
	cancel()
	// The rooms' own loops stop after the server: a request in progress may still need them.
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var g errgroup.Group
	g.Go(func() error { return a.replica.Run(loops) })
	g.Go(func() error { return a.registry.Run(loops) })
	g.Go(func() error { return a.issuer.Run(loops) })
	g.Go(func() error { return a.lapses(loops) })
	g.Go(func() error { return a.retention().Run(loops) })
	g.Go(func() error { return a.audit.Run(loops) })
	g.Go(func() error { return a.monitor.Run(loops) })
	a.warmReplica(ctx)
	a.warmKeys(ctx)
	err := a.server.Serve(ctx, tlsConfig, listeners...)
	stop()
	return errors.Join(err, g.Wait())
}

func (a *app) close() error {
	var errs []error
	if a.shutdown != nil {
		errs = append(errs, a.shutdown())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.leave != nil {
		a.leave()
	}
	return errors.Join(errs...)
}
