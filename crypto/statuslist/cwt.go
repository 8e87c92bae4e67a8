package statuslist

import (
	"errors"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
)

// TypeCWT is the "typ" of the CWT form (§5.2). There it is the whole media type.
const TypeCWT = MediaTypeCWT

// Labels of claims that the standard registers (§14.4).
const (
	claimTTL        int64 = 65534
	claimStatusList int64 = 65533
)

// maxHeaders is more than headers, signature and lengths take.
const maxHeaders = 1 << 10

// SignCWT makes the CWT form: a COSE_Sign1 with tag 18 and no CWT tag. It carries the packed
// bytes as they are, so it is a quarter smaller than the JWT form.
func (t Token) SignCWT(s key.Signer) ([]byte, error) {
	packed, err := t.pack()
	if err != nil {
		return nil, err
	}
	list := map[string]any{"bits": t.List.Bits(), "lst": packed}
	if t.AggregationURI != "" {
		list["aggregation_uri"] = t.AggregationURI
	}
	claims := map[int64]any{cose.ClaimSubject: t.Subject, cose.ClaimIssuedAt: t.IssuedAt.Unix(), claimStatusList: list}
	if !t.Expires.IsZero() {
		claims[cose.ClaimExpires] = t.Expires.Unix()
	}
	if t.TTL > 0 {
		claims[claimTTL] = int64(t.TTL / time.Second)
	}
	payload, err := cose.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("statuslist: %w", err)
	}
	if len(payload) > cose.MaxSize-maxHeaders {
		return nil, fmt.Errorf("%w: token of %d bytes, a reader takes %d", ErrTooLarge, len(payload), cose.MaxSize)
	}
	head := map[any]any{cose.HeaderType: TypeCWT, cose.HeaderKeyID: []byte(s.Public().ID())}
	data, err := cose.Sign(s, head, nil, payload)
	if err != nil {
		return nil, fmt.Errorf("statuslist: %w", err)
	}
	return data, nil
}

// ParseCWT reads the CWT form. What it returns is verified like the JWT form.
func ParseCWT(data []byte) (*Unverified, error) {
	m, err := cose.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := m.ExpectType(TypeCWT); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	u := &Unverified{KeyID: string(m.KeyID()), verify: m.Verify}
	u.Header.Type, u.Header.KeyID = TypeCWT, u.KeyID
	if u.Header.X5C, err = m.X5Chain(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := u.readCBOR(m.Payload); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := u.complete(); err != nil {
		return nil, err
	}
	return u, nil
}

var errMissing = errors.New("a claim is missing or out of range")

func (u *Unverified) readCBOR(payload []byte) error {
	claims, err := cose.DecodeMap(payload)
	if err != nil {
		return err
	}
	sub, hasSub, err := claims.Text(cose.ClaimSubject)
	if err != nil {
		return err
	}
	iat, hasIAT, err := claims.Int(cose.ClaimIssuedAt)
	if err != nil {
		return err
	}
	exp, hasExp, err := claims.Int(cose.ClaimExpires)
	if err != nil {
		return err
	}
	ttl, hasTTL, err := claims.Int(claimTTL)
	if err != nil {
		return err
	}
	list, hasList, err := claims.Map(claimStatusList)
	if err != nil {
		return err
	}
	bits, hasBits, err := list.Int("bits")
	if err != nil {
		return err
	}
	packed, hasPacked, err := list.Bytes("lst")
	if err != nil {
		return err
	}
	aggregation, _, err := list.Text("aggregation_uri")
	if err != nil {
		return err
	}
	if !hasSub || !hasIAT || !hasList || !hasBits || !hasPacked || bits < 1 || bits > 8 {
		return errMissing
	}
	u.token.Subject, u.token.AggregationURI = sub, aggregation
	u.bits, u.packed = int(bits), packed
	return u.dates(iat, exp, hasExp, ttl, hasTTL)
}
