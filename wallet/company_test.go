package wallet_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/store/memstore"
	"github.com/showcard/showcard/internal/store/sqlstore"
	"github.com/showcard/showcard/internal/store/storetest"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

const licence = "1.2.156.3005.2.11100000MB1A25030E001.11110000000021135M.00000000000000000001.001.X"

// company is a wallet over real stores with one company, whose licence names boss. People have
// the numbers below and are known by them.
type company struct {
	*wallet.Wallet
	t       *testing.T
	now     time.Time
	db      *sqlstore.Store
	issuer  *key.Private
	key     key.Signer
	offline maker
}

var people = map[string]schemas.HolderRef{
	"boss":   {Type: "111", Number: "11010519491231002X", Name: "张示例"},
	"clerk":  {Type: "414", Number: "E34052419", Name: "李样本"},
	"runner": {Type: "516", Number: "H04341984", Name: "阿迪力·买买提"},
	"other":  {Type: "414", Number: "E12345678", Name: "WANG XIAO"},
}

func blind(h schemas.HolderRef) string { return "blind-" + h.Number }

func (c *company) Held(_ context.Context, ids []string, _ ...string) ([]wallet.Held, error) {
	if !slices.Contains(ids, "company") {
		return nil, nil
	}
	return []wallet.Held{{
		Identifier: licence, HolderID: "company", Type: "business-licence", TypeVer: 1, State: "valid",
		Claims: schemas.Claims{"name": "样例公司", "unified_social_credit_code": "91330106MA27Y4U47R", "principal": "张示例", "registered_capital": "100.00"},
	}}, nil
}

func (c *company) Collect(_ context.Context, _, _ string, bind *key.Public) (wallet.Collected, error) {
	text, err := sdjwt.Sign(c.issuer, sdjwt.Issue{
		Claims:      map[string]any{"iss": "http://localhost/i", "vct": "http://localhost/t", "iat": c.now.Unix(), "cnf": map[string]any{"jwk": bind.Confirmation()}},
		Disclosable: []sdjwt.Claim{{Name: "name", Value: "样例公司"}, {Name: "unified_social_credit_code", Value: "91330106MA27Y4U47R"}},
	})
	return wallet.Collected{Credential: text, RefreshAt: c.now.AddDate(10, 0, 0)}, err
}

// another is the same space in another process: it shares the database and the codes.
func (c *company) another(shows *memstore.Store) *wallet.Wallet {
	types, err := schemas.Embedded()
	require.NoError(c.t, err)
	w, err := wallet.New(wallet.Config{
		Store: c.db, Shows: shows, Index: shows, Bell: shows, Consents: c.db, Withdrawals: c.db, Issuer: c, Types: types, Domain: "TEST", Now: func() time.Time { return c.now },
		Keys:         func(context.Context) ([]key.Signer, error) { return []key.Signer{c.key}, nil },
		Appointments: c.db, HolderID: blind,
		Devices: c.db, DeviceChallenges: deviceChallenges{shows}, Stocks: c.db, Offline: &c.offline, Origin: "https://wallet.test",
	})
	require.NoError(c.t, err)
	return w
}

func newCompany(t *testing.T) *company {
	c := &company{t: t, now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	var err error
	c.issuer, err = key.Generate(key.SM2)
	require.NoError(t, err)
	c.key, err = key.Generate(key.SM2)
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, key.NewKeyFile(filepath.Join(folder, "k")))
	ks, err := key.CreateStore(filepath.Join(folder, "keystore.json"), key.Unlock{KeyFile: filepath.Join(folder, "k")})
	require.NoError(t, err)
	clock := func() time.Time { return c.now }
	c.offline.now = clock
	c.db, err = sqlstore.Open(t.Context(), sqlstore.Config{URL: storetest.SQLite(t, filepath.Join(folder, "db", "w.db")), Keys: ks, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.db.Close()) })
	shows, err := memstore.New(memstore.Config{Now: clock})
	require.NoError(t, err)
	c.Wallet = c.another(shows)
	r, err := c.db.Reserve(t.Context(), "register", nil, 1)
	require.NoError(t, err)
	_, err = c.db.Commit(t.Context(), issuer.Batch{Authority: "register", Certificates: []issuer.NewCertificate{{
		Certificate: issuer.Certificate{Identifier: licence, TypeVer: 1, HolderID: "company", Credential: "x", State: issuer.Valid, CreatedAt: c.now,
			Slot: issuer.Slot{List: r.List, Index: r.Counters[0]},
			Row: schemas.Row{Key: "l", Type: "business-licence", Holder: schemas.HolderRef{Type: "001", Number: "91330106MA27Y4U47R", Name: "样例公司"},
				ValidFrom: "2020-01-01", ValidUntil: "2027-06-30", Representatives: []schemas.HolderRef{people["boss"]}}},
		RepresentativeIDs: []string{blind(people["boss"])},
	}}})
	require.NoError(t, err)
	return c
}

