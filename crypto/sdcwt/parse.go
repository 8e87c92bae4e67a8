package sdcwt

import (
	"bytes"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/cose"
)

// Parse reads an offline code (the bytes behind SC2) and checks its form, from the outside in. It
// trusts nothing and verifies no signature.
func Parse(data []byte) (*Token, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	all, err := scan(data)
	if err != nil {
		return nil, err
	}
	outer, err := openSign1(all, TypeKBT, headerKCWT)
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	inner, _ := outer.header.get(headerKCWT)
	t, err := parseCWT(inner)
	if err != nil {
		return nil, fmt.Errorf("CWT: %w", err)
	}
	if err := t.readProof(outer.payload); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if t.kbt, err = parseSign1(data); err != nil {
		return nil, err
	}
	return t, nil
}

// ParseCWT reads a CWT that no device has wrapped yet, as a wallet keeps it. The token has no proof.
func ParseCWT(data []byte) (*Token, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	all, err := scan(data)
	if err != nil {
		return nil, err
	}
	return parseCWT(all)
}

func parseCWT(it item) (*Token, error) {
	cwt, err := openSign1(it, TypeCWT, cose.HeaderKeyID)
	if err != nil {
		return nil, err
	}
	t := &Token{}
	id, _ := cwt.header.get(cose.HeaderKeyID)
	if id.major != byteString || len(id.data) != keyIDLength {
		return nil, fmt.Errorf("%w: kid is not %d bytes", ErrMalformed, keyIDLength)
	}
	t.KeyID = bytes.Clone(id.data)
	if t.Claims, err = readClaims(cwt.payload); err != nil {
		return nil, err
	}
	if t.cwt, err = parseSign1(it.raw); err != nil {
		return nil, err
	}
	return t, nil
}

// sign1 is a COSE_Sign1 taken apart.
type sign1 struct{ header, payload item }

// openSign1 checks an envelope: tag 18, four parts, the protected header with alg, typ and one
// label more, an empty unprotected one.
func openSign1(it item, typ, also int64) (sign1, error) {
	if it.major != tagged || len(it.items[0].items) != 4 || it.items[0].major != array {
		return sign1{}, fmt.Errorf("%w: not a tagged COSE_Sign1", ErrMalformed)
	}
	part := it.items[0].items
	if part[0].major != byteString || part[1].major != mapping || part[2].major != byteString || part[3].major != byteString {
		return sign1{}, fmt.Errorf("%w: the parts of a COSE_Sign1 have other types", ErrMalformed)
	}
	header, err := scan(part[0].data)
	if err != nil {
		return sign1{}, fmt.Errorf("protected header: %w", err)
	}
	for _, h := range []item{header, part[1]} {
		// RFC 9052 §3.1: what is listed there must be understood, and nothing that could be is.
		if _, there := h.get(cose.HeaderCritical); there {
			return sign1{}, ErrCritical
		}
	}
	if header.major != mapping {
		return sign1{}, fmt.Errorf("%w: the protected header is no map", ErrMalformed)
	}
	if said, _ := header.get(cose.HeaderType); said.major != unsigned || said.n != typ {
		return sign1{}, fmt.Errorf("%w: want typ %d", ErrType, typ)
	}
	if alg, there := header.get(cose.HeaderAlgorithm); !there || !alg.isInt() {
		return sign1{}, fmt.Errorf("%w: no alg, or not a number", ErrMalformed)
	}
	if !header.exactly(cose.HeaderAlgorithm, cose.HeaderType, also) || len(part[1].items) > 0 {
		return sign1{}, fmt.Errorf("%w: a header that the format does not have, or lacks", ErrMalformed)
	}
	payload, err := scan(part[2].data)
	if err != nil {
		return sign1{}, fmt.Errorf("payload: %w", err)
	}
	return sign1{header, payload}, nil
}

