package issuerhttp

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/httpd"
)

const (
	metadataAge = time.Minute // a key that is frozen or rotated must not linger
	typeAge     = 5 * time.Minute
)

// statusList serves a Token Status List as JWT, or as CWT to those who ask for it (§8.1).
func (a *API) statusList(c *gin.Context) (any, error) {
	if c.Query("time") != "" { // §8.4: whoever offers no history says so
		return nil, &httpd.Problem{Code: "status-history-unsupported"}
	}
	form, err := httpd.Negotiate(c, statuslist.MediaTypeJWT, statuslist.MediaTypeCWT)
	if err != nil {
		return nil, err
	}
	get := a.issuer.StatusListJWT
	if form == statuslist.MediaTypeCWT {
		get = a.issuer.StatusListCWT
	}
	list, err := get(c, c.Param("list"))
	if err != nil {
		return nil, err
	}
	return httpd.Raw{ContentType: list.MediaType, Body: list.Body, ETag: httpd.ETag(list.Body), CacheControl: public(list.TTL),
		Header: http.Header{"Vary": {"Accept"}}}, nil
}

// metadata serves the keys of an authority (SD-JWT VC, "JWT VC Issuer Metadata").
func (a *API) metadata(c *gin.Context) (any, error) {
	body, err := a.issuer.Metadata(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return document(body, metadataAge), nil
}

// typeMetadata serves the description of a certificate type at its vct.
func (a *API) typeMetadata(c *gin.Context) (any, error) {
	version, err := strconv.Atoi(c.Param("version"))
	if err != nil || strconv.Itoa(version) != c.Param("version") { // one address per thing
		return nil, &httpd.Problem{Code: httpd.CodeNotFound}
	}
	body, err := a.issuer.TypeMetadata(c.Param("id"), version)
	if err != nil {
		return nil, &httpd.Problem{Code: httpd.CodeNotFound, Cause: err}
	}
	return document(body, typeAge), nil
}

func document(body []byte, age time.Duration) httpd.Raw {
	return httpd.Raw{ContentType: "application/json", Body: body, ETag: httpd.ETag(body), CacheControl: public(age)}
}

func public(age time.Duration) string {
	return fmt.Sprintf("public, max-age=%d", int(math.Floor(age.Seconds())))
}
