package wallethttp

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

func (a *API) consentRoutes(route func(method, path string, class httpd.Class, h httpd.Handler) httpd.Route) []httpd.Route {
	events := route(http.MethodGet, "/v1/wallet/events", httpd.ClassEvents, a.events)
	events.Streaming = true
	return []httpd.Route{
		events,
		route(http.MethodGet, "/v1/wallet/asks", httpd.ClassRenew, a.asks),
		route(http.MethodPost, "/v1/wallet/asks/:id", httpd.ClassWrite, a.answer),
		route(http.MethodGet, "/v1/wallet/consents", httpd.ClassRead, a.consents),
		route(http.MethodPost, "/v1/wallet/consents/withdraw", httpd.ClassWrite, a.withdraw),
		route(http.MethodGet, "/v1/wallet/withdrawals", httpd.ClassRead, a.withdrawals),
		route(http.MethodDelete, "/v1/wallet/withdrawals/:id", httpd.ClassWrite, a.lift),
	}
}

// ask is what a checker asks of the person, while she can answer.
type ask struct {
	ID         string       `json:"id"`
	Show       string       `json:"show"`
	Identifier string       `json:"identifier"`
	Type       string       `json:"type"`
	Party      string       `json:"party"`
	PartyName  schemas.Text `json:"party_name"`
	Purpose    string       `json:"purpose"`
	Shown      []string     `json:"shown"`
	Asked      []string     `json:"asked"`
	At         time.Time    `json:"at"`
	ExpiresAt  time.Time    `json:"expires_at"`
	Left       float64      `json:"left"` // seconds: her clock may be wrong
}

func wireAsk(a wallet.Ask) ask {
	return ask{
		ID: a.ID, Show: a.ShowID, Identifier: a.Identifier, Type: a.Type, Party: a.Party, PartyName: a.PartyName, Purpose: a.Purpose,
		Shown: list(a.Shown), Asked: a.Asked, At: a.At, ExpiresAt: a.Expires, Left: max(0, time.Until(a.Expires).Seconds()),
	}
}

func wireAsks(all []wallet.Ask) []ask {
	out := make([]ask, len(all))
	for i, one := range all {
		out[i] = wireAsk(one)
	}
	return out
}

// list is never null on the wire.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func (a *API) asks(c *gin.Context) (any, error) {
	all, err := a.wallet.OpenAsks(c, person(c))
	if err != nil {
		return nil, err
	}
	return struct {
		Asks []ask `json:"asks"`
	}{wireAsks(all)}, nil
}

type answerRequest struct {
	Answer string `json:"answer" required:"true"` // yes or no
}

func (a *API) answer(c *gin.Context) (any, error) {
	var body answerRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	if body.Answer != wallet.AnswerYes && body.Answer != wallet.AnswerNo {
		return nil, httpd.Invalid("/answer", "must be yes or no")
	}
	return httpd.NoContent{}, a.wallet.Answer(c, person(c), c.Param("id"), body.Answer == wallet.AnswerYes)
}

// receipt is the person's record of a consent: who asked for what, why and when, what she said,
// and what came of it, in pieces that a page can write in Chinese and in English.
type receipt struct {
	ID           string         `json:"id"`
	At           time.Time      `json:"at"`
	ExpiresAt    time.Time      `json:"expires_at"`
	Mine         bool           `json:"mine"` // she was asked; another acted for the company otherwise
	Identifier   string         `json:"identifier"`
	Type         string         `json:"type"`
	TypeName     schemas.Text   `json:"type_name"`
	Party        string         `json:"party"`
	PartyName    schemas.Text   `json:"party_name"`
	Purpose      string         `json:"purpose"`
	Shown        []receiptField `json:"shown"`
	Asked        []receiptField `json:"asked"`
	Answer       string         `json:"answer"` // empty while she can answer
	AnswerText   schemas.Text   `json:"answer_text"`
	AnsweredAt   *time.Time     `json:"answered_at,omitempty"`
	Verification string         `json:"verification,omitempty"` // empty: nothing was disclosed
}

type receiptField struct {
	Field string       `json:"field"`
	Label schemas.Text `json:"label"`
}

