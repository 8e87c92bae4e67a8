package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/internal/rights"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/verifier"
	"github.com/showcard/showcard/wallet"
)

// keepKilledDevices is how long a person sees that a device of hers was killed, and by whom.
const keepKilledDevices = 30 * 24 * time.Hour

// keepExpiredSerials is how long a serial stays beyond its end: longer than any clock that still
// takes the code for good.
const keepExpiredSerials = time.Hour

// deviceChallenges keeps the challenges of devices where those of presentations are kept: the
// promise is the same, and the names of whom they are for cannot meet.
type deviceChallenges struct{ verifier.Challenges }

func (c deviceChallenges) PutChallenge(ctx context.Context, challenge, who string, keep time.Duration) error {
	return c.Challenges.PutChallenge(ctx, "device:"+challenge, who, keep)
}

func (c deviceChallenges) TakeChallenge(ctx context.Context, challenge, who string) error {
	err := c.Challenges.TakeChallenge(ctx, "device:"+challenge, who)
	if errors.Is(err, verifier.ErrChallengeUnknown) {
		return fmt.Errorf("%w: %w", wallet.ErrDeviceChallenge, err)
	}
	return err
}

// OfflineCWTs makes walletIssuer a wallet.OfflineIssuer.
func (w walletIssuer) OfflineCWTs(ctx context.Context, o wallet.OfflineOrder, record func(context.Context, time.Time) error) ([][]byte, error) {
	out, err := w.issuer.Offline(ctx, issuer.OfflineOrder(o), record)
	if errors.Is(err, issuer.ErrNotValid) {
		err = fmt.Errorf("%w: %w", wallet.ErrHoldingSuspended, err)
	}
	return out, collectError(err)
}

// deviceSweeps is what is swept of devices.
func (a *app) deviceSweeps() []rights.Sweep {
	return []rights.Sweep{
		{Name: "serials of revoked codes", Run: func(ctx context.Context, now time.Time) (int64, error) {
			return a.store.SweepSerials(ctx, now.Add(-keepExpiredSerials))
		}},
		rights.Older("whose codes of devices were", a.cfg.Retention.OfflineChecks+keepExpiredSerials, a.store.SweepCodes),
		{Name: "killed devices", Run: func(ctx context.Context, now time.Time) (int64, error) {
			return a.store.SweepDevices(ctx, now.Add(-keepKilledDevices))
		}},
		rights.Older("codes given to devices", a.cfg.Retention.Records, a.store.SweepStocks), // a part of the history
	}
}

func (a *app) exportDevices(ctx context.Context, holder string, yield func(any) error) error {
	all, err := a.store.Devices(ctx, holder)
	if err != nil {
		return err
	}
	for _, d := range all {
		err := yield(struct {
			ID        string     `json:"id"`
			Name      string     `json:"name"`
			Key       string     `json:"key"`
			CreatedAt time.Time  `json:"created_at"`
			UsedAt    *time.Time `json:"used_at,omitempty"`
			KilledAt  *time.Time `json:"killed_at,omitempty"`
			KilledBy  string     `json:"killed_by,omitempty"`
		}{d.ID, d.Name, d.Key.Thumbprint(), d.CreatedAt, optionalTime(d.UsedAt), optionalTime(d.KilledAt), d.KilledBy})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) exportStocks(ctx context.Context, holder string, yield func(any) error) error {
	const page = 200
	before := wallet.Cursor{At: time.Now().Add(time.Second)}
	for {
		all, err := a.store.Stocked(ctx, holder, "", before, page)
		if err != nil {
			return err
		}
		for _, s := range all {
			err := yield(struct {
				ID         string    `json:"id"`
				At         time.Time `json:"at"`
				Device     string    `json:"device"`
				Identifier string    `json:"identifier"`
				Type       string    `json:"type"`
				View       string    `json:"view"`
				Fields     []string  `json:"fields"`
				Codes      int       `json:"codes"`
				ExpiresAt  time.Time `json:"expires_at"`
			}{s.ID, s.At, s.DeviceID, s.Identifier, s.Type, s.View, s.Fields, s.Codes, s.ExpiresAt})
			if err != nil {
				return err
			}
			before = wallet.Cursor{At: s.At, ID: s.ID}
		}
		if len(all) < page {
			return nil
		}
	}
}
