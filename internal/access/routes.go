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

const formType = "application/x-www-form-urlencoded"

// Routes are the token endpoint, its metadata (RFC 8414) and the keys of its tokens.
func (s *Service) Routes() []httpd.Route {
	return []httpd.Route{
		{Method: http.MethodPost, Path: tokenPath, Public: true, Class: httpd.ClassToken, MaxBody: 32 << 10, Handler: s.token},
		{Method: http.MethodGet, Path: "/.well-known/oauth-authorization-server", Public: true, CORS: true, Class: httpd.ClassRead, Handler: s.metadata},
		{Method: http.MethodGet, Path: "/.well-known/jwks.json", Public: true, CORS: true, Class: httpd.ClassRead, Handler: s.jwks},
	}
}

// token answers in OAuth's own form, not as problem+json: OAuth libraries expect RFC 6749 §5.2.
// Parameters count in the body only (§2.3.1): what stands in an address ends up in logs.
func (s *Service) token(c *gin.Context) (any, error) {
	body, err := httpd.Body(c, formType)
	if p := (*httpd.Problem)(nil); errors.As(err, &p) && p.Code == httpd.CodeUnsupportedMediaType {
		return s.oauthError(refuse(ErrRequest, CodeRequestMalformed, "want a form of type "+formType))
	}
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return s.oauthError(refuse(ErrRequest, CodeRequestMalformed, "the body is not a form"))
	}
	granted, err := s.GrantTo(c, form, Peer{Address: httpd.AddressKey(c), Certificate: s.cfg.Certificate(c.Request)})
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return s.oauthError(refusal)
	}
	if err != nil {
		return nil, err
	}
	return granted, nil
}

// oauthError is RFC 6749 §5.2, with our code beside it and the page that explains the code.
func (s *Service) oauthError(r *Refusal) (any, error) {
	if r.Code == CodeRateLimited { // nothing in OAuth says "later"
		return nil, &httpd.Problem{Code: r.Code, RetryAfter: r.RetryAfter}
	}
	body, err := json.Marshal(map[string]string{
		"error": r.Kind.Error(), "error_description": description(r.Error()), "code": r.Code, "error_uri": s.cfg.Issuer + "/problems/" + r.Code,
	})
	if err != nil {
		return nil, err
	}
	status := http.StatusBadRequest
	if errors.Is(r, ErrClient) {
		status = http.StatusUnauthorized
	}
	return httpd.Raw{Status: status, ContentType: "application/json", Body: body}, nil
}

// description keeps to the characters that RFC 6749 §5.2 allows, and to a length.
func description(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), 200)]
}

func (s *Service) metadata(*gin.Context) (any, error) {
	m := map[string]any{
		"issuer": s.cfg.Issuer, "token_endpoint": s.cfg.Issuer + tokenPath, "jwks_uri": s.cfg.Issuer + "/.well-known/jwks.json",
		"grant_types_supported":                            []string{"client_credentials"},
		"token_endpoint_auth_methods_supported":            []string{methodAssertion},
		"token_endpoint_auth_signing_alg_values_supported": []string{"SGD_SM3_SM2", "ES256"},
		"response_types_supported":                         []string{},
	}
	if s.cfg.MutualTLS != "" { // RFC 8705 §3.3 and §5
		m["token_endpoint_auth_methods_supported"] = []string{methodAssertion, methodCertificate}
		m["tls_client_certificate_bound_access_tokens"] = true
		m["mtls_endpoint_aliases"] = map[string]string{"token_endpoint": s.cfg.MutualTLS + tokenPath}
	}
	return m, nil
}

// jwks lists the keys of access tokens in the form of docs/profile-sm.md, for whoever stands in
// front of this server and wants to look into tokens. The roles here check them in process.
func (s *Service) jwks(*gin.Context) (any, error) {
	keys, err := s.cfg.Keys.Public()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		return nil, err
	}
	return httpd.Raw{ContentType: "application/jwk-set+json", Body: body, ETag: httpd.ETag(body), CacheControl: "public, max-age=60"}, nil
}
