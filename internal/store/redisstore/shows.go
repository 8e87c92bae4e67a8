package redisstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/wallet"
)

// PutShow implements [wallet.Shows]. A show that was closed stays closed.
func (s *Store) PutShow(ctx context.Context, sh wallet.Show, keep time.Duration) error {
	if keep <= 0 {
		return errKeep
	}
	if sh.ID == "" || len(sh.ID) > maxName {
		return fmt.Errorf("redisstore: show id of %d bytes", len(sh.ID))
	}
	data, err := json.Marshal(sh)
	if err != nil {
		return fmt.Errorf("redisstore: put show: %w", err)
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if sh.PersonID != "" { // first: a show that is there must be found
		if err := s.scripts.indexShow.Run(ctx, s.client, []string{s.name("shows", sh.PersonID)}, sh.ID, millis(keep)).Err(); err != nil {
			return fmt.Errorf("redisstore: put show: %w", err)
		}
	}
	if err := s.scripts.putShow.Run(ctx, s.client, []string{s.name("show", sh.ID)}, data, millis(keep)).Err(); err != nil {
		return fmt.Errorf("redisstore: put show: %w", err)
	}
	return nil
}

// Show implements [wallet.Shows].
func (s *Store) Show(ctx context.Context, id string) (sh wallet.Show, closed bool, err error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return wallet.Show{}, false, err
	}
	defer cancel()
	if len(id) > maxName {
		return wallet.Show{}, false, wallet.ErrShowUnknown
	}
	fields, err := s.client.HMGet(ctx, s.name("show", id), "show", "closed").Result()
	if err != nil {
		return wallet.Show{}, false, fmt.Errorf("redisstore: show: %w", err)
	}
	closed = fields[1] != nil
	data, ok := fields[0].(string)
	if !ok {
		return wallet.Show{}, closed, wallet.ErrShowUnknown
	}
	if err := json.Unmarshal([]byte(data), &sh); err != nil {
		return wallet.Show{}, closed, fmt.Errorf("redisstore: show: %w", err)
	}
	return sh, closed, nil
}

// PutTicket implements [wallet.Shows].
func (s *Store) PutTicket(ctx context.Context, digest [32]byte, t wallet.Ticket, keep time.Duration) error {
	if keep <= 0 {
		return errKeep
	}
	if t.ShowID == "" || len(t.ShowID) > maxName {
		return fmt.Errorf("redisstore: code with a show id of %d bytes", len(t.ShowID))
	}
	data, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("redisstore: put code: %w", err)
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.client.Do(ctx, "SET", s.ticket(digest), data, "PX", millis(keep)).Err(); err != nil {
		return fmt.Errorf("redisstore: put code: %w", err)
	}
	return nil
}

// Ticket implements [wallet.Shows].
func (s *Store) Ticket(ctx context.Context, digest [32]byte) (t wallet.Ticket, err error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return wallet.Ticket{}, err
	}
	defer cancel()
	data, err := s.client.Get(ctx, s.ticket(digest)).Bytes()
	if errors.Is(err, redis.Nil) {
		return wallet.Ticket{}, wallet.ErrTicketUnknown
	}
	if err != nil {
		return wallet.Ticket{}, fmt.Errorf("redisstore: code: %w", err)
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return wallet.Ticket{}, fmt.Errorf("redisstore: code: %w", err)
	}
	return t, nil
}

func (s *Store) ticket(digest [32]byte) string {
	return s.name("ticket", base64.RawURLEncoding.EncodeToString(digest[:]))
}

// The answers of claim.lua.
const (
	claimWon = iota
	claimTaken
	claimUnknown
)

// Claim implements [wallet.Shows]. A repeated claim starts the lease anew, so a call whose
// answer was lost may be sent again. A show that is not here cannot be claimed: that is
// wallet.ErrShowUnknown.
func (s *Store) Claim(ctx context.Context, showID, claimant string, lease time.Duration) error {
	if lease <= 0 {
		return errKeep
	}
	if claimant == "" {
		return errors.New("redisstore: a claim without claimant")
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if len(showID) > maxName {
		return wallet.ErrShowUnknown
	}
	answer, err := s.scripts.claim.Run(ctx, s.client, []string{s.name("show", showID)}, claimant, millis(lease)).Int()
	if err != nil {
		return fmt.Errorf("redisstore: claim: %w", err)
	}
	switch answer {
	case claimWon:
		return nil
	case claimTaken:
		return wallet.ErrTicketTaken
	case claimUnknown:
		return wallet.ErrShowUnknown
	}
	return fmt.Errorf("redisstore: claim: answer %d", answer)
}

// Close implements [wallet.Shows]. That a show is closed is remembered for at least as long as
// the show itself, so that it cannot open again; a show that is not here is closed as well.
func (s *Store) Close(ctx context.Context, showID string, keep time.Duration) error {
	if keep <= 0 {
		return errKeep
	}
	if showID == "" || len(showID) > maxName {
		return fmt.Errorf("redisstore: show id of %d bytes", len(showID))
	}
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := s.scripts.closeShow.Run(ctx, s.client, []string{s.name("show", showID)}, millis(keep)).Err(); err != nil {
		return fmt.Errorf("redisstore: close show: %w", err)
	}
	return nil
}
