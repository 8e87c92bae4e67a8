package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/conformance"
)

type conformanceCommand struct {
	URL string `arg:"" name:"URL" optional:"" help:"Address of the deployment, such as https://cards.example.gov.cn. Default: --server, or the demo of --data."`
	connection
	Purpose string   `placeholder:"PURPOSE" help:"A purpose for which the relying party may look up --field of --type. Without it no look-up is tried."`
	Type    string   `default:"resident-id" help:"Type of certificate of the look-up."`
	Field   string   `default:"name" help:"Field of the look-up."`
	Roots   string   `placeholder:"FILE" help:"Pinned trust roots. Without them those that the deployment serves are taken: that proves that they fit, not whose they are."`
	List    []string `placeholder:"NAME" help:"Names of status lists (default 1, the first that a deployment makes)."`
	Only    []string `placeholder:"ID" help:"Run these checks only, and those that they stand on."`
	Checks  bool     `help:"List the checks and their clauses, and ask nobody."`
	JSON    bool     `name:"json" help:"Print the report as JSON."`
}

// Help is what --help prints below the flags.
func (conformanceCommand) Help() string {
	return `Tries a deployment out from the outside, against docs/formats.md and the standards that it names. Without credentials it
looks at what is public: trust roots and list, status lists in both forms, metadata, the table of problems, how requests are refused.
With --client and --key of a relying party it also asks for tokens, well and badly, and checks codes and presentations that are
wrong in one way each; with --purpose it looks up a certificate that does not exist.

It is bounded (250 requests, one after the other, two minutes) and harmless: nothing changes but what every check leaves behind, lines
in the audit log, records of checks that failed, challenges that end within minutes. docs/conformance.md has every check.

One line for each check: ok, failed, or not run, and why. Exit status: 0 nothing failed, 1 something did, 2 wrong use.

Examples:
  showcard conformance https://cards.example.gov.cn --roots roots.json
  showcard conformance https://cards.example.gov.cn --client bank-1 --key bank-1.jwk --purpose account-opening --json
  showcard conformance --data ./showcard-data --client demo-bank --purpose account-opening`
}

// conformanceTime bounds a run.
const conformanceTime = 2 * time.Minute

// Run tries a deployment out.
func (c conformanceCommand) Run(e *env) error {
	if c.Checks {
		return listChecks(e.stdout)
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	tester, err := conformance.New(cfg)
	if err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	ctx, cancel := context.WithTimeout(e.ctx, conformanceTime)
	defer cancel()
	report := tester.Run(ctx)
	if c.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = printReport(e.stdout, report)
	}
	if err != nil {
		return err
	}
	if report.Failed > 0 {
		return errSilent
	}
	return nil
}

func (c conformanceCommand) config() (conformance.Config, error) {
	cfg := conformance.Config{URL: c.URL, Lists: c.List, Only: c.Only, Purpose: c.Purpose, Type: c.Type, Field: c.Field}
	if c.Cert != "" {
		return cfg, fmt.Errorf("%w: --cert: conformance signs assertions; give --key", errConfig)
	}
	if cfg.URL == "" {
		cfg.URL = c.Server
	}
	id, keyFile := c.Client, c.Key
	if cfg.URL == "" || id != "" && keyFile == "" {
		d, err := c.demo()
		if err != nil {
			return cfg, fmt.Errorf("%w: give a URL, and --client with --key, or --data of a demo: %w", errConfig, err)
		}
		if cfg.URL == "" {
			cfg.URL = d.BaseURL
		}
		if id != "" && keyFile == "" {
			caller, err := d.caller(id, "verify")
			if err != nil {
				return cfg, err
			}
			if keyFile = caller.KeyFile; !filepath.IsAbs(keyFile) {
				keyFile = filepath.Join(c.folder(), keyFile)
			}
		}
	}
	if u, err := url.Parse(cfg.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return cfg, fmt.Errorf("%w: %s is no address of a deployment", errConfig, cfg.URL)
	} else if u.Scheme == "http" && !loopback(u.Hostname()) && id != "" {
		return cfg, fmt.Errorf("%w: %s: credentials are shown over https only", errConfig, cfg.URL)
	}
	if keyFile != "" {
		signer, err := key.ReadFile(keyFile)
		if err != nil {
			return cfg, fmt.Errorf("key of client %s: %w", id, err)
		}
		cfg.Client, cfg.Signer = id, signer
	}
	if c.Roots != "" {
		data, err := os.ReadFile(c.Roots)
		if err != nil {
			return cfg, err
		}
		cfg.Roots = data
	}
	var err error
	cfg.HTTP, err = c.http()
	return cfg, err
}

func printReport(w io.Writer, r conformance.Report) error {
	var b strings.Builder
	for _, f := range r.Findings {
		state := string(f.State)
		if f.State == conformance.NotRun {
			state = "not run"
		}
		fmt.Fprintf(&b, "%-7s  %-20s %s [%s]\n", state, f.ID, f.What, f.Clause)
		if f.Detail != "" {
			fmt.Fprintf(&b, "         %-20s %s\n", "", f.Detail)
		}
	}
	fmt.Fprintf(&b, "\n%s: %d ok, %d failed, %d not run; %d requests\n", r.URL, r.OK, r.Failed, r.NotRun, r.Requests)
	_, err := io.WriteString(w, b.String())
	return err
}

func listChecks(w io.Writer) error {
	var b strings.Builder
	for _, c := range conformance.Checks() {
		who := "public"
		if c.Party {
			who = "party"
		}
		fmt.Fprintf(&b, "%-20s %-6s  %s [%s]\n", c.ID, who, c.What, c.Clause)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
