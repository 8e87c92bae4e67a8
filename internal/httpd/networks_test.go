package httpd_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// Who may read /metrics; the caller of these tests is 127.0.0.1.
func TestMetricsReaders(t *testing.T) {
	for _, tt := range []struct {
		name    string
		metrics []string
		proxies []string
		headers []string
		code    string // empty: 200
	}{
		{"this machine", nil, nil, nil, ""},
		{"public", []string{"public"}, nil, []string{"X-Forwarded-For", "192.0.2.1"}, ""},
		{"a range", []string{"10.0.0.0/8", "127.0.0.0/8"}, nil, nil, ""},
		{"an address", []string{"127.0.0.1"}, nil, nil, ""},
		{"another address", []string{"192.0.2.1"}, nil, nil, "address-refused"},
		{"another range", []string{"2001:db8::/32"}, nil, nil, "address-refused"},
		{"forwarded by a proxy that nobody trusts", nil, nil, []string{"X-Forwarded-For", "127.0.0.1"}, "address-refused"},
		{"forwarded, the standard way", nil, nil, []string{"Forwarded", "for=192.0.2.1"}, "address-refused"},
		{"forwarded for an address that may", []string{"192.0.2.1"}, []string{"127.0.0.1"}, []string{"X-Forwarded-For", "192.0.2.1"}, ""},
		{"forwarded for one that may not", []string{"192.0.2.1"}, []string{"127.0.0.1"}, []string{"X-Forwarded-For", "192.0.2.2"}, "address-refused"},
		{"forwarded for nobody", nil, []string{"127.0.0.1"}, []string{"Via", "1.1 proxy"}, "address-refused"},
		{"operators, an operator", []string{"operators"}, nil, []string{"Authorization", "Bearer operator:op-1:x"}, ""},
		{"operators, an auditor", []string{"operators"}, nil, []string{"Authorization", "Bearer auditor:a-1:x"}, ""},
		{"operators, nobody", []string{"operators"}, nil, nil, "unauthenticated"},
		{"operators, a checker", []string{"operators"}, nil, []string{"Authorization", "Bearer relying-party:r-1:x"}, "forbidden-role"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, httpd.Config{Metrics: tt.metrics, TrustedProxies: tt.proxies}, nil)
			got := f.get("/metrics", tt.headers...)
			if tt.code == "" {
				require.Equal(t, http.StatusOK, got.StatusCode, string(got.body))
				return
			}
			got.problem(t, got.StatusCode, tt.code)
		})
	}
	for _, bad := range [][]string{{"everybody"}, {"public", "operators"}, {"127.0.0.1/33"}, {""}} {
		_, err := httpd.New(httpd.Config{Metrics: bad})
		require.Error(t, err, bad)
	}
}

// A route may be for some networks only and ask for a token besides.
func TestRouteNetworks(t *testing.T) {
	route := httpd.Route{Method: http.MethodGet, Path: "/inside", Roles: []httpd.Role{httpd.RoleOperator}, Handler: ok, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	f := start(t, httpd.Config{TrustedProxies: []string{"127.0.0.1"}}, nil, route)
	operator := []string{"Authorization", "Bearer operator:op-1:x"}
	f.get("/inside", operator...).problem(t, http.StatusForbidden, "address-refused")
	f.get("/inside", "X-Forwarded-For", "192.0.2.9").problem(t, http.StatusUnauthorized, "unauthenticated")
	require.Equal(t, http.StatusOK, f.get("/inside", append(operator, "X-Forwarded-For", "192.0.2.9")...).StatusCode)
}
