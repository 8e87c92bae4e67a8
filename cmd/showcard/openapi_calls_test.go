package main

import (
	"net/http"
)

func (j *judge) operator(token, second string) {
	open := j.call(http.MethodGet, "/v1/disputes?state=open&limit=1", token, nil, http.StatusOK)["disputes"].([]any)
	answer := "/v1/disputes/" + open[0].(map[string]any)["id"].(string) + "/answer"
	j.call(http.MethodPost, answer, token, map[string]any{"state": "open", "answer": "x"}, http.StatusUnprocessableEntity)
	j.call(http.MethodPost, answer, token, map[string]any{"state": "rejected", "answer": "the log shows it"}, http.StatusOK)
	j.call(http.MethodPost, answer, token, map[string]any{"state": "rejected", "answer": "the log shows it"}, http.StatusConflict)
	for _, plural := range []string{"authorities", "parties", "clients", "providers", "domains", "types"} {
		list := j.call(http.MethodGet, "/v1/registry/"+plural, token, nil, http.StatusOK)
		entry := list[plural].([]any)[0].(map[string]any)
		id, ok := entry["id"].(string)
		if !ok {
			id = entry["code"].(string)
		}
		j.call(http.MethodPut, "/v1/registry/"+plural+"/"+id, token, entry, http.StatusOK)
	}
	const post, get, put = http.MethodPost, http.MethodGet, http.MethodPut
	j.call(get, "/v1/clients/self", token, nil, http.StatusOK)
	j.call(put, "/v1/registry/types/no-such", token, map[string]any{"id": "no-such", "version": 1, "published": true}, http.StatusUnprocessableEntity)
	why := map[string]any{"reason": "test"}
	freeze := map[string]any{"kind": "type", "id": "drivers-licence", "frozen": true, "reason": "test", "urgent": true}
	proposed := j.call(post, "/v1/registry/freezes", token, freeze, http.StatusAccepted)["id"].(string)
	j.call(post, "/v1/registry/freezes/"+proposed+"/approve", token, why, http.StatusForbidden)
	j.call(post, "/v1/registry/freezes/"+proposed+"/reject", second, why, http.StatusOK)
	j.call(post, "/v1/registry/freezes/"+proposed+"/approve", second, why, http.StatusConflict)
	j.call(post, "/v1/registry/freezes", token, freeze, http.StatusConflict) // urgent again
	j.call(post, "/v1/registry/freezes", token, map[string]any{"kind": "party", "id": "demo-bank", "frozen": true, "reason": "test"}, http.StatusOK)
	j.call(get, "/v1/registry/freezes", token, nil, http.StatusOK)
	resume := j.call(post, "/v1/registry/parties/demo-bank/resume", token, why, http.StatusAccepted)["id"].(string)
	j.call(post, "/v1/registry/proposals/"+resume+"/approve", second, why, http.StatusOK)
	party := map[string]any{"id": "new-hall", "name": map[string]any{"zh": "新", "en": "new"}, "contact": "1", "per_day": 5, "grants": []any{},
		"legal_basis": []any{map[string]any{"purpose": "identity-check", "basis": "law"}}}
	read := func(party map[string]any) map[string]any { // what a reviewer answers to what she read
		steps := party["steps"].([]any)
		return map[string]any{"reason": "test", "seen": steps[len(steps)-1].(map[string]any)["at"]}
	}
	registered := read(j.call(put, "/v1/registry/parties/new-hall?reason=asked", token, party, http.StatusOK))
	j.call(post, "/v1/registry/parties/new-hall/release", second, why, http.StatusConflict)
	j.call(post, "/v1/registry/parties/new-hall/reject", token, why, http.StatusOK)
	j.call(post, "/v1/registry/parties/new-hall/approve", token, registered, http.StatusConflict)
	registered = read(j.call(put, "/v1/registry/parties/new-hall", token, party, http.StatusOK))
	j.call(post, "/v1/registry/parties/new-hall/approve", token, registered, http.StatusForbidden)
	j.call(post, "/v1/registry/parties/new-hall/approve", second, registered, http.StatusOK)
	for _, step := range []string{"release", "suspend"} {
		j.call(post, "/v1/registry/parties/new-hall/"+step, second, why, http.StatusOK)
	}
	retire := j.call(post, "/v1/registry/parties/new-hall/retire", token, why, http.StatusAccepted)["id"].(string)
	j.call(post, "/v1/registry/proposals/"+retire+"/reject", second, why, http.StatusOK)
	j.call(get, "/v1/registry/proposals", token, nil, http.StatusOK)
	j.call(get, "/v1/registry/parties/traffic-squad/usage?days=3", token, nil, http.StatusOK)
	j.call(get, "/v1/registry/history?from=1&limit=5", token, nil, http.StatusOK)
	j.call(get, "/v1/registry/history?from=x", token, nil, http.StatusUnprocessableEntity)
	j.call(put, "/v1/registry/roots", token, map[string]any{"payload": "", "signatures": []any{}}, http.StatusUnprocessableEntity)
	roots := j.call(get, "/v1/trust-list/roots?version=1", "", nil, http.StatusOK)
	j.call(put, "/v1/registry/roots", token, roots, http.StatusOK)
	j.call(get, "/v1/trust-list/roots?version=2", "", nil, http.StatusNotFound)
	j.call(post, "/v1/registry/clients/demo-bank/drop-key", token, map[string]any{"key": "none", "reason": "test"}, http.StatusNotFound)
}

func (j *judge) rights(token, checker, licence, id string) {
	const post, get = http.MethodPost, http.MethodGet
	check, look := "/v1/verifications/"+id, "/v1/wallet/history/"+id
	j.call(get, check+"/receipt", checker, nil, http.StatusOK)
	j.call(get, look+"/receipt", token, nil, http.StatusOK)
	j.call(get, look[:len(look)-1]+"/receipt", token, nil, http.StatusNotFound)
	facts := map[string]any{"identifier": licence, "type": "drivers-licence", "claims": map[string]any{"name": "李样本"}}
	j.call(post, "/v1/verifications", checker, map[string]any{"facts": facts, "purpose": "traffic-inspection", "receipt": true}, http.StatusOK)
	j.call(post, look+"/disputes", token, map[string]any{"reason": "not me"}, http.StatusCreated)
	j.call(post, look+"/disputes", token, map[string]any{"reason": "not me"}, http.StatusConflict)
	j.call(post, check+"/disputes", checker, map[string]any{"reason": " "}, http.StatusUnprocessableEntity)
	j.call(post, check+"/disputes", checker, map[string]any{"reason": "somebody else"}, http.StatusCreated)
	j.call(get, look+"/disputes", token, nil, http.StatusOK)
	j.call(get, check+"/disputes", checker, nil, http.StatusOK)
	j.call(get, "/v1/wallet/export", token, nil, http.StatusOK)
	j.call(post, "/v1/wallet/erasure", token, map[string]any{"confirm": "nonsense"}, http.StatusConflict)
	confirm := j.call(post, "/v1/wallet/erasure", token, map[string]any{}, http.StatusAccepted)["confirm"]
	j.call(post, "/v1/wallet/erasure", token, map[string]any{"confirm": confirm}, http.StatusOK)
	j.call(get, "/v1/me", token, nil, http.StatusUnauthorized)
}
