package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

// The shapes of testdata/push.
type (
	seedIssuer struct {
		ID      string       `json:"id"`
		Name    schemas.Text `json:"name"`
		USCC    string       `json:"uscc"`
		Types   []string     `json:"types"`
		Regions []string     `json:"regions"`
	}
	seedParty struct {
		ID       string          `json:"id"`
		Name     schemas.Text    `json:"name"`
		Allow    []seedAllowance `json:"allow"`
		Portrait bool            `json:"portrait"`
	}
	seedAllowance struct {
		Type     string   `json:"type"`
		Fields   []string `json:"fields"`
		Views    []string `json:"views"`
		Purposes []string `json:"purposes"`
	}
	seedPurpose struct {
		Code string       `json:"code"`
		Name schemas.Text `json:"name"`
	}
)

func seedJSON[T any](name string) (T, error) {
	var v T
	data, err := fs.ReadFile(testdata.Files, "push/"+name)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(data, &v)
}

// demoCallers are the API clients of the demo, with their keys.
type demoCallers struct {
	base    string
	callers []demoCaller
	keys    map[string]*key.Private
}

// token does what a client's program does: sign an assertion, exchange it for a token.
func (d *demoCallers) token(ctx context.Context, a *access.Service, clientID string) (access.Granted, error) {
	k := d.keys[clientID]
	if k == nil {
		return access.Granted{}, &httpd.Problem{Code: "client-unknown"}
	}
	assertion, err := access.Assert(k, clientID, d.base, time.Now())
	if err != nil {
		return access.Granted{}, err
	}
	return a.Grant(ctx, url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {access.AssertionType}, "client_assertion": {assertion}})
}

// seedRegistry enters the demo's departments and checkers, each with a client and a key of
// its own, if they are not there yet.
func (a *app) seedRegistry(ctx context.Context) (*demoCallers, error) {
	issuers, err := seedJSON[[]seedIssuer]("issuers.json")
	if err != nil {
		return nil, err
	}
	parties, err := seedJSON[[]seedParty]("parties.json")
	if err != nil {
		return nil, err
	}
	purposes, err := seedJSON[[]seedPurpose]("purposes.json")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(a.cfg.Data, "clients"), 0o700); err != nil {
		return nil, err
	}
	d := &demoCallers{base: a.cfg.PublicURL, keys: map[string]*key.Private{}}
	var clients []registry.Client
	client := func(c registry.Client) error {
		k, file, err := a.clientKey(c.ID)
		if err != nil {
			return err
		}
		c.Keys = []*key.Public{k.Public()}
		clients = append(clients, c)
		d.keys[c.ID] = k
		d.callers = append(d.callers, demoCaller{ClientID: c.ID, Role: c.Role, KeyFile: file, Scopes: c.Scopes})
		return nil
	}
	for _, i := range issuers {
		if err := client(registry.Client{ID: i.ID, Role: "department", Authorities: []string{i.ID}, Scopes: []string{"issue"}}); err != nil {
			return nil, err
		}
	}
	for _, p := range parties {
		if err := client(registry.Client{ID: p.ID, Role: "relying-party", Party: p.ID, Scopes: []string{"verify"}}); err != nil {
			return nil, err
		}
	}
	// Two people, so that the demo's freezes and grants take two as they do in earnest.
	for _, id := range []string{"demo-operator", "demo-operator-2"} {
		if err := client(registry.Client{ID: id, Role: "operator", Scopes: operatorScopes()}); err != nil {
			return nil, err
		}
	}
	if err := client(registry.Client{ID: "demo-auditor", Role: "auditor", Scopes: []string{"registry", "audit", "reviews", "monitor"}}); err != nil {
		return nil, err
	}
	if _, err := a.registry.Client("demo-operator"); err == nil { // a later start
		return d, a.seedOperator(ctx, clients)
	}
	return d, a.registry.Update(ctx, "demo", "departments and checkers of the demo", func(draft *registry.Draft) error {
		for _, i := range issuers {
			k, err := signer(a.keys, keyAuthority+i.ID+"/1", algorithm(a.cfg.Profile))
			if err != nil {
				return err
			}
			draft.PutAuthority(registry.Authority{
				ID: i.ID, USCC: i.USCC, Name: i.Name, Domain: a.cfg.Domain.Code, Types: i.Types, Regions: i.Regions,
				Keys: []registry.Key{{Public: k.Public(), NotBefore: time.Now().Truncate(time.Hour)}},
			})
		}
		for _, p := range parties {
			party, err := p.party(a.types, purposes)
			if err != nil {
				return err
			}
			draft.PutParty(party)
		}
		for _, c := range clients {
			draft.PutClient(c)
		}
		return nil
	})
}

