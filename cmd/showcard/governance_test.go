package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/registry"
)

// operators are the two of a demo: what one wants, the other approves.
type operators struct{ first, second *client }

func operatorsOf(t *testing.T, data, base string) operators {
	t.Helper()
	return operators{clientOf(t, data, base, "demo-operator"), clientOf(t, data, base, "demo-operator-2")}
}

// both sends what the first operator wants, and approves it as the second when it waits for her.
func (o operators) both(ctx context.Context, method, path string, body any) error {
	var p registry.Proposal
	if err := o.first.call(ctx, method, path, body, "", &p); err != nil || p.State != registry.ProposalOpen {
		return err
	}
	return o.second.call(ctx, http.MethodPost, "/v1/registry/proposals/"+p.ID+"/approve", map[string]any{"reason": "test"}, "", nil)
}

func (o operators) freeze(ctx context.Context, kind, id, key string, frozen bool) error {
	return o.both(ctx, http.MethodPost, "/v1/registry/freezes", map[string]any{"kind": kind, "id": id, "key": key, "frozen": frozen, "reason": "test"})
}

// outcomeOf shows a certificate and has it checked: the outcome and the first reason.
func outcomeOf(t *testing.T, citizen, checker *client, identifier, purpose string) string {
	t.Helper()
	return outcomeOfCode(t, checker, showOf(t, citizen, identifier), purpose)
}

func outcomeOfCode(t *testing.T, checker *client, code, purpose string) string {
	t.Helper()
	var got checked
	require.NoError(t, checker.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": purpose}, "", &got))
	if len(got.Reasons) > 0 {
		return got.Outcome + " " + got.Reasons[0].Code
	}
	return got.Outcome
}

// change reads an entry of the registry, changes it and puts it back.
func changeEntry[T any](t *testing.T, o operators, kind, id string, change func(*T)) {
	t.Helper()
	var all map[string][]json.RawMessage
	require.NoError(t, o.first.call(t.Context(), http.MethodGet, "/v1/registry/"+kind, nil, "", &all))
	for _, raw := range all[kind] {
		var name struct{ ID string }
		require.NoError(t, json.Unmarshal(raw, &name))
		if name.ID != id {
			continue
		}
		var v T
		require.NoError(t, json.Unmarshal(raw, &v))
		change(&v)
		require.NoError(t, o.both(t.Context(), http.MethodPut, "/v1/registry/"+kind+"/"+id, v))
		return
	}
	require.FailNow(t, "no such entry", "%s %s", kind, id)
}

// A freeze bites with the next check, in the process that was told and in another one that
// shares the database; thawing lets it go on. A key never thaws.
func TestFreezeBites(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	operator, citizen := operatorsOf(t, data, a.base), citizenOf(t, a.base, "person-01")
	here, there := clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank")
	identifier := holdingOf(t, data, "person-01", "resident-id")
	check := func(c *client) string { return outcomeOf(t, citizen, c, identifier, "account-opening") }
	everywhere := func(want string) {
		t.Helper()
		require.Equal(t, want, check(here))
		require.Eventually(t, func() bool { return check(there) == want }, 30*time.Second, 50*time.Millisecond)
	}
	freeze := func(kind, id, key string, frozen bool) error {
		return operator.freeze(t.Context(), kind, id, key, frozen)
	}
	push := func() string {
		row := firstRow(t, "hunan-police")
		row["key"] = "FROZEN-1"
		return codeOf(clientOf(t, data, a.base, "hunan-police").call(t.Context(), http.MethodPost, "/v1/certificates", row, "frozen", nil))
	}
	everywhere("valid")
	require.NoError(t, freeze("type", "resident-id", "", true))
	everywhere("invalid type-frozen")
	require.Equal(t, "type-frozen", push())
	require.NoError(t, freeze("type", "resident-id", "", false))
	everywhere("valid")
	require.NoError(t, freeze("authority", "hunan-police", "", true))
	everywhere("invalid issuer-frozen")
	require.Equal(t, "issuer-frozen", push())
	require.NoError(t, freeze("authority", "hunan-police", "", false))
	everywhere("valid")

	var kid string
	changeEntry(t, operator, "authorities", "hunan-police", func(a *registry.Authority) { kid = a.Keys[0].Public.ID() })
	// Codes that are on screens when the key is frozen die with it.
	onScreen := []string{showOf(t, citizen, identifier), showOf(t, citizen, identifier)}
	require.NoError(t, freeze("authority-key", "hunan-police", kid, true))
	require.Equal(t, "invalid key-frozen", outcomeOfCode(t, here, onScreen[0], "account-opening"))
	facts := map[string]any{"facts": map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "x"}}, "purpose": "account-opening"}
	require.Eventually(t, func() bool { // the other process has heard of it
		var got checked
		err := there.call(t.Context(), http.MethodPost, "/v1/verifications", facts, "", &got)
		return err == nil && got.Reasons[0].Code == "key-frozen"
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, "invalid key-frozen", outcomeOfCode(t, there, onScreen[1], "account-opening"))
	require.Equal(t, "registry-entry-invalid", codeOf(freeze("authority-key", "hunan-police", kid, false)))
	// Without another key nothing is shown or issued; with one the copies are collected anew.
	show := func() error {
		return citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", nil)
	}
	require.Equal(t, "holding-not-showable", codeOf(show()))
	require.Equal(t, "issuer-no-key", push())
	changeEntry(t, operator, "authorities", "hunan-police", func(a *registry.Authority) {
		a.Keys = append(a.Keys, registry.Key{Public: newKeyOf(t, data, "authority/hunan-police/2"), NotBefore: time.Now().Truncate(time.Second)})
	})
	everywhere("valid")
}

