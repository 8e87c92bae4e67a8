package verifierhttp

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/verifier"
)

// maxSettle bounds the body of a settlement: codes have up to 1,451 characters.
const maxSettle = 1 << 20

// settlement is the body of POST /v1/verifications/offline. Each row is read by itself, so that a
// malformed one does not keep the others waiting.
type settlement struct {
	Checks []json.RawMessage `json:"checks" required:"true"`
}

// settled answers it, in the order of the checks. Fewer answers than checks: the rest is to be pushed
// again, not before retry_after seconds.
type settled struct {
	Checks     []verifier.SettledCheck `json:"checks"`
	RetryAfter int                     `json:"retry_after,omitempty"`
}

// settle takes checks that were made offline. It is in the class of pushes, which yields to scans.
func (a *API) settle(c *gin.Context) (any, error) {
	var body settlement
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if n := len(body.Checks); n < 1 || n > verifier.MaxSettled {
		return nil, httpd.Invalid("/checks", fmt.Sprintf("has 1 to %d checks", verifier.MaxSettled))
	}
	reports := make([]*verifier.OfflineReport, len(body.Checks))
	for i, raw := range body.Checks {
		reports[i] = verifier.ReadReport(raw)
	}
	done, wait, err := a.service.Settle(c, caller(c), reports)
	if err != nil {
		return nil, tooMany(err)
	}
	return settled{Checks: done, RetryAfter: int(math.Ceil(float64(wait) / float64(time.Second)))}, nil
}
