package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/audithttp"
	"github.com/showcard/showcard/internal/correction"
	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/login"
	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/internal/review"
	"github.com/showcard/showcard/internal/rights/rightshttp"
	"github.com/showcard/showcard/issuerhttp"
	"github.com/showcard/showcard/openapi"
	"github.com/showcard/showcard/registryhttp"
	"github.com/showcard/showcard/verifierhttp"
	"github.com/showcard/showcard/wallethttp"
)

func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document)
	require.NoError(t, err)
	return doc
}

// listedCodes reads which problem codes an operation lists for each status: the description of
// the response. kin-openapi mixes up descriptions that stand beside a $ref.
func listedCodes(t *testing.T, path, method string) map[string][]string {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Ref         string `json:"$ref"`
				Description string
			}
		}
	}
	require.NoError(t, json.Unmarshal(openapi.Document, &doc))
	codes := map[string][]string{}
	for status, r := range doc.Paths[path][strings.ToLower(method)].Responses {
		_, after, beside := strings.Cut(r.Description, "As a problem: ")
		switch {
		case beside:
			codes[status] = strings.Split(strings.TrimSuffix(after, "."), ", ")
		case r.Ref != "":
			codes[status] = strings.Split(r.Description, ", ")
		}
	}
	return codes
}

// TestOpenAPI holds the document against the standard and against the real server: the same
// routes both ways, each with the roles and the scope that the server asks for.
func TestOpenAPI(t *testing.T) {
	doc := loadOpenAPI(t)
	require.NoError(t, doc.Validate(t.Context()))

	c := demoCommand{Data: t.TempDir(), Profile: "sm2", Volatile: "memory"}
	cfg, err := c.config("127.0.0.1:8080")
	require.NoError(t, err)
	a, err := build(t.Context(), cfg, slog.New(slog.DiscardHandler)) // what serve serves: no demo routes
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.close()) })

	described := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			described[method+" "+path] = op
		}
	}
	for _, r := range a.server.Routes() {
		if r.Class == httpd.ClassPage && !strings.HasPrefix(r.Path, "/v1/") {
			continue // a page and its assets
		}
		name := r.Method + " " + r.Template()
		op := described[name]
		delete(described, name)
		if op == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		require.NotNil(t, op.Security, name)
		if r.Public {
			require.Empty(t, *op.Security, name)
			continue
		}
		if r.Scope == "" {
			require.Empty(t, (*op.Security)[0]["bearer"], name)
		} else {
			require.Equal(t, []string{r.Scope}, (*op.Security)[0]["bearer"], name)
		}
		var roles []httpd.Role
		raw, err := json.Marshal(op.Extensions["x-roles"])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &roles))
		require.ElementsMatch(t, r.Roles, roles, name)
	}
	require.Empty(t, slices.Sorted(maps.Keys(described)), "described, and not served")
}

// TestOpenAPICodes holds the codes that the document lists against the table of problems, and
// against the error tables of the rooms.
func TestOpenAPICodes(t *testing.T) {
	problems, err := problem.Embedded()
	require.NoError(t, err)
	listed := map[string]map[string]bool{} // by tag
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, codes := range listedCodes(t, path, method) {
				for _, code := range codes {
					e, ok := problems.Lookup(code)
					require.True(t, ok, "%s %s: %q", method, path, code)
					require.Equal(t, status, strconv.Itoa(e.Status), "%s %s: %s", method, path, code)
					if listed[op.Tags[0]] == nil {
						listed[op.Tags[0]] = map[string]bool{}
					}
					listed[op.Tags[0]][code] = true
				}
			}
		}
	}
	for tag, table := range map[string]httpd.ErrorTable{
		"issuer": issuerhttp.Errors(), "wallet": wallethttp.Errors(), "sign-in": login.Errors(), "verifier": verifierhttp.Errors(), "registry": registryhttp.Errors(), "rights": rightshttp.Errors(),
		"correction": correction.Errors(), "review": review.Errors(), "passkey": passkey.Errors(), "audit": audithttp.Errors(),
	} {
		for _, row := range table {
			require.True(t, listed[tag][row.Code], "%s answers %s, which no operation lists", tag, row.Code)
		}
	}
}