func (c *company) person(who string) wallet.Person {
	return wallet.Person{HolderID: blind(people[who]), Name: people[who].Name, Method: "sign-in", VerifiedAt: c.now}
}

func matters(views ...string) []wallet.Matter {
	return []wallet.Matter{{Type: "business-licence", Views: views, Purposes: []string{"tendering", "contract"}}}
}

func (c *company) naming(who, role string, m []wallet.Matter) wallet.Naming {
	return wallet.Naming{Person: people[who], Role: role, Matters: m, Until: c.now.AddDate(0, 3, 0)}
}

// appoint makes an appointment that is accepted.
func (c *company) appoint(by, who, role string, m []wallet.Matter) string {
	c.t.Helper()
	a, err := c.Appoint(c.t.Context(), c.person(by), "company", c.naming(who, role, m))
	require.NoError(c.t, err)
	require.Equal(c.t, wallet.Offered, a.Now)
	told, err := c.Respond(c.t.Context(), c.person(who), a.ID, wallet.Accepted)
	require.NoError(c.t, err)
	require.Equal(c.t, wallet.Active, told.Now)
	return a.ID
}

func (c *company) tryShow(who, view, purpose string, fields ...string) (wallet.Code, error) {
	return c.Show(c.t.Context(), c.person(who), wallet.ShowRequest{Identifier: licence, View: view, Fields: fields, Scene: purpose})
}

func TestChain(t *testing.T) {
	c := newCompany(t)
	ctx := t.Context()
	_, err := c.tryShow("clerk", "identity", "contract")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
	admin := c.appoint("boss", "clerk", wallet.RoleAdministrator, matters("identity", "tendering"))
	agent := c.appoint("clerk", "runner", wallet.RoleAgent, matters("identity"))

	code, err := c.tryShow("runner", "identity", "contract")
	require.NoError(t, err)
	offer, err := c.Peek(ctx, ticket(t, code))
	require.NoError(t, err)
	require.Equal(t, "company", offer.HolderID)
	require.Equal(t, blind(people["runner"]), offer.PersonID)
	held, err := c.Holdings(ctx, c.person("runner"), true)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, wallet.RoleAgent, held[0].Acting)
	require.Len(t, held[0].Views, 1)
	for _, f := range held[0].Display {
		require.Contains(t, held[0].Views[0].Fields, f.Field, "what she may not show she does not see")
	}
	// Not her matters: another view, other fields, another purpose, no purpose at all.
	for name, try := range map[string]func() error{
		"view":    func() error { _, err := c.tryShow("runner", "tendering", "contract"); return err },
		"fields":  func() error { _, err := c.tryShow("runner", "", "contract", "name", "registered_capital"); return err },
		"purpose": func() error { _, err := c.tryShow("runner", "identity", "loan"); return err },
		"any":     func() error { _, err := c.tryShow("runner", "identity", ""); return err },
	} {
		require.ErrorIs(t, try(), wallet.ErrNotAppointed, name)
	}
	_, err = c.tryShow("runner", "", "tendering", "name")
	require.NoError(t, err, "fields of a view that she was given")
	_, err = c.tryShow("boss", "full", "")
	require.NoError(t, err)

	// The administrator goes: so does who stands on her, with the code on her screen.
	events, stop, err := c.Watch(ctx, c.person("runner"))
	require.NoError(t, err)
	defer stop()
	require.NoError(t, c.Remove(ctx, c.person("boss"), "company", admin))
	require.Equal(t, wallet.EventAgency, (<-events).Kind, "her page hears of it")
	_, err = c.Peek(ctx, ticket(t, code))
	require.ErrorIs(t, err, wallet.ErrAgencyOver)
	_, _, err = c.Redeem(ctx, wallet.Redemption{Ticket: ticket(t, code), Claimant: "bank", Fields: []string{"name"}, Audience: "bank", Nonce: "n"})
	require.ErrorIs(t, err, wallet.ErrAgencyOver)
	_, err = c.Renew(ctx, c.person("runner"), code.ShowID)
	require.ErrorIs(t, err, wallet.ErrAgencyOver)
	_, err = c.tryShow("runner", "identity", "contract")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
	mine, err := c.Appointments(ctx, c.person("runner"))
	require.NoError(t, err)
	require.Equal(t, agent, mine[0].ID)
	require.Equal(t, wallet.Interrupted, mine[0].Now)
	// A new appointment of the administrator does not revive what she gave under the old one.
	c.appoint("boss", "clerk", wallet.RoleAdministrator, matters("identity"))
	_, err = c.tryShow("runner", "identity", "contract")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)
}

