package issuerhttp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/issuerhttp"
	"github.com/showcard/showcard/schemas"
)

// Every code that a sentinel or a handler can answer with has its sentences.
func TestEveryCodeHasItsSentences(t *testing.T) {
	table, err := problem.Embedded()
	require.NoError(t, err)
	codes := []string{issuer.CodeIssuerNotYours, issuer.CodeIssuerType, issuer.CodeIssuerRegion, issuer.CodeTypeFrozen, issuer.CodeRegionFrozen, issuer.CodeAllFrozen, issuer.CodeRowKeyReused,
		issuer.CodeReplacedAlready, issuer.CodeStateRefused, issuer.CodeReplaceContradict, issuer.CodeLineBroken, issuer.CodeLineEmpty,
		"state-reason-unknown", "parameter-invalid", "content-encoding-unsupported", "gzip-expands", "gzip-malformed", "status-history-unsupported"}
	for _, row := range issuerhttp.Errors() {
		codes = append(codes, row.Code)
	}
	for _, code := range codes {
		e, ok := table.Lookup(code)
		require.True(t, ok, code)
		require.NotZero(t, e.Status, code)
	}
}

func TestIssueAndGet(t *testing.T) {
	f := start(t)
	a := f.post(asPolice, "/v1/certificates", "once", licence(t, "k1"))
	var out issued
	a.into(t, http.StatusCreated, &out)
	require.Equal(t, "/v1/certificates/"+out.Identifier, a.Header.Get("Location"))
	require.Equal(t, "k1", out.Key)
	vc, err := sdjwt.Parse(out.Credential, sdjwt.Type)
	require.NoError(t, err)
	require.NoError(t, vc.Token.Verify(f.authorities.all[police].Signer.Public()))

	var cert struct {
		Identifier, Key, Issuer, Type, State, Credential string
		ValidUntil                                       string `json:"valid_until"`
		Status                                           struct {
			URI string
			Idx uint64
		}
	}
	a = f.get(asPolice, a.Header.Get("Location"))
	a.into(t, http.StatusOK, &cert)
	require.Equal(t, out.Credential, cert.Credential)
	require.Equal(t, "valid", cert.State)
	require.Equal(t, police, cert.Issuer)
	require.True(t, strings.HasPrefix(cert.Status.URI, f.url+"/status/"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))

	f.get(asMarket, "/v1/certificates/"+out.Identifier).problem(t, 404, "certificate-unknown")
	f.get(asBoth, "/v1/certificates/"+out.Identifier).into(t, http.StatusOK, &cert)
	f.get("", "/v1/certificates/"+out.Identifier).problem(t, 401, "unauthenticated")
	f.get("relying-party::issue", "/v1/certificates/"+out.Identifier).problem(t, 403, "forbidden-role")
	f.get("department:"+police+":other", "/v1/certificates/"+out.Identifier).problem(t, 403, "forbidden-scope")

	other := []byte(out.Identifier)
	other[len(other)-1] = '0' + (other[len(other)-1]-'0'+1)%10
	f.get(asPolice, "/v1/certificates/"+string(other)).problem(t, 400, "identifier-checksum")
	f.get(asPolice, "/v1/certificates/xyz").problem(t, 400, "identifier-format")
	unknown, err := schemas.NewIdentifier("11100000000013127D901", f.authorities.all[police].USCC, "NOBODYHASTHISSERIAL0", 1)
	require.NoError(t, err)
	f.get(asPolice, "/v1/certificates/"+unknown.String()).problem(t, 404, "certificate-unknown")
	require.NotContains(t, f.logs.String(), out.Identifier, "paths are not logged")
}