// An authority gets a new key while everything runs: what the old one signed stays good, and
// what is signed from now on is signed by the new one.
func TestAuthorityKeyRotates(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	operator, police, bank := operatorsOf(t, data, p.base), clientOf(t, data, p.base, "hunan-police"), clientOf(t, data, p.base, "demo-bank")
	citizen := citizenOf(t, p.base, "person-01")
	before := holdingOf(t, data, "person-01", "resident-id")
	require.Equal(t, "valid", outcomeOf(t, citizen, bank, before, "account-opening"))
	var oldKey string
	at := time.Now().Truncate(time.Second)
	changeEntry(t, operator, "authorities", "hunan-police", func(a *registry.Authority) {
		oldKey = a.Keys[0].Public.ID()
		a.Keys[0].NotAfter = at
		a.Keys = append(a.Keys, registry.Key{Public: newKeyOf(t, data, "authority/hunan-police/2"), NotBefore: at})
	})

	row := firstRow(t, "hunan-police")
	row["key"] = "AFTER-ROTATION"
	var made struct{ Identifier, Credential string }
	require.NoError(t, police.call(t.Context(), http.MethodPost, "/v1/certificates", row, "rotation", &made))
	vc, err := sdjwt.Parse(made.Credential, sdjwt.Type)
	require.NoError(t, err)
	require.NotEqual(t, oldKey, vc.Token.Header.KeyID)
	require.Equal(t, "valid", outcomeOf(t, citizen, bank, made.Identifier, "account-opening"))
	require.Equal(t, "valid", outcomeOf(t, citizen, bank, before, "account-opening"))

	// The old original, signed by the old key, is good too.
	var original struct{ Credential string }
	require.NoError(t, police.call(t.Context(), http.MethodGet, "/v1/certificates/"+url.PathEscape(before), nil, "", &original))
	old, err := sdjwt.Parse(original.Credential, sdjwt.Type)
	require.NoError(t, err)
	require.Equal(t, oldKey, old.Token.Header.KeyID)
	for _, credential := range []string{original.Credential, made.Credential} {
		file := filepath.Join(t.TempDir(), "original.txt")
		require.NoError(t, os.WriteFile(file, []byte(credential), 0o600))
		require.Contains(t, toolOf(t, 0, "verify", file, "--data", data, "--trust", p.base+"/v1/trust-list"), "VALID")
	}
	var published struct {
		JWKS struct{ Keys []struct{ Kid string } }
	}
	getJSON(t, p.base+"/.well-known/jwt-vc-issuer/issuers/hunan-police", &published)
	require.Len(t, published.JWKS.Keys, 2)
}

