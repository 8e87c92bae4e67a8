package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

// config is what `showcard serve -config FILE` reads. This struct is the manual: every key,
// its unit and its default stand here. Unknown keys are refused.
type config struct {
	// public_url is where people and verifiers reach this deployment, such as
	// https://cards.example.gov.cn. It is signed into every certificate and can never change:
	// the first start writes it down and later starts compare.
	PublicURL string `yaml:"public_url"`
	// listen is the address to serve on. Default 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// tls_certificate and tls_key are PEM files. Without them a proxy in front does TLS (or
	// TLCP), and listen should stay on loopback.
	TLSCertificate string `yaml:"tls_certificate"`
	TLSKey         string `yaml:"tls_key"`
	// drain_delay is how long, after SIGTERM, /readyz says "draining" while requests are still taken,
	// so that load balancers look elsewhere. Then the door closes and requests in progress get 20s.
	// Default 0s: right without a load balancer; behind one, longer than it takes to notice.
	DrainDelay time.Duration `yaml:"drain_delay"`
	// trusted_proxies are addresses whose X-Forwarded-For is believed. Default none.
	TrustedProxies []string `yaml:"trusted_proxies"`

	// outbound_allow names origins inside your own network, such as https://idp.province.internal,
	// that the server may fetch from: identity providers, other domains, witnesses. Everything
	// else it fetches must lie on the public internet, over https. Plain http is for loopback.
	OutboundAllow []string `yaml:"outbound_allow"`
	// outbound_ca is a PEM file of certificate authorities to trust for those fetches, besides the
	// system's. Default none.
	OutboundCA string `yaml:"outbound_ca"`

	// mtls_listen is a second address, with the same certificate, on which clients are asked for
	// certificates (RFC 8705); mtls_url is its public URL. It is apart from listen because browsers
	// with certificates would ask people for theirs. Default none.
	MTLSListen string `yaml:"mtls_listen"`
	MTLSURL    string `yaml:"mtls_url"`
	// client_cert_header says that trusted_proxies end the TLS of mtls_url and tell the client's
	// certificate in Client-Cert (RFC 9440). They MUST remove that header from what they receive.
	ClientCertHeader bool `yaml:"client_cert_header"`
	// registry_max_age is how long machines are served without a look at the database, which may
	// hold that they are suspended. Default 5s.
	RegistryMaxAge time.Duration `yaml:"registry_max_age"`
	// metrics says who may read /metrics: [public], [operators] (they and auditors, with a token), or
	// addresses and ranges. Default this machine, and nothing that a proxy forwards.
	Metrics []string `yaml:"metrics"`

	// data is the folder of keystore and database, mode 0700.
	Data string `yaml:"data"`
	// keystore_key_file opens the keystore; it belongs on another disk than data. Alternatively
	// the environment variable SHOWCARD_PASSPHRASE holds a passphrase.
	KeystoreKeyFile string `yaml:"keystore_key_file"`
	// signer is the socket of a signer process (showcard signer) or of a security module's adapter,
	// as unix:/run/showcard/signer.sock. Private keys are there then, and the key-encryption key;
	// the keystore keeps the secrets of look-ups. Default none: all keys lie in the keystore.
	Signer string `yaml:"signer"`
	// data_key_life is after how long a data key, under which personal data is sealed, is followed
	// by the next. Old ones go on opening. Default 2160h (90 days).
	DataKeyLife time.Duration `yaml:"data_key_life"`
	// database is where the record lives: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/NAME with
	// the options of libpq and pool_max_conns. Of several hosts, HOST,HOST, the one that takes writes is
	// used. Default sqlite:DATA/showcard.db.
	Database string `yaml:"database"`
	// database_replicas are addresses of standbys of database. They answer look-ups that may lag by up
	// to 5s: who looked, a party's use, the registry's history. Default none.
	DatabaseReplicas []string `yaml:"database_replicas"`
	// volatile is where codes in flight, limits and the status cache live: memory (one process
	// only) or redis://USER:PASSWORD@HOST:PORT/DB, unix:///PATH,
	// redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/MASTER or
	// redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT (rediss in place of redis for TLS). Default
	// memory.
	Volatile string `yaml:"volatile"`
	// volatile_ca is a PEM file of the authorities that may vouch for Redis, in place of the
	// system's. Default none.
	VolatileCA string `yaml:"volatile_ca"`

	// catalogue is a folder whose types/*.json and tables/*.json add certificate types, and
	// versions of types, to the built-in ones. What is new there is published at the next start;
	// every process of a deployment needs the same files. Default none.
	Catalogue string `yaml:"catalogue"`

	// domain names this deployment in codes (four of 0-9A-Z) and in the trust list.
	Domain domainConfig `yaml:"domain"`
	// operators are the clients that may change the registry: their id and the file of their
	// public JWK. They are registered at the first start.
	Operators []operatorConfig `yaml:"operators"`
	// identity lists the identity providers that people may sign in with (docs/sign-in.md). Without
	// any, nobody can. Default none.
	Identity []identityConfig `yaml:"identity"`
	// two_operators says when a second operator must approve what widens a right or freezes many:
	// auto (as soon as two are registered) or always (what one proposes waits until there is a
	// second). Default auto.
	TwoOperators string `yaml:"two_operators"`
	// profile of keys made at the first start: sm2 or es256. Default sm2.
	Profile string `yaml:"profile"`

	// code_lifetime is how long a code lives when the holder asks for nothing else, between
	// code_lifetime_min and code_lifetime_max. Defaults 60s, 15s, 300s.
	CodeLifetime    time.Duration `yaml:"code_lifetime"`
	CodeLifetimeMin time.Duration `yaml:"code_lifetime_min"`
	CodeLifetimeMax time.Duration `yaml:"code_lifetime_max"`
	// code_url, when set, wraps codes as an upper-case web address, HTTPS://HOST/S/SC1…
	CodeURL string `yaml:"code_url"`
	// consent_wait is how long a holder may think when a checker asks for more than she shows,
	// from 10s to 120s. Default 45s.
	ConsentWait time.Duration `yaml:"consent_wait"`
	// status_max_age is how old a status may be before a check is indeterminate. Default 10s.
	StatusMaxAge time.Duration `yaml:"status_max_age"`
	// record_retention is retention.records, by its older name.
	RecordRetention time.Duration `yaml:"record_retention"`
	// retention is how long what is kept is kept; docs/retention.md lists all of it.
	Retention retentionConfig `yaml:"retention"`
	// administrator_term and agent_term bound how long a company may appoint a certificate
	// administrator or an agent for. Defaults 26352h (three years) and 8784h (one year).
	AdministratorTerm time.Duration `yaml:"administrator_term"`
	AgentTerm         time.Duration `yaml:"agent_term"`
	// sm2_tables says how SM2 signatures of keys that come back are verified: on (tables of their
	// multiples, several times as fast), off (the library alone), or both (each checks the other, the
	// library decides, a difference is logged and counted: for the first months). Default on.
	SM2Tables string `yaml:"sm2_tables"`
	// sm2_table_memory bounds the tables of known keys, in bytes: 256 KiB for each. Default 67108864.
	SM2TableMemory int64 `yaml:"sm2_table_memory"`
	// certificate_cache bounds what is remembered of certificates that were verified, in bytes, about
	// 5 KB for each: that the issuer's signature is good, and nothing that was disclosed. All else is
	// checked each time. -1 remembers nothing. Default 67108864.
	CertificateCache int64 `yaml:"certificate_cache"`
	// correction_within is how long an answer to a correction request may take before it is
	// overdue, corrections_per_day how many a person may file. Defaults 120h (five days) and 5.
	CorrectionWithin  time.Duration `yaml:"correction_within"`
	CorrectionsPerDay int           `yaml:"corrections_per_day"`
	// holidays and workdays are the dates, as 2026-10-01, that the State Council announces for a year: days
	// off, and weekend days that are worked. By them the five working days are counted in which a bad
	// review is answered. Default none: Monday to Friday.
	Holidays []string `yaml:"holidays"`
	Workdays []string `yaml:"workdays"`
	// step_up_for is how long the use of a passkey counts for showing a certificate marked
	// sensitive. Default 5m. step_up_by is "passkey", or "passkey-or-sign-in": then a sign-in of
	// assurance high that is no older counts as well, for people whose device makes no passkeys.
	// Default passkey-or-sign-in.
	StepUpFor time.Duration `yaml:"step_up_for"`
	StepUpBy  string        `yaml:"step_up_by"`
	// audit is the log of who did what: see auditConfig in auditlog.go. It is always on.
	Audit auditConfig `yaml:"audit"`
	// log is text or json. Default text.
	Log string `yaml:"log"`

	unlimited   bool     // set by the target of `showcard bench` only: limits of callers are counted, and far off
	demo        bool     // set by `showcard demo` only; no key of the file reaches it
	demoOrigins []string // where browsers reach the demo besides public_url
}

