package registry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
)

// Each row spoils one entry that was good.
func TestEntriesAreChecked(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	authority := func(spoil func(*registry.Authority)) func(*registry.Draft) {
		return func(d *registry.Draft) {
			a := f.authority()
			a.ID, a.Keys = "another", []registry.Key{{Public: newKey(t).Public(), NotBefore: start}}
			spoil(&a)
			d.PutAuthority(a)
		}
	}
	party := func(spoil func(*registry.Party)) func(*registry.Draft) {
		return func(d *registry.Draft) {
			p := f.party()
			spoil(&p)
			d.PutParty(p)
		}
	}
	client := func(spoil func(*registry.Client)) func(*registry.Draft) {
		return func(d *registry.Draft) {
			c := f.client("another")
			spoil(&c)
			d.PutClient(c)
		}
	}
	provider := func(spoil func(*registry.Provider)) func(*registry.Draft) {
		return func(d *registry.Draft) {
			p := registry.Provider{ID: "another", Name: text("w"), Domain: domain, Keys: []registry.Key{{Public: newKey(t).Public()}}}
			spoil(&p)
			d.PutProvider(p)
		}
	}
	home := func(spoil func(*registry.Domain)) func(*registry.Draft) {
		return func(d *registry.Draft) {
			v := registry.Domain{Code: "NEXT", Name: text("n"), BaseURL: "https://next.example", StatusPrefix: "https://next.example/status/",
				StatusKeys: []registry.Key{{Public: newKey(t).Public()}}}
			spoil(&v)
			d.PutDomain(v)
		}
	}
	two := newKey(t).Public()
	good := map[string]func(*registry.Draft){
		"authority": authority(func(*registry.Authority) {}),
		"party":     party(func(*registry.Party) {}),
		"client":    client(func(*registry.Client) {}),
		"provider":  provider(func(*registry.Provider) {}),
		"domain":    home(func(*registry.Domain) {}),
		"operator":  client(func(c *registry.Client) { c.ID, c.Role, c.Party = "op", "operator", "" }),
	}
	bad := map[string]func(*registry.Draft){
		"authority without id":      authority(func(a *registry.Authority) { a.ID = "" }),
		"authority id in capitals":  authority(func(a *registry.Authority) { a.ID = "Police" }),
		"authority id with a slash": authority(func(a *registry.Authority) { a.ID = "a/b" }),
		"authority id too long":     authority(func(a *registry.Authority) { a.ID = strings.Repeat("a", 64) }),
		"authority code check":      authority(func(a *registry.Authority) { a.USCC = "11430000MB1D000128" }),
		"authority without name":    authority(func(a *registry.Authority) { a.Name = schemas.Text{ZH: "公安"} }),
		"authority name too long":   authority(func(a *registry.Authority) { a.Name = text(strings.Repeat("n", 500)) }),
		"authority domain unknown":  authority(func(a *registry.Authority) { a.Domain = "NOPE" }),
		"authority type unknown":    authority(func(a *registry.Authority) { a.Types = []string{"passport"} }),
		"authority type twice":      authority(func(a *registry.Authority) { a.Types = []string{"resident-id", "resident-id"} }),
		"authority region":          authority(func(a *registry.Authority) { a.Regions = []string{"43000x"} }),
		"authority without key":     authority(func(a *registry.Authority) { a.Keys = nil }),
		"authority key missing":     authority(func(a *registry.Authority) { a.Keys = []registry.Key{{}} }),
		"authority key twice":       authority(func(a *registry.Authority) { a.Keys = []registry.Key{{Public: two}, {Public: two.WithID("b")}} }),
		"authority key id twice": authority(func(a *registry.Authority) {
			a.Keys = []registry.Key{{Public: two}, {Public: newKey(t).Public().WithID(two.ID())}}
		}),
		"authority key dates backwards": authority(func(a *registry.Authority) { a.Keys[0].NotAfter = start.Add(-time.Hour) }),
		"authority dates backwards":     authority(func(a *registry.Authority) { a.NotBefore, a.NotAfter = start, start.Add(-time.Hour) }),
		"authority with another's key":  authority(func(a *registry.Authority) { a.Keys[0].Public = f.police.Public() }),

		"party id":             party(func(p *registry.Party) { p.ID = "hall 1" }),
		"party without name":   party(func(p *registry.Party) { p.Name = schemas.Text{} }),
		"party type":           party(func(p *registry.Party) { p.Grants[0].Type = "passport" }),
		"party field":          party(func(p *registry.Party) { p.Grants[0].Fields = []string{"blood_type"} }),
		"party no purpose":     party(func(p *registry.Party) { p.Grants[0].Purposes = nil }),
		"party empty purpose":  party(func(p *registry.Party) { p.Grants[0].Purposes = []string{""} }),
		"party quota negative": party(func(p *registry.Party) { p.PerMinute = -1 }),

		"client id":                client(func(c *registry.Client) { c.ID = "a:b" }),
		"client is a person":       client(func(c *registry.Client) { c.Role = "person" }),
		"client role unknown":      client(func(c *registry.Client) { c.Role = "king" }),
		"client for nobody":        client(func(c *registry.Client) { c.Party = "" }),
		"department for nobody":    client(func(c *registry.Client) { c.Role = "department" }),
		"client party unknown":     client(func(c *registry.Client) { c.Party = "nobody" }),
		"client authority unknown": client(func(c *registry.Client) { c.Authorities = []string{"nobody"} }),
		"client scope with space":  client(func(c *registry.Client) { c.Scopes = []string{"verify registry"} }),
		"client scope empty":       client(func(c *registry.Client) { c.Scopes = []string{""} }),
		"client without key":       client(func(c *registry.Client) { c.Keys = nil }),
		"client key null":          client(func(c *registry.Client) { c.Keys = []*key.Public{nil} }),
		"client has issuing key":   client(func(c *registry.Client) { c.Keys = []*key.Public{f.police.Public()} }),
		"client has status key":    client(func(c *registry.Client) { c.Keys = []*key.Public{f.status.Public().WithID("mine")} }),

		"provider id":         provider(func(p *registry.Provider) { p.ID = "x:y" }),
		"provider domain":     provider(func(p *registry.Provider) { p.Domain = "" }),
		"provider name":       provider(func(p *registry.Provider) { p.Name.EN = "" }),
		"provider key":        provider(func(p *registry.Provider) { p.Keys = nil }),
		"provider max copies": provider(func(p *registry.Provider) { p.Keys[0].MaxCopies = -1 }),

		"domain code":             home(func(d *registry.Domain) { d.Code = "demo" }),
		"domain code length":      home(func(d *registry.Domain) { d.Code = "DEMOS" }),
		"domain name":             home(func(d *registry.Domain) { d.Name.ZH = "" }),
		"domain address":          home(func(d *registry.Domain) { d.BaseURL = "ftp://next.example" }),
		"domain address slash":    home(func(d *registry.Domain) { d.BaseURL = "https://next.example/" }),
		"domain plain http":       home(func(d *registry.Domain) { d.BaseURL = "http://next.example" }),
		"domain prefix":           home(func(d *registry.Domain) { d.StatusPrefix = "status/" }),
		"domain prefix slash":     home(func(d *registry.Domain) { d.StatusPrefix = "https://next.example/status" }),
		"domain prefix overlaps":  home(func(d *registry.Domain) { d.StatusPrefix = base + "/status/next/" }),
		"domain without key":      home(func(d *registry.Domain) { d.StatusKeys = nil }),
		"type unknown":            func(d *registry.Draft) { d.PutType(registry.TypeState{ID: "passport", Version: 1, Published: true}) },
		"type version unknown":    func(d *registry.Draft) { d.PutType(registry.TypeState{ID: "resident-id", Version: 9, Published: true}) },
		"a good one beside a bad": func(d *registry.Draft) { d.PutClient(f.client("fine")); d.PutClient(registry.Client{ID: "bad"}) },
	}
	_, version := r.TrustList()
	for name, change := range bad {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, r.Update(t.Context(), "x", "y", func(d *registry.Draft) error {
				change(d)
				return nil
			}), registry.ErrInvalid)
			_, after := r.TrustList()
			require.Equal(t, version, after)
		})
	}
	for name, change := range good {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, r.Update(t.Context(), "x", "y", func(d *registry.Draft) error {
				change(d)
				return nil
			}))
			f.published(r)
		})
	}
}
