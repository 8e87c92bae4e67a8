package registryhttp

import (
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/registry"
)

const (
	usualDays = 30
	maxDays   = 366
)

// self tells a client what it is and what it may.
func (a *API) self(c *gin.Context) (any, error) { return a.registry.Self(caller(c)) }

// partyUsage tells what a party did with its registration.
func (a *API) partyUsage(c *gin.Context) (any, error) { return a.usageOf(c, c.Param("id")) }

// ownUsage tells a party the same of itself.
func (a *API) ownUsage(c *gin.Context) (any, error) {
	who, _ := httpd.CallerFrom(c)
	return a.usageOf(c, who.Party)
}

func (a *API) usageOf(c *gin.Context, party string) (any, error) {
	days, err := number(c, "days", usualDays, maxDays)
	if err != nil {
		return nil, err
	}
	if _, err := a.registry.Party(party); err != nil {
		return nil, err
	}
	now := time.Now().In(registry.China())
	from := time.Date(now.Year(), now.Month(), now.Day()-int(days)+1, 0, 0, 0, 0, now.Location())
	rows, err := a.usage.PartyUsage(c, party, from)
	if err != nil {
		return nil, err
	}
	return registry.Summarise(party, from.Format(time.DateOnly), rows), nil
}

// history tells who changed what, from a revision on. The next page begins behind the last one.
func (a *API) history(c *gin.Context) (any, error) {
	from, err := number(c, "from", 1, 1<<53)
	if err != nil {
		return nil, err
	}
	limit, err := number(c, "limit", 100, 200)
	if err != nil {
		return nil, err
	}
	past, err := a.registry.History(c, from, int(limit))
	if err != nil {
		return nil, err
	}
	return struct {
		Revisions []registry.Past `json:"revisions"`
	}{past}, nil
}

// number reads a whole number from 1 of the query.
func number(c *gin.Context, name string, usual, most int64) (int64, error) {
	text, given := c.GetQuery(name)
	if !given {
		return usual, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, httpd.Invalid("", name+" is a number from 1 to "+strconv.FormatInt(most, 10))
	}
	return n, nil
}
