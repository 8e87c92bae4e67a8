package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/internal/strictjson"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/verifier"
)

// filedValues is what a checker filed beside a receipt: the answer to its check as it came, or
// these members of it.
type filedValues struct {
	Receipt    string                     `json:"receipt"`
	Openings   receipt.Openings           `json:"openings"`
	Identifier string                     `json:"identifier"`
	Claims     map[string]json.RawMessage `json:"claims"`
	Live       map[string]json.RawMessage `json:"live"`
}

func parseValues(data []byte) (filedValues, error) {
	var v filedValues
	if err := strictjson.Check(data, 64); err != nil {
		return v, &coded{code: "input-unrecognised", err: fmt.Errorf("values: %w", err)}
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, &coded{code: "input-unrecognised", err: fmt.Errorf("values: %w", err)}
	}
	if v.Claims == nil {
		v.Claims = map[string]json.RawMessage{}
	}
	for name, raw := range v.Live {
		v.Claims[name] = raw
	}
	if v.Identifier == "" {
		_ = json.Unmarshal(v.Claims[schemas.IdentifierClaim], &v.Identifier)
	}
	return v, nil
}

// asReceipt says whether a text is a receipt, or a filed answer with one in it.
func asReceipt(text string) (jws string, filed *filedValues, ok bool) {
	if strings.HasPrefix(text, "{") {
		v, err := parseValues([]byte(text))
		if err != nil || v.Receipt == "" {
			return "", nil, false
		}
		return v.Receipt, &v, true
	}
	if strings.Count(text, ".") != 2 || strings.Contains(text, "~") {
		return "", nil, false
	}
	header, _, err := peek(text)
	return text, nil, err == nil && textOf(header, "typ") == receipt.Type
}

// receiptReport is what came of checking a receipt.
type receiptReport struct {
	Genuine bool             `json:"genuine"`
	Code    string           `json:"code,omitempty"` // why not
	Receipt *receipt.Receipt `json:"receipt,omitempty"`
	KeyID   string           `json:"kid,omitempty"`
	// Digest is what the deployment's audit log has of it since the check.
	Digest string        `json:"digest,omitempty"`
	List   *listReport   `json:"trust_list,omitempty"`
	Values []valueReport `json:"values,omitempty"`

	err error
}

// listReport is the list that a receipt was checked against.
type listReport struct {
	Version  int64     `json:"version"`
	IssuedAt time.Time `json:"issued_at"`
	Expired  bool      `json:"expired"`
}

type valueReport struct {
	Name  string        `json:"name"` // empty: the identifier of the certificate
	Match receipt.Match `json:"match"`
}

// checkReceipt checks a receipt here, with the trust list alone, and tells what it says.
func (v verifyCommand) checkReceipt(e *env, text string, filed *filedValues) error {
	if v.Values != "" {
		data, err := os.ReadFile(v.Values)
		if err != nil {
			return err
		}
		one, err := parseValues(data)
		if err != nil {
			return err
		}
		filed = &one
	}
	now := time.Now()
	list, expired, err := v.listForReceipt(e.ctx, now)
	if err != nil {
		return err
	}
	report := receiptReport{List: &listReport{Version: list.Version, IssuedAt: list.IssuedAt, Expired: expired}}
	u, err := receipt.Parse(text)
	if err == nil {
		report.Receipt, report.KeyID = &u.Receipt, u.KeyID
		if _, err = u.Verify(list, now); err == nil {
			report.Digest = u.Receipt.Digest()
		}
	}
	report.Genuine, report.err = err == nil, err
	if err != nil {
		report.Code = receiptCode(err)
	}
	if filed != nil && report.Genuine {
		for _, c := range u.Receipt.Compare(filed.Identifier, filed.Claims, filed.Openings) {
			report.Values = append(report.Values, valueReport(c))
		}
	}
	if v.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.print(e.stdout)
	}
	if err != nil {
		return err
	}
	if !report.Genuine {
		return errSilent
	}
	for _, c := range report.Values {
		if c.Match == receipt.Differs || c.Match == receipt.Foreign {
			return errSilent
		}
	}
	return nil
}

// listForReceipt reads the trust list from a file that was saved, however long ago, or fetches
// today's.
func (v verifyCommand) listForReceipt(ctx context.Context, now time.Time) (l *trustlist.List, expired bool, err error) {
	if v.TrustList == "" {
		roots, base, err := v.anchors()
		if err != nil {
			return nil, false, err
		}
		h, err := v.http()
		if err != nil {
			return nil, false, err
		}
		trust, err := verifier.FetchTrust(base, roots, h)
		if err != nil {
			return nil, false, err
		}
		l, err = trust.Current(ctx)
		return l, false, err
	}
	file := v.Roots
	if file == "" {
		file = filepath.Join(v.folder(), rootsFile)
	}
	pinned, err := os.ReadFile(file)
	if err != nil {
		return nil, false, err
	}
	roots, err := trustlist.ParseRoots(pinned)
	if err != nil {
		return nil, false, &coded{code: "trust-list-invalid", err: err}
	}
	text, err := os.ReadFile(v.TrustList)
	if err != nil {
		return nil, false, err
	}
	if l, err = roots.Archived(strings.TrimSpace(string(text))); err != nil {
		return nil, false, &coded{code: "trust-list-invalid", err: err}
	}
	return l, l.Fresh(now) != nil || //nolint:nilerr // a stale list is an answer here, not a failure
		!now.Before(roots.Expires), nil
}