type domainConfig struct {
	Code string       `yaml:"code"`
	Name schemas.Text `yaml:"name"`
}

// retentionConfig is swept by every process, a little at a time. Disputed records wait for the
// end of the dispute.
type retentionConfig struct {
	// records are verifications with their receipts: the party's evidence and the holder's
	// history. Default 26280h (3 years); less than 4380h (six months) is refused.
	Records time.Duration `yaml:"records"`
	// pushes are bulk pushes and the answers to their rows, counted from the last upload. The
	// certificates stay. Default 4380h; less than 24h is refused: departments fetch results.
	Pushes time.Duration `yaml:"pushes"`
	// requests are answers to repeated requests of departments. Default 24h; 1h at least.
	Requests time.Duration `yaml:"requests"`
	// ended_content is how long the personal content of an ended certificate is kept at least;
	// afterwards its department may erase it. Default 43800h (5 years); 4380h at least.
	EndedContent time.Duration `yaml:"ended_content"`
	// status_changes are single changes of status lists that the cache has had; the lists stay. A
	// cache that was away for longer gets whole lists. Default 24h; 1h at least.
	StatusChanges time.Duration `yaml:"status_changes"`
	// offline_checks is how long after it was made a check that a counter made without a network may be
	// settled. For so long beyond the end of an offline code it is known whose it was. Default 168h (seven
	// days); 1h at least.
	OfflineChecks time.Duration `yaml:"offline_checks"`
}