func TestIssueInTheOtherProfile(t *testing.T) {
	f := start(t)
	var out issued
	f.post(asMarket, "/v1/certificates", "once", rows(t, market)[0]).into(t, http.StatusCreated, &out)
	vc, err := sdjwt.Parse(out.Credential, sdjwt.Type)
	require.NoError(t, err)
	require.Equal(t, string(key.ES256), vc.Token.Header.Algorithm)
	require.Equal(t, sdjwt.SHA256, vc.Hash)
	require.NoError(t, vc.Token.Verify(f.authorities.all[market].Signer.Public()))
}

func TestIdempotencyKey(t *testing.T) {
	f := start(t)
	const path = "/v1/certificates"
	body := licence(t, "k1")
	f.post(asPolice, path, "", body).problem(t, 400, "idempotency-key-missing")
	first := f.post(asPolice, path, "once", body)
	require.Equal(t, http.StatusCreated, first.StatusCode)
	again := f.post(asPolice, path, "once", body)
	require.Equal(t, http.StatusCreated, again.StatusCode)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))

	f.post(asPolice, path, "once", licence(t, "k2")).problem(t, 409, "idempotency-key-reused")
	f.post(asPolice, path+"?mode=strict", "once", body).problem(t, 409, "idempotency-key-reused")
	var out issued
	f.post(asMarket, path, "once", rows(t, market)[0]).into(t, http.StatusCreated, &out)

	// Another key, the same row: the row's own key answers.
	f.post(asPolice, path, "twice", body).into(t, http.StatusOK, &out)
	require.True(t, out.Existing)
	f.post(asPolice, path, "thrice", licence(t, "k1", func(r *schemas.Row) { r.Claims["address"] = "别处1号" })).problem(t, 409, "row-key-reused")

	// A refusal is not kept: once the reason is gone, the same request goes through.
	f.authorities.freeze("drivers-licence")
	f.post(asPolice, path, "later", licence(t, "k3")).problem(t, 403, "type-frozen")
	f.authorities.freeze(police)
	f.post(asPolice, path, "later", licence(t, "k3")).problem(t, 403, "issuer-frozen")
	f.authorities.freeze("")
	f.post(asPolice, path, "later", licence(t, "k3")).into(t, http.StatusCreated, &out)
}