// judge validates what goes over the wire.
type judge struct {
	t        *testing.T
	base     string
	doc      *openapi3.T
	compiler *jsonschema.Compiler
	judged   map[string]bool // method and template
}

const documentURL = "https://showcard.example/openapi.json"

func newJudge(t *testing.T, base string) *judge {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.Document))
	require.NoError(t, err)
	closeObjects(document)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(documentURL, document))
	return &judge{t: t, base: base, doc: loadOpenAPI(t), compiler: compiler, judged: map[string]bool{}}
}

// closeObjects forbids members that the document does not describe. Callers may ignore what
// they do not know; here it means that something was forgotten.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, has := v["properties"].(map[string]any)
		if _, says := v["additionalProperties"]; has && !says && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, one := range v {
			closeObjects(one)
		}
	case []any:
		for _, one := range v {
			closeObjects(one)
		}
	}
}

// template finds the described path that a path is an instance of; one without parameters wins.
func (j *judge) template(method, path string) string {
	best := ""
	for _, one := range j.doc.Paths.InMatchingOrder() {
		want, have := strings.Split(one, "/"), strings.Split(path, "/")
		fits := len(want) == len(have) && j.doc.Paths.Value(one).GetOperation(method) != nil
		for i := 0; fits && i < len(want); i++ {
			fits = want[i] == have[i] || strings.HasPrefix(want[i], "{") && have[i] != ""
		}
		if fits && (best == "" || strings.Count(one, "{") < strings.Count(best, "{")) {
			best = one
		}
	}
	require.NotEmpty(j.t, best, "%s %s", method, path)
	return best
}