func TestLicenceEndsTheChain(t *testing.T) {
	c := newCompany(t)
	ctx := t.Context()
	c.appoint("boss", "clerk", wallet.RoleAdministrator, matters(wallet.All))
	n := c.naming("runner", wallet.RoleAgent, matters("identity"))
	n.Until = time.Date(2027, 9, 1, 0, 0, 0, 0, time.UTC)
	a, err := c.Appoint(ctx, c.person("boss"), "company", n)
	require.NoError(t, err)
	_, err = c.Respond(ctx, c.person("runner"), a.ID, wallet.Accepted)
	require.NoError(t, err)

	c.now = time.Date(2027, 6, 30, 15, 59, 59, 0, time.UTC) // the last second of the last day in Beijing
	_, err = c.tryShow("boss", "identity", "")
	require.NoError(t, err)
	code, err := c.tryShow("runner", "identity", "contract")
	require.NoError(t, err)
	c.now = c.now.Add(time.Second)
	_, err = c.tryShow("boss", "identity", "")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown, "an expired licence names nobody")
	_, err = c.Peek(ctx, ticket(t, code))
	require.ErrorIs(t, err, wallet.ErrAgencyOver)
	_, err = c.Agents(ctx, c.person("boss"), "company")
	require.ErrorIs(t, err, wallet.ErrCompanyUnknown)

	c.now = time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC)
	_, err = c.tryShow("runner", "identity", "contract")
	require.NoError(t, err)
	_, err = c.db.ChangeState(ctx, issuer.Change{Authority: "register", Identifier: licence, From: []issuer.State{issuer.Valid}, To: issuer.Cancelled, At: c.now})
	require.NoError(t, err)
	for _, who := range []string{"boss", "runner"} {
		_, err = c.tryShow(who, "identity", "contract")
		require.ErrorIs(t, err, wallet.ErrHoldingUnknown, who)
	}
}

func TestAppointRefuses(t *testing.T) {
	c := newCompany(t)
	ctx := t.Context()
	c.appoint("boss", "clerk", wallet.RoleAdministrator, matters("identity"))
	c.appoint("boss", "other", wallet.RoleAgent, matters("identity"))
	for name, one := range map[string]struct {
		by   string
		edit func(*wallet.Naming)
		want error
	}{
		"a stranger":                {"runner", func(*wallet.Naming) {}, wallet.ErrCompanyUnknown},
		"an agent":                  {"other", func(*wallet.Naming) {}, wallet.ErrMayNotAppoint},
		"an administrator, another": {"clerk", func(n *wallet.Naming) { n.Role = wallet.RoleAdministrator }, wallet.ErrMayNotAppoint},
		"a representative":          {"boss", func(n *wallet.Naming) { n.Role = wallet.RoleRepresentative }, wallet.ErrMayNotAppoint},
		"more views than hers":      {"clerk", func(n *wallet.Naming) { n.Matters[0].Views = []string{"full"} }, wallet.ErrMoreThanHers},
		"all views":                 {"clerk", func(n *wallet.Naming) { n.Matters[0].Views = []string{wallet.All} }, wallet.ErrMoreThanHers},
		"more purposes":             {"clerk", func(n *wallet.Naming) { n.Matters[0].Purposes = []string{"loan"} }, wallet.ErrMoreThanHers},
		"all types": {"clerk", func(n *wallet.Naming) {
			n.Matters = []wallet.Matter{{Type: "*", Views: []string{"*"}, Purposes: []string{"contract"}}}
		}, wallet.ErrMoreThanHers},
		"longer than hers":              {"clerk", func(n *wallet.Naming) { n.Until = n.Until.Add(time.Second) }, wallet.ErrMoreThanHers},
		"no matters":                    {"boss", func(n *wallet.Naming) { n.Matters = nil }, wallet.ErrMatters},
		"no views":                      {"boss", func(n *wallet.Naming) { n.Matters[0].Views = nil }, wallet.ErrMatters},
		"no purposes":                   {"boss", func(n *wallet.Naming) { n.Matters[0].Purposes = nil }, wallet.ErrMatters},
		"an empty purpose":              {"boss", func(n *wallet.Naming) { n.Matters[0].Purposes = []string{""} }, wallet.ErrMatters},
		"all and one":                   {"boss", func(n *wallet.Naming) { n.Matters[0].Purposes = []string{"*", "loan"} }, wallet.ErrMatters},
		"a type that is none":           {"boss", func(n *wallet.Naming) { n.Matters[0].Type = "moon-licence" }, wallet.ErrMatters},
		"a view that is none":           {"boss", func(n *wallet.Naming) { n.Matters[0].Views = []string{"moon"} }, wallet.ErrMatters},
		"views of all types":            {"boss", func(n *wallet.Naming) { n.Matters[0].Type = "*" }, wallet.ErrMatters},
		"no end":                        {"boss", func(n *wallet.Naming) { n.Until = time.Time{} }, wallet.ErrTerm},
		"an end before now":             {"boss", func(n *wallet.Naming) { n.Until = c.now }, wallet.ErrTerm},
		"too long for an agent":         {"boss", func(n *wallet.Naming) { n.Until = c.now.AddDate(1, 0, 3) }, wallet.ErrTerm},
		"too long for an administrator": {"boss", func(n *wallet.Naming) { n.Role, n.Until = wallet.RoleAdministrator, c.now.AddDate(3, 0, 9) }, wallet.ErrTerm},
	} {
		n := c.naming("runner", wallet.RoleAgent, matters("identity"))
		one.edit(&n)
		_, err := c.Appoint(ctx, c.person(one.by), "company", n)
		require.ErrorIs(t, err, one.want, name)
	}
	for _, h := range []schemas.HolderRef{
		{Type: "111", Number: "110105194912310021", Name: "张示例"}, {Type: "001", Number: "91330106MA27Y4U47R", Name: "样例公司"}, {Type: "111", Number: "11010519491231002X", Name: ""},
	} {
		n := c.naming("runner", wallet.RoleAgent, matters("identity"))
		n.Person = h
		_, err := c.Appoint(ctx, c.person("boss"), "company", n)
		var wrong *wallet.PersonError
		require.ErrorAs(t, err, &wrong)
	}
}

