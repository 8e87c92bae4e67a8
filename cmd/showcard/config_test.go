package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

// What cannot work is refused before the first start writes anything down.
func TestConfigRefuses(t *testing.T) {
	good := func() config {
		return config{
			PublicURL: "https://cards.example.gov.cn", Data: t.TempDir(), KeystoreKeyFile: filepath.Join(t.TempDir(), "k"),
			Domain: domainConfig{Code: "4300", Name: schemas.Text{ZH: "湖南省", EN: "Hunan"}},
		}
	}
	c := good()
	require.NoError(t, c.check())
	for name, spoil := range map[string]func(*config){
		"domain in lower case":     func(c *config) { c.Domain.Code = "hn01" },
		"domain too long":          func(c *config) { c.Domain.Code = "43000" },
		"domain without a name":    func(c *config) { c.Domain.Name.EN = "" },
		"plain http elsewhere":     func(c *config) { c.PublicURL = "http://cards.example.gov.cn" },
		"public URL with a path":   func(c *config) { c.PublicURL += "/x" },
		"code URL with a path":     func(c *config) { c.CodeURL = "https://cards.example.gov.cn/x" },
		"lifetime below the least": func(c *config) { c.CodeLifetime = 10 * time.Second },
		"least above the usual":    func(c *config) { c.CodeLifetimeMin = 2 * time.Minute },
		"retention under the law":  func(c *config) { c.RecordRetention = time.Hour },
		"tables of another kind":   func(c *config) { c.SM2Tables = "sometimes" },
		"records under the law":    func(c *config) { c.Retention.Records = 4379 * time.Hour },
		"content under the floor":  func(c *config) { c.Retention.EndedContent = time.Hour },
		"pushes for an hour":       func(c *config) { c.Retention.Pushes = time.Hour },
		"negative retention":       func(c *config) { c.Retention.Requests = -time.Hour },
		"two retentions":           func(c *config) { c.Retention.Records, c.RecordRetention = 5000*time.Hour, 6000*time.Hour },
		"a holiday of no year":     func(c *config) { c.Holidays = []string{"10-01"} },
		"a holiday that is worked": func(c *config) { c.Holidays, c.Workdays = []string{"2026-10-10"}, []string{"2026-10-10"} },
		"half of TLS":              func(c *config) { c.TLSKey = "k.pem" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			spoil(&c)
			require.ErrorIs(t, c.check(), errConfig)
		})
	}
}

// Dates stand in the file as dates are written, with quotes or without.
func TestConfigDates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "showcard.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
public_url: https://cards.example.gov.cn
data: /var/lib/showcard
keystore_key_file: /etc/showcard/key
domain: {code: "4300", name: {zh: 湖南省, en: Hunan}}
holidays: [2026-10-01, "2026-10-02"]
workdays:
  - 2026-10-10
`), 0o600))
	c, err := readConfig(path)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-10-01", "2026-10-02"}, c.Holidays)
	require.Equal(t, []string{"2026-10-10"}, c.Workdays)
}
