package verifier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/showcard/showcard/crypto/bundle"
)

// BundleRequest says what a checker has, so that the bundle need only say what is new. The zero value
// asks for all.
type BundleRequest struct {
	Roots   int64  `json:"roots,omitempty"`   // version of the roots at hand; 0: the first
	List    int64  `json:"list,omitempty"`    // version of the trust list at hand
	Serials uint64 `json:"serials,omitempty"` // how far the revoked codes are known
	// Statuses is "none", "named" or "all": which status lists are wanted. Default all.
	Statuses string            `json:"statuses,omitempty"`
	Lists    map[string]uint64 `json:"lists,omitempty"` // how far the lists are known; 0: not at all
}

// Wants is what to ask for next.
func (b *Bundles) Wants() BundleRequest {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := BundleRequest{Roots: b.pinned.Version, Statuses: "none"}
	if b.cfg.Statuses {
		r.Statuses = "all"
	}
	if b.anew || len(b.have.kept) == 0 || b.have.full() {
		return r
	}
	r.Roots, r.List, r.Serials = b.have.roots.Version, b.have.list.Version, b.have.state.Head()
	if b.cfg.Statuses {
		r.Lists = b.have.state.Lists()
	}
	return r
}

// Renew fetches what is new and takes it over; what does not continue what is held is fetched whole.
func (b *Bundles) Renew(ctx context.Context) error {
	if b.cfg.Token == nil {
		return errors.New("verifier: to renew bundles, a token is needed")
	}
	for range 2 {
		data, err := b.fetch(ctx, b.Wants())
		if err != nil {
			return err
		}
		err = b.Take(data)
		if !errors.Is(err, bundle.ErrGap) {
			return err
		}
	}
	return fmt.Errorf("%w, and neither is the whole of it", bundle.ErrGap)
}

func (b *Bundles) fetch(ctx context.Context, want BundleRequest) ([]byte, error) {
	body, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	token, err := b.cfg.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("verifier: token: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.cfg.Base+"/v1/offline/bundle", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", bundle.Type)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, bundle.MaxSize+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("verifier: bundle of %s: %s: %.300s", b.cfg.Base, res.Status, data)
	case len(data) > bundle.MaxSize:
		return nil, fmt.Errorf("%w: more than %d bytes", bundle.ErrMalformed, bundle.MaxSize)
	}
	return data, nil
}
