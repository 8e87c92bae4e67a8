package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/showcard/showcard/registry"
)

// freezeCommand is what operators type when something is wrong: nobody composes HTTP requests then.
type freezeCommand struct {
	Propose freezeProposeCommand `cmd:"" help:"Ask for a freeze (or with --thaw for its end); a second operator approves it."`
	Approve freezeApproveCommand `cmd:"" help:"Approve what another operator proposed."`
	Reject  freezeRejectCommand  `cmd:"" help:"Reject a proposal, or withdraw one's own."`
	List    freezeListCommand    `cmd:"" help:"What is frozen, and what waits for approval."`
}

type freezeProposeCommand struct {
	connection
	Kind   string `arg:"" enum:"type,authority,authority-key,provider,provider-key,status-key,service-key,party,client,region,all" help:"${enum}."`
	ID     string `arg:"" optional:"" help:"Which one: an id, of a region six digits such as 430000, of a status-key or service-key the code of its domain; none for all."`
	KeyID  string `name:"kid" placeholder:"KID" help:"Key id, for the four key kinds."`
	Urgent bool   `help:"Bite now; lifted by itself when nobody approves within the hour."`
	Thaw   bool   `help:"Let it go on."`
	Reason string `required:"" help:"Why; for whoever approves, and for the history."`
	JSON   bool   `name:"json" help:"Print the answer as JSON."`
}

// Help is what --help prints below the flags.
func (freezeProposeCommand) Help() string {
	return `Bites at once: party and client (they stop one caller), and whatever is --urgent. Everything else waits
up to 24 hours for another operator.

  showcard freeze propose region 430000 --urgent --reason "forged seals in circulation"
  showcard freeze approve 4kqz… --client demo-operator-2 --reason "confirmed by telephone"
  showcard freeze propose region 430000 --thaw --reason "seals withdrawn"`
}

type freezeApproveCommand struct {
	freezeDecision
}

type freezeRejectCommand struct {
	freezeDecision
}

type freezeDecision struct {
	connection
	ID     string `arg:"" help:"Id of the proposal, as \"freeze list\" prints it."`
	Reason string `required:"" help:"Why; kept in the history."`
	JSON   bool   `name:"json" help:"Print the answer as JSON."`
}

type freezeListCommand struct {
	connection
	All  bool `help:"Also what was decided in the last 30 days."`
	JSON bool `name:"json" help:"Print the answer as JSON."`
}

// Run proposes.
func (f *freezeProposeCommand) Run(e *env) error {
	if f.Kind == "all" {
		f.ID = "all"
	}
	if f.ID == "" {
		return fmt.Errorf("%w: which %s?", errConfig, f.Kind)
	}
	body := map[string]any{"kind": f.Kind, "id": f.ID, "frozen": !f.Thaw, "reason": f.Reason}
	if f.KeyID != "" {
		body["key"] = f.KeyID
	}
	if f.Urgent {
		body["urgent"] = true
	}
	return f.connection.decide(e, "/v1/registry/freezes", body, f.JSON)
}

// Run approves.
func (f *freezeApproveCommand) Run(e *env) error { return f.decided(e, "approve") }

// Run rejects.
func (f *freezeRejectCommand) Run(e *env) error { return f.decided(e, "reject") }

func (f *freezeDecision) decided(e *env, verb string) error {
	return f.connection.decide(e, "/v1/registry/freezes/"+url.PathEscape(f.ID)+"/"+verb, map[string]any{"reason": f.Reason}, f.JSON)
}

func (c connection) decide(e *env, path string, body any, raw bool) error {
	cl, err := c.operator()
	if err != nil {
		return err
	}
	var p registry.Proposal
	var answer json.RawMessage
	if err := cl.call(e.ctx, http.MethodPost, path, body, "", &answer); err != nil {
		return err
	}
	if raw {
		_, err := fmt.Fprintf(e.stdout, "%s\n", answer)
		return err
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		return malformed("proposal: %w", err)
	}
	_, err = fmt.Fprintln(e.stdout, line(p))
	return err
}

// operator is the client of an operator: in a demo the first one, when none is named.
func (c connection) operator() (*client, error) {
	if c.Client == "" && c.Key == "" {
		c.Client = "demo-operator"
	}
	return c.resolve("registry")
}

// line tells a proposal on one line.
func line(p registry.Proposal) string {
	var s strings.Builder
	words := map[registry.ProposalState]string{
		registry.ProposalOpen: "待批准 open", registry.ProposalApproved: "已批准 approved", registry.ProposalRejected: "已驳回 rejected",
		registry.ProposalLapsed: "已失效 lapsed", registry.ProposalApplied: "已生效 in force",
	}
	if p.ID != "" {
		s.WriteString(p.ID + "  ")
	}
	s.WriteString(words[p.State] + "  " + p.What)
	if p.Freeze != nil {
		s.WriteString(" " + p.Freeze.Kind)
	}
	s.WriteString(" " + p.Target)
	if p.Freeze != nil && p.Freeze.Key != "" {
		s.WriteString(" " + p.Freeze.Key)
	}
	if p.State == registry.ProposalOpen {
		if p.Urgent {
			s.WriteString("  紧急，已生效 urgent, bites already")
		}
		s.WriteString("  至 until " + p.Expires.Local().Format(time.DateTime))
	}
	fmt.Fprintf(&s, "  %s: %s", p.By, p.Why)
	return s.String()
}

// Run lists.
func (f *freezeListCommand) Run(e *env) error {
	cl, err := f.connection.operator()
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := cl.call(e.ctx, http.MethodGet, "/v1/registry/freezes", nil, "", &answer); err != nil {
		return err
	}
	if f.JSON {
		_, err := fmt.Fprintf(e.stdout, "%s\n", answer)
		return err
	}
	var all struct {
		Freezes []registry.Proposal
		Stopped struct {
			Regions []string
			All     bool
		}
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return malformed("freezes: %w", err)
	}
	if all.Stopped.All {
		fmt.Fprintln(e.stdout, "全部已冻结 everything is frozen")
	}
	for _, region := range all.Stopped.Regions {
		fmt.Fprintln(e.stdout, "地区已冻结 frozen region", region)
	}
	for _, p := range all.Freezes {
		if f.All || p.State == registry.ProposalOpen {
			fmt.Fprintln(e.stdout, line(p))
		}
	}
	return nil
}
