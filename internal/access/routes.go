package access

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
)

// Routes are the token endpoint and its metadata (RFC 8414).
func (s *Service) Routes() []httpd.Route {
	return []httpd.Route{
		{Method: http.MethodPost, Path: "/oauth/token", Public: true, Class: httpd.ClassSignIn, MaxBody: 32 << 10, Handler: s.token},
		{Method: http.MethodGet, Path: "/.well-known/oauth-authorization-server", Public: true, Class: httpd.ClassRead, Handler: s.metadata},
	}
}

// token answers in OAuth's own form, not as problem+json: OAuth libraries expect RFC 6749 §5.2.
// Parameters count in the body only (§2.3.1): what stands in an address ends up in logs.
func (s *Service) token(c *gin.Context) (any, error) {
	body, err := httpd.Body(c, "application/x-www-form-urlencoded")
	if err != nil {
		return oauthError(http.StatusBadRequest, ErrRequest, err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return oauthError(http.StatusBadRequest, ErrRequest, errors.New("the body is not a form"))
	}
	granted, err := s.Grant(c, form)
	switch {
	case err == nil:
		return granted, nil
	case errors.Is(err, ErrClient):
		return oauthError(http.StatusUnauthorized, ErrClient, err)
	}
	for _, known := range []error{ErrRequest, ErrGrantType, ErrScope} {
		if errors.Is(err, known) {
			return oauthError(http.StatusBadRequest, known, err)
		}
	}
	return nil, err
}

func oauthError(status int, kind, err error) (any, error) {
	body, marshalErr := json.Marshal(map[string]string{"error": kind.Error(), "error_description": description(err)})
	if marshalErr != nil {
		return nil, marshalErr
	}
	return httpd.Raw{Status: status, ContentType: "application/json", Body: body}, nil
}

// description keeps to the characters that RFC 6749 §5.2 allows, and to a length.
func description(err error) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return '?'
		}
		return r
	}, err.Error())
	return text[:min(len(text), 200)]
}

func (s *Service) metadata(*gin.Context) (any, error) {
	return map[string]any{
		"issuer": s.cfg.Issuer, "token_endpoint": s.cfg.Issuer + "/oauth/token",
		"grant_types_supported":                            []string{"client_credentials"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"SGD_SM3_SM2", "ES256"},
		"response_types_supported":                         []string{},
	}, nil
}