// receiptCode gives the stable code of a receipt that does not hold.
func receiptCode(err error) string {
	switch {
	case errors.Is(err, trustlist.ErrKeyFrozen):
		return "receipt-key-frozen"
	case errors.Is(err, trustlist.ErrKeyDates):
		return "key-out-of-dates"
	case errors.Is(err, trustlist.ErrKeyUnknown):
		return "key-unknown"
	case errors.Is(err, trustlist.ErrDomainUnknown):
		return "receipt-of-stranger"
	}
	return "receipt-invalid"
}

func (r receiptReport) print(out io.Writer) error {
	var w bytes.Buffer
	rule := strings.Repeat("=", 44)
	word := "✔  回执属实   GENUINE RECEIPT"
	if !r.Genuine {
		word = "✘  回执不成立   NOT A GENUINE RECEIPT"
	}
	fmt.Fprintf(&w, "%s\n\n   %s\n\n%s\n", rule, word, rule)
	if !r.Genuine {
		all, err := loadSentences()
		if err != nil {
			return err
		}
		s := all[r.Code]
		fmt.Fprintf(&w, "%s %s [%s]\n  → %s %s\n  [%s]\n", s.Title.ZH, s.Title.EN, r.Code, s.Next.ZH, s.Next.EN, clean(r.err.Error()))
	}
	if r.Receipt != nil {
		if !r.Genuine {
			fmt.Fprintln(&w, "\n以下内容未经证实。 What it says below is not proven:")
		}
		describeReceipt(&w, r.Receipt)
	}
	list := r.List
	fmt.Fprintf(&w, "\n依据信任清单 checked against trust list %d, %s\n", list.Version, since("of", &list.IssuedAt))
	if list.Expired {
		fmt.Fprintln(&w, "  ! 该清单已过期：此后冻结的密钥不在其中。 The list has expired: it does not say what was frozen after it was made.")
	}
	if len(r.Values) > 0 {
		fmt.Fprintln(&w, "\n所存内容与回执比对 filed values against the receipt:")
		t := receiptType(r.Receipt)
		for _, v := range r.Values {
			words := map[receipt.Match]string{
				receipt.Matches: "✔ 一致 matches", receipt.Differs: "✘ 不一致 DIFFERS", receipt.NoSalt: "? 缺少盐值，无法比对 no salt, cannot be known",
				receipt.NoValue: "- 未提供 no value given", receipt.Foreign: "✘ 回执中没有此项 NOT IN THE RECEIPT",
			}[v.Match]
			label := labelOf(t, v.Name)
			if v.Name == "" {
				label = labelOf(t, schemas.IdentifierClaim)
			}
			fmt.Fprintf(&w, "  %s %s: %s\n", label.ZH, label.EN, words)
		}
	}
	_, err := out.Write(w.Bytes())
	return err
}

func receiptType(r *receipt.Receipt) *schemas.Type {
	types, err := schemas.Embedded()
	if err != nil {
		return nil
	}
	t, err := types.Type(r.CertType)
	if err != nil {
		return nil // of another deployment: names as they are
	}
	return t
}

// describeReceipt tells what a receipt says.
func describeReceipt(w io.Writer, r *receipt.Receipt) {
	at := func(seconds int64) string {
		if seconds == 0 {
			return ""
		}
		t := time.Unix(seconds, 0)
		return since("", &t)
	}
	line := func(zh, en, text string) {
		if text = strings.TrimSpace(text); text != "" {
			fmt.Fprintf(w, "  %s %s: %s\n", zh, en, clean(text))
		}
	}
	fmt.Fprintln(w, "\n回执内容 the receipt says:")
	line("核验", "check", r.ID+", "+at(r.CheckedAt))
	line("核验方", "checked by", r.Party.Name.ZH+" "+r.Party.Name.EN+" ("+r.Party.ID+", "+r.Client+")")
	line("用途", "purpose", r.Purpose)
	line("方式", "by", r.Via)
	line("结果", "outcome", r.Outcome+" "+strings.Join(r.Reasons, ", "))
	if t := receiptType(r); t != nil {
		line("证照", "certificate", t.Name.ZH+" "+t.Name.EN)
	} else {
		line("证照", "certificate", r.CertType)
	}
	if a := r.Authority; a != nil {
		line("签发机关", "issued by", a.Code+" "+a.Issuer)
	}
	if s := r.Status; s != nil {
		line("状态", "status", s.State+" "+at(s.AsOf)+" "+s.Source)
	}
	if p := r.Person; p != nil {
		line("本人", "person", p.State+" "+p.Method+" "+at(p.At))
	}
	line("持有", "bound to", r.Holder)
	if c := r.Consent; c != nil {
		line("另行询问", "also asked", strings.Join(c.Asked, ", ")+": "+c.Answer)
	}
	t := receiptType(r)
	names := make([]string, 0, len(r.Fields))
	for _, f := range r.Fields {
		label := labelOf(t, f.Name)
		name := strings.TrimSpace(label.ZH + " " + label.EN)
		if f.Matches != nil {
			name += map[bool]string{true: " = 相符 yes", false: " = 不符 no"}[*f.Matches]
		}
		names = append(names, name)
	}
	line("披露项", "fields", strings.Join(names, ", "))
	line("签名时间", "signed", at(r.SignedAt))
	line("出具方", "by deployment", r.Issuer)
	fmt.Fprintln(w, "  回执不含任何证照内容，只含加盐摘要。 It holds no value of the certificate, only salted digests.")
}