// Nobody becomes an agent unknowingly, and nobody learns from an offer whether a name fits.
func TestOffer(t *testing.T) {
	c := newCompany(t)
	ctx := t.Context()
	n := c.naming("runner", wallet.RoleAgent, matters("identity"))
	n.Key = "once"
	a, err := c.Appoint(ctx, c.person("boss"), "company", n)
	require.NoError(t, err)
	again, err := c.Appoint(ctx, c.person("boss"), "company", n)
	require.NoError(t, err)
	require.Equal(t, a, again)
	n.Matters = matters("full")
	_, err = c.Appoint(ctx, c.person("boss"), "company", n)
	require.ErrorIs(t, err, wallet.ErrAppointmentReused)
	_, err = c.tryShow("runner", "identity", "contract")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown, "offered is not accepted")

	misnamed := c.naming("clerk", wallet.RoleAgent, matters("identity"))
	misnamed.Person.Name = "李样品"
	wrong, err := c.Appoint(ctx, c.person("boss"), "company", misnamed)
	require.NoError(t, err)
	require.Equal(t, wallet.Offered, wrong.Now)
	mine, err := c.Appointments(ctx, c.person("clerk"))
	require.NoError(t, err)
	require.Empty(t, mine)
	for name, try := range map[string][2]string{"another's": {"other", a.ID}, "wrong name": {"clerk", wrong.ID}, "none": {"runner", "none"}} {
		_, err = c.Respond(ctx, c.person(try[0]), try[1], wallet.Accepted)
		require.ErrorIs(t, err, wallet.ErrAppointmentUnknown, name)
	}
	// The dot of a minority name may be written in several ways.
	me := c.person("runner")
	me.Name = "阿迪力•买买提"
	_, err = c.Respond(ctx, me, a.ID, wallet.Left)
	require.ErrorIs(t, err, wallet.ErrAppointmentOver, "nothing to leave yet")
	told, err := c.Respond(ctx, me, a.ID, wallet.Accepted)
	require.NoError(t, err)
	require.Equal(t, wallet.Active, told.Now)
	_, err = c.Respond(ctx, me, a.ID, wallet.Declined)
	require.ErrorIs(t, err, wallet.ErrAppointmentOver)
	told, err = c.Respond(ctx, me, a.ID, wallet.Left)
	require.NoError(t, err)
	require.Equal(t, wallet.Left, told.Now)
	_, err = c.tryShow("runner", "identity", "contract")
	require.ErrorIs(t, err, wallet.ErrHoldingUnknown)

	late, err := c.Appoint(ctx, c.person("boss"), "company", c.naming("other", wallet.RoleAgent, matters("identity")))
	require.NoError(t, err)
	c.now = c.now.Add(31 * 24 * time.Hour)
	_, err = c.Respond(ctx, c.person("other"), late.ID, wallet.Accepted)
	require.ErrorIs(t, err, wallet.ErrAppointmentOver)
	all, err := c.Agents(ctx, c.person("boss"), "company")
	require.NoError(t, err)
	states := map[string]wallet.AppointmentState{}
	for _, one := range all {
		states[one.ID] = one.Now
	}
	require.Equal(t, map[string]wallet.AppointmentState{a.ID: wallet.Left, wrong.ID: wallet.Lapsed, late.ID: wallet.Lapsed}, states)
}

