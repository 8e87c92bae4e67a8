// Package api is what `showcard bench` compares the service with: verification of codes as one would
// write it in an afternoon, with net/http, encoding/json, database/sql and gmsm as shipped. It has
// the same duties: the caller's token, the code, the certificate and its state, the holder's proof
// signed and checked, every check apart, a signed receipt with salted digests, a record that is
// unique by code and an entry of the audit log, both sealed where they hold a person's data, and
// both durable before the answer leaves.
package api

import (
	"context"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/redis/go-redis/v9"

	"github.com/showcard/showcard/crypto/sm"
)

// Server checks codes.
type Server struct {
	DB     *sql.DB
	Redis  *redis.Client
	Token  string           // of the one caller
	Party  string           // who it is
	Issuer *ecdsa.PublicKey // of the certificates
	Holder *sm2.PrivateKey  // the hosted wallet's: proofs are signed with it
	Signer *sm2.PrivateKey  // of receipts
	Sealer cipher.AEAD
}

// ticket is what a code stands for, in Redis.
type ticket struct {
	Certificate string    `json:"certificate"`
	HolderID    string    `json:"holder_id"`
	Fields      []string  `json:"fields"`
	VerifiedAt  time.Time `json:"verified_at"`
	Expires     time.Time `json:"expires"`
}

type request struct {
	Code    string `json:"code"`
	Purpose string `json:"purpose"`
	Receipt bool   `json:"receipt"`
}

type check struct {
	State string `json:"state"`
}

