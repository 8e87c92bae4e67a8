package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/access"
)

var formAction = regexp.MustCompile(`<form method="post" action="([^"]+)">`)

// signIn goes the way of a browser, by cookies and redirects, through the identity provider of a
// demo, and returns the token of the session: what the browser would keep as a cookie.
func signIn(ctx context.Context, base, login string, transport http.RoundTripper) (token string, browser *http.Client, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", nil, err
	}
	browser = &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || len(via) > 10 {
			return malformed("sent elsewhere to sign in: %s is no demo", base)
		}
		return nil
	}}
	page, at, err := visit(ctx, browser, http.MethodGet, base+demoSignInPath+"?return_to=/v1/me", nil)
	if err != nil {
		return "", nil, err
	}
	form := formAction.FindStringSubmatch(page)
	if form == nil {
		return "", nil, malformed("the identity provider shows no form: is this a demo?")
	}
	action, err := at.Parse(html.UnescapeString(form[1]))
	if err != nil {
		return "", nil, malformed("the form of the identity provider: %w", err)
	}
	if _, _, err = visit(ctx, browser, http.MethodPost, action.String(), url.Values{"login": {login}}); err != nil {
		return "", nil, err
	}
	for _, c := range jar.Cookies(at) {
		if c.Name == access.SessionCookie {
			return c.Value, browser, nil
		}
	}
	return "", nil, malformed("signing in set no session")
}

// visit is what a browser does with an address or a form. It returns the page where that ended.
func visit(ctx context.Context, browser *http.Client, method, address string, form url.Values) (page string, at *url.URL, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	req.Header.Set("Accept", "application/json") // a problem as one, not as a page
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(req)
	var known *coded
	switch {
	case errors.As(err, &known):
		return "", nil, known
	case err != nil:
		return "", nil, &coded{code: "server-unreachable", err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnprocessableEntity {
		return "", nil, &coded{code: "sign-in-denied", err: errors.New("the demo has nobody by that login")}
	}
	if resp.StatusCode != http.StatusOK {
		return "", nil, (&client{now: time.Now}).refusal(resp)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return string(data), resp.Request.URL, err
}
