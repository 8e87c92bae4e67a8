package monitor

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
)

// Scope lets operators and auditors look.
const Scope = "monitor"

// Routes are the routes of this room. Pages ask every two seconds.
func (m *Monitor) Routes() []httpd.Route {
	return []httpd.Route{{
		Method: http.MethodGet, Path: "/v1/monitor", Roles: []httpd.Role{httpd.RoleOperator, httpd.RoleAuditor}, Scope: Scope, Class: httpd.ClassRead,
		Handler: func(c *gin.Context) (any, error) { return m.Picture(c), nil },
	}}
}
