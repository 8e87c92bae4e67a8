package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/showcard/showcard/bench"
)

type benchCommand struct {
	JSON    bool     `name:"json" help:"Print JSON."`
	Quick   bool     `help:"Measure for less than five minutes."`
	SVG     string   `name:"svg" placeholder:"FILE" help:"Draw the overload curve."`
	Profile string   `placeholder:"DIR" type:"existingdir" help:"Write CPU profiles of the servers that are measured."`
	Only    []string `placeholder:"PART" help:"Measure only these parts: sm2, api, …"`

	Billion bool `help:"Only load 10^9 statuses into a Redis of its own, start a verifier from it and revoke a million: a GB of memory, less than a minute."`
}

// benchVerifierCommand is the other process of bench.
type benchVerifierCommand struct {
	Redis string `arg:""`
}

func (c *benchVerifierCommand) Run(e *env) error { return bench.Verifier(e.ctx, c.Redis, e.stdout) }

// Help is what --help says below the flags.
func (benchCommand) Help() string {
	return `Measures showcard against plain code that does the same, in turn in one run, and prints the ratios
beside their goals. Absolute figures are this machine's; ratios hold elsewhere. Run it on an idle machine.`
}

func (c *benchCommand) Run(e *env) error {
	measure := bench.Run
	if c.Billion {
		measure = bench.Billion
	}
	var points []bench.Point
	report, err := measure(e.ctx, bench.Config{
		Curve: func(p []bench.Point) { points = p }, Quick: c.Quick, Only: c.Only, Profile: c.Profile,
	})
	if err != nil {
		return err
	}
	if c.SVG != "" && len(points) > 0 {
		if err := os.WriteFile(c.SVG, bench.Curve(points), 0o600); err != nil {
			return err
		}
	}
	if c.JSON {
		out := json.NewEncoder(e.stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(report)
	}
	m := report.Machine
	fmt.Fprintf(e.stdout, "%s, %d cores, %s/%s, %s, load %s\n\n", m.CPU, m.Cores, m.OS, m.Arch, m.Go, m.Load)
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "metric\tvalue\tgoal\t\tbaseline\tours")
	for _, one := range report.Metrics {
		mark := ""
		if one.Met != nil {
			mark = "missed"
			if *one.Met {
				mark = "reached"
			}
		}
		fmt.Fprintf(w, "%s\t%g %s\t%s\t%s\t%s\t%s\n", one.Name, one.Value, one.Unit, one.Goal, mark, one.Baseline, one.Ours)
	}
	return w.Flush()
}