type answer struct {
	ID        string                     `json:"id"`
	Outcome   string                     `json:"outcome"`
	Reasons   []string                   `json:"reasons"`
	CheckedAt time.Time                  `json:"checked_at"`
	Signature check                      `json:"signature"`
	Issuer    check                      `json:"issuer"`
	Validity  check                      `json:"validity"`
	Holder    check                      `json:"holder"`
	Status    check                      `json:"status"`
	Person    check                      `json:"person"`
	Claims    map[string]json.RawMessage `json:"claims"`
	Receipt   string                     `json:"receipt,omitempty"`
	Openings  map[string]string          `json:"openings,omitempty"`
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) != 1 {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	a, err := s.verify(r.Context(), in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	out, err := json.Marshal(a)
	if err != nil {
		http.Error(w, "answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out)
}

var errCode = errors.New("code unknown, expired or used")

func (s *Server) verify(ctx context.Context, in request) (*answer, error) {
	text, err := s.Redis.Get(ctx, "ticket:"+in.Code).Bytes()
	if err != nil {
		return nil, errCode
	}
	var t ticket
	now := time.Now()
	if err := json.Unmarshal(text, &t); err != nil || now.After(t.Expires) {
		return nil, errCode
	}
	var credential, state string
	if err := s.DB.QueryRowContext(ctx, `SELECT credential, state FROM certificates WHERE id = $1`, t.Certificate).Scan(&credential, &state); err != nil {
		return nil, err
	}
	nonce := rand.Text()
	presentation, err := s.present(credential, t.Fields, nonce, now)
	if err != nil {
		return nil, err
	}
	claims, err := s.check(presentation, nonce, now)
	a := &answer{ID: rand.Text(), Outcome: "valid", Reasons: []string{}, CheckedAt: now, Claims: claims}
	for _, c := range []*check{&a.Signature, &a.Issuer, &a.Validity, &a.Holder, &a.Status, &a.Person} {
		c.State = "passed"
	}
	if err != nil {
		a.Outcome, a.Reasons, a.Claims, a.Signature.State = "invalid", []string{err.Error()}, nil, "failed"
	}
	if state != "valid" {
		a.Outcome, a.Reasons, a.Status.State = "invalid", append(a.Reasons, "certificate-"+state), "failed"
	}
	if a.Receipt, a.Openings, err = s.receipt(a, in.Purpose); err != nil {
		return nil, err
	}
	if err := s.record(ctx, a, in, t); err != nil {
		return nil, err
	}
	if !in.Receipt {
		a.Receipt, a.Openings = "", nil
	}
	return a, nil
}

// present keeps the disclosures of the chosen fields and adds the holder's proof (RFC 9901 §4.3).
func (s *Server) present(credential string, fields []string, nonce string, now time.Time) (string, error) {
	parts := strings.Split(strings.TrimSuffix(credential, "~"), "~")
	shown := parts[0] + "~"
	for _, d := range parts[1:] {
		name, _, err := open(d)
		if err != nil {
			return "", err
		}
		if slices.Contains(fields, name) {
			shown += d + "~"
		}
	}
	sum := sm3.Sum([]byte(shown))
	proof, err := sign(s.Holder, "kb+jwt", map[string]any{"iat": now.Unix(), "aud": s.Party, "nonce": nonce, "sd_hash": base64.RawURLEncoding.EncodeToString(sum[:])})
	return shown + proof, err
}

// check does what a verifier does with a presentation, and returns what it discloses.
func (s *Server) check(presentation, nonce string, now time.Time) (map[string]json.RawMessage, error) {
	end := strings.LastIndex(presentation, "~")
	parts := strings.Split(presentation[:end], "~")
	var vc struct {
		NotBefore int64    `json:"nbf"`
		Expires   int64    `json:"exp"`
		Digests   []string `json:"_sd"`
		Confirm   struct {
			JWK struct{ X, Y string } `json:"jwk"`
		} `json:"cnf"`
	}
	if err := verify(s.Issuer, parts[0], &vc); err != nil {
		return nil, err
	}
	if now.Unix() < vc.NotBefore || vc.Expires != 0 && now.Unix() >= vc.Expires {
		return nil, errors.New("outside its dates")
	}
	claims := map[string]json.RawMessage{}
	for _, d := range parts[1:] {
		sum := sm3.Sum([]byte(d))
		if !slices.Contains(vc.Digests, base64.RawURLEncoding.EncodeToString(sum[:])) {
			return nil, errors.New("a disclosure that was not signed")
		}
		name, value, err := open(d)
		if err != nil {
			return nil, err
		}
		claims[name] = value
	}
	x, errX := base64.RawURLEncoding.DecodeString(vc.Confirm.JWK.X)
	y, errY := base64.RawURLEncoding.DecodeString(vc.Confirm.JWK.Y)
	holder, err := sm2.NewPublicKey(slices.Concat([]byte{4}, x, y))
	if err := errors.Join(errX, errY, err); err != nil {
		return nil, err
	}
	var proof struct {
		IssuedAt int64  `json:"iat"`
		Audience string `json:"aud"`
		Nonce    string `json:"nonce"`
		Hash     string `json:"sd_hash"`
	}
	if err := verify(holder, presentation[end+1:], &proof); err != nil {
		return nil, err
	}
	sum := sm3.Sum([]byte(presentation[:end+1]))
	if proof.Audience != s.Party || proof.Nonce != nonce || proof.Hash != base64.RawURLEncoding.EncodeToString(sum[:]) || max(now.Unix()-proof.IssuedAt, proof.IssuedAt-now.Unix()) > 60 {
		return nil, errors.New("the holder's proof is for something else")
	}
	return claims, nil
}

// receipt signs who checked what, with a salted digest of each value.
func (s *Server) receipt(a *answer, purpose string) (string, map[string]string, error) {
	digests, salts := map[string]string{}, map[string]string{}
	for name, value := range a.Claims {
		salts[name] = rand.Text()
		sum := sm3.Sum([]byte(salts[name] + "." + name + "." + string(value)))
		digests[name] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	text, err := sign(s.Signer, "receipt+jwt", map[string]any{
		"iat": a.CheckedAt.Unix(), "id": a.ID, "party": s.Party, "purpose": purpose, "outcome": a.Outcome, "reasons": a.Reasons, "fields": digests,
	})
	return text, salts, err
}

// record makes the check durable: the record itself, which the holder's history shows too, and an
// entry of the audit log. A code that was spent before is refused by its unique index.
func (s *Server) record(ctx context.Context, a *answer, in request, t ticket) error {
	whole, err := json.Marshal(a)
	if err != nil {
		return err
	}
	entry, err := json.Marshal(map[string]any{"kind": "verification", "at": a.CheckedAt, "party": s.Party, "id": a.ID, "outcome": a.Outcome, "purpose": in.Purpose})
	if err != nil {
		return err
	}
	leaf := sm3.Sum(entry)
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, `INSERT INTO verifications (id, at, party, ticket, holder_id, certificate, purpose, fields, outcome, answer, receipt)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, a.ID, a.CheckedAt.UnixMicro(), s.Party, in.Code, t.HolderID, t.Certificate, in.Purpose,
		strings.Join(t.Fields, " "), a.Outcome, s.seal(whole), s.seal([]byte(a.Receipt))); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO audit (id, at, holder_id, leaf, opening) VALUES ($1, $2, $3, $4, $5)`,
		rand.Text(), a.CheckedAt.UnixMicro(), t.HolderID, leaf[:], s.seal(entry)); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Server) seal(data []byte) []byte {
	nonce := make([]byte, s.Sealer.NonceSize())
	_, _ = rand.Read(nonce)
	return s.Sealer.Seal(nonce, nonce, data, nil)
}

// open reads a disclosure.
func open(disclosure string) (name string, value json.RawMessage, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(disclosure)
	if err != nil {
		return "", nil, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) != 3 {
		return "", nil, fmt.Errorf("a disclosure of %d parts: %w", len(parts), err)
	}
	return name, parts[2], json.Unmarshal(parts[1], &name)
}

func sign(k *sm2.PrivateKey, typ string, claims any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "SGD_SM3_SM2", "typ": typ})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	der, err := k.SignWithSM2(rand.Reader, nil, []byte(text))
	if err != nil {
		return "", err
	}
	raw, err := sm.FromDER(der)
	return text + "." + base64.RawURLEncoding.EncodeToString(raw), err
}

func verify(k *ecdsa.PublicKey, token string, claims any) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("no token")
	}
	header, errHeader := base64.RawURLEncoding.DecodeString(parts[0])
	payload, errPayload := base64.RawURLEncoding.DecodeString(parts[1])
	raw, errRaw := base64.RawURLEncoding.DecodeString(parts[2])
	if err := errors.Join(errHeader, errPayload, errRaw); err != nil {
		return err
	}
	var h struct{ Alg string }
	if err := json.Unmarshal(header, &h); err != nil || h.Alg != "SGD_SM3_SM2" {
		return errors.New("another algorithm")
	}
	der, err := sm.ToDER(raw)
	if err != nil {
		return err
	}
	if !sm2.VerifyASN1WithSM2(k, nil, []byte(parts[0]+"."+parts[1]), der) {
		return errors.New("bad signature")
	}
	return json.Unmarshal(payload, claims)
}
