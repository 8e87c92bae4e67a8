package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/internal/login/passkey"
	"github.com/showcard/showcard/verifier"
)

// openPasskeys makes the room of passkeys.
func (a *app) openPasskeys() (*passkey.Desk, error) {
	return passkey.New(passkey.Config{
		PublicURL: a.cfg.PublicURL, Name: a.cfg.Domain.Name.ZH + "证照空间", Store: a.store, Challenges: passkeyChallenges{a.volatile},
		StepUp: a.access.StepUp, Lasts: a.cfg.StepUpFor,
	})
}

// passkeyChallenges keeps the challenges of passkeys where those of presentations are kept: the
// promise is the same, and the names of whom they are for cannot meet.
type passkeyChallenges struct{ verifier.Challenges }

func (c passkeyChallenges) PutChallenge(ctx context.Context, challenge, who string, keep time.Duration) error {
	return c.Challenges.PutChallenge(ctx, "passkey:"+challenge, who, keep)
}

func (c passkeyChallenges) TakeChallenge(ctx context.Context, challenge, who string) error {
	err := c.Challenges.TakeChallenge(ctx, "passkey:"+challenge, who)
	if errors.Is(err, verifier.ErrChallengeUnknown) {
		return fmt.Errorf("%w: %w", passkey.ErrChallenge, err)
	}
	return err
}