func TestBadRows(t *testing.T) {
	f := start(t)
	for name, c := range map[string]struct {
		as, body string
		status   int
		code     string
		pointer  string
	}{
		"checksum": {asPolice, licence(t, "k", func(r *schemas.Row) {
			r.Holder.Number = r.Holder.Number[:17] + string('0'+(r.Holder.Number[17]-'0'+1)%10)
			r.Claims["id_number"] = r.Holder.Number
		}), 422, "id-number-checksum", "/holder/number"},
		"unknown type":      {asPolice, licence(t, "k", func(r *schemas.Row) { r.Type = "fishing" }), 422, "type-unknown", "/type"},
		"field not in type": {asPolice, licence(t, "k", func(r *schemas.Row) { r.Claims["shoe_size"] = "42" }), 422, "field-unknown", "/claims/shoe_size"},
		"missing field":     {asPolice, licence(t, "k", func(r *schemas.Row) { delete(r.Claims, "file_number") }), 422, "field-missing", "/claims/file_number"},
		"birth date":        {asPolice, licence(t, "k", func(r *schemas.Row) { r.Claims["birth_date"] = "1970-01-01" }), 422, "birth-date-contradicts-number", "/claims/birth_date"},
		"type not theirs":   {asMarket, licence(t, "k"), 403, "issuer-not-entitled-type", "/type"},
		"region not theirs": {asPolice, licence(t, "k", func(r *schemas.Row) { r.Region = "110101" }), 403, "issuer-not-entitled-region", "/region"},
		"issuer not theirs": {asPolice, licence(t, "k", func(r *schemas.Row) { r.Issuer = market }), 403, "issuer-not-yours", ""},
		"which issuer":      {asBoth, licence(t, "k"), 422, "field-missing", "/issuer"},
		"no issuer":         {"department::issue", licence(t, "k"), 403, "issuer-not-yours", ""},
		"body too large":    {asPolice, `{"key":"` + strings.Repeat("k", schemas.MaxRow) + `"}`, 413, "body-too-large", ""},
		"deep":              {asPolice, strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60), 422, "row-too-deep", strings.Repeat("/a", 8)},
		"not UTF-8":         {asPolice, "{\"key\":\"\xd5\xc5\"}", 422, "row-not-utf8", ""},
		"broken in half":    {asPolice, licence(t, "k")[:200], 422, "row-malformed", "?"},
		"member twice":      {asPolice, `{"key":"a","key":"b"}`, 422, "row-duplicate-name", "/key"},
		"unknown member":    {asPolice, strings.Replace(licence(t, "k"), `{"key"`, `{"kez":1,"key"`, 1), 422, "field-unknown", "/kez"},
	} {
		t.Run(name, func(t *testing.T) {
			p := f.post(c.as, "/v1/certificates", name, c.body).problem(t, c.status, c.code)
			if c.pointer != "" && c.pointer != "?" {
				require.Equal(t, c.pointer, p.Errors[0].Pointer)
			}
		})
	}
	f.do(asPolice, http.MethodPost, "/v1/certificates", strings.NewReader("a=b"), "Idempotency-Key", "form").problem(t, 415, "unsupported-media-type")
	f.post(asPolice, "/v1/certificates?mode=import", "i", licence(t, "k")).problem(t, 403, "forbidden-scope")
	f.post(asPolice, "/v1/certificates?mode=lax", "i", licence(t, "k")).problem(t, 400, "parameter-invalid")
	var out issued
	f.post(asPolice+",import", "/v1/certificates?mode=import", "i", licence(t, "k", func(r *schemas.Row) { r.Portrait = nil })).into(t, http.StatusCreated, &out)
	require.Equal(t, "portrait-missing", out.Warnings[0].Code)
}

func TestStateChanges(t *testing.T) {
	f := start(t)
	out := f.issue("k1")
	path := "/v1/certificates/" + out.Identifier
	cert, err := f.store.Certificate(t.Context(), out.Identifier)
	require.NoError(t, err)
	check := func(a answer, state string, public statuslist.Status) {
		t.Helper()
		var got struct {
			Identifier, State, Reason string
			Published                 bool
		}
		a.into(t, http.StatusOK, &got)
		require.Equal(t, state, got.State)
		require.True(t, got.Published)
		status, _, known, err := f.cache.Lookup(t.Context(), cert.Slot.List, cert.Slot.Index)
		require.NoError(t, err)
		require.True(t, known)
		require.Equal(t, public, statuslist.Status(status))
		list := f.get("", "/status/"+cert.Slot.List)
		require.Equal(t, http.StatusOK, list.StatusCode)
		u, err := statuslist.Parse(string(list.body))
		require.NoError(t, err)
		token, err := u.Verify(f.status.Public(), f.url+"/status/"+cert.Slot.List, u.IssuedAt)
		require.NoError(t, err)
		listed, err := token.List.Get(cert.Slot.Index)
		require.NoError(t, err)
		require.Equal(t, public, listed)
	}
	f.post(asPolice, path+"/reinstate", "", "").problem(t, 409, "state-transition-refused")
	check(f.post(asPolice, path+"/suspend", "", `{"reason":"记满12分"}`), "suspended", statuslist.Suspended)
	check(f.post(asPolice, path+"/suspend", "", `{"reason":"记满12分"}`), "suspended", statuslist.Suspended)
	check(f.post(asPolice, path+"/reinstate", "", ""), "valid", statuslist.Valid)
	f.post(asMarket, path+"/suspend", "", "").problem(t, 404, "certificate-unknown")
	f.post(asPolice, path+"/revoke", "", `{"kind":"burnt"}`).problem(t, 422, "state-reason-unknown")
	f.post(asPolice, path+"/revoke", "", `{"kind":"suspended"}`).problem(t, 422, "state-reason-unknown")
	f.post(asPolice, path+"/revoke", "", `{"reason":"x"}`).problem(t, 422, "field-missing")
	f.post(asPolice, path+"/revoke", "", `{"kind":"revoked","reason":"`+strings.Repeat("x", 501)+`"}`).problem(t, 422, "field-too-long")
	check(f.post(asPolice, path+"/revoke", "", `{"kind":"revoked","reason":"醉驾"}`), "revoked", statuslist.Invalid)
	check(f.post(asPolice, path+"/revoke", "", `{"kind":"revoked","reason":"醉驾"}`), "revoked", statuslist.Invalid)
	f.post(asPolice, path+"/revoke", "", `{"kind":"cancelled"}`).problem(t, 409, "state-transition-refused")
	f.post(asPolice, path+"/reinstate", "", "").problem(t, 409, "state-transition-refused")
	f.post(asPolice, path+"/replace", "r", licence(t, "k2")).problem(t, 409, "state-transition-refused")
	for _, kind := range issuer.Endings() {
		f.post(asPolice, "/v1/certificates/"+f.issue(string(kind)).Identifier+"/revoke", "", `{"kind":"`+string(kind)+`"}`).into(t, http.StatusOK, &struct{}{})
	}
}

