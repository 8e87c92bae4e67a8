package sdcwt

import (
	"context"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

// Issue signs a CWT with the key of an issuing authority. Whether the certificate is valid, and
// until when its predicates hold, the caller has asked before.
func Issue(ctx context.Context, signer key.Signer, c Claims) ([]byte, error) {
	switch {
	case c.Device == nil:
		return nil, fmt.Errorf("%w: none", ErrDeviceKey)
	case c.Serial == Serial{}:
		return nil, fmt.Errorf("%w: no serial", ErrMalformed)
	case !c.Expires.After(c.IssuedAt) || c.Expires.Unix()-c.IssuedAt.Unix() > int64(MaxLifetime/time.Second):
		return nil, ErrLifetime
	}
	device, err := cose.EncodeKey(c.Device, true)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDeviceKey, err)
	}
	view, err := c.View.encode()
	if err != nil {
		return nil, err
	}
	payload, err := marshal(map[int64]any{
		cose.ClaimExpires: c.Expires.Unix(), cose.ClaimIssuedAt: c.IssuedAt.Unix(), cose.ClaimID: c.Serial[:],
		cose.ClaimConfirmation: map[int64]any{cnfKey: device}, claimView: view,
	})
	if err != nil {
		return nil, err
	}
	out, err := sign(ctx, signer, map[any]any{cose.HeaderKeyID: KeyID(signer.Public()), cose.HeaderType: TypeCWT}, payload)
	if err != nil {
		return nil, err
	}
	// Room for the longest proof stays free, so that what was issued can always be shown.
	if most := MaxSize - proofSize; len(out) > most {
		return nil, fmt.Errorf("%w: CWT of %d bytes, at most %d", ErrTooLarge, len(out), most)
	}
	if _, err := ParseCWT(out); err != nil {
		return nil, err
	}
	return out, nil
}

// proofSize is what the longest proof adds: envelope and signature (74), header of an SM2 key (12),
// 64 characters of aud (67), iat (6), cti (10), 32 bytes of cnonce (36), the map (1).
const proofSize = 206

// Prove wraps a CWT into a proof by the device that it was issued to.
func Prove(ctx context.Context, device key.Signer, cwt []byte, p Proof) ([]byte, error) {
	t, err := ParseCWT(cwt)
	if err != nil {
		return nil, err
	}
	switch {
	case !device.Public().Equal(t.Claims.Device):
		return nil, fmt.Errorf("%w: it was issued to another key", ErrProof)
	case !isAudience(p.Audience):
		return nil, fmt.Errorf("%w: aud is 1 to %d printable ASCII characters", ErrMalformed, maxAudience)
	case p.Nonce != nil && !isNonce(p.Nonce):
		return nil, fmt.Errorf("%w: cnonce is %d to %d bytes", ErrMalformed, minNonce, maxNonce)
	}
	if (p.Serial == Serial{}) {
		p.Serial = NewSerial()
	}
	claims := map[int64]any{cose.ClaimAudience: p.Audience, cose.ClaimIssuedAt: p.IssuedAt.Unix(), cose.ClaimID: p.Serial[:]}
	if p.Nonce != nil {
		claims[claimCNonce] = p.Nonce
	}
	payload, err := marshal(claims)
	if err != nil {
		return nil, err
	}
	out, err := sign(ctx, device, map[any]any{headerKCWT: cose.Raw(cwt), cose.HeaderType: TypeKBT}, payload)
	if err != nil {
		return nil, err
	}
	if _, err := Parse(out); err != nil {
		return nil, err
	}
	return out, nil
}

func sign(ctx context.Context, s key.Signer, header map[any]any, payload []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // a security module is slow: nobody waits for this any more
	}
	out, err := cose.Sign(s, header, nil, payload)
	if err != nil {
		return nil, fmt.Errorf("sdcwt: %w", err)
	}
	return out, nil
}