func (r *retentionConfig) check() error {
	for _, one := range []struct {
		name         string
		value        *time.Duration
		usual, least time.Duration
		because      string
	}{
		{"records", &r.Records, 26280 * time.Hour, 4380 * time.Hour, "the law wants six months (4380h) at least"},
		{"pushes", &r.Pushes, 4380 * time.Hour, 24 * time.Hour, "departments need 24h to fetch results"},
		{"requests", &r.Requests, 24 * time.Hour, time.Hour, "a request is repeated within 1h"},
		{"ended_content", &r.EndedContent, 43800 * time.Hour, 4380 * time.Hour, "4380h at least"},
		{"status_changes", &r.StatusChanges, 24 * time.Hour, time.Hour, "1h at least"},
		{"offline_checks", &r.OfflineChecks, 168 * time.Hour, time.Hour, "1h at least"},
	} {
		if *one.value == 0 {
			*one.value = one.usual
		}
		if *one.value < one.least {
			return fmt.Errorf("%w: retention.%s: %s", errConfig, one.name, one.because)
		}
	}
	return nil
}

type operatorConfig struct {
	ID  string `yaml:"id"`
	JWK string `yaml:"jwk"`
}

var errConfig = errors.New("configuration")

func readConfig(path string) (config, error) {
	var c config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%w: %s: %w", errConfig, path, err)
	}
	return c, c.check()
}

