package verifier

import (
	"context"
	"fmt"
	"slices"

	"github.com/showcard/showcard/schemas"
)

// Portrait returns the image of a verified certificate, with the salt of its signed digest,
// to the caller who verified it, for a few minutes.
func (s *Service) Portrait(ctx context.Context, c Caller, id string) (image, salt []byte, err error) {
	v, err := s.cfg.Records.ByID(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	if err != nil {
		return nil, nil, err
	}
	if v.Caller != c.Client {
		return nil, nil, ErrNoRecord // whether it exists is not theirs to know
	}
	// A check of facts discloses nothing, the portrait least of all.
	if v.Via == viaFacts || party.Suspended || !party.Portrait || v.Identifier == "" || !slices.Contains(v.Fields, schemas.PortraitClaim) || s.cfg.Now().Sub(v.At) > s.cfg.PortraitFor {
		return nil, nil, ErrNoPortrait
	}
	if image, salt, err = s.cfg.Originals.Portrait(ctx, v.Identifier); err != nil {
		return nil, nil, err
	}
	// Her history says so before anybody sees it.
	if v.PortraitAt.IsZero() {
		if err := s.cfg.Records.PortraitFetched(ctx, v.ID, c.Client, s.cfg.Now().UTC()); err != nil {
			return nil, nil, fmt.Errorf("verifier: record: %w", err)
		}
	}
	return image, salt, nil
}