func (j *judge) valid(what string, pointer []string, data []byte) {
	for i, p := range pointer {
		pointer[i] = url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	schema, err := j.compiler.Compile(documentURL + "#/" + strings.Join(pointer, "/"))
	require.NoError(j.t, err, what)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(j.t, err, what)
	require.NoError(j.t, schema.Validate(value), "%s\n%s", what, data)
}

// call makes a call, and holds request and answer against the document. A request that is to be
// refused is not judged.
func (j *judge) call(method, path, token string, body any, want int, header ...string) map[string]any {
	j.t.Helper()
	bare, _, _ := strings.Cut(path, "?")
	template := j.template(method, bare)
	what := method + " " + template
	at := []string{"paths", template, strings.ToLower(method)}
	var sent io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string: // a form, or NDJSON
		sent = strings.NewReader(b)
		kind = "application/x-ndjson"
		if strings.Contains(b, "grant_type=") {
			kind = "application/x-www-form-urlencoded"
		}
	default:
		data, err := json.Marshal(b)
		require.NoError(j.t, err)
		sent, kind = bytes.NewReader(data), "application/json"
		if want < 400 {
			j.valid(what+" request", append(slices.Clone(at), "requestBody", "content", kind, "schema"), data)
		}
	}
	req, err := http.NewRequestWithContext(j.t.Context(), method, j.base+path, sent)
	require.NoError(j.t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	asking := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := asking.Do(req)
	require.NoError(j.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(j.t, err)
	require.Equal(j.t, want, resp.StatusCode, "%s\n%s", what, data)
	j.judged[what] = true

	answer := j.doc.Paths.Value(template).GetOperation(method).Responses.Value(strconv.Itoa(want))
	require.NotNil(j.t, answer, "%s answers %d, which is not described", what, want)
	if resp.Header.Get("Content-Type") == "" {
		require.Empty(j.t, data)
		require.Empty(j.t, answer.Value.Content)
		return nil
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	require.NoError(j.t, err)
	require.NotNil(j.t, answer.Value.Content[media], "%s answers %s, which is not described", what, media)
	if media == "application/x-ndjson" {
		for line := range bytes.Lines(data) {
			j.valid(what, []string{"components", "schemas", "PushResult"}, line)
		}
	}
	if media != "application/json" && media != "application/problem+json" {
		return nil
	}
	if media == "application/problem+json" {
		var p struct{ Code string }
		require.NoError(j.t, json.Unmarshal(data, &p))
		require.Contains(j.t, listedCodes(j.t, template, method)[strconv.Itoa(want)], p.Code, what)
		at = []string{"components", "schemas", "Problem"}
	} else {
		at = append(at, "responses", strconv.Itoa(want), "content", media, "schema")
	}
	j.valid(what, at, data)
	var out map[string]any
	_ = json.Unmarshal(data, &out) // some answers are lists
	return out
}

// TestOpenAPIAnswers drives a running demo and validates what it takes and answers.
func TestOpenAPIAnswers(t *testing.T) {
	data := t.TempDir()
	c := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	err := c.start(t.Context(), func(_ context.Context, d *demo) error {
		j := newJudge(t, d.base)
		token := func(id string) string {
			cl, err := d.client(id)
			require.NoError(t, err)
			granted, err := cl.token(t.Context())
			require.NoError(t, err)
			return granted.AccessToken
		}
		j.public()
		j.department(token("hunan-police"), token("demo-operator"), string(vehicleRow(t)))
		j.citizen(citizenOf(t, d.base, "person-01").bearer, holdingOf(t, data, "person-01", "drivers-licence"), token("traffic-squad"))
		j.devices(citizenOf(t, d.base, "person-01").bearer, token("demo-operator"), holdingOf(t, data, "person-01", "drivers-licence"))
		j.bundles(token("demo-bank"))
		j.settlements(citizenOf(t, d.base, "person-01"), token("traffic-squad"), holdingOf(t, data, "person-01", "drivers-licence"))
		j.passkeys(citizenOf(t, d.base, "person-01").bearer)
		j.asks(citizenOf(t, d.base, "person-01").bearer, holdingOf(t, data, "person-01", "drivers-licence"), token("traffic-squad"))
		j.company(citizenOf(t, d.base, "person-01").bearer, citizenOf(t, d.base, "person-02"))
		j.corrections(citizenOf(t, d.base, "person-01").bearer, token("demo-operator"))
		j.reviews(citizenOf(t, d.base, "person-01").bearer, token("traffic-squad"), token("demo-operator"), token("demo-auditor"))
		j.monitor(token("demo-operator"), token("demo-auditor"), token("traffic-squad"))
		j.person(citizenOf(t, d.base, "person-02").bearer)
		j.operator(token("demo-operator"), token("demo-operator-2"))
		j.ownKeys(clientOf(t, data, d.base, "traffic-squad"))
		_, err := d.audit.Build(t.Context())
		require.NoError(t, err)
		j.auditor(token("demo-auditor"))
		for path, item := range j.doc.Paths.Map() {
			for method := range item.Operations() {
				require.True(t, j.judged[method+" "+path], "%s %s was not tried", method, path)
			}
		}
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard})
	require.NoError(t, err)
}

// vehicleRow is a row of the seed under a key of its own.
func vehicleRow(t *testing.T) []byte {
	t.Helper()
	var row map[string]any
	require.NoError(t, seedLines("push/hunan-police.ndjson", func(line []byte) error {
		var r map[string]any
		err := json.Unmarshal(line, &r)
		if r["type"] == "vehicle-licence" && row == nil {
			row = r
		}
		return err
	}))
	row["key"] = "OPENAPI-1"
	out, err := json.Marshal(row)
	require.NoError(t, err)
	return out
}

func (j *judge) public() {
	for _, path := range []string{
		"/healthz", "/readyz", "/metrics", "/problems", "/problems/code-used", "/openapi.json", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json",
		"/v1/trust-list", "/v1/trust-list/roots", "/status/1", "/.well-known/jwt-vc-issuer/issuers/hunan-police", "/types/drivers-licence/1",
	} {
		j.call(http.MethodGet, path, "", nil, http.StatusOK)
	}
	j.call(http.MethodGet, "/problems/no-such", "", nil, http.StatusNotFound)
	j.call(http.MethodGet, "/status/1", "", nil, http.StatusNotAcceptable, "Accept", "text/html")
	j.call(http.MethodGet, "/status/1?time=1", "", nil, http.StatusNotImplemented)
	j.call(http.MethodPost, "/oauth/token", "", "grant_type=password", http.StatusBadRequest)
	j.call(http.MethodPost, "/oauth/token", "", "grant_type=client_credentials", http.StatusUnauthorized)
	j.call(http.MethodGet, "/v1/wallet/holdings", "", nil, http.StatusUnauthorized)
	j.call(http.MethodGet, "/v1/sign-in/providers", "", nil, http.StatusOK)
	j.call(http.MethodGet, demoSignInPath, "", nil, http.StatusSeeOther)
	j.call(http.MethodPost, demoSignInPath+"?return_to=/", "", nil, http.StatusSeeOther)
	j.call(http.MethodGet, demoSignInPath+"?return_to=//x", "", nil, http.StatusBadRequest)
	j.call(http.MethodGet, demoCallback+"?state=x", "", nil, http.StatusBadRequest)
}

// person asks who she is, and signs out.
func (j *judge) person(token string) {
	j.call(http.MethodGet, "/v1/me", token, nil, http.StatusOK)
	j.call(http.MethodPost, "/v1/sign-out", token, map[string]any{"everywhere": false}, http.StatusNoContent)
	j.call(http.MethodGet, "/v1/me", token, nil, http.StatusUnauthorized)
}

func (j *judge) department(token, other, row string) {
	var body map[string]any
	require.NoError(j.t, json.Unmarshal([]byte(row), &body))
	const post, get, put = http.MethodPost, http.MethodGet, http.MethodPut
	j.call(post, "/v1/certificates", token, body, http.StatusBadRequest) // no Idempotency-Key
	j.call(post, "/v1/certificates", other, body, http.StatusForbidden)
	issued := j.call(post, "/v1/certificates", token, body, http.StatusCreated, "Idempotency-Key", "1")
	j.call(post, "/v1/certificates", token, body, http.StatusOK, "Idempotency-Key", "2")
	j.call(post, "/v1/certificates", token, map[string]any{"key": "x"}, http.StatusUnprocessableEntity, "Idempotency-Key", "3")
	one := "/v1/certificates/" + issued["identifier"].(string)
	j.call(put, one+"/live", token, map[string]any{"vehicle_state": "A"}, http.StatusOK)
	j.call(get, one, token, nil, http.StatusOK)
	j.call(post, one+"/suspend", token, nil, http.StatusOK)
	j.call(post, one+"/reinstate", token, map[string]any{"reason": "returned"}, http.StatusOK)
	body["key"] = "OPENAPI-2"
	next := j.call(post, one+"/replace", token, body, http.StatusCreated, "Idempotency-Key", "4")
	j.call(post, one+"/reinstate", token, nil, http.StatusConflict)
	j.call(post, "/v1/certificates/"+next["identifier"].(string)+"/revoke", token, map[string]any{"kind": "cancelled"}, http.StatusOK)
	j.call(get, one, token, nil, http.StatusOK)
	j.call(http.MethodDelete, one+"/content", token, nil, http.StatusConflict) // it ended today
	j.call(get, one[:len(one)-1]+"!", token, nil, http.StatusBadRequest)
	j.call(put, "/v1/pushes/openapi", token, row+"\n{\"key\":\"y\"}\n\n", http.StatusOK)
	j.call(get, "/v1/pushes/openapi", token, nil, http.StatusOK)
	j.call(get, "/v1/pushes/openapi/results?from=1", token, nil, http.StatusOK)
	j.call(get, "/v1/pushes/none", token, nil, http.StatusNotFound)
	j.call(get, "/v1/pushes?limit=1", token, nil, http.StatusOK)
	j.call(get, "/v1/pushes?after=x", token, nil, http.StatusBadRequest)
	const search = "/v1/certificates/search"
	found := j.call(post, search, token, map[string]any{"holder": map[string]any{"type": "111", "number": "430102198803129911"}, "limit": 1}, http.StatusOK)
	require.Len(j.t, found["certificates"], 1)
	j.call(post, search, token, map[string]any{"identifier": issued["identifier"], "state": "lapsed"}, http.StatusOK)
	j.call(post, search, token, map[string]any{"state": "gone"}, http.StatusUnprocessableEntity)
	j.call(post, search, token, map[string]any{"identifier": "1.2"}, http.StatusBadRequest)
}

func (j *judge) citizen(token, licence, checker string) {
	const post, get = http.MethodPost, http.MethodGet
	j.call(get, "/v1/wallet/holdings?reveal=true", token, nil, http.StatusOK)
	shown := j.call(post, "/v1/wallet/shows", token, map[string]any{"identifier": licence, "view": "roadside"}, http.StatusCreated)
	one := "/v1/wallet/shows/" + shown["show"].(string)
	j.call(post, one+"/codes", token, nil, http.StatusCreated)
	j.call(get, one, token, nil, http.StatusOK)
	j.call(get, one+".svg", token, nil, http.StatusOK)
	check := map[string]any{"code": shown["code"], "purpose": "traffic-inspection"}
	valid := j.call(post, "/v1/verifications", checker, check, http.StatusOK)
	require.Equal(j.t, "valid", valid["outcome"])
	require.Equal(j.t, "invalid", j.call(post, "/v1/verifications", checker, check, http.StatusOK)["outcome"])
	j.call(get, "/v1/verifications/"+valid["id"].(string)+"/portrait", checker, nil, http.StatusOK)
	person := "/v1/verifications/" + valid["id"].(string) + "/person"
	j.call(post, person, checker, map[string]any{}, http.StatusUnprocessableEntity)
	require.Equal(j.t, "clerk", j.call(post, person, checker, map[string]any{"same": true}, http.StatusOK)["person"].(map[string]any)["method"])
	j.call(post, person, checker, map[string]any{"same": false}, http.StatusConflict)
	facts := map[string]any{"identifier": licence, "type": "drivers-licence", "claims": map[string]any{"name": "李样本"}}
	require.Equal(j.t, "invalid", j.call(post, "/v1/verifications", checker, map[string]any{"facts": facts, "purpose": "traffic-inspection"}, http.StatusOK)["outcome"])
	j.call(post, "/v1/verifications", checker, map[string]any{"code": "SC1", "purpose": "traffic-inspection"}, http.StatusUnprocessableEntity)
	j.call(post, "/v1/verifications", checker, map[string]any{"code": shown["code"]}, http.StatusUnprocessableEntity)
	j.call(post, "/v1/verifications/challenges", checker, nil, http.StatusOK)
	j.call(get, "/v1/wallet/history?limit=5", token, nil, http.StatusOK)
	second := j.call(post, "/v1/wallet/shows", token, map[string]any{"identifier": licence, "fields": []string{"name"}, "lifetime": 30}, http.StatusCreated)
	j.call(http.MethodDelete, "/v1/wallet/shows/"+second["show"].(string), token, nil, http.StatusNoContent)
	j.call(post, "/v1/wallet/shows/"+second["show"].(string)+"/codes", token, nil, http.StatusConflict)
	j.rights(token, checker, licence, valid["id"].(string)) // last: it ends her session
}
