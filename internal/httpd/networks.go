package httpd

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// readers are who may read a page of the operators.
type readers struct {
	public    bool
	operators bool
	networks  []netip.Prefix
}

func newReaders(list []string) (readers, error) {
	switch {
	case len(list) == 0:
		list = []string{"127.0.0.0/8", "::1"}
	case len(list) == 1 && list[0] == "public":
		return readers{public: true}, nil
	case len(list) == 1 && list[0] == "operators":
		return readers{operators: true}, nil
	}
	var r readers
	for _, text := range list {
		prefix, err := parseNetwork(text)
		if err != nil {
			return r, err
		}
		r.networks = append(r.networks, prefix)
	}
	return r, nil
}

// parseNetwork reads an address or a CIDR range.
func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return p, fmt.Errorf("%q is no range of addresses", text)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address", text)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// within says whether a request comes from one of the networks. A proxy that is not trusted must
// not lend its own address to whoever stands behind it: what it forwards is refused.
func within(c *gin.Context, networks []netip.Prefix) bool {
	client := c.ClientIP()
	if client == c.RemoteIP() {
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
			if c.GetHeader(name) != "" {
				return false
			}
		}
	}
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, one := range networks {
		if one.Contains(addr) {
			return true
		}
	}
	return false
}
