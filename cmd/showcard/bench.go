package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/showcard/showcard/bench"
)

type benchCommand struct {
	JSON    bool     `name:"json" help:"Print JSON."`
	Quick   bool     `help:"Measure for less than five minutes."`
	SVG     string   `name:"svg" placeholder:"FILE" help:"Draw the overload curve."`
	Profile string   `placeholder:"DIR" type:"existingdir" help:"Write CPU profiles of the servers that are measured."`
	Only    []string `placeholder:"PART" help:"Measure only these parts: sm2, api, …"`

	Against     string        `placeholder:"URL" help:"Instead, send the peak of eight o'clock to a deployment: see bench/peak."`
	Credentials string        `placeholder:"FILE" type:"existingfile" help:"Of the people and checkers of --against."`
	Data        string        `placeholder:"DIR" default:"showcard-data" help:"Or the folder of a demo."`
	Rate        float64       `default:"4" help:"New shows a second, of --against."`
	For         time.Duration `default:"1m" help:"How long, of --against."`
	Billion     bool          `help:"Only load 10^9 statuses into a Redis of its own, start a verifier from it and revoke a million: a GB of memory, less than a minute."`
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
	if c.Against != "" {
		metrics, err := c.peak(e)
		if err != nil {
			return err
		}
		return c.print(e, bench.Report{At: time.Now().UTC().Truncate(time.Second), Machine: bench.ThisMachine(), Metrics: metrics})
	}
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
	return c.print(e, report)
}

func (c *benchCommand) print(e *env, report bench.Report) error {
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
