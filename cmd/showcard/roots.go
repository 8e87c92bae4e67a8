package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/trustlist"
)

// rootsCommand works on files only: root keys lie in safes, and the machine that opens one should
// have no network.
type rootsCommand struct {
	Show rootsShowCommand `cmd:"" help:"Say what a root document holds and who has signed it."`
	Next rootsNextCommand `cmd:"" help:"Make the root document that follows one."`
	Sign rootsSignCommand `cmd:"" help:"Add a signature to a root document that somebody else made."`
}

type rootsShowCommand struct {
	File    string `arg:"" type:"existingfile" help:"Root document (JSON)."`
	Current string `placeholder:"FILE" type:"existingfile" help:"The root document in force: says whether FILE may follow it."`
}

type rootsNextCommand struct {
	Current     string        `required:"" placeholder:"FILE" type:"existingfile" help:"The root document in force."`
	Keys        []string      `placeholder:"FILE" type:"existingfile" help:"Root keys that sign now (private JWK). Others may sign later with \"roots sign\"."`
	Replace     int           `placeholder:"N" help:"Replace the Nth root key, counted from 1 as \"roots show\" does."`
	NewKey      string        `placeholder:"FILE" type:"existingfile" help:"The key that takes its place: a private JWK, which signs too, or a public one."`
	ListKey     string        `placeholder:"FILE" type:"existingfile" help:"Public JWK of the next key that signs trust lists, as \"showcard rotate trust-list\" prints it."`
	Overlap     time.Duration `default:"24h" help:"How long the list keys of before go on beside the next one."`
	DropListKey []string      `placeholder:"KID" help:"Freeze a list key: nothing that it ever signed counts any more."`
	Life        time.Duration `default:"87600h" help:"Until the new document expires."`
	Out         string        `required:"" placeholder:"FILE" help:"Where to write it. Nothing is ever overwritten."`
}

// Help is what --help prints below the flags.
func (rootsNextCommand) Help() string {
	return `Two of three root keys, say, sign the document that follows. Of the keys in force a threshold must sign,
who hand over, and of the new ones, who prove that they exist; one signature counts for both.

  showcard roots next --current roots.json --keys root-1.jwk --replace 3 --new-key root-4.jwk --out roots-2.json
  showcard roots sign roots-2.json --keys root-2.jwk          # in the other safe
  showcard roots show roots-2.json --current roots.json       # may it follow?

Then: PUT /v1/registry/roots, or put it into the data folder as roots-2.json and restart.`
}

type rootsSignCommand struct {
	File string   `arg:"" type:"existingfile" help:"Root document to sign; it is replaced."`
	Keys []string `required:"" placeholder:"FILE" type:"existingfile" help:"Root keys (private JWK)."`
}

// Run makes the next root document.
func (c *rootsNextCommand) Run(e *env) error {
	data, err := os.ReadFile(c.Current)
	if err != nil {
		return err
	}
	current, err := trustlist.ParseRoots(data)
	if err != nil {
		return rootsProblem(fmt.Errorf("%s: %w", c.Current, err))
	}
	signers, err := readRootKeys(c.Keys)
	if err != nil {
		return err
	}
	now := time.Now().Truncate(time.Second)
	next := *current
	next.Version, next.IssuedAt, next.Expires = current.Version+1, now, now.Add(c.Life)
	next.Keys, next.Signers = slices.Clone(current.Keys), slices.Clone(current.Signers)
	if (c.Replace == 0) != (c.NewKey == "") {
		return fmt.Errorf("%w: --replace and --new-key go together", errConfig)
	}
	if c.Replace != 0 {
		if c.Replace < 1 || c.Replace > len(next.Keys) {
			return fmt.Errorf("%w: --replace: there are %d root keys", errConfig, len(next.Keys))
		}
		public, private, err := readEither(c.NewKey)
		if err != nil {
			return err
		}
		next.Keys[c.Replace-1] = public
		if private != nil {
			signers = append(signers, private)
		}
	}
	if err := c.listKeys(&next, now); err != nil {
		return err
	}
	if len(signers) == 0 {
		return fmt.Errorf("%w: --keys: at least one root key signs", errConfig)
	}
	if err := belong(signers, current, &next); err != nil {
		return err
	}
	doc, err := next.Sign(signers...)
	if err != nil {
		return rootsProblem(err)
	}
	if err := writeNew(c.Out, append(doc, '\n')); err != nil {
		return err
	}
	return sayNext(e.stdout, current, doc, now)
}

// listKeys adds the next key that signs lists, ends the others and freezes what is dropped.
func (c *rootsNextCommand) listKeys(next *trustlist.Roots, now time.Time) error {
	for _, kid := range c.DropListKey {
		at := slices.IndexFunc(next.Signers, func(d trustlist.DatedKey) bool { return d.Key.ID() == kid })
		if at < 0 {
			return fmt.Errorf("%w: --drop-list-key: no list key %q", errConfig, kid)
		}
		next.Signers[at].Frozen = true
	}
	if c.ListKey == "" {
		return nil
	}
	public, _, err := readEither(c.ListKey)
	if err != nil {
		return err
	}
	for i := range next.Signers {
		if end := now.Add(c.Overlap); next.Signers[i].NotAfter.IsZero() || next.Signers[i].NotAfter.After(end) {
			next.Signers[i].NotAfter = end
		}
	}
	next.Signers = append(next.Signers, trustlist.DatedKey{Key: public, NotBefore: now})
	return nil
}