// parseSign1 hands what was checked to the room that verifies signatures.
func parseSign1(data []byte) (*cose.Message, error) {
	m, err := cose.Parse(bytes.Clone(data)) // the caller's buffer stays the caller's
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return m, nil
}

func readClaims(payload item) (Claims, error) {
	if !payload.exactly(cose.ClaimExpires, cose.ClaimIssuedAt, cose.ClaimID, cose.ClaimConfirmation, claimView) {
		return Claims{}, fmt.Errorf("%w: the claims are not exp, iat, cti, cnf and the view", ErrMalformed)
	}
	var c Claims
	var err error
	if c.Serial, err = readSerial(payload); err != nil {
		return Claims{}, err
	}
	iat, _ := payload.get(cose.ClaimIssuedAt)
	exp, _ := payload.get(cose.ClaimExpires)
	from, ok1 := iat.seconds()
	until, ok2 := exp.seconds()
	switch {
	case !ok1 || !ok2:
		return Claims{}, fmt.Errorf("%w: iat or exp", ErrMalformed)
	case until <= from || until-from > int64(MaxLifetime/time.Second):
		return Claims{}, ErrLifetime
	}
	c.IssuedAt, c.Expires = time.Unix(from, 0), time.Unix(until, 0)
	cnf, _ := payload.get(cose.ClaimConfirmation)
	device, there := cnf.get(cnfKey)
	if !there || len(cnf.items) != 2 {
		return Claims{}, fmt.Errorf("%w: cnf is not one COSE_Key", ErrMalformed)
	}
	// type, curve, x and the sign of y: nothing else, so that one key has one spelling.
	if sign, _ := device.get(-3); !device.exactly(1, -1, -2, -3) || sign.major != simple || sign.n == simpleNull {
		return Claims{}, fmt.Errorf("%w: want an EC2 key with a compressed point", ErrDeviceKey)
	}
	if c.Device, err = cose.ParseKey(device.raw); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrDeviceKey, err)
	}
	view, _ := payload.get(claimView)
	if c.View, err = view.view(); err != nil {
		return Claims{}, err
	}
	return c, nil
}

func readSerial(payload item) (Serial, error) {
	id, _ := payload.get(cose.ClaimID)
	if id.major != byteString || len(id.data) != len(Serial{}) {
		return Serial{}, fmt.Errorf("%w: cti is not %d bytes", ErrMalformed, len(Serial{}))
	}
	return Serial(id.data), nil
}

func (t *Token) readProof(payload item) (err error) {
	nonce, there := payload.get(claimCNonce)
	known := []int64{cose.ClaimAudience, cose.ClaimIssuedAt, cose.ClaimID}
	if there {
		known = append(known, claimCNonce)
	}
	if !payload.exactly(known...) {
		return fmt.Errorf("%w: the claims are not aud, iat, cti and perhaps cnonce", ErrMalformed)
	}
	p := &t.Proof
	if p.Serial, err = readSerial(payload); err != nil {
		return err
	}
	iat, _ := payload.get(cose.ClaimIssuedAt)
	at, ok := iat.seconds()
	if !ok {
		return fmt.Errorf("%w: iat", ErrMalformed)
	}
	p.IssuedAt = time.Unix(at, 0)
	aud, _ := payload.get(cose.ClaimAudience)
	if p.Audience = string(aud.data); aud.major != textString || !isAudience(p.Audience) {
		return fmt.Errorf("%w: aud", ErrMalformed)
	}
	if there {
		if nonce.major != byteString || !isNonce(nonce.data) {
			return fmt.Errorf("%w: cnonce is not %d to %d bytes", ErrMalformed, minNonce, maxNonce)
		}
		p.Nonce = bytes.Clone(nonce.data)
	}
	return nil
}

// isAudience: a scene or a checker's id, in characters that look alike to nobody.
func isAudience(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxAudience
}

func isNonce(b []byte) bool { return len(b) >= minNonce && len(b) <= maxNonce }
