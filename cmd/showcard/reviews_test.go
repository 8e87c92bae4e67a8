package main

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A person reviews a check of hers; an operator claims and answers it; she reads the answer, the
// party its counts, the auditor no word. What is somebody else's, or nobody's, is answered alike.
func TestReview(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, other, operator := citizenOf(t, p.base, "person-01"), citizenOf(t, p.base, "person-02"), clientOf(t, data, p.base, "demo-operator")
	bank, auditor := clientOf(t, data, p.base, "demo-bank"), clientOf(t, data, p.base, "demo-auditor")
	const post, get, said = http.MethodPost, http.MethodGet, "等了两个小时，没有人理我"
	var done struct{ ID string }
	require.NoError(t, bank.call(t.Context(), post, "/v1/verifications",
		map[string]any{"code": showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id")), "purpose": "account-opening"}, "v", &done))
	type review struct {
		ID, Verification, Party, State, Text, Answer, Measure string
		PartyName                                             string `json:"party_name"`
		ClaimedBy                                             string `json:"claimed_by"`
		DueAt                                                 string `json:"due_at"`
		Level                                                 int
	}
	submit := func(c *client, check string, level int, key string) (got review, err error) {
		err = c.call(t.Context(), post, "/v1/wallet/reviews", map[string]any{"verification": check, "level": level, "text": said}, key, &got)
		return got, err
	}
	_, err := submit(other, done.ID, 1, "x")
	require.Equal(t, "verification-unknown", codeOf(err))
	_, err = submit(citizen, "none", 1, "y")
	require.Equal(t, "verification-unknown", codeOf(err))
	_, err = submit(citizen, done.ID, 6, "z")
	require.Equal(t, "field-invalid", codeOf(err))
	made, err := submit(citizen, done.ID, 2, "a")
	require.NoError(t, err)
	require.Equal(t, "open", made.State)
	require.NotEmpty(t, made.DueAt)
	same, err := submit(citizen, done.ID, 2, "a")
	require.NoError(t, err)
	require.Equal(t, made, same)
	_, err = submit(citizen, done.ID, 1, "a")
	require.Equal(t, "idempotency-key-reused", codeOf(err))
	_, err = submit(citizen, done.ID, 1, "b")
	require.Equal(t, "review-exists", codeOf(err))

	one := "/v1/reviews/" + made.ID
	list := func(c *client, path string) []review {
		var got struct{ Reviews []review }
		require.NoError(t, c.call(t.Context(), get, path, nil, "", &got))
		return got.Reviews
	}
	for _, c := range []*client{operator, auditor} {
		waiting := list(c, "/v1/reviews?party="+made.Party)
		require.Len(t, waiting, 1)
		require.Empty(t, waiting[0].Text+waiting[0].Verification, "read by who claims it")
		require.Equal(t, made.PartyName, waiting[0].PartyName)
	}
	require.Empty(t, list(operator, "/v1/reviews?state=answered"))
	require.Equal(t, "review-not-claimed", codeOf(operator.call(t.Context(), get, one, nil, "", nil)))
	answer := map[string]any{"text": "已向该网点核实，向您致歉。", "measure": "加开一个窗口。"}
	require.Equal(t, "review-not-claimed", codeOf(operator.call(t.Context(), post, one+"/answer", answer, "", nil)))
	require.Equal(t, "forbidden-role", codeOf(auditor.call(t.Context(), post, one+"/claim", nil, "", nil)))
	var got review
	require.NoError(t, operator.call(t.Context(), post, one+"/claim", nil, "", &got))
	require.Equal(t, said, got.Text)
	require.Equal(t, "review-claimed", codeOf(clientOf(t, data, p.base, "demo-operator-2").call(t.Context(), post, one+"/claim", nil, "", nil)))
	require.NoError(t, operator.call(t.Context(), post, one+"/answer", answer, "", nil))
	require.Equal(t, "review-answered", codeOf(operator.call(t.Context(), post, one+"/answer", answer, "", nil)))
	got = review{}
	require.NoError(t, auditor.call(t.Context(), get, one, nil, "", &got))
	require.Empty(t, got.Text+got.Answer+got.Measure)
	require.Equal(t, "demo-operator", got.ClaimedBy)

	mine := list(citizen, "/v1/wallet/reviews")
	require.Len(t, mine, 1)
	require.Equal(t, []string{"answered", done.ID, said, answer["text"].(string), answer["measure"].(string), ""},
		[]string{mine[0].State, mine[0].Verification, mine[0].Text, mine[0].Answer, mine[0].Measure, mine[0].ClaimedBy})
	require.Empty(t, list(other, "/v1/wallet/reviews"))

	var exported struct {
		Reviews []struct{ Verification, Text, Answer, State string }
	}
	require.NoError(t, citizen.call(t.Context(), get, "/v1/wallet/export", nil, "", &exported))
	require.Len(t, exported.Reviews, 1)
	require.Equal(t, []string{done.ID, said, answer["text"].(string), "answered"},
		[]string{exported.Reviews[0].Verification, exported.Reviews[0].Text, exported.Reviews[0].Answer, exported.Reviews[0].State})

	type counts struct {
		Party   string
		Count   int
		Levels  map[string]int
		Open    int
		Average float64
	}
	var own counts
	require.NoError(t, bank.call(t.Context(), get, "/v1/clients/self/reviews", nil, "", &own))
	require.Equal(t, counts{made.Party, 1, map[string]int{"1": 0, "2": 1, "3": 0, "4": 0, "5": 0}, 0, 2}, own)
	var all struct{ Parties []counts }
	require.NoError(t, auditor.call(t.Context(), get, "/v1/reviews/summary?days=7", nil, "", &all))
	require.Equal(t, []counts{own}, all.Parties)
	require.NoError(t, clientOf(t, data, p.base, "traffic-squad").call(t.Context(), get, "/v1/clients/self/reviews", nil, "", &own))
	require.Zero(t, own.Count, "another's are another's")
}

// reviews walks the routes of the desk, about the newest check of a person.
func (j *judge) reviews(citizen, party, operator, auditor string) {
	const post, get = http.MethodPost, http.MethodGet
	looks := j.call(get, "/v1/wallet/history", citizen, nil, http.StatusOK)["looks"].([]any)
	checks := []string{}
	for _, l := range looks {
		if l := l.(map[string]any); l["via"] == "code" {
			checks = append(checks, l["id"].(string))
		}
	}
	require.Greater(j.t, len(checks), 1)
	body := map[string]any{"verification": checks[0], "level": 1, "text": "等了两个小时。"}
	made := j.call(post, "/v1/wallet/reviews", citizen, body, http.StatusCreated, "Idempotency-Key", "r-1")
	j.call(post, "/v1/wallet/reviews", citizen, body, http.StatusConflict, "Idempotency-Key", "r-2")
	good := j.call(post, "/v1/wallet/reviews", citizen, map[string]any{"verification": checks[1], "level": 5}, http.StatusCreated, "Idempotency-Key", "r-3")
	body["verification"] = "none"
	j.call(post, "/v1/wallet/reviews", citizen, body, http.StatusNotFound, "Idempotency-Key", "r-4")
	j.call(post, "/v1/wallet/reviews", citizen, body, http.StatusBadRequest)
	body["level"] = 0
	j.call(post, "/v1/wallet/reviews", citizen, body, http.StatusUnprocessableEntity, "Idempotency-Key", "r-5")
	first := j.call(get, "/v1/wallet/reviews?limit=1", citizen, nil, http.StatusOK)
	require.Empty(j.t, j.call(get, "/v1/wallet/reviews?before="+first["next"].(string), citizen, nil, http.StatusOK)["next"])
	j.call(get, "/v1/wallet/reviews?before=x", citizen, nil, http.StatusBadRequest)
	j.call(get, "/v1/reviews", operator, nil, http.StatusOK)
	j.call(get, "/v1/reviews?state=all&party=none", auditor, nil, http.StatusOK)
	j.call(get, "/v1/reviews?state=bad", operator, nil, http.StatusBadRequest)
	j.call(get, "/v1/reviews?limit=0", operator, nil, http.StatusBadRequest)
	one, answer := "/v1/reviews/"+made["id"].(string), map[string]any{"text": "抱歉。", "measure": "加开窗口。"}
	j.call(get, one, operator, nil, http.StatusConflict)
	j.call(get, "/v1/reviews/none", operator, nil, http.StatusNotFound)
	j.call(post, "/v1/reviews/none/claim", operator, nil, http.StatusNotFound)
	j.call(post, one+"/answer", operator, answer, http.StatusConflict)
	j.call(post, one+"/claim", operator, nil, http.StatusOK)
	j.call(post, one+"/answer", operator, map[string]any{"text": ""}, http.StatusUnprocessableEntity)
	j.call(post, one+"/answer", operator, answer, http.StatusOK)
	j.call(post, one+"/claim", operator, nil, http.StatusConflict)
	j.call(get, one, operator, nil, http.StatusOK)
	j.call(get, one, auditor, nil, http.StatusOK)
	praise := "/v1/reviews/" + good["id"].(string)
	j.call(post, praise+"/claim", operator, nil, http.StatusOK)
	j.call(post, praise+"/answer", operator, answer, http.StatusConflict)
	j.call(get, "/v1/reviews/summary", operator, nil, http.StatusOK)
	j.call(get, "/v1/reviews/summary?days=400", auditor, nil, http.StatusBadRequest)
	j.call(get, "/v1/clients/self/reviews", party, nil, http.StatusOK)
}
