package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/httpd/problem"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/internal/qr/qrimage"
	"github.com/showcard/showcard/schemas"
)

// sentences are the words for codes.
type sentences map[string]problem.Entry

func loadSentences() (sentences, error) {
	table, err := problem.Embedded()
	if err != nil {
		return nil, err
	}
	all := sentences{}
	for _, e := range table.Entries() {
		all[e.Code] = e
	}
	return all, nil
}

// localCodes gives errors of our own rooms the code under which people find the sentence. The
// first match wins.
func localCodes() []struct {
	err  error
	code string
} {
	return []struct {
		err  error
		code string
	}{
		{key.ErrLocked, "keystore-wrong-passphrase"},
		{key.ErrDamaged, "keystore-damaged"},
		{key.ErrPermissions, "keystore-insecure-permissions"},
		{key.ErrNotFound, "keystore-key-unknown"},
		{qr.ErrTruncated, "code-truncated"},
		{qr.ErrTooLong, "code-too-long"},
		{qr.ErrCheckCharacter, "code-check-character"},
		{qr.ErrAlphabet, "code-alphabet"},
		{qr.ErrNotOurs, "code-not-ours"},
		{qrimage.ErrNoCode, "image-no-code"},
		{qrimage.ErrImageTooLarge, "image-too-large"},
		{qrimage.ErrImageFormat, "image-format"},
		{schemas.ErrIdentifierChecksum, schemas.CodeIdentifierChecksum},
		{schemas.ErrIdentifierFormat, schemas.CodeIdentifierFormat},
		{fs.ErrNotExist, "file-unreadable"},
		{fs.ErrPermission, "file-unreadable"},
	}
}

// codeOf finds the stable code of an error, or "".
func codeOf(err error) string {
	var c *coded
	if errors.As(err, &c) {
		return c.code
	}
	for _, row := range localCodes() {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return ""
}

// tell prints an error for people: what happened and what to do now, in Chinese and English,
// and below it the technical detail for whoever is asked for help. An error without a code is
// printed as it is.
func tell(w io.Writer, err error) {
	if errors.Is(err, errSilent) {
		return
	}
	code := codeOf(err)
	all, tableErr := loadSentences()
	entry, ok := all[code]
	if tableErr != nil || !ok {
		fmt.Fprintln(w, "showcard:", err)
		return
	}
	fmt.Fprintf(w, "showcard: %s %s\n", entry.Title.ZH, entry.Title.EN)
	fmt.Fprintf(w, "  → %s %s\n", entry.Next.ZH, entry.Next.EN)
	var a *answerError
	if errors.As(err, &a) {
		for _, f := range a.Errors {
			fmt.Fprintf(w, "  %s %s\n", pointerOrBody(f.Pointer), strings.TrimSpace(f.Code+" "+f.Detail))
		}
	}
	detail := strings.TrimPrefix(err.Error(), code+": ")
	if !strings.Contains(detail, code) {
		detail = code + ": " + detail
	}
	fmt.Fprintf(w, "  [%s]\n", detail)
}

func pointerOrBody(pointer string) string {
	if pointer == "" {
		return "(body)"
	}
	return pointer
}
