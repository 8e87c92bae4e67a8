package verifierhttp

import (
	"errors"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/verifier"
)

// mostWait is how many seconds a request may wait for a holder's answer; longest leaves it time
// for the check itself.
const (
	mostWait = 60
	longest  = (mostWait + 20) * time.Second
)

// pending answers while the holder is asked: ask again at Location until expires_at.
type pending struct {
	ID        string    `json:"id"`
	State     string    `json:"state"` // pending
	ExpiresAt time.Time `json:"expires_at"`
	Asked     []string  `json:"asked"`
}

// await answers GET /v1/verifications/{id}?wait=20: the answer of a check whose holder was asked,
// waiting so many seconds for it.
func (a *API) await(c *gin.Context) (any, error) {
	wait := 0
	if text := c.Query("wait"); text != "" {
		var err error
		if wait, err = strconv.Atoi(text); err != nil || wait < 0 || wait > mostWait {
			return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "wait is a number of seconds from 0 to 60"}
		}
	}
	return a.wait(c, c.Param("id"), wait)
}

func (a *API) wait(c *gin.Context, id string, seconds int) (any, error) {
	over, stop := httpd.Patience(c, time.Duration(seconds)*time.Second)
	defer stop()
	got, err := a.service.Await(c, caller(c), id, over)
	var asked *verifier.PendingError
	if errors.As(err, &asked) {
		return httpd.Accepted{
			Location: "/v1/verifications/" + id, RetryAfter: time.Second,
			Body: pending{ID: asked.ID, State: "pending", ExpiresAt: asked.Expires, Asked: asked.Asked},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	a.answered(got.Outcome)
	return a.wire(got), nil
}
