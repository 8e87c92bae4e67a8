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
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/showcard/showcard/internal/qr"
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
	// trusted_proxies are addresses whose X-Forwarded-For is believed. Default none.
	TrustedProxies []string `yaml:"trusted_proxies"`

	// outbound_allow names origins inside your own network, such as https://idp.province.internal,
	// that the server may fetch from: identity providers, other domains, witnesses. Everything
	// else it fetches must lie on the public internet, over https. Plain http is for loopback.
	OutboundAllow []string `yaml:"outbound_allow"`
	// outbound_ca is a PEM file of certificate authorities to trust for those fetches, besides the
	// system's. Default none.
	OutboundCA string `yaml:"outbound_ca"`

	// data is the folder of keystore and database, mode 0700.
	Data string `yaml:"data"`
	// keystore_key_file opens the keystore; it belongs on another disk than data. Alternatively
	// the environment variable SHOWCARD_PASSPHRASE holds a passphrase.
	KeystoreKeyFile string `yaml:"keystore_key_file"`
	// database is where the record lives: sqlite:PATH. Default sqlite:DATA/showcard.db.
	Database string `yaml:"database"`
	// volatile is where codes in flight, limits and the status cache live: memory (one process
	// only) or redis://USER:PASSWORD@HOST:PORT/DB (rediss:// for TLS). Default memory.
	Volatile string `yaml:"volatile"`

	// catalogue is a folder whose types/*.json and tables/*.json add certificate types, and
	// versions of types, to the built-in ones. What is new there is published at the next start;
	// every process of a deployment needs the same files. Default none.
	Catalogue string `yaml:"catalogue"`

	// domain names this deployment in codes (four of 0-9A-Z) and in the trust list.
	Domain domainConfig `yaml:"domain"`
	// operators are the clients that may change the registry: their id and the file of their
	// public JWK. They are registered at the first start.
	Operators []operatorConfig `yaml:"operators"`
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
	// status_max_age is how old a status may be before a check is indeterminate. Default 10s.
	StatusMaxAge time.Duration `yaml:"status_max_age"`
	// record_retention is how long verification records are kept. Default 26280h (3 years);
	// less than 4380h (six months) is refused.
	RecordRetention time.Duration `yaml:"record_retention"`
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
	// log is text or json. Default text.
	Log string `yaml:"log"`

	demo bool // set by `showcard demo` only; no key of the file reaches it
}

type domainConfig struct {
	Code string       `yaml:"code"`
	Name schemas.Text `yaml:"name"`
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
	for field, value := range map[*time.Duration]time.Duration{&c.StatusMaxAge: 10 * time.Second, &c.RecordRetention: 26280 * time.Hour} {
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
	if c.RecordRetention < 4380*time.Hour {
		return fmt.Errorf("%w: record_retention: the law wants six months (4380h) at least", errConfig)
	}
	if !c.demo && c.KeystoreKeyFile == "" && os.Getenv(passphraseVariable) == "" {
		return fmt.Errorf("%w: keystore_key_file or the environment variable %s must open the keystore", errConfig, passphraseVariable)
	}
	return nil
}

const passphraseVariable = "SHOWCARD_PASSPHRASE"