func (p seedParty) party(types *schemas.Catalogue, purposes []seedPurpose) (registry.Party, error) {
	out := registry.Party{
		ID: p.ID, Name: p.Name, Portrait: p.Portrait, Ending: true,
		Contact: "演示联系人 demo contact", State: registry.PartyReleased,
	}
	for _, a := range p.Allow {
		t, err := types.Type(a.Type)
		if err != nil {
			return out, err
		}
		for _, purpose := range a.Purposes {
			if !slices.ContainsFunc(out.LegalBasis, func(b registry.Basis) bool { return b.Purpose == purpose }) {
				b := registry.Basis{Purpose: purpose, Basis: "演示依据 demo basis"}
				if i := slices.IndexFunc(purposes, func(one seedPurpose) bool { return one.Code == purpose }); i >= 0 {
					b.Name = purposes[i].Name
				}
				out.LegalBasis = append(out.LegalBasis, b)
			}
		}
		g := registry.Grant{Type: a.Type, Purposes: a.Purposes, Fields: slices.Clone(a.Fields)}
		for _, name := range a.Views {
			v, err := t.View(name)
			if err != nil {
				return out, err
			}
			g.Fields = append(g.Fields, v.Fields...)
		}
		if p.Portrait && t.Portrait {
			g.Fields = append(g.Fields, schemas.PortraitClaim)
		}
		slices.Sort(g.Fields)
		g.Fields = slices.Compact(g.Fields)
		out.Grants = append(out.Grants, g)
	}
	return out, nil
}

// clientKey reads a client's key file, or makes it.
func (a *app) clientKey(id string) (*key.Private, string, error) {
	file := filepath.Join("clients", id+".jwk")
	path := filepath.Join(a.cfg.Data, file)
	k, err := key.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if k, err = key.Generate(algorithm(a.cfg.Profile)); err == nil {
			err = key.WriteFile(path, k)
		}
	}
	return k, file, err
}

// seedRow is what the seeder needs to know of a row that it pushes.
type seedRow struct {
	Key    string            `json:"key"`
	Type   string            `json:"type"`
	Issuer string            `json:"issuer"`
	Holder schemas.HolderRef `json:"holder"`
}

// seedRows reads the rows of all departments, in the order of the files.
func seedRows() ([]seedRow, error) {
	names, err := fs.Glob(testdata.Files, "push/*.ndjson")
	if err != nil {
		return nil, err
	}
	var rows []seedRow
	for _, name := range names {
		if name == "push/live.ndjson" || name == "push/states.ndjson" {
			continue
		}
		err := seedLines(name, func(line []byte) error {
			var r seedRow
			rows = append(rows, r)
			return json.Unmarshal(line, &rows[len(rows)-1])
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func seedLines(name string, each func([]byte) error) error {
	data, err := fs.ReadFile(testdata.Files, name)
	if err != nil {
		return err
	}
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if err := each(s.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return s.Err()
}

// demoPeople lists the people among the holders, in the order of their first certificate.
func demoPeople(rows []seedRow) []demoPerson {
	var people []demoPerson
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Holder.Type != schemas.HolderCitizenID || seen[r.Holder.Number] {
			continue
		}
		seen[r.Holder.Number] = true
		people = append(people, demoPerson{Name: r.Holder.Name, Login: demoLogin(len(people) + 1), holder: r.Holder})
	}
	return people
}