// check fills defaults and refuses what cannot work.
func (c *config) check() error {
	for field, value := range map[*string]string{&c.Listen: "127.0.0.1:8080", &c.Volatile: "memory", &c.Profile: "sm2", &c.TwoOperators: "auto", &c.Log: "text", &c.SM2Tables: "on"} {
		if *field == "" {
			*field = value
		}
	}
	for field, value := range map[*time.Duration]time.Duration{&c.StatusMaxAge: 10 * time.Second, &c.DataKeyLife: key.DataKeyLife} {
		if *field == 0 {
			*field = value
		}
	}
	if c.Data == "" {
		return fmt.Errorf("%w: data: name a folder", errConfig)
	}
	if c.Database == "" {
		c.Database = "sqlite:" + filepath.Join(c.Data, "showcard.db")
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" || u.RawQuery != "" {
		return fmt.Errorf("%w: public_url: want https://HOST without a path", errConfig)
	}
	if u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		return fmt.Errorf("%w: public_url: plain http is for localhost only", errConfig)
	}
	if (c.TLSCertificate == "") != (c.TLSKey == "") {
		return fmt.Errorf("%w: tls_certificate and tls_key go together", errConfig)
	}
	// A code drawn for nobody proves domain and URL before the first start writes them down.
	code, err := qr.FormatTicket(c.Domain.Code, [16]byte{})
	if err != nil || !c.Domain.Name.Complete() {
		return fmt.Errorf("%w: domain: want a code of four of 0-9A-Z and a name in zh and en", errConfig)
	}
	if c.CodeURL != "" {
		if _, err := qr.FormatURL(c.CodeURL, code); err != nil {
			return fmt.Errorf("%w: code_url: %w", errConfig, err)
		}
	}
	if !slices.Contains([]string{"sm2", "es256"}, c.Profile) {
		return fmt.Errorf("%w: profile: sm2 or es256", errConfig)
	}
	if !slices.Contains([]string{"auto", "always"}, c.TwoOperators) {
		return fmt.Errorf("%w: two_operators: auto or always", errConfig)
	}
	if !slices.Contains([]string{"on", "off", "both"}, c.SM2Tables) || c.SM2TableMemory < 0 {
		return fmt.Errorf("%w: sm2_tables: on, off or both; sm2_table_memory: bytes", errConfig)
	}
	if c.CertificateCache < -1 {
		return fmt.Errorf("%w: certificate_cache: bytes, or -1", errConfig)
	}
	if c.StepUpBy == "" {
		c.StepUpBy = "passkey-or-sign-in"
	}
	if !slices.Contains([]string{"passkey", "passkey-or-sign-in"}, c.StepUpBy) || c.StepUpFor < 0 || c.AdministratorTerm < 0 || c.AgentTerm < 0 || c.CorrectionWithin < 0 || c.CorrectionsPerDay < 0 {
		return fmt.Errorf("%w: step_up_by: passkey or passkey-or-sign-in; and no negative terms", errConfig)
	}
	if _, err := review.NewCalendar(c.Holidays, c.Workdays); err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	if c.StepUpFor == 0 {
		c.StepUpFor = 5 * time.Minute
	}
	if !slices.Contains([]string{"text", "json"}, c.Log) {
		return fmt.Errorf("%w: log: text or json", errConfig)
	}
	shortest, longest := c.CodeLifetimeMin, c.CodeLifetimeMax
	if shortest == 0 {
		shortest = wallet.MinLifetime
	}
	if longest == 0 {
		longest = wallet.MaxLifetime
	}
	usual := c.CodeLifetime
	if usual == 0 {
		usual = time.Minute
	}
	if shortest < 0 || usual < shortest || usual > longest {
		return fmt.Errorf("%w: code_lifetime: want code_lifetime_min <= code_lifetime <= code_lifetime_max", errConfig)
	}
	if c.ConsentWait != 0 && (c.ConsentWait < wallet.MinConsentWait || c.ConsentWait > wallet.MaxConsentWait) {
		return fmt.Errorf("%w: consent_wait: want %s to %s", errConfig, wallet.MinConsentWait, wallet.MaxConsentWait)
	}
	if path, ok := strings.CutPrefix(c.Signer, "unix:"); c.Signer != "" && (!ok || path == "") {
		return fmt.Errorf("%w: signer: want unix:/PATH", errConfig)
	}
	if err := c.checkMachines(); err != nil {
		return err
	}
	if c.RecordRetention != 0 {
		if c.Retention.Records != 0 && c.Retention.Records != c.RecordRetention {
			return fmt.Errorf("%w: record_retention and retention.records are the same thing: give one", errConfig)
		}
		c.Retention.Records = c.RecordRetention
	}
	if err := c.Retention.check(); err != nil {
		return err
	}
	c.RecordRetention = c.Retention.Records // whoever asks by the older name
	if err := c.Audit.check(); err != nil {
		return err
	}
	if c.DataKeyLife < time.Hour {
		return fmt.Errorf("%w: data_key_life: an hour at least", errConfig)
	}
	if !c.demo && c.KeystoreKeyFile == "" && os.Getenv(passphraseVariable) == "" {
		return fmt.Errorf("%w: keystore_key_file or the environment variable %s must open the keystore", errConfig, passphraseVariable)
	}
	return nil
}

const passphraseVariable = "SHOWCARD_PASSPHRASE"
