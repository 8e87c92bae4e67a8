package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What an authority is told about erasing content.
var (
	// ErrContentKept says that a certificate stands, or has not been ended long enough.
	ErrContentKept = errors.New("issuer: the content may not be erased yet")
	// ErrContentErased says that only identifier and state of a certificate are left.
	ErrContentErased = errors.New("issuer: the content was erased")
)

// Erasure destroys the personal content of an ended certificate.
type Erasure struct {
	Authority   string // must own the certificate, else ErrUnknown
	Identifier  string
	EndedBefore time.Time
	By          string // caller
	At          time.Time
}

// Contents destroys personal content.
type Contents interface {
	// EraseContent destroys row, portrait, credential, live data, reasons and the link to the
	// holder, in one transaction that is durable when it returns nil. Identifier, row key, slots,
	// state and the dates of the events MUST stay: the status list and the log remain right, and no
	// identifier is given twice. Certificate and Collect answer ErrContentErased afterwards; Held
	// steps over it. A certificate that stands or ended later than EndedBefore is ErrContentKept.
	// Repeating it is no error.
	EraseContent(ctx context.Context, e Erasure) error
}

// EraseContent destroys the personal content of a certificate that its authority ended so long
// ago that no law keeps it. It cannot be undone.
func (i *Issuer) EraseContent(ctx context.Context, authority, identifier, by string) error {
	if i.cfg.Contents == nil {
		return ErrContentKept
	}
	now := i.cfg.Now().UTC()
	err := i.cfg.Contents.EraseContent(ctx, Erasure{Authority: authority, Identifier: identifier, EndedBefore: now.Add(-i.cfg.KeepEnded), By: by, At: now})
	if err != nil {
		return fmt.Errorf("issuer: erase: %w", err)
	}
	return nil
}
