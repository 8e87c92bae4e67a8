// Command showcard issues, holds, shows and checks electronic certificates. One binary plays
// every part: `showcard demo` all of them in one process, `showcard serve` the server, and the
// other subcommands are the tools of departments, checkers and operators.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "development"

// commands is the whole surface of the binary. Each command's Run gets the env.
type commands struct {
	Demo          demoCommand          `cmd:"" help:"Start everything in one process with fictitious people, and try it out."`
	Serve         serveCommand         `cmd:"" help:"Start the server with a configuration file."`
	Push          pushCommand          `cmd:"" help:"Push a file of certificates (NDJSON, one a line), with progress; pushing again is safe."`
	Revoke        revokeCommand        `cmd:"" help:"Suspend, reinstate or end a certificate."`
	Verify        verifyCommand        `cmd:"" help:"Check a code, a picture of one, or a certificate in a file."`
	Bundle        bundleCommand        `cmd:"" help:"Fetch what a counter needs to check offline codes without a network."`
	Inspect       inspectCommand       `cmd:"" help:"Take anything of showcard's apart and explain it: code, certificate, token, list, key, identifier, row."`
	Keygen        keygenCommand        `cmd:"" help:"Make a key, in a file or in a keystore."`
	Bench         benchCommand         `cmd:"" help:"Measure against plain code that does the same."`
	Freeze        freezeCommand        `cmd:"" help:"Freeze a type, a key, an authority, a region or everything; with a second operator's approval."`
	Roots         rootsCommand         `cmd:"" help:"Make, sign and show trust roots, offline."`
	Rotate        rotateCommand        `cmd:"" help:"Make the next key of the deployment and register it, while the server runs."`
	Backup        backupCommand        `cmd:"" help:"Copy the record of a deployment to a file, while it runs; the keystore to another."`
	Restore       restoreCommand       `cmd:"" help:"Put a backup into an empty data folder, so that nothing is given out twice."`
	Restored      restoredCommand      `cmd:"" help:"Make a PostgreSQL database that was put back fit to go on."`
	Signer        signerCommand        `cmd:"" help:"Hold the private keys of a deployment in a process of its own, behind a unix socket."`
	Vault         vaultCommand         `cmd:"" help:"Rotate the keys that data lies under, seal it anew."`
	Token         tokenCommand         `cmd:"" help:"Get an access token for curl."`
	Conformance   conformanceCommand   `cmd:"" help:"Try a deployment out from the outside, against what the formats and standards say."`
	Audit         auditCommand         `cmd:"" help:"Prove that the audit log is what it was."`
	Witness       witnessCommand       `cmd:"" help:"Follow an audit log from elsewhere, and cosign what continues what it was."`
	BenchTarget   benchTargetCommand   `cmd:"" hidden:"" help:"The server that bench measures."`
	BenchPlain    benchPlainCommand    `cmd:"" hidden:"" help:"What it is compared with."`
	BenchVerifier benchVerifierCommand `cmd:"" hidden:"" help:"The verifier in another process."`
	Version       versionCommand       `cmd:"" help:"Print the version."`
}

// env is what a command works with besides its flags. Tests give their own.
type env struct {
	ctx    context.Context //nolint:containedctx // kong hands Run one value, and this is it
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// coded is an error with a stable code of testdata/problems.json, so that scripts can tell
// errors apart and people get the sentence and the next action in both languages.
type coded struct {
	code string
	err  error
}

func (e *coded) Error() string { return e.code + ": " + e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// errSilent ends a command with a failure that it has already told.
var errSilent = errors.New("already told")

type versionCommand struct{}

func (versionCommand) Run(e *env) error {
	_, err := fmt.Fprintln(e.stdout, "showcard", version)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(&env{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is main without the process. Exit codes: 0 done, 1 it failed or the answer is no,
// 2 the command line or the configuration is wrong.
func run(e *env, args []string) int {
	slog.SetDefault(slog.New(slog.NewTextHandler(e.stderr, nil)))
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("showcard"), kong.Description("Electronic certificates, shown by a code and checked in a blink (SM2/SM3)."),
		kong.Writers(e.stdout, e.stderr), kong.Exit(func(code int) { exited = code }), kong.UsageOnError(), kong.Bind(e))
	if err != nil {
		fmt.Fprintln(e.stderr, "showcard:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	args = slices.Clone(args)
	for i, a := range args { // as Go's own tools spell it; -c onfig is what it would mean here
		if a == "-config" || strings.HasPrefix(a, "-config=") {
			args[i] = "-" + a
		}
	}
	ctx, err := parser.Parse(args)
	if exited >= 0 { // --help was answered
		return exited
	}
	if err != nil {
		fmt.Fprintln(e.stderr, "showcard:", err)
		return 2
	}
	var status exitStatus
	switch err := ctx.Run(); {
	case errors.As(err, &status):
		return int(status)
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case errors.Is(err, errConfig):
		fmt.Fprintln(e.stderr, "showcard:", err)
		return 2
	default:
		tell(e.stderr, err)
		return 1
	}
}