// belong refuses keys that are of neither set: a signature by the wrong file would be counted by
// nobody, and somebody would walk away thinking that it had been.
func belong(signers []key.Signer, sets ...*trustlist.Roots) error {
	for _, s := range signers {
		if !slices.ContainsFunc(sets, func(r *trustlist.Roots) bool {
			return slices.ContainsFunc(r.Keys, func(k *key.Public) bool { return k.Equal(s.Public()) && k.ID() == s.Public().ID() })
		}) {
			return fmt.Errorf("%w: key %s is no root key of this document", errConfig, s.Public().ID())
		}
	}
	return nil
}

// Run adds signatures.
func (c *rootsSignCommand) Run(e *env) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	signers, err := readRootKeys(c.Keys)
	if err != nil {
		return err
	}
	signed, err := trustlist.SignedBy(data)
	if err != nil {
		return rootsProblem(fmt.Errorf("%s: %w", c.File, err))
	}
	for _, s := range signers {
		if slices.Contains(signed.Signatures, s.Public().ID()) {
			return fmt.Errorf("%w: key %s has signed it already", errConfig, s.Public().ID())
		}
	}
	doc, err := trustlist.Cosign(data, signers...)
	if err != nil {
		return rootsProblem(err)
	}
	if err := writeFile(c.File, append(doc, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "已签名 signed: %s, %d 个签名 signatures\n", c.File, len(signed.Signatures)+len(signers))
	return nil
}

// Run tells what a document holds.
func (c *rootsShowCommand) Run(e *env) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	doc, err := trustlist.SignedBy(data)
	if err != nil {
		return rootsProblem(fmt.Errorf("%s: %w", c.File, err))
	}
	r, w := doc.Roots, e.stdout
	fmt.Fprintf(w, "信任根 roots %d, %s … %s, %d / %d\n", r.Version, r.IssuedAt.Format(time.RFC3339), r.Expires.Format(time.RFC3339), r.Threshold, len(r.Keys))
	for i, k := range r.Keys {
		mark := "未签 not signed"
		if slices.Contains(doc.Signatures, k.ID()) {
			mark = "已签 signed"
		}
		fmt.Fprintf(w, "  %d  %s  %s  %s\n", i+1, k.Algorithm(), k.ID(), mark)
	}
	for _, d := range r.Signers {
		until := "…"
		if !d.NotAfter.IsZero() {
			until = d.NotAfter.Format(time.RFC3339)
		}
		frozen := ""
		if d.Frozen {
			frozen = "  已冻结 frozen"
		}
		fmt.Fprintf(w, "  清单密钥 list key  %s  %s … %s%s\n", d.Key.ID(), d.NotBefore.Format(time.RFC3339), until, frozen)
	}
	if c.Current == "" {
		return nil
	}
	before, err := os.ReadFile(c.Current)
	if err != nil {
		return err
	}
	current, err := trustlist.ParseRoots(before)
	if err != nil {
		return rootsProblem(fmt.Errorf("%s: %w", c.Current, err))
	}
	if _, err := current.Next(data, time.Now()); err != nil {
		return rootsProblem(err)
	}
	fmt.Fprintf(w, "可以接替 may follow roots %d\n", current.Version)
	return nil
}

// sayNext tells what is still missing.
func sayNext(w io.Writer, current *trustlist.Roots, doc []byte, now time.Time) error {
	_, err := current.Next(doc, now)
	switch {
	case err == nil:
		fmt.Fprintf(w, "信任根 roots %d: 签名已足够 it has the signatures that it needs\n", current.Version+1)
	case errors.Is(err, trustlist.ErrThreshold):
		fmt.Fprintf(w, "信任根 roots %d: 签名不足，请其他保管人补签 signatures are missing, have other keepers sign: %v\n", current.Version+1, err)
	default:
		return rootsProblem(err)
	}
	return nil
}

// rootsProblem gives what is wrong with a document its code.
func rootsProblem(err error) error {
	for sentinel, code := range map[error]string{
		trustlist.ErrThreshold: "roots-too-few-signatures", trustlist.ErrRolledBack: "roots-rolled-back", trustlist.ErrGap: "roots-gap",
		trustlist.ErrMalformed: "roots-invalid", trustlist.ErrSignature: "roots-invalid", trustlist.ErrFuture: "roots-invalid",
	} {
		if errors.Is(err, sentinel) {
			return &coded{code: code, err: err}
		}
	}
	return err
}

func readRootKeys(files []string) ([]key.Signer, error) {
	signers := make([]key.Signer, 0, len(files))
	for _, name := range files {
		k, err := key.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		signers = append(signers, k)
	}
	return signers, nil
}

// readEither reads a private or a public JWK.
func readEither(name string) (*key.Public, key.Signer, error) {
	if k, err := key.ReadFile(name); err == nil {
		return k.Public(), k, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	public, err := key.ParseJWK(data, false)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: neither a private key file (mode 0600) nor a public JWK: %w", name, err)
	}
	return public, nil, nil
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // signed, and public
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; root documents are never overwritten", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
