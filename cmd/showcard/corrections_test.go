package main

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A person says that a result is wrong; an operator claims and answers it; she sees the answer.
// What is somebody else's, or nobody's, is answered alike.
func TestCorrection(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, other, operator := citizenOf(t, p.base, "person-01"), citizenOf(t, p.base, "person-02"), clientOf(t, data, p.base, "demo-operator")
	bank := clientOf(t, data, p.base, "demo-bank")
	var done struct{ ID string }
	require.NoError(t, bank.call(t.Context(), http.MethodPost, "/v1/verifications",
		map[string]any{"code": showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id")), "purpose": "account-opening"}, "v", &done))
	about := map[string]any{"kind": "verification", "id": done.ID}
	file := func(c *client, about map[string]any, key string) (string, error) {
		var got struct{ ID string }
		err := c.call(t.Context(), http.MethodPost, "/v1/wallet/corrections", map[string]any{"about": about, "field": "name", "says": "姓名有误"}, key, &got)
		return got.ID, err
	}
	_, err := file(other, about, "x")
	require.Equal(t, "correction-about-unknown", codeOf(err))
	_, err = file(other, map[string]any{"kind": "verification", "id": "none"}, "y")
	require.Equal(t, "correction-about-unknown", codeOf(err))
	id, err := file(citizen, about, "a")
	require.NoError(t, err)
	same, err := file(citizen, about, "a")
	require.NoError(t, err)
	require.Equal(t, id, same)
	_, err = file(citizen, map[string]any{"kind": "sign-in"}, "a")
	require.Equal(t, "idempotency-key-reused", codeOf(err))
	for _, k := range []string{"b", "c", "d", "e"} {
		_, err = file(citizen, map[string]any{"kind": "sign-in"}, k)
		require.NoError(t, err)
	}
	_, err = file(citizen, map[string]any{"kind": "certificate", "id": holdingOf(t, data, "person-01", "resident-id")}, "f")
	require.Equal(t, "correction-limit", codeOf(err))

	one := "/v1/wallet/corrections/" + id
	require.Equal(t, "correction-unknown", codeOf(other.call(t.Context(), http.MethodGet, one, nil, "", nil)))
	answer := map[string]any{"outcome": "forwarded", "answer": "已转公安机关核实"}
	require.Equal(t, "correction-not-claimed", codeOf(operator.call(t.Context(), http.MethodPost, "/v1/corrections/"+id+"/answer", answer, "", nil)))
	var due struct {
		Corrections []struct{ ID, Says string }
	}
	require.NoError(t, operator.call(t.Context(), http.MethodGet, "/v1/corrections", nil, "", &due))
	require.Len(t, due.Corrections, 5)
	require.Empty(t, due.Corrections[0].Says, "read by who claims it")
	var claimed struct{ Says, RecordedBy string }
	require.NoError(t, operator.call(t.Context(), http.MethodPost, "/v1/corrections/"+id+"/claim", nil, "", &claimed))
	require.Equal(t, "姓名有误", claimed.Says)
	require.NoError(t, operator.call(t.Context(), http.MethodPost, "/v1/corrections/"+id+"/answer", answer, "", nil))
	require.Equal(t, "correction-answered", codeOf(operator.call(t.Context(), http.MethodPost, "/v1/corrections/"+id+"/answer", answer, "", nil)))
	var seen struct{ State, Outcome, Answer string }
	require.NoError(t, citizen.call(t.Context(), http.MethodGet, one, nil, "", &seen))
	require.Equal(t, "answered", seen.State)
	require.Equal(t, "已转公安机关核实", seen.Answer)
}

// corrections walks the routes of the desk.
func (j *judge) corrections(citizen, operator string) {
	const post, get = http.MethodPost, http.MethodGet
	body := map[string]any{"about": map[string]any{"kind": "sign-in"}, "says": "姓名有误", "contact": "13800000000"}
	made := j.call(post, "/v1/wallet/corrections", citizen, body, http.StatusCreated, "Idempotency-Key", "o-1")
	body["about"] = map[string]any{"kind": "verification", "id": "none"}
	j.call(post, "/v1/wallet/corrections", citizen, body, http.StatusNotFound, "Idempotency-Key", "o-2")
	j.call(get, "/v1/wallet/corrections", citizen, nil, http.StatusOK)
	j.call(get, "/v1/wallet/corrections/"+made["id"].(string), citizen, nil, http.StatusOK)
	j.call(get, "/v1/wallet/corrections/none", citizen, nil, http.StatusNotFound)
	j.call(get, "/v1/corrections", operator, nil, http.StatusOK)
	one := "/v1/corrections/" + made["id"].(string)
	j.call(post, one+"/answer", operator, map[string]any{"outcome": "refused", "answer": "x"}, http.StatusConflict)
	j.call(post, one+"/claim", operator, nil, http.StatusOK)
	j.call(post, one+"/answer", operator, map[string]any{"outcome": "refused", "answer": "与登记一致"}, http.StatusOK)
	j.call(post, one+"/claim", operator, nil, http.StatusConflict)
}
