package verifier

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/trustlist"
)

// ReceiptConfig says how a deployment signs receipts.
type ReceiptConfig struct {
	Issuer string       // public URL of the deployment
	Hash   receipt.Hash // of the digests
	// Signer returns the key that signs receipts now; the trust list names it.
	Signer func(context.Context) (key.Signer, error)
}

// Receipt is a signed statement of who checked what, when and with what outcome. It holds no
// value of a certificate, only salted digests.
type Receipt = receipt.Receipt

// Openings are the salts of a receipt. Keep them with the values and apart from the receipt.
type Openings = receipt.Openings

// VerifyReceipt checks a receipt against a trust list, for whoever filed one. A list that has
// expired in the meantime serves too ([trustlist.Roots.Archived]), but does not tell whether the
// key was frozen after it. [receipt.Receipt.Compare] then holds filed values against it.
func VerifyReceipt(l *trustlist.List, text string) (*Receipt, error) {
	return receipt.Verify(l, text, time.Now())
}

// stored is what the record keeps of a receipt: all of it but the signature. Signing waits until
// somebody asks, so that a check costs no second signature, and so that a receipt can be had
// anew when the key that signed it is frozen.
type stored struct {
	Receipt  receipt.Receipt  `json:"receipt"`
	Openings receipt.Openings `json:"openings"`
}

// receipt writes what a receipt of the answer will say into the record, and returns it; nil: none.
func (k *check) receipt(a *Answer) (*stored, error) {
	cfg := k.cfg.Receipts
	if cfg == nil {
		return nil, nil
	}
	r := receipt.Receipt{
		Issuer: cfg.Issuer, ID: k.record.ID, CheckedAt: k.record.At.Unix(), Party: receipt.Party{ID: k.party.ID, Name: trustlist.Name(k.party.Name)}, Client: k.caller.Client,
		Purpose: k.record.Purpose, Via: k.record.Via, Outcome: k.record.Outcome, Reasons: slices.Clone(k.record.Reasons), CertType: k.record.Type,
		Holder: string(a.Holder.Bound), Hash: cfg.Hash, Fields: []receipt.Field{},
	}
	if r.Reasons == nil {
		r.Reasons = []string{}
	}
	if a.Issuer.State == Passed {
		r.Authority = &receipt.Authority{Issuer: a.Issuer.ID, Code: a.Issuer.Authority}
	}
	if a.Status.State != NotChecked {
		r.Status = &receipt.Status{State: string(a.Status.State), AsOf: numericDate(a.Status.AsOf), Source: a.Status.Source}
	}
	if a.Person.State != NotChecked {
		r.Person = &receipt.Person{State: string(a.Person.State), Method: a.Person.Method, At: numericDate(a.Person.At)}
	}
	if a.Consent != nil {
		r.Consent = &receipt.Consent{Answer: a.Consent.Answer, Asked: a.Consent.Asked}
	}
	values, err := k.disclosed(a)
	if err != nil {
		return nil, err
	}
	for _, name := range k.record.Fields {
		if _, ok := values[name]; !ok {
			continue // asked about, and nothing to compare it with
		}
		f := receipt.Field{Name: name}
		if match, ok := a.Matches[name]; ok {
			f.Matches = &match
		}
		r.Fields = append(r.Fields, f)
	}
	s := &stored{}
	if s.Openings, err = r.Seal(k.record.Identifier, values); err != nil {
		return nil, fmt.Errorf("verifier: receipt: %w", err)
	}
	s.Receipt = r
	k.record.ReceiptDigest = r.Digest()
	if k.record.Receipt, err = json.Marshal(s); err != nil {
		return nil, fmt.Errorf("verifier: receipt: %w", err)
	}
	return s, nil
}

// disclosed are the values that a receipt commits to: what the party saw, or of a check of facts
// what the party claimed.
func (k *check) disclosed(a *Answer) (map[string]json.RawMessage, error) {
	values := make(map[string]json.RawMessage, len(k.record.Fields))
	more := a.Live
	if k.req.Facts != nil {
		more = k.req.Facts.Claims
	}
	for name, v := range more {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("verifier: %s: %w", name, err)
		}
		values[name] = text
	}
	for name, raw := range a.Claims {
		values[name] = raw
	}
	return values, nil
}

func numericDate(t *time.Time) int64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return t.Unix()
}

// withReceipt adds the receipt to an answer. The check stands already: a key
// that cannot be reached must not lose it, so then the answer goes without, and the receipt can
// be fetched later.
func (s *Service) withReceipt(ctx context.Context, a *Answer, kept *stored) *Answer {
	if text, err := s.signKept(ctx, kept); err == nil {
		a.Receipt, a.Openings = text, &kept.Openings
	}
	return a
}

// Receipt signs the receipt of a verification for the party that made it, whichever of its
// clients asks, and returns the salts with it.
func (s *Service) Receipt(ctx context.Context, c Caller, id string) (string, Openings, error) {
	party, err := s.cfg.Parties.Party(ctx, c.Party)
	if err != nil {
		return "", Openings{}, err
	}
	if party.Suspended {
		return "", Openings{}, ErrPartySuspended
	}
	v, err := s.cfg.Records.ByID(ctx, id)
	if err != nil {
		return "", Openings{}, err
	}
	if v.Party != c.Party {
		return "", Openings{}, ErrNoRecord // whether it exists is not theirs to know
	}
	return s.sign(ctx, v)
}

// HolderReceipt signs the receipt of a look at a certificate of one of the holders. Salts are not
// for her: she knows her values.
func (s *Service) HolderReceipt(ctx context.Context, holders []string, id string) (string, error) {
	v, err := s.cfg.Records.ByID(ctx, id)
	if err != nil {
		return "", err
	}
	if v.HolderID == "" || !slices.Contains(holders, v.HolderID) {
		return "", ErrNoRecord
	}
	text, _, err := s.sign(ctx, v)
	return text, err
}

// sign signs what the record keeps, with the key of today: "iat" says when, "checked_at" when
// the check was.
func (s *Service) sign(ctx context.Context, v Verification) (string, Openings, error) {
	if len(v.Receipt) == 0 || s.cfg.Receipts == nil {
		return "", Openings{}, ErrNoReceipt
	}
	var kept stored
	if err := json.Unmarshal(v.Receipt, &kept); err != nil {
		return "", Openings{}, fmt.Errorf("verifier: stored receipt: %w", err)
	}
	text, err := s.signKept(ctx, &kept)
	if err != nil {
		return "", Openings{}, err
	}
	return text, kept.Openings, nil
}

func (s *Service) signKept(ctx context.Context, kept *stored) (string, error) {
	signer, err := s.cfg.Receipts.Signer(ctx)
	if err != nil {
		return "", fmt.Errorf("verifier: receipt: %w", err)
	}
	text, err := kept.Receipt.Sign(signer, s.cfg.Now())
	if err != nil {
		return "", fmt.Errorf("verifier: %w", err)
	}
	return text, nil
}