// A department whose key has an SM2 certificate sends it along, for verifiers that go by
// certificates.
func TestAuthorityWithCertificate(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	operator, police := operatorsOf(t, data, p.base), clientOf(t, data, p.base, "hunan-police")
	root, err := key.Generate(key.SM2)
	require.NoError(t, err)
	now := time.Now().Truncate(time.Second)
	template := key.Template{CommonName: "测试根 Test Root", NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0)}
	ca, err := key.NewAuthority(root, template)
	require.NoError(t, err)
	changeEntry(t, operator, "authorities", "hunan-police", func(a *registry.Authority) {
		template.CommonName = "湖南省公安厅（演示）"
		template.URIs = []string{demoFileOf(t, data).BaseURL + "/issuers/hunan-police"}
		leaf, err := ca.Issue(a.Keys[0].Public, template)
		require.NoError(t, err)
		a.Keys[0].X5C = [][]byte{leaf}
	})
	row := firstRow(t, "hunan-police")
	row["key"] = "WITH-CERTIFICATE"
	var made struct{ Identifier, Credential string }
	require.NoError(t, police.call(t.Context(), http.MethodPost, "/v1/certificates", row, "x5c", &made))
	vc, err := sdjwt.Parse(made.Credential, sdjwt.Type)
	require.NoError(t, err)
	anchors, err := key.NewAnchors(ca.Certificate())
	require.NoError(t, err)
	leaf, err := anchors.Verify(vc.Token.Header.X5C, time.Now())
	require.NoError(t, err)
	require.True(t, leaf.Names(template.URIs[0]))
	require.NoError(t, vc.Token.Verify(leaf.Key))
	require.Equal(t, "valid", outcomeOf(t, citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank"), made.Identifier, "account-opening"))
}

// A seventh type needs a JSON file and a restart: no Go, no new data folder.
func TestSeventhType(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	startDemo(t, data).stop(syscall.SIGTERM)
	p := startDemo(t, data, "--catalogue", "../../schemas/testdata/seventh")
	operator, police, bank := operatorsOf(t, data, p.base), clientOf(t, data, p.base, "hunan-police"), clientOf(t, data, p.base, "demo-bank")
	row := firstRow(t, "hunan-police")
	holder := row["holder"].(map[string]any)
	delete(row, "portrait")
	for name, v := range map[string]any{"key": "L-1", "type": "library-card", "number": "R123456", "issued_on": "2025-01-02", "valid_from": "2025-01-02", "valid_until": "2030-01-01",
		"claims": map[string]any{"name": holder["name"], "id_number": holder["number"], "birth_date": "1988-03-12", "library_level": "G", "branches": "WE", "books_allowed": 5, "issuing_authority": "样例图书馆"}} {
		row[name] = v
	}
	var made struct{ Identifier string }
	push := func(request string) error {
		return police.call(t.Context(), http.MethodPost, "/v1/certificates", row, request, &made)
	}
	require.Equal(t, "issuer-not-entitled-type", codeOf(push("request-1")))
	changeEntry(t, operator, "authorities", "hunan-police", func(a *registry.Authority) { a.Types = append(a.Types, "library-card") })
	changeEntry(t, operator, "parties", "demo-bank", func(p *registry.Party) {
		p.Grants = append(p.Grants, registry.Grant{Type: "library-card", Fields: []string{"gold", "not_expired"}, Purposes: []string{"account-opening"}})
	})
	require.NoError(t, push("request-2"))
	var show struct{ Code string }
	require.NoError(t, citizenOf(t, p.base, "person-01").call(t.Context(), http.MethodPost, "/v1/wallet/shows",
		map[string]any{"identifier": made.Identifier, "view": "gold"}, "", &show))
	var got checked
	require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": show.Code, "purpose": "account-opening"}, "", &got))
	require.Equal(t, "valid", got.Outcome, got.Reasons)
	require.Equal(t, map[string]any{"gold": true, "not_expired": true}, got.Claims)
	var metadata struct{ VCT string }
	getJSON(t, p.base+"/types/library-card/1", &metadata)
	require.Equal(t, demoFileOf(t, data).BaseURL+"/types/library-card/1", metadata.VCT)

	// Withdrawn, it can neither be issued nor verified.
	changeEntry(t, operator, "types", "library-card", func(s *registry.TypeState) { s.Published = false })
	row["key"] = "L-2"
	require.Equal(t, "type-unpublished", codeOf(push("request-3")))
	require.NoError(t, citizenOf(t, p.base, "person-01").call(t.Context(), http.MethodPost, "/v1/wallet/shows",
		map[string]any{"identifier": made.Identifier, "view": "gold"}, "", &show))
	require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": show.Code, "purpose": "account-opening"}, "", &got))
	require.Equal(t, "invalid", got.Outcome)
	require.Equal(t, "type-unpublished", got.Reasons[0].Code)
}