func answerText(answer string) schemas.Text {
	switch answer {
	case wallet.AnswerYes:
		return schemas.Text{ZH: "您同意了。", EN: "You agreed."}
	case wallet.AnswerNo:
		return schemas.Text{ZH: "您没有同意，只出示了您原先选择的内容。", EN: "You did not agree; only what you had chosen was shown."}
	case wallet.AnswerLapsed:
		return schemas.Text{ZH: "您没有在时限内回答，视为不同意。", EN: "You did not answer in time; that counts as no."}
	case wallet.AnswerRefused:
		return schemas.Text{ZH: "您已撤回同意，系统自动答复不同意。", EN: "You have withdrawn your consent, so the answer was no by itself."}
	case wallet.AnswerClosed:
		return schemas.Text{ZH: "您在询问期间关闭了出示，没有提供任何内容。", EN: "You closed the show while you were asked; nothing was shown."}
	}
	return schemas.Text{ZH: "等待您的回答。", EN: "Waiting for your answer."}
}

func (a *API) consents(c *gin.Context) (any, error) {
	before, limit, err := page(c)
	if err != nil {
		return nil, err
	}
	me := person(c)
	all, err := a.wallet.Consents(c, me, before, limit)
	if err != nil {
		return nil, err
	}
	out := make([]receipt, len(all))
	for i, one := range all {
		name, label := a.wallet.Labels(one.Type)
		labels := func(names []string) []receiptField {
			fields := make([]receiptField, len(names))
			for i, f := range names {
				fields[i] = receiptField{f, label(f)}
			}
			return fields
		}
		out[i] = receipt{
			ID: one.ID, At: one.At, ExpiresAt: one.Expires, Mine: one.PersonID == me.HolderID, Identifier: one.Identifier, Type: one.Type, TypeName: name,
			Party: one.Party, PartyName: one.PartyName, Purpose: one.Purpose, Shown: labels(one.Shown), Asked: labels(one.Asked),
			Answer: one.Answer, AnswerText: answerText(one.Answer), Verification: one.Verification,
		}
		if !one.AnsweredAt.IsZero() {
			out[i].AnsweredAt = &one.AnsweredAt
		}
	}
	return struct {
		Consents []receipt `json:"consents"`
	}{out}, nil
}

// withdrawRequest names exactly one of party, certificate and all.
type withdrawRequest struct {
	Party       string `json:"party,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	All         bool   `json:"all,omitempty"`
	Block       bool   `json:"block,omitempty"` // with party: it gets nothing from codes either
}

type withdrawal struct {
	ID          string    `json:"id"`
	Party       string    `json:"party,omitempty"`
	Certificate string    `json:"certificate,omitempty"`
	All         bool      `json:"all,omitempty"`
	Block       bool      `json:"block,omitempty"`
	At          time.Time `json:"at"`
}

func wireWithdrawal(d wallet.Withdrawal) withdrawal {
	return withdrawal{d.ID, d.Party, d.Certificate, d.Party == "" && d.Certificate == "", d.Block, d.At}
}

// withdrawn says also what was closed at once.
type withdrawn struct {
	withdrawal
	Shows int `json:"closed_shows"`
	Asks  int `json:"closed_asks"`
}

func (a *API) withdraw(c *gin.Context) (any, error) {
	var body withdrawRequest
	if err := httpd.Decode(c, &body); err != nil {
		return nil, err
	}
	done, err := a.wallet.Withdraw(c, person(c), wallet.WithdrawRequest(body))
	if err != nil {
		return nil, err
	}
	return httpd.Created{Location: "/v1/wallet/withdrawals/" + done.ID, Body: withdrawn{wireWithdrawal(done.Withdrawal), done.Shows, done.Asks}}, nil
}

func (a *API) withdrawals(c *gin.Context) (any, error) {
	all, err := a.wallet.Withdrawals(c, person(c))
	if err != nil {
		return nil, err
	}
	out := make([]withdrawal, len(all))
	for i, d := range all {
		out[i] = wireWithdrawal(d)
	}
	return struct {
		Withdrawals []withdrawal `json:"withdrawals"`
	}{out}, nil
}

func (a *API) lift(c *gin.Context) (any, error) {
	return httpd.NoContent{}, a.wallet.Lift(c, person(c), c.Param("id"))
}
