package httpd

import (
	"mime"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// Negotiate picks the media type that the caller's Accept header likes best among the offers, which
// are listed in our order of preference. Without the header it is the first. The answer should then
// carry Vary: Accept.
func Negotiate(c *gin.Context, offers ...string) (string, error) {
	header := strings.Join(c.Request.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return offers[0], nil
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(header, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	if best == "" {
		return "", &Problem{Code: CodeNotAcceptable, Detail: "can be had as " + strings.Join(offers, ", ")}
	}
	return best, nil
}

// quality is the weight of the most particular range that covers the offer, RFC 9110 §12.5.1.
func quality(header, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	weight, rank := 0.0, 0
	for part := range strings.SplitSeq(header, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		r := 0
		switch name {
		case offer:
			r = 3
		case kind + "/*":
			r = 2
		case "*/*":
			r = 1
		}
		if r <= rank {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		weight, rank = q, r
	}
	return weight
}
