package wallet

import (
	"fmt"
	"time"
)

// assuranceHigh is the level of a sign-in that may stand in for a passkey.
const assuranceHigh = "high"

// methodPasskey is what a checker is told when she used a passkey.
const methodPasskey = "passkey"

// recent says whether something was just now. Clocks of the identity provider may be ahead.
func (w *Wallet) recent(at time.Time) bool {
	ago := w.cfg.Now().Sub(at)
	return !at.IsZero() && ago <= w.cfg.StepUpFor && ago >= -time.Minute
}

// steppedUp wants proof that it is she who holds the phone, before a certificate of a sensitive
// type is shown: her passkey, or a sign-in of high assurance a moment ago for people whose device
// makes none. Codes of an open show are renewed without asking again: it was she who opened it.
func (w *Wallet) steppedUp(p Person, h Held) error {
	t, err := w.cfg.Types.Version(h.Type, h.TypeVer)
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	if !t.Sensitive || w.recent(p.StepUp) || !w.cfg.PasskeyOnly && p.Assurance == assuranceHigh && w.recent(p.AuthTime) {
		return nil
	}
	return ErrStepUp
}

// verified says by what a checker is told that she was verified: the passkey, where she used one
// for this.
func (w *Wallet) verified(p Person) Person {
	if w.recent(p.StepUp) && p.StepUp.After(p.VerifiedAt) {
		p.Method, p.VerifiedAt = methodPasskey, p.StepUp
	}
	return p
}