func TestTermAndRemoval(t *testing.T) {
	c := newCompany(t)
	ctx := t.Context()
	n := c.naming("runner", wallet.RoleAgent, matters("identity"))
	n.From, n.Until = c.now.Add(time.Hour), c.now.Add(48*time.Hour)
	a, err := c.Appoint(ctx, c.person("boss"), "company", n)
	require.NoError(t, err)
	told, err := c.Respond(ctx, c.person("runner"), a.ID, wallet.Accepted)
	require.NoError(t, err)
	require.Equal(t, wallet.Scheduled, told.Now)
	for _, step := range []struct {
		at   time.Duration
		want error
	}{{59 * time.Minute, wallet.ErrHoldingUnknown}, {time.Hour, nil}, {48*time.Hour - time.Second, nil}, {48 * time.Hour, wallet.ErrHoldingUnknown}} {
		start := c.now
		c.now = start.Add(step.at)
		_, err = c.tryShow("runner", "identity", "contract")
		require.ErrorIs(t, err, step.want, step.at)
		c.now = start
	}
	admin := c.appoint("boss", "clerk", wallet.RoleAdministrator, matters("identity"))
	for name, try := range map[string]struct {
		who, company, id string
		want             error
	}{
		"not hers":        {"clerk", "company", a.ID, wallet.ErrAppointmentUnknown},
		"herself":         {"clerk", "company", admin, wallet.ErrAppointmentUnknown},
		"another company": {"boss", "elsewhere", a.ID, wallet.ErrCompanyUnknown},
		"a stranger":      {"other", "company", a.ID, wallet.ErrCompanyUnknown},
		"no such":         {"boss", "company", "none", wallet.ErrAppointmentUnknown},
		"the head may":    {"boss", "company", a.ID, nil},
	} {
		require.ErrorIs(t, c.Remove(ctx, c.person(try.who), try.company, try.id), try.want, name)
	}
	require.ErrorIs(t, c.Remove(ctx, c.person("boss"), "company", a.ID), wallet.ErrAppointmentOver)
}

// An agent sees the looks at what she showed; the company sees all, and who showed.
func TestHistoryOfACompany(t *testing.T) {
	c := newCompany(t)
	ctx := t.Context()
	c.appoint("boss", "clerk", wallet.RoleAdministrator, matters("identity"))
	agent := c.appoint("clerk", "runner", wallet.RoleAgent, matters("identity"))
	for i, who := range []string{"boss", "clerk", "runner", ""} {
		v := verifier.Verification{ID: string(rune('a' + i)), At: c.now.Add(time.Duration(-i) * time.Minute), HolderID: "company", Type: "business-licence", Via: "code"}
		if who != "" {
			v.PersonID = blind(people[who])
		}
		require.NoError(t, c.db.Record(ctx, v))
	}
	shown := func(who string) (out []string) {
		looks, _, err := c.History(ctx, c.person(who), wallet.Cursor{}, 0)
		require.NoError(t, err)
		for _, l := range looks {
			by := "nobody"
			if l.ShownBy != nil {
				by = l.ShownBy.Name + " " + l.ShownBy.Role
			}
			out = append(out, l.ID+" "+by)
		}
		return out
	}
	all := []string{"a 张示例 representative", "b 李样本 administrator", "c 阿迪力·买买提 agent", "d nobody"}
	require.Equal(t, all, shown("boss"))
	require.Equal(t, all, shown("clerk"))
	require.Equal(t, all[2:3], shown("runner"))
	require.NoError(t, c.Remove(ctx, c.person("boss"), "company", agent))
	require.Empty(t, shown("runner"))
	require.Equal(t, "c 阿迪力·买买提 ", shown("boss")[2], "who was removed is still named")
}
