package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/verifier"
)

type verifyCommand struct {
	What string `arg:"" name:"code|file|image" help:"A code as a scanner types it, a PNG, JPEG or GIF with a code in it, or a file with a certificate (SD-JWT VC) or a receipt. - reads standard input."`
	connection
	Purpose   string   `placeholder:"PURPOSE" help:"What the check is for, as registered for the client. A code cannot be checked without."`
	Compared  bool     `help:"Say that you have compared the person with the portrait."`
	Repeat    string   `placeholder:"KEY" help:"Idempotency-Key. The same key within 60 s gets the same answer, and the code is not counted as used twice."`
	Roots     string   `placeholder:"FILE" help:"Pinned trust roots, to check a file. Default DATA/roots.json."`
	Trust     string   `placeholder:"URL" help:"Address of the trust list, to check a file. Default: that of --server, or of the demo."`
	TrustList string   `placeholder:"FILE" help:"A saved trust list, to check a receipt without a network; it may have expired."`
	Values    string   `placeholder:"FILE" help:"What was filed beside a receipt: the answer with claims and openings (JSON). Says which values are those that were shown."`
	Nonce     string   `placeholder:"TEXT" help:"The challenge that a presentation in a file answers."`
	Aud       string   `placeholder:"ID" help:"The checker for whom a presentation in a file was made."`
	Bundle    string   `placeholder:"FILE" help:"Check an offline code (SC2) with nothing but what \"showcard bundle\" keeps in this file, without a network."`
	Scene     []string `placeholder:"SCENE" help:"With --bundle: scene that the code may be made out to, besides \"any\". May be repeated."`
	JSON      bool     `name:"json" help:"Print the answer as JSON."`
}

// Help is what --help prints below the flags.
func (verifyCommand) Help() string {
	return `A code, or a picture of one, is checked by the server, in the name of a registered checker (--client) and for a purpose
that is registered for it. Checking a code uses it up.

A certificate in a file is checked here, with the package verifier: signature, issuer, dates and status, against the
trust list, which must be signed as the pinned roots say. An original needs nothing else; a presentation (with a key
binding) needs the --nonce and --aud that it was made for.

An offline code (SC2) is checked here with --bundle: what "showcard bundle" fetched says whom to trust and what was
revoked, as of when it was fetched. A code that is shown twice within its minute is not found out this way.

A receipt (or a filed answer with one in it) is checked here as well, years later too: its signature, under a key that
the trust list gives to the deployment, in the dates of the key. --trust-list FILE does it without a network.

Exit status: 0 valid, 1 invalid, 3 indeterminate: something could not be known, or the check could not be made;
2 wrong use. Only 0 is a yes.

Examples:
  showcard verify SC1… --data ./showcard-data --client changsha-service-hall --purpose identity-check
  showcard verify photo.jpg --server https://cards.example.gov.cn --client bank-1 --key bank.jwk --purpose account-opening --json
  showcard verify original.txt --data ./showcard-data
  showcard verify shown.txt --roots roots.json --trust https://cards.example.gov.cn/v1/trust-list --nonce … --aud bank-1
  showcard verify SC2… --bundle counter.bundle --data ./showcard-data --scene bank
  showcard verify receipt.jws --trust-list trust-list-2026.jws --roots roots.json --values answer.json`
}

// exitStatus ends a command that has told everything with a status of its own.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

const statusIndeterminate exitStatus = 3

// Run checks.
func (v verifyCommand) Run(e *env) error {
	answer, err := v.check(e)
	if errors.Is(err, errSilent) || err == nil && answer == nil {
		return err // a receipt, which was told
	}
	switch {
	case errors.Is(err, errConfig):
		return err
	case err != nil:
		// 1 is a "no" about a certificate. That there is no answer is something else.
		tell(e.stderr, err)
		return statusIndeterminate
	}
	if v.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(answer.raw)
	} else {
		err = answer.print(e.stdout)
	}
	if err != nil {
		return err
	}
	switch answer.Outcome {
	case verifier.Valid:
		return nil
	case verifier.Invalid:
		return errSilent
	}
	return statusIndeterminate
}

