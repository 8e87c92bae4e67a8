package issuer

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/showcard/showcard/crypto/jose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdjwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/schemas"
)

// Claims that every certificate has besides those of its type.
const (
	ClaimRegion     = "region"     // visible: verifiers hold the issuer against its regions
	ClaimIdentifier = "identifier" // GB/T 36904
	ClaimPortrait   = schemas.PortraitClaim
)

// China has had one clock since 1949, and no summer time since 1991.
var china = time.FixedZone("CST", 8*60*60)

// saltSize of the portrait's digest: the image is known to everybody who knows the person, so
// without a salt the digest would give the certificate away.
const saltSize = 16

func newSalt() []byte {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	return salt
}

// period returns when a certificate begins and ends: the day after its last, or zero.
func period(r schemas.Row) (from, end time.Time, err error) {
	if from, err = time.ParseInLocation(time.DateOnly, r.ValidFrom, china); err != nil {
		return from, end, fmt.Errorf("issuer: valid_from: %w", err)
	}
	if r.ValidUntil == "" || r.ValidUntil == schemas.LongTerm {
		return from, time.Time{}, nil
	}
	last, err := time.ParseInLocation(time.DateOnly, r.ValidUntil, china)
	if err != nil {
		return from, end, fmt.Errorf("issuer: valid_until: %w", err)
	}
	return from, last.AddDate(0, 0, 1), nil
}

// issuedAt is the "iat" of what is signed now. Whole hours, because the second would link a copy
// to the moment of a visit; never before the key may sign, because verifiers would refuse it.
func issuedAt(now, signerFrom time.Time) time.Time {
	iat := now.UTC().Truncate(time.Hour)
	if iat.Before(signerFrom) {
		iat = signerFrom.UTC().Truncate(time.Second)
		if iat.Before(signerFrom) {
			iat = iat.Add(time.Second)
		}
	}
	return iat
}

// portraitDigest binds the image to the certificate without putting it inside.
func portraitDigest(k *key.Public, salt, image []byte) string {
	hash := sdjwt.SHA256
	if k.Algorithm() == key.SM2 {
		hash = sdjwt.SM3
	}
	sum := hash.Sum(append(append(make([]byte, 0, len(salt)+len(image)), salt...), image...))
	return string(hash) + ":" + base64.RawURLEncoding.EncodeToString(sum)
}

// signature is what one signing needs to know.
type signature struct {
	authority Authority
	typ       *schemas.Type
	row       *schemas.Row
	id        string // GB/T 36904
	salt      []byte
	slot      Slot
	now       time.Time
	bind      *key.Public // nil for an original
	expires   time.Time   // bounds the certificate's own end; zero for an original
}

// sign makes the SD-JWT VC: an original, or a copy bound to a key.
func (i *Issuer) sign(in signature) (string, error) {
	from, end, err := period(*in.row)
	if err != nil {
		return "", err
	}
	if end.IsZero() || !in.expires.IsZero() && in.expires.Before(end) {
		end = in.expires
	}
	open := map[string]any{
		"iss":       in.authority.ISS,
		"vct":       i.VCT(in.typ),
		"iat":       issuedAt(in.now, in.authority.SignerFrom).Unix(),
		"nbf":       from.Unix(),
		"status":    statuslist.Reference{Index: in.slot.Index, URI: i.StatusPrefix() + in.slot.List}.Claim(),
		ClaimRegion: in.row.Region,
	}
	if !end.IsZero() {
		open["exp"] = end.Unix()
	}
	if in.bind != nil {
		open["cnf"] = map[string]any{"jwk": in.bind.Confirmation()}
	}
	claims := in.typ.ClaimsOf(*in.row)
	predicates, _ := in.typ.Evaluate(claims, in.now)
	hidden := make([]sdjwt.Claim, 0, len(claims)+len(predicates)+2)
	for _, f := range in.typ.Fields {
		if v, ok := claims[f.Name]; ok {
			hidden = append(hidden, sdjwt.Claim{Name: f.Name, Value: v})
		}
	}
	for _, p := range in.typ.Predicates {
		if v, ok := predicates[p.Name]; ok {
			hidden = append(hidden, sdjwt.Claim{Name: p.Name, Value: v})
		}
	}
	hidden = append(hidden, sdjwt.Claim{Name: ClaimIdentifier, Value: in.id})
	if len(in.row.Portrait) > 0 {
		hidden = append(hidden, sdjwt.Claim{Name: ClaimPortrait, Value: portraitDigest(in.authority.Signer.Public(), in.salt, in.row.Portrait)})
	}
	text, err := sdjwt.Sign(in.authority.Signer, sdjwt.Issue{
		Header: jose.SignHeader{Type: sdjwt.Type, X5C: in.authority.X5C}, Claims: open, Disclosable: hidden,
	})
	if err != nil {
		return "", fmt.Errorf("issuer: sign: %w", err)
	}
	return text, nil
}
