package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"

	"github.com/showcard/showcard/bench"
	"github.com/showcard/showcard/crypto/key"
)

// peak sends the eight-o'clock load to a deployment.
func (c *benchCommand) peak(e *env) ([]bench.Metric, error) {
	credentials, err := c.peakCredentials(e)
	if err != nil {
		return nil, err
	}
	return bench.Peak(e.ctx, bench.PeakConfig{URL: c.Against, Credentials: credentials, Rate: c.Rate, For: c.For})
}

// peakCredentials are those of the file, or the people and checkers of a demo.
func (c *benchCommand) peakCredentials(e *env) (bench.Credentials, error) {
	var out bench.Credentials
	if c.Credentials != "" {
		text, err := os.ReadFile(c.Credentials)
		if err != nil {
			return out, err
		}
		return out, json.Unmarshal(text, &out)
	}
	text, err := os.ReadFile(filepath.Join(c.Data, "demo.json"))
	if err != nil {
		return out, err
	}
	var d demoDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return out, err
	}
	for _, p := range d.People {
		for _, h := range p.Holdings {
			if h.Type != benchType {
				continue
			}
			token, _, err := signIn(e.ctx, c.Against, p.Login, nil)
			if err != nil {
				return out, err
			}
			out.People = append(out.People, bench.PeakPerson{Token: token, Identifier: h.Identifier, View: "identity"})
		}
	}
	caller, err := d.caller(benchParty, "")
	if err != nil {
		return out, err
	}
	k, err := key.ReadFile(filepath.Join(c.Data, caller.KeyFile))
	if err != nil {
		return out, err
	}
	cl, err := newClientFor(c.Against, d.BaseURL, benchParty, k, &http.Client{})
	if err != nil {
		return out, err
	}
	granted, err := cl.token(e.ctx)
	if err != nil {
		return out, err
	}
	out.Checkers = []bench.PeakChecker{{Token: granted.AccessToken, Purpose: benchPurpose}}
	return out, nil
}
