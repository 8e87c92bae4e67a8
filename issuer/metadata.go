package issuer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/showcard/showcard/crypto/key"
)

// Metadata is the JWT VC issuer metadata of an authority (SD-JWT VC, "JWT VC Issuer Metadata"):
// its name and the keys under which its certificates verify, rotated ones too.
func (i *Issuer) Metadata(ctx context.Context, authority string) ([]byte, error) {
	a, err := i.authority(ctx, authority)
	if err != nil {
		return nil, err
	}
	keys := a.Keys
	if len(keys) == 0 {
		keys = []*key.Public{a.Signer.Public()}
	}
	data, err := json.Marshal(struct {
		Issuer string  `json:"issuer"`
		Keys   key.Set `json:"jwks"`
	}{a.ISS, key.Set{Keys: keys}})
	if err != nil {
		return nil, fmt.Errorf("issuer: metadata: %w", err)
	}
	return data, nil
}

// TypeMetadata is the SD-JWT VC type metadata that stands at the "vct" of a type's certificates.
func (i *Issuer) TypeMetadata(id string, version int) ([]byte, error) {
	t, err := i.cfg.Types.Version(id, version)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return t.Metadata(i.base)
}
