package main

import (
	"context"
	"net/http"

	"github.com/stretchr/testify/require"
)

// asks drives what a holder is asked, against the document.
func (j *judge) asks(token, licence, checker string) {
	const post, get = http.MethodPost, http.MethodGet
	shown := j.call(post, "/v1/wallet/shows", token, map[string]any{"identifier": licence, "fields": []string{"name"}}, http.StatusCreated)
	check := map[string]any{"code": shown["code"], "purpose": "traffic-inspection", "fields": []string{"id_number"}, "wait": 0}
	j.call(post, "/v1/verifications", checker, map[string]any{"code": shown["code"], "purpose": "traffic-inspection", "fields": []string{"shoe_size"}}, http.StatusForbidden)
	id := j.call(post, "/v1/verifications", checker, check, http.StatusAccepted)["id"].(string)
	one, ask := "/v1/verifications/"+id, "/v1/wallet/asks/"+id
	j.call(get, one+"?wait=0", checker, nil, http.StatusAccepted)
	j.call(get, one+"?wait=x", checker, nil, http.StatusBadRequest)
	j.call(get, "/v1/verifications/none", checker, nil, http.StatusNotFound)
	require.Len(j.t, j.call(get, "/v1/wallet/asks", token, nil, http.StatusOK)["asks"], 1)
	j.events("/v1/wallet/events", token)
	j.events("/v1/status/changes", checker)
	j.call(post, "/v1/wallet/asks/none", token, map[string]any{"answer": "yes"}, http.StatusNotFound)
	j.call(post, ask, token, map[string]any{"answer": "perhaps"}, http.StatusUnprocessableEntity)
	j.call(post, ask, token, map[string]any{"answer": "yes"}, http.StatusNoContent)
	j.call(post, ask, token, map[string]any{"answer": "yes"}, http.StatusConflict)
	require.Equal(j.t, "yes", j.call(get, one, checker, nil, http.StatusOK)["consent"].(map[string]any)["answer"])
	j.call(get, "/v1/wallet/consents?limit=5", token, nil, http.StatusOK)
	j.call(get, "/v1/wallet/consents?limit=0", token, nil, http.StatusBadRequest)
	j.call(post, "/v1/wallet/consents/withdraw", token, map[string]any{}, http.StatusUnprocessableEntity)
	withdrawn := j.call(post, "/v1/wallet/consents/withdraw", token, map[string]any{"party": "traffic-squad", "block": true}, http.StatusCreated)
	j.call(get, "/v1/wallet/withdrawals", token, nil, http.StatusOK)
	shown = j.call(post, "/v1/wallet/shows", token, map[string]any{"identifier": licence, "fields": []string{"name"}}, http.StatusCreated)
	check["code"] = shown["code"]
	j.call(post, "/v1/verifications", checker, check, http.StatusForbidden)
	j.call(http.MethodDelete, "/v1/wallet/withdrawals/"+withdrawn["id"].(string), token, nil, http.StatusNoContent)
	j.call(http.MethodDelete, "/v1/wallet/withdrawals/none", token, nil, http.StatusNotFound)
}

// events looks at the beginning of a stream that would go on.
func (j *judge) events(path, token string) {
	ctx, cancel := context.WithCancel(j.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.base+path, nil)
	require.NoError(j.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(j.t, err)
	defer resp.Body.Close()
	require.NotNil(j.t, j.doc.Paths.Value(path).Get.Responses.Value("200").Value.Content[resp.Header.Get("Content-Type")])
	j.judged[http.MethodGet+" "+path] = true
}
