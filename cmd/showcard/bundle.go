package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

type bundleCommand struct {
	File string `arg:"" help:"Where what the checker knows is kept. Made the first time, brought up to date afterwards."`
	connection
	Roots    string `placeholder:"FILE" help:"Pinned trust roots. Default DATA/roots.json."`
	Statuses bool   `help:"Take the status lists along as well, for certificates that are presented whole. Codes do not need them."`
}

// Help is what --help prints below the flags.
func (bundleCommand) Help() string {
	return `What a counter takes along to where there is no network: trust list and revoked codes, signed together. Run it
while there is one, every few minutes if you like: it fetches what is new. With the file,
"showcard verify SC2… --bundle FILE" needs no network.

Examples:
  showcard bundle counter.bundle --data ./showcard-data --client changsha-service-hall
  showcard verify SC2… --bundle counter.bundle --data ./showcard-data --scene service-hall`
}

// Run fetches.
func (c bundleCommand) Run(e *env) error {
	b, err := keepBundles(verifyCommand{connection: c.connection, Roots: c.Roots}, c.Statuses)
	if err != nil {
		return err
	}
	damage := b.Load(c.File)
	if damage != nil && !verifier.Damaged(damage) {
		return bundleError(damage)
	}
	before := b.AsOf()
	if err := b.Renew(e.ctx); err != nil {
		return bundleError(err)
	}
	if damage != nil { // it may be something else that a slip of the fingers named
		aside := c.File + ".damaged"
		if err := os.Rename(c.File, aside); err != nil {
			return err
		}
		fmt.Fprintf(e.stderr, "离线核验包已损坏，已重新获取 the bundle was damaged (%s) and is fetched anew; the old file is %s\n", verifier.BundleCode(damage), aside)
	}
	if err := b.Save(c.File); err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	since := ""
	if !before.IsZero() {
		since = ", before " + before.In(beijing()).Format(time.DateTime)
	}
	fmt.Fprintf(e.stdout, "离线核验包已更新 bundle as of %s%s; %d bytes in %s\n", b.AsOf().In(beijing()).Format(time.DateTime), since, info.Size(), c.File)
	return nil
}

func bundleError(err error) error {
	if code := verifier.BundleCode(err); code != "" {
		return &coded{code: code, err: err}
	}
	return err
}

// keepBundles makes the keeper for the deployment that the flags name.
func keepBundles(v verifyCommand, statuses bool) (*verifier.Bundles, error) {
	roots, base, err := v.anchors()
	if err != nil {
		return nil, err
	}
	h, err := v.http()
	if err != nil {
		return nil, err
	}
	return verifier.KeepBundles(verifier.BundleConfig{Base: base, Roots: roots, Client: h, Statuses: statuses, Token: func(ctx context.Context) (string, error) {
		client, err := v.resolve("verify")
		if err != nil {
			return "", err
		}
		granted, err := client.token(ctx)
		return granted.AccessToken, err
	}})
}

// offline checks an offline code with nothing but a bundle.
func (v verifyCommand) offline(ctx context.Context, code string) (*answer, error) {
	if _, err := os.Stat(v.Bundle); err != nil {
		return nil, err
	}
	b, err := keepBundles(v, false)
	if err != nil {
		return nil, err
	}
	if err := b.Load(v.Bundle); err != nil {
		return nil, bundleError(err)
	}
	types, err := schemas.Embedded()
	if err != nil {
		return nil, err
	}
	checker, err := verifier.NewOfflineChecker(verifier.OfflineConfig{Trust: b, Revoked: b, Types: types, Scenes: v.Scene})
	if err != nil {
		return nil, err
	}
	return answerOf(checker.Check(ctx, code, verifier.Asked{}), nil)
}

// bundle explains what a checker takes along.
func (n *inspector) bundle(data []byte) (*finding, error) {
	u, err := bundle.Parse(data)
	if err != nil {
		return nil, err
	}
	f := found("bundle", "离线核验包：信任清单、已撤销的离线码和状态清单，一起签名。", "A bundle for offline checkers: trust list, revoked codes and status lists, signed together.")
	f.add("issuer", "%s", u.Issuer())
	f.add("as of", "%s", n.when(u.IssuedAt()))
	f.add("kid", "%s", u.KeyID)
	s := u.Contents()
	since := func(from uint64) string {
		if from == 0 {
			return "whole"
		}
		return fmt.Sprintf("what is new since number %d", from)
	}
	f.add("revoked codes", "%d; %s, up to number %d", len(s.Serials.Revoked), since(s.Serials.From), s.Serials.Head)
	for _, name := range s.Names() {
		l := s.Lists[name]
		f.add("status list "+name, "%s, up to number %d of %d entries: %d VALID again, %d INVALID, %d SUSPENDED", since(l.From), l.Seq, l.Size, len(l.Sets[0]), len(l.Sets[1]), len(l.Sets[2]))
	}
	f.note("未验证签名。", notVerified)
	if t := u.Trust(); t != nil {
		f.add("trust roots", "%d behind the checker's own", len(t.Roots))
		list, err := n.jws(t.List)
		if err != nil {
			return nil, errors.Join(bundle.ErrMalformed, err)
		}
		f.Parts = append(f.Parts, list)
	}
	return f, nil
}
