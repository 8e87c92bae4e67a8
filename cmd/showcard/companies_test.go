package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/schemas"
)

// holderOf is a fictitious person as her certificates name her.
func holderOf(t *testing.T, login string) schemas.HolderRef {
	t.Helper()
	rows, err := seedRows()
	require.NoError(t, err)
	for _, p := range demoPeople(rows) {
		if p.Login == login {
			return p.holder
		}
	}
	require.FailNow(t, "no such person", login)
	return schemas.HolderRef{}
}

type companyWire struct{ ID, Name, Role string }

// companyOf is the one company that a person acts for.
func companyOf(t *testing.T, c *client) companyWire {
	t.Helper()
	var got struct{ Companies []companyWire }
	require.NoError(t, c.call(t.Context(), http.MethodGet, "/v1/wallet/companies", nil, "", &got))
	require.NotEmpty(t, got.Companies)
	return got.Companies[0]
}

func appointBody(h schemas.HolderRef, role string, views []string, purposes ...string) map[string]any {
	return map[string]any{
		"person": map[string]any{"type": h.Type, "number": h.Number, "name": h.Name}, "role": role,
		"matters": []any{map[string]any{"type": "business-licence", "views": views, "purposes": purposes}},
		"until":   time.Now().AddDate(0, 3, 0).Format(time.DateOnly),
	}
}

// appointed appoints somebody who accepts.
func appointed(t *testing.T, by, who *client, company string, body map[string]any, key string) string {
	t.Helper()
	var made struct{ ID, State string }
	require.NoError(t, by.call(t.Context(), http.MethodPost, "/v1/wallet/companies/"+company+"/agents", body, key, &made))
	require.Equal(t, "offered", made.State)
	require.NoError(t, who.call(t.Context(), http.MethodPost, "/v1/wallet/appointments/"+made.ID, map[string]any{"answer": "accept"}, "", &made))
	require.Equal(t, "active", made.State)
	return made.ID
}

// A representative appoints an administrator, who appoints an agent. While 40 codes of the agent
// are checked in two processes, the administrator is removed in one of them: no check that begins
// after the removal was answered gets the licence, in either process.
func TestRemovalBitesInEveryProcess(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	boss, clerk, runner := citizenOf(t, a.base, "person-01"), citizenOf(t, b.base, "person-02"), citizenOf(t, a.base, "person-03")
	company := companyOf(t, boss)
	require.Equal(t, "representative", company.Role)
	admin := appointed(t, boss, clerk, company.ID, appointBody(holderOf(t, "person-02"), "administrator", []string{"identity", "public"}, "account-opening"), "k1")
	appointed(t, clerk, runner, company.ID, appointBody(holderOf(t, "person-03"), "agent", []string{"identity"}, "account-opening"), "k2")

	licence := ""
	var held struct {
		Holdings []struct{ Identifier, Acting string }
	}
	require.NoError(t, runner.call(t.Context(), http.MethodGet, "/v1/wallet/holdings", nil, "", &held))
	for _, h := range held.Holdings {
		if h.Acting == "agent" {
			licence = h.Identifier
		}
	}
	require.NotEmpty(t, licence)
	show := func(view, purpose string) (string, error) {
		var got struct{ Code string }
		err := runner.call(context.Background(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": licence, "view": view, "purpose": purpose}, "", &got)
		return got.Code, err
	}
	_, err := show("public", "account-opening")
	require.Equal(t, "not-appointed", codeOf(err))
	_, err = show("identity", "loan")
	require.Equal(t, "not-appointed", codeOf(err))

	codes := make([]string, 40)
	for i := range codes {
		codes[i], err = show("identity", "account-opening")
		require.NoError(t, err)
	}
	banks := []*client{clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank")}
	for _, s := range banks {
		_, err := s.authorization(t.Context())
		require.NoError(t, err)
	}
	check := func(i int) string {
		var got checked
		if err := banks[i%2].call(context.Background(), http.MethodPost, "/v1/verifications", map[string]any{"code": codes[i], "purpose": "account-opening"}, fmt.Sprintf("r-%d", i), &got); err != nil {
			return codeOf(err)
		}
		if got.Outcome == "valid" {
			return "valid"
		}
		return got.Reasons[0].Code
	}
	require.Equal(t, "valid", check(0))
	var removed atomic.Bool
	var wg sync.WaitGroup
	late := make([]bool, len(codes))
	outcomes := make([]string, len(codes))
	started := make(chan struct{})
	wg.Go(func() {
		<-started
		if err := boss.call(context.Background(), http.MethodDelete, "/v1/wallet/companies/"+company.ID+"/agents/"+admin, nil, "", nil); err == nil {
			removed.Store(true)
		}
	})
	for worker := range 4 {
		wg.Go(func() {
			for i := 1 + worker; i < len(codes); i += 4 {
				if i >= 9 && i < 13 {
					select {
					case <-started:
					default:
						if worker == 0 {
							close(started)
						}
					}
				}
				late[i] = removed.Load()
				outcomes[i] = check(i)
			}
		})
	}
	wg.Wait()
	require.True(t, removed.Load())
	for i := 1; i < len(codes); i++ {
		require.Contains(t, []string{"valid", "agency-over"}, outcomes[i])
		if late[i] {
			require.Equal(t, "agency-over", outcomes[i], "check %d began after the removal", i)
		}
	}
	_, err = show("identity", "account-opening")
	require.Equal(t, "holding-unknown", codeOf(err))

	// The company sees who showed it; whoever was removed sees nothing of it any more.
	var looks struct {
		Looks []struct {
			Type    string
			ShownBy *struct{ Name, Role string } `json:"shown_by"`
		}
	}
	require.NoError(t, boss.call(t.Context(), http.MethodGet, "/v1/wallet/history", nil, "", &looks))
	require.NotEmpty(t, looks.Looks)
	require.Equal(t, holderOf(t, "person-03").Name, looks.Looks[len(looks.Looks)-1].ShownBy.Name)
	require.NoError(t, runner.call(t.Context(), http.MethodGet, "/v1/wallet/history", nil, "", &looks))
	require.Empty(t, looks.Looks)
}

// company walks the routes of a company.
func (j *judge) company(boss string, runner *client) {
	const post, get = http.MethodPost, http.MethodGet
	body := appointBody(holderOf(j.t, "person-02"), "agent", []string{"identity"}, "tendering")
	company := j.call(get, "/v1/wallet/companies", boss, nil, http.StatusOK)["companies"].([]any)[0].(map[string]any)["id"].(string)
	agents := "/v1/wallet/companies/" + company + "/agents"
	made := j.call(post, agents, boss, body, http.StatusCreated, "Idempotency-Key", "c-1")
	j.call(post, agents, boss, body, http.StatusBadRequest)
	j.call(get, agents, runner.bearer, nil, http.StatusNotFound)
	body["until"] = "2099-01-01"
	j.call(post, agents, boss, body, http.StatusUnprocessableEntity, "Idempotency-Key", "c-2")
	j.call(get, "/v1/wallet/appointments", runner.bearer, nil, http.StatusOK)
	one := "/v1/wallet/appointments/" + made["id"].(string)
	j.call(post, one, runner.bearer, map[string]any{"answer": "accept"}, http.StatusOK)
	j.call(post, one, runner.bearer, map[string]any{"answer": "accept"}, http.StatusConflict)
	j.call(get, agents, boss, nil, http.StatusOK)
	j.call(get, agents, runner.bearer, nil, http.StatusForbidden)
	j.call(http.MethodDelete, agents+"/"+made["id"].(string), boss, nil, http.StatusNoContent)
}
