package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// conclude prints how it ended.
func (p *push) conclude(s summary) error {
	if p.JSON {
		enc := json.NewEncoder(p.e.stdout)
		if err := enc.Encode(s); err != nil {
			return err
		}
	} else {
		p.tellSummary(s)
	}
	if s.Rejected > 0 {
		return errSilent
	}
	return nil
}

func (p *push) tellSummary(s summary) {
	w := p.e.stdout
	fmt.Fprintf(w, "共 %d 行：签发 %d，拒绝 %d，用时 %.1f 秒。 %d rows: %d stand, %d refused, in %.1f s.\n",
		s.Rows, s.Accepted, s.Rejected, s.Seconds, s.Rows, s.Accepted, s.Rejected, s.Seconds)
	fmt.Fprintln(w, "逐行结果 results:", s.Report)
	if s.Rejected == 0 {
		return
	}
	fmt.Fprintln(w, "被拒绝的行 refused rows:", s.Rejects)
	fmt.Fprintln(w, "为什么 why, line by line:", s.Why)
	all, err := loadSentences()
	if err != nil {
		all = nil // the codes alone, then
	}
	for _, code := range byCount(s.Codes) {
		e := all[code]
		fmt.Fprintf(w, "  %7d × %s  %s %s\n", s.Codes[code], code, e.Title.ZH, e.Title.EN)
		if e.Next.EN != "" {
			fmt.Fprintf(w, "            → %s %s\n", e.Next.ZH, e.Next.EN)
		}
	}
	again := filepath.Clean(s.Rejects)
	fmt.Fprintf(w, "改正后再推送 Mend and push again: showcard push %s%s …\n", quote(again), map[bool]string{true: " --replace"}[p.Replace])
}

// whole file or none: results are written beside and renamed at the end.
type replacing struct {
	*os.File
	path string
}

func replace(path string) (*replacing, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600: refused rows are personal data
	if err != nil {
		return nil, err
	}
	return &replacing{f, path}, nil
}

func (r *replacing) commit() error {
	err := errors.Join(r.Sync(), r.Close())
	if err == nil {
		err = os.Rename(r.Name(), r.path)
	}
	return err
}

// abandon after commit does nothing.
func (r *replacing) abandon() {
	_ = r.Close()
	_ = os.Remove(r.Name())
}
