package issuerhttp_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/statuslist"
)

func TestStatusListForms(t *testing.T) {
	f := start(t)
	f.issue("k1")
	for accept, media := range map[string]string{
		"": statuslist.MediaTypeJWT, "*/*": statuslist.MediaTypeJWT, statuslist.MediaTypeJWT: statuslist.MediaTypeJWT,
		statuslist.MediaTypeCWT: statuslist.MediaTypeCWT,
		statuslist.MediaTypeJWT + ";q=0.5, " + statuslist.MediaTypeCWT: statuslist.MediaTypeCWT,
	} {
		a := f.get("", "/status/1", "Accept", accept)
		require.Equal(t, http.StatusOK, a.StatusCode, string(a.body))
		require.Equal(t, media, a.Header.Get("Content-Type"))
		require.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "public, max-age=30", a.Header.Get("Cache-Control"))
		require.Equal(t, "Accept", a.Header.Get("Vary"))
		parse := func(b []byte) (*statuslist.Unverified, error) { return statuslist.Parse(string(b)) }
		if media == statuslist.MediaTypeCWT {
			parse = statuslist.ParseCWT
		}
		u, err := parse(a.body)
		require.NoError(t, err)
		token, err := u.Verify(f.status.Public(), f.url+"/status/1", time.Now())
		require.NoError(t, err)
		require.EqualValues(t, 1<<20-256, token.List.Size())

		same := f.get("", "/status/1", "Accept", accept, "If-None-Match", a.Header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, same.StatusCode)
	}
	f.get("", "/status/1", "Accept", "text/html").problem(t, 406, "not-acceptable")
	f.get("", "/status/2").problem(t, 404, "not-found")
	f.get("", "/status/..").problem(t, 404, "not-found")
	f.get("", "/status/1?time=1700000000").problem(t, 501, "status-history-unsupported")
}

func TestPublicDocuments(t *testing.T) {
	f := start(t)
	a := f.get("", "/.well-known/jwt-vc-issuer/issuers/"+police)
	var doc struct {
		Issuer string
		JWKS   json.RawMessage `json:"jwks"`
	}
	a.into(t, http.StatusOK, &doc)
	require.Equal(t, f.url+"/issuers/"+police, doc.Issuer)
	set, err := key.ParseSet(doc.JWKS, false)
	require.NoError(t, err)
	require.True(t, f.authorities.all[police].Signer.Public().Equal(set.Keys[0]))
	require.Equal(t, http.StatusNotModified, f.get("", "/.well-known/jwt-vc-issuer/issuers/"+police, "If-None-Match", a.Header.Get("ETag")).StatusCode)
	f.get("", "/.well-known/jwt-vc-issuer/issuers/nobody").problem(t, 404, "issuer-unknown")
	f.authorities.freeze(police)
	f.get("", "/.well-known/jwt-vc-issuer/issuers/"+police).problem(t, 403, "issuer-frozen")

	a = f.get("", "/types/drivers-licence/1")
	var metadata struct{ VCT, Name string }
	a.into(t, http.StatusOK, &metadata)
	require.Equal(t, f.url+"/types/drivers-licence/1", metadata.VCT)
	require.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
	require.NotEmpty(t, a.Header.Get("ETag"))
	for _, path := range []string{"/types/drivers-licence/2", "/types/drivers-licence/01", "/types/drivers-licence/x", "/types/fishing/1"} {
		f.get("", path).problem(t, 404, "not-found")
	}
}