func TestReplaceOverHTTP(t *testing.T) {
	f := start(t)
	old := f.issue("k1")
	path := "/v1/certificates/" + old.Identifier + "/replace"
	f.post(asPolice, path, "", licence(t, "k2")).problem(t, 400, "idempotency-key-missing")
	var out issued
	a := f.post(asPolice, path, "r", licence(t, "k2"))
	a.into(t, http.StatusCreated, &out)
	require.Equal(t, old.Identifier, out.Replaces)
	require.Equal(t, "/v1/certificates/"+out.Identifier, a.Header.Get("Location"))
	again := f.post(asPolice, path, "r", licence(t, "k2"))
	require.Equal(t, string(a.body), string(again.body))
	f.post(asPolice, path, "r2", licence(t, "k3")).problem(t, 409, "replaced-already")
	f.post(asMarket, path, "r3", licence(t, "k3")).problem(t, 404, "certificate-unknown")
	var cert struct {
		State      string
		ReplacedBy string `json:"replaced_by"`
	}
	f.get(asPolice, "/v1/certificates/"+old.Identifier).into(t, http.StatusOK, &cert)
	require.Equal(t, "lapsed", cert.State)
	require.Equal(t, out.Identifier, cert.ReplacedBy)
}

func TestLiveOverHTTP(t *testing.T) {
	f := start(t)
	path := "/v1/certificates/" + f.issue("k1").Identifier + "/live"
	put := func(as, body string) answer {
		return f.do(as, http.MethodPut, path, strings.NewReader(body), "Content-Type", "application/json")
	}
	var got struct {
		Live map[string]any
		AsOf string `json:"as_of"`
	}
	put(asPolice, `{"points":3,"licence_state":"A"}`).into(t, http.StatusOK, &got)
	require.EqualValues(t, 3, got.Live["points"])
	require.NotEmpty(t, got.AsOf)
	require.Equal(t, "/points", put(asPolice, `{"points":"3","licence_state":"A"}`).problem(t, 422, "field-type").Errors[0].Pointer)
	put(asPolice, `{"points":3,"licence_state":"A","name":"x"}`).problem(t, 422, "field-unknown")
	put(asPolice, `[]`).problem(t, 422, "row-malformed")
	put(asMarket, `{"points":3,"licence_state":"A"}`).problem(t, 404, "certificate-unknown")
	var cert struct{ Live map[string]any }
	f.get(asPolice, strings.TrimSuffix(path, "/live")).into(t, http.StatusOK, &cert)
	require.EqualValues(t, 3, cert.Live["points"])
}