func (v verifyCommand) check(e *env) (*answer, error) {
	data, err := v.read(e)
	if err != nil {
		return nil, err
	}
	if isImage(data) {
		if len(data) > qrimage.MaxImageBytes {
			return nil, qrimage.ErrImageTooLarge
		}
		return v.byServer(e.ctx, map[string]any{"image": base64.StdEncoding.EncodeToString(data)})
	}
	text := strings.TrimSpace(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if strings.Contains(text, "~") && !strings.HasPrefix(text, "{") {
		return v.here(e.ctx, text)
	}
	if jws, filed, ok := asReceipt(text); ok {
		return nil, v.checkReceipt(e, jws, filed)
	}
	code, err := qr.Parse(text)
	if v.Bundle != "" {
		if err == nil && code.Kind != qr.Offline {
			err = fmt.Errorf("%w: a ticket is checked by the server; --bundle is for offline codes", errConfig)
		}
		if err != nil {
			return nil, err
		}
		return v.offline(e.ctx, text)
	}
	if err != nil {
		if looksLikeCode(text) {
			return nil, err
		}
		return nil, &coded{code: "input-unrecognised", err: errors.New("neither a code, nor a picture, nor an SD-JWT VC, nor a file that is there; showcard inspect tells what it is")}
	}
	return v.byServer(e.ctx, map[string]any{"code": text})
}

// maxInput bounds what the tools read of a file or of standard input.
const maxInput = 8 << 20

// read takes the argument for a file when there is one, else for the thing itself.
func (v verifyCommand) read(e *env) ([]byte, error) { return readInput(e.stdin, v.What) }

func readInput(stdin io.Reader, what string) ([]byte, error) {
	in := stdin
	if what != "-" {
		f, err := os.Open(what)
		switch {
		case err == nil:
			defer f.Close()
			in = f
		case errors.Is(err, fs.ErrPermission):
			return nil, err
		default: // not there, or no name that a file could have
			return []byte(what), nil
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, &coded{code: "file-unreadable", err: fmt.Errorf("%s is a folder", what)}
		}
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, &coded{code: "file-unreadable", err: err}
	}
	if len(data) > maxInput {
		return nil, &coded{code: "input-unrecognised", err: fmt.Errorf("more than %d MiB", maxInput>>20)}
	}
	return data, nil
}

func isImage(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\x89PNG")) || bytes.HasPrefix(data, []byte("\xff\xd8\xff")) || bytes.HasPrefix(data, []byte("GIF8"))
}

// looksLikeCode says that somebody meant a code, so that its own error is the helpful one.
func looksLikeCode(text string) bool {
	upper := strings.ToUpper(text)
	return len(text) < 2048 && (strings.HasPrefix(upper, "SC1") || strings.HasPrefix(upper, "SC2") || strings.Contains(upper, "/S/SC1"))
}

// byServer asks POST /v1/verifications.
func (v verifyCommand) byServer(ctx context.Context, body map[string]any) (*answer, error) {
	c, err := v.resolve("verify")
	if err != nil {
		return nil, err
	}
	if v.Purpose == "" {
		return nil, fmt.Errorf("%w: --purpose: say what the check is for", errConfig)
	}
	body["purpose"] = v.Purpose
	if v.Compared {
		body["clerk_compared"] = true
	}
	repeat := v.Repeat
	if repeat == "" {
		repeat = rand.Text() // an answer that was lost on its way is asked for again, not used up
	}
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "/v1/verifications", body, repeat, &raw); err != nil {
		return nil, err
	}
	a := &answer{raw: raw}
	if err := json.Unmarshal(raw, a); err != nil {
		return nil, malformed("%w", err)
	}
	return a, a.complete()
}

// here checks an SD-JWT VC with the package verifier.
func (v verifyCommand) here(ctx context.Context, text string) (*answer, error) {
	bound := !strings.HasSuffix(text, "~")
	if bound != (v.Nonce != "") || bound != (v.Aud != "") {
		if bound {
			return nil, fmt.Errorf("%w: this is a presentation: give the --nonce and --aud that it was made for", errConfig)
		}
		return nil, fmt.Errorf("%w: --nonce and --aud are for presentations; this certificate has no key binding", errConfig)
	}
	roots, base, err := v.anchors()
	if err != nil {
		return nil, err
	}
	h, err := v.http()
	if err != nil {
		return nil, err
	}
	trust, err := verifier.FetchTrust(base, roots, h)
	if err != nil {
		return nil, err
	}
	one, err := verifier.New(verifier.Config{Trust: trust, Status: verifier.FetchStatus(h)})
	if err != nil {
		return nil, err
	}
	result := one.Verify(ctx, text, verifier.Expect{Audience: v.Aud, Nonce: v.Nonce, Unbound: !bound})
	return answerOf(result, trust.Err())
}

// answerOf is the answer of a check that was made here.
func answerOf(result *verifier.Result, why error) (*answer, error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	a := &answer{raw: raw, Result: result, why: why}
	for _, code := range result.Reasons {
		a.Reasons = append(a.Reasons, reason{Code: code})
	}
	return a, a.complete()
}

// anchors finds the pinned roots and the address of the trust list.
func (v verifyCommand) anchors() (roots []byte, base string, err error) {
	list := v.Trust
	if list == "" {
		list = v.Server
	}
	file := v.Roots
	if list == "" || file == "" {
		d, err := v.demo()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", fmt.Errorf("%w: give --roots FILE and --trust URL, or --data of a demo (there is no demo.json in %s)", errConfig, v.folder())
		}
		if err != nil {
			return nil, "", err
		}
		if list == "" {
			list = d.TrustListURL
		}
		if file == "" {
			file = filepath.Join(v.folder(), rootsFile)
		}
	}
	if roots, err = os.ReadFile(file); err != nil {
		return nil, "", err
	}
	return roots, strings.TrimSuffix(strings.TrimSuffix(list, "/"), "/v1/trust-list"), nil
}
